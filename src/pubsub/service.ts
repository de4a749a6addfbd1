import { nodeCrypto } from '../builtin.ts'
import type { Clock } from '../clock.ts'
import type { Affiliation } from '../xep/0060-pubsub.ts'
import { type Person as Asker, denial, type Operation, type Right, rightOf } from './access.ts'
import { type Abilities, type ConfigReading, defaultConfig, type NodeConfig } from './config.ts'
import { forbidden, full, notAcceptable, refusal } from './errors.ts'
import { defaultLimits, type EngineLimits } from './limits.ts'
import { Node } from './node.ts'
import { Presences } from './presence.ts'
import { Recently } from './recently.ts'
import { State } from './state.ts'
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
  /** False refuses what asks for collections, as XEP-0248 §7.1.3.1 has it of a service without them. Default true. */
  readonly collections?: boolean
  readonly limits?: Partial<EngineLimits>
  /** A publication to a node that is not there creates it (§7.1.4). Default false. */
  readonly autoCreate?: boolean
  /** What else the address of the service can, as disco has it. */
  readonly features?: readonly string[]
  /** Makes ids of items, nodes and subscriptions; none may come twice. Default random ones. */
  readonly newId?: () => string
}

/** How much is left. */
interface Room {
  readonly items: number
  readonly bytes: number
  readonly affiliations: number
  readonly subscriptions: number
}

/** What is kept, and the rules by which it is used. */
export class Service extends State {
  readonly jid: string
  readonly clock: Clock
  readonly limits: EngineLimits
  readonly autoCreate: boolean
  readonly defaults: NodeConfig
  readonly abilities: Abilities
  readonly features: readonly string[]
  readonly newId: () => string
  readonly presences = new Presences()
  /** Of whom owners have been asked: who takes the request back and makes it again does not have them asked again. */
  readonly asked = new Recently(600_000)
  /** Who was sent what is in their nodes when they came: who comes and goes is not sent it each time. */
  readonly greeted = new Recently(30_000)
  /** Who has been told that there is no such node, with what they wanted to publish there. */
  readonly missed = new Recently(10_000, 4)
  /** What was not sent because it was too much at once: notifications, or events for many. */
  unsent = 0
  readonly #creators: (person: string) => boolean
  readonly #admins: (person: string) => boolean
  readonly #sees: (person: string, other: string) => boolean
  #changes: Change[] = []
  readonly #messagePrefix = randomId().slice(0, 8)
  #messages = 0

  constructor(options: EngineOptions) {
    const limits = { ...defaultLimits, ...options.limits }
    const defaults = defaultConfig(limits)
    super(new Node('', options.jid, 0, { ...defaults, node_type: 'collection', notify_config: true }))
    this.jid = options.jid
    this.clock = options.clock
    this.limits = limits
    this.defaults = defaults
    this.autoCreate = options.autoCreate ?? false
    this.abilities = { presenceAccess: options.sees !== undefined, collections: options.collections ?? true }
    this.features = options.features ?? []
    this.newId = options.newId ?? randomId
    this.#creators = options.creators ?? (() => true)
    this.#admins = options.admins ?? (() => false)
    this.#sees = options.sees ?? (() => false)
  }

  /** What configurations are read with. */
  get reading(): ConfigReading {
    return { limits: this.limits, abilities: this.abilities }
  }

  /** An id that no other message of this service has (§12.4). */
  nextMessageId(): string {
    return this.#messagePrefix + ++this.#messages
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
    if ((this.people.find(person)?.created ?? 0) >= nodesPerOwner) throw full('max-nodes-exceeded')
  }

  /** How much is left of what the creator of nodes may have in these. */
  roomOf(creator: string): Room {
    const { items = 0, bytes = 0, affiliations = 0, subscribers = 0 } = this.people.find(creator) ?? {}
    const { itemsPerOwner, bytesPerOwner, storedBytes, affiliationsPerOwner, subscribersPerOwner } = this.limits
    return {
      items: itemsPerOwner - items,
      bytes: Math.min(bytesPerOwner - bytes, storedBytes - this.bytes),
      affiliations: affiliationsPerOwner - affiliations,
      subscriptions: Math.min(subscribersPerOwner - subscribers, this.limits.subscriptions - this.subscriptions),
    }
  }

  /** The nodes with which somebody has to do, the root among them for who is subscribed to it. */
  nodesOf(person: string): Iterable<Node> {
    return this.people.find(person)?.nodes ?? []
  }

  subscriptionsOf(person: string): number {
    return this.people.find(person)?.subscriptions ?? 0
  }

  /** Whether somebody has subscriptions that last as long as they are there. */
  isTemporary(person: string): boolean {
    return (this.people.find(person)?.temporary ?? 0) > 0
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
}

/** 96 bits: nobody guesses one, and none comes twice. */
const randomId = (): string => nodeCrypto().randomBytes(12).toString('base64url')
