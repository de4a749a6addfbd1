/** XEP-0078 Non-SASL Authentication from the server's side. */
import { StanzaError, StreamError } from '../errors.ts'
import { prepareJid } from '../jid.ts'
import { NS_IQ_AUTH } from '../negotiate/iq-auth.ts'
import { NS_CLIENT } from '../negotiate.ts'
import { type Element, el } from '../stream/element.ts'
import type { XmlStream } from '../stream/stream.ts'
import type { Accounts } from './accounts.ts'
import { Peer } from './peers.ts'
import { accountOf, MAX_FAILURES, nextBeforeLogin } from './sasl-server.ts'
import { errorReply } from './stanza.ts'

/** What a login may use. */
export interface IqAuthRules {
  readonly accounts: Accounts
  readonly domain: string
  readonly streamId: string
  /** The password itself may be shown. */
  readonly plaintext: boolean
}

/**
 * Answers questions for the fields, and lets in whoever fills them in right.
 * @throws StreamError `not-authorized` for anything else, `policy-violation` after the last try allowed
 */
export async function loginByIq(stream: XmlStream, first: Element, rules: IqAuthRules): Promise<Peer> {
  let iq = first
  for (let tries = 1; ; tries++) {
    const query = iq.is('iq', NS_CLIENT) ? iq.child('query', NS_IQ_AUTH) : undefined
    const { id, type } = iq.attrs
    if (query === undefined || id === undefined || (type !== 'get' && type !== 'set')) {
      throw stream.fail(new StreamError('not-authorized', `<${iq.name.slice(0, 50)}> before the login`))
    }
    try {
      const jid = type === 'set' ? await check(query, rules) : undefined
      const fields = jid === undefined ? [fieldsFor(query, rules)] : []
      stream.send(el('iq', NS_CLIENT, { type: 'result', id, from: rules.domain }, ...fields))
      if (jid !== undefined) return new Peer(stream, jid)
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      stream.send(refusal(iq, error))
    }
    // Each try may ask for the fields before.
    if (tries >= 2 * MAX_FAILURES) throw stream.fail(new StreamError('policy-violation', 'too many failed logins'))
    iq = await nextBeforeLogin(stream)
  }
}

/** §3.1: they are the same for every name, known or not. */
function fieldsFor(query: Element, { plaintext }: IqAuthRules): Element {
  const names = [...(plaintext ? ['password'] : []), 'digest', 'resource']
  const username = el('username', NS_IQ_AUTH, {}, query.childText('username') ?? '')
  return el('query', NS_IQ_AUTH, {}, username, ...names.map(name => el(name, NS_IQ_AUTH)))
}

/** @throws StanzaError with the conditions of §3.3 */
async function check(query: Element, rules: IqAuthRules): Promise<string> {
  const { accounts, domain, streamId, plaintext } = rules
  const field = (name: string): string => query.childText(name) ?? ''
  const digest = field('digest')
  const password = plaintext ? field('password') : ''
  const account = accountOf(field('username'), domain)
  const jid = prepareJid(`${account}/${field('resource')}`)
  const complete = field('username') !== '' && field('resource') !== '' && (digest !== '' || password !== '')
  if (!complete) throw new StanzaError('modify', 'not-acceptable')
  const right =
    digest === ''
      ? await accounts.checkPassword(account, password).catch(() => false)
      : accounts.checkStreamDigest(account, streamId, digest)
  if (!right || !accounts.has(account)) throw new StanzaError('auth', 'not-authorized')
  if (jid === undefined) throw new StanzaError('modify', 'not-acceptable')
  return jid
}

/** The numbers that came before the conditions (XEP-0086). */
const codes: Readonly<Record<string, string>> = { 'not-authorized': '401', 'not-acceptable': '406' }

function refusal(iq: Element, error: StanzaError): Element {
  const reply = errorReply(iq, error) as Element
  const children = reply.elements.map(child =>
    child.name === 'error'
      ? el('error', child.ns, { ...child.attrs, code: codes[error.condition] }, ...child.children)
      : child,
  )
  return el('iq', NS_CLIENT, reply.attrs, ...children)
}
