/** XEP-0388 Extensible SASL Profile, version 1.0, with XEP-0386 Bind 2 and XEP-0198 inline: login and session in one dialogue. */
import { SaslError, XmppError } from '../errors.ts'
import { type Element, el } from '../stream/element.ts'
import { NS_STREAM } from '../stream/namespaces.ts'
import type { XmlStream } from '../stream/stream.ts'
import { enable, NS_SM, readEnabled, readHandled, resume as resumeRequest } from '../stream-management.ts'
import { askEarly, type Beginning, begin, readNotResumed } from './bind.ts'
import type { ClientNegotiation, Negotiated } from './options.ts'
import { authenticateBy, NS_SASL, NS_SASL2, type SaslProfile, sasl2Offer, strongest } from './sasl.ts'

export const NS_BIND2 = 'urn:xmpp:bind:0'

/** What the server lets us ask for inside the login. */
interface Inline {
  readonly bind: boolean
  readonly enable: boolean
  readonly resume: boolean
}

/** Whether the server offers it with what is to be used: the list of RFC 6120 may hold something stronger, or all there is for us. */
export function offersSasl2(stream: XmlStream, features: Element, options: ClientNegotiation): boolean {
  if (features.child('authentication', NS_SASL2) === undefined) return false
  // Where there is no other list it is for this one to say why nothing can be used.
  if (features.child('mechanisms', NS_SASL) === undefined) return true
  const best = strongest(stream, features, options)
  return best !== undefined && sasl2Offer(features).includes(best)
}

/**
 * Logs in, and resumes or binds on the way where the server does that inline. A particular resource can only be asked for by RFC 6120's
 * bind, which follows then.
 * @throws as `authenticateBy()` and `begin()`
 */
export async function loginBySasl2(
  stream: XmlStream,
  features: Element,
  options: ClientNegotiation,
): Promise<Omit<Negotiated, 'streamId' | 'target'>> {
  const inline = inlineOf(features.child('authentication', NS_SASL2))
  const asked = requests(inline, options)
  // There is no other stream to come, so bind may follow the last word of the login as soon as that is said.
  let early = false
  const mayBe = options.pipelining !== false && stream.transport.tls !== undefined
  const bindEarly = (): void => {
    early = true
    askEarly(stream, options)
  }
  const allSaid = mayBe && asked.length === 0 ? bindEarly : undefined
  const login = await authenticateBy(
    { ...profile(asked, options), allSaid },
    sasl2Offer(features),
    stream,
    features,
    options,
  )
  const { mechanism, binding, unbound, success } = login
  return { mechanism, binding, unbound, ...(await beginningOf(stream, success, options, early)) }
}

function inlineOf(authentication: Element | undefined): Inline {
  const inline = authentication?.child('inline', NS_SASL2)
  const bind = inline?.child('bind', NS_BIND2)
  const features = bind?.child('inline', NS_BIND2)?.elements ?? []
  return {
    bind: bind !== undefined,
    enable: features.some(({ attrs }) => attrs.var === NS_SM),
    resume: inline?.child('sm', NS_SM) !== undefined,
  }
}

function requests(inline: Inline, options: ClientNegotiation): Element[] {
  const { resource, resourceTag = 'res-xmpp', streamManagement: managed } = options
  const asked: Element[] = []
  if (options.resume !== undefined && inline.resume)
    asked.push(resumeRequest(options.resume.id, options.resume.handled))
  // Where resumption is not inline, bind would end the session that is to be resumed afterwards.
  const lost = options.resume !== undefined && !inline.resume
  if (inline.bind && !lost && (resource === undefined || resource === resourceTag)) {
    const management = managed !== undefined && inline.enable ? [enable(managed === 'resumable')] : []
    asked.push(el('bind', NS_BIND2, {}, el('tag', NS_BIND2, {}, resourceTag), ...management))
  }
  return asked
}

function profile(asked: readonly Element[], { userAgentId: id, resume }: ClientNegotiation): SaslProfile {
  const agent = el('user-agent', NS_SASL2, { id }, el('software', NS_SASL2, {}, 'res-xmpp'))
  return {
    ns: NS_SASL2,
    others: ['continue'],
    begin: ({ name, attrs }, initial) => {
      const first = initial === undefined ? [] : [el('initial-response', NS_SASL2, {}, initial)]
      if (asked.some(element => element.is('resume', NS_SM))) resume?.onAsked?.()
      return el('authenticate', NS_SASL2, { mechanism: name, ...attrs }, ...first, agent, ...asked)
    },
    dataOf: success => success.childText('additional-data') ?? '',
  }
}

async function beginningOf(
  stream: XmlStream,
  success: Element,
  options: ClientNegotiation,
  early: boolean,
): Promise<Beginning> {
  const jid = success.childText('authorization-identifier')
  if (!jid) throw new SaslError('aborted', 'the server does not say as whom we are logged in')
  const resumed = success.child('resumed', NS_SM)
  if (resumed !== undefined && options.resume !== undefined)
    return { jid: '', resumed: { handled: readHandled(resumed) } }
  const failed = success.child('failed', NS_SM)
  const notResumed = failed && options.resume && readNotResumed(failed)
  const bound = success.child('bound', NS_BIND2)
  if (bound === undefined) {
    const features = await stream.expect(NS_STREAM, 'features')
    // Where resumption is not inline it is tried now, and not a second time.
    const left = notResumed === undefined ? options : { ...options, resume: undefined }
    return { ...(await begin(stream, features, left, early)), ...(notResumed && { notResumed }) }
  }
  if (!jid.includes('/')) throw new XmppError('XMPP_BIND_FAILED', 'the server bound a resource without saying which')
  const enabled = bound.child('enabled', NS_SM)
  return { jid, notResumed, ...(enabled && { management: { resumable: readEnabled(enabled) } }) }
}
