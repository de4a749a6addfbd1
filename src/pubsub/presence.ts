/** Who is there, as far as a service is told: by those who send it presence, and those who let it see theirs. */
import { detached } from '../detached.ts'
import { bareJid } from '../jid.ts'

/** Who has no subscription is known only as long as there are fewer than so many: nobody can take the places of those who have. */
export const MOST_STRANGERS = 50_000
const MOST_PEOPLE = 100_000
const MOST_RESOURCES = 50
/** Of all people. */
const MOST_IN_ALL = 200_000

export class Presences {
  /** By bare JID: full JIDs, and what they are about. */
  readonly #here = new Map<string, Map<string, string>>()
  /** Bare JIDs of whom it is not known any more whether they are there. */
  readonly #sought = new Set<string>()

  #resources = 0

  /** How many people are known to be there. */
  get size(): number {
    return this.#here.size
  }

  /** @param jid full, or bare: whether any resource is there */
  has(jid: string): boolean {
    return this.showsOf(jid) !== undefined
  }

  /** What they are about, `online` for those who do not say; undefined when nobody is known to be there. */
  showsOf(jid: string): readonly string[] | undefined {
    const bare = bareJid(jid)
    const found = this.#here.get(bare)
    if (jid === bare) return found && [...found.values()]
    const show = found?.get(jid)
    return show === undefined ? undefined : [show]
  }

  /** @returns what has come by it: the full JID, the bare one with its first resource, or nothing new */
  come(jid: string, show: string): readonly string[] {
    const bare = bareJid(jid)
    const found = this.#here.get(bare)
    this.#sought.delete(bare)
    if (found?.has(jid) === true) {
      found.set(jid, show)
      return []
    }
    if (found === undefined && this.#here.size >= MOST_PEOPLE) return []
    if ((found?.size ?? 0) >= MOST_RESOURCES || this.#resources >= MOST_IN_ALL) return []
    this.#resources++
    const own = detached(jid)
    if (found === undefined) this.#here.set(detached(bare), new Map([[own, show]]))
    else found.set(own, show)
    return found === undefined ? [jid, bare] : [jid]
  }

  /**
   * A bare JID goes with all its resources.
   * @returns whether somebody has gone by it: who was not known to be there has not, unless they are sought
   */
  leave(jid: string): boolean {
    const bare = bareJid(jid)
    const found = this.#here.get(bare)
    if (found === undefined) return this.#sought.delete(bare)
    const gone = jid === bare || found.delete(jid)
    if (jid === bare) this.#resources -= found.size
    else if (gone) this.#resources--
    if (jid === bare || found.size === 0) this.#here.delete(bare)
    return gone
  }

  /** Somebody was there, as far as is known, and whether they still are is asked. */
  seek(person: string): void {
    this.#sought.add(detached(person))
  }

  /** Whoever has just been there need not have gone because their server has not heard of them yet. */
  forgive(person: string): void {
    this.#sought.delete(person)
  }

  /** Nothing is known any more. */
  clear(): void {
    this.#here.clear()
    this.#sought.clear()
    this.#resources = 0
  }
}
