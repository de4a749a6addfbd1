import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { nodeTls } from '../builtin.ts'
import type { Clock } from '../clock.ts'
import { describe, XmppError } from '../errors.ts'
import { secure, type TlsFacts, type TlsOptions } from './tls.ts'
import { tlsFacts } from './tls-handshake.ts'
import { alertIn, brokenRecord } from './tls-words.ts'

/** A pipe of bytes to the other side. A program's is a socket, a test's may be half of a `duplexPair()`. */
export interface Transport {
  /** What TLS negotiated, undefined while the pipe is in clear. */
  readonly tls: TlsFacts | undefined
  /** The next chunk, undefined once the other side has ended. Rejects when the pipe breaks. One reader at a time. */
  read(): Promise<Uint8Array | undefined>
  /** The same for who waits on many pipes: the reader is told instead of a promise, and never before this returns. */
  readTo(reader: ChunkReader): void
  /** Something has arrived that nobody has read yet. */
  readonly unread: boolean
  /** Queues data. */
  write(data: string | Uint8Array): void
  /** So much is queued that a sender had better wait for `drained()`. */
  readonly congested: boolean
  /** Bytes queued that the system has not taken yet. */
  readonly queued: number
  /** Resolves when the queue has been taken, or will never be. */
  drained(): Promise<void>
  /** Starts TLS and returns the pipe inside it; this one is of no more use than to be destroyed. */
  startTls(options: TlsOptions): Promise<Transport>
  /** Says that we shall send no more: a half-close. */
  end(): void
  /** Half-closes, throws away what still arrives, and destroys when the other side has ended too, or after `ms`. */
  hangUp(clock: Clock, ms: number): void
  /** Ends everything at once; a pending `read()` rejects with the reason. */
  destroy(reason?: Error): void
}

/** Is told one of the two, once for each time it is handed to {@link Transport.readTo}. */
export interface ChunkReader {
  /** A chunk, undefined once the other side has ended. */
  arrived(chunk: Uint8Array | undefined): void
  broken(error: Error): void
}

/** A transport over any duplex of bytes, a TLS socket of the caller's own included. It is its only listener from then on. */
export function transport(duplex: Duplex): Transport {
  return new DuplexTransport(duplex, isTls(duplex) ? tlsFacts(duplex) : undefined)
}

/** `encrypted` is true of any TLS socket, so that nobody loads node:tls to learn that a socket is none. */
function isTls(duplex: Duplex): duplex is TLSSocket {
  return (duplex as Partial<TLSSocket>).encrypted === true && duplex instanceof nodeTls().TLSSocket
}

class DuplexTransport implements Transport {
  readonly tls: TlsFacts | undefined
  readonly #duplex: Duplex
  #chunks: Uint8Array[] = []
  #reader: ChunkReader | undefined
  #ended = false
  #error: Error | undefined
  #draining: Promise<void> | undefined
  /** During a TLS handshake, what runs it. */
  #upgrade: TLSSocket | undefined

  constructor(duplex: Duplex, tls?: TlsFacts) {
    this.#duplex = duplex
    this.tls = tls
    duplex.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onEnd)
    // It may have broken before anyone listened.
    if (duplex.errored !== null) this.#onError(duplex.errored)
    else if (duplex.destroyed) this.#onEnd()
  }

  get unread(): boolean {
    return this.#chunks.length > 0 || this.#duplex.readableLength > 0
  }

  get queued(): number {
    return this.#duplex.writableLength
  }

  read(): Promise<Uint8Array | undefined> {
    return new Promise((arrived, broken) => this.readTo({ arrived, broken }))
  }

  readTo(reader: ChunkReader): void {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) {
      if (this.#chunks.length === 0) this.#duplex.resume()
      queueMicrotask(() => reader.arrived(chunk))
      return
    }
    this.#reader = reader
    if (this.#error !== undefined || this.#ended) queueMicrotask(this.#tellEnd)
  }

  get congested(): boolean {
    return this.#duplex.writableNeedDrain
  }

  write(data: string | Uint8Array): void {
    if (this.#duplex.writable) this.#duplex.write(data)
  }

  drained(): Promise<void> {
    const duplex = this.#duplex
    if (!duplex.writableNeedDrain || duplex.destroyed) return Promise.resolve()
    // One for all who wait: a sender that does not wait asks again with each stanza.
    this.#draining ??= new Promise<void>(resolve => {
      const done = (): void => {
        duplex.off('drain', done).off('close', done)
        this.#draining = undefined
        resolve()
      }
      duplex.on('drain', done).on('close', done)
    })
    return this.#draining
  }

  async startTls(options: TlsOptions): Promise<Transport> {
    this.#duplex.off('data', this.#onData).off('end', this.#onEnd)
    try {
      const { socket, facts } = await secure(this.#duplex, options, upgrade => {
        this.#upgrade = upgrade
      })
      this.#duplex.off('close', this.#onEnd)
      return new DuplexTransport(socket, facts)
    } catch (error) {
      throw this.#error ?? error
    } finally {
      this.#upgrade = undefined
    }
  }

  end(): void {
    this.#duplex.end()
  }

  hangUp(clock: Clock, ms: number): void {
    const duplex = this.#duplex
    if (duplex.destroyed) return
    const cancel = clock.after(ms, () => duplex.destroy())
    duplex.on('close', cancel)
    // A closed peer must not cut short what we still have to say, hence only after our own side is flushed.
    const both = (): void => void (duplex.readableEnded && duplex.writableFinished && duplex.destroy())
    duplex.off('data', this.#onData).on('end', both).on('finish', both).resume()
    this.#chunks = []
    duplex.end()
  }

  destroy(reason?: Error): void {
    this.#error ??= reason
    this.#upgrade?.destroy(reason)
    this.#duplex.destroy()
    this.#onEnd()
  }

  readonly #onData = (chunk: Uint8Array): void => {
    const reader = this.#reader
    if (reader === undefined) {
      this.#chunks.push(chunk)
      this.#duplex.pause()
    } else {
      this.#reader = undefined
      reader.arrived(chunk)
    }
  }

  readonly #onEnd = (): void => {
    this.#ended = true
    this.#tellEnd()
  }

  readonly #tellEnd = (): void => {
    const reader = this.#reader
    this.#reader = undefined
    if (this.#error === undefined) reader?.arrived(undefined)
    else reader?.broken(this.#error)
  }

  readonly #onError = (error: Error): void => {
    const alert = alertIn(error)
    const why =
      alert === undefined ? (brokenRecord(error) ?? describe(error)) : `the peer has ended TLS: ${alert.words}`
    this.#error ??= new XmppError('XMPP_CONNECTION_LOST', `connection lost: ${why}`, {
      cause: error,
      ...(alert && { condition: alert.condition }),
    })
    this.#onEnd()
  }
}
