import { StanzaError, warn } from '../errors.ts'
import { bareJid, hasJidParts } from '../jid.ts'
import { type Answer, answered, type Handler, type Route, type Xep } from '../routes.ts'
import type { Session, SessionOptions } from '../session.ts'
import { type Element, el } from '../stream/element.ts'
import { sendable } from '../stream/escape.ts'

const NS_STANZA_ERRORS = 'urn:ietf:params:xml:ns:xmpp-stanzas'

/** Brings what others ask and tell to its handlers, and their answers back. It never waits for a handler. */
export class Dispatch {
  readonly #session: Session
  readonly #options: SessionOptions
  readonly #send: (answer: Element) => void
  readonly #most: number
  readonly #everywhere: Table
  /** By the extensions of an address, for those that have others. */
  readonly #tables = new WeakMap<readonly Xep[], Table>()
  #busy = 0

  /** @param send takes our answers */
  constructor(session: Session, options: SessionOptions, send: (answer: Element) => void) {
    this.#session = session
    this.#options = options
    this.#send = send
    this.#most = options.handlers ?? 256
    this.#everywhere = tableOf(options.xeps)
  }

  /** As many handlers wait for something as may. */
  get busy(): boolean {
    return this.#busy >= this.#most
  }

  /** A request: its one handler answers it, or it is refused. */
  request(stanza: Element): void {
    const { type, id = '' } = stanza.attrs
    const payloads = stanza.elements
    const [payload] = payloads
    if ((type !== 'get' && type !== 'set') || id === '' || payload === undefined || payloads.length > 1) {
      this.#refuse(stanza, new StanzaError('modify', 'bad-request'))
      return
    }
    const table = this.#tableFor(stanza)
    if (table === undefined) return
    const handler = handlerOf(`iq-${type}`, payload, table.xeps)
    if (handler === undefined) this.#refuse(stanza, new StanzaError('cancel', 'service-unavailable'))
    else this.#call(handler, stanza, answer => this.#answer(stanza, answer))
  }

  /** A message or presence: all who listen for it are told. */
  notify(kind: 'message' | 'presence', stanza: Element): void {
    for (const { ns, name, handler } of this.#tableFor(stanza)?.[kind] ?? none) {
      if (name !== '' && stanza.child(name, ns) === undefined) continue
      this.#call(handler, stanza, answer => {
        if (answer instanceof Error) this.#report(answer, stanza)
      })
    }
  }

  /** What there is at the address a stanza is for. Where there is nothing it has been answered. */
  #tableFor(stanza: Element): Table | undefined {
    if (this.#options.addresses === undefined) return this.#everywhere
    let xeps: readonly Xep[] | undefined
    try {
      xeps = this.#session.xepsFor(stanza)
    } catch (error) {
      this.#report(error, stanza)
      if (stanza.name === 'iq') this.#answer(stanza, new StanzaError('cancel', 'internal-server-error'))
      return undefined
    }
    if (xeps === undefined) {
      this.#sendAway(stanza)
      return undefined
    }
    if (xeps === this.#everywhere.xeps) return this.#everywhere
    let table = this.#tables.get(xeps)
    if (table === undefined) {
      table = tableOf(xeps)
      this.#tables.set(xeps, table)
    }
    return table
  }

  /** There is nobody at that address. */
  #sendAway(stanza: Element): void {
    const { name, attrs } = stanza
    const { from, to, type } = attrs
    if (name === 'iq' || (name === 'message' && !unanswered.has(type))) {
      this.#refuse(stanza, new StanzaError('cancel', 'item-not-found'))
    } else if (name === 'presence' && (type === 'subscribe' || type === 'probe') && from !== undefined) {
      // Who does not exist has granted nothing (RFC 6121 §4.3.2). Other presence wants no answer.
      if (this.#options.automatic === false || !this.#session.writable || !hasJidParts(from)) return
      const addresses = { to: bareJid(from), from: to && bareJid(to) }
      this.#try(this.#session.stanza('presence', { ...addresses, type: 'unsubscribed' }), stanza)
    }
  }

  /** Runs a handler without waiting for it. `done` gets what it returned, or the StanzaError it stands for. */
  #call(handler: Handler, stanza: Element, done: (answer: Element | Error | undefined) => void): void {
    if (this.#busy >= this.#most) {
      const answered = stanza.name === 'iq' || (stanza.name === 'message' && stanza.attrs.type !== 'error')
      if (answered) this.#refuse(stanza, new StanzaError('wait', 'resource-constraint', 'too many requests at once'))
      return
    }
    const fail = (error: unknown): void => {
      if (error instanceof StanzaError) return done(error)
      this.#report(error, stanza)
      if (stanza.name === 'iq') done(new StanzaError('cancel', 'internal-server-error'))
    }
    const take = (answer: Answer): void => {
      if (answer !== answered) done(answer as Element | undefined)
    }
    try {
      const result = handler(stanza, this.#session)
      if (!(result instanceof Promise)) return take(result)
      this.#busy++
      result
        .then(take, fail)
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
    // An answer to what is no JID may cost us the stream (RFC 6120 §4.9.3.9).
    if (!this.#session.writable || (to === undefined ? this.#session.component : !hasJidParts(to))) return
    const from = this.#session.component ? asked : undefined
    const payload = error ? errorElement(answer, stanza.ns) : (answer as Element | undefined)
    const reply = this.#session.stanza(
      stanza.name,
      { type: error ? 'error' : 'result', to, from, id },
      ...(payload === undefined ? [] : [payload]),
    )
    // Whoever asked is owed an answer (RFC 6120 §8.2.3), if not with what could not be sent.
    if (!this.#try(reply, stanza) && stanza.name === 'iq' && !error) {
      this.#answer(stanza, new StanzaError('cancel', 'internal-server-error'))
    }
  }

  /** @returns whether it is on its way */
  #try(reply: Element, stanza: Element): boolean {
    try {
      this.#send(reply)
      return true
    } catch (reason) {
      this.#report(reason, stanza)
      return false
    }
  }

  #report(error: unknown, stanza: Element): void {
    const { onHandlerError = warn } = this.#options
    try {
      onHandlerError(error, stanza)
    } catch (reason) {
      // Whoever has asked is owed an answer all the same.
      warn(reason)
    }
  }
}

/** `<error/>` as it stands in a stanza (RFC 6120 §8.3.2). */
export function errorElement(error: StanzaError, ns: string): Element {
  const text = error.text === '' ? [] : [el('text', NS_STANZA_ERRORS, {}, sendable(error.text))]
  return el('error', ns, { type: error.type }, el(error.condition, NS_STANZA_ERRORS), ...text)
}

/** What there is at an address, sorted. */
interface Table {
  readonly xeps: readonly Xep[]
  readonly message: readonly Route[]
  readonly presence: readonly Route[]
}

const tableOf = (xeps: readonly Xep[]): Table => ({
  xeps,
  message: routesOf('message', xeps),
  presence: routesOf('presence', xeps),
})

function routesOf(kind: 'message' | 'presence', xeps: readonly Xep[]): readonly Route[] {
  const routes = xeps.flatMap(xep => xep.routes ?? []).filter(route => route.kind === kind)
  return routes.length === 0 ? none : routes
}

const none: readonly Route[] = []

/** Messages for nobody that are not sent back: an error to a room would end our visit there (XEP-0045), one about an error have no end. */
const unanswered: ReadonlySet<string | undefined> = new Set(['error', 'groupchat', 'headline'])

/** Of several for one payload the last. There are few, so that a table for each session would cost more than it saves. */
function handlerOf(kind: 'iq-get' | 'iq-set', { ns, name }: Element, xeps: readonly Xep[]): Handler | undefined {
  let found: Handler | undefined
  for (const { routes } of xeps) {
    for (const route of routes ?? []) {
      if (route.name === name && route.ns === ns && route.kind === kind) found = route.handler
    }
  }
  return found
}
