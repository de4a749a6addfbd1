/** The one place that knows what an error of the service looks like. */
import { StanzaError, type StanzaErrorType } from '../errors.ts'
import { NS_CLIENT } from '../negotiate.ts'
import { errorElement } from '../session/dispatch.ts'
import { type Element, el } from '../stream/element.ts'
import { NS_PUBSUB_ERRORS } from '../xep/0060-pubsub.ts'
import { isWithin } from './size.ts'

const NS_STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas'

/** An error by the RFC's condition and, where there is one, the XEP's own beside it. */
export function refusal(
  type: StanzaErrorType,
  condition: string,
  own?: string | undefined,
  { text = '', feature, uri }: { readonly text?: string; readonly feature?: string; readonly uri?: string } = {},
): StanzaError {
  const said = [
    ...(uri === undefined ? [] : [el(condition, NS_STANZAS, {}, uri)]),
    ...(own === undefined ? [] : [el(own, NS_PUBSUB_ERRORS, { feature })]),
  ]
  return new StanzaError(type, condition, text, said.length === 0 ? undefined : el('error', NS_CLIENT, {}, ...said))
}

/** What this service does not do; `feature` is the XEP's name for it (§10). */
export const unsupported = (feature: string): StanzaError =>
  refusal('cancel', 'feature-not-implemented', 'unsupported', { feature })
/** A request that is not as the XEP has it. */
export const badRequest = (own?: string, text = ''): StanzaError => refusal('modify', 'bad-request', own, { text })
/** A request for more, or for other values, than the service takes. */
export const notAcceptable = (own?: string, text = ''): StanzaError =>
  refusal('modify', 'not-acceptable', own, { text })
/** There is no such node, or item. */
export const notFound = (): StanzaError => refusal('cancel', 'item-not-found')
/** Nobody may do that (XEP-0248 §7.2.3). */
export const notAllowed = (own?: string, text = ''): StanzaError => refusal('cancel', 'not-allowed', own, { text })
/** The sender may not do that. */
export const forbidden = (): StanzaError => refusal('auth', 'forbidden')
/** The service is full. */
export const full = (own?: string, text = ''): StanzaError => refusal('wait', 'resource-constraint', own, { text })

/**
 * The error that answers an iq. It repeats what was asked, and has the `code` of old (XEP-0086) on `<error/>`: res_xmpp creates its nodes only when both
 * are there.
 * @param echo what stands in it for the request
 */
export function errorAnswer(iq: Element, error: StanzaError, echo: readonly Element[] = iq.elements): Element {
  const { id, from, to } = iq.attrs
  const { attrs, elements } = errorElement(error, NS_CLIENT)
  const said = error.element?.elements ?? []
  const own = said.filter(({ ns }) => ns === NS_PUBSUB_ERRORS)
  // Where something has gone stands in the condition (RFC 6120 §8.3.3.5).
  const children = elements.map(each => said.find(({ name, ns }) => name === each.name && ns === each.ns) ?? each)
  const coded = el('error', NS_CLIENT, { code: codes[error.condition] ?? '500', type: attrs.type }, ...children, ...own)
  // What is long is not repeated: escaped, and with every namespace declared, it may be far longer than it came, and longer than a server takes.
  const repeated = isWithin(echo, MOST_ECHO, WORST) ? echo : []
  // COMPAT res_xmpp publishes again what is repeated to it, with all that stands behind it; of an iq with two children Prosody would say that it is malformed.
  return el('iq', NS_CLIENT, { type: 'error', id, from: to, to: from }, coded, ...repeated)
}

/** The error that answers a message. */
export function errorMessage(from: string, { attrs: { id, from: to } }: Element, error: StanzaError): Element {
  return el('message', NS_CLIENT, { type: 'error', id, from, to }, errorElement(error, NS_CLIENT))
}

/** Bytes of a request that is repeated, and what a character comes to at most. */
const MOST_ECHO = 131_072
const WORST = 6

/** XEP-0086 §3, of the conditions that this service has. */
const codes: Readonly<Record<string, string>> = {
  'bad-request': '400',
  conflict: '409',
  'feature-not-implemented': '501',
  forbidden: '403',
  gone: '302',
  'internal-server-error': '500',
  'item-not-found': '404',
  'not-acceptable': '406',
  'not-allowed': '405',
  'not-authorized': '401',
  'policy-violation': '405',
  'resource-constraint': '500',
  'service-unavailable': '503',
  'unexpected-request': '400',
}
