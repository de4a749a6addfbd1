/** XEP-0198 Stream Management, version 1.6: what both sides count, and what the other has not acknowledged yet. */
import { detached } from './detached.ts'
import { StreamError } from './errors.ts'
import { type Element, el } from './stream/element.ts'

export const NS_SM = 'urn:xmpp:sm:3'

/** What we may be made to hold for a peer that does not acknowledge. */
export interface ManagementLimits {
  /** Stanzas. Default 50,000. */
  readonly stanzas: number
  /** Characters of their XML. Default 16 Mi. */
  readonly characters: number
}

/** The limits of a stream that is told no others. */
export const defaultManagementLimits: ManagementLimits = { stanzas: 50_000, characters: 16_777_216 }

/** Stanzas and characters from which a sender had better wait: a fraction of the limits. */
const HIGH_WATER = 1 / 16

/** What a server has said of a stream that may be resumed (§5). */
export interface Resumable {
  /** SM-ID: names the session when it is resumed. */
  readonly id: string
  /** Where the server would like us to come back to: a host, perhaps with a port. */
  readonly location: string | undefined
  /** Seconds for which the server keeps the session once the stream is gone; undefined when it does not say. */
  readonly max: number | undefined
}

interface Sent {
  readonly stanza: Element
  readonly characters: number
}

/**
 * The books of one side: how many stanzas it has handled, and those it has sent that the other has not said to have handled. Counters
 * begin at 0 where `<enable/>` is sent or received, and wrap at 2³² (§4). Knows no stream and no clock.
 */
export class StreamManagement {
  /** What `<enabled/>` said; undefined before it, and for a stream that cannot be resumed. */
  resumable: Resumable | undefined
  readonly #limits: ManagementLimits
  #handled = 0
  /** Stanzas that the other side has acknowledged, modulo 2³². */
  #acknowledged = 0
  /** Those it has not, oldest first, from `#head` on. */
  #sent: (Sent | undefined)[] = []
  #head = 0
  #characters = 0
  #room: { readonly promise: Promise<void>; resolve(): void } | undefined

  constructor(limits: Partial<ManagementLimits> = {}, counters: { handled?: number; acknowledged?: number } = {}) {
    this.#limits = { ...defaultManagementLimits, ...limits }
    this.#handled = counters.handled ?? 0
    this.#acknowledged = counters.acknowledged ?? 0
  }

  /** The `h` to tell the other side: stanzas of its that we have handled. */
  get handled(): number {
    return this.#handled
  }

  /** How many of ours the other side has said to have handled, modulo 2³². */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** Notes a stanza from the other side, which counts as handled from here on. */
  received(): void {
    this.#handled = (this.#handled + 1) >>> 0
  }

  /** Counts from here on what the other side sends. */
  begin(): void {
    this.#handled = 0
  }

  /** How many stanzas wait for their acknowledgement. */
  get pending(): number {
    return this.#sent.length - this.#head
  }

  /** No more may be sent before something is acknowledged. */
  get full(): boolean {
    return this.pending >= this.#limits.stanzas || this.#characters >= this.#limits.characters
  }

  /** Keeps a stanza that is being sent. @param characters of its XML */
  sent(stanza: Element, characters: number): void {
    this.#sent.push({ stanza, characters })
    this.#characters += characters
  }

  /** So much is unacknowledged that a sender had better wait for `room()`. */
  get crowded(): boolean {
    const { stanzas, characters } = this.#limits
    return this.pending > stanzas * HIGH_WATER || this.#characters > characters * HIGH_WATER
  }

  /** Resolves when it is no longer crowded, or when nothing more will be acknowledged; never rejects. */
  room(): Promise<void> {
    if (this.#room === undefined) {
      let resolve = (): void => {}
      const promise = new Promise<void>(done => {
        resolve = done
      })
      this.#room = { promise, resolve }
    }
    return this.#room.promise
  }

  /**
   * The other side says that it has handled so many.
   * @throws StreamError `undefined-condition` when that are more than were sent, or fewer than it has said before (§4)
   */
  acknowledge(h: number): void {
    const count = (h - this.#acknowledged) >>> 0
    if (count > this.pending) {
      if (h < this.#acknowledged) {
        const text = `h='${h}' acknowledges fewer stanzas than h='${this.#acknowledged}' has before`
        throw new StreamError('undefined-condition', text)
      }
      const sent = (this.#acknowledged + this.pending) >>> 0
      throw new StreamError('undefined-condition', `h='${h}' acknowledges more than the ${sent} stanzas sent`, {
        detail: el('handled-count-too-high', NS_SM, { h: `${h}`, 'send-count': `${sent}` }),
      })
    }
    this.#acknowledged = h
    const end = this.#head + count
    for (; this.#head < end; this.#head++) {
      this.#characters -= (this.#sent[this.#head] as Sent).characters
      this.#sent[this.#head] = undefined
    }
    this.#tidy()
    if (!this.crowded) this.#makeRoom()
  }

  /** What has not been acknowledged, oldest first. */
  unacknowledged(): Element[] {
    return this.#sent.slice(this.#head).map(sent => (sent as Sent).stanza)
  }

  /** Gives up what has not been acknowledged, and returns it, oldest first. */
  takeUnacknowledged(): Element[] {
    const stanzas = this.unacknowledged()
    this.#sent = []
    this.#head = 0
    this.#characters = 0
    this.#makeRoom()
    return stanzas
  }

  #tidy(): void {
    if (this.#head === this.#sent.length) {
      this.#sent = []
      this.#head = 0
    } else if (this.#head > 1024 && this.#head > this.#sent.length / 2) {
      this.#sent = this.#sent.slice(this.#head)
      this.#head = 0
    }
  }

  #makeRoom(): void {
    const room = this.#room
    this.#room = undefined
    room?.resolve()
  }
}

/** Asks to enable stream management, with resumption or without (§3). */
export function enable(resume: boolean): Element {
  return el('enable', NS_SM, { resume: resume ? 'true' : undefined })
}

/** Asks to resume a session of which we have handled so many stanzas (§5). */
export function resume(id: string, handled: number): Element {
  return el('resume', NS_SM, { previd: id, h: `${handled}` })
}

/** Says how many stanzas have been handled. */
export function answer(handled: number): Element {
  return el('a', NS_SM, { h: `${handled}` })
}

/** Asks how many have been. */
export const request: Element = el('r', NS_SM)

/**
 * Reads `h`, an unsigned number of 32 bits.
 * @throws StreamError `bad-format` for anything else
 */
export function readHandled({ name, attrs: { h = '' } }: Element): number {
  const value = /^\d{1,10}$/.test(h) ? Number(h) : 2 ** 32
  if (value < 2 ** 32) return value
  throw new StreamError('bad-format', `<${name}/> has no h that is a number of stanzas`)
}

/** What `<enabled/>` says of resumption; undefined when there is none. */
export function readEnabled({ attrs }: Element): Resumable | undefined {
  const { id, location, resume, max = '' } = attrs
  if ((resume !== 'true' && resume !== '1') || id === undefined || id === '' || id.length > 4000) return undefined
  // A server that keeps it no time at all keeps it for whom it knows better.
  const seconds = /^\d{1,9}$/.test(max) && Number(max) > 0 ? Number(max) : undefined
  // It is kept for as long as the session.
  return { id: detached(id), location: location && detached(location), max: seconds }
}
