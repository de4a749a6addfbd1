import type { Report } from '../../bus/events.ts'
import type { Clock } from '../../clock.ts'
import { StanzaError } from '../../errors.ts'
import type { Session } from '../../session.ts'
import { type Kind, roots } from './nodes.ts'
import { type Outcome, type Publication, Publisher } from './publisher.ts'
import { Publishing, type PublishingHost } from './publishing.ts'
import { isAbsence, isDenial, type Troubles } from './troubles.ts'
import { keyOf, partsOf } from './watch.ts'

/** What becomes of our states when we leave: devices are said to be UNAVAILABLE, all is taken back, or it stays as it is. */
export type Farewell = 'mark' | 'retract' | 'keep'

/** What a share needs of its membership. */
export interface ShareHost extends PublishingHost {
  readonly eid: string
  readonly farewell: Farewell
  readonly troubles: Troubles
  readonly clock: Clock
  readonly session: () => Session | undefined
  /** Something was published there. */
  readonly onPublished: (node: string) => void
  /** What we say of a device or mailbox now. */
  readonly own: (kind: Kind, name: string) => Report | undefined
}

interface Told extends Publication {
  readonly kind: Kind
  readonly name: string
  /** Undefined to take it back. */
  readonly report: Report | undefined
}

/** ms that a farewell may take. */
const FAREWELL = 1500

/** Tells the PBXes at a service what our states are. */
export class Share {
  readonly #host: ShareHost
  readonly #publisher: Publisher<Told>
  readonly #publishing: Publishing
  /** What others have ever been told of. */
  readonly #spoken = new Set<string>()
  /** Leaves of which those have been told who look for them. */
  readonly #announced = new Set<string>()
  #uncached = 0
  /** Where something could be published: what is refused there then is that one thing. */
  readonly #allowed = new Set<string>()
  /** What is wrong as it is, by key. */
  readonly #hopeless = new Map<string, string>()

  constructor(host: ShareHost) {
    this.#host = host
    this.#publishing = new Publishing(host)
    this.#publisher = new Publisher(told => this.#publish(told))
  }

  /** Of what others were told. */
  get names(): readonly string[] {
    return [...this.#publisher.allTold()].flatMap(([key]) => (this.busy(key) ? [] : partsOf(key)[1]))
  }

  spoken(key: string): boolean {
    return this.#spoken.has(key)
  }

  /** What waits to be told. */
  get waiting(): number {
    return this.#publisher.size
  }

  /** Whether something of it waits to be told, or is being told. */
  busy(key: string): boolean {
    return this.#publisher.busy(key)
  }

  put(report: Report): void {
    const key = keyOf(report.kind, report.name)
    this.#spoken.add(key)
    this.#publisher.put({ key, says: this.#says(report), kind: report.kind, name: report.name, report })
  }

  /** Tells it whatever others may know. */
  putAgain(report: Report): void {
    this.#publisher.know(keyOf(report.kind, report.name), undefined)
    this.put(report)
  }

  /** Whether others were told just this, or cannot be. */
  isTold(report: Report): boolean {
    const key = keyOf(report.kind, report.name)
    const says = this.#says(report)
    return this.#publisher.told(key) === says || this.#hopeless.get(key) === says
  }

  /** Others know it by what is at the service already. */
  know(report: Report): void {
    const key = keyOf(report.kind, report.name)
    this.#spoken.add(key)
    this.#publisher.know(key, this.#says(report))
  }

  /** What others were told is not there any more. */
  forget(key: string): void {
    this.#publisher.know(key, undefined)
    this.#announced.delete(key)
  }

  open(): void {
    this.#publisher.open()
  }

  /** There is no connection: the service may be another one next time. */
  close(): void {
    this.#allowed.clear()
    this.#publisher.close()
  }

  /** Tells one thing again, so that others hear of us. */
  refresh(): void {
    for (const [key, says] of this.#publisher.allTold()) {
      const report = this.#host.own(...partsOf(key))
      if (report === undefined || this.#says(report) !== says) continue
      this.putAgain(report)
      return
    }
  }

  /** A device or mailbox of ours that is no more. */
  withdraw(kind: Kind, name: string): void {
    this.#publisher.drop(keyOf(kind, name))
    this.farewell(kind, name, kind === 'mailbox' || this.#host.farewell === 'retract' ? 'retract' : 'mark')
  }

  /** Says of a state of ours that it holds no longer, or not. */
  farewell(kind: Kind, name: string, how = this.#host.farewell): void {
    const key = keyOf(kind, name)
    if (how === 'mark' && kind === 'device')
      this.put({ kind, eid: this.#host.eid, name, state: 'UNAVAILABLE', cachable: true })
    // In the item there may be the state that another PBX has for the same device.
    else if (how === 'retract' && (this.#host.holder(key) ?? this.#host.eid) === this.#host.eid) {
      this.#spoken.add(key)
      this.#publisher.put({ key, says: TAKEN_BACK, kind, name, report: undefined })
    }
  }

  /** Says goodbye for all that others were told, as far as time allows. @returns how many were not told */
  async leave(): Promise<number> {
    this.#publisher.clear()
    this.#publisher.open()
    for (const [key, says] of [...this.#publisher.allTold()]) {
      const [kind, name] = partsOf(key)
      if (says !== TAKEN_BACK && !says.startsWith(UNCACHED)) this.farewell(kind, name)
    }
    await this.#publisher.atRest(this.#host.clock, FAREWELL)
    this.#publisher.close()
    return this.#publisher.size
  }

  #says(report: Report): string {
    if (report.kind === 'mailbox') return `${report.counts.new}/${report.counts.old}`
    // Nobody keeps it, so it is told each time.
    return report.cachable ? report.state : `${UNCACHED}${report.state} ${++this.#uncached}`
  }

  async #publish(told: Told): Promise<Outcome> {
    const session = this.#host.session()
    if (!session?.writable) return 'later'
    const node = this.#publishing.nodeOf(told.kind, told.name)
    try {
      if (told.report === undefined) await this.#publishing.retract(session, told.kind, told.name)
      else {
        await this.#publishing.publish(session, told.report)
        if (this.#host.layout.mode === 'leaves') await this.#announce(session, told.key, told.report)
      }
      this.#host.troubles.solved(`publish ${node}`)
      this.#host.troubles.answered('publications')
      this.#allowed.add(node)
      if (told.report !== undefined) this.#host.onPublished(node)
      this.#hopeless.delete(told.key)
      return 'done'
    } catch (error) {
      return this.#failed(node, told, error)
    }
  }

  /** Whoever knows no leaf yet is subscribed to what should be the collection, and learns of it there. */
  async #announce(session: Session, key: string, report: Report): Promise<void> {
    if (this.#announced.has(key)) return
    this.#announced.add(key)
    try {
      await this.#publishing.publish(session, report, roots[report.kind])
    } catch (error) {
      // They find it when they look the next time.
      if (!(error instanceof StanzaError)) throw error
    }
  }

  #failed(node: string, { key, says, name }: Told, error: unknown): Outcome {
    const { troubles, layout, setting, session } = this.#host
    const alone = this.#allowed.has(node)
    const what = `${alone ? `"${name}" cannot be published` : 'nothing can be published'} in ${node} at ${setting.service}`
    if (!(error instanceof StanzaError)) {
      // Without a session it is tried again when there is one.
      if (session()?.stream.writable) troubles.retry('publications', `${setting.service} does not answer`, error)
      return 'later'
    }
    if (error.type === 'modify') {
      troubles.tell(`item ${node}`, what, error)
      this.#hopeless.set(key, says)
      return 'refused'
    }
    troubles.retry(`publish ${node}`, what, error, hintFor(error, setting.account))
    // Somebody else's leaf, or item, holds up no other.
    return error.type !== 'wait' && (alone || layout.mode !== 'flat') ? 'refused' : 'later'
  }
}

/** What is said of an item that was taken back, and of a state that nobody keeps. */
const TAKEN_BACK = ''
const UNCACHED = '~'

/** What its owner can do about a refusal. */
export function hintFor({ condition }: StanzaError, account: string): string {
  if (isDenial(condition)) return `its owner has to let ${account} in, as publisher or owner: name it there as a buddy`
  return isAbsence(condition) ? 'check pubsub_node' : ''
}
