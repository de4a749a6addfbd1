/** Remembers for a while what has been done, so that nobody can have it done all the time. */
export class Recently {
  readonly #times = new Map<string, number>()
  readonly #span: number

  /** @param span ms */
  constructor(span: number) {
    this.#span = span
  }

  /** Whether it was done already; it counts as done from now on if not. */
  was(key: string, now: number): boolean {
    const before = this.#times.get(key)
    if (before !== undefined && now - before < this.#span) return true
    this.#times.delete(key)
    const [oldest] = this.#times.keys()
    if (oldest !== undefined && this.#times.size >= MOST) this.#times.delete(oldest)
    this.#times.set(key, now)
    return false
  }
}

const MOST = 10_000
