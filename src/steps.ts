import type { Clock } from './clock.ts'
import { XmppError } from './errors.ts'

/** What has to be done, in this order, before there is a session; each has its time limit. */
export type Step = 'resolve' | 'connect' | 'tls' | 'negotiation'

/** How long each step may take, in ms. */
export interface Timeouts {
  /** Finding the servers of the domain, and then the addresses of each that is tried. Default 10,000. */
  readonly resolve: number
  /** The TCP connection to one server, at whichever of its addresses. Default 20,000. */
  readonly connect: number
  /** The TLS handshake, direct or behind STARTTLS. Default 20,000. */
  readonly tls: number
  /** All that is said in XML up to the session, and what a source of credentials takes; without TLS. Default 30,000. */
  readonly negotiation: number
}

/**
 * One number is the limit of each step.
 * @throws RangeError for what is no time to wait: a timer would go off at once
 */
export function timeoutsOf(timeout: number | Partial<Timeouts> = {}): Timeouts {
  const limits = { ...defaults }
  for (const step of Object.keys(defaults) as Step[]) {
    const ms = (typeof timeout === 'number' ? timeout : timeout[step]) ?? defaults[step]
    if (!(ms > 0 && ms <= LONGEST)) {
      throw new RangeError(`the time limit for ${step} must be above 0 and at most ${LONGEST} ms, not ${ms}`)
    }
    limits[step] = ms
  }
  return limits
}

/** What a timer of Node can count, in ms: 24 days. */
const LONGEST = 2_147_483_647

const defaults: Readonly<Timeouts> = { resolve: 10_000, connect: 20_000, tls: 20_000, negotiation: 30_000 }

/** What all steps of one connect() have in common. */
export interface Way {
  readonly clock: Clock
  readonly timeouts: Timeouts
  /** The caller's. */
  readonly signal: AbortSignal | undefined
}

/** Steps that follow one another: aborted when a step takes longer than it may, or when the caller's signal is. */
export class Steps {
  /** Its reason is the caller's, or XmppError `XMPP_TIMEOUT` that names the step. */
  readonly signal: AbortSignal
  /** The one that is on, or was last. */
  current: Step = 'resolve'
  readonly #clock: Clock
  readonly #left: Record<Step, number>
  readonly #timeouts: Timeouts
  readonly #end: () => void
  readonly #abort: (reason: unknown) => void
  #stop = (): void => {}

  constructor({ clock, timeouts, signal: outer }: Way) {
    const controller = new AbortController()
    const aborted = (): void => controller.abort(outer?.reason)
    outer?.addEventListener('abort', aborted)
    this.signal = controller.signal
    this.#clock = clock
    this.#timeouts = timeouts
    this.#left = { ...timeouts }
    this.#abort = reason => controller.abort(reason)
    this.#end = () => outer?.removeEventListener('abort', aborted)
    if (outer?.aborted) aborted()
  }

  /**
   * Ends the step that is on and begins, or goes on with, another: a step that is interrupted has what was left of its time.
   * @param what the beginning of the error, to be followed by "within … s"
   */
  enter(step: Step, what: string): void {
    this.#stop()
    this.current = step
    const since = this.#clock.now()
    const cancel = this.#clock.after(Math.max(0, this.#left[step]), () => {
      this.#abort(new XmppError('XMPP_TIMEOUT', `${what} within ${this.#timeouts[step] / 1000} s`))
    })
    this.#stop = () => {
      cancel()
      this.#left[step] -= this.#clock.now() - since
      this.#stop = () => {}
    }
  }

  /** Leaves no timer and no listener. */
  end(): void {
    this.#stop()
    this.#end()
  }
}

/** Waits for work that may know nothing of the signal. @throws the signal's reason, or what the work throws */
export function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason)
    if (signal.aborted) aborted()
    else signal.addEventListener('abort', aborted, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted))
  })
}
