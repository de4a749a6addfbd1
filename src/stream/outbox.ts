import type { Transport } from './transport.ts'

/** How what is sent is gathered and bounded. */
export interface OutboxOptions {
  /** False sends each piece in a write of its own instead of joining those of one turn of the event loop. */
  readonly coalesce?: boolean | undefined
  /** Bytes that may wait to be sent before the outbox counts as full. Default 16 MiB. */
  readonly limit?: number | undefined
  /** Sees everything that is handed to the transport. */
  readonly onWrite?: ((bytes: Uint8Array) => void) | undefined
}

/** Characters that are handed to the transport without waiting for the end of the turn. */
const FLUSH_AT = 65_536
const LIMIT = 16_777_216

/** What is on its way out: pieces of one turn of the event loop leave in one write, and whoever sends too fast is told. */
export class Outbox {
  /** Where it goes; another one from the moment that TLS lies under the stream. */
  transport: Transport
  readonly #options: OutboxOptions
  #text = ''
  #scheduled = false

  constructor(transport: Transport, options: OutboxOptions) {
    this.transport = transport
    this.#options = options
  }

  /** More is waiting than may wait. */
  get full(): boolean {
    return this.#text.length + this.transport.queued > (this.#options.limit ?? LIMIT)
  }

  /** Takes text to be sent by the end of this turn. Returns a promise when the caller had better wait; it never rejects. */
  queue(text: string): Promise<void> | undefined {
    this.#text += text
    if (this.#options.coalesce === false || this.#text.length >= FLUSH_AT) this.flush()
    else if (!this.#scheduled) {
      this.#scheduled = true
      process.nextTick(flushLater, this)
    }
    return this.transport.congested ? this.transport.drained() : undefined
  }

  /** Writes exactly these bytes at once, behind everything queued. */
  put(bytes: Uint8Array): Promise<void> | undefined {
    this.flush()
    this.#write(bytes)
    return this.transport.congested ? this.transport.drained() : undefined
  }

  /** Hands everything queued to the transport now. */
  flush(): void {
    if (this.#text === '') return
    const text = this.#text
    this.#text = ''
    this.#write(text)
  }

  /** For the end of the turn. */
  flushScheduled(): void {
    this.#scheduled = false
    this.flush()
  }

  #write(data: string | Uint8Array): void {
    this.#options.onWrite?.(typeof data === 'string' ? Buffer.from(data) : data)
    this.transport.write(data)
  }
}

/** One for all: a closure for each outbox would be held as long as its stream. */
function flushLater(outbox: Outbox): void {
  outbox.flushScheduled()
}
