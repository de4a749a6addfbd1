import { saslPrepared } from '../stringprep.ts'
import { nameOf } from '../unicode/properties.ts'

/**
 * Why SASLprep (RFC 4013) takes a password from nobody, undefined when it does: with such a one no login by SASL can succeed. Names the code
 * point and where it stands, and nothing else of the password.
 */
export function passwordFault(password: string): string | undefined {
  const prepared = saslPrepared(password)
  if ('text' in prepared) return undefined
  switch (prepared.fault) {
    case 'prohibited': {
      const { character, position } = prepared
      return `${nameOf(character)}, may not be in it (SASLprep, RFC 4013 §2.3): it is character ${position}`
    }
    case 'nothing': {
      const [first = ''] = password
      return `${nameOf(first)}, and whatever else is in it, is dropped by SASLprep (RFC 4013 §2.1): nothing is left`
    }
    case 'direction':
      return 'it has letters that are written from right to left, and so must begin and end with one, and have none that is written from left to right (SASLprep, RFC 3454 §6)'
  }
}
