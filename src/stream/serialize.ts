import { detached } from '../detached.ts'
import { XmppError } from '../errors.ts'
import { isName } from './characters.ts'
import { type Attrs, type Element, SharedElement } from './element.ts'
import { escapeAttribute, escapeXml } from './escape.ts'
import { NS_STREAM, NS_XML, NS_XMLNS } from './namespaces.ts'

/**
 * XML text of an element inside a stream whose default namespace is `defaultNs`. With none given, the text stands alone. What it
 * returns can be read: whatever XML has no way to say is refused here.
 * @throws XmppError `XMPP_XML_CHARACTER` for characters that XML cannot carry, `XMPP_XML_NAME` for names and namespaces that are none
 */
export function serialize(element: Element, defaultNs = ''): string {
  return write(element, defaultNs, defaultNs !== '')
}

/** {@link serialize} with one more attribute, which {@link attributeText} has written and the element does not have. */
export function serializeWith(element: Element, defaultNs: string, attribute: string): string {
  return write(element, defaultNs, true, attribute)
}

/** An attribute as it stands in a tag, for {@link serializeWith}. */
export function attributeText(name: string, value: string): string {
  return `${tagOf('', name).attribute}${escapeAttribute(value)}'`
}

/**
 * The text of a stream header with these attributes (RFC 6120 §4.2), among which `xmlns:…` declares a prefix for the stream.
 * @throws XmppError `XMPP_XML_CHARACTER`, `XMPP_XML_NAME`
 */
export function streamHeader(ns: string, attrs: Attrs): string {
  if (ns === NS_XML) throw badName(`no stream has its content in ${NS_XML}`)
  const names = `xmlns='${escapeNamespace(ns)}' xmlns:stream='${NS_STREAM}'`
  return `${attributes(`<?xml version='1.0'?><stream:stream ${names}`, attrs, true)}>`
}

/** Every stream declares the `stream` prefix at its root (RFC 6120 §4.8.5), so its elements use it rather than redeclare. */
function write(element: Element, inherited: string, inStream: boolean, more = ''): string {
  const { ns, children } = element
  const prefixed = ns === NS_STREAM
  const { open, close } = tagOf(prefixed ? 'stream:' : ns === NS_XML ? 'xml:' : '', element.name)
  let inner = inherited
  let tag = open
  if (prefixed) {
    if (!inStream) tag += ` xmlns:stream='${NS_STREAM}'`
  } else if (ns !== inherited && ns !== NS_XML) {
    inner = ns
    tag += ` xmlns='${escapeNamespace(ns)}'`
  }
  tag = attributes(tag, element.attrs)
  if (more !== '') tag += more
  if (children.length === 0) return `${tag}/>`
  tag += '>'
  for (const child of children) {
    if (typeof child === 'string') tag += escapeXml(child)
    else if (child instanceof SharedElement && inStream && child.ns !== inner) tag += onceWritten(child, inner)
    else tag += write(child, inner, inStream || prefixed)
  }
  return tag + close
}

/** Where it declares its namespace itself its text is the same whatever is around it. */
function onceWritten(element: SharedElement, inherited: string): string {
  element.written ??= write(element, inherited, true)
  return element.written
}

/** The beginning of a tag with its attributes. */
function attributes(beginning: string, attrs: Attrs, declarations = false): string {
  let tag = beginning
  let prefixes: Prefixes | undefined
  for (const key of Object.keys(attrs)) {
    const value = attrs[key]
    if (value === undefined) continue
    if (key.charCodeAt(0) === BRACE) {
      prefixes ??= new Prefixes(attrs, declarations)
      tag += `${prefixes.nameOf(key)}='${escapeAttribute(value)}'`
    } else if (declarations && key.startsWith('xmlns:')) {
      checkDeclaration(key.slice(6), value)
      tag += ` ${key}='${escapeAttribute(value)}'`
    } else {
      if (key === 'xmlns') throw badName('a namespace is given with the element, not as an attribute')
      const { attribute } = key.startsWith('xml:') ? tagOf('xml:', key.slice(4)) : tagOf('', key)
      tag += attribute
      tag += escapeAttribute(value)
      tag += "'"
    }
  }
  return tag
}

/** The prefixes of one tag: its attributes' namespaces, each attribute in one of its own unless it has chosen. */
class Prefixes {
  readonly #attrs: Attrs
  /** The tag declares prefixes itself, as a header does. */
  readonly #declarations: boolean
  readonly #chosen = new Map<string, string>()
  readonly #names = new Set<string>()
  #count = 0

  constructor(attrs: Attrs, declarations: boolean) {
    this.#attrs = attrs
    this.#declarations = declarations
  }

  /** For `{namespace}local` and `{namespace}prefix:local`, the attribute's name behind the declaration it needs. */
  nameOf(key: string): string {
    // A namespace may hold a brace, a name may not.
    const end = key.lastIndexOf('}')
    const [ns, name] = [key.slice(1, end), key.slice(end + 1)]
    const colon = name.indexOf(':')
    const local = name.slice(colon + 1)
    checkName(local)
    if (ns === '') throw badName(`${quoted(key)} is not the name of an attribute`)
    // Two of one name are not well-formed, whatever their prefixes (Namespaces in XML 1.0 §6.3).
    const expanded = `{${ns}}${local}`
    if (this.#names.has(expanded) || (ns === NS_XML && this.#attrs[`xml:${local}`] !== undefined)) {
      throw badName(`the attribute ${ns === NS_XML ? `xml:${local}` : quoted(expanded)} is given twice`)
    }
    this.#names.add(expanded)
    if (colon >= 0) return this.#choose(name.slice(0, colon), ns, local)
    if (ns === NS_XML) return ` xml:${local}`
    let prefix: string
    do prefix = `ns${this.#count++}`
    while (this.#taken(prefix))
    return ` xmlns:${prefix}='${escapeNamespace(ns)}' ${prefix}:${local}`
  }

  #choose(prefix: string, ns: string, local: string): string {
    checkDeclaration(prefix, ns)
    const declared = this.#chosen.get(prefix) ?? (this.#declarations ? this.#attrs[`xmlns:${prefix}`] : undefined)
    if (declared === ns) return ` ${prefix}:${local}`
    if (declared !== undefined) throw badName(`the prefix ${prefix} is chosen for two namespaces`)
    this.#chosen.set(prefix, ns)
    return ` xmlns:${prefix}='${escapeNamespace(ns)}' ${prefix}:${local}`
  }

  #taken(prefix: string): boolean {
    if (this.#declarations && this.#attrs[`xmlns:${prefix}`] !== undefined) return true
    return Object.keys(this.#attrs).some(key => key.charCodeAt(0) === BRACE && key.includes(`}${prefix}:`))
  }
}

const BRACE = 0x7b

function checkDeclaration(prefix: string, ns: string): void {
  checkName(prefix)
  if (/^(?:xml|xmlns|stream)$/.test(prefix) || ns === '' || ns === NS_XML || ns === NS_XMLNS) {
    throw badName(`the prefix ${prefix} cannot be declared as ${quoted(ns)}`)
  }
}

/** What is written of a name: `<name`, `</name>`, ` name='`. */
interface Tag {
  readonly open: string
  readonly close: string
  readonly attribute: string
}

/**
 * What is sent has the same few names again and again: each is checked once, and put together once, for joining strings is most of what it costs
 * to write a stanza.
 * @throws XmppError `XMPP_XML_NAME` for what is not the name of an element or attribute (Namespaces in XML 1.0 §3)
 */
function tagOf(prefix: '' | 'stream:' | 'xml:', name: string): Tag {
  const tags = prefix === '' ? plainTags : prefix === 'xml:' ? xmlTags : streamTags
  const known = tags.get(name)
  if (known !== undefined) return known
  checkName(name)
  // Copies, since a name may have been cut from something large, and a bounded number of them.
  const full = prefix + name
  const tag = { open: detached(`<${full}`), close: detached(`</${full}>`), attribute: detached(` ${full}='`) }
  if (tags.size < MOST_NAMES && name.length <= 64) tags.set(detached(name), tag)
  return tag
}

const plainTags = new Map<string, Tag>()
const xmlTags = new Map<string, Tag>()
const streamTags = new Map<string, Tag>()
const MOST_NAMES = 1000

function checkName(name: string): void {
  if (!isName(name)) throw badName(`${quoted(name)} is not a name in XML`)
}

/** Namespaces in XML 1.0 §3: nobody may use the namespace of declarations, and only the prefix `xml` that of `xml`. */
function escapeNamespace(ns: string): string {
  if (ns === NS_XMLNS) throw badName(`the namespace ${NS_XMLNS} is reserved`)
  return escapeAttribute(ns)
}

function badName(why: string): XmppError {
  return new XmppError('XMPP_XML_NAME', why)
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}
