import type { Clock } from '../clock.ts'
import { StanzaError, XmppError } from '../errors.ts'
import type { Element } from '../stream/element.ts'

/** How long to wait for an answer, and who asks. */
export interface IqOptions {
  /** ms until the request rejects with `XMPP_TIMEOUT`. Default 30,000. */
  readonly timeout?: number
  readonly signal?: AbortSignal | undefined
  /** For a component: which of its addresses asks. Default its domain. */
  readonly from?: string
}

/** What is asked, and of whom. */
export interface Question {
  /** As it was given; undefined asks our own account. */
  readonly to: string | undefined
  /** Of what is asked, for messages. */
  readonly name: string
}

/** A request that is on its way, and a link in the line of those that wait equally long. */
class Pending {
  readonly id: string
  readonly slot: number
  readonly question: Question
  readonly timeout: number
  readonly deadline: number
  readonly resolve: (answer: Element) => void
  readonly reject: (reason: unknown) => void
  /** Undoes what the caller's signal has been asked for. */
  forget: (() => void) | undefined
  before: Pending | undefined
  behind: Pending | undefined

  constructor(
    id: string,
    slot: number,
    question: Question,
    timeout: number,
    now: number,
    resolve: (answer: Element) => void,
    reject: (reason: unknown) => void,
  ) {
    this.id = id
    this.slot = slot
    this.question = question
    this.timeout = timeout
    this.deadline = now + timeout
    this.resolve = resolve
    this.reject = reject
  }
}

/** Those that wait equally long: the first is the oldest, and so the next that may have waited too long. */
interface Line {
  first: Pending | undefined
  last: Pending | undefined
  cancel: () => void
}

/**
 * Requests that wait for their answers, by id (RFC 6120 §8.2.3). Ids end in the slot of their request: a Map through which thousands pass in a
 * second leaves a trail of old tables, each of which V8 keeps alive with all that was in it for as long as the one before.
 */
export class Requests {
  readonly #clock: Clock
  readonly #answers: (from: string | undefined, to: string | undefined) => boolean
  readonly #slots: (Pending | undefined)[] = []
  readonly #free: number[] = []
  /** By how long they wait: a timer for each line instead of one for each request. */
  readonly #lines = new Map<number, Line>()

  /** @param answers whether an answer that comes from there, or without `from`, is one to what was asked there */
  constructor(clock: Clock, answers: (from: string | undefined, to: string | undefined) => boolean) {
    this.#clock = clock
    this.#answers = answers
  }

  /**
   * Sends a request and waits for its answer.
   * @param unique the beginning of its id, which nobody can guess and no other stanza has
   * @throws StanzaError; XmppError `XMPP_TIMEOUT`; what `send` throws; the signal's reason
   */
  ask(
    question: Question,
    unique: string,
    { timeout = 30_000, signal }: IqOptions,
    send: (id: string) => void,
  ): Promise<Element> {
    return new Promise((resolve, reject) => {
      const slot = this.#free.pop() ?? this.#slots.length
      const id = `${unique}.${slot}`
      const pending = new Pending(id, slot, question, timeout, this.#clock.now(), resolve, reject)
      this.#slots[slot] = pending
      this.#join(pending)
      if (signal !== undefined) {
        const aborted = (): void => this.#fail(pending, signal.reason)
        signal.addEventListener('abort', aborted)
        pending.forget = () => signal.removeEventListener('abort', aborted)
      }
      try {
        send(id)
      } catch (error) {
        this.#fail(pending, error)
      }
    })
  }

  /** An answer; it counts only when it is from whom was asked. */
  take(stanza: Element): void {
    const { id = '', from } = stanza.attrs
    const pending = this.#slots[slotOf(id)]
    if (pending?.id !== id || !this.#answers(from, pending.question.to) || !this.#over(pending)) return
    if (stanza.attrs.type === 'error') pending.reject(StanzaError.from(stanza))
    else pending.resolve(stanza)
  }

  /** No answer will come any more. */
  end(cause: unknown): void {
    for (const pending of this.#slots) {
      if (pending === undefined) continue
      this.#fail(pending, new XmppError('XMPP_STREAM_ENDED', 'the stream ended before the answer came', { cause }))
    }
  }

  #fail(pending: Pending, reason: unknown): void {
    if (this.#over(pending)) pending.reject(reason)
  }

  /** It waits no longer. False when it did not wait any more anyway. */
  #over(pending: Pending): boolean {
    const { slot } = pending
    if (this.#slots[slot] !== pending) return false
    this.#slots[slot] = undefined
    this.#free.push(slot)
    this.#leave(pending)
    pending.forget?.()
    return true
  }

  #join(pending: Pending): void {
    const { timeout } = pending
    const line = this.#lines.get(timeout)
    if (line === undefined) {
      const cancel = this.#clock.after(timeout, () => this.#late(timeout))
      this.#lines.set(timeout, { first: pending, last: pending, cancel })
      return
    }
    pending.before = line.last
    if (line.last !== undefined) line.last.behind = pending
    line.last = pending
  }

  #leave(pending: Pending): void {
    const { before, behind, timeout } = pending
    const line = this.#lines.get(timeout)
    if (line === undefined) return
    if (before === undefined) line.first = behind
    else before.behind = behind
    if (behind === undefined) line.last = before
    else behind.before = before
    // What is dead and old would keep alive all that came behind it, until the next collection of everything.
    pending.before = pending.behind = undefined
    if (line.first !== undefined) return
    line.cancel()
    this.#lines.delete(timeout)
  }

  #late(timeout: number): void {
    const now = this.#clock.now()
    for (let line = this.#lines.get(timeout); line?.first !== undefined; line = this.#lines.get(timeout)) {
      const { first } = line
      if (first.deadline > now) {
        line.cancel = this.#clock.after(first.deadline - now, () => this.#late(timeout))
        return
      }
      const { to, name } = first.question
      const text = `${to ?? 'the server'} did not answer <${name}> within ${timeout} ms`
      this.#fail(first, new XmppError('XMPP_TIMEOUT', text))
    }
  }
}

/** Whether an id that begins as ours do was made for a request: they end in its slot. */
export function isRequestId(id: string): boolean {
  return slotOf(id) >= 0
}

/** The number behind the last dot of an id, −1 when there is none. */
function slotOf(id: string): number {
  let slot = 0
  let unit = 1
  for (let at = id.length - 1; at > 0; at--) {
    const digit = id.charCodeAt(at) - ZERO
    if (digit === DOT) return slot
    if (digit < 0 || digit > 9 || unit > 1e9) return -1
    slot += digit * unit
    unit *= 10
  }
  return -1
}

const ZERO = 0x30
/** As it comes out of the subtraction. */
const DOT = 0x2e - ZERO
