import type { Clock } from '../../clock.ts'
import { StanzaError } from '../../errors.ts'
import type { Session } from '../../session.ts'
import { subscriptions } from '../../xep/0060-subscriptions.ts'
import { PATIENCE, type Setting } from './nodes.ts'

/** What a checkup needs. */
export interface CheckupHost {
  readonly setting: Setting
  readonly clock: Clock
  readonly session: () => Session | undefined
  /** Where we should be subscribed. */
  readonly subscribed: () => readonly string[]
  /** Whether that is so of one node. */
  readonly isSubscribed: (node: string) => boolean
  /** Where we are no longer. */
  readonly onLost: (nodes: readonly string[]) => void
  readonly warn: (text: string) => void
}

/** ms in which what we publish comes back to us as to any other subscriber; and between two looks when nothing is published. */
const ECHO = 10_000
const PERIOD = 300_000

/**
 * Finds out that we are no longer subscribed. COMPAT ejabberd: it tells nobody that a node was deleted, and makes it anew for whoever publishes next, without
 * those who were subscribed.
 */
export class Checkup {
  readonly #host: CheckupHost
  /** Where we have published something that has not come back yet, and since when. */
  readonly #awaited = new Map<string, number>()
  #cancel: (() => void) | undefined
  #due = 0
  #looked = 0
  /** ms until what does not come back is worth a look. */
  #pause = ECHO
  /** How often nothing has come back, one time after the other. */
  #silences = 0
  #told = false

  constructor(host: CheckupHost) {
    this.#host = host
  }

  /** We have published there. */
  published(node: string): void {
    if (this.#awaited.has(node) || !this.#host.isSubscribed(node)) return
    this.#awaited.set(node, this.#host.clock.now())
    this.#schedule(this.#pause)
  }

  /** Something was told of a node. */
  heard(node: string): void {
    if (!this.#awaited.delete(node)) return
    this.#pause = ECHO
    this.#silences = 0
  }

  start(): void {
    this.#looked = this.#host.clock.now()
    this.#schedule(PERIOD)
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#awaited.clear()
  }

  #schedule(ms: number): void {
    const { clock } = this.#host
    const due = clock.now() + ms
    if (this.#cancel !== undefined && this.#due <= due) return
    this.#cancel?.()
    this.#due = due
    this.#cancel = clock.after(ms, () => {
      this.#cancel = undefined
      void this.#look()
    })
  }

  async #look(): Promise<void> {
    const { session, setting, clock, subscribed, onLost } = this.#host
    const now = session()
    if (now === undefined) return
    const overdue = [...this.#awaited].flatMap(([node, since]) => (since + ECHO <= clock.now() ? node : []))
    const next = this.#looked + PERIOD - clock.now()
    if (overdue.length === 0 && next > 0) return this.#schedule(this.#awaited.size > 0 ? this.#pause : next)
    this.#looked = clock.now()
    for (const node of overdue) this.#awaited.delete(node)
    try {
      const list = await subscriptions(now, setting.service, { timeout: PATIENCE })
      if (now !== session()) return
      const there = new Set(
        list.flatMap(({ node, jid, subscription }) =>
          jid === setting.account && subscription === 'subscribed' ? (node ?? []) : [],
        ),
      )
      const lost = subscribed().filter(node => !there.has(node))
      if (lost.length > 0) onLost(lost)
      const silent = overdue.filter(node => there.has(node))
      // One may be lost on its way, or have been said just before.
      if (silent.length > 0 && ++this.#silences > 1) this.#tellSilence(silent)
    } catch (error) {
      // A service that does not list subscriptions, or does not answer, is taken at its word.
      if (!(error instanceof StanzaError) && now !== session()) return
    }
    this.#schedule(this.#awaited.size > 0 ? this.#pause : PERIOD)
  }

  /** Subscribed as we are, nothing comes back. */
  #tellSilence([node]: readonly string[]): void {
    this.#pause = Math.min(this.#pause * 2, PERIOD)
    if (this.#told) return
    this.#told = true
    const { setting, warn } = this.#host
    warn(
      `what is published in ${node} at ${setting.service} does not come here, though we are subscribed, and neither do the states of others: a server keeps it from a client with a negative priority, or with status=unavailable`,
    )
  }
}
