import { isName, type StateBus } from '../../bus/bus.ts'
import type { Report } from '../../bus/events.ts'
import type { Clock } from '../../clock.ts'
import { bareJid } from '../../jid.ts'
import type { PubsubEvent } from '../../xep/0060-events.ts'
import type { PubsubItem } from '../../xep/0060-items.ts'
import type { Layout } from './layout.ts'
import type { Leaves } from './leaves.ts'
import { type Kind, kindOf, kinds, type Nodes, type Setting } from './nodes.ts'
import { isOurs, sameReport } from './payload.ts'
import type { Share } from './share.ts'
import { keyOf, partsOf, type Watch } from './watch.ts'

/** What events need of a membership. */
export interface HappeningsHost {
  readonly setting: Setting
  readonly bus: StateBus
  readonly clock: Clock
  readonly layout: Layout
  readonly nodes: Nodes
  readonly leaves: Leaves
  readonly share: Share
  readonly watch: Watch
  readonly warn: (text: string) => void
  /** What was in a node is gone, for everyone. */
  readonly onEmptied: () => void
  /** Something its owner may want to know. */
  readonly notice: (text: string) => void
  /** Something was told of a node. */
  readonly onHeard: (node: string) => void
  /** What is shared there has been deleted. */
  readonly onDeleted: (kind: Kind) => void
  /** We are subscribed there now. */
  readonly onSubscribed: (kind: Kind) => void
}

/** ms in which one state of ours is told again once, however often somebody else says otherwise. */
const STUBBORN = 60_000
/** How often that has to be before somebody else is taken to have our EID. */
const TWIN = 5
/** States that somebody else says otherwise. */
const MOST = 1000

/** What a service tells, and what follows from it. */
export class Happenings {
  readonly #host: HappeningsHost
  /** What of ours was said otherwise, and when it was last told again. */
  readonly #corrected = new Map<string, number>()
  #contradictions = 0
  #twinTold = false

  constructor(host: HappeningsHost) {
    this.#host = host
  }

  take(event: PubsubEvent): void {
    const { node } = event
    if (event.type === 'subscription') this.#onSubscription(event)
    else if (node !== undefined) {
      this.#host.onHeard(node)
      this.#happened(node, event)
    }
  }

  /** An item was taken back, and none has taken its place: whoever has it still says so. */
  gone(key: string): void {
    const { share, bus } = this.#host
    share.forget(key)
    const own = bus.ownReport(...partsOf(key))
    if (own !== undefined) share.put(own)
  }

  /** Whatever of ours others do not know (any more). */
  tellAgain(): void {
    const { share, bus } = this.#host
    for (const report of bus.own()) if (!share.isTold(report)) share.put(report)
  }

  /** What of ours is in no item, another PBX's state of the same device being there; or all of ours. */
  tellUnheld(all: boolean): void {
    const { share, bus, watch } = this.#host
    for (const report of bus.own()) {
      const holder = watch.holder(keyOf(report.kind, report.name))
      if (all || (holder !== undefined && holder !== bus.eid)) share.putAgain(report)
    }
  }

  #happened(node: string, event: PubsubEvent): void {
    const { layout, watch, nodes, leaves, onDeleted } = this.#host
    const flat = layout.mode === 'flat'
    const root = kindOf(node)
    if (flat && root === undefined) return
    const kind = flat ? root : undefined
    switch (event.type) {
      case 'items':
        // What should be a collection only tells of leaves, and of their states then.
        if (!flat && root !== undefined) for (const item of event.items) this.#announced(item)
        else for (const item of event.items) this.#said(watch.item(node, item, kind))
        for (const id of event.retracted) if (flat || id === node) watch.retracted(id, kind)
        return
      case 'purge':
        if (!flat && root !== undefined) return
        this.#emptied(node, kind)
        this.#tellOf(node, 'emptied')
        this.tellAgain()
        return
      case 'delete':
        this.#tellOf(node, 'deleted')
        nodes.gone(node)
        leaves.gone(node)
        if (flat || root === undefined) this.#emptied(node, kind)
        if (root === undefined) this.tellAgain()
        else onDeleted(root)
        return
      case 'collection':
        for (const leaf of event.disassociated) this.#emptied(leaf, undefined)
        return
    }
  }

  #said(report: Report | undefined): void {
    if (report === undefined) return
    const { bus, share } = this.#host
    const own = bus.ownReport(report.kind, report.name)
    if (report.eid === bus.eid) this.#saidAsUs(report, own)
    // One item has room for the state of one PBX. Whoever has more to say of the same device than another one, which may just be leaving, says so again,
    // for those who come later.
    else if (own?.kind === 'device' && isUnavailable(report) && !isUnavailable(own)) share.putAgain(own)
  }

  /** Our own words come back, or somebody else has our EID. */
  #saidAsUs(report: Report, own: Report | undefined): void {
    const { share, clock } = this.#host
    const key = keyOf(report.kind, report.name)
    if (own === undefined) {
      if (!share.spoken(key)) this.#tellOfTwin(report)
      return
    }
    // What we have said just before may come late.
    if (sameReport(own, report) || share.busy(key) || (report.kind === 'device' && !report.cachable)) return
    const last = this.#corrected.get(key)
    if (last !== undefined && clock.now() - last < STUBBORN) return
    if (this.#corrected.size >= MOST) this.#corrected.clear()
    this.#corrected.set(key, clock.now())
    share.putAgain(own)
    if (++this.#contradictions >= TWIN) this.#tellOfTwin(report)
  }

  #tellOfTwin({ name, eid }: Report): void {
    if (this.#twinTold) return
    this.#twinTold = true
    const { warn, setting } = this.#host
    warn(
      `somebody else at ${setting.service} publishes with our EID ${eid} (${name}): give each PBX its own, or they do not hear one another`,
    )
  }

  #announced({ id, payload }: PubsubItem): void {
    if (id === undefined || !isName(id) || !isOurs(payload)) return
    // A collection has no items of its own.
    this.#host.layout.contradict()
    this.#host.leaves.found(id)
  }

  /** Nothing is in a node any more: of one kind, or of one leaf. */
  #emptied(node: string, kind: Kind | undefined): void {
    const { watch, share, bus } = this.#host
    if (kind === undefined) {
      for (const each of kinds) {
        watch.emptiedOf(each, node)
        share.forget(keyOf(each, node))
      }
      return
    }
    watch.emptied(kind)
    for (const report of bus.own()) if (report.kind === kind) share.forget(keyOf(kind, report.name))
  }

  #tellOf(node: string, what: string): void {
    const { notice, onEmptied, setting } = this.#host
    notice(`${node} at ${setting.service} was ${what} by somebody: what of ours was there is published again`)
    onEmptied()
  }

  /** Owners are told of the subscriptions of others too. */
  #onSubscription({ node, jid, subscription }: Extract<PubsubEvent, { type: 'subscription' }>): void {
    const { setting, warn, onSubscribed } = this.#host
    const kind = node === undefined ? undefined : kindOf(node)
    if (kind === undefined || bareJid(jid) !== setting.account) return
    if (subscription === 'subscribed') onSubscribed(kind)
    else if (subscription === 'none')
      warn(
        `${node} at ${setting.service}: its owner has ended our subscription, and the states of others are not heard`,
      )
  }
}

function isUnavailable(report: Report): boolean {
  return report.kind === 'device' && report.cachable && report.state === 'UNAVAILABLE'
}
