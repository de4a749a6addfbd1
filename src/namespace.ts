import { type Child, Element } from './stream/element.ts'

/**
 * The same stanza with `to` for the namespace `from`: its own, and that of the children that are part of it, such as `<body/>`.
 * What stands inside something of another namespace stays as it is: a message forwarded in a message is in `jabber:client`
 * wherever it goes (XEP-0297 §3).
 */
export function inNamespace(stanza: Element, from: string, to: string): Element {
  const renamed = (child: Child): Child => (typeof child === 'string' || child.ns !== from ? child : rename(child))
  const rename = ({ name, attrs, children }: Element): Element => new Element(name, to, attrs, children.map(renamed))
  return stanza.ns === from ? rename(stanza) : stanza
}
