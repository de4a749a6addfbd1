/** A node: what the service keeps of it. All that is put in is detached already, so that no chunk stays alive for it. */
import { bareJid } from '../jid.ts'
import type { Affiliation } from '../xep/0060-pubsub.ts'
import type { NodeConfig } from './config.ts'

/** What was published; one and the same for all who are told of it. */
export interface Item {
  readonly id: string
  /** Bare JID. */
  readonly publisher: string
  /** XML; see {@link writePayload}. */
  readonly payload: string | undefined
  /** Bytes that it is counted with; see {@link EngineLimits.storedBytes}. */
  readonly size: number
  /** When, in ms since 1970. */
  readonly published: number
}

/** How a subscriber wants to be told (§16.4.2). */
export interface SubscriptionOptions {
  readonly deliver: boolean
  /** When it ends by itself: ms since 1970, or when the subscriber is no longer there. */
  readonly expire?: number | 'presence'
  /** What the subscriber has to be about to be told (`online` is no `<show/>`). Default anything. */
  readonly shows?: readonly string[]
  /** Of a collection: what is told (XEP-0248 §6.1). Default `nodes`. */
  readonly type?: 'items' | 'nodes' | 'all'
  /** Of a collection: how many steps down. Default 1. */
  readonly depth?: number | 'all'
}

/** One JID's subscription. A JID has one at most to a leaf; to a collection it may have one to the items and one to the nodes. */
export interface Subscription {
  readonly jid: string
  readonly subid: string
  state: 'subscribed' | 'pending'
  options: SubscriptionOptions
}

/** There are many nodes and most are small: what it has none of costs nothing. */
export class Node {
  readonly name: string
  /** Bare JID. */
  readonly creator: string
  /** ms since 1970. */
  readonly created: number
  config: NodeConfig
  /** By bare JID; without those that are `none`. */
  readonly affiliations: Map<string, Affiliation>
  /** The collections that it is in, which its configuration names; empty for what is in the root. */
  parents: readonly Node[] = none
  /** Bytes of all its items; see {@link EngineLimits.storedBytes}. */
  bytes = 0
  #items: Map<string, Item> | undefined
  #children: Set<Node> | undefined
  /** By bare JID: its own and its resources'. */
  #subscribers: Map<string, Subscription[]> | undefined
  /** The last one of these, when it is known. */
  #last: Item | undefined
  #configBytes = 0
  #subscriptions = 0
  #pending = 0

  constructor(name: string, creator: string, created: number, config: NodeConfig) {
    this.name = name
    this.creator = creator
    this.created = created
    this.config = config
    this.affiliations = new Map([[creator, 'owner']])
  }

  get isCollection(): boolean {
    return this.config.node_type === 'collection'
  }

  /** Those that it holds, of a collection. */
  get children(): ReadonlySet<Node> {
    return this.#children ?? noChildren
  }

  /** Its configuration takes so many bytes. */
  counts(configBytes: number): void {
    this.bytes += configBytes - this.#configBytes
    this.#configBytes = configBytes
  }

  adopt(child: Node): void {
    this.#children ??= new Set()
    this.#children.add(child)
  }

  disown(child: Node): void {
    this.#children?.delete(child)
  }

  get items(): ReadonlyMap<string, Item> {
    return this.#items ?? noItems
  }

  /** The last one comes last: what is published again has its place anew. */
  put(item: Item): void {
    this.remove(item.id)
    this.#items ??= new Map()
    this.#items.set(item.id, item)
    this.bytes += item.size
    this.#last = item
  }

  /** @returns whether it was there */
  remove(id: string): boolean {
    const item = this.#items?.get(id)
    if (item === undefined) return false
    this.#items?.delete(id)
    this.bytes -= item.size
    if (this.#last === item) this.#last = undefined
    return true
  }

  /** What was published last of all that is still there. */
  get last(): Item | undefined {
    if (this.#last === undefined) for (const item of this.items.values()) this.#last = item
    return this.#last
  }

  /** The oldest, so many that no more than `most` are left. */
  surplus(most: number): string[] {
    const found: string[] = []
    for (const id of this.items.keys()) {
      if (this.items.size - found.length <= most) break
      found.push(id)
    }
    return found
  }

  /** Those that were published at that time or before, ms since 1970. */
  publishedUntil(time: number): string[] {
    const found: string[] = []
    for (const { id, published } of this.items.values()) {
      if (published > time) break
      found.push(id)
    }
    return found
  }

  /** All, grouped by whose they are. */
  get subscribers(): Iterable<readonly Subscription[]> {
    return this.#subscribers?.values() ?? none
  }

  /** How many there are, those that wait for an owner too. */
  get subscriptions(): number {
    return this.#subscriptions
  }

  /** How many wait for an owner. */
  get pending(): number {
    return this.#pending
  }

  /** @param person bare JID */
  subscriptionsOf(person: string): readonly Subscription[] {
    return this.#subscribers?.get(person) ?? none
  }

  /** Of exactly that JID. */
  subscriptionsAs(jid: string): readonly Subscription[] {
    return this.subscriptionsOf(bareJid(jid)).filter(each => each.jid === jid)
  }

  /** @param person bare JID */
  isSubscribed(person: string): boolean {
    return this.subscriptionsOf(person).some(({ state }) => state === 'subscribed')
  }

  /** @param person bare JID of the subscription, detached */
  subscribe(person: string, subscription: Subscription): void {
    this.#subscribers ??= new Map()
    this.#subscribers.set(person, [...this.subscriptionsOf(person), subscription])
    this.#subscriptions++
    if (subscription.state === 'pending') this.#pending++
  }

  change(subscription: Subscription, state: Subscription['state'], options: SubscriptionOptions): void {
    if (subscription.state === 'pending') this.#pending--
    subscription.state = state
    subscription.options = options
    if (state === 'pending') this.#pending++
  }

  unsubscribe(person: string, subscription: Subscription): void {
    const before = this.subscriptionsOf(person)
    const left = before.filter(each => each !== subscription)
    if (left.length === before.length) return
    this.#subscriptions--
    if (subscription.state === 'pending') this.#pending--
    if (left.length > 0) this.#subscribers?.set(person, left)
    else this.#subscribers?.delete(person)
  }
}

const noItems: ReadonlyMap<string, Item> = new Map()
const noChildren: ReadonlySet<Node> = new Set()
const none: readonly never[] = []
