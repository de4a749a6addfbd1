import type { StateBus } from '../../bus/bus.ts'
import type { Report } from '../../bus/events.ts'
import { detached } from '../../detached.ts'
import { StanzaError } from '../../errors.ts'
import type { Session } from '../../session.ts'
import type { SubscribeOptions } from '../../xep/0060-forms.ts'
import { subscribe } from '../../xep/0060-subscriptions.ts'
import { type Found, itemsOf, limitOf } from './history.ts'
import type { Layout } from './layout.ts'
import { type Kind, kinds, type Nodes, PATIENCE, roots, type Setting } from './nodes.ts'
import { sameReport } from './payload.ts'
import { type Farewell, hintFor, type Share } from './share.ts'
import type { Troubles } from './troubles.ts'
import { type History, keyOf, type Watch } from './watch.ts'

/** What coming in needs of a membership. */
export interface EntranceHost {
  readonly setting: Setting
  readonly bus: StateBus
  readonly farewell: Farewell
  readonly layout: Layout
  readonly nodes: Nodes
  readonly troubles: Troubles
  readonly share: Share
  readonly watch: Watch
  readonly warn: (text: string) => void
  /** Others may not have heard what we say there: they come as we do. */
  readonly onShared: () => void
  /** It has ended. */
  readonly over: () => boolean
}

/** Subscribes to nodes, reads what is in them, and sees what others know of ours and what they do not. */
export class Entrance {
  readonly #host: EntranceHost
  /** Of which it was said that they keep too little. */
  readonly #fullTold = new Set<string>()
  /** Where somebody has to approve of our subscription. */
  readonly #pending = new Set<string>()

  constructor(host: EntranceHost) {
    this.#host = host
  }

  /** @returns whether the service lets us @throws what is no refusal of the service */
  async enter(session: Session, kind: Kind): Promise<boolean> {
    const { troubles, layout, setting, nodes } = this.#host
    const root = roots[kind]
    try {
      await this.#subscribe(session, root)
      await nodes.adopt(session, root)
      troubles.solved(`enter ${root}`)
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      const what = `${root} at ${setting.service} cannot be subscribed to`
      troubles.retry(`enter ${root}`, what, error, hintFor(error, setting.account))
      return false
    }
    await layout.rootSeen(session, root)
    return true
  }

  /** A subscription was approved of. @returns whether that was waited for: services tell of others too */
  approved(kind: Kind): boolean {
    return this.#pending.delete(roots[kind])
  }

  /** What is in a flat node, and what of it is ours or should be. @throws what asking for it throws */
  async read(session: Session, kind: Kind): Promise<void> {
    const { bus, watch, setting } = this.#host
    const root = roots[kind]
    const limit = await limitOf(session, setting.service, root)
    const history = await watch.history(root, () => itemsOf(session, setting.service, root), kind)
    const { reports, touched, count } = history
    const full = limit !== undefined && !limit.open && count >= limit.items
    if (full) this.#tellFull(root, limit.items)
    // Without knowing how many it keeps, what others have there no more may only have made room.
    const complete = !history.partial && (count === 0 || (limit !== undefined && count < limit.items))
    const there = (key: string): boolean => reports.has(key) || touched.has(key)
    if (complete) bus.forget(watch, (each, name) => each === kind && !there(keyOf(kind, name)))
    for (const report of bus.own()) {
      const key = keyOf(kind, report.name)
      if (report.kind === kind && !touched.has(key)) this.#settle(report, reports.get(key), full || history.partial)
    }
    this.#clearLeftOver(reports.values())
  }

  /** A leaf: in a collection it is heard of already, else it has to be subscribed to. @returns whether states of PBXes are in it, or should be */
  async enterLeaf(session: Session, leaf: string): Promise<boolean> {
    const { watch, setting, layout } = this.#host
    const read = (): Promise<Found> => itemsOf(session, setting.service, leaf)
    const alone = layout.mode === 'leaves'
    try {
      if (alone) {
        const { items } = await read()
        if (this.#host.over() || !(items.some(({ ours }) => ours) || this.#isHeld(leaf))) return false
        // Before it is read: nobody would tell what is published between the two.
        await this.#subscribeOnce(session, leaf)
      }
      const history = await watch.history(leaf, read)
      const [first] = history.reports.values()
      // If it is in none after all, everything is entered again.
      if (first !== undefined) await layout.leafSeen(session, leaf, first.kind)
      this.#settleLeaf(leaf, history)
      if (alone && this.#isOwn(leaf)) this.#host.onShared()
      return alone || first !== undefined
    } catch (error) {
      if (error instanceof StanzaError && error.condition === 'item-not-found') this.#leafGone(leaf)
      throw error
    }
  }

  /** Whether something in a leaf counts, or should be there. */
  #isHeld(leaf: string): boolean {
    const { bus } = this.#host
    return bus.device(leaf) !== undefined || bus.mailbox(leaf) !== undefined
  }

  #isOwn(leaf: string): boolean {
    return kinds.some(kind => this.#host.bus.ownReport(kind, leaf) !== undefined)
  }

  #settleLeaf(leaf: string, { reports, touched, partial }: History): void {
    const { bus, watch, share } = this.#host
    for (const kind of kinds) {
      const key = keyOf(kind, leaf)
      if (touched.has(key)) continue
      const item = reports.get(key)
      const own = bus.ownReport(kind, leaf)
      if (item === undefined && !partial) bus.withdraw(kind, undefined, leaf, watch)
      // What is being published is not there yet.
      if (own !== undefined && !(item === undefined && share.busy(key))) this.#settle(own, item, partial)
    }
    this.#clearLeftOver(reports.values())
  }

  /** It was deleted while nobody told us. */
  #leafGone(leaf: string): void {
    const { bus, watch, share, nodes } = this.#host
    nodes.gone(leaf)
    for (const kind of kinds) {
      watch.emptiedOf(kind, leaf)
      share.forget(keyOf(kind, leaf))
      const own = bus.ownReport(kind, leaf)
      if (own !== undefined) share.put(own)
    }
  }

  /** Subscribes, and creates what is not there. */
  async #subscribe(session: Session, root: string): Promise<void> {
    const { nodes, layout } = this.#host
    const collection = layout.mode === 'collections' ? true : undefined
    if (nodes.wanted(root)) {
      try {
        await nodes.create(session, root, collection)
      } catch (error) {
        // It may be there, and others may have it.
        if (!(error instanceof StanzaError)) throw error
      }
    }
    try {
      await this.#subscribeOnce(session, root)
    } catch (error) {
      if (!(error instanceof StanzaError) || error.condition !== 'item-not-found') throw error
      await nodes.create(session, root, collection)
      await this.#subscribeOnce(session, root)
    }
    nodes.found(root)
  }

  async #subscribeOnce(session: Session, node: string): Promise<void> {
    const { setting, layout, warn } = this.#host
    const options = layout.mode === 'collections' ? inCollection : undefined
    const { subscription } = await subscribe(session, setting.service, node, { options, timeout: PATIENCE })
    if (subscription !== 'pending') return
    this.#pending.add(node)
    warn(`${node} at ${setting.service}: its owner has to approve of our subscription first`)
  }

  #tellFull(root: string, limit: number): void {
    if (this.#fullTold.has(root)) return
    this.#fullTold.add(root)
    const { setting, warn } = this.#host
    warn(
      `${root} at ${setting.service} keeps ${limit} items: whoever comes later learns of no more; raise its pubsub#max_items`,
    )
  }

  /**
   * A state of ours, and what is in its item: perhaps what another PBX says of the same device, which says nothing of what others know of ours.
   * @param full what is not there may have had to make room for others and would take it from them, or was not read
   */
  #settle(own: Report, item: Report | undefined, full: boolean): void {
    const { share, bus } = this.#host
    const missing = item === undefined ? !full : item.eid === bus.eid
    if (item !== undefined && sameReport(own, item)) share.know(own)
    else if (missing) share.putAgain(own)
    else if (!share.isTold(own)) share.put(own)
  }

  /** States that we have published before we were started anew, and that nobody has set since. */
  #clearLeftOver(items: Iterable<Report>): void {
    const { bus, share, farewell } = this.#host
    for (const item of items) {
      const { kind, eid } = item
      // It is kept for as long as the account lives.
      const name = detached(item.name)
      if (eid !== bus.eid || bus.ownReport(kind, name) !== undefined || share.spoken(keyOf(kind, name))) continue
      const marked = item.kind === 'device' && item.state === 'UNAVAILABLE' && farewell === 'mark'
      if (!marked) share.farewell(kind, name)
    }
  }
}

/** What res_xmpp asks for. */
const inCollection: SubscribeOptions = { subscription_type: 'items', subscription_depth: 'all', expire: 'presence' }
