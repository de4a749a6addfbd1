import { bareJid, resourceOf } from '../jid.ts'
import type { Session } from '../session.ts'
import { InfoStore } from '../xep/0115-cache.ts'
import type { AnnouncedCaps } from '../xep/0115-caps.ts'
import type { Capabilities, CapsLookup, CapsLookupOptions } from '../xep/0115-lookup.ts'
import type { Buddies } from './buddies.ts'

/** What resources that no hash vouches for may make an account hold, in bytes. */
const MAX_UNVERIFIED_BYTES = 4_194_304

/**
 * What the buddies of an account can do (XEP-0115). Strangers are not looked up: anyone may send a presence, and with it make us ask.
 */
export class BuddyCapabilities {
  readonly #lookup: CapsLookup
  /** What a resource has told that is not what it has announced, or cannot be checked. It is for that resource alone. */
  readonly #unverified = new InfoStore<AnnouncedCaps>({ bytes: MAX_UNVERIFIED_BYTES })
  /** What is being looked up. */
  readonly #asked = new WeakSet<AnnouncedCaps>()

  constructor(lookup: CapsLookup) {
    this.#lookup = lookup
  }

  /** What was announced and has been looked up. */
  of(announced: AnnouncedCaps): Capabilities | undefined {
    const info = this.#lookup.cache.get(announced)
    if (info !== undefined) return { info, verified: true }
    const own = this.#unverified.get(announced)
    return own && { info: own, verified: false }
  }

  /** A presence has come that {@link Buddies.presence} has taken: what it announces is looked up, unless that is known or on its way. */
  async see(session: Session, buddies: Buddies, from: string, options?: CapsLookupOptions): Promise<void> {
    const announced = buddies.get(bareJid(from))?.resources.get(resourceOf(from))?.caps
    if (announced === undefined || this.#asked.has(announced) || this.of(announced) !== undefined) return
    this.#asked.add(announced)
    const found = await this.#lookup.lookup(session, from, announced, options)
    this.#asked.delete(announced)
    if (found?.verified === false) this.#unverified.set(announced, found.info)
  }
}
