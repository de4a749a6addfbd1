import type { TLSSocket } from 'node:tls'
import { nodeCrypto } from '../builtin.ts'
import { signatureHash } from './certificate-hash.ts'

/** The names of RFC 5929 and RFC 9266. */
export type BindingType = 'tls-exporter' | 'tls-unique' | 'tls-server-end-point'

/** What of a TLS channel one can bind to, by the type's name: what both of its ends see, and nobody between them. */
export type Bindings = ReadonlyMap<BindingType, () => Uint8Array>

/**
 * What a socket whose handshake is done can be bound to.
 * @param server the certificate of the server, whichever side this is, in DER
 */
export function channelBindings(socket: TLSSocket, role: 'initiator' | 'acceptor', server?: Uint8Array): Bindings {
  const bindings = new Map<BindingType, () => Uint8Array>()
  // RFC 9266 §4.1: before TLS 1.3 only with the extended master secret (RFC 7627), of which Node does not tell.
  if (socket.getProtocol() === 'TLSv1.3') bindings.set('tls-exporter', () => exported(socket))
  // RFC 9266 §3: there is no tls-unique in TLS 1.3.
  const finished = socket.getProtocol() === 'TLSv1.2' ? firstFinished(socket, role) : undefined
  if (finished !== undefined) bindings.set('tls-unique', () => finished)
  const hash = server && signatureHash(server)
  if (hash !== undefined)
    bindings.set('tls-server-end-point', () =>
      nodeCrypto()
        .createHash(hash)
        .update(server as Uint8Array)
        .digest(),
    )
  return bindings
}

/** RFC 9266 §4.2. */
function exported(socket: TLSSocket): Uint8Array {
  return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
}

/** RFC 5929 §3.1: of the two Finished messages the first, which is the client's, but the server's where a session is resumed. */
function firstFinished(socket: TLSSocket, role: 'initiator' | 'acceptor'): Uint8Array | undefined {
  const ours = (role === 'initiator') !== socket.isSessionReused()
  return ours ? socket.getFinished() : socket.getPeerFinished()
}
