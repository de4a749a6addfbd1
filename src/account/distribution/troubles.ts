import type { Clock } from '../../clock.ts'
import { StanzaError } from '../../errors.ts'

/** ms before what a service has refused is tried again: at first, and at most. */
const SOONEST = 5000
const LATEST = 300_000

/** What a service refuses: each is told once until it works again, and tried again after ever longer pauses. */
export class Troubles {
  readonly #clock: Clock
  readonly #tell: (text: string) => void
  readonly #again: () => void
  /** What about → what was told of it last. */
  readonly #told = new Map<string, string>()
  /** One failure may fail more than one thing. */
  readonly #errors = new WeakSet<object>()
  #pause = SOONEST
  #cancel: (() => void) | undefined

  constructor(clock: Clock, tell: (text: string) => void, again: () => void) {
    this.#clock = clock
    this.#tell = tell
    this.#again = again
  }

  /** @param what begins the sentence, `device_state could not be subscribed to` */
  tell(about: string, what: string, error: unknown, hint = ''): void {
    const why = error instanceof StanzaError ? error.condition : String((error as { code?: string }).code)
    if (this.#told.get(about) === why || this.#errors.has(error as object)) return
    this.#errors.add(error as object)
    if (this.#told.size >= MOST_TOLD) this.#told.clear()
    this.#told.set(about, why)
    this.#tell(`${what}: ${(error as Error).message}${hint === '' ? '' : `; ${hint}`}`)
  }

  /** It has worked. */
  solved(about: string): void {
    this.#told.delete(about)
    if (this.#told.size === 0) this.#pause = SOONEST
  }

  /** Tries again in a while, once for all. */
  retry(): void {
    if (this.#cancel !== undefined) return
    this.#cancel = this.#clock.after(this.#pause, () => {
      this.#cancel = undefined
      this.#again()
    })
    this.#pause = Math.min(this.#pause * 2, LATEST)
  }

  /** Nothing is tried for now. */
  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}

/** Nodes that can be in trouble at one time without being told of twice. */
const MOST_TOLD = 1000
