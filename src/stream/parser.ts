import { isAscii } from 'node:buffer'
import { TextDecoder } from 'node:util'
import { StreamError } from '../errors.ts'
import { TreeBuilder } from './builder.ts'
import type { Element } from './element.ts'
import { saxTokenizer } from './sax-tokenizer.ts'
import { strictTokenizer } from './strict-tokenizer.ts'
import type { Tokenizer, TokenizerFactory, TokenLimits } from './tokenizer.ts'

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
  #decoder: TextDecoder | undefined
  /** The first bytes of a character that the last chunk ended in the middle of; the decoder holds them too. */
  #tail: Uint8Array = none
  #text = ''
  #at = 0
  #ascii = true
  /** Bytes of the top-level element under construction. */
  #bytes = 0
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
    const rest = this.#at < this.#text.length ? this.#text.slice(this.#at) : ''
    const restIsAscii = this.#ascii
    this.#text = rest + this.#decode(chunk)
    this.#at = 0
    if (rest !== '' && !restIsAscii) this.#ascii = false
  }

  /** The next event in what was pushed so far, or undefined when more is needed. */
  next(): ParserEvent | undefined {
    const builder = this.#builder
    while (builder.events.length === 0) {
      if (this.#dead || builder.closed) return undefined
      if (builder.depth === 1 && this.#tokenizer.idle) this.#skipWhiteSpace()
      if (this.#at >= this.#text.length) {
        this.#text = ''
        this.#at = 0
        if (this.#badBytes === undefined) return undefined
        this.#die(this.#badBytes)
        continue
      }
      const from = this.#at
      const what = builder.depth === 0 ? 'stream header' : 'stanza'
      try {
        this.#at = this.#tokenizer.write(this.#text, from)
      } catch (error) {
        this.#die(error as StreamError)
        continue
      }
      this.#bytes += this.#ascii ? this.#at - from : Buffer.byteLength(this.#text.slice(from, this.#at))
      if (this.#bytes > this.#limits.stanzaBytes) {
        this.#bytes = 0
        this.#violation(new StreamError('policy-violation', `${what} of more than ${this.#limits.stanzaBytes} bytes`))
      }
      if (builder.events.length > 0) this.#bytes = 0
    }
    return builder.events.shift()
  }

  /** The stream's root has been closed and every event before it been read; no more will come. */
  get closed(): boolean {
    return this.#builder.closed && this.#builder.events.length === 0
  }

  /** True when nothing has arrived behind the last event: no further element, no half a tag, no half a character. */
  get idle(): boolean {
    const { events } = this.#builder
    return events.length === 0 && this.#at >= this.#text.length && this.#tail === none && this.#tokenizer.idle
  }

  /** What was pushed but not read, taken away: the beginning of a stream that restarts here. */
  takeRest(): Uint8Array {
    const rest = Buffer.concat([Buffer.from(this.#text.slice(this.#at)), this.#tail])
    this.#text = ''
    this.#at = 0
    this.#tail = none
    this.#decoder = undefined
    return rest
  }

  #decode(chunk: Uint8Array): string {
    if (this.#tail === none && isAscii(chunk)) {
      this.#ascii = true
      return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')
    }
    this.#ascii = false
    // ignoreBOM keeps U+FEFF in the text, where it is an ordinary character (RFC 6120 §11.6).
    this.#decoder ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    try {
      const text = this.#decoder.decode(chunk, { stream: true })
      this.#tail = incompleteTail(this.#tail, chunk)
      return text
    } catch (error) {
      this.#badBytes = new StreamError('unsupported-encoding', 'bytes that are not UTF-8', { cause: error })
      return validPart(Buffer.concat([this.#tail, chunk]))
    }
  }

  /** White space between stanzas is a keepalive (RFC 6120 §4.6.1): it is dropped here and costs nothing further on. */
  #skipWhiteSpace(): void {
    const text = this.#text
    let at = this.#at
    let code = text.charCodeAt(at)
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = text.charCodeAt(++at)
    this.#at = at
    if (at < text.length && code !== 0x3c) {
      const end = text.indexOf('<', at)
      this.#at = end < 0 ? text.length : end
      this.#violation(new StreamError('bad-format', 'text between stanzas'))
    }
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

/** The bytes of the character that valid UTF-8, which goes on from `before` with `chunk`, ends in the middle of. */
function incompleteTail(before: Uint8Array, chunk: Uint8Array): Uint8Array {
  const end = chunk.length < 3 ? Buffer.concat([before, chunk]) : chunk.subarray(-3)
  for (let at = end.length - 1; at >= 0; at--) {
    const byte = end[at] as number
    if (byte < 0x80) return none
    if (byte < 0xc0) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    return end.length - at < length ? Uint8Array.from(end.subarray(at)) : none
  }
  return none
}

/** The text before the first byte that is not UTF-8. */
function validPart(bytes: Uint8Array): string {
  let good = 0
  let bad = bytes.length
  // Whatever begins valid text is valid itself, so the border can be found by halving.
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (decodes(bytes.subarray(0, middle))) good = middle
    else bad = middle
  }
  const text = new TextDecoder('utf-8', { ignoreBOM: true })
  return text.decode(bytes.subarray(0, good), { stream: true })
}

/** Whether bytes are UTF-8, but for a character that may go on behind them. */
function decodes(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
}
