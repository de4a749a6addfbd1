import { createRequire } from 'node:module'
import { nameOf } from '../unicode/properties.ts'

/**
 * Why SASLprep (RFC 4013) takes a password from nobody, undefined when it does: with such a one no login by SASL can succeed. What a
 * later Unicode than its 3.2 has assigned may stand in one. Names the code point and where it stands, and nothing else of the password.
 */
export function passwordFault(password: string): string | undefined {
  // It changes nothing of plain ASCII; for that its tables need not be loaded.
  if (/^[\x20-\x7e]*$/.test(password)) return undefined
  const characters = [...password]
  const at = characters.findIndex(character => outcome(character) === 'refused')
  const character = characters[at]
  if (character !== undefined) {
    return `${nameOf(character)}, may not be in it (SASLprep, RFC 4013 §2.3): it is character ${at + 1}`
  }
  switch (outcome(password)) {
    case 'nothing':
      return `${nameOf(characters[0] ?? '')}, and whatever else is in it, is dropped by SASLprep (RFC 4013 §2.1): nothing is left`
    case 'refused':
      return 'it has letters that are written from right to left, and so must begin and end with one, and have none that is written from left to right (SASLprep, RFC 3454 §6)'
    default:
      return undefined
  }
}

let loaded: typeof import('saslprep').default | undefined

/** What SASLprep makes of a text: it takes it, leaves nothing of it, or refuses it, a single character only as prohibited. */
function outcome(text: string): 'taken' | 'nothing' | 'refused' {
  loaded ??= createRequire(import.meta.url)('saslprep') as NonNullable<typeof loaded>
  try {
    return loaded(text, { allowUnassigned: true }) === '' ? 'nothing' : 'taken'
  } catch (error) {
    // It looks at the first character without asking whether there is one.
    return error instanceof TypeError ? 'nothing' : 'refused'
  }
}
