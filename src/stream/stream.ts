import { type Clock, systemClock } from '../clock.ts'
import { describe, StreamError, XmppError } from '../errors.ts'
import { isName } from './characters.ts'
import { type Attrs, type Element, el } from './element.ts'
import { sendable } from './escape.ts'
import { NS_STREAM } from './namespaces.ts'
import { Outbox } from './outbox.ts'
import { Parser, type ParserEvent, type ParserOptions } from './parser.ts'
import { serialize, streamHeader } from './serialize.ts'
import type { TlsOptions } from './tls.ts'
import type { ChunkReader, Transport } from './transport.ts'

const NS_STREAM_ERRORS = 'urn:ietf:params:xml:ns:xmpp-streams'

/** Seen from our side. */
export type Direction = 'in' | 'out'

/** How a stream behaves; what testers need is off by default. */
export interface StreamOptions extends ParserOptions {
  /** Default namespace of the content: `jabber:client`, `jabber:component:accept`. */
  readonly ns: string
  readonly clock?: Clock
  /** Sees every element as it is received or queued for sending. May be set and cleared at any time on the stream. */
  readonly trace?: Trace | undefined
  /** Sees every byte of both directions, with the clock's time in ms; inside TLS. */
  readonly onRaw?: (direction: Direction, bytes: Uint8Array, at: number) => void
  /** False sends each element in a write of its own instead of joining those of one turn of the event loop. */
  readonly coalesce?: boolean
  /**
   * False leaves everything unanswered, the peer's close, its errors and its violations: a `<stream:error/>` is an element like any
   * other, and what is thrown does not end the stream. For testers.
   */
  readonly automatic?: boolean
  /** Bytes that may wait to be sent before `send()` throws. Default 16 MiB. */
  readonly sendLimit?: number
}

/** Sees elements as they pass. */
export type Trace = (direction: Direction, element: Element) => void

/** How the peer has opened its stream. */
export interface PeerHeader {
  readonly header: Element
  /** The default namespace the peer declared. */
  readonly ns: string
}

/** How long, in ms, the peer gets to end its side of the connection once the stream is over. */
const LINGER = 1000

/**
 * One XML stream over a transport, as either side of it (RFC 6120 §4). Knows framing, restarts, errors and the close; knows
 * nothing of SASL or stanzas.
 */
export class XmlStream {
  readonly ns: string
  trace: Trace | undefined
  /** The clock's time when bytes last arrived, in ms. */
  lastReceived: number
  readonly #outbox: Outbox
  #parser: Parser
  readonly #options: StreamOptions
  readonly #clock: Clock
  readonly #automatic: boolean
  #headerSent = false
  #closeSent = false
  #closeSeen = false
  /** Why the stream is over, when it did not end by both sides closing it. */
  #failure: Error | undefined
  #over = false
  #upgrading = false
  #reading = false
  /** Someone reads `batches()`, though perhaps not at this moment. */
  #iterating = false
  #overWaiters: (() => void)[] = []

  constructor(transport: Transport, options: StreamOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    const { coalesce, sendLimit: limit, onRaw } = options
    const onWrite = onRaw && ((bytes: Uint8Array) => onRaw('out', bytes, this.#clock.now()))
    this.#outbox = new Outbox(transport, { coalesce, limit, onWrite })
    this.#automatic = options.automatic ?? true
    this.#parser = new Parser(options)
    this.ns = options.ns
    this.trace = options.trace
    this.lastReceived = this.#clock.now()
  }

  get transport(): Transport {
    return this.#outbox.transport
  }

  /** True once nothing can be sent or received any more. */
  get over(): boolean {
    return this.#over
  }

  /** True as long as `send()` is possible: neither over, nor closed from our side, nor just starting TLS. */
  get writable(): boolean {
    return !this.#over && !this.#closeSent && !this.#upgrading
  }

  /** Bytes that one stanza may have from now on, until the stream restarts; for an answer that is rightly larger than others. */
  get stanzaBytes(): number {
    return this.#parser.stanzaBytes
  }

  set stanzaBytes(bytes: number) {
    this.#parser.stanzaBytes = bytes
  }

  /** Calls back once when the stream is over, at once when it is already. */
  whenOver(fn: () => void): void {
    if (this.#over) fn()
    else this.#overWaiters.push(fn)
  }

  // ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** As initiator: sends our header and returns theirs. Call it again to restart the stream (RFC 6120 §4.3.3). */
  async open(attrs: Attrs): Promise<PeerHeader> {
    this.restart()
    this.sendHeader(attrs)
    return this.readHeader()
  }

  /**
   * Sends a stream header with exactly these attributes; `xmlns:…` declares a prefix.
   * @throws XmppError `XMPP_XML_CHARACTER`, `XMPP_XML_NAME`
   */
  sendHeader(attrs: Attrs): void {
    const header = streamHeader(this.ns, attrs)
    this.#headerSent = true
    this.#outbox.queue(header)
  }

  /**
   * The peer's header.
   * @throws StreamError `invalid-namespace` when its content namespace is not ours
   */
  async readHeader(): Promise<PeerHeader> {
    const event = await this.#event()
    if (event === undefined) throw this.#gone('waiting for a stream header')
    if (event.type !== 'open') throw this.fail(new StreamError('bad-format', 'expected a stream header'))
    if (event.ns !== this.ns) {
      const text = `the stream's content is in '${event.ns.slice(0, 100)}', not in '${this.ns}'`
      this.violated(new StreamError('invalid-namespace', text))
    }
    return event
  }

  /**
   * Forgets the old stream; what the peer sent behind its last element is read as a new one. `open()` does so itself, an acceptor calls
   * it after TLS and after `<success/>`.
   */
  restart(): void {
    const rest = this.#parser.takeRest()
    this.#parser = new Parser(this.#options)
    if (rest.length > 0) this.#parser.push(rest)
  }

  /**
   * Puts TLS under the stream. The caller has just seen `<proceed/>`, or sent it. A new stream begins inside (RFC 6120 §5.4.3.3): call
   * `open()` next, or as acceptor `restart()` and `readHeader()`.
   * @throws StreamError `policy-violation` when anything arrived in clear behind the last element (RFC 6120 §5.4.3.3)
   */
  async startTls(options: TlsOptions): Promise<void> {
    this.flush()
    if (!this.#parser.idle || this.transport.unread) {
      throw this.fail(new StreamError('policy-violation', 'data in clear behind <proceed/>'))
    }
    // Whatever were sent now would go out in clear.
    this.#upgrading = true
    try {
      this.#outbox.transport = await this.transport.startTls(options)
    } finally {
      this.#upgrading = false
    }
    if (this.#over) this.transport.destroy()
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The next top-level element, undefined once the peer has closed its stream.
   * @throws StreamError the peer's, or ours about the peer; XmppError `XMPP_CONNECTION_LOST`
   */
  async next(): Promise<Element | undefined> {
    const event = await this.#event()
    if (event === undefined) return undefined
    try {
      if (event.type === 'element') return this.#received(event.element)
    } catch (error) {
      throw this.fail(error as Error)
    }
    throw this.fail(strayHeader())
  }

  /** The next element, which must be one of `names`: the verb that negotiation is written in. */
  async expect(ns: string, ...names: string[]): Promise<Element> {
    const element = await this.next()
    if (element === undefined) throw this.#gone(`waiting for <${names.join('|')}>`)
    if (element.ns !== ns || !names.includes(element.name)) {
      const got = `<${element.name.slice(0, 50)} xmlns='${element.ns.slice(0, 100)}'>`
      const text = `got ${got} where <${names.join('|')}> belongs`
      throw this.fail(new StreamError('unsupported-stanza-type', text))
    }
    return element
  }

  /** The elements of each chunk together, so that a reader awaits once per chunk and not once per stanza. */
  async *batches(): AsyncGenerator<Element[], void, void> {
    this.#iterating = true
    try {
      for (let first = await this.next(); first !== undefined; first = await this.next()) {
        const gathered = this.#gather(first)
        let failure: Error | undefined
        try {
          yield gathered.batch
        } finally {
          // For a reader who leaves here too.
          failure = this.#conclude(gathered)
        }
        if (failure !== undefined) throw failure
      }
    } finally {
      this.#iterating = false
    }
  }

  /**
   * Hands the elements of each chunk to `take`. Resolves when the peer has closed its stream.
   * As {@link batches}, for who has many streams on which nothing happens: less than half a kilobyte is held while it waits.
   * @throws as {@link next}; what `take` throws
   */
  each(take: Taker): Promise<void> {
    if (this.#reading) return Promise.reject(readers())
    this.#reading = this.#iterating = true
    return new Promise((resolve, reject) => {
      const broken = (error: Error): void => this.#stop(pump, this.fail(error))
      const arrived = (chunk: Uint8Array | undefined): void => {
        try {
          this.#receive(chunk)
        } catch (error) {
          return broken(error as Error)
        }
        this.#goOn(pump)
      }
      const pump: Pump = { take, resolve, reject, arrived, broken }
      this.#goOn(pump)
    })
  }

  // ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Queues an element. Returns a promise when the caller had better wait before sending more; it never rejects.
   * @throws XmppError `XMPP_STREAM_ENDED` when the stream is over, `XMPP_SEND_LIMIT` when too much is waiting already,
   * `XMPP_XML_CHARACTER` for text that XML cannot carry
   */
  send(element: Element): Promise<void> | undefined {
    return this.sendSerialized(element, serialize(element, this.ns))
  }

  /** {@link send} for who needs the XML too: `text` is what `serialize(element, stream.ns)` has made. */
  sendSerialized(element: Element, text: string): Promise<void> | undefined {
    this.#assertOpen()
    if (this.#outbox.full) {
      throw new XmppError(
        'XMPP_SEND_LIMIT',
        'too much is waiting to be sent: the peer does not read, or send() is not awaited',
      )
    }
    return this.#queue(element, text)
  }

  /**
   * {@link send} without the limit, for what has a bound of its own: stanzas that have been accepted before, and the questions and answers of stream
   * management (XEP-0198). Returns the number of characters of its XML.
   */
  sendAgain(element: Element): number {
    this.#assertOpen()
    const text = serialize(element, this.ns)
    this.#queue(element, text)
    return text.length
  }

  /** Writes exactly these bytes at once, behind everything queued. For testers. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    this.#assertOpen()
    return this.#outbox.put(bytes)
  }

  /** Hands everything queued to the transport now rather than at the end of this turn. */
  flush(): void {
    this.#outbox.flush()
  }

  // ── ending ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Ends the stream politely: `</stream:stream>`, then waits for the peer's own, at most `timeout` ms (RFC 6120 §4.4).
   * Elements that still arrive go to whoever is reading.
   */
  async close(timeout = 2000): Promise<void> {
    if (!this.#headerSent) return this.destroy()
    this.#sendClose()
    if (this.#over) return
    const cancel = this.#clock.after(timeout, () => this.destroy(new XmppError('XMPP_STREAM_ENDED', 'stream closed')))
    const over = new Promise<void>(resolve => this.whenOver(resolve))
    if (!this.#reading && !this.#iterating) void this.#drain()
    await over
    cancel()
  }

  /** Sends no more but goes on reading: the transport's half-close, without `</stream:stream>`. For testers. */
  end(): void {
    this.flush()
    this.transport.end()
  }

  /** Cuts the connection. Whoever is reading gets the reason. */
  destroy(reason: Error = new XmppError('XMPP_STREAM_ENDED', 'the stream was destroyed')): void {
    this.#failure ??= reason
    this.transport.destroy(reason)
    this.#finish()
  }

  /**
   * Ends the stream because of an error: sends it if it is ours to send, closes, and returns it for the caller to throw.
   * RFC 6120 §4.9.1.1: no stream survives an error. A tester's, which does nothing by itself, survives what is no break of the
   * connection.
   */
  fail(error: Error): Error {
    if (this.#failure !== undefined) return this.#failure
    if (!this.#automatic && error instanceof StreamError) return error
    this.#failure = error
    if (this.#automatic && !this.#over) this.#endWith(error)
    else this.#finish()
    return error
  }

  /** The peer has done what it must not: that ends the stream, or is reported and no more where `onViolation` asks for that. */
  violated(error: StreamError): void {
    if (this.#options.onViolation === undefined) throw this.fail(error)
    this.#options.onViolation(error)
  }

  // ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  #queue(element: Element, text: string): Promise<void> | undefined {
    this.trace?.('out', element)
    return this.#outbox.queue(text)
  }

  /** Reads what there is, and waits for more. */
  #goOn(pump: Pump): void {
    for (;;) {
      if (this.#failure !== undefined) return this.#stop(pump, this.#failure)
      if (this.#closeSeen) return this.#stop(pump)
      const gathered = this.#gather()
      if (gathered === nothing) return this.transport.readTo(pump)
      const { batch } = gathered
      let wait: ReturnType<Taker>
      try {
        wait = batch.length === 0 ? undefined : pump.take(batch)
      } catch (error) {
        this.#conclude(gathered)
        return this.#stop(pump, error)
      }
      if (wait instanceof Promise) return void this.#goOnBehind(wait, gathered, pump)
      const failure = this.#conclude(gathered)
      if (failure !== undefined) return this.#stop(pump, failure)
    }
  }

  async #goOnBehind(wait: Promise<void>, gathered: Gathered, pump: Pump): Promise<void> {
    let failure: unknown
    try {
      await wait
      failure = this.#conclude(gathered)
    } catch (error) {
      this.#conclude(gathered)
      failure = error
    }
    if (failure === undefined) this.#goOn(pump)
    else this.#stop(pump, failure)
  }

  #stop({ resolve, reject }: Pump, error?: unknown): void {
    this.#reading = this.#iterating = false
    if (error === undefined) resolve()
    else reject(error)
  }

  /** What has arrived and not been read, behind `first`; {@link nothing} when there is nothing. */
  #gather(first?: Element): Gathered {
    const batch = first === undefined ? [] : [first]
    try {
      for (;;) {
        const event = this.#parser.next()
        if (event === undefined) return batch.length === 0 ? nothing : { batch, closed: false, failure: undefined }
        if (event.type === 'close') return { batch, closed: true, failure: undefined }
        if (event.type === 'open') throw strayHeader()
        batch.push(this.#received(event.element))
      }
    } catch (failure) {
      return { batch, closed: false, failure: failure as Error }
    }
  }

  /** Only behind the batch, for what came with the close tag may want an answer. Returns what ends the stream. */
  #conclude({ closed, failure }: Gathered): Error | undefined {
    try {
      if (closed) this.#closed()
      return failure && this.fail(failure)
    } catch (error) {
      // What the caller's `trace` makes of our last words.
      return error as Error
    }
  }

  /** The parser's next event, reading as long as it takes. Undefined when the peer closed its stream. */
  async #event(): Promise<ParserEvent | undefined> {
    if (this.#reading) throw readers()
    this.#reading = true
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure
        if (this.#closeSeen) return undefined
        const event = this.#parser.next()
        if (event?.type === 'close') this.#closed()
        else if (event !== undefined) return event
        else this.#receive(await this.transport.read())
      }
    } catch (error) {
      throw this.fail(error as Error)
    } finally {
      this.#reading = false
    }
  }

  #receive(chunk: Uint8Array | undefined): void {
    if (chunk === undefined) {
      // A peer that just hangs up after our close has ended the stream well enough.
      if (!this.#closeSent && this.#automatic)
        throw new XmppError('XMPP_CONNECTION_LOST', 'the peer closed the connection without closing its stream')
      this.#closeSeen = true
      if (!this.#automatic && !this.#closeSent) return
      this.transport.destroy()
      this.#finish()
      return
    }
    this.lastReceived = this.#clock.now()
    this.#options.onRaw?.('in', chunk, this.lastReceived)
    this.#parser.push(chunk)
  }

  #received(element: Element): Element {
    this.trace?.('in', element)
    if (this.#automatic && element.is('error', NS_STREAM)) throw StreamError.from(element)
    return element
  }

  /** The peer's `</stream:stream>`: answered with ours, then the connection ends (RFC 6120 §4.4). */
  #closed(): void {
    this.#closeSeen = true
    if (!this.#automatic && !this.#closeSent) return
    this.#sendClose()
    this.transport.hangUp(this.#clock, LINGER)
    this.#finish()
  }

  async #drain(): Promise<void> {
    try {
      while ((await this.#event()) !== undefined) {}
    } catch {
      // The stream is being closed; how the peer takes it does not matter any more.
    }
  }

  /**
   * Sends an error of ours, and the close. Ends the stream even where saying so fails, as the caller's `trace` may. A connection that was lost in
   * one direction is left without a word: by the close the peer would take the session for ended that may be resumed.
   */
  #endWith(error: Error): void {
    try {
      if (error instanceof StreamError && error.by === 'us' && !this.#closeSent) {
        // RFC 6120 §4.9.1.2: an error in the peer's header is still answered inside a stream.
        if (!this.#headerSent) this.sendHeader({ version: '1.0' })
        const text = error.text === '' ? [] : [el('text', NS_STREAM_ERRORS, {}, sendable(error.text))]
        const condition = isName(error.condition) ? error.condition : 'undefined-condition'
        const detail = error.detail === undefined ? [] : [error.detail]
        const element = el('error', NS_STREAM, {}, el(condition, NS_STREAM_ERRORS), ...text, ...detail)
        this.trace?.('out', element)
        this.#outbox.queue(serialize(element, this.ns))
      }
    } finally {
      if (!(error instanceof XmppError && error.code === 'XMPP_CONNECTION_LOST')) this.#sendClose()
      this.transport.hangUp(this.#clock, LINGER)
      this.#finish()
    }
  }

  #sendClose(): void {
    if (this.#closeSent || this.#over) return
    if (this.#headerSent) this.#outbox.queue('</stream:stream>')
    this.#closeSent = true
    this.flush()
  }

  #finish(): void {
    this.#over = true
    const waiters = this.#overWaiters
    this.#overWaiters = []
    for (const resolve of waiters) resolve()
  }

  #assertOpen(): void {
    if (this.writable) return
    const why = this.#failure === undefined ? '' : `: ${describe(this.#failure)}`
    const what = this.#upgrading ? 'TLS is just starting' : `the stream is closed${why}`
    throw new XmppError('XMPP_STREAM_ENDED', what, { cause: this.#failure })
  }

  #gone(when: string): XmppError {
    return new XmppError('XMPP_STREAM_ENDED', `the peer closed its stream while we were ${when}`)
  }
}

/** What one chunk has brought, and whether the stream ends behind it. */
interface Gathered {
  readonly batch: Element[]
  readonly closed: boolean
  readonly failure: Error | undefined
}

/** Takes the elements of a chunk; nothing more is read before what it returns has resolved. */
export type Taker = (batch: Element[]) => Promise<void> | undefined | void

/** Who reads in `each()`. */
interface Pump extends ChunkReader {
  readonly take: Taker
  resolve(): void
  reject(reason: unknown): void
}

const nothing: Gathered = { batch: [], closed: false, failure: undefined }

function readers(): XmppError {
  return new XmppError('XMPP_READERS', 'the stream has a reader already')
}

function strayHeader(): StreamError {
  return new StreamError('bad-format', 'a stream header where an element belongs')
}
