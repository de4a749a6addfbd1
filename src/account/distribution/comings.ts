import type { Clock } from '../../clock.ts'
import { detached } from '../../detached.ts'
import { resourceOf } from '../../jid.ts'
import { ASTERISK_NODE } from '../../xep/0115-caps.ts'
import type { Buddies } from '../buddies.ts'

/** ms that somebody who has come is given to subscribe, and others to come with him. */
const PAUSE = 3000
/** Resources of buddies that are known to be there. */
const MOST = 10_000

/** Other PBXes that come, as far as they are buddies whose presence is seen. */
export class Comings {
  readonly #buddies: Buddies
  readonly #clock: Clock
  readonly #onCome: (all: boolean) => void
  /** Full JIDs. */
  readonly #there = new Set<string>()
  #all = false
  #cancel: (() => void) | undefined

  /** @param onCome somebody has come; `all` when it is a res_xmpp, which reads nothing of what was published before */
  constructor(buddies: Buddies, clock: Clock, onCome: (all: boolean) => void) {
    this.#buddies = buddies
    this.#clock = clock
    this.#onCome = onCome
  }

  /** Presence from a prepared JID. */
  presence(from: string, available: boolean): void {
    if (!available) {
      this.#there.delete(from)
      return
    }
    const buddy = this.#buddies.get(from)
    if (buddy?.configured !== true || this.#there.has(from) || this.#there.size >= MOST) return
    this.#there.add(detached(from))
    const caps = buddy.resources.get(resourceOf(from))?.caps
    // It announces its version as was done before there were hashes.
    this.#all ||= caps?.node === ASTERISK_NODE && caps.hash === undefined
    this.#cancel ??= this.#clock.after(PAUSE, () => {
      this.#cancel = undefined
      const all = this.#all
      this.#all = false
      this.#onCome(all)
    })
  }

  /** Nobody's presence is known any more. */
  clear(): void {
    this.#there.clear()
    this.#all = false
    this.#cancel?.()
    this.#cancel = undefined
  }
}
