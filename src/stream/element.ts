import { NS_XML } from './namespaces.ts'
import { serialize } from './serialize.ts'

/**
 * Attributes by name. One in a namespace is `{namespace}local`, except `xml:lang` and its like, which keep their prefix.
 * Namespace declarations are not attributes. Where an element is made for a reader that goes by the text, `{namespace}prefix:local`
 * chooses the prefix to write; read back, it is `{namespace}local`.
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

/** An element that stands in many stanzas, and is written once: its text is kept, so it must not change any more. */
export class SharedElement extends Element {
  /** As it stands where another namespace is the default; undefined before it has been written. */
  written: string | undefined

  constructor({ name, ns, attrs, children }: Element) {
    super(name, ns, attrs, children)
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

/** The key under which {@link Attrs} holds an attribute of a namespace. */
export function attributeKey(ns: string, local: string): string {
  return ns === NS_XML ? `xml:${local}` : `{${ns}}${local}`
}
