import type { Clock } from '../../src/clock.ts'
import { settled } from './pair.ts'

interface Timer {
  readonly at: number
  readonly fn: () => void
}

/** A clock that stands still until it is told to go on. */
export class HandClock implements Clock {
  #now = 1_000_000
  readonly #timers = new Set<Timer>()

  now(): number {
    return this.#now
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + ms, fn }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** How many timers are set: what is over should have left none. */
  get pending(): number {
    return this.#timers.size
  }

  /** ms until the next timer, undefined when there is none. */
  get next(): number | undefined {
    const first = this.#first()
    return first && first.at - this.#now
  }

  /** Lets `ms` pass: timers go off in their order, and what each one starts comes to rest before the next. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms
    await settled()
    for (let timer = this.#first(); timer !== undefined && timer.at <= until; timer = this.#first()) {
      this.#timers.delete(timer)
      this.#now = timer.at
      timer.fn()
      await settled()
    }
    this.#now = until
  }

  /** Lets `ms` pass in an instant: nothing else happens meanwhile. */
  skip(ms: number): void {
    const until = this.#now + ms
    for (let timer = this.#first(); timer !== undefined && timer.at <= until; timer = this.#first()) {
      this.#timers.delete(timer)
      this.#now = timer.at
      timer.fn()
    }
    this.#now = until
  }

  #first(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) if (first === undefined || timer.at < first.at) first = timer
    return first
  }
}

/** Sockets take their turns to close; nothing else may keep a timer running. */
export async function quiet(clock: HandClock): Promise<boolean> {
  for (const until = performance.now() + 2000; clock.pending > 0 && performance.now() < until; ) {
    await new Promise(resolve => setImmediate(resolve))
  }
  return clock.pending === 0
}
