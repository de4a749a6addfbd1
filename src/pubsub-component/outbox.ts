import { warn, XmppError } from '../errors.ts'
import { inNamespace } from '../namespace.ts'
import { NS_CLIENT } from '../negotiate.ts'
import type { Session } from '../session.ts'
import type { Element } from '../stream/element.ts'

/** Stanzas that belong together. */
export interface Batch {
  readonly stanzas: readonly Element[]
  /** What is said instead where nothing of what led to them has been kept. */
  readonly refusal: () => readonly Element[]
}

/** What an outbox waits for. */
export interface OutboxUser {
  /** Resolves when all that has been done is kept for good. */
  saved(): Promise<void>
  /** It could not be: what has come since is refused. */
  onUnsaved(error: unknown): void
}

/** What waits, and whether what led to it is kept by now. */
interface Waiting extends Batch {
  readonly saved: Promise<boolean>
}

/** What leaves a component, in order: nothing before what it tells of is kept, and over the next connection what this one does not take any more. */
export class Outbox {
  readonly #user: OutboxUser
  #batches: Waiting[] = []
  #session: Session | undefined
  /** Calls when something has changed that is waited for. */
  #wake: (() => void) | undefined
  #running = false
  #closed = false
  #waiting = 0
  #whenEmpty: (() => void)[] = []

  constructor(user: OutboxUser) {
    this.#user = user
  }

  /** Stanzas that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** By which connection things leave; undefined keeps them for the next one. */
  use(session: Session | undefined): void {
    this.#session = session
    this.#wake?.()
  }

  add(batch: Batch): void {
    if (batch.stanzas.length === 0 || this.#closed) return
    const saved = this.#user.saved().then(
      () => true,
      error => {
        this.#user.onUnsaved(error)
        return false
      },
    )
    this.#batches.push({ ...batch, saved })
    this.#waiting += batch.stanzas.length
    if (!this.#running) void this.#run()
  }

  /** Resolves when nothing waits. */
  async empty(): Promise<void> {
    if (this.#running) await new Promise<void>(resolve => this.#whenEmpty.push(resolve))
  }

  /** Lets go of what still waits. */
  close(): void {
    this.#closed = true
    this.#batches = []
    this.#wake?.()
  }

  async #run(): Promise<void> {
    this.#running = true
    for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) {
      const kept = await batch.saved
      await this.#sendAll(kept ? batch.stanzas : batch.refusal())
      this.#waiting -= batch.stanzas.length
    }
    this.#running = false
    for (const resolve of this.#whenEmpty.splice(0)) resolve()
  }

  async #sendAll(stanzas: readonly Element[]): Promise<void> {
    for (const stanza of stanzas) {
      while (!this.#closed) {
        const session = this.#session
        if (session?.writable !== true) {
          await new Promise<void>(resolve => {
            this.#wake = resolve
          })
          continue
        }
        const wait = send(session, stanza)
        if (wait === 'gone') {
          if (this.#session === session) this.#session = undefined
          continue
        }
        if (wait === 'full') {
          await session.stream.transport.drained()
          continue
        }
        if (wait !== undefined) await wait
        break
      }
    }
  }
}

/** @returns a promise when one had better wait, `full` when one must, `gone` when there is no connection any more */
function send(session: Session, stanza: Element): Promise<void> | 'full' | 'gone' | undefined {
  try {
    return session.send(inNamespace(stanza, NS_CLIENT, session.stream.ns))
  } catch (error) {
    if (!session.writable) return 'gone'
    if (error instanceof XmppError && error.code === 'XMPP_SEND_LIMIT') return 'full'
    // What cannot be said in XML, or to nobody: the others shall not wait for it.
    warn(error)
    return undefined
  }
}
