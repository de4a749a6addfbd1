import { isName, type StateBus } from '../../bus/bus.ts'
import type { Report } from '../../bus/events.ts'
import type { Clock } from '../../clock.ts'
import { detached } from '../../detached.ts'
import { StanzaError } from '../../errors.ts'
import type { Session } from '../../session.ts'
import { nodeInfo, pubsubFeatures } from '../../xep/0060-discovery.ts'
import type { PubsubEvent } from '../../xep/0060-events.ts'
import type { SubscribeOptions } from '../../xep/0060-forms.ts'
import type { PubsubItem } from '../../xep/0060-items.ts'
import { subscribe, unsubscribe } from '../../xep/0060-subscriptions.ts'
import { isInCollection } from '../../xep/0248-collections.ts'
import { itemsOf, limitOf } from './history.ts'
import { Leaves } from './leaves.ts'
import { type Kind, kindOf, kinds, Nodes, PATIENCE, roots, type Setting } from './nodes.ts'
import { isOurs } from './payload.ts'
import { type Farewell, hintFor, type Mode, Share } from './share.ts'
import { Troubles } from './troubles.ts'
import { keyOf, Watch } from './watch.ts'

/** What a membership needs of its account. */
export interface MembershipHost {
  readonly bus: StateBus
  readonly clock: Clock
  readonly farewell: Farewell
  /** Prepared bare JIDs of who shall own the nodes that we create, beside ourselves. */
  readonly owners: () => readonly string[]
  /** Something its owner should know. */
  readonly warn: (text: string) => void
  /** See {@link Watch}. */
  readonly skipped: (node: string, id: string | undefined, reason: string) => void
}

/**
 * An account's part in what the PBXes at one service share: its states are told there, and those of the others brought to the bus. It outlives
 * connections, and what could not be told in one is told in the next.
 */
export class Membership {
  readonly setting: Setting
  readonly #host: MembershipHost
  readonly #nodes: Nodes
  readonly #troubles: Troubles
  readonly #share: Share
  readonly #watch: Watch
  readonly #leaves: Leaves
  #mode: Mode
  #session: Session | undefined
  /** What is to be entered, again or for the first time. */
  readonly #outside = new Set<Kind>()
  #entering = false
  #again = false
  /** A leaf was seen to be in its collection. */
  #leafVerified = false
  /** What is said once. */
  #twinTold = false
  readonly #fullTold = new Set<string>()
  /** Connections that were lost while items were read, one after the other: they may be what ends them. */
  #lostReading = 0
  #reading = false
  #stopBeating: (() => void) | undefined

  constructor(setting: Setting, host: MembershipHost) {
    this.setting = setting
    this.#host = host
    this.#mode = setting.collections ? 'collections' : 'flat'
    const { bus, clock, warn, skipped } = host
    const session = (): Session | undefined => this.#session
    this.#troubles = new Troubles(clock, warn, () => {
      this.#tellAgain()
      void this.#enterAll()
    })
    this.#nodes = new Nodes(setting, host.owners, this.#troubles)
    this.#watch = new Watch({
      bus,
      skipped,
      onTwin: report => this.#onTwin(report),
      spoken: key => this.#share.spoken(key),
      onGone: key => this.#share.forget(key),
      clock,
    })
    this.#share = new Share({
      setting,
      eid: bus.eid,
      nodes: this.#nodes,
      troubles: this.#troubles,
      clock,
      mode: () => this.#mode,
      session,
      own: (kind, name) => bus.ownReport(kind, name),
      holder: key => this.#watch.holder(key),
      onLeaf: (session, leaf, collection) => this.#onLeaf(session, leaf, collection),
    })
    this.#leaves = new Leaves(setting.service, {
      clock,
      session,
      enter: (session, leaf) => this.#enterLeaf(session, leaf),
    })
    for (const report of bus.own()) this.#share.put(report)
  }

  /** A connection is there. With `resumed` nothing that was told us meanwhile is lost, and we are in already. */
  online(session: Session, resumed: boolean): void {
    this.#session = session
    this.#lostReading = this.#reading ? this.#lostReading + 1 : 0
    if (!resumed || this.#reading) for (const kind of kinds) this.#outside.add(kind)
    this.#reading = false
    this.#beat()
    void this.#enterAll()
  }

  /** Whoever lets our states expire has to hear of us in time, also when nothing changes. */
  #beat(): void {
    const { bus, clock } = this.#host
    this.#stopBeating?.()
    if (bus.expire === 0) return
    this.#stopBeating = clock.after(bus.expire / BEATS, () => {
      this.#share.refresh()
      this.#beat()
    })
  }

  offline(): void {
    this.#session = undefined
    this.#stopBeating?.()
    this.#share.close()
    this.#troubles.stop()
    this.#leaves.stop()
  }

  /** Something of ours has changed; `report` is undefined when it is no more. */
  changed(kind: Kind, name: string, report: Report | undefined): void {
    if (report !== undefined) this.#share.put(report)
    else this.#share.withdraw(kind, name, this.#host.farewell)
  }

  /** There are more owners than before. */
  addOwners(session: Session, jids: readonly string[]): void {
    this.#nodes.addOwners(session, jids).catch(() => {
      // The session has ended with it; another reload tries again.
    })
  }

  /** Says goodbye for our states, as far as time allows. @param forever not to be told of others any more either */
  async leave(forever: boolean): Promise<void> {
    const session = this.#session
    if (session?.stream.writable) {
      const left = await this.#share.leave(this.#host.farewell)
      if (left > 0) this.#host.warn(`${left} states could not be taken leave of at ${this.setting.service} in time`)
      if (forever) await this.#unsubscribe(session)
    }
    this.offline()
  }

  /** What others say by this membership does not count any more. */
  end(): void {
    this.offline()
    this.#watch.stop()
    this.#host.bus.forget(this.#watch)
  }

  /** What the service tells. */
  take(event: PubsubEvent): void {
    const { node } = event
    if (event.type === 'subscription') this.#onSubscription(event)
    else if (node !== undefined) this.#happened(node, event)
  }

  #happened(node: string, event: PubsubEvent): void {
    const kind = this.#mode === 'collections' ? undefined : kindOf(node)
    if (this.#mode === 'flat' && kind === undefined) return
    switch (event.type) {
      case 'items':
        for (const item of event.items) {
          // What should be a collection only tells of leaves, and of their states then.
          if (this.#mode !== 'flat' && kindOf(node) !== undefined) this.#announced(item)
          else this.#watch.item(node, item, kind)
        }
        for (const id of event.retracted) this.#watch.retracted(id, kind)
        return
      case 'purge':
        this.#emptied(node, kind)
        this.#tellAgain()
        return
      case 'delete':
        this.#emptied(node, kind)
        this.#nodes.gone(node)
        this.#leaves.gone(node)
        if (kind !== undefined || kindOf(node) !== undefined) {
          this.#outside.add(kind ?? (kindOf(node) as Kind))
          this.#troubles.retry()
        } else this.#tellAgain()
        return
      case 'collection':
        for (const leaf of event.disassociated) this.#emptied(leaf, undefined)
        return
    }
  }

  #announced({ id, payload }: PubsubItem): void {
    if (id === undefined || !isName(id) || !isOurs(payload)) return
    // A collection has no items of its own.
    this.#withoutCollections()
    this.#leaves.found(id)
  }

  /** Nothing is in a node any more: of one kind, or of one leaf. */
  #emptied(node: string, kind: Kind | undefined): void {
    const flat = this.#mode === 'flat'
    // With leaves the items of what should be a collection only say that there are leaves.
    if (this.#mode === 'leaves' && kind !== undefined) return
    const matching = (each: Kind, name: string): boolean => (flat ? each === kind : name === node)
    this.#watch.emptied(matching)
    for (const report of this.#host.bus.own())
      if (matching(report.kind, report.name)) this.#share.forget(keyOf(report.kind, report.name))
  }

  /** Whatever of ours others do not know (any more). */
  #tellAgain(): void {
    for (const report of this.#host.bus.own()) if (!this.#share.isTold(report)) this.#share.put(report)
  }

  #onSubscription({ node, subscription }: Extract<PubsubEvent, { type: 'subscription' }>): void {
    const kind = node === undefined ? undefined : kindOf(node)
    if (kind === undefined || this.#session === undefined) return
    if (subscription === 'subscribed') {
      this.#outside.add(kind)
      void this.#enterAll()
    } else if (subscription === 'none') {
      this.#host.warn(
        `${this.#at(node ?? '')}: its owner has ended our subscription, and the states of others are not heard`,
      )
    }
  }

  #onTwin({ name, eid }: Report): void {
    if (this.#twinTold) return
    this.#twinTold = true
    this.#host.warn(
      `somebody else at ${this.setting.service} publishes with our EID ${eid} (${name}): give each PBX its own, or they do not hear one another`,
    )
  }

  // ── coming in ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Goes where it is not yet, one at a time; whatever has changed meanwhile is gone through afterwards. */
  async #enterAll(): Promise<void> {
    this.#again = true
    if (this.#entering) return
    this.#entering = true
    while (this.#again) {
      this.#again = false
      const session = this.#session
      if (session !== undefined) await this.#enterOnce(session)
    }
    this.#entering = false
  }

  async #enterOnce(session: Session): Promise<void> {
    try {
      const outside = [...this.#outside]
      if (outside.length > 0) {
        await this.#decide(session)
        this.#reading = true
        for (const kind of outside) if (await this.#enter(session, kind)) this.#outside.delete(kind)
        if (this.#mode !== 'flat') await this.#search(session)
        this.#reading = false
      }
      if (session === this.#session) this.#share.open()
    } catch (error) {
      // The next connection begins anew; a service that does not answer is asked again.
      if (session !== this.#session || !session.stream.writable) return
      this.#reading = false
      this.#troubles.tell('service', `${this.setting.service} does not answer`, error)
      this.#troubles.retry()
    }
  }

  /** Whether there are collections, if there shall be. */
  async #decide(session: Session): Promise<void> {
    if (this.#mode !== 'collections' || this.#leafVerified) return
    try {
      const features = await pubsubFeatures(session, this.setting.service, { timeout: PATIENCE })
      if (!features.has('collections')) this.#withoutCollections()
    } catch (error) {
      // A service that says nothing of itself shows by what it does what it can do.
      if (!(error instanceof StanzaError)) throw error
    }
  }

  #withoutCollections(): void {
    if (this.#mode !== 'collections') return
    this.#mode = 'leaves'
    this.#host.warn(
      `${this.setting.service} has no collection nodes (XEP-0248), whatever it accepts: the nodes of single devices are looked for and subscribed to instead; collection_nodes=no needs no search`,
    )
    for (const kind of kinds) this.#outside.add(kind)
    void this.#enterAll()
  }

  /** There is a leaf: the first one shows whether it is in its collection. */
  async #onLeaf(session: Session, leaf: string, collection: string): Promise<void> {
    if (this.#mode !== 'collections' || this.#leafVerified) return
    if (await isInCollection(session, this.setting.service, leaf, collection, { timeout: PATIENCE })) this.#verified()
    else this.#withoutCollections()
  }

  /** Leaves are told of by their collections, and need not be looked for. */
  #verified(): void {
    this.#leafVerified = true
    this.#leaves.stop()
  }

  /** @returns whether the service lets us */
  async #enter(session: Session, kind: Kind): Promise<boolean> {
    const root = roots[kind]
    try {
      await this.#subscribe(session, root)
      if (this.#mode === 'collections' && !(await this.#isCollection(session, root))) this.#withoutCollections()
      this.#troubles.solved(`enter ${root}`)
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      const what = `${this.#at(root)} cannot be subscribed to`
      this.#troubles.tell(`enter ${root}`, what, error, hintFor(error, session.jid))
      this.#troubles.retry()
      return false
    }
    if (this.#mode === 'flat') await this.#readable(root, () => this.#read(session, root, kind))
    return true
  }

  /** Where nobody tells of leaves they are looked for, and where it is not sure yet that somebody does. */
  #search(session: Session): Promise<void> {
    const searched = this.#mode === 'collections' && this.#leafVerified ? Object.values(roots) : undefined
    return this.#readable('the nodes', () => this.#leaves.search(session, searched))
  }

  /** Reads what others have published, if one may and the connection does not suffer from it. */
  async #readable(what: string, read: () => Promise<void>): Promise<void> {
    if (this.#lostReading >= MOST_LOST) {
      this.#host.warn(`${this.#at(what)} are not read: the connection was lost over it ${MOST_LOST} times`)
      return
    }
    try {
      await read()
      this.#troubles.solved(`read ${what}`)
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      this.#troubles.tell(`read ${what}`, `what others have published in ${this.#at(what)} cannot be read`, error)
    }
  }

  async #isCollection(session: Session, root: string): Promise<boolean> {
    try {
      return (await nodeInfo(session, this.setting.service, root, { timeout: PATIENCE })).type === 'collection'
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      return false
    }
  }

  /** Subscribes, and creates what is not there. */
  async #subscribe(session: Session, root: string): Promise<void> {
    const collection = this.#mode === 'collections' ? true : undefined
    if (this.#nodes.wanted(root)) {
      try {
        await this.#nodes.create(session, root, collection)
      } catch (error) {
        // It may be there, and others may have it.
        if (!(error instanceof StanzaError)) throw error
      }
    }
    try {
      await this.#subscribeOnce(session, root)
    } catch (error) {
      if (!(error instanceof StanzaError) || error.condition !== 'item-not-found') throw error
      await this.#nodes.create(session, root, collection)
      await this.#subscribeOnce(session, root)
    }
  }

  async #subscribeOnce(session: Session, node: string): Promise<void> {
    const { service } = this.setting
    const options = this.#mode === 'collections' ? inCollection : undefined
    const { subscription } = await subscribe(session, service, node, { options, timeout: PATIENCE })
    if (subscription === 'pending')
      this.#host.warn(`${this.#at(node)}: its owner has to approve of our subscription first`)
  }

  /** What is in a flat node, and what of it is ours or should be. */
  async #read(session: Session, root: string, kind: Kind): Promise<void> {
    const { bus, farewell } = this.#host
    const { service } = this.setting
    const limit = await limitOf(session, service, root)
    const { found, touched } = await this.#watch.history(root, () => itemsOf(session, service, root), kind)
    const full = limit === undefined ? undefined : found.size >= limit
    if (full && !this.#fullTold.has(root)) {
      this.#fullTold.add(root)
      this.#host.warn(
        `${this.#at(root)} keeps ${limit} items: whoever comes later learns of no more; raise its pubsub#max_items`,
      )
    }
    // Without knowing how many it keeps, what is missing may only have made room.
    const there = (key: string): boolean => found.has(key) || touched.has(key)
    if (full === false) bus.forget(this.#watch, (each, name) => each === kind && !there(keyOf(kind, name)))
    for (const report of bus.own()) {
      const key = keyOf(kind, report.name)
      if (report.kind !== kind || touched.has(key)) continue
      const item = found.get(key)
      if (item === undefined ? full === false || found.size === 0 : item.eid === bus.eid) {
        if (item !== undefined && sameReport(item, report)) this.#share.know(report)
        else this.#share.putAgain(report)
      } else if (!this.#share.isTold(report)) this.#share.put(report)
    }
    for (const report of found.values()) if (report.eid === bus.eid) this.#leftOver(report, farewell)
  }

  /** A state that we have published before we were started anew, and that nobody has set since. */
  #leftOver(report: Report, farewell: Farewell): void {
    const { kind } = report
    const name = detached(report.name)
    const key = keyOf(kind, name)
    if (this.#host.bus.ownReport(kind, name) !== undefined || this.#share.spoken(key)) return
    if (report.kind === 'device' && report.state === 'UNAVAILABLE' && farewell === 'mark') return
    this.#share.withdraw(kind, name, farewell)
  }

  /** A leaf: in a collection it is heard of already, else it has to be subscribed to. @returns whether it is one of ours */
  async #enterLeaf(session: Session, leaf: string): Promise<boolean> {
    const { service } = this.setting
    const { bus, farewell } = this.#host
    const { found } = await this.#watch.history(leaf, () => itemsOf(session, service, leaf))
    const [first] = found.values()
    if (first === undefined) return false
    await this.#onLeaf(session, leaf, roots[first.kind])
    if (this.#mode === 'leaves') await this.#subscribeOnce(session, leaf)
    for (const report of found.values()) {
      if (report.eid !== bus.eid) continue
      const own = bus.ownReport(report.kind, report.name)
      if (own === undefined) this.#leftOver(report, farewell)
      else if (sameReport(own, report)) this.#share.know(own)
      else this.#share.putAgain(own)
    }
    return true
  }

  async #unsubscribe(session: Session): Promise<void> {
    const nodes = [...Object.values(roots), ...(this.#mode === 'leaves' ? this.#leaves.names : [])]
    await Promise.all(
      nodes.map(node => unsubscribe(session, this.setting.service, node, { timeout: 2000 }).catch(() => {})),
    )
  }

  #at(node: string): string {
    return `${node} at ${this.setting.service}`
  }
}

/** What res_xmpp asks for. */
const inCollection: SubscribeOptions = { subscription_type: 'items', subscription_depth: 'all', expire: 'presence' }

/** How often something is said in the time after which others take us for gone. */
const BEATS = 3

/** Connections in a row that may be lost while items are read. */
const MOST_LOST = 3

function sameReport(one: Report, other: Report): boolean {
  if (one.kind === 'device')
    return other.kind === 'device' && one.state === other.state && one.cachable === other.cachable
  return other.kind === 'mailbox' && one.counts.new === other.counts.new && one.counts.old === other.counts.old
}
