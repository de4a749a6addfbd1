import type { Clock } from '../../clock.ts'
import { StanzaError } from '../../errors.ts'

/** ms before what a service has refused is tried again: at first, and at most. */
const SOONEST = 1000
const LATEST = 300_000

/** Things that can be in trouble at one time without being told of twice. */
const MOST = 1000

/** What a service refuses: each is told once until it works again, and tried again after ever longer pauses. */
export class Troubles {
  readonly #clock: Clock
  readonly #tell: (text: string) => void
  readonly #again: () => void
  /** What about → what was told of it last; undefined for what is tried once more before anybody is told. */
  readonly #told = new Map<string, string | undefined>()
  /** One failure may fail more than one thing. */
  readonly #errors = new WeakSet<object>()
  #pause = SOONEST
  #cancel: (() => void) | undefined

  constructor(clock: Clock, tell: (text: string) => void, again: () => void) {
    this.#clock = clock
    this.#tell = tell
    this.#again = again
  }

  /**
   * Tells of it, unless that was said already.
   * @param what begins the sentence, `device_state could not be subscribed to`
   */
  tell(about: string, what: string, error: unknown, hint = ''): void {
    this.#note(about, what, error, hint, false)
  }

  /** The same for what is tried again: who may not do something may be allowed to in a moment, since whoever has created the node is about to. */
  tellIfAgain(about: string, what: string, error: unknown, hint = ''): void {
    this.#note(about, what, error, hint, true)
  }

  #note(subject: string, what: string, error: unknown, hint: string, patient: boolean): void {
    const condition = error instanceof StanzaError ? error.condition : String((error as { code?: string }).code)
    // That nobody is there is one trouble, whatever was wanted.
    const about = isAbsence(condition) ? SERVICE : subject
    const known = this.#told.has(about)
    if (this.#told.get(about) === condition || this.#errors.has(error as object)) return
    if (this.#told.size >= MOST) this.#told.clear()
    const hesitate = patient && !known && isDenial(condition)
    this.#told.set(about, hesitate ? undefined : condition)
    if (hesitate) return
    this.#errors.add(error as object)
    this.#tell(`${what}: ${(error as Error).message}${hint === '' ? '' : `; ${hint}`}`)
  }

  /** It has worked. */
  solved(about: string): void {
    this.#told.delete(about)
    this.#told.delete(SERVICE)
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

/** Whether somebody may not do what another one might. */
export function isDenial(condition: string): boolean {
  return condition === 'forbidden' || condition === 'not-allowed' || condition === 'not-authorized'
}

/** Whether there is no service, or none of this kind. */
export function isAbsence(condition: string): boolean {
  return condition === 'remote-server-not-found' || condition === 'service-unavailable'
}

const SERVICE = 'service'
