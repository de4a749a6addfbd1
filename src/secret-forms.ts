import { printable } from './printable.ts'
import { Element, emptyAttrs } from './stream/element.ts'
import { escapeAttribute, escapeXml, sendable } from './stream/escape.ts'
import { saslPrepared } from './stringprep.ts'

/** Takes secrets out of a text of a peer's. */
export type Hide = (text: string) => string

/** What stands in the place of a secret. */
export const MASK = '[masked]'

/** Characters that a secret must have to be looked for: what is shorter is found in the middle of words, and masking those would tell it. */
const SHORTEST = 4

/**
 * Hides secrets in whatever form a peer may repeat them: as they are, as SASL prepares them, escaped for XML, a URL, JSON or a log, in base64
 * as part of anything, in hexadecimal. The forms are found when the first text comes, once; most logins have none.
 * @param derived what was made of secrets and shown in their place, such as a digest; it is looked for as it is
 */
export function hiding(secrets: Iterable<string | undefined>, derived: Iterable<string> = []): Hide {
  let forms: readonly Form[] | undefined
  return text => {
    if (text.length < SHORTEST) return text
    forms ??= formsOf(secrets, derived)
    return forms.length === 1 ? text : masked(text, forms)
  }
}

/** The element with secrets hidden wherever text of a peer's can stand: in it, in its attributes, in names and namespaces. */
export function hideInElement({ name, ns, attrs, children }: Element, hide: Hide): Element {
  // A name is to stay one, or the element could not be written down.
  const hideName = (text: string): string => hide(text).replaceAll(MASK, 'masked')
  const shown = emptyAttrs()
  for (const [key, value] of Object.entries(attrs)) shown[hideName(key)] = value && hide(value)
  const content = children.map(child => (typeof child === 'string' ? hide(child) : hideInElement(child, hide)))
  return new Element(hideName(name), hideName(ns), shown, content)
}

/** What is looked for. */
interface Form {
  readonly text: string
  /** It stands for all characters of base64 around it. */
  readonly run: boolean
}

function formsOf(secrets: Iterable<string | undefined>, derived: Iterable<string>): Form[] {
  const plain = new Set<string>()
  const cores = new Set<string>()
  for (const secret of secrets) {
    if (secret === undefined || secret.length < SHORTEST) continue
    for (const form of new Set([secret, prepared(secret)])) {
      // What is left of one that SASL prepares may be nothing.
      if (form.length < SHORTEST) continue
      for (const written of writings(form)) plain.add(written)
      for (const core of base64Cores(form)) cores.add(core)
    }
  }
  for (const text of derived) {
    if (text.length < SHORTEST) continue
    for (const written of [text, text.toUpperCase(), xml(escapeXml, text)]) plain.add(written)
  }
  // A mask that is there already is no place to look for a secret in, such as the word `masked`.
  plain.add(MASK)
  return [...[...plain].map(text => ({ text, run: false })), ...[...cores].map(text => ({ text, run: true }))]
}

function writings(text: string): string[] {
  const hex = Buffer.from(text).toString('hex')
  const json = JSON.stringify(text).slice(1, -1)
  // A server may have escaped it before it made an element's text of it, which is escaped once more where that is written down.
  const once = escapings.map(write => xml(write, text))
  const twice = once.flatMap(written => escapings.map(write => xml(write, written)))
  return [text, printable(text), json, ...once, ...twice, ...percentEncodings(text), hex, hex.toUpperCase()]
}

const escapings: readonly ((text: string) => string)[] = [
  escapeXml,
  escapeAttribute,
  // What content needs, as most others write it.
  text => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
]

/** What XML cannot carry has reached nobody. */
function xml(write: (text: string) => string, text: string): string {
  return write(sendable(text))
}

/** As in a path, as in a form (a blank is a plus there), and with digits in lower case. */
function percentEncodings(text: string): string[] {
  const forms = [encodeURIComponent(sendable(text)), new URLSearchParams({ x: text }).toString().slice(2)]
  return [...forms, ...forms.map(form => form.replace(/%../g, digits => digits.toLowerCase()))]
}

/**
 * What of the base64 of anything that holds the text depends on the text alone, for the three places it can begin at in a group of three bytes
 * (RFC 4648 §4), in both alphabets.
 */
function base64Cores(text: string): string[] {
  const bytes = Buffer.from(text)
  return [0, 1, 2].flatMap(before => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    const core = encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
    return core.length < SHORTEST ? [] : [core, core.replaceAll('+', '-').replaceAll('/', '_')]
  })
}

/** As SASL shows it; what SASLprep refuses is not shown. */
function prepared(secret: string): string {
  const shown = saslPrepared(secret)
  return 'text' in shown ? shown.text : secret
}

/** One pass for each form, each character of base64 looked at once in it; forms that overlap or touch become one mask. */
function masked(text: string, forms: readonly Form[]): string {
  const spans = forms.flatMap(form => spansOf(form, text))
  if (spans.length === 0) return text
  spans.sort((one, other) => one.from - other.from)
  let result = ''
  let end = 0
  for (const { from, to } of spans) {
    if (from > end || end === 0) result += text.slice(end, from) + MASK
    end = Math.max(end, to)
  }
  return result + text.slice(end)
}

interface Span {
  readonly from: number
  readonly to: number
}

function spansOf({ text: form, run }: Form, text: string): Span[] {
  const spans: Span[] = []
  let end = 0
  for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, end)) {
    let from = at
    const start = end
    end = at + form.length
    if (run) {
      while (from > start && isBase64(text.charCodeAt(from - 1))) from--
      while (isBase64(text.charCodeAt(end))) end++
      for (let padding = 0; padding < 2 && text[end] === '='; padding++) end++
    }
    spans.push({ from, to: end })
  }
  return spans
}

/** Of either alphabet. */
function isBase64(code: number): boolean {
  const letter = code | 0x20
  if (letter >= 0x61 && letter <= 0x7a) return true
  // Digits and their neighbour `/`, `+`, `-`, `_`.
  return (code >= 0x2f && code <= 0x39) || code === 0x2b || code === 0x2d || code === 0x5f
}
