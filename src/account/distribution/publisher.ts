import type { Clock } from '../../clock.ts'
import { AT_ONCE } from './some.ts'

/** What became of a publication: `later` keeps it, and everything else, until the queue is opened again; `refused` gives it up. */
export type Outcome = 'done' | 'refused' | 'later'

/** Something to be told others, in the place of whatever was to be told of the same thing before. */
export interface Publication {
  /** What it is about. */
  readonly key: string
  /** Equal for two that tell the same. */
  readonly says: string
}

/**
 * Publishes one thing after the other, each with what was last put in for it, in the order in which they first changed. What fails for now is kept,
 * and is the first to go when the queue is opened again.
 */
export class Publisher<P extends Publication> {
  readonly #publish: (publication: P) => Promise<Outcome>
  readonly #waiting = new Map<string, P>()
  /** Those that failed for now; they were first. */
  readonly #again = new Map<string, P>()
  readonly #underway = new Map<string, P>()
  /** What others were last told. */
  readonly #told = new Map<string, string>()
  #open = false
  #onRest: (() => void)[] = []

  /** @param publish never rejects */
  constructor(publish: (publication: P) => Promise<Outcome>) {
    this.#publish = publish
  }

  /** What waits and what is under way. */
  get size(): number {
    return this.#waiting.size + this.#again.size + this.#underway.size
  }

  /** What others were last told of it, as its `says`. */
  told(key: string): string | undefined {
    return this.#told.get(key)
  }

  /** All that others were told, and what they are being told. */
  *allTold(): Generator<[key: string, says: string]> {
    for (const [key, { says }] of this.#underway) yield [key, says]
    for (const [key, says] of this.#told) if (!this.#underway.has(key)) yield [key, says]
  }

  /** Whether something of it waits, or is under way. */
  busy(key: string): boolean {
    return this.#waiting.has(key) || this.#again.has(key) || this.#underway.has(key)
  }

  /** Gives up what waits to be told of it. */
  drop(key: string): void {
    this.#waiting.delete(key)
    this.#again.delete(key)
  }

  put(publication: P): void {
    const { key, says } = publication
    // What others know already need not be told, unless something else is on its way to them.
    if (this.#told.get(key) === says && !this.#underway.has(key)) {
      this.#again.delete(key)
      this.#waiting.delete(key)
    } else if (this.#again.has(key)) this.#again.set(key, publication)
    else this.#waiting.set(key, publication)
    this.#pump()
  }

  /** Others know this, or know nothing any more, by another way. */
  know(key: string, says: string | undefined): void {
    if (says === undefined) {
      this.#told.delete(key)
      return
    }
    this.#told.set(key, says)
    if (this.#underway.has(key)) return
    for (const waiting of [this.#again, this.#waiting]) if (waiting.get(key)?.says === says) waiting.delete(key)
    this.#rest()
  }

  /** What waits is given up. */
  clear(): void {
    this.#waiting.clear()
    this.#again.clear()
  }

  open(): void {
    this.#open = true
    this.#pump()
  }

  close(): void {
    this.#open = false
    this.#rest()
  }

  /** Resolves when nothing is left to be told, or nothing can be, or `ms` have passed. */
  atRest(clock: Clock, ms: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = clock.after(ms, resolve)
      this.#onRest.push(() => {
        cancel()
        resolve()
      })
      this.#rest()
    })
  }

  #pump(): void {
    for (const waiting of [this.#again, this.#waiting]) {
      for (const [key, publication] of waiting) {
        if (!this.#open || this.#underway.size >= AT_ONCE) return
        if (this.#underway.has(key)) continue
        waiting.delete(key)
        this.#underway.set(key, publication)
        void this.#publish(publication).then(outcome => this.#ended(publication, outcome))
      }
    }
  }

  #ended(publication: P, outcome: Outcome): void {
    const { key, says } = publication
    this.#underway.delete(key)
    if (outcome === 'done') this.#told.set(key, says)
    else if (outcome === 'later') {
      this.#open = false
      if (!this.#waiting.has(key)) this.#again.set(key, publication)
    }
    // It may have been done all the same.
    if (outcome !== 'done') this.#told.delete(key)
    // It may have become again what it was before.
    if (this.#waiting.get(key)?.says === this.#told.get(key)) this.#waiting.delete(key)
    this.#pump()
    this.#rest()
  }

  #rest(): void {
    if (this.#underway.size > 0 || (this.#open && this.size > 0)) return
    for (const done of this.#onRest.splice(0)) done()
  }
}
