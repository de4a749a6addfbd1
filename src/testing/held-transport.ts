import type { Clock } from '../clock.ts'
import { XmppError } from '../errors.ts'
import type { TlsFacts, TlsOptions } from '../stream/tls.ts'
import type { ChunkReader, Transport } from '../stream/transport.ts'

/** How slow the link pretends to be; one for all connections of a server. */
export class Hold {
  /** How long each write waits, in ms. */
  delay = 0
  readonly clock: Clock
  /** Let go of what is held, one function for each transport that holds something. */
  readonly waiting = new Set<() => void>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Holds back nothing any more, not even what was written before. */
  release(): void {
    this.delay = 0
    for (const letGo of [...this.waiting]) letGo()
  }
}

/** A transport whose writes wait as long as `hold` says at the time they are made. Their order is kept. */
export function held(inner: Transport, hold: Hold): Transport {
  return new HeldTransport(inner, hold)
}

interface Step {
  readonly due: number
  readonly bytes: number
  run(): void
}

class HeldTransport implements Transport {
  readonly #inner: Transport
  readonly #hold: Hold
  #steps: Step[] = []
  #bytes = 0
  #cancel: (() => void) | undefined
  #destroyed = false

  constructor(inner: Transport, hold: Hold) {
    this.#inner = inner
    this.#hold = hold
  }

  get tls(): TlsFacts | undefined {
    return this.#inner.tls
  }

  get unread(): boolean {
    return this.#inner.unread
  }

  get congested(): boolean {
    return this.#inner.congested
  }

  get queued(): number {
    return this.#inner.queued + this.#bytes
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#inner.read()
  }

  readTo(reader: ChunkReader): void {
    this.#inner.readTo(reader)
  }

  drained(): Promise<void> {
    return this.#inner.drained()
  }

  write(data: string | Uint8Array): void {
    const { delay, clock } = this.#hold
    if (delay === 0 && this.#steps.length === 0) this.#inner.write(data)
    else this.#push({ due: clock.now() + delay, bytes: data.length, run: () => this.#inner.write(data) })
  }

  async startTls(options: TlsOptions): Promise<Transport> {
    await new Promise<void>(resolve => this.#behind(resolve))
    // What came in clear while <proceed/> was held back would be lost here, and is forbidden (RFC 6120 §5.4.3.3).
    if (this.#inner.unread) throw new XmppError('XMPP_TLS_REFUSED', 'data in clear behind <proceed/>')
    return new HeldTransport(await this.#inner.startTls(options), this.#hold)
  }

  end(): void {
    this.#behind(() => this.#inner.end())
  }

  hangUp(clock: Clock, ms: number): void {
    this.#behind(() => this.#inner.hangUp(clock, ms))
  }

  destroy(reason?: Error): void {
    this.#destroyed = true
    this.#inner.destroy(reason)
    // Whoever waits to start TLS goes on, and finds the pipe destroyed.
    this.#letGo()
  }

  /** Runs what belongs right behind the last write. */
  #behind(run: () => void): void {
    const last = this.#steps.at(-1)
    if (last === undefined) run()
    else this.#push({ due: last.due, bytes: 0, run })
  }

  #push(step: Step): void {
    if (this.#destroyed) return step.run()
    this.#steps.push(step)
    this.#bytes += step.bytes
    this.#hold.waiting.add(this.#letGo)
    if (this.#steps.length === 1) this.#wait()
  }

  #wait(): void {
    const { clock, waiting } = this.#hold
    const [next] = this.#steps
    if (next === undefined) return void waiting.delete(this.#letGo)
    this.#cancel = clock.after(Math.max(0, next.due - clock.now()), () => {
      // All that is due at once: the handshake must begin before an answer to <proceed/> can come.
      while (this.#steps[0] !== undefined && this.#steps[0].due <= next.due) {
        const step = this.#steps.shift() as Step
        this.#bytes -= step.bytes
        step.run()
      }
      this.#wait()
    })
  }

  readonly #letGo = (): void => {
    this.#hold.waiting.delete(this.#letGo)
    this.#cancel?.()
    const steps = this.#steps
    this.#steps = []
    this.#bytes = 0
    for (const { run } of steps) run()
  }
}
