import type { Duplex } from 'node:stream'
import type { ConnectionOptions, DetailedPeerCertificate, SecureContext, TLSSocket } from 'node:tls'
import { nodeTls } from '../builtin.ts'
import { describe, XmppError } from '../errors.ts'
import { readCertificate } from './certificate.ts'
import { clientServices, listNames, matches, type Reference, referenceOf } from './identity.ts'
import type { Secured, TlsClientOptions } from './tls.ts'
import { bothSides, forGood, handshake, tlsFacts } from './tls-handshake.ts'
import { type KeptSession, partnerOf, TlsSessionError, type TlsSessions } from './tls-sessions.ts'
import { explain } from './tls-words.ts'

/** As initiator; see `secure()`. */
export async function initiate(
  duplex: Duplex,
  options: TlsClientOptions,
  began: (socket: TLSSocket) => void,
): Promise<Secured> {
  const { domain, servername, ca, verify = true, cert, key, alpn, services = clientServices, sessions } = options
  const { maxVersion } = options
  const name = servername ?? domain
  const reference = referenceOf(name)
  const partner =
    sessions === undefined ? '' : partnerOf(domain, name, ca, verify, cert, key, alpn, services, maxVersion)
  const earlier = wanted(sessions?.take(partner), options)
  let chain: readonly Uint8Array[] = []
  let socket: TLSSocket | undefined
  try {
    socket = begin(() => clientOptions(duplex, options, reference, earlier))
    began(forGood(socket))
    // Before Node's own check, which leaves nothing to read when it refuses.
    socket.prependOnceListener('secure', () => {
      if (socket !== undefined) chain = chainOf(socket, earlier)
    })
    const keep = sessions && keeper(socket, sessions, partner)
    const verified = await handshake(socket, 'secureConnect', secured => {
      const problem = identityProblem(secured, chain[0], reference, services, sessions?.now() ?? Date.now())
      if (verify && problem !== undefined) throw problem
      assertAlpn(secured, alpn)
      keep?.(resumed(secured, earlier) ?? proofOf(chain[0], sessions))
      return secured.authorized && problem === undefined
    })
    const certificate = resumed(socket, earlier)?.certificate
    return { socket, facts: tlsFacts(socket, { verified, certificate, role: 'initiator' }) }
  } catch (error) {
    socket?.destroy()
    // Whatever it was, the next attempt does not depend on what is left of an earlier one.
    sessions?.forget(partner)
    if (error instanceof XmppError) throw error
    const failure = explain({ error, name, chain, certified: cert !== undefined })
    throw earlier === undefined ? failure : new TlsSessionError(failure)
  }
}

/** A kept session, unless it is of a kind that is not to be resumed. */
function wanted(kept: KeptSession | undefined, { resume = 'all' }: TlsClientOptions): KeptSession | undefined {
  return resume === 'all' || kept?.version === 'TLSv1.3' ? kept : undefined
}

/** The session that is gone on with, if the server has agreed to that. */
function resumed(socket: TLSSocket, earlier: KeptSession | undefined): KeptSession | undefined {
  return socket.isSessionReused() ? earlier : undefined
}

/**
 * The server's certificate and those of its issuers, in DER, at most ten. On a resumed session Node has none to show, so the one it
 * began with has been kept with it.
 */
function chainOf(socket: TLSSocket, earlier: KeptSession | undefined): readonly Uint8Array[] {
  const kept = resumed(socket, earlier)
  if (kept !== undefined) return [kept.certificate]
  const chain: Uint8Array[] = []
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  // Node calls one that is self-signed its own issuer.
  while (next?.raw !== undefined && chain.at(-1) !== next.raw && chain.length < 10) {
    chain.push(next.raw)
    next = next.issuerCertificate
  }
  return chain
}

/** What Node throws at once is about what we have handed to it, not about the server. */
function begin(options: () => ConnectionOptions): TLSSocket {
  try {
    return nodeTls().connect(options())
  } catch (error) {
    const { reason } = error as { reason?: string }
    const text = `TLS cannot be started with this certificate, key or CA: ${reason ?? describe(error)}`
    throw new XmppError('XMPP_TLS_REFUSED', text, { cause: error })
  }
}

function clientOptions(
  socket: Duplex,
  options: TlsClientOptions,
  reference: Reference,
  earlier: KeptSession | undefined,
): ConnectionOptions {
  const { verify = true, alpn } = options
  return {
    socket,
    secureContext: contextOf(options),
    rejectUnauthorized: verify,
    // SNI carries A-labels, and no addresses (RFC 6066 §3).
    servername: reference.address ? '' : reference.name,
    // Names are our own affair: Node looks at none when a session is resumed, and never at SRVName and XmppAddr.
    checkServerIdentity: () => undefined,
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
    ...(earlier === undefined ? {} : { session: earlier.data }),
  }
}

type Certificates = Pick<TlsClientOptions, 'ca' | 'cert' | 'key' | 'maxVersion'>

/**
 * The same for all connections that trust and show the same certificates: reading those takes longer than a handshake, and keeping them for each of a
 * thousand accounts takes more memory than all else.
 */
function contextOf({ ca, cert, key, maxVersion }: Certificates): SecureContext {
  const at = contexts.findIndex(
    ({ of }) => of.ca === ca && of.cert === cert && of.key === key && of.maxVersion === maxVersion,
  )
  const [known] = at < 0 ? [] : contexts.splice(at, 1)
  const context =
    known?.context ??
    nodeTls().createSecureContext({
      ...bothSides,
      minVersion: 'TLSv1.2',
      ...(maxVersion === undefined ? {} : { maxVersion }),
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    })
  contexts.unshift({ of: { ca, cert, key, maxVersion }, context })
  contexts.length = Math.min(contexts.length, MAX_CONTEXTS)
  return context
}

/** Latest use first. */
const contexts: { readonly of: Certificates; readonly context: SecureContext }[] = []
const MAX_CONTEXTS = 16

/**
 * What is wrong with the certificate beyond what Node has looked at: its names, and on a resumed session, where neither Node nor
 * OpenSSL looks again, its dates.
 */
function identityProblem(
  socket: TLSSocket,
  peer: Uint8Array | undefined,
  reference: Reference,
  services: readonly string[],
  now: number,
): XmppError | undefined {
  if (peer === undefined) return refusal('the server has shown no certificate', 'bad_certificate')
  try {
    const { names, notBefore, notAfter } = readCertificate(peer)
    if (socket.isSessionReused() && (now < notBefore || now > notAfter)) {
      const when = new Date(now > notAfter ? notAfter : notBefore).toISOString()
      const what = now > notAfter ? `it has expired, on ${when}` : `it is not valid before ${when}`
      return refusal(`the server's certificate for ${reference.name} is refused: ${what}`, 'certificate_expired')
    }
    if (matches(names, reference, services)) return undefined
    const text = `the server's certificate is not for ${reference.name}, it names ${listNames(names)}`
    // Node's own code for it, for those who look for that.
    const cause = Object.assign(new Error('the names do not match'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    return refusal(text, 'bad_certificate', cause)
  } catch (error) {
    const text = `the server's certificate for ${reference.name} is refused: ${describe(error)}`
    return refusal(text, 'bad_certificate', error)
  }
}

function refusal(text: string, condition: string, cause?: unknown): XmppError {
  return new XmppError('XMPP_TLS_REFUSED', text, { condition, ...(cause === undefined ? {} : { cause }) })
}

/** RFC 7301 §3.2: a server chooses from what we offer, or has never heard of ALPN. */
function assertAlpn({ alpnProtocol }: TLSSocket, offered: string | undefined): void {
  if (typeof alpnProtocol !== 'string' || alpnProtocol === offered) return
  const text = `the server wants to speak ${JSON.stringify(alpnProtocol.slice(0, 50))}, which was not offered (ALPN)`
  throw refusal(text, 'illegal_parameter')
}

/** What a session proves, and for how long. */
type Proof = Pick<KeptSession, 'certificate' | 'expires'>

/**
 * Hands the sessions of a socket to the store, from the moment its peer has been found good. They come during the handshake with
 * TLS 1.2 and at any time after it with TLS 1.3.
 */
function keeper(socket: TLSSocket, sessions: TlsSessions, partner: string): (proof: Proof | undefined) => void {
  let proven: Proof | undefined
  socket.on('session', data => {
    const version = socket.getProtocol()
    if (proven === undefined || version === null) return
    const { certificate, expires } = proven
    sessions.keep(partner, { data, version, certificate, expires })
  })
  return proof => {
    proven = proof
  }
}

/** Undefined for a certificate that cannot be read: such a session is not kept. */
function proofOf(certificate: Uint8Array | undefined, sessions: TlsSessions | undefined): Proof | undefined {
  if (certificate === undefined || sessions === undefined) return undefined
  try {
    return { certificate, expires: sessions.expiry(readCertificate(certificate).notAfter) }
  } catch {
    // Only without verification does one get here.
    return undefined
  }
}
