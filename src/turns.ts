import type { Clock } from './clock.ts'

/**
 * Lets many do something one after the other instead of all at once. Whoever has a turn keeps it until it is done, but no longer than its share: who
 * gets no answer holds up nobody else.
 */
export class Turns {
  readonly #clock: Clock
  readonly #most: number
  readonly #share: number
  /** First come, first served. */
  readonly #waiting = new Set<() => void>()
  #taken = 0

  /**
   * @param most turns at one time
   * @param share ms after which the next may begin though this one is not done
   */
  constructor(clock: Clock, most = 16, share = 1000) {
    this.#clock = clock
    this.#most = most
    this.#share = share
  }

  /**
   * Resolves when it is one's turn, with a function that ends it; calling that again does nothing.
   * @throws the signal's reason
   */
  async take(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted()
    if (this.#taken >= this.#most) await this.#wait(signal)
    else this.#taken++
    let over = false
    const end = (): void => {
      if (over) return
      over = true
      cancel()
      this.#next()
    }
    const cancel = this.#clock.after(this.#share, end)
    return end
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        this.#waiting.delete(begin)
        reject(signal?.reason)
      }
      this.#waiting.add(begin)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  /** Hands the turn on, or back. */
  #next(): void {
    const [begin] = this.#waiting
    if (begin === undefined) {
      this.#taken--
      return
    }
    this.#waiting.delete(begin)
    begin()
  }
}
