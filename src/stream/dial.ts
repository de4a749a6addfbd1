import type { Socket } from 'node:net'
import { nodeNet } from '../builtin.ts'
import { type Clock, systemClock } from '../clock.ts'
import { describe, XmppError } from '../errors.ts'
import { addressesOf, type Dns, systemDns } from './dns.ts'
import { type Transport, transport } from './transport.ts'

/** Where to connect to, and until when to try. */
export interface DialOptions {
  readonly host: string
  readonly port: number
  readonly signal?: AbortSignal | undefined
  /** The addresses of the host, in the order in which to try them. Default: those that the DNS has. */
  readonly addresses?: readonly string[] | undefined
  /** Default: the system's. */
  readonly dns?: Dns | undefined
  readonly clock?: Clock | undefined
}

/** ms until the next address is tried beside those that have not answered (RFC 8305 §5, Connection Attempt Delay). */
const HEAD_START = 250

/**
 * Opens a TCP connection to whichever address of the host answers first (RFC 8305): each gets a head start of 250 ms on the next, and
 * goes on being tried after it, since a slow link is no broken one; Node's own `autoSelectFamily` gives it up then.
 * @throws XmppError `XMPP_CONNECT_FAILED` that names host, port, and each address with its reason; the signal's reason when aborted
 */
export async function dial(options: DialOptions): Promise<Transport> {
  const { port, signal = new AbortController().signal, clock = systemClock } = options
  signal.throwIfAborted()
  try {
    const addresses = options.addresses ?? (await lookUp({ ...options, signal }))
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error('that is no port')
    const socket = await new Race(addresses, port, clock, signal).winner
    if (!signal.aborted) return transport(socket)
    socket.destroy()
    throw signal.reason
  } catch (error) {
    throw failed(options, signal, error)
  }
}

/**
 * The addresses to try for a host, as `dial()` finds them; for those who want to know when it is done.
 * @throws as {@link dial}
 */
export async function lookUp(options: DialOptions & { readonly signal: AbortSignal }): Promise<readonly string[]> {
  const { host, dns = systemDns(), signal } = options
  try {
    return await addressesOf(host, dns, signal)
  } catch (error) {
    throw failed(options, signal, error)
  }
}

function failed({ host, port }: DialOptions, signal: AbortSignal, error: unknown): unknown {
  if (signal.aborted) return signal.reason
  if (error instanceof XmppError && error.code === 'XMPP_CONNECT_FAILED') return error
  return new XmppError('XMPP_CONNECT_FAILED', `cannot connect to ${host} port ${port}: ${reasons(error)}`, {
    cause: error,
  })
}

/** All attempts at one host. When it is decided, and when it is called off, nothing is left of the others. */
class Race {
  readonly winner: Promise<Socket>
  readonly #left: string[]
  readonly #port: number
  readonly #clock: Clock
  readonly #open = new Set<Socket>()
  readonly #failures: Error[] = []
  #cancel = (): void => {}
  #decide!: (winner: Socket | undefined, reason?: unknown) => void

  constructor(addresses: readonly string[], port: number, clock: Clock, signal: AbortSignal) {
    this.#left = [...addresses]
    this.#port = port
    this.#clock = clock
    this.winner = new Promise((resolve, reject) => {
      const aborted = (): void => this.#decide(undefined, signal.reason)
      this.#decide = (winner, reason) => {
        this.#cancel()
        this.#left.length = 0
        signal.removeEventListener('abort', aborted)
        for (const socket of this.#open) if (socket !== winner) socket.destroy()
        if (winner === undefined) reject(reason)
        else resolve(winner)
      }
      signal.addEventListener('abort', aborted)
      this.#next()
    })
  }

  #next(): void {
    this.#cancel()
    const address = this.#left.shift()
    if (address === undefined) {
      if (this.#open.size === 0) this.#decide(undefined, verdict(this.#failures))
      return
    }
    const socket = nodeNet().connect({ host: address, port: this.#port, noDelay: true })
    this.#open.add(socket)
    const lost = (error: Error): void => {
      this.#open.delete(socket)
      this.#failures.push(error)
      this.#next()
    }
    socket.once('error', lost).once('connect', () => {
      socket.off('error', lost)
      this.#decide(socket)
    })
    if (this.#left.length > 0) this.#cancel = this.#clock.after(HEAD_START, () => this.#next())
  }
}

/** One failure is itself, several are one error with the code that they share. */
function verdict(failures: readonly Error[]): Error {
  const [first, ...others] = failures
  if (first === undefined) return new Error('there is no address to connect to')
  if (others.length === 0) return first
  const codes = new Set(failures.map(failure => (failure as NodeJS.ErrnoException).code))
  return Object.assign(new AggregateError(failures), codes.size === 1 ? { code: [...codes][0] } : {})
}

/** Node's texts name their address each. */
function reasons(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(describe).join('; ') : describe(error)
}
