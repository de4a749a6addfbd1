import { StreamError } from '../errors.ts'
import { type Attrs, attributeKey, Element, emptyAttrs, NS_STREAM, NS_XML } from './element.ts'
import type { Limits, ParserEvent } from './parser.ts'
import type { TokenHandler } from './tokenizer.ts'

/**
 * Prefix bindings in force at some depth: the default namespace, what is declared here by prefix, and what is further out. Never
 * copied from there: a stanza of many declarations, some inside others, would have us copy for seconds.
 */
interface Scope {
  readonly ns: string
  readonly prefixes: ReadonlyMap<string, string>
  readonly outer: Scope | undefined
}

const NS_XMLNS = 'http://www.w3.org/2000/xmlns/'
const outermost: Scope = { ns: '', prefixes: new Map([['xml', NS_XML]]), outer: undefined }

/** Makes Elements of tags: resolves namespaces (Namespaces in XML 1.0), and lets go of each top-level element when it ends. */
export class TreeBuilder implements TokenHandler {
  readonly events: ParserEvent[] = []
  readonly violation: (error: StreamError) => void
  closed = false
  readonly #limits: Limits
  /** The elements that are open below the root. */
  readonly #open: Element[] = []
  readonly #scopes: Scope[] = [outermost]

  constructor(limits: Limits, violation: (error: StreamError) => void) {
    this.#limits = limits
    this.violation = violation
  }

  /** Open elements, the root being one. */
  get depth(): number {
    return this.#scopes.length - 1
  }

  open(name: string, attrs: Attrs): void {
    if (this.depth >= this.#limits.depth) {
      this.violation(new StreamError('policy-violation', `more than ${this.#limits.depth} elements inside one another`))
    }
    const scope = declare(this.#scopes[this.depth] as Scope, attrs)
    const [prefix, local] = split(name)
    const ns = prefix === '' ? scope.ns : bound(prefix, scope)
    if (ns === undefined) throw unbound(prefix)
    const element = new Element(local, ns, resolve(attrs, scope))

    if (this.depth === 0) this.#openRoot(element, scope)
    else {
      this.#open.at(-1)?.children.push(element)
      this.#open.push(element)
    }
    this.#scopes.push(scope)
  }

  text(text: string): void {
    const parent = this.#open.at(-1)
    if (parent === undefined) {
      // Plain text never comes this far, CDATA does (RFC 6120 §11.7).
      if (/[^ \t\r\n]/.test(text)) this.violation(new StreamError('bad-format', 'text between stanzas'))
      return
    }
    const { children } = parent
    const last = children.length - 1
    // CDATA sections and tokens cut by chunks make one run of text.
    if (typeof children[last] === 'string') children[last] += text
    else children.push(text)
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
        new StreamError('invalid-namespace', `the stream begins with <${header.name} xmlns='${header.ns}'>`),
      )
    } else if (header.name !== 'stream') {
      this.violation(new StreamError('bad-format', `the stream begins with <${header.name}>`))
    }
    this.events.push({ type: 'open', header, ns: scope.ns })
  }
}

function declare(outer: Scope, attrs: Attrs): Scope {
  let ns = outer.ns
  let prefixes: Map<string, string> | undefined
  for (const key in attrs) {
    if (!key.startsWith('xmlns')) continue
    const uri = attrs[key] ?? ''
    if (key.length === 5) {
      if (uri === NS_XML || uri === NS_XMLNS) throw new StreamError('not-well-formed', `xmlns='${uri}' is reserved`)
      ns = uri
    } else if (key.charCodeAt(5) === COLON) {
      const prefix = key.slice(6)
      const reserved = prefix === 'xmlns' || uri === NS_XMLNS || (prefix === 'xml') !== (uri === NS_XML)
      if (reserved || uri === '' || prefix === '' || prefix.includes(':')) {
        throw new StreamError(
          'not-well-formed',
          `${key.slice(0, 50)}='${uri.slice(0, 100)}' is not a namespace declaration`,
        )
      }
      prefixes ??= new Map()
      prefixes.set(prefix, uri)
    }
  }
  if (prefixes !== undefined) return { ns, prefixes, outer }
  return ns === outer.ns ? outer : { ns, prefixes: outer.prefixes, outer: outer.outer }
}

/** The namespace a prefix stands for. */
function bound(prefix: string, scope: Scope): string | undefined {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const ns = at.prefixes.get(prefix)
    if (ns !== undefined) return ns
  }
  return undefined
}

function resolve(attrs: Attrs, scope: Scope): Attrs {
  const resolved = emptyAttrs()
  for (const key in attrs) {
    if (key === 'xmlns' || key.startsWith('xmlns:')) continue
    const [prefix, local] = split(key)
    if (prefix === '') {
      resolved[key] = attrs[key]
      continue
    }
    const ns = bound(prefix, scope)
    if (ns === undefined) throw unbound(prefix)
    const expanded = attributeKey(ns, local)
    if (expanded in resolved) throw new StreamError('not-well-formed', `attribute ${key.slice(0, 50)} given twice`)
    resolved[expanded] = attrs[key]
  }
  return resolved
}

const COLON = 0x3a

/** Prefix and local part; Namespaces in XML 1.0 §3 allows one colon, with something on both sides. */
function split(name: string): [prefix: string, local: string] {
  const colon = name.indexOf(':')
  if (colon < 0) return ['', name]
  if (colon === 0 || colon === name.length - 1 || name.includes(':', colon + 1)) {
    throw new StreamError('not-well-formed', `${name.slice(0, 50)} is not a qualified name`)
  }
  return [name.slice(0, colon), name.slice(colon + 1)]
}

function unbound(prefix: string): StreamError {
  return new StreamError('not-well-formed', `the prefix ${prefix.slice(0, 50)} is not declared`)
}
