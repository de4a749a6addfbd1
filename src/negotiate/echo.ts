/** What a server says of a login may repeat what it was shown, by mistake or to have it written down: it is for nobody's eyes. */
import { StanzaError, StreamError, worded, XmppError } from '../errors.ts'
import { type Hide, hideInElement } from '../secret-forms.ts'
import type { Element } from '../stream/element.ts'

/**
 * Hides secrets in an error and in what has caused it, in place: the stream, too, keeps it as the reason of its end. Conditions that are an
 * RFC's own stay what they are. Errors that are none of ours are left alone.
 */
export function hideInError<T>(error: T, hide: Hide): T {
  let inner: unknown = error
  for (let depth = 0; inner instanceof XmppError && depth < DEEPEST; depth++) {
    hideIn(inner, hide)
    inner = inner.cause
  }
  return error
}

/** Notes that the server's words were looked through where they went into this error, so that ours around them stay: which word of ours is masked would tell a secret. */
export function lookedThrough<T extends XmppError>(error: T): T {
  done.add(error)
  return error
}

/** A name that a server gives an element and we take for a condition. */
export function hideCondition(name: string, hide: Hide): string {
  return defined.has(name) ? name : hide(name)
}

const done = new WeakSet<XmppError>()

/** Causes of causes: ours have two or three. */
const DEEPEST = 8

/** The fields of an error that may hold words of a server's. */
interface Shown {
  readonly message: string
  readonly condition: string | undefined
  readonly text?: string
  readonly element?: Element | undefined
  readonly detail?: Element | undefined
}

function hideIn(error: XmppError, hide: Hide): void {
  if (done.has(error)) return
  const { message } = error
  const shown = shownOf(error, hide)
  // Reading the stack makes V8 write it, and most errors need no change.
  const stack = shown.message === message ? {} : { stack: error.stack?.replace(message, () => shown.message) }
  Object.assign(error, shown, stack)
}

function shownOf(error: XmppError, hide: Hide): Shown {
  const condition = error.condition && hideCondition(error.condition, hide)
  if (!(error instanceof StreamError || error instanceof StanzaError))
    return { message: hide(error.message), condition }
  const text = hide(error.text)
  // The message may have been cut off in the middle of a secret.
  const message = text === error.text ? hide(error.message) : worded(condition ?? '', text)
  if (error instanceof StanzaError) {
    return { message, condition, text, element: error.element && hideInElement(error.element, hide) }
  }
  return { message, condition, text, detail: error.detail && hideInElement(error.detail, hide) }
}

/** RFC 6120 §4.9.3, §6.5 and §8.3.3. */
const defined = new Set(
  (
    'bad-format bad-namespace-prefix conflict connection-timeout host-gone host-unknown improper-addressing internal-server-error ' +
    'invalid-from invalid-namespace invalid-xml not-authorized not-well-formed policy-violation remote-connection-failed reset ' +
    'resource-constraint restricted-xml see-other-host system-shutdown undefined-condition unsupported-encoding unsupported-feature ' +
    'unsupported-stanza-type unsupported-version aborted account-disabled credentials-expired encryption-required incorrect-encoding ' +
    'invalid-authzid invalid-mechanism malformed-request mechanism-too-weak temporary-auth-failure bad-request feature-not-implemented ' +
    'forbidden gone item-not-found jid-malformed not-acceptable not-allowed recipient-unavailable redirect registration-required ' +
    'remote-server-not-found remote-server-timeout service-unavailable subscription-required unexpected-request'
  ).split(' '),
)
