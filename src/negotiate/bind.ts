/** Resource binding (RFC 6120 §7) and what may come with it: RFC 3921's session, XEP-0198. */
import { XmppError } from '../errors.ts'
import { type Element, el } from '../stream/element.ts'
import type { XmlStream } from '../stream/stream.ts'
import { enable, NS_SM, readHandled, resume } from '../stream-management.ts'
import type { ClientNegotiation, Negotiated } from './options.ts'
import { answerTo, ask, bindFailure } from './request.ts'

export const NS_BIND = 'urn:ietf:params:xml:ns:xmpp-bind'
export const NS_SESSION = 'urn:ietf:params:xml:ns:xmpp-session'
export const NS_ROSTER_VERSIONING = 'urn:xmpp:features:rosterver'

/** What a stream begins with once its client is authenticated. */
export type Beginning = Pick<Negotiated, 'jid' | 'management' | 'resumed' | 'notResumed' | 'rosterVersioning'>

/** Asks to go on with the earlier session, or for a resource, without knowing yet whether that is offered. */
export function askEarly(stream: XmlStream, options: ClientNegotiation): void {
  if (options.resume === undefined) return askToBind(stream, options)
  stream.send(resume(options.resume.id, options.resume.handled))
  options.resume.onAsked?.()
}

/**
 * Resumes the earlier session, or binds a resource and has stream management enabled.
 * @param early what `askEarly()` asks has been asked
 * @throws XmppError `XMPP_BIND_FAILED`
 */
export async function begin(
  stream: XmlStream,
  features: Element,
  options: ClientNegotiation,
  early: boolean,
): Promise<Beginning> {
  let notResumed: Negotiated['notResumed']
  if (options.resume !== undefined && (early || features.child('sm', NS_SM) !== undefined)) {
    if (!early) askEarly(stream, options)
    const reply = await stream.expect(NS_SM, 'resumed', 'failed')
    if (reply.name === 'resumed') return { jid: '', resumed: { handled: readHandled(reply) } }
    notResumed = readNotResumed(reply)
  }
  if (features.child('bind', NS_BIND) === undefined) {
    throw new XmppError('XMPP_BIND_FAILED', 'the server offers no resource binding')
  }
  if (!early || options.resume !== undefined) askToBind(stream, options)
  const jid = readBound(
    await answerTo(stream, 'bind', 'bind').catch(error => Promise.reject(bindFailure('bind', error))),
  )
  await startSession(stream, features)
  return { jid, notResumed, ...rosterVersioning(features), ...askToManage(stream, features, options) }
}

/** RFC 3921's session, which servers still announce; the draft that made it optional marks it so. */
export async function startSession(stream: XmlStream, features: Element): Promise<void> {
  const session = features.child('session', NS_SESSION)
  if (session === undefined || session.child('optional') !== undefined) return
  ask(stream, 'set', 'session', el('session', NS_SESSION))
  await answerTo(stream, 'session', 'session').catch(error => Promise.reject(bindFailure('session', error)))
}

/** RFC 6121 §2.6.1. */
export function rosterVersioning(features: Element): Pick<Negotiated, 'rosterVersioning'> {
  return features.child('ver', NS_ROSTER_VERSIONING) === undefined ? {} : { rosterVersioning: true }
}

/** `<enable/>` where that is offered; its answer is left to the session, since nothing has to wait for it (XEP-0198 §3). */
export function askToManage(
  stream: XmlStream,
  features: Element,
  { streamManagement }: ClientNegotiation,
): Pick<Negotiated, 'management'> {
  if (streamManagement === undefined || features.child('sm', NS_SM) === undefined) return {}
  stream.send(enable(streamManagement === 'resumable'))
  return { management: 'requested' }
}

/** What a server says that does not know the session any more; perhaps how much of it it had handled (XEP-0198 §5). */
export function readNotResumed(failed: Element): NonNullable<Negotiated['notResumed']> {
  return { handled: failed.attrs.h === undefined ? undefined : readHandled(failed) }
}

function askToBind(stream: XmlStream, { resource }: ClientNegotiation): void {
  const wanted = resource === undefined ? [] : [el('resource', NS_BIND, {}, resource)]
  ask(stream, 'set', 'bind', el('bind', NS_BIND, {}, ...wanted))
}

function readBound(result: Element): string {
  const jid = result.child('bind', NS_BIND)?.childText('jid')
  if (!jid) throw new XmppError('XMPP_BIND_FAILED', 'the server bound a resource without saying which')
  return jid
}
