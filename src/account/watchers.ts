import { detached } from '../detached.ts'

/** How many there may be: who asks when there is no more room is granted nothing. All of them are told at once when our presence changes. */
const MAX_WATCHERS = 20_000

/** Who has been told a component's presence, and from which of its addresses, beside the buddies that its domain tells. */
export class Watchers {
  /** By both, which as bare JIDs have no blanks. */
  readonly #pairs = new Map<string, readonly [address: string, jid: string]>()

  /** @returns false when there is no room for one more. Both are bare JIDs. */
  add(address: string, jid: string): boolean {
    const key = `${address} ${jid}`
    if (this.#pairs.has(key)) return true
    if (this.#pairs.size >= MAX_WATCHERS) return false
    this.#pairs.set(detached(key), [detached(address), detached(jid)])
    return true
  }

  delete(address: string, jid: string): void {
    this.#pairs.delete(`${address} ${jid}`)
  }

  clear(): void {
    this.#pairs.clear()
  }

  [Symbol.iterator](): Iterator<readonly [address: string, jid: string]> {
    return this.#pairs.values()
  }
}
