import type { Bindings } from '../../src/stream/channel-bindings.ts'
import type { Transport } from '../../src/stream/transport.ts'

/**
 * A pipe that says it is inside TLS 1.3.
 * @param bindings what a login can be bound to there
 */
export function underTls(inner: Transport, bindings: Bindings = new Map()): Transport {
  return {
    tls: {
      version: 'TLSv1.3',
      cipher: 'none',
      alpn: undefined,
      verified: true,
      resumed: false,
      peerCertificate: () => undefined,
      exporter: () => new Uint8Array(),
      bindings: () => bindings,
    },
    read: () => inner.read(),
    readTo: reader => inner.readTo(reader),
    get unread() {
      return inner.unread
    },
    write: data => inner.write(data),
    get congested() {
      return inner.congested
    },
    get queued() {
      return inner.queued
    },
    drained: () => inner.drained(),
    startTls: () => Promise.reject(new Error('TLS inside TLS')),
    end: () => inner.end(),
    hangUp: (clock, ms) => inner.hangUp(clock, ms),
    destroy: reason => inner.destroy(reason),
  }
}
