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

/** How a dialogue is wrapped in XML: in RFC 6120's way or XEP-0388's. */
export interface ServerProfile {
  readonly ns: string
  /** The name of the first element, which chooses a mechanism. */
  readonly request: string
  /** The base64 in it, undefined when there is none. */
  initialOf(request: Element): string | undefined
}

/** SASL as RFC 6120 §6 has it. */
export const classic: ServerProfile = {
  ns: NS_SASL,
  request: 'auth',
  initialOf: ({ text }) => (text === '' ? undefined : text),
}

/** A login that is to be answered with success. */
export interface Proven {
  readonly profile: ServerProfile
  /** The first element of the try that succeeded. */
  readonly request: Element
  /** Bare JID. */
  readonly account: string
  readonly mechanism: string
  /** Additional data for success, in base64. */
  readonly data: string | undefined
}

/**
 * RFC 6120 §6.4 from the first `<auth/>` on, up to `<success/>`, which is the caller's to send; or the same in another profile.
 * @param profiles those that are offered; each try may use another one
 * @throws StreamError `not-authorized` for what belongs to none of them, `policy-violation` after the last try allowed
 */
export async function authenticate(
  stream: XmlStream,
  first: Element,
  rules: SaslRules,
  profiles: readonly ServerProfile[],
): Promise<Proven> {
  let request = first
  for (let failures = 1; ; failures++) {
    const profile = profiles.find(({ request: name, ns }) => request.is(name, ns))
    if (profile === undefined) {
      throw stream.fail(new StreamError('not-authorized', `<${request.name.slice(0, 50)}> before the login`))
    }
    try {
      const mechanism = choose(stream, request, rules)
      const given = profile.initialOf(request)
      const { account, data } = await mechanism.run({
        ...circumstances(stream, rules),
        initial: given === undefined ? undefined : decode(given),
        ask: challenge => ask(stream, challenge, profile),
      })
      return { profile, request, account, mechanism: mechanism.name, data: data === undefined ? data : encode(data) }
    } catch (error) {
      if (!(error instanceof SaslError)) throw error
      // XEP-0388 §2.6.2: the conditions are those of RFC 6120, in their own namespace.
      stream.send(el('failure', profile.ns, {}, el(error.condition, NS_SASL)))
    }
    // RFC 6120 §6.4.5: two to five more tries, then the stream is closed.
    if (failures >= MAX_FAILURES) throw stream.fail(new StreamError('policy-violation', 'too many failed logins'))
    request = await nextBeforeLogin(stream)
  }
}

/** What a client says that has not logged in. @throws XmppError `XMPP_STREAM_ENDED` when it closes its stream instead */
export async function nextBeforeLogin(stream: XmlStream): Promise<Element> {
  const request = await stream.next()
  if (request === undefined) throw new XmppError('XMPP_STREAM_ENDED', 'the client closed its stream before the login')
  return request
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

/** Logins that may fail on one stream (RFC 6120 §6.4.5). */
export const MAX_FAILURES = 4

function choose(stream: XmlStream, auth: Element, { known, offered }: SaslRules): ServerMechanism {
  const wanted = (mechanism: ServerMechanism): boolean => mechanism.name === auth.attrs.mechanism
  const mechanism = offered.find(wanted)
  if (mechanism !== undefined) return mechanism
  const inClear = stream.transport.tls === undefined
  throw new SaslError(inClear && known.some(wanted) ? 'encryption-required' : 'invalid-mechanism')
}

async function ask(stream: XmlStream, challenge: string, { ns }: ServerProfile): Promise<string> {
  stream.send(el('challenge', ns, {}, encode(challenge)))
  const reply = await stream.expect(ns, 'response', 'abort')
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
