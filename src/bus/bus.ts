import { type Clock, systemClock } from '../clock.ts'
import { detached } from '../detached.ts'
import { Emitter } from '../emitter.ts'
import { XmppError } from '../errors.ts'
import { printable } from '../printable.ts'
import { combineStates, type DeviceState } from './device-state.ts'
import { readEid } from './eid.ts'
import type { BusEvent, BusLimits, MailboxCounts, Report } from './events.ts'
import { States } from './states.ts'

/** All but the `eid` may be left out. */
export interface BusOptions {
  /** Our own EID; see {@link readEid} for how it is written. */
  readonly eid: string
  readonly clock?: Clock
  /** ms of silence after which another PBX's states no longer count; 0, the default, is never. */
  readonly expire?: number
  readonly limits?: Partial<BusLimits>
}

export const defaultBusLimits: BusLimits = { peers: 1000, reports: 200_000 }

/** Characters that the name of a device or mailbox may have: Asterisk's own have 80 at most. */
export const MAX_NAME = 256

/** What a device is at each PBX, and what that comes to. */
export interface DeviceView {
  readonly device: string
  readonly state: DeviceState
  readonly states: readonly { readonly eid: string; readonly state: DeviceState }[]
}

/** What each PBX says of a mailbox, and what counts: our own counts, else those reported last. */
export interface MailboxView {
  readonly mailbox: string
  readonly counts: MailboxCounts
  readonly reports: readonly { readonly eid: string; readonly counts: MailboxCounts }[]
}

/**
 * The states of devices and mailboxes, ours and those of other PBXes: one for each EID. Accounts of xmpp.conf with `distribute_events` share ours with
 * others, and report theirs here; whoever wants to know, listens.
 */
export class StateBus extends Emitter<BusEvent> {
  readonly eid: string
  /** ms; 0 is never. */
  readonly expire: number
  readonly #states: States
  readonly #clock: Clock
  #cancel: (() => void) | undefined

  /** @throws XmppError `XMPP_STATE` for an EID that is none */
  constructor({ eid, clock = systemClock, expire = 0, limits }: BusOptions) {
    super()
    this.eid = checkedEid(eid)
    this.expire = expire
    this.#clock = clock
    this.#states = new States(this.eid, { ...defaultBusLimits, ...limits }, event => this.emit(event))
  }

  /**
   * Sets the state of a device of ours, and tells those who listen if it is another one.
   * @param cachable false for a state that nobody shall keep
   * @throws XmppError `XMPP_STATE` for a name that cannot be
   */
  setDevice(device: string, state: DeviceState, cachable = true): void {
    this.#states.device(this.eid, checkedName('device', device), state, cachable, undefined)
  }

  /** A device of ours that is no more. @returns whether it was there */
  clearDevice(device: string): boolean {
    return this.#states.withdraw('device', this.eid, device)
  }

  /** Sets what waits in a mailbox of ours, `6001@default`. @throws XmppError `XMPP_STATE` for a name or a count that cannot be */
  setMailbox(mailbox: string, counts: MailboxCounts): void {
    const name = checkedName('mailbox', mailbox)
    if (!isCount(counts.new) || !isCount(counts.old))
      throw new XmppError('XMPP_STATE', `messages are counted from 0 to ${MAX_COUNT}`)
    this.#states.mailbox(this.eid, name, { new: counts.new, old: counts.old }, undefined)
  }

  /** A mailbox of ours that is no more. @returns whether it was there */
  clearMailbox(mailbox: string): boolean {
    return this.#states.withdraw('mailbox', this.eid, mailbox)
  }

  /**
   * Takes what another PBX says, checked by whoever has read it.
   * @param source by which way it came: {@link forget} takes all of that back
   * @param live false for what was said at some time before: nobody is heard by that
   * @returns `own` for our own EID, which nobody else can speak for; `full` when there is no room for more
   */
  report(report: Report, source: object, live = true): 'taken' | 'own' | 'full' {
    const { eid } = report
    if (eid === this.eid) return 'own'
    const now = this.#clock.now()
    const peer = live || !this.#states.knows(eid) ? this.#states.heard(detached(eid), now) : eid
    if (peer === undefined) return 'full'
    this.#watch()
    const name = detached(report.name)
    if (report.kind === 'mailbox') return this.#states.mailbox(peer, name, report.counts, source) ? 'taken' : 'full'
    return this.#states.device(peer, name, report.state, report.cachable, source) ? 'taken' : 'full'
  }

  /** A PBX that is known was heard of in another way: its states go on to count. */
  heard(eid: string): void {
    if (this.#states.knows(eid)) this.#states.heard(eid, this.#clock.now())
    this.#watch()
  }

  /** What another PBX no longer says by one way; `eid` undefined: whichever PBX. */
  withdraw(kind: Report['kind'], eid: string | undefined, name: string, source: object): void {
    for (const each of eid === undefined ? this.#states.who(kind, name) : [eid])
      if (each !== this.eid) this.#states.withdraw(kind, each, name, source)
  }

  /** What came by a way that is closed. @param matching which of it; default all */
  forget(source: object, matching: (kind: Report['kind'], name: string, eid: string) => boolean = () => true): void {
    this.#states.forget(source, matching)
  }

  /** Undefined when nobody has a state for it. */
  device(device: string): DeviceView | undefined {
    const states = this.#states.devicesOf(device)
    return states.length === 0 ? undefined : { device, state: combineStates(states.map(({ state }) => state)), states }
  }

  /** By name. */
  devices(): DeviceView[] {
    return this.#states.names('device').flatMap(device => this.device(device) ?? [])
  }

  mailbox(mailbox: string): MailboxView | undefined {
    const reports = this.#states.mailboxesOf(mailbox)
    const counts = (reports.find(({ eid }) => eid === this.eid) ?? reports.at(-1))?.counts
    return counts && { mailbox, counts, reports }
  }

  /** By name. */
  mailboxes(): MailboxView[] {
    return this.#states.names('mailbox').flatMap(mailbox => this.mailbox(mailbox) ?? [])
  }

  /** All that is ours and kept. */
  *own(): Generator<Report> {
    yield* this.#states.of(this.eid)
  }

  /** What we say of one device or mailbox; undefined when nothing. */
  ownReport(kind: Report['kind'], name: string): Report | undefined {
    return this.#states.report(kind, this.eid, name)
  }

  /** Goes off when the PBX that has been silent longest has been so for too long. */
  #watch(): void {
    if (this.expire === 0 || this.#cancel !== undefined) return
    const oldest = this.#states.oldest
    if (oldest === undefined) return
    this.#cancel = this.#clock.after(Math.max(0, oldest.heard + this.expire - this.#clock.now()), () => {
      this.#cancel = undefined
      this.#states.expire(this.#clock.now() - this.expire)
      this.#watch()
    })
  }

  /** No timer is left; for the end of a program, or of a test. */
  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}

/** As large as a number of Asterisk's can be. */
export const MAX_COUNT = 2 ** 31 - 1

export function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_COUNT
}

/** Whether it can be the name of a device or mailbox, and the id of an item. */
export function isName(name: string): boolean {
  return (
    name.length > 0 && name.length <= MAX_NAME && !/\p{Cc}|\p{Cs}|\ufffe|\uffff/u.test(name) && name.trim() === name
  )
}

function checkedName(what: string, name: string): string {
  if (isName(name)) return name
  const rule = `a name has 1 to ${MAX_NAME} characters, no control characters, and no blanks around it`
  throw new XmppError('XMPP_STATE', `"${printable(name.slice(0, 100))}" is no name of a ${what}: ${rule}`)
}

function checkedEid(text: string): string {
  const eid = readEid(text)
  if (eid !== undefined) return eid
  const rule = 'an EID is six bytes such as 02:00:00:00:00:01, and not all of them 0'
  throw new XmppError('XMPP_STATE', `"${printable(text.slice(0, 100))}" is no EID: ${rule}`)
}
