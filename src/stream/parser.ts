import { isAscii, isUtf8 } from 'node:buffer'
import { StreamError } from '../errors.ts'
import { TreeBuilder } from './builder.ts'
import { isCharacter } from './characters.ts'
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
import { incompleteTail, validLength } from './utf8.ts'

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
   * some ill-formed XML pass, so that an element may hold what makes its `toString()` throw; or one of your own.
   */
  readonly tokenizer?: 'strict' | 'sax' | TokenizerFactory
  /**
   * For testers: violations are handed to this function instead of being thrown. After one that is only forbidden or too big
   * reading goes on; after text that is not well-formed, which no reader can follow, the rest of the stream is ignored.
   * What is too big is then held whole, however large it grows: throw from this function to refuse it, and what it throws ends reading.
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
  /** Bytes behind the text: the beginning of a character that is cut there, or those that are none. */
  #tail: Uint8Array = none
  /** What was pushed and is not yet text. */
  readonly #waiting: Uint8Array[] = []
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
    this.#limits = withDefaults(limits)
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

  /**
   * Takes a chunk and returns everything that became complete with it. When it throws, what the chunk held before the fault is lost;
   * `push()` and `next()` give that first.
   */
  write(chunk: Uint8Array): ParserEvent[] {
    this.push(chunk)
    const events: ParserEvent[] = []
    for (let event = this.next(); event !== undefined; event = this.next()) events.push(event)
    return events
  }

  /** Takes a chunk; `next()` reads it. */
  push(chunk: Uint8Array): void {
    if (this.#dead || this.#badBytes !== undefined) return
    const allIsRead = this.#at >= this.#text.length && this.#waiting.length === 0
    if (allIsRead && chunk.length <= PIECE) this.#load(chunk)
    // A copy, for the chunk is its owner's again.
    else this.#waiting.push(new Uint8Array(chunk))
  }

  /** The next event in what was pushed so far, or undefined when more is needed. */
  next(): ParserEvent | undefined {
    const builder = this.#builder
    while (builder.events.length === 0) {
      if (this.#dead) return undefined
      if (builder.closed) return this.#behindTheEnd()
      if (builder.depth === 1 && this.#tokenizer.idle) this.#betweenStanzas()
      if (this.#at >= this.#text.length) {
        if (this.#badBytes !== undefined) this.#die(this.#badBytes)
        else if (!this.#loadWaiting()) return this.#rest()
        continue
      }
      const inHeader = builder.depth === 0
      try {
        this.#at = this.#tokenizer.write(this.#text, this.#at)
      } catch (error) {
        this.#die(error)
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
    const noText = this.#at >= this.#text.length && this.#waiting.length === 0 && this.#tail === none
    return noText && events.length === 0 && depth <= 1 && this.#tokenizer.idle
  }

  /** What was pushed but not read, taken away: the beginning of a stream that restarts here. */
  takeRest(): Uint8Array {
    const rest = Buffer.concat([Buffer.from(this.#text.slice(this.#at)), this.#tail, ...this.#waiting])
    this.#clear()
    this.#tail = none
    this.#waiting.length = 0
    return rest
  }

  #clear(): void {
    this.#text = ''
    this.#at = 0
    this.#counted = 0
  }

  /** Makes text of the next piece of what waits; false when nothing does. */
  #loadWaiting(): boolean {
    this.#count()
    this.#clear()
    const [first] = this.#waiting
    if (first === undefined) return false
    if (first.length <= PIECE) this.#waiting.shift()
    else this.#waiting[0] = first.subarray(PIECE)
    this.#load(first.subarray(0, PIECE))
    return true
  }

  #load(piece: Uint8Array): void {
    this.#count()
    this.#text = this.#decode(piece)
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
      whole = whole.subarray(0, validLength(whole))
      // So many show what is wrong to whoever takes over from here.
      this.#tail = Uint8Array.from(bytes.subarray(whole.length, whole.length + 4))
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
  #betweenStanzas(): void {
    const text = this.#text
    let at = this.#at
    let code = text.charCodeAt(at)
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = text.charCodeAt(++at)
    this.#at = at
    this.#counted = at
    // The tokenizer tells what is wrong with a reference, or with what is no character. All else is wrong for being here, whatever
    // follows it.
    if (at < text.length && code !== LESS_THAN && code !== AMPERSAND && isCharacter(text.codePointAt(at) as number)) {
      this.#builder.textBetweenStanzas()
    }
  }

  #rest(): undefined {
    if (this.#builder.depth !== 1 || !this.#tokenizer.idle) return
    this.#builder.rest()
    this.#tokenizer.rest?.()
  }

  /** No more can come but white space (XML 1.0 §2.1). */
  #behindTheEnd(): undefined {
    do {
      if (/[^ \t\r\n]/.test(this.#text.slice(this.#at))) {
        return this.#die(notWellFormed('something behind the end of the stream'))
      }
      if (this.#badBytes !== undefined) return this.#die(this.#badBytes)
    } while (this.#loadWaiting())
    return undefined
  }

  #violation(error: StreamError): void {
    if (this.#onViolation === undefined) {
      this.#dead = true
      throw error
    }
    try {
      this.#onViolation(error)
    } catch (thrown) {
      this.#dead = true
      throw thrown
    }
  }

  /** Nothing can be read any more. */
  #die(error: unknown): undefined {
    const told = this.#dead
    this.#dead = true
    this.takeRest()
    if (told || !(error instanceof StreamError)) throw error
    this.#violation(error)
  }
}

const LESS_THAN = 0x3c
const AMPERSAND = 0x26
/** Bytes that are made text at once. A tokenizer may look at all of the text for each tag. */
const PIECE = 65_536
const none = new Uint8Array()

/** What is given as undefined is not given: a limit of nothing would let everything pass. */
function withDefaults(limits?: Partial<Limits>): Limits {
  if (limits === undefined) return defaultLimits
  const given = Object.entries(limits).filter(([, limit]) => limit !== undefined)
  return { ...defaultLimits, ...Object.fromEntries(given) }
}

function factory(tokenizer: 'strict' | 'sax' | TokenizerFactory): TokenizerFactory {
  if (typeof tokenizer !== 'string') return tokenizer
  return tokenizer === 'sax' ? saxTokenizer : strictTokenizer
}

function toBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
