import { codePointName } from '../printable.ts'
import * as characters from './characters.ts'
import { type Forbidden, ForbiddenReader } from './forbidden.ts'
import { type QName, qname, qnameAt } from './qname.ts'
import { resolveReference } from './reference.ts'
import {
  badEncoding,
  notWellFormed,
  readDeclaration,
  restricted,
  type TokenHandler,
  type Tokenizer,
  type TokenLimits,
  tooMuch,
} from './tokenizer.ts'
import { giveBack, takeUnits } from './units.ts'

/**
 * XML 1.0 as XMPP uses it (RFC 6120 §11), checked to the letter. It reads runs of characters, each once: a token that spans many
 * chunks goes on where the last one ended, and what is wrong is found at the very character.
 */
export function strictTokenizer(handler: TokenHandler, limits: TokenLimits): Tokenizer {
  return new StrictTokenizer(handler, limits)
}

// Constants of this module cost nothing; those of another are looked up each time.
const { kinds, NAME, NAME_START, SPACE, TEXT_STOP, VALUE_STOP } = characters

// Where in the grammar reading goes on. Numbers, for V8 makes the quickest code of them.

/** Nothing has been read: only here an XML declaration may begin. */
const START = 0
/** Behind a `<` that is the very first character, and behind `<?` there. */
const FIRST_MARKUP = 1
const DECLARATION = 2
const CONTENT = 3
/** Behind `<`. */
const MARKUP = 4

// In a start tag these follow one another.
const OPEN_NAME = 5
/** Behind the name of the tag, or behind a value. */
const AFTER_NAME = 6
/** Behind white space. */
const BEFORE_ATTRIBUTE = 7
const ATTRIBUTE_NAME = 8
const BEFORE_EQUALS = 9
const BEFORE_VALUE = 10
const VALUE = 11
/** Behind the `/` of `<a/`. */
const EMPTY = 12

const CLOSE_NAME = 13
const AFTER_CLOSE_NAME = 14
/** Behind `&` in content, and in a value. */
const TEXT_REFERENCE = 15
const VALUE_REFERENCE = 16
/** Behind `<!`, `<!-`, somewhere in `<![CDATA[`, and behind that. */
const BANG = 17
const BANG_DASH = 18
const CDATA_START = 19
const CDATA = 20

/** In what is forbidden and has been said to be, when reading goes on all the same. */
const FORBIDDEN = 21

const LF = 0x0a
const CR = 0x0d
const BANG_MARK = 0x21
const QUOTE = 0x22
const HASH = 0x23
const AMPERSAND = 0x26
const APOSTROPHE = 0x27
const DASH = 0x2d
const SLASH = 0x2f
const SEMICOLON = 0x3b
const LESS = 0x3c
const EQUALS = 0x3d
const GREATER = 0x3e
const QUESTION = 0x3f
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

class StrictTokenizer implements Tokenizer {
  readonly #handler: TokenHandler
  readonly #limits: TokenLimits
  #state = START
  /** The elements that are open. */
  #open: QName[] = []
  /** The tag that is being read, how many attributes it has had, and the one being read with its kind of quote. */
  #tag: QName | undefined
  #attributes = 0
  #attribute: QName | undefined
  #quote = 0
  /** What earlier chunks, and references, have given of the token being read. */
  #held = ''
  /** What earlier chunks have given of the reference being read. */
  #reference = ''
  /** Characters matched of what must come. */
  #matched = 0
  /** The last character was a CR and has been read as a line's end: a LF belongs to it (XML 1.0 §2.11). */
  #cr = false
  #forbidden: ForbiddenReader | undefined
  /** How many `]`, up to two, stood at the end of the last chunk. */
  #brackets = 0

  constructor(handler: TokenHandler, limits: TokenLimits) {
    this.#handler = handler
    this.#limits = limits
  }

  get idle(): boolean {
    return this.#state === CONTENT || this.#state === START
  }

  rest(): void {
    this.#open = this.#open.slice()
  }

  write(text: string, from: number): number {
    const units = takeUnits(text)
    try {
      return this.#read(text, units, from)
    } finally {
      giveBack(units)
    }
  }

  #read(text: string, units: Uint16Array, from: number): number {
    const { length } = text
    let at = from
    while (at < length) {
      const state = this.#state
      if (state === CONTENT) at = this.#content(text, units, at)
      else if (state === MARKUP) at = this.#markup(units, at)
      else if (state >= OPEN_NAME && state <= EMPTY) {
        at = this.#startTag(text, units, at)
        if (this.#state === CONTENT) return at
      } else if (state === CLOSE_NAME || state === AFTER_CLOSE_NAME) {
        at = this.#endTag(text, units, at)
        if (this.#state === CONTENT) return at
      } else {
        at = this.#rare(text, units, at, state)
        // What follows a CDATA section or a reference between stanzas is judged as what follows a stanza.
        if (this.#state === CONTENT && this.#open.length === 1) return at
      }
    }
    return at
  }

  #rare(text: string, units: Uint16Array, at: number, state: number): number {
    switch (state) {
      case START:
      case FIRST_MARKUP:
        return this.#first(units, at)
      case DECLARATION:
        return this.#declaration(text, at)
      case TEXT_REFERENCE:
      case VALUE_REFERENCE:
        return this.#refer(text, units, at)
      case CDATA:
        return this.#cdata(text, units, at)
      case FORBIDDEN:
        return this.#passOver(text, at)
      default:
        return this.#bang(units, at)
    }
  }

  // ── content ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Character data up to the next `<` or `&`. */
  #content(text: string, units: Uint16Array, from: number): number {
    const { length } = text
    const brackets = this.#brackets
    this.#brackets = 0
    let start = this.#afterCr(units, from)
    let at = start
    for (;;) {
      while (at < length && !is(units, at, TEXT_STOP)) at++
      if (at === length) break
      const code = units[at] as number
      if (code === LESS || code === AMPERSAND) {
        this.#text(text.slice(start, at))
        this.#state = code === LESS ? MARKUP : TEXT_REFERENCE
        return at + 1
      }
      if (code === CR) {
        this.#text(`${text.slice(start, at)}\n`)
        start = at = this.#lineEnd(units, at, length)
      } else if (code !== GREATER) throw badCharacter(code)
      else if (bracketsBefore(units, at, from, brackets) === 2) throw notWellFormed(']]> in character data')
      else at++
    }
    this.#text(text.slice(start, at))
    this.#brackets = bracketsBefore(units, at, from, brackets)
    return at
  }

  #text(text: string): void {
    if (text === '') return
    if (this.#open.length > 0) this.#handler.text(text)
    else if (/[^ \t\n]/.test(text)) throw notWellFormed('text before the stream begins')
  }

  #cdata(text: string, units: Uint16Array, from: number): number {
    const { length } = text
    const held = this.#held
    this.#held = ''
    let start = this.#afterCr(units, from)
    let at = start
    let run = held
    for (; at < length; at++) {
      if (!is(units, at, TEXT_STOP)) continue
      const code = units[at] as number
      if (code === CR) {
        this.#text(`${run}${text.slice(start, at)}\n`)
        run = ''
        start = this.#lineEnd(units, at, length)
        at = start - 1
      } else if (code === GREATER) {
        if (bracketsBefore(units, at, from, held.length) < 2) continue
        this.#text(`${run}${text.slice(start, at)}`.slice(0, -2))
        this.#state = CONTENT
        return at + 1
      } else if (code !== LESS && code !== AMPERSAND) throw badCharacter(code)
    }
    // The brackets at the end may be those of `]]>`, which are no text.
    const last = bracketsBefore(units, length, from, held.length)
    run += text.slice(start)
    this.#text(run.slice(0, run.length - last))
    this.#held = ']'.repeat(last)
    return length
  }

  /** The offset behind a LF that belongs to the CR at the end of the last chunk. */
  #afterCr(units: Uint16Array, at: number): number {
    if (!this.#cr) return at
    this.#cr = false
    return units[at] === LF ? at + 1 : at
  }

  /** The offset behind a line's end that begins with the CR at `at`. */
  #lineEnd(units: Uint16Array, at: number, length: number): number {
    if (at + 1 < length) return units[at + 1] === LF ? at + 2 : at + 1
    this.#cr = true
    return length
  }

  #refer(text: string, units: Uint16Array, from: number): number {
    let at = from
    while (at < text.length && (is(units, at, NAME) || units[at] === HASH)) at++
    const before = this.#reference.length
    const name = this.#reference + text.slice(from, at)
    this.#checkLength(before, name.length)
    if (at === text.length) {
      this.#reference = name
      return at
    }
    if (units[at] !== SEMICOLON) throw notWellFormed('an & that begins no reference')
    this.#reference = ''
    let value = resolveReference(name)
    if (value === undefined) {
      this.#handler.violation(restricted(`the entity reference &${name.slice(0, 50)}; is`))
      value = `&${name};`
    }
    if (this.#state === VALUE_REFERENCE) {
      this.#held += value
      this.#state = VALUE
    } else {
      if (this.#open.length === 0) throw notWellFormed('text before the stream begins')
      this.#handler.text(value)
      this.#state = CONTENT
    }
    return at + 1
  }

  // ── tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

  #markup(units: Uint16Array, at: number): number {
    if (is(units, at, NAME_START)) {
      this.#state = OPEN_NAME
      this.#attributes = 0
      return at
    }
    const code = units[at] as number
    if (code === SLASH) {
      if (this.#open.length === 0) throw notWellFormed('a close tag where nothing is open')
      this.#state = CLOSE_NAME
      this.#matched = 0
    } else if (code === BANG_MARK) this.#state = BANG
    else if (code === QUESTION) {
      this.#forbid('<?', 'processing instructions are')
    } else throw notWellFormed('a < that begins no tag')
    return at + 1
  }

  /** What stands between `<` and `>`, in the order in which it stands there. */
  #startTag(text: string, units: Uint16Array, from: number): number {
    const { length } = text
    let state = this.#state
    let at = from
    for (;;) {
      if (state === OPEN_NAME) {
        const start = at
        while (at < length && is(units, at, NAME)) at++
        if (at === length) return this.#holdName(text, start, state)
        this.#tag = this.#takeName(text, units, start, at)
        state = AFTER_NAME
      }
      if (at === length) break
      if (state === AFTER_NAME) {
        const code = units[at] as number
        if (code === GREATER) return this.#opened(at + 1)
        if (code === SLASH) state = EMPTY
        else if (is(units, at, SPACE)) state = BEFORE_ATTRIBUTE
        else throw notWellFormed(`${shown(text, at)} in the tag <${this.#tagName}>`)
        at++
      }
      if (state === BEFORE_ATTRIBUTE) {
        while (at < length && is(units, at, SPACE)) at++
        if (at === length) break
        if (!is(units, at, NAME_START)) {
          state = AFTER_NAME
          continue
        }
        state = ATTRIBUTE_NAME
      }
      if (state === ATTRIBUTE_NAME) {
        const start = at
        while (at < length && is(units, at, NAME)) at++
        if (at === length) return this.#holdName(text, start, state)
        this.#attribute = this.#takeName(text, units, start, at)
        if (++this.#attributes === this.#limits.attributes + 1) this.#handler.violation(tooMuch('too many attributes'))
        state = BEFORE_EQUALS
      }
      if (state === BEFORE_EQUALS) {
        while (at < length && is(units, at, SPACE)) at++
        if (at === length) break
        if (units[at] !== EQUALS) throw notWellFormed(`an attribute without a value in <${this.#tagName}>`)
        at++
        state = BEFORE_VALUE
      }
      if (state === BEFORE_VALUE) {
        while (at < length && is(units, at, SPACE)) at++
        if (at === length) break
        const code = units[at] as number
        if (code !== QUOTE && code !== APOSTROPHE) throw notWellFormed(`a value without quotes in <${this.#tagName}>`)
        this.#quote = code
        at++
        state = VALUE
      }
      if (state === VALUE) {
        at = this.#value(text, units, at)
        if (this.#state === VALUE_REFERENCE) return at
        if (at < 0) {
          this.#state = VALUE
          return length
        }
        state = AFTER_NAME
      } else if (state === EMPTY) {
        if (at === length) break
        if (units[at] !== GREATER) throw notWellFormed(`a / in the tag <${this.#tagName}>`)
        return this.#opened(at + 1, true)
      }
    }
    this.#state = state
    return length
  }

  /** The offset behind the value's closing quote, or behind an `&` in it; -1 when the text ends before either. */
  #value(text: string, units: Uint16Array, from: number): number {
    const { length } = text
    const quote = this.#quote
    let start = this.#afterCr(units, from)
    let at = start
    for (;;) {
      while (at < length && !is(units, at, VALUE_STOP)) at++
      if (at === length) {
        this.#held += text.slice(start)
        return -1
      }
      const code = units[at] as number
      if (code === quote) break
      if (code === QUOTE || code === APOSTROPHE) at++
      else if (code === AMPERSAND) {
        this.#held += text.slice(start, at)
        this.#state = VALUE_REFERENCE
        return at + 1
      } else if (is(units, at, SPACE)) {
        // All white space in a value is read as spaces (§3.3.3), a CRLF as one (§2.11).
        this.#held += `${text.slice(start, at)} `
        start = at = code === CR ? this.#lineEnd(units, at, length) : at + 1
      } else if (code === LESS) throw notWellFormed(`a < in a value of the tag <${this.#tagName}>`)
      else throw badCharacter(code)
    }
    const value = this.#held === '' ? text.slice(start, at) : this.#held + text.slice(start, at)
    this.#held = ''
    this.#handler.attribute(this.#attribute as QName, value)
    return at + 1
  }

  #opened(at: number, empty = false): number {
    const name = this.#tag as QName
    this.#state = CONTENT
    this.#handler.open(name)
    if (empty) this.#handler.close()
    else this.#open.push(name)
    return at
  }

  #endTag(text: string, units: Uint16Array, from: number): number {
    const { length } = text
    const name = (this.#open.at(-1) as QName).text
    let at = from
    if (this.#state === CLOSE_NAME) {
      let matched = this.#matched
      while (at < length && matched < name.length) {
        if (units[at++] !== name.charCodeAt(matched++)) throw mismatch(name)
      }
      this.#matched = matched
      if (matched < name.length) return at
      this.#state = AFTER_CLOSE_NAME
    }
    if (at < length && is(units, at, NAME)) throw mismatch(name)
    while (at < length && is(units, at, SPACE)) at++
    if (at === length) return at
    if (units[at] !== GREATER) throw notWellFormed(`${shown(text, at)} in the tag </${name.slice(0, 50)}>`)
    this.#open.pop()
    this.#state = CONTENT
    this.#handler.close()
    return at + 1
  }

  #holdName(text: string, start: number, state: number): number {
    const before = this.#held.length
    this.#held += text.slice(start)
    this.#checkLength(before, this.#held.length)
    this.#state = state
    return text.length
  }

  #takeName(text: string, units: Uint16Array, start: number, end: number): QName {
    const before = this.#held.length
    this.#checkLength(before, before + end - start)
    if (before === 0) return qnameAt(text, units, start, end)
    const name = this.#held + text.slice(start, end)
    this.#held = ''
    return qname(name)
  }

  /** Says once that a name is too long: when it grows beyond what is allowed. */
  #checkLength(before: number, length: number): void {
    const most = this.#limits.nameLength
    if (length > most && before <= most) this.#handler.violation(tooMuch('a name is too long'))
  }

  get #tagName(): string {
    return this.#tag?.text.slice(0, 50) ?? ''
  }

  // ── what is seldom, or forbidden ─────────────────────────────────────────────────────────────────────────────────────

  #first(units: Uint16Array, at: number): number {
    const code = units[at] as number
    // In UTF-16 every other byte of a stream's beginning is zero.
    if (code === 0) throw badEncoding('the stream is not in UTF-8 (it looks like UTF-16)')
    if (this.#state === START) {
      this.#state = code === LESS ? FIRST_MARKUP : CONTENT
      return code === LESS ? at + 1 : at
    }
    this.#state = code === QUESTION ? DECLARATION : MARKUP
    return code === QUESTION ? at + 1 : at
  }

  #declaration(text: string, from: number): number {
    const end = text.indexOf('>', from)
    const at = end < 0 ? text.length : end
    const before = this.#held.length
    this.#held += text.slice(from, at)
    // Longer is no target, and a rope had better not be looked into for every character that is added to it.
    if (before < 4 && !/^(?:x?$|xm$|xml$|xml[ \t\r\n?])/.test(this.#held.slice(0, 4))) {
      this.#forbid('<?', 'processing instructions are').read(this.#held, 0)
      this.#held = ''
      return at
    }
    if (end < 0) return at
    const body = this.#held
    this.#held = ''
    if (!body.endsWith('?')) throw notWellFormed('bad XML declaration')
    const wrong = readDeclaration(body.slice(3, -1))
    if (wrong !== undefined) this.#handler.violation(wrong)
    this.#state = CONTENT
    return at + 1
  }

  /** Behind `<!`. */
  #bang(units: Uint16Array, at: number): number {
    const code = units[at] as number
    if (this.#state === CDATA_START) {
      if (code !== cdataStart.charCodeAt(this.#matched++)) throw notWellFormed('a <! that begins nothing')
      if (this.#matched === cdataStart.length) this.#state = CDATA
    } else if (this.#state === BANG_DASH) {
      if (code !== DASH) throw notWellFormed('a <! that begins nothing')
      this.#forbid('<!--', 'comments are')
    } else if (code === DASH) this.#state = BANG_DASH
    else if (code === OPEN_BRACKET && this.#open.length > 0) {
      this.#state = CDATA_START
      this.#matched = 1
    } else if (is(units, at, NAME_START)) {
      this.#forbid('<!', 'a DTD is')
    } else throw notWellFormed('a <! that begins nothing')
    return at + 1
  }

  #forbid(what: Forbidden, words: string): ForbiddenReader {
    this.#handler.violation(restricted(words))
    this.#state = FORBIDDEN
    this.#forbidden = new ForbiddenReader(what)
    return this.#forbidden
  }

  #passOver(text: string, from: number): number {
    const end = this.#forbidden?.read(text, from)
    if (end === undefined) return text.length
    this.#forbidden = undefined
    this.#state = CONTENT
    return end
  }
}

const cdataStart = '[CDATA['

function is(units: Uint16Array, at: number, kind: number): boolean {
  return ((kinds[units[at] as number] as number) & kind) !== 0
}

/** How many `]`, up to two, stand right before `at`; `before` of them stood before `from`. */
function bracketsBefore(units: Uint16Array, at: number, from: number, before: number): number {
  if (at === from) return before
  if (units[at - 1] !== CLOSE_BRACKET) return 0
  if (at - 1 === from) return Math.min(2, before + 1)
  return units[at - 2] === CLOSE_BRACKET ? 2 : 1
}

function badCharacter(code: number): Error {
  return notWellFormed(`the character ${codePointName(code)} is none of XML's`)
}

function shown(text: string, at: number): string {
  const code = text.codePointAt(at) as number
  return code > 0x20 && code < 0x7f ? `a ${text[at]}` : codePointName(code)
}

function mismatch(name: string): Error {
  return notWellFormed(`a close tag where </${name.slice(0, 50)}> belongs`)
}
