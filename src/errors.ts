import type { Element } from './stream/element.ts'
import { type OtherHost, readOtherHost } from './stream/other-host.ts'

const NS_STREAM_ERRORS = 'urn:ietf:params:xml:ns:xmpp-streams'
const NS_STANZA_ERRORS = 'urn:ietf:params:xml:ns:xmpp-stanzas'

/** The cause of an error, and the RFC's word for it. */
export interface XmppErrorOptions extends ErrorOptions {
  readonly condition?: string
}

/**
 * Everything this library throws on purpose. `code` is stable and made for programs, `message` is made for people,
 * `condition` is the RFC's or XEP's own word for it where there is one.
 */
export class XmppError extends Error {
  readonly code: string
  readonly condition: string | undefined

  constructor(code: string, message: string, options: XmppErrorOptions = {}) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.condition = options.condition
  }
}

/** Who found that the stream is unusable, where a peer sends us instead, and what we say beside the RFC's condition. */
export interface StreamErrorOptions extends ErrorOptions {
  readonly by?: 'peer' | 'us'
  readonly detail?: Element | undefined
  readonly otherHost?: OtherHost | undefined
}

/** RFC 6120 §4.9: the stream is unusable. `by` says who found so: the `peer` sent us the error, or we raise it about the peer. */
export class StreamError extends XmppError {
  declare readonly condition: string
  readonly text: string
  readonly by: 'peer' | 'us'
  /** Where a peer's `see-other-host` sends us; undefined for every other condition, and for what is no address to connect to. */
  readonly otherHost: OtherHost | undefined
  /** The application-specific condition that comes with it (§4.9.4). */
  readonly detail: Element | undefined

  constructor(condition: string, text = '', options: StreamErrorOptions = {}) {
    super('XMPP_STREAM_ERROR', worded(condition, text), { ...options, condition })
    this.text = text
    this.by = options.by ?? 'us'
    this.otherHost = options.otherHost
    this.detail = options.detail
  }

  /** Reads a received `<stream:error/>`. */
  static from(element: Element): StreamError {
    const named = element.elements.filter(child => child.name !== 'text')
    // An application's own condition stands beside the RFC's (§4.9.4), and not always behind it.
    const condition = named.find(child => child.ns === NS_STREAM_ERRORS) ?? named[0]
    const text = element.elements.find(child => child.name === 'text')?.text ?? ''
    const detail = named.find(child => child !== condition && child.ns !== NS_STREAM_ERRORS)
    if (condition?.name !== 'see-other-host') {
      return new StreamError(condition?.name ?? 'undefined-condition', text, { by: 'peer', detail })
    }
    const otherHost = readOtherHost(condition.text)
    return new StreamError(condition.name, text === '' ? condition.text : text, { by: 'peer', otherHost, detail })
  }
}

/** RFC 6120 §6.5: the server refused the login, or failed to prove itself. */
export class SaslError extends XmppError {
  declare readonly condition: string

  constructor(condition: string, text = '', options: ErrorOptions = {}) {
    super('XMPP_SASL_FAILURE', worded(condition, text), { ...options, condition })
  }
}

/** RFC 6120 §8.3.2: what the sender may do about it. */
export type StanzaErrorType = 'auth' | 'cancel' | 'continue' | 'modify' | 'wait'

/** RFC 6120 §8.3: an iq, message or presence was answered with an error; throw one in a handler to answer so. */
export class StanzaError extends XmppError {
  declare readonly condition: string
  readonly type: StanzaErrorType
  readonly text: string
  /** The received `<error/>`, with its application-specific condition. */
  readonly element: Element | undefined

  constructor(type: StanzaErrorType, condition: string, text = '', element?: Element) {
    super('XMPP_STANZA_ERROR', worded(condition, text), { condition })
    this.type = type
    this.text = text
    this.element = element
  }

  /** Reads a received stanza of type `error`. */
  static from(stanza: Element): StanzaError {
    const error = stanza.elements.find(child => child.name === 'error' && child.ns === stanza.ns)
    const defined = error?.elements.filter(child => child.ns === NS_STANZA_ERRORS) ?? []
    const condition = defined.find(child => child.name !== 'text')?.name ?? 'undefined-condition'
    const text = defined.find(child => child.name === 'text')?.text ?? ''
    const type = error?.attrs.type
    const known = type === 'auth' || type === 'continue' || type === 'modify' || type === 'wait'
    return new StanzaError(known ? type : 'cancel', condition, text, error)
  }
}

/** The message of an error. A peer may say as much as a stanza holds; `text` keeps all of it, but a message is for people and for logs. */
export function worded(condition: string, text: string): string {
  if (text === '') return condition
  return `${condition}: ${text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text}`
}

const LONGEST_TEXT = 500

/** The same error for programs, its cause the one that was thrown, with a message that tells more of how it came to it. */
export function retold(error: XmppError, message: string): XmppError {
  const told = copied(error)
  told.message = message
  // The stack begins with the message as it was when it was taken.
  Error.captureStackTrace(told, retold)
  return told
}

function copied(cause: XmppError): XmppError {
  const { condition = '' } = cause
  if (cause instanceof StreamError) {
    const { text, by, otherHost, detail } = cause
    return new StreamError(condition, text, { by, otherHost, detail, cause })
  }
  if (cause instanceof SaslError) return new SaslError(condition, '', { cause })
  return new XmppError(cause.code, '', { cause, ...(cause.condition !== undefined && { condition }) })
}

/** What a person should read of anything that was thrown. Our own errors say all in their message, others may hide it inside. */
export function describe(error: unknown): string {
  if (error instanceof XmppError) return error.message
  if (!(error instanceof Error)) return String(error)
  // A connect to several addresses fails with an AggregateError whose own message is empty.
  const inner = error instanceof AggregateError ? error.errors.map(describe).join('; ') : ''
  const message = error.message || inner || error.name
  return error.cause === undefined ? message : `${message} (${describe(error.cause)})`
}

/** Tells, as a warning of the process, of what was thrown where nobody can be told otherwise: by a listener or a handler of the program's own. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error))
}
