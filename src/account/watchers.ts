import { detached } from '../detached.ts'

/** How much there may be; beyond it who came first is forgotten, of all or of the one who asks at so many addresses. */
const MAX_WATCHERS = 20_000
const MAX_OF_ONE = 1000
/** Of all their JIDs. */
const MAX_CHARACTERS = 4_194_304

/** Who has been told a component's presence, and from which of its addresses: bare JIDs both. */
export class Watchers {
  /** Contact → our addresses. */
  readonly #addresses = new Map<string, Set<string>>()
  #count = 0
  #characters = 0

  add(address: string, jid: string): void {
    const known = this.#addresses.get(jid)
    if (known?.has(address)) return
    if (known !== undefined && known.size >= MAX_OF_ONE) this.#forgetFirst(jid, known)
    const addresses = this.#addresses.get(jid) ?? this.#begin(detached(jid))
    addresses.add(detached(address))
    this.#count++
    this.#characters += address.length
    while (this.#count > MAX_WATCHERS || this.#characters > MAX_CHARACTERS) {
      const [first] = this.#addresses
      if (first !== undefined) this.#forgetFirst(...first)
    }
  }

  has(address: string, jid: string): boolean {
    return this.#addresses.get(jid)?.has(address) === true
  }

  delete(address: string, jid: string): void {
    const addresses = this.#addresses.get(jid)
    if (addresses?.delete(address) !== true) return
    this.#count--
    this.#characters -= address.length
    if (addresses.size > 0) return
    this.#addresses.delete(jid)
    this.#characters -= jid.length
  }

  clear(): void {
    this.#addresses.clear()
    this.#count = this.#characters = 0
  }

  *[Symbol.iterator](): Iterator<readonly [address: string, jid: string]> {
    for (const [jid, addresses] of this.#addresses) for (const address of addresses) yield [address, jid]
  }

  #begin(jid: string): Set<string> {
    const addresses = new Set<string>()
    this.#addresses.set(jid, addresses)
    this.#characters += jid.length
    return addresses
  }

  #forgetFirst(jid: string, addresses: ReadonlySet<string>): void {
    const [first] = addresses
    if (first !== undefined) this.delete(first, jid)
  }
}
