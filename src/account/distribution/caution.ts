import type { Clock } from '../../clock.ts'
import type { Kind } from './nodes.ts'

/** Connections in a row that may be lost while items are read; and ms that one has to last after that until they are read again. */
export const MOST_LOST = 3
const CALM = 60_000

/** Whether items may be read: if connections are lost over it, one after the other, they may be what ends them. */
export class Caution {
  readonly #clock: Clock
  readonly #onCalm: (kinds: readonly Kind[]) => void
  #lost = 0
  #reading = false
  /** What is read when the connection has lasted. */
  readonly #later = new Set<Kind>()
  #cancel: (() => void) | undefined

  /** @param onCalm the connection has lasted, and what was put off may be read */
  constructor(clock: Clock, onCalm: (kinds: readonly Kind[]) => void) {
    this.#clock = clock
    this.#onCalm = onCalm
  }

  /** Connections were lost over it too often. */
  get tooOften(): boolean {
    return this.#lost >= MOST_LOST
  }

  /** A connection is there. @returns whether the one before was lost while items were read */
  online(): boolean {
    const wasReading = this.#reading
    this.#lost = wasReading ? this.#lost + 1 : 0
    this.#reading = false
    return wasReading
  }

  offline(): void {
    this.#cancel?.()
  }

  begin(): void {
    this.#reading = true
  }

  end(): void {
    this.#reading = false
  }

  /** Puts it off until the connection has lasted. */
  later(kinds: readonly Kind[]): void {
    for (const kind of kinds) this.#later.add(kind)
    this.#cancel?.()
    this.#cancel = this.#clock.after(CALM, () => {
      this.#lost = 0
      const due = [...this.#later]
      this.#later.clear()
      this.#onCalm(due)
    })
  }
}
