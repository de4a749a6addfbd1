import type { Clock } from '../../clock.ts'

/** ms after a node was emptied or deleted when those who had states there should have entered it again. */
const AGAIN = [5000, 20_000] as const

/** Says something once more, and once more later: everyone begins anew, some sooner than others. */
export class Repetition {
  readonly #clock: Clock
  readonly #say: () => void
  readonly #cancels: (() => void)[] = []
  /** There was reason to since it was begun. */
  #more = false

  constructor(clock: Clock, say: () => void) {
    this.#clock = clock
    this.#say = say
  }

  /** There is reason to. */
  begin(): void {
    if (this.#cancels.length > 0) {
      this.#more = true
      return
    }
    this.#more = false
    const [soon, late] = AGAIN
    this.#cancels.push(this.#clock.after(soon, this.#say))
    this.#cancels.push(
      this.#clock.after(late, () => {
        this.#cancels.length = 0
        this.#say()
        if (this.#more) this.begin()
      }),
    )
  }

  stop(): void {
    for (const cancel of this.#cancels.splice(0)) cancel()
  }
}
