import { isTransparent, joinsNext, joinsPrevious } from './joining.ts'
import { lazily } from './lazily.ts'
import { isVirama, nameOf } from './properties.ts'

/**
 * The contextual rules of RFC 5892 appendix A, which IDNA2008 and PRECIS (RFC 8264 §8) share: which code point of a label or
 * string stands where it may not, and why; undefined when none does.
 */
export function contextFault(text: string): string | undefined {
  if (!contextual.test(text)) return undefined
  const facts = {
    japanese: japanese.test(text),
    bothNumerals: arabicIndic.test(text) && easternArabicIndic.test(text),
  }
  const chars = Array.from(text)
  for (const [at, char] of chars.entries()) {
    const rule = contextual.test(char) ? brokenRule(chars, at, facts) : undefined
    if (rule !== undefined) return `${nameOf(char)}, may stand ${rule}`
  }
  return undefined
}

interface Facts {
  readonly japanese: boolean
  readonly bothNumerals: boolean
}

/** Where the code point at this index would be allowed; undefined when that is where it is. */
function brokenRule(chars: readonly string[], at: number, facts: Facts): string | undefined {
  const [before, char, behind] = [chars[at - 1] ?? '', chars[at], chars[at + 1] ?? '']
  switch (char) {
    case '\u200c': // A.1
      if (isVirama(before) || betweenJoining(chars, at)) return undefined
      return 'only behind a virama or between letters that join'
    case '\u200d': // A.2
      return isVirama(before) ? undefined : 'only behind a virama'
    case '\u00b7': // A.3, the Catalan ela geminada
      return before === 'l' && behind === 'l' ? undefined : 'only between two l'
    case '\u0375': // A.4
      return greek.test(behind) ? undefined : 'only before a Greek letter'
    case '\u05f3': // A.5
    case '\u05f4': // A.6
      return hebrew.test(before) ? undefined : 'only behind a Hebrew letter'
    case '\u30fb': // A.7
      return facts.japanese ? undefined : 'only beside Hiragana, Katakana or Han'
    default: // A.8 and A.9
      return facts.bothNumerals ? 'only without numerals of the other Arabic-Indic kind' : undefined
  }
}

/** RFC 5892 appendix A.1: `(Joining_Type:{L,D})(Joining_Type:T)* ZWNJ (Joining_Type:T)*(Joining_Type:{R,D})`. */
function betweenJoining(chars: readonly string[], at: number): boolean {
  let [before, behind] = [at - 1, at + 1]
  while (isTransparent(chars[before] ?? '')) before--
  while (isTransparent(chars[behind] ?? '')) behind++
  return joinsNext(chars[before] ?? '') && joinsPrevious(chars[behind] ?? '')
}

const contextual = /[\u00b7\u0375\u05f3\u05f4\u0660-\u0669\u06f0-\u06f9\u200c-\u200d\u30fb]/
const greek = lazily(String.raw`^\p{Script=Greek}$`)
const hebrew = lazily(String.raw`^\p{Script=Hebrew}$`)
const japanese = lazily(String.raw`[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]`)
const arabicIndic = /[\u0660-\u0669]/
const easternArabicIndic = /[\u06f0-\u06f9]/
