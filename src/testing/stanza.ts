import type { StanzaError } from '../errors.ts'
import { bareJid } from '../jid.ts'
import { NS_CLIENT } from '../negotiate.ts'
import { errorElement } from '../session/dispatch.ts'
import { type Attrs, Element, el } from '../stream/element.ts'

/** The same stanza with other attributes; its content is shared, for nobody changes it. */
export function readdress(stanza: Element, attrs: Attrs): Element {
  return new Element(stanza.name, stanza.ns, el('', '', { ...stanza.attrs, ...attrs }).attrs, stanza.children)
}

/** A presence of the server's own making. */
export function presence(type: string, from: string, to: string): Element {
  return el('presence', NS_CLIENT, { type, from, to })
}

/** The error that answers a stanza; undefined for what is an answer itself (RFC 6120 §8.3.1). */
export function errorReply(stanza: Element, error: StanzaError): Element | undefined {
  const { type, id, from, to } = stanza.attrs
  if (type === 'error' || (stanza.name === 'iq' && type === 'result')) return undefined
  return el(stanza.name, NS_CLIENT, { type: 'error', id, from: to, to: from }, errorElement(error, NS_CLIENT))
}

/**
 * A stanza in another stream's namespace. Only the stanza and the children that share its namespace by descent change: a
 * `jabber:client` inside foreign content, a forwarded message (XEP-0297) say, means what it says.
 */
export function translate(element: Element, ns: string): Element {
  if (element.ns === ns) return element
  const children = element.children.map(child =>
    typeof child !== 'string' && child.ns === element.ns ? translate(child, ns) : child,
  )
  return new Element(element.name, ns, element.attrs, children)
}

/** The domain of a prepared JID. */
export function domainOf(prepared: string): string {
  const bare = bareJid(prepared)
  return bare.slice(bare.indexOf('@') + 1)
}
