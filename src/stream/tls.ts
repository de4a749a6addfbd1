import type { Duplex } from 'node:stream'
import type { SecureVersion, TLSSocket } from 'node:tls'
import type { Bindings } from './channel-bindings.ts'
import { accept } from './tls-acceptor.ts'
import { initiate } from './tls-initiator.ts'
import type { TlsSessions } from './tls-sessions.ts'

/** Whom an initiator trusts, and who it is: the same for all the TLS of one account. */
export interface TlsTrust {
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string | undefined
  /** False accepts any certificate: encryption without knowing to whom. Default true. */
  readonly verify?: boolean | undefined
  /** What SNI asks for and the certificate must name, instead of the domain: its holder is then trusted to serve the domain. */
  readonly servername?: string | undefined
  /** Our own certificate, followed by those of its issuers; PEM. The server gets it when it asks for one. */
  readonly cert?: string | undefined
  /** The private key of `cert`; PEM, not encrypted. */
  readonly key?: string | undefined
  /** Where sessions are kept for the next connection. Without it every handshake is a full one. */
  readonly sessions?: TlsSessions | undefined
  /**
   * Which of the kept sessions may be gone on with. `tls1.3` is for who may bind a login to the channel: to a session of TLS 1.2 an
   * attacker can tie two channels that have the same tls-unique, unless both sides know RFC 7627 (§1 there, the triple handshake), and
   * some servers take the wrong one of its Finished messages for it (RFC 5929 §3.1). Default `all`.
   */
  readonly resume?: 'all' | 'tls1.3' | undefined
  /** The newest version to offer. Default whatever Node knows. For testers. */
  readonly maxVersion?: SecureVersion | undefined
}

/** How an initiator starts TLS. */
export interface TlsClientOptions extends TlsTrust {
  readonly role?: 'initiator'
  /** What the certificate must name, and what SNI asks for: the domain of the JID, whatever host was dialled (RFC 6120 §13.7.2). */
  readonly domain: string
  /** Offers ALPN `xmpp-client` or what is named here; for direct TLS (XEP-0368 §3). A server may choose it or ignore ALPN. */
  readonly alpn?: string | undefined
  /** The services an SRV-ID may name (RFC 4985). Default those of a client. */
  readonly services?: readonly string[] | undefined
}

/** Only what {@link TlsTrust} names of an object that holds more. */
export function trustOf(options: TlsTrust): TlsTrust {
  const { ca, verify, servername, cert, key, sessions, resume, maxVersion } = options
  return { ca, verify, servername, cert, key, sessions, resume, maxVersion }
}

/** How an acceptor starts TLS. What it costs to read key and certificates is paid once for each such object. */
export interface TlsServerOptions {
  readonly role: 'acceptor'
  /** PEM. */
  readonly cert: string
  /** PEM. */
  readonly key: string
  /** A client that offers ALPN without this is refused (RFC 7301 §3.2). */
  readonly alpn?: string | undefined
  /** The oldest and the newest version to take. Default TLS 1.2 and whatever Node knows. */
  readonly minVersion?: SecureVersion | undefined
  readonly maxVersion?: SecureVersion | undefined
  /**
   * Asks the client for a certificate; `require` ends the handshake without one. Whatever it is, it is not verified:
   * `TlsFacts.peerCertificate()` has it for whoever judges it.
   */
  readonly clientCertificate?: 'request' | 'require' | undefined
  /** PEM certificates of the CAs by which the client may choose its own. */
  readonly ca?: string | undefined
}

/** Either side's. */
export type TlsOptions = TlsClientOptions | TlsServerOptions

/** What a handshake agreed on. */
export interface TlsFacts {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly version: string
  readonly cipher: string
  readonly alpn: string | undefined
  /** Whether the peer's certificate was verified, its name included; on a resumed session too. Always false for an acceptor. */
  readonly verified: boolean
  /** Whether it went on with the session of an earlier connection instead of showing certificates again. */
  readonly resumed: boolean
  /** The peer's certificate in DER; undefined when it has shown none, and when the connection is over. */
  peerCertificate(): Uint8Array | undefined
  /** Keying material exporter (RFC 5705, RFC 8446 §7.5). */
  exporter(length: number, label: string, context?: Uint8Array): Uint8Array
  /** What of this channel a login can be bound to (RFC 5929, RFC 9266), while the connection lasts. */
  bindings(): Bindings
}

/** A handshake that is done. */
export interface Secured {
  readonly socket: TLSSocket
  readonly facts: TlsFacts
}

/**
 * Runs a TLS handshake over a duplex. TLS 1.2 is the oldest taken, without compression and renegotiation.
 * @param began is handed the socket before the handshake, so that it can be given up
 * @throws XmppError `XMPP_TLS_REFUSED` that says in words what is wrong with the certificate, or why the handshake failed; its
 * condition is the alert of RFC 8446 §6.2 that fits, if one does. `XMPP_JID_MALFORMED` for a name that is no domain
 */
export function secure(duplex: Duplex, options: TlsOptions, began: (socket: TLSSocket) => void): Promise<Secured> {
  return options.role === 'acceptor' ? accept(duplex, options, began) : initiate(duplex, options, began)
}
