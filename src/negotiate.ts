import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { SaslError, StanzaError, StreamError, XmppError } from './errors.ts'
import { type CredentialSource, type Mechanism, selectMechanism } from './sasl/mechanism.ts'
import { type Element, el } from './stream/element.ts'
import { majorVersion } from './stream/header.ts'
import { NS_STREAM } from './stream/namespaces.ts'
import type { Target } from './stream/resolve.ts'
import type { XmlStream } from './stream/stream.ts'
import type { TlsClientOptions } from './stream/tls.ts'

export const NS_CLIENT = 'jabber:client'
export const NS_COMPONENT = 'jabber:component:accept'
export const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls'
export const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'
export const NS_BIND = 'urn:ietf:params:xml:ns:xmpp-bind'
export const NS_SESSION = 'urn:ietf:params:xml:ns:xmpp-session'

/** How far a negotiation has come, in the words of Asterisk's console. */
export type Progress = 'Waiting to request TLS' | 'Requested TLS' | 'Waiting to authenticate' | 'Authenticating'

/**
 * What a negotiation turns to: the TLS handshake behind STARTTLS; what is said in XML, which is also what it begins with; and from
 * `authentication` on credentials are in play.
 */
export type NegotiationStep = 'tls' | 'negotiation' | 'authentication'

/** What a client needs to log in on a stream that is connected. */
export interface ClientNegotiation {
  /** The domain of the JID: the stream's `to`, and what the certificate must name. */
  readonly domain: string
  /** The resource to ask for; the server makes one up when there is none. */
  readonly resource?: string | undefined
  /** `required`: a session under TLS or none. `never`: in clear, a choice the user made in so many words. */
  readonly tls: 'required' | 'never'
  readonly tlsOptions?: Omit<TlsClientOptions, 'domain' | 'alpn' | 'role'>
  readonly credentials: CredentialSource
  /** In order of preference. */
  readonly mechanisms: readonly Mechanism[]
  readonly onProgress?: (progress: Progress) => void
  readonly onStep?: (step: NegotiationStep) => void
}

/** What a negotiation has come to. */
export interface Negotiated {
  /** The full JID the server has given us, or the component's domain. */
  readonly jid: string
  /** What the server calls the stream. */
  readonly streamId: string
  /** The SASL mechanism used; `handshake` for a component. */
  readonly mechanism: string
  /** The server it was negotiated with; undefined where that was somebody else's to know. */
  readonly target?: Target | undefined
}

/** RFC 6120 §4.3 for an initiating client. The happy path is the straight line; every other exit throws. */
export async function negotiateClient(stream: XmlStream, options: ClientNegotiation): Promise<Negotiated> {
  let { features } = await openStream(stream, options.domain)

  if (options.tls === 'required' && stream.transport.tls === undefined) {
    options.onProgress?.('Waiting to request TLS')
    await startTls(stream, features, options)
    ;({ features } = await openStream(stream, options.domain))
  }

  options.onProgress?.('Waiting to authenticate')
  const mechanism = await authenticate(stream, features, options)
  const { streamId, features: last } = await openStream(stream, options.domain)

  const jid = await bind(stream, last, options.resource)
  if (sessionRequired(last)) await request(stream, 'session', el('session', NS_SESSION))
  return { jid, streamId, mechanism }
}

/** What a component needs to be accepted on a stream that is connected. */
export interface ComponentNegotiation {
  /** The component's own domain, which is the stream's `to` (XEP-0114 §3). */
  readonly domain: string
  readonly secret: string
  readonly onProgress?: (progress: Progress) => void
  readonly onStep?: (step: NegotiationStep) => void
}

/** XEP-0114 §3. */
export async function negotiateComponent(stream: XmlStream, options: ComponentNegotiation): Promise<Negotiated> {
  const { header } = await stream.open({ to: options.domain })
  const id = header.attrs.id ?? ''
  if (id === '') {
    // Without an id there is nothing to hash. Servers do so for a name they do not serve, and say it in an error, which throws.
    await stream.next()
    throw stream.fail(new StreamError('bad-format', 'the server gave the stream no id'))
  }
  options.onProgress?.('Authenticating')
  options.onStep?.('authentication')
  stream.send(el('handshake', NS_COMPONENT, {}, handshakeDigest(id, options.secret)))
  await stream.expect(NS_COMPONENT, 'handshake')
  return { jid: options.domain, streamId: id, mechanism: 'handshake' }
}

/** What a component proves its secret with: the lower-case hexadecimal SHA-1 of stream id and secret (XEP-0114 §3). */
export function handshakeDigest(id: string, secret: string): string {
  return createHash('sha1')
    .update(id + secret)
    .digest('hex')
}

async function openStream(stream: XmlStream, to: string): Promise<{ streamId: string; features: Element }> {
  const { header } = await stream.open({ to, version: '1.0' })
  // A server that knows no features (RFC 6120 §4.7.5) knows no SASL either.
  if (majorVersion(header) !== 1) {
    throw stream.fail(new StreamError('unsupported-version', `${to} does not speak XMPP 1.0`))
  }
  return { streamId: header.attrs.id ?? '', features: await stream.expect(NS_STREAM, 'features') }
}

async function startTls(stream: XmlStream, features: Element, options: ClientNegotiation): Promise<void> {
  const { domain, tlsOptions } = options
  if (features.child('starttls', NS_TLS) === undefined) {
    throw new XmppError(
      'XMPP_TLS_UNAVAILABLE',
      `${domain} offers no STARTTLS here, and without TLS there is no session`,
    )
  }
  stream.send(el('starttls', NS_TLS))
  options.onProgress?.('Requested TLS')
  const reply = await stream.expect(NS_TLS, 'proceed', 'failure')
  if (reply.name === 'failure') throw new XmppError('XMPP_TLS_REFUSED', `${domain} refused to start TLS`)
  options.onStep?.('tls')
  await stream.startTls({ ...tlsOptions, domain })
  options.onStep?.('negotiation')
}

async function authenticate(stream: XmlStream, features: Element, options: ClientNegotiation): Promise<string> {
  const offered = features.child('mechanisms', NS_SASL)?.elements.map(child => child.text) ?? []
  const encrypted = stream.transport.tls !== undefined
  if (offered.length === 0 && !encrypted) {
    throw new SaslError('encryption-required', 'the server offers no login without TLS')
  }
  const plaintext = encrypted || options.tls === 'never'
  const mechanism = selectMechanism(options.mechanisms, offered, { plaintext })

  options.onProgress?.('Authenticating')
  options.onStep?.('authentication')
  const dialogue = mechanism.start({ credentials: options.credentials })
  let turn = await dialogue.next()
  stream.send(el('auth', NS_SASL, { mechanism: mechanism.name }, encode(turn.value)))
  for (;;) {
    const reply = await stream.expect(NS_SASL, 'challenge', 'success', 'failure')
    if (reply.name === 'failure') throw failure(reply)
    if (reply.name === 'success') {
      // Additional data may come with success (RFC 6120 §6.3.10). It counts only when the mechanism has seen all it wants.
      if (!turn.done && reply.text !== '') turn = await dialogue.next(await decode(stream, reply.text))
      if (!turn.done && !(await dialogue.next('')).done) throw new SaslError('aborted', 'success came too early')
      return mechanism.name
    }
    if (turn.done) throw new SaslError('aborted', `${mechanism.name} is done, but the server goes on asking`)
    turn = await answer(stream, dialogue, await decode(stream, reply.text))
    stream.send(el('response', NS_SASL, {}, ...(turn.value ? [encode(turn.value)] : [])))
  }
}

/** A challenge we refuse is answered with `<abort/>` (RFC 6120 §6.4.4). */
async function answer(
  stream: XmlStream,
  dialogue: AsyncGenerator<string, void, string>,
  challenge: string,
): Promise<IteratorResult<string, void>> {
  try {
    return await dialogue.next(challenge)
  } catch (error) {
    stream.send(el('abort', NS_SASL))
    throw error
  }
}

function failure(element: Element): SaslError {
  const condition = element.elements.find(child => child.name !== 'text')
  return new SaslError(condition?.name ?? 'not-authorized', element.childText('text'))
}

async function bind(stream: XmlStream, features: Element, resource: string | undefined): Promise<string> {
  if (features.child('bind', NS_BIND) === undefined) {
    throw new XmppError('XMPP_BIND_FAILED', 'the server offers no resource binding')
  }
  const wanted = resource === undefined ? [] : [el('resource', NS_BIND, {}, resource)]
  const result = await request(stream, 'bind', el('bind', NS_BIND, {}, ...wanted))
  const jid = result.child('bind', NS_BIND)?.childText('jid')
  if (!jid) throw new XmppError('XMPP_BIND_FAILED', 'the server bound a resource without saying which')
  return jid
}

/** RFC 3921's session, which servers still announce; the draft that made it optional marks it so. */
function sessionRequired(features: Element): boolean {
  const session = features.child('session', NS_SESSION)
  return session !== undefined && session.child('optional') === undefined
}

/** An iq before there is a session. The server answers nothing else before it (RFC 6120 §7.1). */
async function request(stream: XmlStream, id: string, payload: Element): Promise<Element> {
  stream.send(el('iq', stream.ns, { type: 'set', id }, payload))
  const reply = await stream.expect(stream.ns, 'iq')
  if (reply.attrs.id !== id || (reply.attrs.type !== 'result' && reply.attrs.type !== 'error')) {
    throw stream.fail(new StreamError('bad-format', `an iq that does not answer <${payload.name}>`))
  }
  if (reply.attrs.type === 'error') {
    const error = StanzaError.from(reply)
    throw new XmppError('XMPP_BIND_FAILED', `the server refused <${payload.name}>: ${error.message}`, { cause: error })
  }
  return reply
}

const encode = (text: string | undefined | void): string => (text ? Buffer.from(text).toString('base64') : '=')

async function decode(stream: XmlStream, base64: string): Promise<string> {
  if (base64 === '' || base64 === '=') return ''
  const bytes = Buffer.from(base64, 'base64')
  // Buffer skips what is not base64; the comparison does not (RFC 6120 §13.9.1).
  if (bytes.toString('base64') === base64 && isUtf8(bytes)) return bytes.toString()
  stream.send(el('abort', NS_SASL))
  throw new SaslError('incorrect-encoding', 'the server sent something that is not base64 of UTF-8')
}
