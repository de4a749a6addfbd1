import { isCharacter, kinds, NAME_START } from './characters.ts'
import { notWellFormed } from './tokenizer.ts'

const predefined: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['apos', "'"],
  ['quot', '"'],
])

/**
 * What a reference stands for, given what is between `&` and `;`. Undefined for an entity that is not one of XML's own five; XMPP
 * has no others (RFC 6120 §11.1).
 * @throws StreamError `not-well-formed` for what is no reference, or refers to a character that is none of XML's
 */
export function resolveReference(name: string): string | undefined {
  if (!name.startsWith('#')) {
    const first = kinds[name.charCodeAt(0)] ?? 0
    if ((first & NAME_START) === 0 || name.includes('#')) throw notWellFormed('an & that begins no reference')
    return predefined.get(name)
  }
  const digits = /^#(?:x0*([0-9a-fA-F]{1,6})|0*([0-9]{1,7}))$/.exec(name)
  const code = digits?.[1] === undefined ? Number(digits?.[2] ?? -1) : Number.parseInt(digits[1], 16)
  if (!isCharacter(code)) throw notWellFormed(`&${name.slice(0, 50)}; is none of XML's characters`)
  return String.fromCodePoint(code)
}
