import type { Transport } from '../../src/stream/transport.ts'

/** A pipe that says it is inside TLS. */
export function underTls(inner: Transport): Transport {
  return {
    tls: {
      version: 'TLSv1.3',
      cipher: 'none',
      alpn: undefined,
      verified: true,
      resumed: false,
      peerCertificate: () => undefined,
      exporter: () => new Uint8Array(),
      bindings: () => new Map(),
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
