import { nodeCrypto } from '../builtin.ts'
import type { Clock } from '../clock.ts'
import { detached } from '../detached.ts'
import { bareJid } from '../jid.ts'
import type { Affiliation } from '../xep/0060-pubsub.ts'
import { type Person as Asker, denial, type Operation, type Right, rightOf } from './access.ts'
import { type Abilities, type ConfigReading, defaultConfig, type NodeConfig } from './config.ts'
import { forbidden, full, notAcceptable, refusal } from './errors.ts'
import { defaultLimits, type EngineLimits } from './limits.ts'
import { type Item, Node, type Subscription, type SubscriptionOptions } from './node.ts'
import { Presences } from './presence.ts'
import { Recently } from './recently.ts'
import type { Change, Entry } from './store.ts'

/** What an engine is made of. */
export interface EngineOptions {
  /** The service's own address, prepared. */
  readonly jid: string
  readonly clock: Clock
  /** Whether the bearer of that bare JID may create nodes. Default everybody. */
  readonly creators?: (person: string) => boolean
  /** Whether the bearer of that bare JID may do whatever an owner may, with every node. Default nobody. */
  readonly admins?: (person: string) => boolean
  /** Whether one bare JID sees the presence of another. Default nobody knows: then there are no nodes for those who do. */
  readonly sees?: (person: string, other: string) => boolean
  readonly limits?: Partial<EngineLimits>
  /** A publication to a node that is not there creates it (§7.1.4). Default false. */
  readonly autoCreate?: boolean
  /** What else the address of the service can, as disco has it. */
  readonly features?: readonly string[]
  /** Makes ids of items, nodes and subscriptions; none may come twice. Default random ones. */
  readonly newId?: () => string
}

/** Somebody who is affiliated or subscribed. */
interface Person {
  /** Detached, and shared by all that is kept of this one. */
  readonly jid: string
  readonly nodes: Set<Node>
  /** How many of the nodes there are it has created, and what is in these. */
  created: number
  items: number
  bytes: number
  subscriptions: number
  /** How many of these last as long as it is there. */
  temporary: number
}

/**
 * The nodes of a service, and an index of who has to do with them. Whatever changes does so by a {@link Change}, be it asked for now or read from a store.
 */
export class Service {
  readonly jid: string
  readonly clock: Clock
  readonly limits: EngineLimits
  readonly autoCreate: boolean
  readonly defaults: NodeConfig
  readonly abilities: Abilities
  readonly features: readonly string[]
  readonly newId: () => string
  /** Without the root. */
  readonly nodes = new Map<string, Node>()
  /** The collection of all that is in no other (XEP-0248 §8.1). */
  readonly root: Node
  readonly presences = new Presences()
  /** Nodes whose items end by themselves. */
  readonly expiring = new Set<Node>()
  /** Nodes with subscriptions that do, and when the first of these may have ended, in ms since 1970. */
  readonly leased = new Map<Node, number>()
  /** Where nodes have gone that were deleted, by their names. */
  readonly moved = new Map<string, string>()
  /** Of whom owners have been asked: who takes the request back and makes it again does not have them asked again. */
  readonly asked = new Recently(600_000)
  /** Who was sent what is in their nodes when they came: who comes and goes is not sent it each time. */
  readonly greeted = new Recently(30_000)
  /** Of all nodes; bytes as {@link EngineLimits} has them. */
  bytes = 0
  items = 0
  subscriptions = 0
  /** What was not sent because it was too much at once: notifications, or events for many. */
  unsent = 0
  readonly #creators: (person: string) => boolean
  readonly #admins: (person: string) => boolean
  readonly #sees: (person: string, other: string) => boolean
  readonly #people = new Map<string, Person>()
  /** One object for all that are alike. */
  readonly #configs = new Map<string, NodeConfig>()
  #changes: Change[] = []
  readonly #messagePrefix = randomId().slice(0, 8)
  #messages = 0

  constructor(options: EngineOptions) {
    this.jid = options.jid
    this.clock = options.clock
    this.limits = { ...defaultLimits, ...options.limits }
    this.autoCreate = options.autoCreate ?? false
    this.defaults = defaultConfig(this.limits)
    this.abilities = { presenceAccess: options.sees !== undefined }
    this.features = options.features ?? []
    this.newId = options.newId ?? randomId
    this.#creators = options.creators ?? (() => true)
    this.#admins = options.admins ?? (() => false)
    this.#sees = options.sees ?? (() => false)
    this.root = new Node('', this.jid, 0, { ...this.defaults, node_type: 'collection', notify_config: true })
  }

  /** What configurations are read with. */
  get reading(): ConfigReading {
    return { limits: this.limits, abilities: this.abilities }
  }

  /** An id that no other message of this service has (§12.2). */
  nextMessageId(): string {
    return this.#messagePrefix + ++this.#messages
  }

  node(name: string): Node | undefined {
    return name === '' ? this.root : this.nodes.get(name)
  }

  /** What somebody is to a node; an admin is an owner everywhere. */
  affiliation(node: Node, person: string): Affiliation {
    return this.#admins(person) ? 'owner' : (node.affiliations.get(person) ?? 'none')
  }

  right(node: Node, person: string, operation: Operation): Right {
    return rightOf(node, this.#asker(node, person), operation)
  }

  /**
   * Whether somebody may do something with a node, `own` when only with items of their own, `ask` when an owner is to be asked.
   * @throws StanzaError that says why not
   */
  demand(node: Node, person: string, operation: Operation): Exclude<Right, false> {
    const right = this.right(node, person, operation)
    if (right === false) throw denial(node, this.affiliation(node, person), operation)
    return right
  }

  may(node: Node, person: string, operation: Operation): boolean {
    return this.right(node, person, operation) === true
  }

  #asker(node: Node, jid: string): Asker {
    const seesOwner = (): boolean => {
      for (const [owner, affiliation] of node.affiliations) {
        if (affiliation === 'owner' && this.#sees(jid, owner)) return true
      }
      return false
    }
    return { jid, affiliation: this.affiliation(node, jid), seesOwner }
  }

  /** @throws StanzaError when somebody may not create a node of that name, or it is there already */
  demandCreation(name: string, person: string): void {
    const { nodes, nodesPerOwner, nameBytes } = this.limits
    if (!this.#creators(person) && !this.#admins(person)) throw forbidden()
    if (this.nodes.has(name)) throw refusal('cancel', 'conflict')
    if (Buffer.byteLength(name) > nameBytes) throw notAcceptable(undefined, 'the name of the node is too long')
    if (this.nodes.size >= nodes) throw full('max-nodes-exceeded')
    if ((this.#people.get(person)?.created ?? 0) >= nodesPerOwner) throw full('max-nodes-exceeded')
  }

  /** How much is left of what the creator of nodes may have: items, and bytes. */
  roomOf(creator: string): { readonly items: number; readonly bytes: number } {
    const { items = 0, bytes = 0 } = this.#people.get(creator) ?? {}
    const { itemsPerOwner, bytesPerOwner, storedBytes } = this.limits
    return { items: itemsPerOwner - items, bytes: Math.min(bytesPerOwner - bytes, storedBytes - this.bytes) }
  }

  /** The nodes with which somebody has to do, the root among them for who is subscribed to it. */
  nodesOf(person: string): Iterable<Node> {
    return this.#people.get(person)?.nodes ?? []
  }

  subscriptionsOf(person: string): number {
    return this.#people.get(person)?.subscriptions ?? 0
  }

  /** Whether somebody has subscriptions that last as long as they are there. */
  isTemporary(person: string): boolean {
    return (this.#people.get(person)?.temporary ?? 0) > 0
  }

  /** Bare JIDs of all those. */
  *temporary(): Generator<string, void, undefined> {
    for (const { jid, temporary } of this.#people.values()) if (temporary > 0) yield jid
  }

  /** Does what somebody has asked for, and remembers it for the store. */
  do(change: Change): void {
    this.#changes.push(change)
    this.apply(change)
  }

  /** What has been done since this was last asked. */
  take(): Entry {
    const taken = this.#changes
    if (taken.length > 0) this.#changes = []
    return taken
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
      const person = this.#person(creator)
      const node = new Node(detached(name), person.jid, at, config)
      person.created++
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
    for (const parent of node.parents) parent.disown(node)
    this.root.disown(node)
    for (const parent of parents) parent.adopt(node)
    if (parents.length === 0) this.root.adopt(node)
    node.parents = parents.length === 0 ? none : parents
    node.config = this.#shared(placed(given, parents))
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
    })
    const people = new Set([...node.affiliations.keys(), node.creator])
    for (const subscriptions of [...node.subscribers]) {
      for (const subscription of subscriptions) people.add(this.#end(node, subscription))
    }
    for (const jid of people) {
      const person = this.#people.get(jid)
      if (person === undefined) continue
      person.nodes.delete(node)
      if (jid === node.creator) person.created--
      this.#forget(person)
    }
  }

  #affiliate(node: Node, jid: string, affiliation: Affiliation): void {
    if (affiliation === 'none') {
      node.affiliations.delete(jid)
      this.#released(node, jid)
      return
    }
    const person = this.#person(jid)
    node.affiliations.set(person.jid, affiliation)
    person.nodes.add(node)
  }

  #subscribe(node: Node, { jid, subid, state, options }: Extract<Change, { op: 'subscribe' }>): void {
    const person = this.#person(bareJid(jid))
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
    }
    person.nodes.add(node)
    if (typeof options.expire === 'number') {
      this.leased.set(node, Math.min(options.expire, this.leased.get(node) ?? Number.POSITIVE_INFINITY))
    }
  }

  #unsubscribe(node: Node, { jid, subid }: Extract<Change, { op: 'unsubscribe' }>): void {
    const found = node.subscriptionsOf(bareJid(jid)).find(each => each.subid === subid)
    if (found !== undefined) this.#released(node, this.#end(node, found))
  }

  /** @returns whose it was */
  #end(node: Node, subscription: Subscription): string {
    const jid = bareJid(subscription.jid)
    const person = this.#people.get(jid)
    if (person !== undefined) {
      person.subscriptions--
      person.temporary -= temporary(subscription.options)
    }
    this.subscriptions--
    node.unsubscribe(jid, subscription)
    return jid
  }

  #publish(node: Node, { id, publisher, at, payload }: Extract<Change, { op: 'publish' }>): void {
    const size = itemSize(id, payload)
    const item: Item = { id: detached(id), publisher: this.#named(publisher), payload, size, published: at }
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
    const creator = this.#people.get(node.creator)
    if (creator === undefined) return
    creator.bytes += moreBytes
    creator.items += moreItems
  }

  #released(node: Node, jid: string): void {
    const person = this.#people.get(jid)
    if (person === undefined || node.affiliations.has(jid) || node.subscriptionsOf(jid).length > 0) return
    person.nodes.delete(node)
    this.#forget(person)
  }

  #forget({ jid, nodes, created }: Person): void {
    if (nodes.size === 0 && created === 0) this.#people.delete(jid)
  }

  #person(jid: string): Person {
    let person = this.#people.get(jid)
    if (person === undefined) {
      person = { jid: detached(jid), nodes: new Set(), created: 0, items: 0, bytes: 0, subscriptions: 0, temporary: 0 }
      this.#people.set(person.jid, person)
    }
    return person
  }

  /** The same text as elsewhere, where it is known. */
  #named(jid: string): string {
    return this.#people.get(jid)?.jid ?? detached(jid)
  }

  #shared(config: NodeConfig): NodeConfig {
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

/** What an item is counted with; beside what it says 200 bytes. */
export function itemSize(id: string, payload: string | undefined): number {
  return (payload === undefined ? 0 : Buffer.byteLength(payload)) + Buffer.byteLength(id) + 200
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

/** 96 bits: nobody guesses one, and none comes twice. */
const randomId = (): string => nodeCrypto().randomBytes(12).toString('base64url')
