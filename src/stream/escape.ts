import { XmppError } from '../errors.ts'
import { codePointName } from '../printable.ts'

/**
 * Text ready to stand in XML content or in a quoted attribute value.
 * @throws XmppError `XMPP_XML_CHARACTER` for a character that XML 1.0 cannot carry even escaped (§2.2)
 */
export function escapeXml(text: string): string {
  return escaped(text, specialInText)
}

/** {@link escapeXml}, and LF and TAB, which would be read as spaces if they were sent as they are (XML 1.0 §3.3.3). */
export function escapeAttribute(text: string): string {
  return escaped(text, specialInAttribute)
}

/** The text with every character that XML cannot carry replaced by U+FFFD. */
export function sendable(text: string): string {
  return text.replace(unsendable, '\ufffd')
}

// A CR would be read as LF, or not at all, if it was sent as it is (XML 1.0 §2.11).
const entities = new Map(
  Object.entries({
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    "'": '&apos;',
    '"': '&quot;',
    '\t': '&#9;',
    '\n': '&#10;',
    '\r': '&#13;',
  }).map(([char, entity]) => [char.charCodeAt(0), entity]),
)

/** @param special finds what cannot stay as it is, and what has to be looked at; global, so that it goes on where it was */
function escaped(text: string, special: RegExp): string {
  special.lastIndex = 0
  if (!special.test(text)) return text
  let result = ''
  let from = 0
  do {
    const at = special.lastIndex - 1
    const code = text.charCodeAt(at)
    if (code >= 0xd800) {
      special.lastIndex = checkHigh(text, at, code) + 1
      continue
    }
    const entity = entities.get(code)
    if (entity === undefined) throw unsendableAt(text, at)
    result += text.slice(from, at) + entity
    from = at + 1
  } while (special.test(text))
  return from === 0 ? text : result + text.slice(from)
}

/** Half a pair of surrogates is no character, and neither are U+FFFE and U+FFFF. Returns where the pair ends. */
function checkHigh(text: string, at: number, code: number): number {
  const next = text.charCodeAt(at + 1)
  if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) throw unsendableAt(text, at)
  return at + 1
}

function unsendableAt(text: string, at: number): XmppError {
  const name = codePointName(text.codePointAt(at) ?? 0)
  return new XmppError('XMPP_XML_CHARACTER', `XML cannot carry the character ${name} (at offset ${at})`)
}

// biome-ignore-start lint/suspicious/noControlCharactersInRegex: they are what is looked for
const specialInText = /[&<>'"\u0000-\u0008\u000b-\u001f\ufffe\uffff\ud800-\udfff]/g
const specialInAttribute = /[&<>'"\u0000-\u001f\ufffe\uffff\ud800-\udfff]/g
const unsendable =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: they are what is looked for
