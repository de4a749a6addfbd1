import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from './clock.ts'
import { detached } from './detached.ts'
import { StanzaError, StreamError, XmppError } from './errors.ts'
import { bareJid, formatJid, parseJid, prepareJid } from './jid.ts'
import { inNamespace } from './namespace.ts'
import { type Negotiated, NS_CLIENT, NS_COMPONENT } from './negotiate.ts'
import type { Handler, Route, Xep } from './routes.ts'
import { type Attrs, type Child, type Element, el } from './stream/element.ts'
import type { Target } from './stream/resolve.ts'
import { sendable } from './stream/serialize.ts'
import type { XmlStream } from './stream/stream.ts'

export const NS_STANZA_ERRORS = 'urn:ietf:params:xml:ns:xmpp-stanzas'

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
}

/** How long to wait for an answer, and who asks. */
export interface IqOptions {
  /** ms until the request rejects with `XMPP_TIMEOUT`. Default 30,000. */
  readonly timeout?: number
  readonly signal?: AbortSignal | undefined
  /** For a component: which of its addresses asks. Default its domain. */
  readonly from?: string
}

interface Pending {
  /** Prepared JIDs an answer may come from; '' stands for no `from` at all. */
  readonly senders: ReadonlySet<string>
  resolve(stanza: Element): void
  reject(reason: unknown): void
}

/** A negotiated stream with its iq bookkeeping and routes: the same for clients and components. */
export class Session {
  /** The full JID of a client, the domain of a component. */
  readonly jid: string
  readonly mechanism: string
  /** The server it is connected to; undefined for a stream that was negotiated by hand. */
  readonly target: Target | undefined
  readonly xeps: readonly Xep[]
  readonly stream: XmlStream
  readonly clock: Clock
  readonly #component: boolean
  readonly #bare: string
  readonly #domain: string
  readonly #options: SessionOptions
  readonly #handlers: number
  readonly #pending = new Map<string, Pending>()
  readonly #requests = new Map<string, Handler>()
  readonly #listeners: Record<'message' | 'presence', Route[]> = { message: [], presence: [] }
  /** An id that nobody can guess cannot be answered by someone who was not asked. */
  readonly #idPrefix = randomBytes(6).toString('base64url')
  #lastId = 0
  #busy = 0

  constructor(stream: XmlStream, { jid, mechanism, target }: Negotiated, options: SessionOptions) {
    this.stream = stream
    // It was cut from what the server sent when it bound the resource.
    const own = parseJid(detached(jid))
    this.jid = formatJid(own)
    this.#bare = bareJid(this.jid)
    this.#domain = own.domain
    this.mechanism = mechanism
    this.target = target
    this.xeps = options.xeps
    this.clock = options.clock ?? systemClock
    this.#component = stream.ns === NS_COMPONENT
    this.#options = options
    this.#handlers = options.handlers ?? 256
    for (const route of options.xeps.flatMap(xep => xep.routes ?? [])) {
      if (route.kind === 'message' || route.kind === 'presence') this.#listeners[route.kind].push(route)
      else this.#requests.set(routeKey(route.kind, route.ns, route.name), route.handler)
    }
  }

  /** Whether this is a component's session rather than a client's. */
  get component(): boolean {
    return this.#component
  }

  /** Builds an element in the stream's own namespace, as stanzas and their own children are. */
  stanza(name: string, attrs: Attrs = {}, ...children: Child[]): Element {
    return el(name, this.stream.ns, attrs, ...children)
  }

  /** An id that no other stanza of this session has. */
  nextId(): string {
    return `${this.#idPrefix}${(++this.#lastId).toString(36)}`
  }

  /**
   * Sends a stanza. Returns a promise when the caller had better wait before sending more. A component's stanza without
   * `from` gets the component's domain.
   * @throws XmppError as {@link XmlStream.send}
   */
  send(stanza: Element): Promise<void> | undefined {
    if (this.#component && stanza.attrs.from === undefined && stanza.ns === this.stream.ns) {
      return this.stream.send(el(stanza.name, stanza.ns, { ...stanza.attrs, from: this.jid }, ...stanza.children))
    }
    return this.stream.send(stanza)
  }

  /**
   * Asks, and resolves with the `result` stanza (RFC 6120 §8.2.3). `to` undefined asks our own account or, as a component, is
   * an error.
   * @throws StanzaError the peer's; XmppError `XMPP_TIMEOUT`, `XMPP_STREAM_ENDED`; the signal's reason
   */
  async iq(type: 'get' | 'set', to: string | undefined, payload: Element, options: IqOptions = {}): Promise<Element> {
    const { timeout = 30_000, signal, from } = options
    signal?.throwIfAborted()
    if (this.#component && to === undefined) throw new XmppError('XMPP_ADDRESS', 'a component must say whom it asks')
    const senders = this.#senders(to)
    const id = this.nextId()
    let pending!: Pending
    const reply = new Promise<Element>((resolve, reject) => {
      pending = { senders, resolve, reject }
    })
    const aborted = (): void => pending.reject(signal?.reason)
    const cancel = this.clock.after(timeout, () => {
      pending.reject(
        new XmppError('XMPP_TIMEOUT', `${to ?? 'the server'} did not answer <${payload.name}> within ${timeout} ms`),
      )
    })
    signal?.addEventListener('abort', aborted)
    this.#pending.set(id, pending)
    try {
      this.send(this.stanza('iq', { type, to, from, id }, payload))
      const stanza = await reply
      if (stanza.attrs.type === 'error') throw StanzaError.from(stanza)
      return stanza
    } finally {
      this.#pending.delete(id)
      cancel()
      signal?.removeEventListener('abort', aborted)
    }
  }

  /**
   * The whole read side: returns when the peer closes its stream, throws what else ended it. It never waits for a handler,
   * for a handler may be waiting for an answer that comes behind its stanza.
   */
  async run(): Promise<void> {
    let cause: unknown
    try {
      for await (const batch of this.stream.batches()) {
        for (const element of batch) {
          // Most handlers are done by the next turn of the event loop; a burst must not look as if none ever was.
          if (this.#busy >= this.#handlers) await new Promise(resolve => setImmediate(resolve))
          // COMPAT jabberd2: all it routes to a component is in the namespace of clients, whatever the stream's (XEP-0114 §3).
          this.#take(this.#component ? inNamespace(element, NS_CLIENT, NS_COMPONENT) : element)
        }
      }
    } catch (error) {
      cause = this.stream.fail(error as Error)
      throw cause
    } finally {
      for (const { reject } of this.#pending.values()) {
        reject(new XmppError('XMPP_STREAM_ENDED', 'the stream ended before the answer came', { cause }))
      }
    }
  }

  /** Ends the session politely; see {@link XmlStream.close}. */
  close(timeout?: number): Promise<void> {
    return this.stream.close(timeout)
  }

  /** The prepared JID a stanza is from: for a client, one without `from` is from its own account (RFC 6120 §8.1.2.1). */
  sender(stanza: Element): string | undefined {
    const { from } = stanza.attrs
    if (from !== undefined) return prepareJid(from)
    return this.#component ? undefined : this.#bare
  }

  /** Whether a client's stanza comes from its own account or server, and so may change what is ours (RFC 6121 §2.1.6). */
  fromOwnServer(stanza: Element): boolean {
    const sender = this.sender(stanza)
    return !this.#component && (sender === this.#domain || sender === this.#bare)
  }

  #take(element: Element): void {
    if (element.ns !== this.stream.ns || !this.#addressed(element)) return
    if (element.name === 'iq') this.#iq(element)
    else if (element.name === 'message' || element.name === 'presence') this.#notify(element.name, element)
    else this.stream.violated(new StreamError('unsupported-stanza-type', `<${element.name}> is no stanza`))
  }

  /** A component is every address of its domain and no other: an answer from elsewhere would be a forgery. */
  #addressed({ attrs: { to } }: Element): boolean {
    if (!this.#component || to === undefined) return true
    const bare = bareJid(to)
    const domain = bare.slice(bare.indexOf('@') + 1)
    return domain === this.#domain || prepareJid(domain) === this.#domain
  }

  #iq(stanza: Element): void {
    const { type, id = '' } = stanza.attrs
    if (type === 'result' || type === 'error') {
      const pending = this.#pending.get(id)
      const from = stanza.attrs.from
      const sender = from === undefined ? '' : prepareJid(from)
      if (pending !== undefined && sender !== undefined && pending.senders.has(sender)) pending.resolve(stanza)
      return
    }
    const payloads = stanza.elements
    const [payload] = payloads
    if ((type !== 'get' && type !== 'set') || id === '' || payload === undefined || payloads.length > 1) {
      this.#refuse(stanza, new StanzaError('modify', 'bad-request'))
      return
    }
    const handler = this.#requests.get(routeKey(`iq-${type}`, payload.ns, payload.name))
    if (handler === undefined) this.#refuse(stanza, new StanzaError('cancel', 'service-unavailable'))
    else this.#call(handler, stanza, answer => this.#answer(stanza, answer))
  }

  #notify(kind: 'message' | 'presence', stanza: Element): void {
    for (const { ns, name, handler } of this.#listeners[kind]) {
      if (name !== '' && stanza.child(name, ns) === undefined) continue
      this.#call(handler, stanza, answer => {
        if (answer instanceof Error) this.#report(answer, stanza)
      })
    }
  }

  /** Runs a handler without waiting for it. `done` gets what it returned, or the StanzaError it stands for. */
  #call(handler: Handler, stanza: Element, done: (answer: Element | Error | undefined) => void): void {
    if (this.#busy >= this.#handlers) {
      const answered = stanza.name === 'iq' || (stanza.name === 'message' && stanza.attrs.type !== 'error')
      if (answered) this.#refuse(stanza, new StanzaError('wait', 'resource-constraint', 'too many requests at once'))
      return
    }
    const fail = (error: unknown): void => {
      if (error instanceof StanzaError) return done(error)
      this.#report(error, stanza)
      if (stanza.name === 'iq') done(new StanzaError('cancel', 'internal-server-error'))
    }
    try {
      const result = handler(stanza, this)
      if (!(result instanceof Promise)) return done(result as Element | undefined)
      this.#busy++
      result
        .then(answer => done(answer as Element | undefined), fail)
        .catch(fail)
        .finally(() => this.#busy--)
    } catch (error) {
      fail(error)
    }
  }

  /** Answers what no handler has seen. */
  #refuse(stanza: Element, error: StanzaError): void {
    if (this.#options.automatic !== false) this.#answer(stanza, error)
  }

  /** The address asked is the address that answers; a client's is stamped by its server. */
  #answer(stanza: Element, answer: Element | Error | undefined): void {
    const error = answer instanceof StanzaError
    const { from: to, id, to: asked } = stanza.attrs
    if (!this.stream.writable || (this.#component && to === undefined)) return
    const from = this.#component ? asked : undefined
    const payload = error ? errorElement(answer, stanza.ns) : (answer as Element | undefined)
    const reply = this.stanza(
      stanza.name,
      { type: error ? 'error' : 'result', to, from, id },
      ...(payload === undefined ? [] : [payload]),
    )
    try {
      this.send(reply)
    } catch (reason) {
      this.#report(reason, stanza)
      // Whoever asked is owed an answer (RFC 6120 §8.2.3), if not with what could not be sent.
      if (stanza.name === 'iq' && !error) this.#answer(stanza, new StanzaError('cancel', 'internal-server-error'))
    }
  }

  #report(error: unknown, stanza: Element): void {
    if (this.#options.onHandlerError !== undefined) this.#options.onHandlerError(error, stanza)
    else process.emitWarning(error instanceof Error ? error : String(error))
  }

  /** Who may answer a request to `to`. Servers answer for the account with its bare JID, its full one or none (RFC 6120 §8.1.2.1). */
  #senders(to: string | undefined): ReadonlySet<string> {
    const own = ['', this.#bare, this.jid]
    if (to === undefined) return new Set([...own, this.#domain])
    const asked = formatJid(parseJid(to))
    return new Set(!this.#component && asked === this.#bare ? own : [asked])
  }
}

/** `<error/>` as it stands in a stanza (RFC 6120 §8.3.2). */
export function errorElement(error: StanzaError, ns: string): Element {
  const text = error.text === '' ? [] : [el('text', NS_STANZA_ERRORS, {}, sendable(error.text))]
  return el('error', ns, { type: error.type }, el(error.condition, NS_STANZA_ERRORS), ...text)
}

const routeKey = (kind: string, ns: string, name: string): string => `${kind} {${ns}}${name}`
