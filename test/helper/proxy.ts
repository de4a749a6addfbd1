import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'
import { type Clock, systemClock } from '../../src/clock.ts'

/** Stands between a client and a server of a test and is the network: it can be slow, fall silent and break. */
export class TcpProxy {
  /** Where clients come, on 127.0.0.1. */
  readonly port: number
  /** How many connections it has taken so far. */
  accepted = 0
  /**
   * How often one end has begun to say something behind what the other one said, on all connections. Two of them are a round trip;
   * the one of TCP's own handshake is not among them.
   */
  flights = 0
  /** Told of each. */
  onFlight: (() => void) | undefined
  readonly #server: Server
  readonly #links = new Set<Link>()
  readonly #way: Way

  /** Listens until the test is over, and passes on to that port; `host` is 127.0.0.1 unless given. */
  static async start(t: Test, to: { port: number; host?: string }, clock: Clock = systemClock): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new TcpProxy(server, to, clock)
    t.teardown(() => proxy.close())
    return proxy
  }

  private constructor(server: Server, { port, host = '127.0.0.1' }: { port: number; host?: string }, clock: Clock) {
    this.port = (server.address() as AddressInfo).port
    this.#server = server
    this.#way = { clock, delay: 0, silent: false }
    server.on('connection', client => {
      this.accepted++
      const told = {
        flight: () => {
          this.flights++
          this.onFlight?.()
        },
        over: () => void this.#links.delete(link),
      }
      const link = new Link(client, connect({ port, host, allowHalfOpen: true }), this.#way, told)
      this.#links.add(link)
    })
  }

  /** How many connections are open. */
  get open(): number {
    return this.#links.size
  }

  /** Resets every connection, at both ends; what was under way is lost. New ones are welcome. */
  cut(): void {
    for (const link of [...this.#links]) link.cut()
  }

  /**
   * While on, nothing is passed on either way, data, ends and resets alike, of connections old and new, and nobody is told. Nothing is
   * lost: what is sent meanwhile waits, as where packets are dropped and sent again, and is passed on when it is off.
   */
  blackhole(on: boolean): void {
    this.#way.silent = on
    for (const link of this.#links) link.flow()
  }

  /** Whatever comes from now on arrives `ms` milliseconds later, each way, in its order; 0 is at once. */
  delay(ms: number): void {
    this.#way.delay = ms
  }

  /** Cuts, and takes no more connections; resolves when nothing is left. */
  async close(): Promise<void> {
    const gone = this.#server.listening ? once(this.#server, 'close') : undefined
    this.#server.close()
    this.cut()
    await gone
  }
}

/** What holds for all connections of a proxy. */
interface Way {
  readonly clock: Clock
  delay: number
  silent: boolean
}

/** Whom a connection tells what becomes of it. */
interface Told {
  flight(): void
  over(): void
}

/** A connection through the proxy. */
class Link {
  readonly #ends: readonly [Socket, Socket]
  readonly #pipes: readonly [Pipe, Pipe]
  readonly #way: Way
  readonly #told: Told
  /** Who has spoken last. */
  #speaker: Socket | undefined
  /** One end was reset while nothing was to be passed on. */
  #broken = false

  constructor(client: Socket, server: Socket, way: Way, told: Told) {
    this.#ends = [client, server]
    this.#pipes = [new Pipe(client, server, way), new Pipe(server, client, way)]
    this.#way = way
    this.#told = told
    for (const end of this.#ends) {
      end.setNoDelay(true)
      end.on('data', () => this.#spoken(end))
      end.on('error', () => {
        this.#broken = true
      })
      end.on('close', () => this.flow())
    }
  }

  /** Goes on with whatever can go on. */
  flow(): void {
    if (this.#broken && !this.#way.silent) return this.cut()
    if (this.#ends.every(end => end.destroyed)) return this.#told.over()
    for (const pipe of this.#pipes) pipe.flow()
  }

  cut(): void {
    for (const pipe of this.#pipes) pipe.drop()
    // COMPAT Node 20: to reset a socket that has been ended fails unsaid, leaks it, and then the process spins instead of exiting.
    for (const end of this.#ends) {
      if (end.writableEnded) end.destroy()
      else end.resetAndDestroy()
    }
    this.#told.over()
  }

  #spoken(end: Socket): void {
    if (end === this.#speaker) return
    this.#speaker = end
    this.#told.flight()
  }
}

/** One direction of a connection. */
class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #way: Way
  /** What has come and is not passed on yet, oldest first; without data it is the end. */
  readonly #waiting: { readonly due: number; readonly data?: Buffer }[] = []
  #stopTimer: (() => void) | undefined

  constructor(from: Socket, to: Socket, way: Way) {
    this.#from = from
    this.#to = to
    this.#way = way
    from.on('data', data => this.#take(data))
    from.on('end', () => this.#take())
    to.on('drain', () => this.flow())
    this.flow()
  }

  flow(): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    const { clock, silent } = this.#way
    while (!silent && !this.#to.writableNeedDrain) {
      const next = this.#waiting[0]
      if (next === undefined) break
      const wait = next.due - clock.now()
      if (wait > 0) {
        this.#stopTimer = clock.after(wait, () => this.flow())
        break
      }
      this.#waiting.shift()
      if (next.data === undefined) this.#to.end()
      else this.#to.write(next.data)
    }
    // What is not read waits at its sender, whom nobody tells.
    if (silent || this.#to.writableNeedDrain) this.#from.pause()
    else this.#from.resume()
  }

  drop(): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    this.#waiting.length = 0
  }

  #take(data?: Buffer): void {
    const due = this.#way.clock.now() + this.#way.delay
    this.#waiting.push(data === undefined ? { due } : { due, data })
    this.flow()
  }
}
