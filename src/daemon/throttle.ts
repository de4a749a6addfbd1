/** Lets so many through a minute and counts the rest, so that nobody can fill the disk with log lines. */
export class Throttle {
  readonly #most: number
  readonly #tell: (skipped: number) => void
  #since = Number.NEGATIVE_INFINITY
  #count = 0

  constructor(most: number, tell: (skipped: number) => void) {
    this.#most = most
    this.#tell = tell
  }

  allow(): boolean {
    const now = performance.now()
    if (now - this.#since >= 60_000) {
      if (this.#count > this.#most) this.#tell(this.#count - this.#most)
      this.#since = now
      this.#count = 0
    }
    return ++this.#count <= this.#most
  }
}
