/** What a service has: its nodes, and who has to do with which. The commands change it by these functions. */
import { nodeCrypto } from '../builtin.ts'
import type { Clock } from '../clock.ts'
import { detached } from '../detached.ts'
import { bareJid } from '../jid.ts'
import type { Affiliation } from '../xep/0060-pubsub.ts'
import { denial, type Operation, rightOf } from './access.ts'
import { defaultConfig, type LeafConfig } from './config.ts'
import { forbidden, full, notAcceptable, refusal } from './errors.ts'
import { defaultLimits, type EngineLimits } from './limits.ts'
import { Node, type Subscription } from './node.ts'

/** What an engine is made of. */
export interface EngineOptions {
  /** The service's own address, prepared. */
  readonly jid: string
  readonly clock: Clock
  /** Whether the bearer of that bare JID may create nodes. Default everybody. */
  readonly creators?: (person: string) => boolean
  /** Whether the bearer of that bare JID may do whatever an owner may, with every node. Default nobody. */
  readonly admins?: (person: string) => boolean
  readonly limits?: Partial<EngineLimits>
  /** A publication to a node that is not there creates it (§7.1.4). Default false. */
  readonly autoCreate?: boolean
  /** Makes ids of items, nodes and subscriptions; none may come twice. Default random ones. */
  readonly newId?: () => string
}

/** Somebody who is affiliated or subscribed. */
interface Person {
  /** Detached, and shared by all that is kept of this one. */
  readonly jid: string
  readonly nodes: Set<Node>
  /** How many of the nodes there are it has created. */
  created: number
}

/** The nodes of a service, and an index of who has to do with them. */
export class Service {
  readonly jid: string
  readonly clock: Clock
  readonly limits: EngineLimits
  readonly autoCreate: boolean
  readonly defaults: LeafConfig
  readonly newId: () => string
  readonly nodes = new Map<string, Node>()
  /** Bytes of all items; see {@link EngineLimits}. */
  bytes = 0
  readonly #creators: (person: string) => boolean
  readonly #admins: (person: string) => boolean
  readonly #people = new Map<string, Person>()

  constructor({ jid, clock, creators, admins, limits, autoCreate = false, newId = randomId }: EngineOptions) {
    this.jid = jid
    this.clock = clock
    this.limits = { ...defaultLimits, ...limits }
    this.autoCreate = autoCreate
    this.defaults = defaultConfig(this.limits)
    this.newId = newId
    this.#creators = creators ?? (() => true)
    this.#admins = admins ?? (() => false)
  }

  /** What somebody is to a node; an admin is an owner everywhere. */
  affiliation(node: Node, person: string): Affiliation {
    return this.#admins(person) ? 'owner' : (node.affiliations.get(person) ?? 'none')
  }

  /**
   * Whether somebody may do something with a node, `own` when only with items of their own.
   * @throws StanzaError that says why not
   */
  demand(node: Node, person: string, operation: Operation): true | 'own' {
    const affiliation = this.affiliation(node, person)
    const right = rightOf(node, person, affiliation, operation)
    if (right === false) throw denial(node, affiliation, operation)
    return right
  }

  may(node: Node, person: string, operation: Operation): boolean {
    return rightOf(node, person, this.affiliation(node, person), operation) === true
  }

  /** The nodes with which somebody has to do. */
  nodesOf(person: string): Iterable<Node> {
    return this.#people.get(person)?.nodes ?? []
  }

  /** @throws StanzaError when it may not be, or is there already */
  create(name: string, person: string, config: LeafConfig): Node {
    const { nodes, nodesPerOwner, nameBytes } = this.limits
    if (!this.#creators(person)) throw forbidden()
    if (this.nodes.has(name)) throw refusal('cancel', 'conflict')
    if (Buffer.byteLength(name) > nameBytes) throw notAcceptable(undefined, 'the name of the node is too long')
    if (this.nodes.size >= nodes) throw full('max-nodes-exceeded')
    if ((this.#people.get(person)?.created ?? 0) >= nodesPerOwner) throw full('max-nodes-exceeded')
    const creator = this.#person(person)
    const node = new Node(detached(name), creator.jid, this.clock.now(), config)
    creator.created++
    creator.nodes.add(node)
    this.nodes.set(node.name, node)
    return node
  }

  /** Changes what a node keeps, and knows how much that is afterwards. */
  keep(node: Node, change: () => void): void {
    const before = node.bytes
    change()
    this.bytes += node.bytes - before
  }

  delete(node: Node): void {
    this.nodes.delete(node.name)
    this.bytes -= node.bytes
    const people = new Set([...node.affiliations.keys(), node.creator])
    for (const [first] of node.subscribers) if (first !== undefined) people.add(bareOf(first))
    for (const jid of people) {
      const person = this.#people.get(jid)
      if (person === undefined) continue
      person.nodes.delete(node)
      if (jid === node.creator) person.created--
      this.#forget(person)
    }
  }

  affiliate(node: Node, jid: string, affiliation: Affiliation): void {
    if (affiliation === 'none') {
      node.affiliations.delete(jid)
      this.#released(node, jid)
      return
    }
    const person = this.#person(jid)
    node.affiliations.set(person.jid, affiliation)
    person.nodes.add(node)
  }

  subscribe(node: Node, jid: string, options: Subscription['options']): Subscription {
    const person = this.#person(bareOf({ jid }))
    const subscription = { jid: jid === person.jid ? person.jid : detached(jid), subid: this.newId(), options }
    node.subscribe(person.jid, subscription)
    person.nodes.add(node)
    return subscription
  }

  unsubscribe(node: Node, subscription: Subscription): void {
    const person = bareOf(subscription)
    node.unsubscribe(person, subscription)
    this.#released(node, person)
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
      person = { jid: detached(jid), nodes: new Set(), created: 0 }
      this.#people.set(person.jid, person)
    }
    return person
  }
}

const bareOf = ({ jid }: { readonly jid: string }): string => bareJid(jid)

/** 96 bits: nobody guesses one, and none comes twice. */
const randomId = (): string => nodeCrypto().randomBytes(12).toString('base64url')
