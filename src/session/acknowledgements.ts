import type { Clock } from '../clock.ts'
import { XmppError } from '../errors.ts'
import type { Element } from '../stream/element.ts'
import type { XmlStream } from '../stream/stream.ts'
import { answer, type Resumable, readEnabled, readHandled, request, StreamManagement } from '../stream-management.ts'

/** Stanzas after which the other side is asked what it has handled. */
const EVERY = 250
/** Stanzas from the other side after which it is told what we have handled though it has not asked: it keeps them until then, and may have little room. */
const UNASKED = 100
/** ms after which it is asked when there were fewer. */
const SOON = 2000
/** ms that an answer may take while nothing else arrives; then the link is dead. */
const PATIENCE = 15_000
/** The same whatever else arrives: the way there may be dead alone. A slow one gets a mebibyte through in this time. */
const LONGEST = 120_000

/** What XEP-0198 says on one session's stream: when to ask, what to answer, and when to give the link up. */
export class Acknowledgements {
  readonly books = new StreamManagement()
  readonly #clock: Clock
  #stream: XmlStream
  /** Stanzas sent since we have asked. */
  #unasked = 0
  /** The clock's time in ms when it was asked what has not been answered. */
  #asked: number | undefined
  #enabled = false
  /** Stanzas received since we have last said what we have handled. */
  #untold = 0
  /** The stream that is owed an answer, which waits for room. */
  #owed: XmlStream | undefined
  #cancelSoon: (() => void) | undefined
  #cancelPatience: (() => void) | undefined

  constructor(stream: XmlStream, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
  }

  /** What the server has said of coming back; undefined when it has not, or not yet. */
  get resumable(): Resumable | undefined {
    return this.books.resumable
  }

  /** Notes a stanza that has been sent, or will be on resumption. @returns a promise when the caller had better wait */
  sent(stanza: Element, characters: number): Promise<void> | undefined {
    this.books.sent(stanza, characters)
    const { crowded } = this.books
    // Whoever waits for room waits for the answer.
    if (++this.#unasked >= EVERY || (crowded && this.#asked === undefined)) this.ask()
    else this.#cancelSoon ??= this.#clock.after(SOON, this.#askSoon)
    return crowded ? this.books.room() : undefined
  }

  /** Asks what has been handled; an answer that does not come in time ends the stream. */
  ask(): void {
    this.#forget()
    if (!this.#stream.writable || this.books.pending === 0) return
    this.#say(request)
    this.#asked ??= this.#clock.now()
    this.#cancelPatience ??= this.#clock.after(PATIENCE, this.#check)
  }

  /** Notes a stanza from the other side, and from time to time says so. */
  received(): void {
    this.books.received()
    if (this.#enabled && ++this.#untold >= UNASKED) this.#answer()
  }

  /** An element of stream management from the other side. False when the server does without. @throws StreamError */
  take(element: Element): boolean {
    switch (element.name) {
      case 'r':
        this.#answer()
        break
      case 'a':
        this.#cancelPatience?.()
        this.#cancelPatience = this.#asked = undefined
        this.books.acknowledge(readHandled(element))
        if (this.books.pending === 0) this.#forget()
        else if (this.books.crowded && this.#unasked > 0) this.ask()
        else this.#cancelSoon ??= this.#clock.after(SOON, this.#askSoon)
        break
      case 'enabled':
        if (!this.#enabled) this.enabled(readEnabled(element))
        break
      case 'failed':
        // What has been enabled stays so.
        return this.#enabled
    }
    return true
  }

  /** The server counts what it sends from here on, and so do we; what it sends before may cross with `<enable/>` (§3). */
  enabled(resumable: Resumable | undefined): void {
    this.books.resumable = resumable
    this.books.begin()
    this.#enabled = true
  }

  /** Says for the last time what has been handled, and asks the same: the stream is about to be closed. */
  sayLast(): void {
    this.#tell()
    if (this.books.pending > 0) this.#say(request)
  }

  /**
   * Goes on with another stream: what the server has not handled is sent again, in order.
   * @throws StreamError when it says that it has handled more than it was sent
   */
  resume(stream: XmlStream, handled: number): void {
    this.#stream = stream
    this.#untold = 0
    this.books.acknowledge(handled)
    for (const stanza of this.books.unacknowledged()) stream.sendAgain(stanza)
    this.ask()
  }

  /** Leaves no timer. */
  stop(): void {
    this.#cancelSoon?.()
    this.#cancelPatience?.()
    this.#cancelSoon = this.#cancelPatience = this.#asked = undefined
  }

  /** At once, or when there is room again: whoever asks and does not read is owed one answer, however often it asks. */
  #answer(): void {
    const stream = this.#stream
    if (this.#owed === stream || !stream.writable) return
    if (!stream.transport.congested) return this.#tell()
    this.#owed = stream
    void stream.transport.drained().then(() => {
      if (this.#owed !== stream) return
      this.#owed = undefined
      if (this.#stream === stream) this.#answer()
    })
  }

  /** There is nothing to ask that has not been. */
  #forget(): void {
    this.#cancelSoon?.()
    this.#cancelSoon = undefined
    this.#unasked = 0
  }

  #tell(): void {
    this.#untold = 0
    this.#say(answer(this.books.handled))
  }

  /** Whatever else is waiting: it is little, and the other side makes room for more by it. */
  #say(element: Element): void {
    try {
      this.#stream.sendAgain(element)
    } catch (error) {
      // Nobody calls but timers and the other side, who can do nothing about it.
      this.#stream.destroy(error as Error)
    }
  }

  readonly #askSoon = (): void => {
    this.#cancelSoon = undefined
    this.ask()
  }

  /** Whoever sends other things is alive, and answers later; but not for ever. */
  readonly #check = (): void => {
    this.#cancelPatience = undefined
    const stream = this.#stream
    if (this.books.pending === 0 || stream.over) return
    const now = this.#clock.now()
    const waited = now - (this.#asked ?? now)
    const silent = stream.lastReceived <= now - PATIENCE
    if (!silent && waited < LONGEST) return this.ask()
    const text = `no acknowledgement within ${Math.round(waited / 1000)} s of asking${silent ? ', and nothing else' : ''}`
    stream.destroy(new XmppError('XMPP_ACK_TIMEOUT', text))
  }
}
