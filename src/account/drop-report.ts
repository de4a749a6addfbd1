import type { Clock } from '../clock.ts'

/** ms between two lines. */
const PERIOD = 60_000

/** Tells of messages that are given up: someone who floods us must not flood the log too, so it is one line at first, then one a minute with the count. */
export class DropReport {
  readonly #clock: Clock
  readonly #tell: (text: string) => void
  #dropped = 0
  #told = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, tell: (text: string) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  dropped(): void {
    this.#dropped++
    const now = this.#clock.now()
    if (now - this.#told < PERIOD) return
    const text = `too many messages are held for JABBER_RECEIVE: ${this.#dropped} given up`
    this.#dropped = 0
    this.#told = now
    this.#tell(text)
  }
}
