import { StreamError } from '../errors.ts'
import type { QName } from './qname.ts'

/** What a tokenizer reports. */
export interface TokenHandler {
  /** An attribute or a namespace declaration of the tag whose `open()` comes next. */
  attribute(name: QName, value: string): void
  open(name: QName): void
  /** Character data, references resolved. A run of it may come in pieces. */
  text(text: string): void
  close(): void
  /** Something XMPP forbids in well-formed XML (RFC 6120 §11.1), or a limit passed. May throw, may go on. */
  violation(error: StreamError): void
}

/**
 * Cuts XML text into tags and character data. The well-formedness of both is its business: it throws a StreamError for text that
 * is not. Namespaces and attributes given twice, the shape of streams and the size of stanzas are the business of the tree builder.
 */
export interface Tokenizer {
  /**
   * Reads on in `text` from the offset `from`, at least one character, at most to the end of one tag, and returns the offset
   * where it stopped. A token cut by the end of `text` goes on with the next call. The text is of whole characters: a surrogate pair
   * is not cut.
   */
  write(text: string, from: number): number
  /** Nothing of a tag, a reference or a section is waiting for more. */
  readonly idle: boolean
  /** Nothing has arrived for now: what is held beyond what is needed may go. */
  rest?(): void
}

/** What one tag may hold. */
export interface TokenLimits {
  /** Attributes of one element, namespace declarations included. */
  readonly attributes: number
  /** UTF-16 units in the name of an element or attribute, prefix included, or in a reference. */
  readonly nameLength: number
}

/** Makes the tokenizer of one stream. */
export type TokenizerFactory = (handler: TokenHandler, limits: TokenLimits) => Tokenizer

/** An error about text that breaks a rule of XML itself. */
export function notWellFormed(why: string, cause?: unknown): StreamError {
  return new StreamError('not-well-formed', why, cause === undefined ? {} : { cause })
}

/** An error about something that XML has and XMPP has not. */
export function restricted(what: string): StreamError {
  return new StreamError('restricted-xml', `${what} not allowed`)
}

/** An error about too much of something. */
export function tooMuch(what: string): StreamError {
  return new StreamError('policy-violation', what)
}

/** An error about text that is not UTF-8, or says so of itself. */
export function badEncoding(what: string): StreamError {
  return new StreamError('unsupported-encoding', what)
}

/**
 * Checks an XML declaration (XML 1.0 §2.8, RFC 6120 §11.5): what stands between `<?xml` and `?>`. Returns what is wrong with the
 * encoding it declares.
 * @throws StreamError `not-well-formed`
 */
export function readDeclaration(body: string): StreamError | undefined {
  const found = declaration.exec(body)
  if (found === null) throw notWellFormed('bad XML declaration')
  const encoding = found[1] ?? found[2]
  if (encoding === undefined || /^utf-8$/i.test(encoding)) return undefined
  return badEncoding(`the stream declares the encoding ${encoding.slice(0, 50)}`)
}

const declaration = new RegExp(
  [
    /^[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:'1\.[0-9]+'|"1\.[0-9]+")/,
    /(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:'([A-Za-z][A-Za-z0-9._-]*)'|"([A-Za-z][A-Za-z0-9._-]*)"))?/,
    /(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:'(?:yes|no)'|"(?:yes|no)"))?[ \t\r\n]*$/,
  ]
    .map(part => part.source)
    .join(''),
)
