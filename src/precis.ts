import { XmppError } from './errors.ts'
import { bidiFault, isRightToLeft } from './unicode/bidi.ts'
import { contextFault } from './unicode/context.ts'
import { lazily } from './unicode/lazily.ts'
import {
  exception,
  hasCompat,
  joinControl,
  letterDigit,
  nameOf,
  oldHangulJamo,
  originOf,
  unassigned,
} from './unicode/properties.ts'
import { mapWidth } from './unicode/width.ts'

/**
 * The UsernameCaseMapped profile (RFC 8265 §3.3), which a localpart follows: width mapping, lower case, NFC, the IdentifierClass
 * of RFC 8264 §4.2 and the Bidi Rule. What is prepared already comes back as it is. `what` names the text in errors.
 *
 * The code points are checked last, as RFC 8264 §7 orders it, not once more before (RFC 8265 §3.3.2): so U+212B ANGSTROM SIGN
 * and a decomposed Hangul syllable become the characters that they canonically are, as everywhere else.
 * @throws XmppError `XMPP_JID_MALFORMED` that says which code point is wrong and why. What a later Unicode than this Node's
 * (`process.versions.unicode`) assigns is refused.
 */
export function usernameCaseMapped(text: string, what = 'username'): string {
  if (ascii7.test(text)) return text.toLowerCase()
  const prepared = stable(text, what, mapUsername)
  check(prepared, what, inIdentifierClass, char => originOf(char, text, mapUsername))
  const fault = isRightToLeft(prepared) ? bidiFault(prepared) : undefined
  if (fault !== undefined) throw invalid(what, fault)
  return prepared
}

/**
 * The OpaqueString profile (RFC 8265 §4.2), which a resourcepart follows: every space becomes U+0020, NFC, and the FreeformClass
 * of RFC 8264 §4.3. Case and width stay. `what` names the text in errors.
 * @throws XmppError as {@link usernameCaseMapped}
 */
export function opaqueString(text: string, what = 'string'): string {
  if (printableAscii.test(text)) return text
  const prepared = stable(text, what, mapOpaque)
  check(prepared, what, inFreeformClass, char => originOf(char, text, mapOpaque))
  return prepared
}

/** Width, case and form, in the order of RFC 8264 §7. */
export function mapUsername(text: string): string {
  return mapWidth(text).toLowerCase().normalize('NFC')
}

function mapOpaque(text: string): string {
  return text.replace(spaces, ' ').normalize('NFC')
}

/** RFC 8264 §7: rules are applied until they change nothing, three times more at most. */
function stable(text: string, what: string, map: (text: string) => string): string {
  let before = text
  for (let round = 0; round < 4; round++) {
    const after = map(before)
    if (after === before) return after
    before = after
  }
  throw invalid(what, 'preparing it comes to no end')
}

function check(text: string, what: string, allowed: (char: string) => boolean, origin: (char: string) => string): void {
  if (text === '') throw invalid(what, 'it is empty')
  for (const char of text) {
    if (!allowed(char)) throw invalid(what, `${nameOf(origin(char))}, may not be in it`)
  }
  const context = contextFault(text)
  if (context !== undefined) throw invalid(what, context)
}

/** PVALID, CONTEXTJ and CONTEXTO of the IdentifierClass, by the algorithm of RFC 8264 §8. */
function inIdentifierClass(char: string): boolean {
  return inEitherClass(char) ?? (!hasCompat(char) && letterDigit.test(char))
}

/** The same of the FreeformClass, which adds compatibility characters, spaces, symbols and punctuation. */
function inFreeformClass(char: string): boolean {
  return inEitherClass(char) ?? (freeform.test(char) || hasCompat(char))
}

/** The part of the algorithm that both classes share; undefined for code points that it does not decide. */
function inEitherClass(char: string): boolean | undefined {
  if (ascii7.test(char)) return true
  const known = exception(char)
  if (known !== undefined) return known !== 'disallowed'
  if (unassigned.test(char)) return false
  if (joinControl.test(char)) return true
  return oldHangulJamo.test(char) || ignorableOrControl.test(char) ? false : undefined
}

/** RFC 8264 §9.11. The exceptions hold none of it. */
const ascii7 = /^[!-~]+$/
/** The same and the space. */
const printableAscii = /^[ -~]+$/
/** PrecisIgnorableProperties and Controls (RFC 8264 §9.13, §9.12). */
/** The category Zs. */
const spaces = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g
const ignorableOrControl = lazily(String.raw`^[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\p{Cc}]$`)
/** LetterDigits, OtherLetterDigits, Spaces, Symbols and Punctuation (RFC 8264 §9.1, §9.18, §9.14 to §9.16). */
const freeform = lazily(String.raw`^[\p{L}\p{M}\p{N}\p{Zs}\p{S}\p{P}]$`)

function invalid(what: string, why: string): XmppError {
  return new XmppError('XMPP_JID_MALFORMED', `the ${what} is not valid: ${why}`, { condition: 'jid-malformed' })
}
