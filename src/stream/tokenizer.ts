import { createRequire } from 'node:module'
import type { SAXParser } from 'sax'
import { StreamError } from '../errors.ts'
import { type Attrs, emptyAttrs } from './element.ts'

/** What a tokenizer reports. Names are as written, prefixes and `xmlns` declarations included. */
export interface TokenHandler {
  open(name: string, attrs: Attrs): void
  text(text: string): void
  close(): void
  /** Something XMPP forbids in well-formed XML (RFC 6120 §11.1), or a limit passed. May throw, may go on. */
  violation(error: StreamError): void
}

/**
 * Cuts XML text into tags and character data. Well-formedness is its business: it throws a StreamError for text that is not.
 * Namespaces, the shape of streams and the size of stanzas are the business of the tree builder above it.
 */
export interface Tokenizer {
  /**
   * Reads on in `text` from the offset `from`, at least one character, at most to the end of one tag, and returns the offset
   * where it stopped. A token cut by the end of `text` is kept and goes on with the next call.
   */
  write(text: string, from: number): number
  /** Nothing of a tag or of character data is waiting for more. */
  readonly idle: boolean
}

/** What one tag may hold. */
export interface TokenLimits {
  /** Attributes of one element, namespace declarations included. */
  readonly attributes: number
  /** UTF-16 units in the name of an element or attribute, prefix included. */
  readonly nameLength: number
}

/** Makes the tokenizer of one stream. */
export type TokenizerFactory = (handler: TokenHandler, limits: TokenLimits) => Tokenizer

type SaxModule = typeof import('sax') & { STATE: Record<string, number>; XML_ENTITIES: Record<string, string> }
type Sax = SAXParser & { tagName: string; attribName: string; textNode: string; state: number }

/** A tokenizer on `sax`, which is loaded when the first one is made. */
export function saxTokenizer(handler: TokenHandler, limits: TokenLimits): Tokenizer {
  const sax = createRequire(import.meta.url)('sax') as SaxModule
  const { TEXT, BEGIN, BEGIN_WHITESPACE, COMMENT_ENDED, SGML_DECL_QUOTED } = sax.STATE
  // `position: false` doubles the speed and switches sax's own buffer limit off; the builder's byte limits stand in for it.
  const options = {
    strictEntities: true,
    position: false,
    // sax has no event for an empty comment, but it asks for this at the end of any, in a state that nothing else is in.
    get trim() {
      if (parser.state === COMMENT_ENDED && !commented) {
        commented = true
        handler.violation(new StreamError('restricted-xml', 'comments are not allowed'))
      }
      return false
    },
  }
  /** A comment has ended in this call of write(). */
  let commented = false
  const parser = sax.parser(true, options) as Sax
  // sax finds `&constructor;` and the like on Object.prototype.
  parser.ENTITIES = Object.assign(Object.create(null), sax.XML_ENTITIES)

  // sax asks `attributes.hasOwnProperty(name)` before it stores an attribute and silently drops the second of a name. This
  // answers for it, so that a second one, one too many, and one of that very name all get what they deserve.
  const Attributes = function Attributes() {} as unknown as new () => Record<string, string>
  Attributes.prototype = Object.create(null, {
    hasOwnProperty: {
      get: () => checkAttribute,
      set: (value: string) => {
        ownName = value
      },
    },
  })
  let attributes: Record<string, string>
  let count = 0
  let ownName: string | undefined

  function checkAttribute(name: string): boolean {
    checkName(name)
    if (name === 'hasOwnProperty' ? ownName !== undefined : Object.hasOwn(attributes, name)) {
      throw notWellFormed(`attribute ${name.slice(0, 50)} given twice`)
    }
    if (++count > limits.attributes) handler.violation(new StreamError('policy-violation', 'too many attributes'))
    return false
  }

  function checkName(name: string): void {
    if (name.length > limits.nameLength) handler.violation(new StreamError('policy-violation', 'a name is too long'))
  }

  /** True while an XML declaration may stand here, which is at the very first character only (XML 1.0 §2.8). */
  let atStart: boolean | undefined

  parser.onerror = error => {
    if (error.message.includes('doctype')) handler.violation(new StreamError('restricted-xml', 'a DTD is not allowed'))
    throw notWellFormed(error)
  }
  parser.onopentagstart = tag => {
    checkName(tag.name)
    count = 0
    ownName = undefined
    attributes = new Attributes()
    tag.attributes = attributes
  }
  parser.onopentag = tag => {
    atStart = false
    const attrs = emptyAttrs()
    for (const name of Object.keys(attributes)) attrs[name] = attributes[name]
    if (ownName !== undefined) Object.assign(attrs, { hasOwnProperty: ownName })
    handler.open(tag.name, attrs)
  }
  parser.onclosetag = () => handler.close()
  parser.ontext = text => handler.text(text)
  parser.oncdata = text => handler.text(text)
  parser.ondoctype = () => handler.violation(new StreamError('restricted-xml', 'a DTD is not allowed'))
  parser.onsgmldeclaration = parser.ondoctype
  parser.onprocessinginstruction = ({ name, body }) => {
    if (name !== 'xml' || !atStart) {
      handler.violation(new StreamError('restricted-xml', 'processing instructions are not allowed'))
      return
    }
    atStart = false
    if (!/^\s*version\s*=\s*(["'])1\.\d+\1/.test(body)) throw notWellFormed('bad XML declaration')
    const encoding = /encoding\s*=\s*["']([^"']*)["']/.exec(body)?.[1]
    if (encoding !== undefined && encoding.toLowerCase() !== 'utf-8') {
      handler.violation(new StreamError('unsupported-encoding', `the stream declares the encoding ${encoding}`))
    }
  }

  return {
    get idle() {
      const between = parser.state === TEXT || parser.state === BEGIN || parser.state === BEGIN_WHITESPACE
      return between && parser.textNode === ''
    },
    write(text, from) {
      atStart ??= text.charCodeAt(from) === LESS_THAN
      const tag = text.indexOf('>', from)
      const to = tag < 0 ? text.length : tag + 1
      commented = false
      try {
        parser.write(from === 0 && to === text.length ? text : text.slice(from, to))
      } catch (error) {
        // sax itself can throw a TypeError on input it did not foresee.
        throw error instanceof StreamError ? error : notWellFormed(error)
      }
      // A quote in a declaration is one that sax never finds the end of.
      if (parser.state === SGML_DECL_QUOTED) {
        handler.violation(new StreamError('restricted-xml', 'a DTD is not allowed'))
        throw notWellFormed('a declaration without an end')
      }
      if (to === text.length) {
        checkName(parser.tagName)
        checkName(parser.attribName)
      }
      return to
    },
  }
}

const LESS_THAN = 0x3c

function notWellFormed(why: unknown): StreamError {
  const text = why instanceof Error ? why.message.split('\n', 1)[0] : String(why)
  return new StreamError('not-well-formed', text, { cause: why })
}
