import { createRequire } from 'node:module'
import type { SAXParser } from 'sax'
import { StreamError } from '../errors.ts'
import { qname } from './qname.ts'
import {
  notWellFormed,
  readDeclaration,
  restricted,
  type TokenHandler,
  type Tokenizer,
  type TokenLimits,
  tooMuch,
} from './tokenizer.ts'

type SaxModule = typeof import('sax') & { STATE: Record<string, number>; XML_ENTITIES: Record<string, string> }
type Sax = SAXParser & { tagName: string; attribName: string; textNode: string; entity: string; state: number }

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
        handler.violation(restricted('comments are'))
      }
      return false
    },
  }
  /** A comment has ended in this call of write(). */
  let commented = false
  const parser = sax.parser(true, options) as Sax
  // sax finds `&constructor;` and the like on Object.prototype.
  parser.ENTITIES = Object.assign(Object.create(null), sax.XML_ENTITIES)

  // sax asks `attributes.hasOwnProperty(name)` and silently drops the second attribute of a name; so it is told that there is
  // none, whatever is stored, and the builder finds the second one.
  const Attributes = function Attributes() {} as unknown as new () => Record<string, string>
  Attributes.prototype = Object.create(null, { hasOwnProperty: { get: () => () => false, set: () => {} } })
  let count = 0

  function checkName(name: string): void {
    if (name.length > limits.nameLength) handler.violation(tooMuch('a name is too long'))
  }

  /** True while an XML declaration may stand here, which is at the very first character only (XML 1.0 §2.8). */
  let atStart: boolean | undefined

  parser.onerror = error => {
    // sax does not say which kind of thing it found; its `entity` does.
    if (error.message.startsWith('Invalid character entity') && /^[^#]/.test(parser.entity)) {
      handler.violation(restricted('an entity reference is'))
    }
    if (error.message.includes('doctype')) handler.violation(restricted('a DTD is'))
    throw refused(error)
  }
  parser.onopentagstart = tag => {
    checkName(tag.name)
    count = 0
    tag.attributes = new Attributes()
  }
  parser.onattribute = ({ name, value }) => {
    checkName(name)
    if (++count === limits.attributes + 1) handler.violation(tooMuch('too many attributes'))
    handler.attribute(qname(name), value)
  }
  parser.onopentag = tag => {
    atStart = false
    handler.open(qname(tag.name))
  }
  parser.onclosetag = () => handler.close()
  parser.ontext = text => handler.text(text)
  parser.oncdata = text => handler.text(text)
  parser.ondoctype = () => handler.violation(restricted('a DTD is'))
  parser.onsgmldeclaration = parser.ondoctype
  parser.onprocessinginstruction = ({ name, body }) => {
    if (name !== 'xml' || !atStart) {
      handler.violation(restricted('processing instructions are'))
      return
    }
    atStart = false
    const wrong = readDeclaration(` ${body}`)
    if (wrong !== undefined) handler.violation(wrong)
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
        throw error instanceof StreamError ? error : refused(error)
      }
      // A quote in a declaration is one that sax never finds the end of.
      if (parser.state === SGML_DECL_QUOTED) {
        handler.violation(restricted('a DTD is'))
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

function refused(error: unknown): StreamError {
  return notWellFormed(error instanceof Error ? (error.message.split('\n', 1)[0] as string) : String(error), error)
}
