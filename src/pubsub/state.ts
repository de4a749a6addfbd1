import { detached } from '../detached.ts'
import { bareJid } from '../jid.ts'
import type { Affiliation } from '../xep/0060-pubsub.ts'
import type { NodeConfig } from './config.ts'
import { type Item, Node, type Subscription, type SubscriptionOptions } from './node.ts'
import { People } from './people.ts'
import type { Change } from './store.ts'

/**
 * All that a service keeps: its nodes, and an index of who has to do with them. It changes by a {@link Change} and no other way, be that asked for now or read from a store.
 */
export class State {
  /** Without the root. */
  readonly nodes = new Map<string, Node>()
  /** The collection of all that is in no other (XEP-0248 §8.1). */
  readonly root: Node
  readonly people = new People()
  /** Nodes whose items end by themselves. */
  readonly expiring = new Set<Node>()
  /** Nodes with subscriptions that do, and when the first of these may have ended, in ms since 1970. */
  readonly leased = new Map<Node, number>()
  /** Where nodes have gone that were deleted, by their names. */
  readonly moved = new Map<string, string>()
  /** Of all nodes; bytes as {@link EngineLimits} has them. */
  bytes = 0
  items = 0
  subscriptions = 0
  /** One object for all that are alike. */
  readonly #configs = new Map<string, NodeConfig>()

  /** @param root the collection of all that is in no other */
  constructor(root: Node) {
    this.root = root
  }

  node(name: string): Node | undefined {
    return name === '' ? this.root : this.nodes.get(name)
  }

  /** Does a change, of whatever time. */
  apply(change: Change): void {
    if (change.op === 'create') return this.#create(change)
    const node = this.node(change.node)
    if (change.op === 'delete') return this.#delete(node, change)
    if (node === undefined) return
    switch (change.op) {
      case 'configure':
        return this.#configure(node, change.config)
      case 'affiliate':
        return this.#affiliate(node, change.jid, change.affiliation)
      case 'subscribe':
        return this.#subscribe(node, change)
      case 'unsubscribe':
        return this.#unsubscribe(node, change)
      case 'publish':
        return this.#publish(node, change)
      case 'retract':
        return this.#retract(node, change.ids)
    }
  }

  #create({ node: name, creator, at, config }: Extract<Change, { op: 'create' }>): void {
    if (!this.nodes.has(name) && name !== '') {
      const person = this.people.get(creator)
      const node = new Node(detached(name), person.jid, at, config)
      person.created++
      // It owns it.
      person.affiliations++
      person.nodes.add(node)
      this.nodes.set(node.name, node)
      this.moved.delete(name)
      this.root.adopt(node)
    }
    const node = this.nodes.get(name)
    if (node !== undefined) this.#configure(node, config)
  }

  #configure(node: Node, given: NodeConfig): void {
    if (node === this.root) return
    const parents = given.collection.flatMap(name => {
      const parent = this.nodes.get(name)
      return parent?.isCollection && parent !== node ? parent : []
    })
    // What stays where it is keeps its place in the list there, which is read page by page.
    for (const parent of node.parents) if (!parents.includes(parent)) parent.disown(node)
    for (const parent of parents) parent.adopt(node)
    if (parents.length === 0) this.root.adopt(node)
    else this.root.disown(node)
    node.parents = parents.length === 0 ? none : parents
    node.config = this.#shared(placed(given, parents))
    this.#counted(node, () => node.counts(configSize(node.config)))
    if (typeof given.item_expire === 'number') this.expiring.add(node)
    else this.expiring.delete(node)
  }

  #delete(node: Node | undefined, { node: name, redirect }: Extract<Change, { op: 'delete' }>): void {
    this.moved.delete(name)
    if (redirect !== undefined) {
      const [oldest] = this.moved.keys()
      if (oldest !== undefined && this.moved.size >= MOST_MOVED) this.moved.delete(oldest)
      this.moved.set(detached(name), detached(redirect))
    }
    if (node === undefined || node === this.root) return
    for (const child of [...node.children]) {
      const { config } = child
      this.#configure(child, { ...config, collection: config.collection.filter(each => each !== node.name) })
    }
    for (const parent of node.parents) parent.disown(node)
    this.root.disown(node)
    this.nodes.delete(node.name)
    this.expiring.delete(node)
    this.leased.delete(node)
    this.#counted(node, () => {
      for (const id of [...node.items.keys()]) node.remove(id)
      node.counts(0)
    })
    const creator = this.people.find(node.creator)
    if (creator !== undefined) creator.affiliations -= node.affiliations.size
    const people = new Set([...node.affiliations.keys(), node.creator])
    for (const subscriptions of [...node.subscribers]) {
      for (const subscription of subscriptions) people.add(this.#end(node, subscription))
    }
    for (const jid of people) {
      const person = this.people.find(jid)
      if (person === undefined) continue
      if (jid === node.creator) person.created--
      this.people.left(node, person)
    }
  }

  #affiliate(node: Node, jid: string, affiliation: Affiliation): void {
    const before = node.affiliations.size
    if (affiliation === 'none') node.affiliations.delete(jid)
    else {
      const person = this.people.get(jid)
      node.affiliations.set(person.jid, affiliation)
      person.nodes.add(node)
    }
    const creator = this.people.find(node.creator)
    if (creator !== undefined) creator.affiliations += node.affiliations.size - before
    if (affiliation === 'none') this.people.released(node, jid)
  }

  #subscribe(node: Node, { jid, subid, state, options }: Extract<Change, { op: 'subscribe' }>): void {
    const person = this.people.get(bareJid(jid))
    const existing = node.subscriptionsOf(person.jid).find(each => each.subid === subid)
    const kept = this.#sharedOptions(options)
    if (existing !== undefined) {
      person.temporary += temporary(kept) - temporary(existing.options)
      node.change(existing, state, kept)
    } else {
      const own = jid === person.jid ? person.jid : detached(jid)
      node.subscribe(person.jid, { jid: own, subid: detached(subid), state, options: kept })
      person.temporary += temporary(kept)
      person.subscriptions++
      this.subscriptions++
      const creator = this.people.find(node.creator)
      if (creator !== undefined) creator.subscribers++
    }
    person.nodes.add(node)
    if (typeof options.expire === 'number') {
      this.leased.set(node, Math.min(options.expire, this.leased.get(node) ?? Number.POSITIVE_INFINITY))
    }
  }

  #unsubscribe(node: Node, { jid, subid }: Extract<Change, { op: 'unsubscribe' }>): void {
    const found = node.subscriptionsOf(bareJid(jid)).find(each => each.subid === subid)
    if (found !== undefined) this.people.released(node, this.#end(node, found))
  }

  /** @returns whose it was */
  #end(node: Node, subscription: Subscription): string {
    const jid = bareJid(subscription.jid)
    const person = this.people.find(jid)
    if (person !== undefined) {
      person.subscriptions--
      person.temporary -= temporary(subscription.options)
    }
    const creator = this.people.find(node.creator)
    if (creator !== undefined) creator.subscribers--
    this.subscriptions--
    node.unsubscribe(jid, subscription)
    return jid
  }

  #publish(node: Node, { id, publisher, at, payload }: Extract<Change, { op: 'publish' }>): void {
    const size = itemSize(id, publisher, payload)
    const item: Item = { id: detached(id), publisher: this.people.nameOf(publisher), payload, size, published: at }
    this.#counted(node, () => node.put(item))
  }

  #retract(node: Node, ids: readonly string[]): void {
    this.#counted(node, () => {
      for (const id of ids) node.remove(id)
    })
  }

  /** Changes what a node holds, and knows how much that is afterwards. */
  #counted(node: Node, change: () => void): void {
    const [bytes, items] = [node.bytes, node.items.size]
    change()
    const [moreBytes, moreItems] = [node.bytes - bytes, node.items.size - items]
    this.bytes += moreBytes
    this.items += moreItems
    const creator = this.people.find(node.creator)
    if (creator === undefined) return
    creator.bytes += moreBytes
    creator.items += moreItems
  }

  #shared(config: NodeConfig): NodeConfig {
    if (configSize(config) > 1000) return config
    const key = JSON.stringify(config)
    const known = this.#configs.get(key)
    if (known !== undefined) return known
    if (this.#configs.size >= MOST_CONFIGS) this.#configs.clear()
    this.#configs.set(key, config)
    return config
  }

  #sharedOptions(options: SubscriptionOptions): SubscriptionOptions {
    const { deliver, expire, shows, type, depth } = options
    if (shows !== undefined) return options
    return (
      usual.find(
        each => each.deliver === deliver && each.expire === expire && each.type === type && each.depth === depth,
      ) ?? options
    )
  }
}

/** What a configuration is counted with: the lists in it, which may be long. */
export function configSize({ children_association_whitelist: listed, collection }: NodeConfig): number {
  return [...listed, ...collection].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
}

/** What an item is counted with; beside what it says 200 bytes. */
export function itemSize(id: string, publisher: string, payload: string | undefined): number {
  return [id, publisher, payload ?? ''].reduce((sum, text) => sum + Buffer.byteLength(text), 200)
}

const placed = (config: NodeConfig, parents: readonly Node[]): NodeConfig =>
  parents.length === config.collection.length ? config : { ...config, collection: parents.map(({ name }) => name) }

const temporary = ({ expire }: SubscriptionOptions): number => (expire === 'presence' ? 1 : 0)

/** Options that many have. */
const usual: readonly SubscriptionOptions[] = [
  { deliver: true },
  { deliver: true, expire: 'presence' },
  { deliver: true, type: 'items', depth: 'all' },
  { deliver: true, expire: 'presence', type: 'items', depth: 'all' },
  { deliver: true, type: 'nodes', depth: 1 },
]

const MOST_MOVED = 1000
const MOST_CONFIGS = 1000
const none: readonly never[] = []
