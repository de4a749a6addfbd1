import { nodeCrypto } from './builtin.ts'
import { SaslError, StreamError } from './errors.ts'
import { askEarly, begin } from './negotiate/bind.ts'
import { hideInError } from './negotiate/echo.ts'
import { loginByIq } from './negotiate/iq-auth.ts'
import type { ClientNegotiation, Negotiated, NegotiationStep, Progress } from './negotiate/options.ts'
import { authenticate } from './negotiate/sasl.ts'
import { loginBySasl2, offersSasl2 } from './negotiate/sasl2.ts'
import { startTls } from './negotiate/starttls.ts'
import type { CredentialSource, Credentials } from './sasl/mechanism.ts'
import { hiding } from './secret-forms.ts'
import { type Element, el } from './stream/element.ts'
import { majorVersion } from './stream/header.ts'
import { NS_STREAM } from './stream/namespaces.ts'
import type { XmlStream } from './stream/stream.ts'

export { NS_BIND, NS_SESSION } from './negotiate/bind.ts'
export type { ClientNegotiation, Negotiated, NegotiationStep, Progress } from './negotiate/options.ts'
export { NS_SASL } from './negotiate/sasl.ts'
export { NS_TLS } from './negotiate/starttls.ts'

export const NS_CLIENT = 'jabber:client'
export const NS_COMPONENT = 'jabber:component:accept'

/** RFC 6120 §4.3 for an initiating client. The happy path is the straight line; every other exit throws. What it throws shows no secret. */
export async function negotiateClient(stream: XmlStream, options: ClientNegotiation): Promise<Negotiated> {
  const shown: Credentials[] = []
  const credentials: CredentialSource = async (refused, needs) => {
    const given = await options.credentials(refused, needs)
    shown.push(given)
    return given
  }
  try {
    return await login(stream, { ...options, credentials })
  } catch (error) {
    throw hideInError(error, hiding(shown.flatMap(({ password, token }) => [password, token])))
  }
}

async function login(stream: XmlStream, options: ClientNegotiation): Promise<Negotiated> {
  let { streamId, features } = await openStream(stream, options)

  if (options.tls === 'required' && stream.transport.tls === undefined) {
    options.onProgress?.('Waiting to request TLS')
    await startTls(stream, features, options)
    ;({ streamId, features } = await openStream(stream, options))
  }

  options.onProgress?.('Waiting to authenticate')
  if (options.iqAuth || features === undefined) {
    if (options.channelBinding === 'required') {
      throw new SaslError('invalid-mechanism', 'channel binding is required, and XEP-0078 binds to nothing')
    }
    return { streamId, mechanism: 'XEP-0078', ...(await loginByIq(stream, streamId, features, options)) }
  }
  if (options.sasl2 !== false && offersSasl2(stream, features, options)) {
    return { streamId, ...(await loginBySasl2(stream, features, options)) }
  }
  const { mechanism, binding, unbound } = await authenticate(stream, features, options)

  // What is asked early is answered with the features, which saves the time that a question takes to the server and back.
  const early = options.pipelining !== false && stream.transport.tls !== undefined
  const last = await openStream(stream, options, () => {
    if (early) askEarly(stream, options)
  })
  const beginning = await begin(stream, last.features as Element, options, early)
  return { streamId: last.streamId, mechanism, binding, unbound, ...beginning }
}

/** What a component needs to be accepted on a stream that is connected. */
export interface ComponentNegotiation {
  /** The component's own domain, which is the stream's `to` (XEP-0114 §3). */
  readonly domain: string
  readonly secret: string
  readonly onProgress?: (progress: Progress) => void
  readonly onStep?: (step: NegotiationStep) => void
}

/** XEP-0114 §3. What it throws shows no secret. */
export async function negotiateComponent(stream: XmlStream, options: ComponentNegotiation): Promise<Negotiated> {
  const proofs: string[] = []
  try {
    return await attach(stream, options, proofs)
  } catch (error) {
    throw hideInError(error, hiding([options.secret], proofs))
  }
}

/** @param proofs is given what we have shown instead of the secret */
async function attach(stream: XmlStream, options: ComponentNegotiation, proofs: string[]): Promise<Negotiated> {
  const { header } = await stream.open({ to: options.domain })
  const id = header.attrs.id ?? ''
  if (id === '') {
    // Without an id there is nothing to hash. Servers do so for a name they do not serve, and say it in an error, which throws.
    await stream.next()
    throw stream.fail(new StreamError('bad-format', 'the server gave the stream no id'))
  }
  options.onProgress?.('Authenticating')
  options.onStep?.('authentication')
  const digest = handshakeDigest(id, options.secret)
  proofs.push(digest)
  stream.send(el('handshake', NS_COMPONENT, {}, digest))
  await stream.expect(NS_COMPONENT, 'handshake')
  return { jid: options.domain, streamId: id, mechanism: 'handshake' }
}

/** What a component proves its secret with: the lower-case hexadecimal SHA-1 of stream id and secret (XEP-0114 §3). */
export function handshakeDigest(id: string, secret: string): string {
  return nodeCrypto()
    .createHash('sha1')
    .update(id + secret)
    .digest('hex')
}

interface Opened {
  readonly streamId: string
  /** Undefined only from a server before XMPP 1.0, which is good enough for a login without SASL. */
  readonly features: Element | undefined
}

/** @param early sends what does not wait for the server's answer */
async function openStream(
  stream: XmlStream,
  { domain, iqAuth }: ClientNegotiation,
  early = (): void => {},
): Promise<Opened> {
  stream.restart()
  stream.sendHeader({ to: domain, version: '1.0' })
  early()
  const { header } = await stream.readHeader()
  const streamId = header.attrs.id ?? ''
  const major = majorVersion(header)
  // RFC 6120 §4.7.5: a server without a version knows no features, and so no SASL either.
  if (iqAuth && major === 0) return { streamId, features: undefined }
  if (major !== 1) throw stream.fail(new StreamError('unsupported-version', `${domain} does not speak XMPP 1.0`))
  return { streamId, features: await stream.expect(NS_STREAM, 'features') }
}
