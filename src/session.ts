import { type Clock, systemClock } from './clock.ts'
import { detached } from './detached.ts'
import { StreamError, warn, XmppError } from './errors.ts'
import { bareJid, formatJid, parseJid, prepareJid } from './jid.ts'
import { inNamespace } from './namespace.ts'
import { type Negotiated, NS_CLIENT, NS_COMPONENT } from './negotiate.ts'
import type { Xep } from './routes.ts'
import { Acknowledgements } from './session/acknowledgements.ts'
import { Dispatch } from './session/dispatch.ts'
import { type Ending, endingOf } from './session/ending.ts'
import { OwnAddresses } from './session/own-addresses.ts'
import { type IqOptions, isRequestId, Requests } from './session/requests.ts'
import { type Attrs, type Child, Element, el } from './stream/element.ts'
import type { Target } from './stream/resolve.ts'
import { attributeText, serialize, serializeWith } from './stream/serialize.ts'
import type { XmlStream } from './stream/stream.ts'
import { NS_SM } from './stream-management.ts'

export type { IqOptions } from './session/requests.ts'

/** What a session offers and how it behaves. */
export interface SessionOptions {
  readonly xeps: readonly Xep[]
  readonly clock?: Clock
  /** Handlers that may be waiting for something at one time; beyond that stanzas are refused. Default 256. */
  readonly handlers?: number
  /** False leaves what nobody handles unanswered, and a login brings no standard extensions, which would answer. For testers. */
  readonly automatic?: boolean
  /** A handler threw something that is no StanzaError. Default: a process warning. */
  readonly onHandlerError?: (error: unknown, stanza: Element) => void
  /**
   * A stanza of ours may not have arrived: the session has ended, the server had not acknowledged it (XEP-0198), and it is not sent again.
   * Requests are told by their own promise.
   */
  readonly onFailed?: ((stanza: Element, error: XmppError) => void) | undefined
  /**
   * For a component: which extensions there are at one of its addresses, a prepared JID; undefined where nobody is, so that requests and messages
   * are answered `item-not-found`. It is asked about every stanza that is no answer, so it had better return lists that are there already. Default:
   * `xeps` are at all of them.
   */
  readonly addresses?: ((address: string) => readonly Xep[] | undefined) | undefined
}

/** How a session is read. */
export interface RunOptions {
  /**
   * What the end of the stream leaves open is kept, so that another stream can take it up: the same session where it can be resumed,
   * else the next one. Whoever asks for that calls `giveUp()` when there will be none.
   */
  readonly keep?: boolean
}

/**
 * A negotiated stream with its iq bookkeeping and routes: the same for clients and components. With stream management it may outlive its
 * stream (XEP-0198 §5).
 */
export class Session {
  /** The full JID of a client, the domain of a component. */
  readonly jid: string
  readonly xeps: readonly Xep[]
  readonly clock: Clock
  /** How often it has gone on with another stream. */
  resumptions = 0
  /** Stanzas that have arrived. */
  received = 0
  /** Stanzas that were taken to be sent. */
  sent = 0
  #stream: XmlStream
  #negotiated: Negotiated
  /** Undefined for a client. */
  readonly #own: OwnAddresses | undefined
  /** As it stands in a stanza of a component that says nothing else. */
  readonly #from: string
  readonly #bare: string
  readonly #domain: string
  readonly #options: SessionOptions
  /** The last address that was asked, and is one. */
  #asked = ''
  /** Made when something is first asked. */
  #pending: Requests | undefined
  #acks: Acknowledgements | undefined
  /** Undefined when they have been called. */
  #whenOver: Set<() => void> | undefined = new Set()
  #keep = false
  #closing = false
  /** Nothing is asked before it has another stream. */
  #mute = false
  /** Logins that have asked for it and failed since it was lost. */
  #refusals = 0
  /** What {@link progress} was when it went on with its stream. */
  #progressBefore: number | undefined
  /** Streams that have been dead from the moment it went on with them, without one in between that was not. */
  #silences = 0
  /** How the stream has ended; undefined while there is one. */
  #ending: Ending | undefined
  readonly #dispatch: Dispatch
  /** An id that nobody can guess cannot be answered by someone who was not asked. */
  readonly #idPrefix = Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString('base64url')
  #lastId = 0

  constructor(stream: XmlStream, negotiated: Negotiated, options: SessionOptions) {
    this.#stream = stream
    // It was cut from what the server sent when it bound the resource.
    const own = parseJid(detached(negotiated.jid))
    this.jid = formatJid(own)
    this.#negotiated = kept(negotiated, this.jid)
    this.#bare = bareJid(this.jid)
    this.#domain = own.domain
    this.xeps = options.xeps
    this.clock = options.clock ?? systemClock
    const { management } = negotiated
    if (management !== undefined) {
      this.#acks = new Acknowledgements(stream, this.clock)
      if (management !== 'requested') this.#acks.enabled(management.resumable)
    }
    this.#own = stream.ns === NS_COMPONENT ? new OwnAddresses(this.jid) : undefined
    this.#from = this.component ? attributeText('from', this.jid) : ''
    this.#options = options
    // An answer goes out as the address that was asked, whatever we think of it: its server takes it for one.
    this.#dispatch = new Dispatch(this, options, answer => this.#send(answer))
  }

  /** The stream it goes over now, or went over last. */
  get stream(): XmlStream {
    return this.#stream
  }

  /** What the login on its stream has come to. */
  get negotiated(): Negotiated {
    return this.#negotiated
  }

  /** See {@link Negotiated}. */
  get mechanism(): string {
    return this.#negotiated.mechanism
  }

  /** The server it is connected to; undefined for a stream that was negotiated by hand. */
  get target(): Target | undefined {
    return this.#negotiated.target
  }

  /** Whether this is a component's session rather than a client's. */
  get component(): boolean {
    return this.#own !== undefined
  }

  /** Builds an element in the stream's own namespace, as stanzas and their own children are. */
  stanza(name: string, attrs: Attrs = {}, ...children: Child[]): Element {
    return el(name, this.#stream.ns, attrs, ...children)
  }

  /** An id that no other stanza of this session has. */
  nextId(): string {
    return this.#idPrefix + ++this.#lastId
  }

  /** Whether stanzas are taken: there is a stream, or the session waits to be resumed, and then sends them. */
  get writable(): boolean {
    return this.#stream.writable || this.#suspended
  }

  /**
   * Sends a stanza. Returns a promise when the caller had better wait before sending more; it never rejects. A component's stanza without
   * `from` gets the component's domain; it has a `to`, and no `from` outside that domain. With stream management a stanza is kept until the server has acknowledged it, so nothing
   * that was taken is lost without a word: see {@link SessionOptions.onFailed}.
   * @throws XmppError as {@link XmlStream.send}; `XMPP_SEND_LIMIT` also when too much is unacknowledged; a component's `XMPP_ADDRESS` and
   * `XMPP_JID_MALFORMED` for a stanza for which servers end the stream
   */
  send(stanza: Element): Promise<void> | undefined {
    if (stanza.ns === this.#stream.ns) this.#own?.check(stanza)
    return this.#send(stanza)
  }

  #send(stanza: Element): Promise<void> | undefined {
    const wait = this.#give(stanza)
    this.sent++
    return wait
  }

  #give(stanza: Element): Promise<void> | undefined {
    const stream = this.#stream
    if (this.component && stanza.attrs.from === undefined && stanza.ns === stream.ns) return this.#sendFrom(stanza)
    const acks = this.#acks
    if (acks === undefined || stanza.ns !== stream.ns) return stream.send(stanza)
    const text = serialize(stanza, stream.ns)
    if (acks.books.full) {
      const text = 'too much is unacknowledged: the server does not keep up, or send() is not awaited'
      throw new XmppError('XMPP_SEND_LIMIT', text)
    }
    const wait = stream.writable || !this.#suspended ? stream.sendSerialized(stanza, text) : undefined
    return acks.sent(stanza, text.length) ?? wait
  }

  /** As the component itself. Another element is made only for who wants to see it. */
  #sendFrom(stanza: Element): Promise<void> | undefined {
    const stream = this.#stream
    if (stream.trace === undefined) return stream.sendSerialized(stanza, serializeWith(stanza, stream.ns, this.#from))
    return stream.send(el(stanza.name, stanza.ns, { ...stanza.attrs, from: this.jid }, ...stanza.children))
  }

  /**
   * Asks, and resolves with the `result` stanza (RFC 6120 §8.2.3). `to` undefined asks our own account or, as a component, is
   * an error.
   * @throws StanzaError the peer's; XmppError `XMPP_TIMEOUT`, `XMPP_STREAM_ENDED`; the signal's reason
   */
  iq(type: 'get' | 'set', to: string | undefined, payload: Element, options: IqOptions = {}): Promise<Element> {
    try {
      options.signal?.throwIfAborted()
      if (this.#mute)
        throw new XmppError('XMPP_STREAM_ENDED', 'the stream has ended, and nothing is asked before the next one')
      if (this.component && to === undefined) throw new XmppError('XMPP_ADDRESS', 'a component must say whom it asks')
      if (to !== undefined && to !== this.#asked) {
        parseJid(to)
        this.#asked = to
      }
    } catch (error) {
      return Promise.reject(error)
    }
    this.#pending ??= new Requests(this.clock, (from, to) => this.#answers(from, to))
    return this.#pending.ask({ to, name: payload.name }, this.nextId(), options, id => {
      this.send(new Element('iq', this.#stream.ns, { type, to, from: options.from, id }, [payload]))
    })
  }

  /**
   * The whole read side: returns when the peer closes its stream, throws what else ended it. It never waits for a handler,
   * for a handler may be waiting for an answer that comes behind its stanza.
   */
  run({ keep = false }: RunOptions = {}): Promise<void> {
    const stream = this.#stream
    this.#keep = keep
    return stream
      .each(batch => this.#takeAll(batch))
      .then(
        () => this.#ended(undefined),
        error => {
          const cause = stream.fail(error)
          this.#ended(cause)
          throw cause
        },
      )
  }

  /**
   * Ends the session politely; see {@link XmlStream.close}. What the server has handled it gets to say before; one that waits to be
   * resumed is given up.
   */
  async close(timeout?: number): Promise<void> {
    if (this.resumption !== undefined) return this.giveUp(new XmppError('XMPP_STREAM_ENDED', 'the session was closed'))
    this.#closing = true
    if (this.#stream.writable) this.#acks?.sayLast()
    await this.#stream.close(timeout)
    // Where nobody has read it.
    this.#acks?.stop()
  }

  // ── beyond its stream (XEP-0198 §5) ──────────────────────────────────────────────────────────────────────────────────

  /**
   * What another login needs to resume this session; undefined when that cannot be. Even a server that has kept it no longer may remember how much it
   * had handled, and say so (XEP-0198 §5).
   */
  get resumption():
    | { readonly id: string; readonly handled: number; readonly location: string | undefined }
    | undefined {
    const resumable = this.#acks?.resumable
    if (resumable === undefined || !this.#keep || this.#ending?.resumable !== true) return undefined
    return { id: resumable.id, handled: this.#acks?.books.handled ?? 0, location: resumable.location }
  }

  /** It has lost its stream, and the time for which the server has said that it keeps it is not over. */
  get waiting(): boolean {
    if (this.resumption === undefined) return false
    const max = this.#acks?.resumable?.max
    return max === undefined || this.clock.now() - (this.#ending?.at ?? 0) <= max * 1000
  }

  /** Whoever waits for an answer, or asks before the session is resumed, is told that there will be none, though the session may go on. */
  rejectRequests(cause: unknown): void {
    this.#mute = true
    this.#pending?.end(cause)
  }

  /** Calls once when nothing will arrive in this session any more: its stream has ended, and it will not be resumed. At once if that is so already. */
  whenOver(listener: () => void): void {
    if (this.#whenOver === undefined) listener()
    else this.#whenOver.add(listener)
  }

  /** Counts what has been handled on either side: it stands still while nothing arrives anywhere. */
  get progress(): number {
    const books = this.#acks?.books
    return books === undefined ? 0 : books.handled + books.acknowledged
  }

  /**
   * A login has failed after it had asked for this session. After some of these, or one with an error that is about the question, no other asks: a
   * server that no longer knows XEP-0198 may say nothing to it, or end each stream for it.
   */
  resumptionFailed(error: unknown): void {
    const silent = error instanceof XmppError && error.code === 'XMPP_TIMEOUT'
    const most = this.waiting && endingOf(error, 0).resumable ? (silent ? 2 : 5) : 1
    if (++this.#refusals >= most && this.#ending !== undefined) this.#ending = { ...this.#ending, resumable: false }
  }

  /** What the server has not acknowledged, oldest first; empty without stream management. */
  get unacknowledged(): readonly Element[] {
    return this.#acks?.books.unacknowledged() ?? []
  }

  /**
   * Goes on with the stream of a login that has resumed this session; `run()` reads it.
   * @throws StreamError when the server claims to have handled more than it was sent: there is nothing to go on with then
   */
  resume(stream: XmlStream, negotiated: Negotiated): void {
    try {
      this.#acks?.resume(stream, negotiated.resumed?.handled ?? 0)
    } catch (error) {
      this.#ending = endingOf(error, this.clock.now())
      throw stream.fail(error as Error)
    }
    this.#stream = stream
    this.#negotiated = kept(negotiated, this.jid)
    this.#ending = undefined
    this.#mute = false
    this.#refusals = 0
    this.resumptions++
    this.#progressBefore = this.progress
  }

  /**
   * Takes over from a session that could not be resumed: its messages that the server has not acknowledged are sent again under the same id, so
   * that they arrive at least once, and everything else is given up.
   * @param handled how many of the earlier session's stanzas the server has handled, if it says so
   */
  takeOver(earlier: Session, handled?: number): void {
    const left = earlier.#end(
      new XmppError('XMPP_STREAM_ENDED', 'the session was lost, and another one has begun'),
      handled,
    )
    const failed: Element[] = []
    for (const stanza of left) {
      const { from, type } = stanza.attrs
      const wanted = stanza.name === 'message' && type !== 'error' && this.#stream.writable
      // The resource may be another one now.
      const again =
        from === undefined
          ? stanza
          : new Element(stanza.name, stanza.ns, { ...stanza.attrs, from: this.jid }, stanza.children)
      if (wanted) {
        const characters = this.#stream.sendAgain(again)
        this.#acks?.sent(again, characters)
      } else failed.push(stanza)
    }
    // Only now, for who is told may do anything, even stop it all.
    for (const stanza of failed) earlier.#fail(stanza)
  }

  /** There will be no other stream: whoever waits for an answer is told, and so is what may not have arrived. */
  giveUp(cause: unknown): void {
    for (const stanza of this.#end(cause)) this.#fail(stanza)
  }

  /** The prepared JID a stanza is from: for a client, one without `from` is from its own account (RFC 6120 §8.1.2.1). */
  sender(stanza: Element): string | undefined {
    const { from } = stanza.attrs
    if (from !== undefined) return prepareJid(from)
    return this.component ? undefined : this.#bare
  }

  /**
   * The prepared JID a stanza is for, undefined for what is no JID: a handler learns from it which address of a component was asked. What
   * says nothing is for ourselves, the full JID of a client (RFC 6120 §8.1.1.1) or the domain of a component.
   */
  recipient({ attrs: { to } }: Element): string | undefined {
    return to === undefined ? this.jid : prepareJid(to)
  }

  /** The extensions at one of our addresses, undefined when nobody is there; without an address those of our own. */
  xepsAt(address?: string): readonly Xep[] | undefined {
    const { addresses } = this.#options
    if (addresses === undefined) return this.xeps
    const prepared = address === undefined ? this.jid : prepareJid(address)
    return prepared === undefined ? undefined : addresses(prepared)
  }

  /** The extensions at the address a stanza is for; undefined when nobody is there. */
  xepsFor(stanza: Element): readonly Xep[] | undefined {
    return this.xepsAt(stanza.attrs.to)
  }

  /** Whether a client's stanza comes from its own account or server, and so may change what is ours (RFC 6121 §2.1.6). */
  fromOwnServer(stanza: Element): boolean {
    const sender = this.sender(stanza)
    return !this.component && (sender === this.#domain || sender === this.#bare)
  }

  #takeAll(batch: readonly Element[]): Promise<void> | undefined {
    for (let at = 0; at < batch.length; at++) {
      if (this.#dispatch.busy) return this.#takeSlowly(batch, at)
      this.#take(batch[at] as Element)
    }
    return undefined
  }

  /** Most handlers are done by the next turn of the event loop; a burst must not look as if none ever was. */
  async #takeSlowly(batch: readonly Element[], from: number): Promise<void> {
    for (let at = from; at < batch.length; at++) {
      if (this.#dispatch.busy) await new Promise(resolve => setImmediate(resolve))
      this.#take(batch[at] as Element)
    }
  }

  #take(received: Element): void {
    // COMPAT jabberd2: all it routes to a component is in the namespace of clients, whatever the stream's (XEP-0114 §3).
    const element = this.component ? inNamespace(received, NS_CLIENT, NS_COMPONENT) : received
    const acks = this.#acks
    if (element.ns !== this.#stream.ns) {
      if (element.ns === NS_SM && acks?.take(element) === false) {
        acks.stop()
        // Nobody will say what has arrived, and whoever waits for room need not.
        acks.books.takeUnacknowledged()
        this.#acks = undefined
      }
      return
    }
    acks?.received()
    this.received++
    if (!this.#addressed(element)) return
    if (element.name === 'iq') this.#iq(element)
    else if (element.name === 'message' || element.name === 'presence') this.#dispatch.notify(element.name, element)
    else this.#stream.violated(new StreamError('unsupported-stanza-type', `<${element.name}> is no stanza`))
  }

  /** A component is every address of its domain and no other, nor what is no address: an answer from there would be a forgery. */
  #addressed({ attrs: { to } }: Element): boolean {
    return this.#own === undefined || to === undefined || this.#own.has(to)
  }

  #iq(stanza: Element): void {
    const { type } = stanza.attrs
    if (type === 'result' || type === 'error') this.#pending?.take(stanza)
    else this.#dispatch.request(stanza)
  }

  // ── the end of a stream ──────────────────────────────────────────────────────────────────────────────────────────────

  /** There is no stream, and what is sent waits for the next one. */
  get #suspended(): boolean {
    if (this.waiting) return true
    // Nor is there one when it has broken and `run()` has not come to that yet, which decides what becomes of the session.
    const undecided = this.#ending === undefined && !this.#closing && !this.#stream.writable
    return undecided && this.#keep && this.#acks?.resumable !== undefined
  }

  #ended(cause: unknown): void {
    this.#acks?.stop()
    const ending = endingOf(cause, this.clock.now(), this.resumptions > 0)
    // COMPAT Prosody 0.12: what was cut within a stanza takes all that comes on the next streams for the rest of that, and answers none of it.
    if (this.progress !== this.#progressBefore) this.#silences = 0
    else if (cause instanceof XmppError && cause.code === 'XMPP_ACK_TIMEOUT') this.#silences++
    this.#ending = this.#closing || this.#silences >= 2 ? { ...ending, resumable: false } : ending
    if (!this.#keep || ending.blamed) this.giveUp(cause)
    else if (this.resumption === undefined) this.#over(cause)
  }

  /** There will be no more answers. */
  #over(cause: unknown): void {
    this.#pending?.end(cause)
    const listeners = this.#whenOver
    this.#whenOver = undefined
    for (const listener of listeners ?? []) {
      try {
        listener()
      } catch (error) {
        warn(error)
      }
    }
  }

  /** What is left of it, for whoever comes after. */
  #end(cause: unknown, handled?: number): Element[] {
    this.#keep = false
    const books = this.#acks?.books
    try {
      if (handled !== undefined) books?.acknowledge(handled)
    } catch {
      // A server that has lost count cannot tell what has arrived.
    }
    this.#acks?.stop()
    this.#over(cause)
    const left = books?.takeUnacknowledged() ?? []
    // Of a request `iq()` tells whoever has made it.
    return left.filter(
      ({ name, attrs: { id = '' } }) => name !== 'iq' || !id.startsWith(this.#idPrefix) || !isRequestId(id),
    )
  }

  #fail(stanza: Element): void {
    const { onFailed } = this.#options
    const text = `the session ended before the server acknowledged this <${stanza.name}/>`
    try {
      onFailed?.(stanza, new XmppError('XMPP_UNACKNOWLEDGED', text))
    } catch (error) {
      // The others are owed their report too.
      warn(error)
    }
  }

  /** Who may answer a request to `to`. Servers answer for the account with its bare JID, its full one or none (RFC 6120 §8.1.2.1). */
  #answers(from: string | undefined, to: string | undefined): boolean {
    if (from !== undefined && from === to) return true
    const sender = from === undefined ? '' : prepareJid(from)
    if (sender === undefined) return false
    const asked = to === undefined ? undefined : formatJid(parseJid(to))
    if (asked === undefined || (!this.component && asked === this.#bare)) {
      if (sender === '' || sender === this.#bare || sender === this.jid) return true
      return asked === undefined && sender === this.#domain
    }
    return sender === asked
  }
}

/** What holds nothing of the chunks it was cut from. */
function kept(negotiated: Negotiated, jid: string): Negotiated {
  const { streamId, unbound } = negotiated
  return { ...negotiated, jid, streamId: detached(streamId), ...(unbound && { unbound: detached(unbound) }) }
}
