import { isAscii, isUtf8 } from 'node:buffer'
import { StreamError } from '../errors.ts'
import { TreeBuilder } from './builder.ts'
import type { Element } from './element.ts'
import { saxTokenizer } from './sax-tokenizer.ts'
import { strictTokenizer } from './strict-tokenizer.ts'
import {
  badEncoding,
  notWellFormed,
  type Tokenizer,
  type TokenizerFactory,
  type TokenLimits,
  tooMuch,
} from './tokenizer.ts'

/** What a stream consists of. */
export type ParserEvent =
  /** The peer's stream header; `ns` is the default namespace it declares for the content. */
  { type: 'open'; header: Element; ns: string } | { type: 'element'; element: Element } | { type: 'close' }

/** What a peer may make us hold. Anything beyond is `policy-violation`, found while it arrives. */
export interface Limits extends TokenLimits {
  /** Bytes of one top-level element, and of the stream header with all that comes before it. */
  readonly stanzaBytes: number
  /** Elements inside one another, the stream's root being the first. */
  readonly depth: number
}

/** The limits of a parser that is told no others. */
export const defaultLimits: Limits = { stanzaBytes: 262_144, depth: 100, attributes: 100, nameLength: 1000 }

/** How strict a parser is, and with whom. */
export interface ParserOptions {
  readonly limits?: Partial<Limits>
  /**
   * What cuts the text into tags: `strict`, the default, is ours; `sax` is the library of that name, which is loaded only then and lets
   * some ill-formed XML pass; or one of your own.
   */
  readonly tokenizer?: 'strict' | 'sax' | TokenizerFactory
  /**
   * For testers: violations are handed to this function instead of being thrown. After one that is only forbidden or too big
   * reading goes on; after text that is not well-formed, which no reader can follow, the rest of the stream is ignored.
   */
  readonly onViolation?: (error: StreamError) => void
}

/**
 * Turns the bytes of one stream (RFC 6120 §4) into its header and its top-level elements. It reads no further than it is
 * asked: what follows an element stays bytes until the next call, for a restarted stream may begin there.
 * @throws StreamError from `next()`, once; a parser that has thrown is of no more use
 */
export class Parser {
  readonly #builder: TreeBuilder
  readonly #tokenizer: Tokenizer
  #limits: Limits
  readonly #onViolation: ((error: StreamError) => void) | undefined
  /** The first bytes of a character that the last chunk ended in the middle of. */
  #tail: Uint8Array = none
  #text = ''
  #at = 0
  #ascii = true
  /** Bytes of the top-level element under construction, as far as they have been counted, and how far in the text that is. */
  #bytes = 0
  #counted = 0
  /** It has been said of this element that it is too large. */
  #tooLarge = false
  #dead = false
  /** Bytes that are not UTF-8 have arrived behind the text; nothing that follows them can be read. */
  #badBytes: StreamError | undefined

  constructor({ limits, tokenizer = 'strict', onViolation }: ParserOptions = {}) {
    this.#limits = { ...defaultLimits, ...limits }
    this.#onViolation = onViolation
    this.#builder = new TreeBuilder(this.#limits, error => this.#violation(error))
    this.#tokenizer = factory(tokenizer)(this.#builder, this.#limits)
  }

  /** Bytes of one top-level element; see {@link Limits}. May be changed between two elements. */
  get stanzaBytes(): number {
    return this.#limits.stanzaBytes
  }

  set stanzaBytes(bytes: number) {
    this.#limits = { ...this.#limits, stanzaBytes: bytes }
  }

  /** Takes a chunk and returns everything that became complete with it. */
  write(chunk: Uint8Array): ParserEvent[] {
    this.push(chunk)
    const events: ParserEvent[] = []
    for (let event = this.next(); event !== undefined; event = this.next()) events.push(event)
    return events
  }

  /** Takes a chunk; `next()` reads it. */
  push(chunk: Uint8Array): void {
    if (this.#dead || this.#badBytes !== undefined) return
    this.#count()
    const rest = this.#at < this.#text.length ? this.#text.slice(this.#at) : ''
    const restIsAscii = rest === '' || this.#ascii
    this.#text = rest + this.#decode(chunk)
    this.#ascii &&= restIsAscii
    this.#at = 0
    this.#counted = 0
  }

  /** The next event in what was pushed so far, or undefined when more is needed. */
  next(): ParserEvent | undefined {
    const builder = this.#builder
    while (builder.events.length === 0) {
      if (this.#dead) return undefined
      if (builder.closed) return this.#behindTheEnd()
      if (builder.depth === 1 && this.#tokenizer.idle) this.#skipWhiteSpace()
      if (this.#at >= this.#text.length) {
        this.#count()
        this.#clear()
        if (this.#badBytes === undefined) return undefined
        this.#die(this.#badBytes)
        continue
      }
      const inHeader = builder.depth === 0
      try {
        this.#at = this.#tokenizer.write(this.#text, this.#at)
      } catch (error) {
        this.#die(error as StreamError)
        continue
      }
      this.#checkSize(inHeader ? 'stream header' : 'stanza')
      if (builder.events.length > 0) this.#startCount()
    }
    return builder.events.shift()
  }

  /** The stream's root has been closed and every event before it been read; no more will come. */
  get closed(): boolean {
    return this.#builder.closed && this.#builder.events.length === 0
  }

  /** True when nothing has arrived behind the last event: no further element, no half a tag, no half a character. */
  get idle(): boolean {
    const { events, depth } = this.#builder
    const nothing = events.length === 0 && this.#at >= this.#text.length && this.#tail === none
    return nothing && depth <= 1 && this.#tokenizer.idle
  }

  /** What was pushed but not read, taken away: the beginning of a stream that restarts here. */
  takeRest(): Uint8Array {
    const rest = Buffer.concat([Buffer.from(this.#text.slice(this.#at)), this.#tail])
    this.#clear()
    this.#tail = none
    return rest
  }

  #clear(): void {
    this.#text = ''
    this.#at = 0
    this.#counted = 0
  }

  // ── bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The text of a chunk and of what was left of the last one, U+FEFF included: it is an ordinary character (RFC 6120 §11.6). */
  #decode(chunk: Uint8Array): string {
    this.#ascii = this.#tail === none && isAscii(chunk)
    if (this.#ascii) return toBuffer(chunk).toString('latin1')
    const bytes = this.#tail === none ? chunk : Buffer.concat([this.#tail, chunk])
    const end = bytes.length - incompleteTail(bytes)
    let whole = bytes.subarray(0, end)
    if (isUtf8(whole)) this.#tail = end < bytes.length ? Uint8Array.from(bytes.subarray(end)) : none
    else {
      this.#badBytes = badEncoding('bytes that are not UTF-8')
      this.#tail = none
      whole = whole.subarray(0, validLength(whole))
    }
    return toBuffer(whole).toString('utf8')
  }

  #startCount(): void {
    this.#bytes = 0
    this.#counted = this.#at
    this.#tooLarge = false
  }

  /** Counts the bytes of what was read since the last time. */
  #count(): void {
    if (this.#at === this.#counted) return
    this.#bytes += this.#ascii ? this.#at - this.#counted : Buffer.byteLength(this.#text.slice(this.#counted, this.#at))
    this.#counted = this.#at
  }

  #checkSize(what: string): void {
    const { stanzaBytes } = this.#limits
    // No unit of text has more than three bytes, and it takes time to count them: it is not done while they cannot be too many.
    if (this.#bytes + (this.#at - this.#counted) * 3 <= stanzaBytes) return
    this.#count()
    if (this.#bytes <= stanzaBytes || this.#tooLarge) return
    this.#tooLarge = true
    this.#violation(tooMuch(`${what} of more than ${stanzaBytes} bytes`))
  }

  /** White space between stanzas is a keepalive (RFC 6120 §4.6.1): it is dropped here and costs nothing further on. */
  #skipWhiteSpace(): void {
    const text = this.#text
    let at = this.#at
    let code = text.charCodeAt(at)
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = text.charCodeAt(++at)
    this.#at = at
    this.#counted = at
    if (at < text.length && code !== 0x3c) {
      const end = text.indexOf('<', at)
      this.#at = end < 0 ? text.length : end
      this.#counted = this.#at
      this.#violation(new StreamError('bad-format', 'text between stanzas'))
    }
  }

  /** No more can come but white space (XML 1.0 §2.1). */
  #behindTheEnd(): undefined {
    const rest = this.#text.slice(this.#at)
    this.#clear()
    if (/[^ \t\r\n]/.test(rest)) this.#die(notWellFormed('something behind the end of the stream'))
    else if (this.#badBytes !== undefined) this.#die(this.#badBytes)
    return undefined
  }

  #violation(error: StreamError): void {
    if (this.#onViolation === undefined) {
      this.#dead = true
      throw error
    }
    this.#onViolation(error)
  }

  /** Nothing can be read any more. */
  #die(error: StreamError): void {
    this.#dead = true
    this.takeRest()
    this.#violation(error)
  }
}

const none = new Uint8Array()

function factory(tokenizer: 'strict' | 'sax' | TokenizerFactory): TokenizerFactory {
  if (typeof tokenizer !== 'string') return tokenizer
  return tokenizer === 'sax' ? saxTokenizer : strictTokenizer
}

function toBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** How many bytes at the end are the beginning of a character that may go on (RFC 3629 §4). */
function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number
    if (byte < 0x80) return 0
    if (byte < 0xc0) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    return back < length && mayFollow(byte, bytes[bytes.length - back + 1]) ? back : 0
  }
  return 0
}

/** Overlong forms, surrogates and what lies beyond U+10FFFF show in the first two bytes; 0xC0, 0xC1 and 0xF5 and up begin nothing. */
function mayFollow(lead: number, second: number | undefined): boolean {
  if (lead < 0xc2 || lead > 0xf4) return false
  if (second === undefined) return true
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  return second >= least && second <= most
}

/** How many bytes at the beginning are whole characters of UTF-8. */
function validLength(bytes: Uint8Array): number {
  let good = 0
  let bad = bytes.length
  // Whatever begins valid text is valid itself but for a character that is cut, so the border can be found by halving.
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    const part = bytes.subarray(0, middle)
    if (isUtf8(part.subarray(0, middle - incompleteTail(part)))) good = middle
    else bad = middle
  }
  return good - incompleteTail(bytes.subarray(0, good))
}
