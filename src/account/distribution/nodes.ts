/** Where states are shared, and how the nodes come to be there. */
import type { Report } from '../../bus/events.ts'
import { StanzaError } from '../../errors.ts'
import type { Session } from '../../session.ts'
import type { NodeConfig } from '../../xep/0060-forms.ts'
import { configureNode, createNode, setAffiliations } from '../../xep/0060-nodes.ts'
import { forEach } from './some.ts'
import { isAbsence, type Troubles } from './troubles.ts'

/** What an account's configuration says of sharing. */
export interface Setting {
  /** Prepared JID of the service. */
  readonly service: string
  /** Prepared bare JID of the account. */
  readonly account: string
  /** Each device and mailbox has a node of its own, in one of two collections. */
  readonly collections: boolean
  /** A node is created before it is used, rather than when it turns out to be missing. */
  readonly autocreate: boolean
}

/** The nodes that res_xmpp has: of items, or with collections of the leaves. */
export const roots = { device: 'device_state', mailbox: 'message_waiting' } as const
export const kinds = ['device', 'mailbox'] as const
export type Kind = Report['kind']

/** What is shared at such a node; undefined for any other. */
export function kindOf(root: string): Kind | undefined {
  return kinds.find(kind => roots[kind] === root)
}

/** ms that a service may take to answer. */
export const PATIENCE = 20_000

/** The nodes of one service, each created once. */
export class Nodes {
  readonly #setting: Setting
  readonly #owners: () => readonly string[]
  readonly #troubles: Troubles
  /** Created, or found to be there. */
  readonly #known = new Set<string>()
  /** Made anew by whoever published first, as the service has it. */
  readonly #lost = new Set<string>()
  readonly #creating = new Map<string, Promise<boolean>>()
  /** Who shall own a node and does not yet: of one that we have created nobody else can see to it. */
  readonly #owed = new Map<string, Set<string>>()
  /** Who has become an owner since, also of what turns out to be there only now. */
  #late: readonly string[] = []
  /** Created by us, so that a refusal is worth a word. */
  readonly #created = new Set<string>()

  /** @param owners prepared bare JIDs of who shall own what we create, beside ourselves */
  constructor(setting: Setting, owners: () => readonly string[], troubles: Troubles) {
    this.#setting = setting
    this.#owners = owners
    this.#troubles = troubles
  }

  /** Whether it has to be created before it is used. */
  wanted(node: string): boolean {
    return this.#setting.autocreate && !this.#known.has(node)
  }

  /** It is there, whoever has created it. */
  found(node: string): void {
    if (this.#known.has(node)) return
    this.#known.add(node)
    this.#owe(node, this.#late)
  }

  /** It is not there any more. */
  gone(node: string): void {
    this.#known.delete(node)
    this.#owed.delete(node)
    this.#created.delete(node)
  }

  /** It was deleted, and somebody or the service itself may have made it anew. */
  lost(node: string): void {
    this.#known.delete(node)
    this.#lost.add(node)
  }

  /**
   * Creates a node, unless that is being done already or it turns out to be there.
   * @param collection what it shall be in; `true` makes it a collection itself
   * @returns whether we have created it
   * @throws what {@link createNode} throws, but for `conflict`
   */
  create(session: Session, node: string, collection?: string | true): Promise<boolean> {
    const before = this.#creating.get(node)
    if (before !== undefined) return before
    const creating = this.#create(session, node, collection).finally(() => this.#creating.delete(node))
    this.#creating.set(node, creating)
    return creating
  }

  async #create(session: Session, node: string, collection: string | true | undefined): Promise<boolean> {
    const { service } = this.#setting
    try {
      await this.#createAsAllowed(session, node, collection)
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      if (error.condition !== 'conflict') {
        const allowed = `create it by another account, or have the service let ${this.#setting.account} create nodes`
        const hint = isAbsence(error.condition) ? 'check pubsub_node' : allowed
        this.#troubles.retry(`create ${node}`, `${node} cannot be created at ${service}`, error, hint)
        throw error
      }
      this.#known.add(node)
      return false
    }
    this.#known.add(node)
    this.#created.add(node)
    this.#troubles.solved(`create ${node}`)
    this.#owe(node, this.#owners())
    await this.#give(session, node)
    return true
  }

  /** There are more owners than before, of all that is ours: {@link giveOwed} tells the service. */
  addOwners(jids: readonly string[]): void {
    this.#late = [...this.#late, ...jids]
    for (const node of this.#known) this.#owe(node, jids)
  }

  #owe(node: string, jids: readonly string[]): void {
    if (jids.length > 0) this.#owed.set(node, new Set([...(this.#owed.get(node) ?? []), ...jids]))
  }

  /** Tells of new owners, and of those that a service could not take for now or a connection was lost over. @throws what is no refusal of the service */
  giveOwed(session: Session): Promise<void> {
    return forEach([...this.#owed.keys()], node => this.#give(session, node))
  }

  async #give(session: Session, node: string): Promise<void> {
    const { service } = this.#setting
    const owners = this.#owed.get(node)
    if (owners === undefined) return
    const what = `the buddies could not be made owners of ${node} at ${service}`
    try {
      await giveTo(session, service, node, [...owners])
      this.#troubles.solved(`owners ${node}`)
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      if (error.type === 'wait' || isAbsence(error.condition))
        return this.#troubles.retry(`owners ${node}`, what, error)
      // What is somebody else's has his buddies.
      if (this.#created.has(node)) this.#troubles.tell(`owners ${node}`, what, error)
    }
    // There may be others by now.
    if (this.#owed.get(node) === owners) this.#owed.delete(node)
  }

  /** Makes what the service has made by itself what it should be, and the buddies its owners; it may be somebody else's, who does so. */
  async adopt(session: Session, node: string): Promise<void> {
    if (!this.#lost.delete(node)) return
    const { service } = this.#setting
    const [best, other] = configsOf(undefined)
    try {
      await configureNode(session, service, node, { ...best }, { timeout: PATIENCE }).catch(error => {
        if (!(error instanceof StanzaError) || error.type === 'auth') throw error
        return configureNode(session, service, node, { ...other }, { timeout: PATIENCE })
      })
      if (this.#owners().length > 0) await giveTo(session, service, node, this.#owners())
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
    }
  }

  async #createAsAllowed(session: Session, node: string, collection: string | true | undefined): Promise<void> {
    const [best, other] = configsOf(collection)
    const create = (config: NodeConfig | undefined): Promise<string> =>
      createNode(session, this.#setting.service, node, { config, timeout: PATIENCE })
    try {
      await create(best)
    } catch (error) {
      if (!(error instanceof StanzaError) || error.type === 'auth' || error.condition === 'conflict') throw error
      await create(other)
    }
  }
}

/** How res_xmpp has its nodes. */
const shared: NodeConfig = { deliver_payloads: true, persist_items: true, access_model: 'whitelist' }
export const collectionConfig: NodeConfig = { ...shared, node_type: 'collection' }
export const leafConfig = (collection: string): NodeConfig => ({
  ...shared,
  node_type: 'leaf',
  collection: [collection],
})

/** The best a node can be, and what it is where a service does not know of that. */
function configsOf(collection: string | true | undefined): readonly NodeConfig[] {
  if (collection === true) return [collectionConfig, shared]
  if (collection !== undefined) return [leafConfig(collection), shared]
  // Without it whoever comes later learns of as few devices as the service keeps items by default: 20 in Prosody. `max` is younger than many services
  // (XEP-0060 1.20).
  return [{ ...shared, max_items: 'max' }, shared]
}

/** Makes others owners too. @throws what {@link setAffiliations} throws */
export function giveTo(session: Session, service: string, node: string, owners: readonly string[]): Promise<void> {
  const list = owners.map(jid => ({ jid, affiliation: 'owner' as const }))
  return setAffiliations(session, service, node, list, { timeout: PATIENCE })
}
