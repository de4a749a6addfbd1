import { StreamError } from '../errors.ts'
import { attributeKey, Element, emptyAttrs } from './element.ts'
import { majorVersion } from './header.ts'
import { NS_STREAM, NS_XML, NS_XMLNS } from './namespaces.ts'
import type { Limits, ParserEvent } from './parser.ts'
import { type QName, single } from './qname.ts'
import { notWellFormed, type TokenHandler, tooMuch } from './tokenizer.ts'

/**
 * Prefix bindings in force at some depth: the default namespace, what is declared here by prefix, and what is further out. Never
 * copied from there: a stanza of many declarations, some inside others, would have us copy for seconds.
 */
interface Scope {
  readonly ns: string
  readonly prefixes: ReadonlyMap<string, string>
  readonly outer: Scope | undefined
}

const outermost: Scope = { ns: '', prefixes: new Map([['xml', NS_XML]]), outer: undefined }

/** Makes Elements of tags: resolves namespaces (Namespaces in XML 1.0), and lets go of each top-level element when it ends. */
export class TreeBuilder implements TokenHandler {
  readonly events: ParserEvent[] = []
  readonly violation: (error: StreamError) => void
  closed = false
  readonly #limits: Limits
  /** The elements that are open below the root. */
  readonly #open: Element[] = []
  #scopes: Scope[] = [outermost]
  #strayText = false
  // Of the tag that is being read:
  #attrs = emptyAttrs()
  /** The default namespace it declares. */
  #ns: string | undefined
  /** The prefixes it declares. */
  #prefixes: Map<string, string> | undefined
  /** Attributes whose prefix may be declared behind them. */
  readonly #prefixed: { name: QName; value: string }[] = []

  constructor(limits: Limits, violation: (error: StreamError) => void) {
    this.#limits = limits
    this.violation = violation
  }

  /** Lets go of what it holds beyond what is there: of many streams most are silent. Between two stanzas only. */
  rest(): void {
    // V8 keeps room for 17 in an array that was pushed to, until it is emptied so.
    this.events.length = 0
    this.#open.length = 0
    this.#scopes = this.#scopes.slice()
  }

  /** Open elements, the root being one. */
  get depth(): number {
    return this.#scopes.length - 1
  }

  attribute(name: QName, value: string): void {
    const { prefix, local } = name
    if (prefix === '') {
      if (local === 'xmlns') this.#declareDefault(value)
      else if (this.#attrs[local] === undefined) this.#attrs[local] = value
      else throw twice(name)
    } else if (prefix === 'xmlns') this.#declare(name, value)
    else this.#prefixed.push({ name, value })
  }

  open({ prefix, local }: QName): void {
    if (this.depth >= this.#limits.depth) {
      this.violation(tooMuch(`more than ${this.#limits.depth} elements inside one another`))
    }
    this.#strayText = false
    const scope = this.#scope()
    const ns = prefix === '' ? scope.ns : bound(prefix, scope)
    if (this.#prefixed.length > 0) this.#resolve(scope)
    const element = new Element(local, ns, this.#attrs)
    this.#attrs = emptyAttrs()
    if (this.depth === 0) this.#openRoot(element, scope)
    else {
      const parent = this.#open.at(-1)
      parent?.children.push(element)
      this.#open.push(element)
    }
    this.#scopes.push(scope)
  }

  text(text: string): void {
    const parent = this.#open.at(-1)
    if (parent === undefined) {
      // White space as such (RFC 6120 §11.7, XML 1.0 §2.3) never comes this far; what stands in CDATA or for a reference is none.
      this.textBetweenStanzas()
      return
    }
    const { children } = parent
    const last = children.length - 1
    // CDATA sections and tokens cut by chunks make one run of text.
    if (typeof children[last] === 'string') children[last] += text
    else children.push(text)
  }

  /** Says once of each run of text that it stands where none may. */
  textBetweenStanzas(): void {
    if (this.#strayText) return
    this.#strayText = true
    this.violation(new StreamError('bad-format', 'text between stanzas'))
  }

  close(): void {
    this.#scopes.pop()
    const element = this.#open.pop()
    if (element === undefined) {
      this.closed = true
      this.events.push({ type: 'close' })
    } else if (this.#open.length === 0) this.events.push({ type: 'element', element })
  }

  #openRoot(header: Element, scope: Scope): void {
    if (header.ns !== NS_STREAM) {
      this.violation(
        new StreamError(
          'invalid-namespace',
          `the stream begins with <${header.name.slice(0, 50)} xmlns='${header.ns.slice(0, 100)}'>`,
        ),
      )
    } else if (header.name !== 'stream') {
      this.violation(new StreamError('bad-format', `the stream begins with <${header.name.slice(0, 50)}>`))
    }
    const major = majorVersion(header)
    if (major === undefined || major > 1) {
      this.violation(
        new StreamError('unsupported-version', `the stream is of version '${header.attrs.version?.slice(0, 50)}'`),
      )
    }
    this.events.push({ type: 'open', header, ns: scope.ns })
  }

  #declareDefault(uri: string): void {
    if (this.#ns !== undefined) throw notWellFormed('xmlns given twice')
    if (uri === NS_XML || uri === NS_XMLNS) throw notWellFormed(`xmlns='${uri}' is reserved`)
    this.#ns = namespace(uri)
  }

  #declare(name: QName, uri: string): void {
    const prefix = name.local
    const reserved = prefix === 'xmlns' || uri === NS_XMLNS || (prefix === 'xml') !== (uri === NS_XML)
    if (reserved || uri === '') {
      throw notWellFormed(`${name.text.slice(0, 50)}='${uri.slice(0, 100)}' is not a namespace declaration`)
    }
    this.#prefixes ??= new Map()
    if (this.#prefixes.has(prefix)) throw twice(name)
    this.#prefixes.set(prefix, namespace(uri))
  }

  /** What is in force inside the tag that ends here. */
  #scope(): Scope {
    const outer = this.#scopes.at(-1) as Scope
    const ns = this.#ns ?? outer.ns
    const prefixes = this.#prefixes
    this.#ns = undefined
    this.#prefixes = undefined
    if (prefixes !== undefined) return { ns, prefixes: usual(prefixes), outer }
    return ns === outer.ns ? outer : { ns, prefixes: outer.prefixes, outer: outer.outer }
  }

  #resolve(scope: Scope): void {
    for (const { name, value } of this.#prefixed) {
      const key = attributeKey(bound(name.prefix, scope), name.local)
      if (this.#attrs[key] !== undefined) throw twice(name)
      this.#attrs[key] = value
    }
    this.#prefixed.length = 0
  }
}

/** What nearly every stream header declares is the same one for all of them, for it lives as long as the stream. */
function usual(prefixes: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return prefixes.size === 1 && prefixes.get('stream') === NS_STREAM ? streamPrefix : prefixes
}

const streamPrefix: ReadonlyMap<string, string> = new Map([['stream', NS_STREAM]])

/** @throws StreamError `not-well-formed` for a prefix that is not declared (Namespaces in XML 1.0 §5) */
function bound(prefix: string, scope: Scope): string {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const ns = at.prefixes.get(prefix)
    if (ns !== undefined) return ns
  }
  throw notWellFormed(`the prefix ${prefix.slice(0, 50)} is not declared`)
}

function twice({ text }: QName): StreamError {
  return notWellFormed(`attribute ${text.slice(0, 50)} given twice`)
}

/** Namespaces seen lately, the same for all streams. A power of two. */
const namespaces: string[] = new Array(256).fill('')
const LONGEST = 200

/**
 * One copy of each namespace: it is compared at every look for a child, and a part of a received chunk would keep that alive for as
 * long as the stream's header lives.
 */
function namespace(uri: string): string {
  const { length } = uri
  if (length === 0 || length > LONGEST) return single(uri)
  const slot = (length * 31 + uri.charCodeAt(length - 1) * 7 + uri.charCodeAt(length >> 1)) & (namespaces.length - 1)
  const known = namespaces[slot] as string
  if (known === uri) return known
  const own = single(uri)
  namespaces[slot] = own
  return own
}
