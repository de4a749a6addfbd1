import { combineStates, type DeviceState } from './device-state.ts'
import type { BusEvent, BusLimits, MailboxCounts, Report } from './events.ts'

interface Entry<Value> {
  readonly value: Value
  /** By which ways it came; none for our own. */
  readonly sources: readonly object[]
}

/** Name → EID → what it says, the latest of all EIDs last. */
type Books<Value> = Map<string, Map<string, Entry<Value>>>

interface PbxBooks {
  readonly eid: string
  /** ms. */
  heard: number
  /** It was silent for too long: what it said does not count, and is kept in case it comes back. */
  expired: boolean
  readonly device: Set<string>
  readonly mailbox: Set<string>
}

/** The books of a bus: who says what, and of whom nothing was heard for how long. */
export class States {
  readonly #own: string
  readonly #limits: BusLimits
  readonly #emit: (event: BusEvent) => void
  readonly #device: Books<DeviceState> = new Map()
  readonly #mailbox: Books<MailboxCounts> = new Map()
  /** By EID, whoever has been silent longest first; those that have expired among the first therefore. */
  readonly #peers = new Map<string, PbxBooks>()
  /** What others have reported. */
  #reports = 0

  constructor(own: string, limits: BusLimits, emit: (event: BusEvent) => void) {
    this.#own = own
    this.#limits = limits
    this.#emit = emit
    this.#peers.set(own, {
      eid: own,
      heard: Number.POSITIVE_INFINITY,
      expired: false,
      device: new Set(),
      mailbox: new Set(),
    })
  }

  knows(eid: string): boolean {
    return this.#peers.has(eid)
  }

  /** Takes note that something was heard of a PBX. @returns its EID as it is kept, undefined when there are too many */
  heard(eid: string, now: number): string | undefined {
    if (eid === this.#own) return eid
    const peer = this.#peers.get(eid) ?? this.#newPeer(eid)
    if (peer === undefined) return undefined
    this.#peers.delete(eid)
    this.#peers.set(peer.eid, peer)
    peer.heard = now
    if (peer.expired) {
      peer.expired = false
      this.#emit({ type: 'returned', eid: peer.eid })
      this.#tellAll(peer)
    }
    return peer.eid
  }

  /** The PBX that has been silent longest, of those that count. */
  get oldest(): { readonly heard: number } | undefined {
    for (const peer of this.#peers.values()) if (!peer.expired && peer.eid !== this.#own) return peer
    return undefined
  }

  /** Whoever was last heard of by then no longer counts. */
  expire(until: number): void {
    for (const peer of [...this.#peers.values()]) {
      if (peer.expired || peer.eid === this.#own) continue
      if (peer.heard > until) return
      peer.expired = true
      this.#emit({ type: 'expired', eid: peer.eid })
      this.#tellAll(peer)
    }
  }

  /** @returns whether there was room for it */
  device(eid: string, name: string, state: DeviceState, cachable: boolean, source: object | undefined): boolean {
    if (!cachable) {
      // Whatever was kept is no longer so.
      this.#remove(this.#device, 'device', eid, name)
      const others = this.devicesOf(name).map(other => other.state)
      this.#emit({ type: 'device', device: name, eid, state, cachable, combined: combineStates([...others, state]) })
      return true
    }
    const before = this.#device.get(name)?.get(eid)
    if (!this.#put(this.#device, 'device', eid, name, state, source)) return false
    if (before?.value !== state && !this.#peers.get(eid)?.expired) this.#tellDevice(name, eid)
    return true
  }

  /** @returns whether there was room for it */
  mailbox(eid: string, name: string, counts: MailboxCounts, source: object | undefined): boolean {
    const before = this.#mailbox.get(name)?.get(eid)?.value
    if (!this.#put(this.#mailbox, 'mailbox', eid, name, counts, source)) return false
    const changed = before?.new !== counts.new || before.old !== counts.old
    if (changed && !this.#peers.get(eid)?.expired) this.#tellMailbox(name, eid)
    return true
  }

  /** @param source by that way; default by all @returns whether nobody says it any more */
  withdraw(kind: Report['kind'], eid: string, name: string, source?: object): boolean {
    const books: Books<unknown> = kind === 'device' ? this.#device : this.#mailbox
    const entry = books.get(name)?.get(eid)
    if (entry === undefined || (source !== undefined && !entry.sources.includes(source))) return false
    const others = source === undefined ? [] : entry.sources.filter(other => other !== source)
    if (others.length > 0) {
      books.get(name)?.set(eid, { value: entry.value, sources: others })
      return false
    }
    this.#remove(books, kind, eid, name)
    if (!this.#peers.get(eid)?.expired) this.#tell(kind, name, eid)
    return true
  }

  forget(source: object, matching: (kind: Report['kind'], name: string, eid: string) => boolean): void {
    for (const { eid, ...said } of [...this.#peers.values()]) {
      for (const kind of ['device', 'mailbox'] as const)
        for (const name of [...said[kind]]) if (matching(kind, name, eid)) this.withdraw(kind, eid, name, source)
    }
  }

  /** In order. */
  names(kind: Report['kind']): string[] {
    return [...(kind === 'device' ? this.#device : this.#mailbox).keys()].sort()
  }

  /** Whoever says anything of it. */
  who(kind: Report['kind'], name: string): string[] {
    return [...((kind === 'device' ? this.#device : this.#mailbox).get(name)?.keys() ?? [])]
  }

  devicesOf(name: string): { eid: string; state: DeviceState }[] {
    return this.#counting(this.#device, name).map(([eid, state]) => ({ eid, state }))
  }

  /** The latest last. */
  mailboxesOf(name: string): { eid: string; counts: MailboxCounts }[] {
    return this.#counting(this.#mailbox, name).map(([eid, counts]) => ({ eid, counts }))
  }

  /** All that one PBX says. */
  *of(eid: string): Generator<Report> {
    const said = this.#peers.get(eid)
    for (const kind of ['device', 'mailbox'] as const) {
      for (const name of said?.[kind] ?? []) {
        const report = this.report(kind, eid, name)
        if (report !== undefined) yield report
      }
    }
  }

  report(kind: Report['kind'], eid: string, name: string): Report | undefined {
    if (kind === 'device') {
      const state = this.#device.get(name)?.get(eid)?.value
      return state && { kind, eid, name, state, cachable: true }
    }
    const counts = this.#mailbox.get(name)?.get(eid)?.value
    return counts && { kind, eid, name, counts }
  }

  #newPeer(eid: string): PbxBooks | undefined {
    if (this.#peers.size > this.#limits.peers) {
      const oldest = [...this.#peers.values()].find(peer => peer.eid !== this.#own && isIdle(peer))
      if (oldest === undefined) return undefined
      this.#drop(oldest)
    }
    return { eid, heard: 0, expired: false, device: new Set(), mailbox: new Set() }
  }

  /** A PBX that has expired, or says nothing, makes room. */
  #drop(peer: PbxBooks): void {
    for (const name of [...peer.device]) this.#remove(this.#device, 'device', peer.eid, name)
    for (const name of [...peer.mailbox]) this.#remove(this.#mailbox, 'mailbox', peer.eid, name)
    this.#peers.delete(peer.eid)
  }

  #put<Value>(
    books: Books<Value>,
    kind: Report['kind'],
    eid: string,
    name: string,
    value: Value,
    source: object | undefined,
  ): boolean {
    const own = eid === this.#own
    const before = books.get(name)
    const entry = before?.get(eid)
    const known = entry !== undefined
    if (!known && !own) {
      if (this.#reports >= this.#limits.reports) return false
      this.#reports++
    }
    const said = before ?? new Map<string, Entry<Value>>()
    if (before === undefined) books.set(name, said)
    // The latest is last.
    else if (said.size > 1) said.delete(eid)
    said.set(eid, { value, sources: withSource(entry?.sources ?? none, source) })
    this.#peers.get(eid)?.[kind].add(name)
    return true
  }

  #remove(books: Books<unknown>, kind: Report['kind'], eid: string, name: string): void {
    const said = books.get(name)
    if (said?.delete(eid) !== true) return
    if (said.size === 0) books.delete(name)
    this.#peers.get(eid)?.[kind].delete(name)
    if (eid !== this.#own) this.#reports--
  }

  #counting<Value>(books: Books<Value>, name: string): [eid: string, value: Value][] {
    return [...(books.get(name) ?? [])].flatMap(([eid, { value }]) =>
      this.#peers.get(eid)?.expired ? [] : [[eid, value] as [string, Value]],
    )
  }

  #tellAll({ eid, device, mailbox }: PbxBooks): void {
    for (const name of [...device]) this.#tellDevice(name, eid)
    for (const name of [...mailbox]) this.#tellMailbox(name, eid)
  }

  #tell(kind: Report['kind'], name: string, eid: string): void {
    if (kind === 'device') this.#tellDevice(name, eid)
    else this.#tellMailbox(name, eid)
  }

  #tellDevice(device: string, eid: string): void {
    const states = this.devicesOf(device)
    const combined = states.length === 0 ? undefined : combineStates(states.map(({ state }) => state))
    const state = states.find(each => each.eid === eid)?.state
    this.#emit({ type: 'device', device, eid, state, cachable: true, combined })
  }

  #tellMailbox(mailbox: string, eid: string): void {
    const reports = this.mailboxesOf(mailbox)
    const find = (wanted: string): MailboxCounts | undefined => reports.find(each => each.eid === wanted)?.counts
    const combined = find(this.#own) ?? reports.at(-1)?.counts
    this.#emit({ type: 'mailbox', mailbox, eid, counts: find(eid), combined })
  }
}

const none: readonly object[] = []

/** Nearly always there is one. */
function withSource(sources: readonly object[], source: object | undefined): readonly object[] {
  return source === undefined || sources.includes(source) ? sources : [...sources, source]
}

/** Whoever it is, nothing of it counts. */
function isIdle({ expired, device, mailbox }: PbxBooks): boolean {
  return expired || device.size + mailbox.size === 0
}
