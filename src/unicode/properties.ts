import { codePointName } from '../printable.ts'
import { lazily, type Pattern } from './lazily.ts'

/**
 * What IDNA2008 (RFC 5892 §2) and PRECIS (RFC 8264 §9) ask of Unicode, one code point at a time. Answers come from the tables
 * of the running Node (`process.versions.unicode`): what a later Unicode assigns is unassigned here, and is refused.
 */

/** Letters, digits and the marks that go with them (RFC 5892 §2.1, RFC 8264 §9.1). */
export const letterDigit = lazily(String.raw`^[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]$`)

/** RFC 5892 §2.10, RFC 8264 §9.10; not the noncharacters, which never will be assigned. */
export const unassigned = lazily(String.raw`^(?!\p{Noncharacter_Code_Point})\p{Cn}$`)

/** Conjoining jamo, Hangul_Syllable_Type L, V and T (RFC 5892 §2.9, RFC 8264 §9.9). */
export const oldHangulJamo = /^[\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7c6\ud7cb-\ud7fb]$/

/** ZERO WIDTH NON-JOINER and ZERO WIDTH JOINER (RFC 5892 §2.8, RFC 8264 §9.8). */
export const joinControl = /^[\u200c\u200d]$/

/** Another character in disguise: NFKC makes something else of it (RFC 8264 §9.17). */
export function hasCompat(char: string): boolean {
  return char.normalize('NFKC') !== char
}

/**
 * What RFC 5892 §2.6 and RFC 8264 §9.6 decide by hand: allowed, allowed in a context, or not; undefined for every other code
 * point. (The lists of backward compatible ones, §2.7 and §9.7, are empty to this day.)
 */
export function exception(char: string): 'allowed' | 'contextual' | 'disallowed' | undefined {
  if (exceptionsAllowed.test(char)) return 'allowed'
  if (exceptionsContextual.test(char)) return 'contextual'
  return exceptionsDisallowed.test(char) ? 'disallowed' : undefined
}

/**
 * Canonical_Combining_Class=Virama, 9. There is no such property in regular expressions, but canonical order sorts marks by
 * their class: a virama stays behind U+3099, of class 8, and goes before U+05B0, of class 10.
 */
export function isVirama(char: string): boolean {
  if (!mark.test(char)) return false
  return `${char}\u3099`.normalize('NFD') === `\u3099${char}` && `\u05b0${char}`.normalize('NFD') === `${char}\u05b0`
}

/** What a code point is, for an error message: `U+2665, a symbol`. */
export function nameOf(char: string): string {
  const [, kind] = kinds.find(([pattern]) => pattern.test(char)) ?? [undefined, 'no letter or digit']
  return `${codePointName(char.codePointAt(0) ?? 0)}, ${oldHangulJamo.test(char) ? 'a conjoining jamo' : kind}`
}

/** The code point of a text that a mapping made this one of, so that an error can name what was typed; itself when none was. */
export function originOf(char: string, text: string, map: (text: string) => string): string {
  if (text.includes(char)) return char
  for (const candidate of text) {
    if (map(candidate).includes(char)) return candidate
  }
  return char
}

const mark = lazily(String.raw`^(?![\u05b0\u3099])[\p{Mn}\p{Mc}]$`)
const exceptionsAllowed = /^[\u00df\u03c2\u06fd\u06fe\u0f0b\u3007]$/
const exceptionsContextual = /^[\u00b7\u0375\u05f3\u05f4\u30fb\u0660-\u0669\u06f0-\u06f9]$/
const exceptionsDisallowed = /^[\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b]$/

const kinds: readonly (readonly [Pattern, string])[] = [
  [lazily(String.raw`^\p{Cs}$`), 'half a surrogate pair'],
  [lazily(String.raw`^\p{Noncharacter_Code_Point}$`), 'no character'],
  [lazily(String.raw`^\p{Cn}$`), `unassigned in Unicode ${process.versions.unicode ?? 'of this Node'}`],
  [lazily(String.raw`^\p{Cc}$`), 'a control character'],
  [lazily(String.raw`^\p{Z}$`), 'a space'],
  [lazily(String.raw`^[\p{Default_Ignorable_Code_Point}\p{Cf}]$`), 'an invisible character'],
  [lazily(String.raw`^\p{Co}$`), 'a character for private use'],
  [lazily(String.raw`^\p{S}$`), 'a symbol'],
  [lazily(String.raw`^\p{P}$`), 'a punctuation mark'],
  [lazily(String.raw`^[\p{Lu}\p{Lt}]$`), 'a capital letter'],
  [lazily(String.raw`^\p{M}$`), 'a combining mark'],
  [lazily(String.raw`^\p{N}$`), 'a numeral'],
  [lazily(String.raw`^\p{L}$`), 'a letter'],
]
