import type { TLSSocket } from 'node:tls'
import { nodeCrypto } from '../builtin.ts'
import type { TlsFacts } from './tls.ts'

/** What both sides do without: renegotiation, which TLS 1.3 has dropped, and compression, which gives away what it shortens. */
export const bothSides = {
  get secureOptions() {
    const { constants } = nodeCrypto()
    return constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION
  },
}

/**
 * Reads off a socket what its handshake agreed on.
 * @param verified what is known of it otherwise than by Node's own check
 * @param certificate the peer's, where the socket does not have it
 */
export function tlsFacts(socket: TLSSocket, verified = socket.authorized, certificate?: Uint8Array): TlsFacts {
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
    verified,
    resumed: socket.isSessionReused(),
    // Not as an X509Certificate: Node takes that out of the chain, and has it but once.
    peerCertificate: () => certificate ?? socket.getPeerCertificate()?.raw,
    exporter: (length, label, context = new Uint8Array()) =>
      socket.exportKeyingMaterial(length, label, Buffer.from(context)),
  }
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
