import { isName, type StateBus } from '../../bus/bus.ts'
import type { Report } from '../../bus/events.ts'
import type { Clock } from '../../clock.ts'
import { StanzaError } from '../../errors.ts'
import { bareJid } from '../../jid.ts'
import type { Session } from '../../session.ts'
import type { PubsubEvent } from '../../xep/0060-events.ts'
import type { PubsubItem } from '../../xep/0060-items.ts'
import { unsubscribe } from '../../xep/0060-subscriptions.ts'
import { Entrance } from './entrance.ts'
import { Layout } from './layout.ts'
import { Leaves } from './leaves.ts'
import { type Kind, kindOf, kinds, Nodes, roots, type Setting } from './nodes.ts'
import { isOurs } from './payload.ts'
import { type Farewell, Share } from './share.ts'
import { forEach } from './some.ts'
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
  readonly #layout: Layout
  readonly #entrance: Entrance
  #session: Session | undefined
  /** What is to be entered, again or for the first time. */
  readonly #outside = new Set<Kind>()
  #entering = false
  #again = false
  /** What is said once. */
  #twinTold = false
  #inertTold = false
  /** Connections that were lost while items were read, one after the other: they may be what ends them. */
  #lostReading = 0
  #reading = false
  #stopBeating: (() => void) | undefined

  constructor(setting: Setting, host: MembershipHost) {
    this.setting = setting
    this.#host = host
    const { bus, clock, warn, skipped, farewell } = host
    const session = (): Session | undefined => this.#session
    const layout = new Layout(setting, () => this.#onInert())
    this.#layout = layout
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
      layout,
      session,
      own: (kind, name) => bus.ownReport(kind, name),
      holder: key => this.#watch.holder(key),
    })
    const [nodes, troubles, share, watch] = [this.#nodes, this.#troubles, this.#share, this.#watch]
    this.#entrance = new Entrance({ setting, bus, farewell, layout, nodes, troubles, share, watch, warn })
    this.#leaves = new Leaves(setting.service, {
      clock,
      session,
      enter: (session, leaf) => this.#entrance.enterLeaf(session, leaf),
      searched: () => !layout.verified,
    })
    for (const report of bus.own()) this.#share.put(report)
  }

  /** A connection is there. With `resumed` nothing that was told us meanwhile is lost, and we are in already. */
  online(session: Session, resumed: boolean): void {
    this.#session = session
    const { stream } = session
    stream.stanzaBytes = Math.max(stream.stanzaBytes, EVENT_BYTES)
    this.#lostReading = this.#reading ? this.#lostReading + 1 : 0
    if (!resumed || this.#reading) {
      this.#layout.restart()
      for (const kind of kinds) this.#outside.add(kind)
    }
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
    const flat = this.#layout.mode === 'flat'
    const root = kindOf(node)
    if (flat && root === undefined) return
    const kind = flat ? root : undefined
    switch (event.type) {
      case 'items':
        // What should be a collection only tells of leaves, and of their states then.
        if (!flat && root !== undefined) for (const item of event.items) this.#announced(item)
        else for (const item of event.items) this.#said(this.#watch.item(node, item, kind))
        for (const id of event.retracted) if (flat || root === undefined) this.#watch.retracted(id, kind)
        return
      case 'purge':
        if (!flat && root !== undefined) return
        this.#emptied(node, kind)
        this.#tellAgain()
        return
      case 'delete':
        this.#nodes.gone(node)
        this.#leaves.gone(node)
        if (flat || root === undefined) this.#emptied(node, kind)
        if (root === undefined) return this.#tellAgain()
        this.#outside.add(root)
        this.#troubles.retry()
        return
      case 'collection':
        for (const leaf of event.disassociated) this.#emptied(leaf, undefined)
        return
    }
  }

  /**
   * One item has room for the state of one PBX. Whoever has the same device and more to say of it than another one, which may just be leaving, says so
   * again, for those who come later.
   */
  #said(report: Report | undefined): void {
    if (report?.kind !== 'device' || report.state !== 'UNAVAILABLE' || !report.cachable) return
    const own = this.#host.bus.ownReport('device', report.name)
    if (own?.kind === 'device' && report.eid !== own.eid && own.state !== 'UNAVAILABLE') this.#share.putAgain(own)
  }

  #announced({ id, payload }: PubsubItem): void {
    if (id === undefined || !isName(id) || !isOurs(payload)) return
    // A collection has no items of its own.
    this.#layout.contradict()
    this.#leaves.found(id)
  }

  /** Nothing is in a node any more: of one kind, or of one leaf. */
  #emptied(node: string, kind: Kind | undefined): void {
    if (kind === undefined) {
      for (const each of kinds) {
        this.#watch.emptiedOf(each, node)
        this.#share.forget(keyOf(each, node))
      }
      return
    }
    this.#watch.emptied(kind)
    for (const report of this.#host.bus.own()) if (report.kind === kind) this.#share.forget(keyOf(kind, report.name))
  }

  /** Whatever of ours others do not know (any more). */
  #tellAgain(): void {
    for (const report of this.#host.bus.own()) if (!this.#share.isTold(report)) this.#share.put(report)
  }

  /** Owners are told of the subscriptions of others too. */
  #onSubscription({ node, jid, subscription }: Extract<PubsubEvent, { type: 'subscription' }>): void {
    const kind = node === undefined ? undefined : kindOf(node)
    if (kind === undefined || bareJid(jid) !== this.setting.account) return
    if (subscription === 'subscribed') {
      this.#outside.add(kind)
      void this.#enterAll()
    } else if (subscription === 'none') {
      this.#host.warn(
        `${node} at ${this.setting.service}: its owner has ended our subscription, and the states of others are not heard`,
      )
    }
  }

  #onInert(): void {
    if (!this.#inertTold) {
      const { service } = this.setting
      this.#host.warn(
        `${service} has no collection nodes (XEP-0248), whatever it accepts: the nodes of single devices are looked for and subscribed to instead; collection_nodes=no needs no search`,
      )
    }
    this.#inertTold = true
    for (const kind of kinds) this.#outside.add(kind)
    void this.#enterAll()
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
        await this.#layout.ask(session)
        this.#reading = true
        for (const kind of outside) {
          if (!(await this.#entrance.enter(session, kind))) continue
          this.#outside.delete(kind)
          if (this.#layout.mode === 'flat') await this.#read(roots[kind], () => this.#entrance.read(session, kind))
        }
        if (this.#layout.mode !== 'flat') await this.#read('the nodes', () => this.#search(session))
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

  /** Where nobody tells of leaves they are looked for, and where it is not sure yet that somebody does. */
  #search(session: Session): Promise<void> {
    return this.#leaves.search(session, this.#layout.verified ? Object.values(roots) : undefined)
  }

  /** Reads what others have published, if one may and the connection does not suffer from it. */
  async #read(what: string, read: () => Promise<void>): Promise<void> {
    const { service } = this.setting
    if (this.#lostReading >= MOST_LOST) {
      this.#host.warn(`${what} at ${service} is not read: the connection was lost over it ${MOST_LOST} times`)
      return
    }
    try {
      await read()
      this.#troubles.solved(`read ${what}`)
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      this.#troubles.tell(`read ${what}`, `what others have published in ${what} at ${service} cannot be read`, error)
    }
  }

  async #unsubscribe(session: Session): Promise<void> {
    const nodes = [...Object.values(roots), ...(this.#layout.mode === 'leaves' ? this.#leaves.names : [])]
    // Whoever was not subscribed is not now either.
    await forEach(nodes, node =>
      unsubscribe(session, this.setting.service, node, { timeout: FAREWELL }).catch(() => {}),
    )
  }
}

/** ms that taking leave may take of a service that does not answer. */
const FAREWELL = 2000

/**
 * Bytes of a stanza that are taken: a service puts more around an item than its publisher did, and what it takes from components is often twice what it
 * takes from clients. More would end the connection, at the whim of a publisher.
 */
const EVENT_BYTES = 1_048_576

/** How often something is said in the time after which others take us for gone. */
const BEATS = 3

/** Connections in a row that may be lost while items are read. */
const MOST_LOST = 3
