import { XmppError } from '../errors.ts'

export const NS_STREAM = 'http://etherx.jabber.org/streams'
export const NS_XML = 'http://www.w3.org/XML/1998/namespace'

/**
 * Attributes by name. One in a namespace is `{namespace}local`, except `xml:lang` and its like, which keep their prefix.
 * Namespace declarations are not attributes.
 */
export type Attrs = Record<string, string | undefined>
/** What stands in an element; two texts never stand side by side in a parsed one. */
export type Child = Element | string

/** An XML element with its namespace resolved. Immutable by convention: build, send, forget. */
export class Element {
  readonly name: string
  readonly ns: string
  readonly attrs: Attrs
  readonly children: Child[]

  constructor(name: string, ns: string, attrs: Attrs = emptyAttrs(), children: Child[] = []) {
    this.name = name
    this.ns = ns
    this.attrs = attrs
    this.children = children
  }

  is(name: string, ns: string): boolean {
    return this.name === name && this.ns === ns
  }

  get elements(): Element[] {
    return this.children.filter(child => child instanceof Element)
  }

  /** The first child of that name; its namespace is this element's own unless said. */
  child(name: string, ns: string = this.ns): Element | undefined {
    for (const child of this.children) {
      if (typeof child !== 'string' && child.name === name && child.ns === ns) return child
    }
    return undefined
  }

  /** All character data directly below this element. */
  get text(): string {
    const [only] = this.children
    if (this.children.length === 1 && typeof only === 'string') return only
    return this.children.filter(child => typeof child === 'string').join('')
  }

  /** The text of the first child of that name, undefined when there is no such child. */
  childText(name: string, ns: string = this.ns): string | undefined {
    return this.child(name, ns)?.text
  }

  /** XML that stands on its own: every namespace it uses is declared in it. */
  toString(): string {
    return serialize(this)
  }
}

/** Builds an element; attributes that are undefined are left out. */
export function el(name: string, ns: string, attrs: Attrs = {}, ...children: Child[]): Element {
  const own = emptyAttrs()
  for (const key of Object.keys(attrs)) if (attrs[key] !== undefined) own[key] = attrs[key]
  return new Element(name, ns, own, children)
}

/** An object without Object's own properties, so that an attribute called `constructor` or `__proto__` is just that. */
export function emptyAttrs(): Attrs {
  return new Bare() as unknown as Attrs
}

// Object.create(null) would do, but V8 keeps such objects as slow hash tables; instances of a function stay fast.
const Bare = function Bare() {} as unknown as new () => object
Bare.prototype = Object.create(null)

/**
 * XML text of an element inside a stream whose default namespace is `defaultNs`. With none given, the text stands alone.
 * @throws XmppError `XMPP_XML_CHARACTER` for characters that XML cannot carry
 */
export function serialize(element: Element, defaultNs = ''): string {
  return write(element, defaultNs, defaultNs !== '')
}

/** Every stream declares the `stream` prefix at its root (RFC 6120 §4.8.5), so its elements use it rather than redeclare. */
function write(element: Element, inherited: string, inStream: boolean): string {
  const prefixed = element.ns === NS_STREAM
  const name = prefixed ? `stream:${element.name}` : element.name
  let tag = `<${name}`
  let ns = inherited
  if (prefixed) {
    if (!inStream) tag += ` xmlns:stream='${NS_STREAM}'`
  } else if (element.ns !== inherited) {
    ns = element.ns
    tag += ` xmlns='${escapeXml(ns)}'`
  }
  let prefixes = 0
  for (const key of Object.keys(element.attrs)) {
    const value = element.attrs[key]
    if (value === undefined) continue
    if (key.charCodeAt(0) === 0x7b) {
      const end = key.indexOf('}')
      const prefix = `ns${prefixes++}`
      tag += ` xmlns:${prefix}='${escapeXml(key.slice(1, end))}' ${prefix}:${key.slice(end + 1)}='${escapeAttribute(value)}'`
    } else {
      tag += ` ${key}='${escapeAttribute(value)}'`
    }
  }
  if (element.children.length === 0) return `${tag}/>`
  tag += '>'
  for (const child of element.children) {
    tag += typeof child === 'string' ? escapeXml(child) : write(child, ns, inStream || prefixed)
  }
  return `${tag}</${name}>`
}

/**
 * Text ready to stand in XML content or in a quoted attribute value.
 * @throws XmppError `XMPP_XML_CHARACTER` for a character that XML 1.0 cannot carry even escaped (§2.2)
 */
export function escapeXml(text: string): string {
  if (!special.test(text)) return text
  const bad = unsendable.exec(text)
  if (bad !== null) {
    const code = bad[0].codePointAt(0) ?? 0
    const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
    throw new XmppError('XMPP_XML_CHARACTER', `XML cannot carry the character ${name} (at offset ${bad.index})`)
  }
  return text.replace(escapable, char => entities[char] ?? char)
}

/** {@link escapeXml}, and LF and TAB, which would be read as spaces if they were sent as they are (XML 1.0 §3.3.3). */
function escapeAttribute(text: string): string {
  const escaped = escapeXml(text)
  return /[\t\n]/.test(escaped) ? escaped.replaceAll('\t', '&#9;').replaceAll('\n', '&#10;') : escaped
}

/** The text with every character that XML cannot carry replaced by U+FFFD. */
export function sendable(text: string): string {
  return unsendable.test(text) ? text.replace(new RegExp(unsendable, 'g'), '\ufffd') : text
}

/** The key under which {@link Attrs} holds an attribute of a namespace. */
export function attributeKey(ns: string, local: string): string {
  return ns === NS_XML ? `xml:${local}` : `{${ns}}${local}`
}

// A CR would be read as LF, or not at all, if it was sent as it is (XML 1.0 §2.11).
const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
  '\r': '&#13;',
}
const escapable = /[&<>'"\r]/g
// biome-ignore-start lint/suspicious/noControlCharactersInRegex: they are what is looked for
const special = /[&<>'"\u0000-\u0008\u000b-\u001f\ufffe\uffff\ud800-\udfff]/
const unsendable =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: they are what is looked for
