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
  /** It could not be, and all that waits is refused. */
  onUnsaved(error: unknown): void
}

/** What leaves a component, in order: nothing before what it tells of is kept, and over the next connection what this one does not take any more. */
export class Outbox {
  readonly #user: OutboxUser
  #batches: Batch[] = []
  /** To be said whatever becomes of the store. */
  #refusals: Element[] = []
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
    this.#batches.push(batch)
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
    this.#refusals = []
    this.#wake?.()
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#batches.length + this.#refusals.length > 0) {
      const refusals = this.#refusals.splice(0)
      if (refusals.length > 0) {
        await this.#sendAll(refusals)
        continue
      }
      try {
        await this.#user.saved()
      } catch (error) {
        this.#refuseAll(error)
        continue
      }
      const batch = this.#batches.shift()
      if (batch !== undefined) await this.#sendAll(batch.stanzas)
    }
    this.#running = false
    this.#waiting = 0
    for (const resolve of this.#whenEmpty.splice(0)) resolve()
  }

  /** What tells of something that is not kept would be a lie, and so would be what was only asked since. */
  #refuseAll(error: unknown): void {
    const refused = this.#batches
    this.#batches = []
    this.#refusals = refused.flatMap(({ refusal }) => [...refusal()])
    this.#waiting = this.#refusals.length
    this.#user.onUnsaved(error)
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
      this.#waiting--
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
