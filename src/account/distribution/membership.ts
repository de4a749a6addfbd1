import type { StateBus } from '../../bus/bus.ts'
import type { Report } from '../../bus/events.ts'
import type { Clock } from '../../clock.ts'
import { StanzaError } from '../../errors.ts'
import type { Session } from '../../session.ts'
import type { PubsubEvent } from '../../xep/0060-events.ts'
import { unsubscribe } from '../../xep/0060-subscriptions.ts'
import { Caution, MOST_LOST } from './caution.ts'
import { Checkup } from './checkup.ts'
import { Entrance } from './entrance.ts'
import { Happenings } from './happenings.ts'
import { Layout } from './layout.ts'
import { Leaves } from './leaves.ts'
import { type Kind, kindOf, kinds, Nodes, roots, type Setting } from './nodes.ts'
import { Repetition } from './repetition.ts'
import { type Farewell, Share } from './share.ts'
import { forEach } from './some.ts'
import { Troubles } from './troubles.ts'
import { Watch } from './watch.ts'

/** What a membership needs of its account. */
export interface MembershipHost {
  readonly bus: StateBus
  readonly clock: Clock
  readonly farewell: Farewell
  /** Prepared bare JIDs of who shall own the nodes that we create, beside ourselves. */
  readonly owners: () => readonly string[]
  /** Something its owner should know. */
  readonly warn: (text: string) => void
  /** The same, when it is nothing bad. */
  readonly notice: (text: string) => void
  /** See {@link Watch}. */
  readonly skipped: (node: string, id: string | undefined, reason: string) => void
}

/**
 * Bytes of a stanza that are taken: a service puts more around an item than its publisher did, and what it takes from components is often twice what it
 * takes from clients. More would end the connection, at the whim of a publisher.
 */
const EVENT_BYTES = 1_048_576

/** How often something is said in the time after which others take us for gone. */
const BEATS = 3

/** ms that taking leave may take of a service that does not answer. */
const PATIENCE = 2000

/**
 * An account's part in what the PBXes at one service share: its states are told there, and those of the others brought to the bus. It outlives
 * connections, and what could not be told in one is told in the next.
 */
export class Membership {
  readonly setting: Setting
  readonly #host: MembershipHost
  readonly #layout: Layout
  readonly #troubles: Troubles
  readonly #nodes: Nodes
  readonly #watch: Watch
  readonly #share: Share
  readonly #leaves: Leaves
  readonly #entrance: Entrance
  readonly #happenings: Happenings
  readonly #checkup: Checkup
  readonly #caution: Caution
  /** What no item holds is told once more when all are there again. */
  readonly #repetition: Repetition
  #session: Session | undefined
  /** What is to be entered, again or for the first time. */
  readonly #outside = new Set<Kind>(kinds)
  #entering = false
  #again = false
  #inertTold = false
  #inTold = false
  #over = false
  #stopBeating: (() => void) | undefined

  constructor(setting: Setting, host: MembershipHost) {
    this.setting = setting
    this.#host = host
    const { bus, clock, warn, skipped, farewell } = host
    const session = (): Session | undefined => this.#session
    this.#caution = new Caution(clock, kinds => {
      for (const kind of kinds) this.#outside.add(kind)
      void this.#enterAll()
    })
    this.#repetition = new Repetition(clock, () => this.#happenings.tellUnheld(false))
    const layout = new Layout(setting, () => this.#onInert())
    const troubles = new Troubles(clock, warn, {
      again: () => {
        this.#happenings.tellAgain()
        void this.#enterAll()
      },
      onWell: () => host.notice(`what was refused at ${setting.service} works now`),
    })
    const nodes = new Nodes(setting, host.owners, troubles)
    const watch = new Watch({ bus, skipped, onGone: key => this.#happenings.gone(key), clock })
    const share = new Share({
      setting,
      eid: bus.eid,
      farewell,
      nodes,
      troubles,
      clock,
      layout,
      session,
      own: (kind, name) => bus.ownReport(kind, name),
      holder: key => watch.holder(key),
      onPublished: node => this.#checkup.published(node),
    })
    const over = (): boolean => this.#over
    const onShared = (): void => this.#repetition.begin()
    const parts = { layout, nodes, troubles, share, watch }
    const entrance = new Entrance({ setting, bus, farewell, ...parts, warn, onShared, over })
    const enter = (session: Session, leaf: string): Promise<boolean> => entrance.enterLeaf(session, leaf)
    const leaves = new Leaves(setting.service, { clock, session, enter, searched: () => !layout.verified })
    this.#checkup = new Checkup({
      setting,
      clock,
      session,
      warn,
      subscribed: () => this.#subscribed(),
      isSubscribed: node => {
        const kind = kindOf(node)
        return kind === undefined ? layout.mode === 'leaves' && leaves.has(node) : !this.#outside.has(kind)
      },
      onLost: nodes => this.#onLost(nodes),
    })
    this.#layout = layout
    this.#troubles = troubles
    this.#nodes = nodes
    this.#watch = watch
    this.#share = share
    this.#leaves = leaves
    this.#entrance = entrance
    this.#happenings = new Happenings({
      setting,
      bus,
      clock,
      layout,
      nodes,
      leaves,
      share,
      watch,
      warn,
      onHeard: node => this.#checkup.heard(node),
      onDeleted: kind => {
        this.#outside.add(kind)
        // Whoever has deleted it may be about to make it anew.
        troubles.soon()
      },
      onEmptied: () => this.#repetition.begin(),
      notice: host.notice,
      onSubscribed: kind => {
        if (!entrance.approved(kind)) return
        this.#outside.add(kind)
        void this.#enterAll()
      },
    })
    for (const report of bus.own()) share.put(report)
  }

  /** A connection is there. With `resumed` nothing that was told us meanwhile is lost, and we are in already. */
  online(session: Session, resumed: boolean): void {
    this.#session = session
    const { stream } = session
    stream.stanzaBytes = Math.max(stream.stanzaBytes, EVENT_BYTES)
    const lostReading = this.#caution.online()
    if (!resumed || lostReading) {
      this.#layout.restart()
      for (const kind of kinds) this.#outside.add(kind)
    } else if (this.#layout.mode !== 'flat') this.#leaves.resume(session)
    this.#troubles.start()
    this.#checkup.start()
    this.#beat()
    void this.#enterAll()
  }

  offline(): void {
    this.#session = undefined
    this.#stopBeating?.()
    this.#caution.offline()
    this.#repetition.stop()
    this.#share.close()
    this.#troubles.stop()
    this.#checkup.stop()
    this.#leaves.stop()
  }

  /** Something of ours has changed; `report` is undefined when it is no more. */
  changed(kind: Kind, name: string, report: Report | undefined): void {
    if (report !== undefined) this.#share.put(report)
    else this.#share.withdraw(kind, name)
  }

  /** There are more owners than before; without a connection the next one tells. */
  addOwners(jids: readonly string[]): void {
    this.#nodes.addOwners(jids)
    void this.#enterAll()
  }

  /** Says goodbye for our states, as far as time allows; somebody else may go on to speak for them at this service. */
  async leave(): Promise<void> {
    const { warn, farewell } = this.#host
    const { service } = this.setting
    const untold = this.#share.waiting
    if (untold > 0) warn(`${untold} states had not been told yet at ${service}`)
    if (!this.#session?.stream.writable) {
      const stays = this.#share.names.length
      if (stays > 0 && farewell !== 'keep') warn(`not connected: ${stays} states stay at ${service} as they are`)
      return
    }
    const left = await this.#share.leave()
    if (left > 0) warn(`${left} states could not be taken leave of at ${service} in time`)
  }

  /** Is told of others no more. */
  async unsubscribe(): Promise<void> {
    const session = this.#session
    if (!session?.stream.writable) return
    const nodes = this.#subscribed()
    // Whoever was not subscribed is not now either.
    await forEach(nodes, node =>
      unsubscribe(session, this.setting.service, node, { timeout: PATIENCE }).catch(() => {}),
    )
  }

  /** What others say by this membership does not count any more. */
  end(): void {
    this.#over = true
    this.offline()
    this.#watch.stop()
  }

  /** What the service tells. */
  take(event: PubsubEvent): void {
    this.#happenings.take(event)
  }

  /** Somebody has come who may not know what of ours no item holds any more, another PBX having the same device; or `all`, who reads no items. */
  tellThoseWhoCome(all: boolean): void {
    this.#happenings.tellUnheld(all)
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

  /** Where we should be. */
  #subscribed(): readonly string[] {
    const entered = kinds.flatMap(kind => (this.#outside.has(kind) ? [] : roots[kind]))
    return this.#layout.mode === 'leaves' ? [...entered, ...this.#leaves.names] : entered
  }

  /** Whoever has deleted these nodes has not told us: what is there now is not what we knew. */
  #onLost(nodes: readonly string[]): void {
    for (const node of nodes) {
      this.#nodes.lost(node)
      const kind = kindOf(node)
      this.#repetition.begin()
      if (kind !== undefined) this.#outside.add(kind)
      else {
        this.#leaves.gone(node)
        this.#leaves.found(node)
      }
    }
    void this.#enterAll()
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

  /** Goes where it is not yet, one at a time; whatever has changed meanwhile is gone through afterwards. */
  async #enterAll(): Promise<void> {
    this.#again = true
    if (this.#entering) return
    this.#entering = true
    while (this.#again && !this.#over) {
      this.#again = false
      const session = this.#session
      if (session !== undefined) await this.#enterOnce(session)
    }
    this.#entering = false
  }

  async #enterOnce(session: Session): Promise<void> {
    const outside = kinds.filter(kind => this.#outside.has(kind))
    try {
      if (outside.length > 0) {
        await this.#layout.ask(session)
        this.#caution.begin()
        for (const kind of outside) await this.#enter(session, kind)
        if (this.#layout.mode !== 'flat') {
          await this.#read(session, 'the nodes', kinds, () => this.#search(session))
        }
        this.#caution.end()
      }
      if (session === this.#session) this.#share.open()
      await this.#nodes.giveOwed(session)
      this.#troubles.answered('answer')
      if (this.#outside.size === 0) this.#tellIn()
    } catch (error) {
      // The next connection begins anew; a service that does not answer is asked again.
      if (session !== this.#session || !session.stream.writable) return
      this.#caution.end()
      for (const kind of outside) this.#outside.add(kind)
      this.#troubles.retry('answer', `${this.setting.service} does not answer`, error)
    }
  }

  #tellIn(): void {
    if (this.#inTold) return
    this.#inTold = true
    this.#host.notice(`states are shared at ${this.setting.service}`)
  }

  async #enter(session: Session, kind: Kind): Promise<void> {
    if (this.#over) return
    // What is found out meanwhile may send us here again.
    this.#outside.delete(kind)
    if (!(await this.#entrance.enter(session, kind))) this.#outside.add(kind)
    else if (this.#layout.mode === 'flat')
      await this.#read(session, roots[kind], [kind], () => this.#entrance.read(session, kind))
  }

  /** Where nobody tells of leaves they are looked for, and where it is not sure yet that somebody does. */
  #search(session: Session): Promise<void> {
    const collections = this.#layout.verified ? Object.values(roots) : undefined
    // What others say of our devices is read before we publish in its place. Looking for the rest may take long.
    const own = new Set([...[...this.#host.bus.own()].map(({ name }) => name), ...this.#share.names])
    return this.#leaves.search(session, collections, [...own], () => {
      if (session === this.#session) this.#share.open()
    })
  }

  /** Reads what others have published, if one may and the connection does not suffer from it. */
  async #read(session: Session, what: string, of: readonly Kind[], read: () => Promise<void>): Promise<void> {
    const text = `what others have published in ${what} at ${this.setting.service}`
    if (this.#caution.tooOften) {
      this.#host.warn(`${text} is not read: the connection was lost over it ${MOST_LOST} times`)
      if (session === this.#session) this.#caution.later(of)
      return
    }
    try {
      await read()
      this.#troubles.solved(`read ${what}`)
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      const refused = `${text} cannot be read`
      if (error.type === 'modify' || error.condition === 'feature-not-implemented') {
        this.#troubles.tell(`read ${what}`, refused, error)
        return
      }
      for (const kind of of) this.#outside.add(kind)
      this.#troubles.retry(`read ${what}`, refused, error)
    }
  }
}
