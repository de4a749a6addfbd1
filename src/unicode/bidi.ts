import { lazily } from './lazily.ts'

/**
 * The Bidi Rule of RFC 5893 §2, which keeps text with right-to-left characters from being shown in an order that looks like
 * other text. Regular expressions lack Bidi_Class; for letters, digits, marks and ASCII, which are all that a label and a
 * username may hold, it follows from where a character stands and what it is.
 */

/** An RTL label (RFC 5893 §2): one with a character of class R, AL or AN. */
export function isRightToLeft(text: string): boolean {
  return rightToLeft.test(text)
}

/** Why a label, or a username, does not satisfy the Bidi Rule; undefined when it does. The text is not empty. */
export function bidiFault(text: string): string | undefined {
  const classes = Array.from(text, bidiClass)
  const [first] = classes
  // Conditions 1, 2 and 5: what may begin a text, and what may be in one that begins so.
  if (first !== 'R' && first !== 'L') return 'text beside right-to-left letters has to begin with a letter'
  if (classes.includes(first === 'R' ? 'L' : 'R')) return 'it mixes left-to-right and right-to-left letters'
  if (first === 'L' && classes.includes('AN')) return 'it mixes left-to-right letters and Arabic numerals'
  // Conditions 3 and 6: what may end it, but for marks.
  const last = classes.findLast(kind => kind !== 'NSM')
  if (last === 'ON') return 'text beside right-to-left letters has to end with a letter or a digit'
  // Condition 4. (One that begins with L holds no AN by now.)
  if (classes.includes('EN') && classes.includes('AN')) return 'it mixes European and Arabic numerals'
  return undefined
}

/** R stands for AL too, ON for ES, CS, ET and BN: the Bidi Rule nowhere tells them apart. */
type BidiClass = 'L' | 'R' | 'AN' | 'EN' | 'NSM' | 'ON'

function bidiClass(char: string): BidiClass {
  if (europeanNumeral.test(char)) return 'EN'
  if (arabicNumeral.test(char)) return 'AN'
  if (strongMark.test(char)) return 'L'
  if (mark.test(char)) return 'NSM'
  if (neutral.test(char)) return 'ON'
  return rightToLeft.test(char) ? 'R' : 'L'
}

const europeanNumeral = /^[0-9\u06f0-\u06f9]$/
const arabicNumeral = /^[\u0660-\u0669\u{10d30}-\u{10d39}\u{10d40}-\u{10d49}]$/u
const mark = lazily(String.raw`^\p{Mn}$`)
/** Nonspacing marks that are of class L nevertheless. */
const strongMark = /^[\u0cbf\u0cc6\u{11a07}\u{11a08}\u{11c3f}]$/u
const neutral =
  /^[!-/:-@[-`{-~\u00b7\u02b9\u02ba\u02c2-\u02cf\u02ec\u0375\u200c-\u200d\u2e2f\u30fb\ua67f\ua700-\ua71f\ua788]$/
/** All letters and digits of the areas that Unicode keeps for right-to-left scripts, but for the Eastern Arabic-Indic digits. */
const rightToLeft = lazily(
  String.raw`(?![\u06f0-\u06f9])(?=[\p{L}\p{Nd}\u05f3\u05f4\u06fd\u06fe])[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]`,
)
