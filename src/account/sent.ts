import { detached } from '../detached.ts'

/** Messages whose bounces are still believed. */
const MAX_SENT = 1000

/** The latest messages of an account, by their ids. */
export class Sent {
  /** Oldest first; to whom, prepared. */
  readonly #to = new Map<string, string>()

  remember(id: string, to: string): void {
    this.#to.set(id, detached(to))
    if (this.#to.size <= MAX_SENT) return
    const [oldest] = this.#to.keys()
    if (oldest !== undefined) this.#to.delete(oldest)
  }

  /** To whom the message with that id was sent; once for each, and only if `fits` says that it is about that one. */
  take(id: string, fits: (to: string) => boolean): string | undefined {
    const to = this.#to.get(id)
    if (to === undefined || !fits(to)) return undefined
    this.#to.delete(id)
    return to
  }
}
