import { SaslError, StreamError, XmppError } from '../errors.ts'
import { prepareJid } from '../jid.ts'
import { NS_SASL } from '../negotiate.ts'
import type { Bindings } from '../sasl/channel-binding.ts'
import { type Element, el } from '../stream/element.ts'
import type { XmlStream } from '../stream/stream.ts'
import type { TlsFacts } from '../stream/tls.ts'
import type { Accounts } from './accounts.ts'

/** What a mechanism of the server's side works with. Strings are decoded payloads. */
export interface Exchange {
  readonly accounts: Accounts
  readonly domain: string
  /** The initial response, undefined when there was none (RFC 6120 §6.4.2). */
  readonly initial: string | undefined
  /** What a -PLUS can bind to: nothing without TLS. */
  readonly bindings: Bindings
  /** One of what was offered on this stream is a -PLUS. */
  readonly plusOffered: boolean
  /** The certificate the client has shown, in DER. */
  readonly certificate: Uint8Array | undefined
  /** Sends a challenge and returns the response. */
  ask(challenge: string): Promise<string>
}

/** Who has logged in, and what goes back with `<success/>`. */
export interface Verdict {
  /** Bare JID. */
  readonly account: string
  readonly data?: string
}

/** The server's half of a SASL mechanism: it returns when the client has proved itself, and throws a SaslError when not. */
export interface ServerMechanism {
  readonly name: string
  /** The password, or a token, goes over the wire. */
  readonly plaintext: boolean
  /** What it cannot do without: a channel to bind to, or the client's certificate. Default neither. */
  readonly needs?: 'channel' | 'certificate'
  run(exchange: Exchange): Promise<Verdict>
}

/** What a login may use. */
export interface SaslRules {
  readonly accounts: Accounts
  readonly domain: string
  /** Everything the server can do. */
  readonly known: readonly ServerMechanism[]
  /** What of it was offered on this stream. */
  readonly offered: readonly ServerMechanism[]
}

/**
 * RFC 6120 §6.4 from the first `<auth/>` on, up to and with `<success/>`.
 * @throws StreamError `policy-violation` after the last try allowed
 */
export async function authenticate(
  stream: XmlStream,
  first: Element,
  rules: SaslRules,
): Promise<{ account: string; mechanism: string }> {
  let auth = first
  for (let failures = 1; ; failures++) {
    try {
      const mechanism = choose(stream, auth, rules)
      const initial = auth.text === '' ? undefined : decode(auth.text)
      const { account, data } = await mechanism.run({
        ...circumstances(stream, rules),
        initial,
        ask: challenge => ask(stream, challenge),
      })
      stream.send(el('success', NS_SASL, {}, ...(data === undefined ? [] : [encode(data)])))
      return { account, mechanism: mechanism.name }
    } catch (error) {
      if (!(error instanceof SaslError)) throw error
      stream.send(el('failure', NS_SASL, {}, el(error.condition, NS_SASL)))
    }
    // RFC 6120 §6.4.5: two to five more tries, then the stream is closed.
    if (failures >= MAX_FAILURES) throw stream.fail(new StreamError('policy-violation', 'too many failed logins'))
    auth = await stream.expect(NS_SASL, 'auth')
  }
}

/** What a mechanism works with that does not depend on how the dialogue is carried. */
export function circumstances(stream: XmlStream, rules: SaslRules): Omit<Exchange, 'initial' | 'ask'> {
  const { accounts, domain, offered } = rules
  const { tls } = stream.transport
  return {
    accounts,
    domain,
    bindings: tls?.bindings() ?? new Map(),
    plusOffered: offered.some(({ needs }) => needs === 'channel'),
    certificate: tls?.peerCertificate(),
  }
}

/** What of these mechanisms can be used on a stream, whatever it may show to whom. */
export function usable(mechanisms: readonly ServerMechanism[], tls: TlsFacts | undefined): readonly ServerMechanism[] {
  return mechanisms.filter(({ needs }) => {
    if (needs === 'channel') return tls !== undefined
    return needs !== 'certificate' || tls?.peerCertificate() !== undefined
  })
}

/** The account a SASL user name stands for; what cannot be one stands for nobody. */
export function accountOf(username: string, domain: string): string {
  return prepareJid(`${username}@${domain}`) ?? ''
}

/** @throws SaslError `invalid-authzid` when someone wants to be someone else (RFC 6120 §6.3.8) */
export function checkAuthzid(authzid: string, account: string): void {
  if (authzid !== '' && prepareJid(authzid) !== account) throw new SaslError('invalid-authzid')
}

const MAX_FAILURES = 4

function choose(stream: XmlStream, auth: Element, { known, offered }: SaslRules): ServerMechanism {
  const wanted = (mechanism: ServerMechanism): boolean => mechanism.name === auth.attrs.mechanism
  const mechanism = offered.find(wanted)
  if (mechanism !== undefined) return mechanism
  const inClear = stream.transport.tls === undefined
  throw new SaslError(inClear && known.some(wanted) ? 'encryption-required' : 'invalid-mechanism')
}

async function ask(stream: XmlStream, challenge: string): Promise<string> {
  stream.send(el('challenge', NS_SASL, {}, encode(challenge)))
  const reply = await stream.expect(NS_SASL, 'response', 'abort')
  if (reply.name === 'abort') throw new SaslError('aborted')
  return decode(reply.text)
}

// RFC 6120 §6.4.2: a payload that is there but empty is a single equals sign.
const encode = (text: string): string => Buffer.from(text).toString('base64') || '='

function decode(base64: string): string {
  if (base64 === '' || base64 === '=') return ''
  const bytes = Buffer.from(base64, 'base64')
  // Buffer skips what is not base64; the comparison does not (RFC 6120 §13.9.1).
  if (bytes.toString('base64') !== base64) throw new SaslError('incorrect-encoding')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new SaslError('malformed-request', 'not UTF-8', { cause })
  }
}

/** SASLprep's refusal of what a client sent, in SASL's words: such a name or password nobody can have. */
export function notPrepared(error: unknown): unknown {
  return error instanceof XmppError && error.code === 'XMPP_SASLPREP' ? new SaslError('not-authorized') : error
}
