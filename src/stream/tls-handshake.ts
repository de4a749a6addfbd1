import type { TLSSocket } from 'node:tls'
import { nodeCrypto } from '../builtin.ts'
import { channelBindings } from './channel-bindings.ts'
import type { TlsFacts } from './tls.ts'

/** What both sides do without: renegotiation, which TLS 1.3 has dropped, and compression, which gives away what it shortens. */
export const bothSides = {
  get secureOptions() {
    const { constants } = nodeCrypto()
    return constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION
  },
}

/** What is known of a handshake otherwise than by the socket. */
export interface Known {
  /** Whether the peer has been verified. Default Node's own opinion. */
  readonly verified?: boolean
  /** The peer's certificate, where the socket does not have it. */
  readonly certificate?: Uint8Array | undefined
  /** Default what the socket says. */
  readonly role?: 'initiator' | 'acceptor'
}

/** Reads off a socket what its handshake agreed on. */
export function tlsFacts(socket: TLSSocket, known: Known = {}): TlsFacts {
  const { verified = socket.authorized, certificate, role = roleOf(socket) } = known
  const peerCertificate = (): Uint8Array | undefined => certificate ?? socket.getPeerCertificate()?.raw
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
    verified,
    resumed: socket.isSessionReused(),
    // Not as an X509Certificate: Node takes that out of the chain, and has it but once.
    peerCertificate,
    exporter: (length, label, context = new Uint8Array()) =>
      socket.exportKeyingMaterial(length, label, Buffer.from(context)),
    bindings: () => channelBindings(socket, role, role === 'initiator' ? peerCertificate() : ownCertificate(socket)),
  }
}

/** Of a socket that somebody else has made. Node has no public word for it; this one has always been there. */
function roleOf(socket: TLSSocket): 'initiator' | 'acceptor' {
  const { _tlsOptions } = socket as TLSSocket & { readonly _tlsOptions?: { readonly isServer?: boolean } }
  return _tlsOptions?.isServer ? 'acceptor' : 'initiator'
}

function ownCertificate(socket: TLSSocket): Uint8Array | undefined {
  const own = socket.getCertificate()
  return own !== null && 'raw' in own ? (own.raw as Uint8Array) : undefined
}

/** For good: Node reports a broken handshake by 'end' or 'close' and then, when we have stopped waiting, by an error too. */
export function forGood(socket: TLSSocket): TLSSocket {
  return socket.on('error', () => {})
}

/**
 * Waits for a handshake to be done.
 * @param check is called the moment the handshake is done: nothing else has been told of it yet, and what it throws ends it all
 */
export function handshake<T>(
  socket: TLSSocket,
  done: 'secure' | 'secureConnect',
  check: (s: TLSSocket) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      // On the server's side Node reports a failed handshake as `_tlsError` and a close.
      socket.off(done, complete).off('error', fail).off('_tlsError', fail).off('end', closed).off('close', closed)
    }
    const complete = (): void => {
      stop()
      try {
        resolve(check(socket))
      } catch (error) {
        socket.destroy()
        reject(error)
      }
    }
    const fail = (error: Error): void => {
      stop()
      reject(error)
    }
    const closed = (): void => fail(new Error('the peer closed the connection during the handshake'))
    // Over a socket that may be half open, the peer's end does not close it, and no handshake gets past that.
    socket.on(done, complete).on('error', fail).on('_tlsError', fail).on('end', closed).on('close', closed)
  })
}
