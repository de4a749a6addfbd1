/** A leaf: what the service keeps of it. All that is put in is detached already, so that no chunk stays alive for it. */
import { bareJid } from '../jid.ts'
import type { Element } from '../stream/element.ts'
import type { Affiliation } from '../xep/0060-pubsub.ts'
import type { LeafConfig } from './config.ts'

/** What was published; one and the same for all who are told of it. */
export interface Item {
  readonly id: string
  /** Bare JID. */
  readonly publisher: string
  readonly payload: Element | undefined
  /** Bytes of the payload. */
  readonly size: number
  /** When, in ms since 1970. */
  readonly published: number
}

/** How a subscriber wants to be told (§16.4.2). Kept and told; who is there is not known here, so that `expire` ends nothing yet. */
export interface SubscriptionOptions {
  readonly deliver: boolean
  readonly expire: 'presence' | undefined
}

/** One JID's subscription; a JID has one at most to a node. */
export interface Subscription {
  readonly jid: string
  readonly subid: string
  options: SubscriptionOptions
}

/** There are many nodes and most are small: what it has none of costs nothing. */
export class Node {
  readonly name: string
  /** Bare JID. */
  readonly creator: string
  /** ms since 1970. */
  readonly created: number
  config: LeafConfig
  /** By bare JID; without those that are `none`. */
  readonly affiliations: Map<string, Affiliation>
  /** Bytes of all its items; see {@link EngineLimits.storedBytes}. */
  bytes = 0
  /** What was published last, if it is still there. */
  last: Item | undefined
  #items: Map<string, Item> | undefined
  /** By bare JID: its own and its resources'. */
  #subscribers: Map<string, Subscription[]> | undefined
  #subscriptions = 0

  constructor(name: string, creator: string, created: number, config: LeafConfig) {
    this.name = name
    this.creator = creator
    this.created = created
    this.config = config
    this.affiliations = new Map([[creator, 'owner']])
  }

  get items(): ReadonlyMap<string, Item> {
    return this.#items ?? empty
  }

  /** The last one comes last: what is published again has its place anew. */
  put(item: Item): void {
    this.remove(item.id)
    this.#items ??= new Map()
    this.#items.set(item.id, item)
    this.bytes += item.size
    this.last = item
  }

  /** @returns whether it was there */
  remove(id: string): boolean {
    const item = this.#items?.get(id)
    if (item === undefined) return false
    this.#items?.delete(id)
    this.bytes -= item.size
    if (this.last === item) this.last = undefined
    return true
  }

  /** Lets the oldest go until no more than so many are left. */
  trim(most: number): void {
    for (const id of this.items.keys()) {
      if (this.items.size <= most) return
      this.remove(id)
    }
  }

  /** All, grouped by whose they are. */
  get subscribers(): Iterable<readonly Subscription[]> {
    return this.#subscribers?.values() ?? []
  }

  get subscriptions(): number {
    return this.#subscriptions
  }

  subscriptionsOf(person: string): readonly Subscription[] {
    return this.#subscribers?.get(person) ?? none
  }

  subscription(jid: string): Subscription | undefined {
    return this.subscriptionsOf(bareJid(jid)).find(each => each.jid === jid)
  }

  /** @param person bare JID of the subscription, detached */
  subscribe(person: string, subscription: Subscription): void {
    this.#subscribers ??= new Map()
    this.#subscribers.set(person, [...this.subscriptionsOf(person), subscription])
    this.#subscriptions++
  }

  unsubscribe(person: string, subscription: Subscription): void {
    const before = this.subscriptionsOf(person)
    const left = before.filter(each => each !== subscription)
    this.#subscriptions -= before.length - left.length
    if (left.length > 0) this.#subscribers?.set(person, left)
    else this.#subscribers?.delete(person)
  }
}

const empty: ReadonlyMap<string, Item> = new Map()
const none: readonly Subscription[] = []
