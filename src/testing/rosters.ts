import { StanzaError } from '../errors.ts'
import type { Element } from '../stream/element.ts'
import type { Subscription } from '../xep/roster.ts'

/** A contact in a user's roster (RFC 6121 §2.1.2). */
export interface Item {
  /** Prepared bare JID. */
  readonly jid: string
  readonly name: string
  readonly groups: readonly string[]
  /** The user sees the contact's presence. */
  readonly to: boolean
  /** The contact sees the user's. */
  readonly from: boolean
  /** The user has asked and the contact has not answered. */
  readonly asked: boolean
}

/** The two halves of a subscription in the RFC's word. */
export function subscriptionOf({ to, from }: Item): Exclude<Subscription, 'remove'> {
  if (to) return from ? 'both' : 'to'
  return from ? 'from' : 'none'
}

/** What one user has of items, and of requests that wait for an answer; the most of each. */
const MAX_ITEMS = 1000

/** One user's contacts, in memory. */
export class Roster {
  readonly #items = new Map<string, Item>()
  readonly #requests = new Map<string, Element>()

  get items(): readonly Item[] {
    return [...this.#items.values()]
  }

  get(jid: string): Item | undefined {
    return this.#items.get(jid)
  }

  /**
   * Changes an item, or makes one.
   * @throws StanzaError `resource-constraint` when the roster is full
   */
  change(jid: string, change: Partial<Omit<Item, 'jid'>>): Item {
    const before = this.#items.get(jid)
    if (before === undefined && this.#items.size >= MAX_ITEMS) {
      throw new StanzaError('wait', 'resource-constraint', `a roster holds ${MAX_ITEMS} items`)
    }
    const item = { ...(before ?? { jid, name: '', groups: [], to: false, from: false, asked: false }), ...change }
    this.#items.set(jid, item)
    return item
  }

  remove(jid: string): void {
    this.#items.delete(jid)
  }

  /** Requests to see the user's presence that are not answered yet; such a contact need not be in the roster (§3.1.3). */
  get requests(): readonly Element[] {
    return [...this.#requests.values()]
  }

  /** @returns false when it is known already, or one too many */
  addRequest(contact: string, stanza: Element): boolean {
    if (this.#requests.has(contact) || this.#requests.size >= MAX_ITEMS) return false
    this.#requests.set(contact, stanza)
    return true
  }

  /** @returns whether there was one */
  takeRequest(contact: string): boolean {
    return this.#requests.delete(contact)
  }
}

/** The rosters of all users. */
export class Rosters {
  readonly #rosters = new Map<string, Roster>()

  /** @param user an existing user's bare JID */
  of(user: string): Roster {
    const roster = this.#rosters.get(user) ?? new Roster()
    this.#rosters.set(user, roster)
    return roster
  }
}
