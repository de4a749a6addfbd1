import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type ConnectionOptions,
  checkServerIdentity,
  connect,
  createSecureContext,
  type PeerCertificate,
  type SecureVersion,
  TLSSocket,
} from 'node:tls'
import { describe, XmppError } from '../errors.ts'

/** Whom an initiator trusts, and who it is: the same for all the TLS of one account. */
export interface TlsTrust {
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string | undefined
  /** False accepts any certificate: encryption without knowing to whom. Default true. */
  readonly verify?: boolean | undefined
}

/** How an initiator starts TLS. */
export interface TlsClientOptions extends TlsTrust {
  readonly role?: 'initiator'
  /** What the certificate must name, and what SNI asks for: the domain of the JID, whatever host was dialled (RFC 6120 §13.7.2). */
  readonly domain: string
  /** Offers ALPN `xmpp-client` or what is named here; for direct TLS (XEP-0368 §5). */
  readonly alpn?: string | undefined
}

/** Only what {@link TlsTrust} names of an object that holds more. */
export function trustOf({ ca, verify }: TlsTrust): TlsTrust {
  return { ca, verify }
}

/** How an acceptor starts TLS. */
export interface TlsServerOptions {
  readonly role: 'acceptor'
  /** PEM. */
  readonly cert: string
  /** PEM. */
  readonly key: string
  readonly alpn?: string | undefined
  /** The oldest and the newest version to take. Default TLS 1.2 and whatever Node knows. */
  readonly minVersion?: SecureVersion | undefined
  readonly maxVersion?: SecureVersion | undefined
}

/** Either side's. */
export type TlsOptions = TlsClientOptions | TlsServerOptions

/** What a handshake agreed on. */
export interface TlsFacts {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly version: string
  readonly cipher: string
  readonly alpn: string | undefined
  /** Whether the peer's certificate was verified. */
  readonly verified: boolean
  /** Keying material exporter (RFC 5705, RFC 8446 §7.5). */
  exporter(length: number, label: string, context?: Uint8Array): Uint8Array
}

/**
 * Runs a TLS handshake over a duplex. TLS 1.2 is the oldest taken.
 * @param began is handed the socket before the handshake, so that it can be given up
 * @throws XmppError `XMPP_TLS_REFUSED` that says in words what is wrong with the certificate, or why the handshake failed
 */
export async function secure(
  duplex: Duplex,
  options: TlsOptions,
  began: (socket: TLSSocket) => void,
): Promise<TLSSocket> {
  const socket = options.role === 'acceptor' ? accept(duplex, options) : connect(clientOptions(duplex, options))
  // For good: Node reports a broken handshake by 'end' or 'close' and then, when we have stopped waiting, by an error too.
  socket.on('error', () => {})
  began(socket)
  try {
    await handshake(socket, options.role === 'acceptor' ? 'secure' : 'secureConnect')
  } catch (error) {
    socket.destroy()
    const why = options.role === 'acceptor' ? `TLS failed: ${describe(error)}` : explain(error, options.domain)
    throw new XmppError('XMPP_TLS_REFUSED', why, { cause: error })
  }
  return socket
}

function handshake(socket: TLSSocket, done: 'secure' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      // On the server's side Node reports a failed handshake as `_tlsError` and a close.
      socket.off(done, settle).off('error', settle).off('_tlsError', settle).off('end', closed).off('close', closed)
      if (error === undefined) resolve()
      else reject(error)
    }
    const closed = (): void => settle(new Error('the peer closed the connection during the handshake'))
    // Over a socket that may be half open, the peer's end does not close it, and no handshake gets past that.
    socket.on(done, settle).on('error', settle).on('_tlsError', settle).on('end', closed).on('close', closed)
  })
}

/** Reads off a socket what its handshake agreed on. */
export function tlsFacts(socket: TLSSocket): TlsFacts {
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
    verified: socket.authorized,
    exporter: (length, label, context = new Uint8Array()) =>
      socket.exportKeyingMaterial(length, label, Buffer.from(context)),
  }
}

function clientOptions(socket: Duplex, { domain, ca, verify = true, alpn }: TlsClientOptions): ConnectionOptions {
  return {
    socket,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: verify,
    // SNI carries no addresses (RFC 6066 §3).
    servername: isIP(domain) === 0 ? domain : '',
    checkServerIdentity: (_host: string, certificate: PeerCertificate) => checkServerIdentity(domain, certificate),
    ...(ca === undefined ? {} : { ca }),
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
  }
}

function accept(duplex: Duplex, options: TlsServerOptions): TLSSocket {
  const { cert, key, alpn, minVersion = 'TLSv1.2', maxVersion } = options
  return new TLSSocket(duplex as never, {
    isServer: true,
    secureContext: createSecureContext({ cert, key, minVersion, ...(maxVersion && { maxVersion }) }),
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
  })
}

/** What the codes of OpenSSL and Node mean for someone who has to put it right. */
const meanings: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'it was issued by a CA that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT: 'it was issued by an unknown CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'it was issued by an unknown CA',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'it was issued by an unknown CA',
  CERT_SIGNATURE_FAILURE: 'its signature is wrong',
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet; is the clock right?',
  INVALID_PURPOSE: 'it is not made for servers',
  CERT_REVOKED: 'it has been revoked',
}

function explain(error: unknown, domain: string): string {
  const { code = '', reason, cert } = error as { code?: string; reason?: string; cert?: PeerCertificate }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `the server's certificate is not for ${domain}, it names ${namesIn(cert)}`
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
    return `the server answered with something that is not TLS; direct TLS usually has a port of its own (${code})`
  }
  const meaning = meanings[code]
  // OpenSSL's message names its own source files; the reason in it is enough.
  return meaning === undefined
    ? `TLS with ${domain} failed: ${reason === undefined ? describe(error) : `${reason} (${code})`}`
    : `the server's certificate for ${domain} is refused: ${meaning} (${code})`
}

/** The DNS names and addresses of a certificate; there may be hundreds, of which a person wants to see the first. */
function namesIn(cert: PeerCertificate | undefined): string {
  const alternatives = cert?.subjectaltname?.split(', ') ?? []
  const names = alternatives.flatMap(name => /^(?:DNS|IP Address):(.*)$/.exec(name)?.[1] ?? [])
  if (names.length === 0) return String(cert?.subject?.CN ?? 'nothing').slice(0, 100)
  const more = names.length > 8 ? ` and ${names.length - 8} more` : ''
  return `${names
    .slice(0, 8)
    .map(name => name.slice(0, 100))
    .join(', ')}${more}`
}
