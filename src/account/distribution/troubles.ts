import type { Clock } from '../../clock.ts'
import { StanzaError } from '../../errors.ts'

/** ms before what a service has refused is tried again: at first, and at most. */
const SOONEST = 1000
const LATEST = 300_000

/** Things that can be in trouble at one time without being told of twice. */
const MOST = 1000

/** Things of one kind of which the same is told one by one: of leaves there may be thousands. */
const FEW = 3

interface Trouble {
  /** What was told of it last; undefined while nothing was. */
  told: string | undefined
  /** ms before it is tried again. */
  pause: number
  /** Between which two tries it last was; undefined for what is not tried again. */
  round: number | undefined
}

/** What a service refuses: each is told once until it works again, and tried again after ever longer pauses. */
export class Troubles {
  readonly #clock: Clock
  readonly #tell: (text: string) => void
  readonly #again: () => void
  readonly #onWell: () => void
  readonly #troubles = new Map<string, Trouble>()
  /** One failure may fail more than one thing. */
  readonly #errors = new WeakSet<object>()
  /** How often the same was told of things of one kind, since all was well. */
  readonly #alike = new Map<string, number>()
  /** How often it was all tried again. */
  #round = 0
  #running = false
  #cancel: (() => void) | undefined
  /** When the timer goes off. */
  #due = 0

  /** @param onWell all that was told of and tried again has worked */
  constructor(
    clock: Clock,
    tell: (text: string) => void,
    { again, onWell = () => {} }: { readonly again: () => void; readonly onWell?: () => void },
  ) {
    this.#clock = clock
    this.#tell = tell
    this.#again = again
    this.#onWell = onWell
  }

  /**
   * Tells of what is not tried again, unless that was said already.
   * @param what begins the sentence, `device_state could not be subscribed to`
   */
  tell(about: string, what: string, error: unknown, hint = ''): void {
    const fresh = { told: undefined, pause: Number.POSITIVE_INFINITY, round: undefined }
    const trouble = this.#troubles.get(about) ?? fresh
    this.#note(about, trouble, what, error, hint)
  }

  /** The same, and tries again in a while. Who may not do something may be allowed to in a moment, so that is told the second time. */
  retry(subject: string, what: string, error: unknown, hint = ''): void {
    // That nobody is there is one trouble, whatever was wanted.
    const about = isAbsence(conditionOf(error)) ? SERVICE : subject
    const known = this.#troubles.get(about)
    const trouble = known ?? { told: undefined, pause: SOONEST / 2, round: undefined }
    // Many things that fail at a time are one failure.
    const again = known !== undefined && known.round !== this.#round
    if (trouble.round !== this.#round) trouble.pause = Math.min(trouble.pause * 2, LATEST)
    trouble.round = this.#round
    if (again || trouble.told !== undefined || !isDenial(conditionOf(error)))
      this.#note(about, trouble, what, error, hint)
    else this.#keep(about, trouble)
    this.#schedule(trouble.pause)
  }

  /** Tries again in a moment, though nothing was refused. */
  soon(): void {
    this.#schedule(SOONEST)
  }

  /** It has worked, and so has the service. */
  solved(about: string): void {
    this.#over(about, SERVICE)
  }

  /** It has been answered, by whomever. */
  answered(about: string): void {
    this.#over(about)
  }

  /** There is a connection. */
  start(): void {
    this.#running = true
    this.#round++
  }

  /** Nothing is tried for now. */
  stop(): void {
    this.#running = false
    this.#cancel?.()
    this.#cancel = undefined
  }

  #note(about: string, trouble: Trouble, what: string, error: unknown, hint: string): void {
    this.#keep(about, trouble)
    const condition = conditionOf(error)
    if (trouble.told === condition || this.#errors.has(error as object)) return
    trouble.told = condition
    this.#errors.add(error as object)
    const kind = `${about.split(' ')[0]} ${condition}`
    const alike = (this.#alike.get(kind) ?? 0) + 1
    this.#alike.set(kind, alike)
    if (alike > FEW) return
    const last = alike === FEW ? ' (there may be more of these, and they are not told)' : ''
    this.#tell(`${what}: ${(error as Error).message}${hint === '' ? '' : `; ${hint}`}${last}`)
  }

  #over(...subjects: string[]): void {
    let told = false
    for (const about of subjects) {
      const trouble = this.#troubles.get(about)
      told ||= trouble?.told !== undefined && trouble.round !== undefined
      this.#troubles.delete(about)
    }
    if (!told) return
    for (const { told, round } of this.#troubles.values()) if (told !== undefined && round !== undefined) return
    this.#alike.clear()
    this.#onWell()
  }

  #keep(about: string, trouble: Trouble): void {
    if (this.#troubles.size >= MOST) this.#troubles.clear()
    this.#troubles.set(about, trouble)
  }

  /** One timer for all: whatever is in trouble is tried when it goes off, which is as soon as any of it is due. */
  #schedule(pause: number): void {
    const due = this.#clock.now() + pause
    if (!this.#running || (this.#cancel !== undefined && this.#due <= due)) return
    this.#cancel?.()
    this.#due = due
    this.#cancel = this.#clock.after(pause, () => {
      this.#cancel = undefined
      this.#round++
      this.#again()
    })
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

function conditionOf(error: unknown): string {
  return error instanceof StanzaError ? error.condition : String((error as { code?: string }).code)
}

const SERVICE = 'service'
