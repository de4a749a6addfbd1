/** Kinds of characters: bits of the entries of {@link kinds}. */
export const NAME_START = 1
export const NAME = 2
export const SPACE = 4
/** Where a run of character data has to be looked at. */
export const TEXT_STOP = 8
/** Where a run of an attribute's value has to be looked at. */
export const VALUE_STOP = 16

function tabulate(): Uint8Array {
  const table = new Uint8Array(65_536)
  for (const [first, last = first] of nameStart) table.fill(NAME_START | NAME, first, last + 1)
  for (const [first, last = first] of nameOther) table.fill(NAME, first, last + 1)
  for (const [first, last = first] of forbidden) table.fill(TEXT_STOP | VALUE_STOP, first, last + 1)
  const mark = (chars: string, kind: number): void => {
    for (const char of chars) table[char.charCodeAt(0)] = (table[char.charCodeAt(0)] as number) | kind
  }
  mark(' \t\r\n', SPACE)
  mark('<&>\r', TEXT_STOP)
  mark('<&\'"\t\r\n', VALUE_STOP)
  return table
}

/** Whether a character, by its code point, may stand in XML at all, be it written as a reference (§2.2, §4.1). */
export function isCharacter(code: number): boolean {
  if (code < 0x20) return code === 0x09 || code === 0x0a || code === 0x0d
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x1_0000 && code <= 0x10_ffff)
}

type Range = readonly [first: number, last?: number]

// §2.3, productions 4 and 4a. The planes U+10000 to U+EFFFF are the pairs that begin with U+D800 to U+DB7F.
const nameStart: readonly Range[] = [
  [0x3a],
  [0x41, 0x5a],
  [0x5f],
  [0x61, 0x7a],
  [0xc0, 0xd6],
  [0xd8, 0xf6],
  [0xf8, 0x2ff],
  [0x370, 0x37d],
  [0x37f, 0x1fff],
  [0x200c, 0x200d],
  [0x2070, 0x218f],
  [0x2c00, 0x2fef],
  [0x3001, 0xdb7f],
  [0xf900, 0xfdcf],
  [0xfdf0, 0xfffd],
]
const nameOther: readonly Range[] = [
  [0x2d, 0x2e],
  [0x30, 0x39],
  [0xb7],
  [0x300, 0x36f],
  [0x203f, 0x2040],
  [0xdc00, 0xdfff],
]
const forbidden: readonly Range[] = [
  [0x00, 0x08],
  [0x0b, 0x0c],
  [0x0e, 0x1f],
  [0xfffe, 0xffff],
]

/**
 * What each UTF-16 unit may be in XML 1.0 (§2.2, §2.3): one look into a table instead of a dozen comparisons. A character beyond
 * U+FFFF is judged by its first unit, since names may hold whole planes of them and text all.
 */
export const kinds: Uint8Array = tabulate()

/** Whether a text is a name without a colon (Namespaces in XML 1.0 §3, production 4). */
export function isName(text: string): boolean {
  if (((kinds[text.charCodeAt(0)] ?? 0) & NAME_START) === 0) return false
  for (let at = 1; at < text.length; at++) if (((kinds[text.charCodeAt(at)] as number) & NAME) === 0) return false
  // A string may hold half a pair of surrogates, which is no character.
  return !text.includes(':') && !(/[\ud800-\udfff]/.test(text) && /\p{Surrogate}/u.test(text))
}
