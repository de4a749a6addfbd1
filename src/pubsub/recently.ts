/** Remembers for a while what has been done, so that nobody can have it done all the time. */
export class Recently {
  readonly #times = new Map<string, { readonly since: number; times: number }>()
  readonly #span: number
  readonly #most: number

  /**
   * @param span ms
   * @param most how often it may be done in that time
   */
  constructor(span: number, most = 1) {
    this.#span = span
    this.#most = most
  }

  /** Whether it was done that often already; it counts as done once more if not. */
  was(key: string, now: number): boolean {
    const before = this.#times.get(key)
    if (before !== undefined && now - before.since < this.#span) {
      if (before.times >= this.#most) return true
      before.times++
      return false
    }
    this.#times.delete(key)
    const [oldest] = this.#times.keys()
    if (oldest !== undefined && this.#times.size >= MOST) this.#times.delete(oldest)
    this.#times.set(key, { since: now, times: 1 })
    return false
  }
}

const MOST = 10_000
