import type { StateBus } from '../../bus/bus.ts'
import type { Report } from '../../bus/events.ts'
import type { Clock } from '../../clock.ts'
import { detached } from '../../detached.ts'
import type { PubsubItem } from '../../xep/0060-items.ts'
import type { Found } from './history.ts'
import { type Kind, kinds } from './nodes.ts'
import { type Reading, readingOf } from './payload.ts'

/** What one service brings of other PBXes. */
export interface WatchHost {
  readonly bus: StateBus
  /** An item is left out, with the reason in words. */
  readonly skipped: (node: string, id: string | undefined, reason: string) => void
  /** An item was taken back, and none has taken its place. */
  readonly onGone: (key: string) => void
  readonly clock: Clock
}

/** What was there before. */
export interface History {
  /** By key. */
  readonly reports: ReadonlyMap<string, Report>
  /** What has changed while it was read, whatever that had found. */
  readonly touched: ReadonlySet<string>
  /** Items, whatever is in them. */
  readonly count: number
  /** There may be more. */
  readonly partial: boolean
}

/** A history that is being read. */
interface Underway {
  readonly touched: Set<string>
  /** The node was emptied meanwhile: what was read before that is there no more. */
  voided: boolean
}

/** How often a history is read anew that was voided. */
const READINGS = 3

/** One device or mailbox among all. */
export function keyOf(kind: Kind, name: string): string {
  return `${kind} ${name}`
}

/** Items of which it is known whose they are: as many as there may be reports on a bus. */
const MOST_HOLDERS = 200_000

/**
 * ms after which an item that was taken back is really gone. COMPAT ejabberd: a PBX has to take back another's item to publish its own state of the same
 * device, and the other's state still holds.
 */
const GRACE = 1000

interface Retract {
  readonly kind: Kind
  readonly name: string
  /** Whose it was, as far as that is known. */
  readonly holder: string | undefined
  readonly due: number
}

/** Brings what is in items to the bus. */
export class Watch {
  readonly #host: WatchHost
  /** Whose state an item last held: the next PBX that has the same device takes its place. */
  readonly #holders = new Map<string, string>()
  readonly #histories = new Set<Underway>()
  /** By key, the oldest first. */
  readonly #retracts = new Map<string, Retract>()
  #cancel: (() => void) | undefined
  #over = false

  constructor(host: WatchHost) {
    this.#host = host
  }

  /** Whose state is in the item of a device or mailbox, as far as that is known. */
  holder(key: string): string | undefined {
    return this.#holders.get(key)
  }

  /** An item that has just been published. @param kind what belongs to its node; undefined for a leaf @returns what it reports */
  item(node: string, item: PubsubItem, kind?: Kind): Report | undefined {
    const report = this.#over ? undefined : this.#read(node, readingOf(item), kind)
    if (report === undefined) return undefined
    const key = keyOf(report.kind, report.name)
    for (const { touched } of this.#histories) touched.add(key)
    this.#take(node, report, true)
    return report
  }

  /** Reads what was there before. What is published meanwhile comes by events, and may be taken before the answer is: it is newer. */
  async history(node: string, read: () => Promise<Found>, kind?: Kind): Promise<History> {
    const underway: Underway = { touched: new Set(), voided: false }
    const { touched } = underway
    this.#histories.add(underway)
    try {
      const reports = new Map<string, Report>()
      let found = await read()
      for (let turn = 1; underway.voided && turn < READINGS; turn++) {
        underway.voided = false
        found = await read()
      }
      const { items, partial } = found
      for (const item of items) {
        const report = this.#over ? undefined : this.#read(node, item, kind)
        if (report === undefined) continue
        const key = keyOf(report.kind, report.name)
        if (touched.has(key)) continue
        // What nobody should keep, and the service does: it was told when it was so.
        if (report.kind === 'device' && !report.cachable) this.#hold(key, report)
        else {
          reports.set(key, report)
          this.#take(node, report, false)
        }
      }
      return { reports, touched, count: items.length, partial }
    } finally {
      this.#histories.delete(underway)
    }
  }

  /** An item was taken back. @param kind what belongs to its node; undefined for any */
  retracted(id: string, kind?: Kind): void {
    const { bus, clock } = this.#host
    if (this.#over) return
    for (const each of kind === undefined ? kinds : [kind]) {
      const key = keyOf(each, id)
      const holder = this.#holders.get(key)
      const known = each === 'device' ? bus.device(id) : bus.mailbox(id)
      if (holder === undefined && known === undefined) continue
      for (const { touched } of this.#histories) touched.add(key)
      this.#holders.delete(key)
      this.#retracts.delete(key)
      this.#retracts.set(key, { kind: each, name: detached(id), holder, due: clock.now() + GRACE })
    }
    this.#waitForRetracts()
  }

  #waitForRetracts(): void {
    const { clock, bus, onGone } = this.#host
    const [first] = this.#retracts.values()
    if (first === undefined || this.#cancel !== undefined) return
    this.#cancel = clock.after(Math.max(0, first.due - clock.now()), () => {
      this.#cancel = undefined
      for (const [key, { kind, name, holder, due }] of [...this.#retracts]) {
        if (due > clock.now()) break
        this.#retracts.delete(key)
        bus.withdraw(kind, holder, name, this)
        onGone(key)
      }
      this.#waitForRetracts()
    })
  }

  /** Nothing is brought to the bus any more, and what was is taken back. */
  stop(): void {
    this.#over = true
    this.#host.bus.forget(this)
    this.#cancel?.()
    this.#cancel = undefined
    this.#retracts.clear()
  }

  /** Nothing of a kind holds any more that came this way. */
  emptied(kind: Kind): void {
    for (const underway of this.#histories) underway.voided = true
    for (const books of [this.#holders, this.#retracts])
      for (const key of [...books.keys()]) if (partsOf(key)[0] === kind) books.delete(key)
    this.#host.bus.forget(this, each => each === kind)
  }

  /** Nor does what came of one device or mailbox. */
  emptiedOf(kind: Kind, name: string): void {
    const key = keyOf(kind, name)
    for (const { touched } of this.#histories) touched.add(key)
    this.#holders.delete(key)
    this.#retracts.delete(key)
    this.#host.bus.withdraw(kind, undefined, name, this)
  }

  #read(node: string, { id, publisher, ours, says }: Reading, kind: Kind | undefined): Report | undefined {
    // In a node of somebody else's that we happen to be told of.
    if (kind === undefined && !ours) return undefined
    let reason: string
    if (typeof says === 'string') reason = says
    else if (kind !== undefined && says.kind !== kind) reason = `it is of a ${says.kind}, which is shared elsewhere`
    else if (kind === undefined && says.name !== node) reason = 'it is not what the node is named after'
    else return says
    this.#host.skipped(node, id, publisher === undefined ? reason : `${reason} (published by ${publisher})`)
    return undefined
  }

  #take(node: string, report: Report, live: boolean): void {
    const { bus, skipped } = this.#host
    const key = keyOf(report.kind, report.name)
    this.#retracts.delete(key)
    this.#hold(key, report)
    if (bus.report(report, this, live) === 'full')
      skipped(node, report.name, 'there is no room for more states of other PBXes')
  }

  #hold(key: string, { eid }: Report): void {
    if (this.#holders.has(key) || this.#holders.size < MOST_HOLDERS) this.#holders.set(detached(key), detached(eid))
  }
}

/** The parts of what {@link keyOf} makes. */
export function partsOf(key: string): [kind: Kind, name: string] {
  const blank = key.indexOf(' ')
  return [key.slice(0, blank) as Kind, key.slice(blank + 1)]
}
