import { StanzaError } from '../errors.ts'
import type { Handler, Route, Xep } from '../routes.ts'
import type { Session, SessionOptions } from '../session.ts'
import { type Element, el } from '../stream/element.ts'
import { sendable } from '../stream/escape.ts'

const NS_STANZA_ERRORS = 'urn:ietf:params:xml:ns:xmpp-stanzas'

/** Brings what others ask and tell to its handlers, and their answers back. It never waits for a handler. */
export class Dispatch {
  readonly #session: Session
  readonly #options: SessionOptions
  readonly #most: number
  readonly #messages: readonly Route[]
  readonly #presence: readonly Route[]
  #busy = 0

  constructor(session: Session, options: SessionOptions) {
    this.#session = session
    this.#options = options
    this.#most = options.handlers ?? 256
    this.#messages = routesOf('message', options.xeps)
    this.#presence = routesOf('presence', options.xeps)
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
    const handler = handlerOf(`iq-${type}`, payload, this.#options.xeps)
    if (handler === undefined) this.#refuse(stanza, new StanzaError('cancel', 'service-unavailable'))
    else this.#call(handler, stanza, answer => this.#answer(stanza, answer))
  }

  /** A message or presence: all who listen for it are told. */
  notify(kind: 'message' | 'presence', stanza: Element): void {
    for (const { ns, name, handler } of kind === 'message' ? this.#messages : this.#presence) {
      if (name !== '' && stanza.child(name, ns) === undefined) continue
      this.#call(handler, stanza, answer => {
        if (answer instanceof Error) this.#report(answer, stanza)
      })
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
    try {
      const result = handler(stanza, this.#session)
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
    // An answer to what is no JID may cost us the stream (RFC 6120 §4.9.3.9).
    if (!this.#session.writable || this.#session.sender(stanza) === undefined) return
    const from = this.#session.component ? asked : undefined
    const payload = error ? errorElement(answer, stanza.ns) : (answer as Element | undefined)
    const reply = this.#session.stanza(
      stanza.name,
      { type: error ? 'error' : 'result', to, from, id },
      ...(payload === undefined ? [] : [payload]),
    )
    try {
      this.#session.send(reply)
    } catch (reason) {
      this.#report(reason, stanza)
      // Whoever asked is owed an answer (RFC 6120 §8.2.3), if not with what could not be sent.
      if (stanza.name === 'iq' && !error) this.#answer(stanza, new StanzaError('cancel', 'internal-server-error'))
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

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error))
}

/** `<error/>` as it stands in a stanza (RFC 6120 §8.3.2). */
export function errorElement(error: StanzaError, ns: string): Element {
  const text = error.text === '' ? [] : [el('text', NS_STANZA_ERRORS, {}, sendable(error.text))]
  return el('error', ns, { type: error.type }, el(error.condition, NS_STANZA_ERRORS), ...text)
}

function routesOf(kind: 'message' | 'presence', xeps: readonly Xep[]): readonly Route[] {
  const routes = xeps.flatMap(xep => xep.routes ?? []).filter(route => route.kind === kind)
  return routes.length === 0 ? none : routes
}

const none: readonly Route[] = []

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
