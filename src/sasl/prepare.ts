import { XmppError } from '../errors.ts'
import { codePointName } from '../printable.ts'

/**
 * SASLprep (RFC 4013) of a user name or password. Code points that Unicode 3.2 did not have yet are taken as they are: what may be stored is the
 * server's to say, and it compares. The library is loaded only for text that is not plain ASCII, for which SASLprep changes nothing.
 * @throws XmppError `XMPP_SASLPREP` for a character that must not stand there; the text itself is not quoted
 */
export async function prepare(text: string, what: 'user name' | 'password'): Promise<string> {
  if (text === '') throw new XmppError('XMPP_SASLPREP', `the ${what} is empty`)
  if (printableAscii.test(text)) return text
  const { default: saslprep } = await import('saslprep')
  const prepared = (part: string): string => saslprep(part, { allowUnassigned: true })
  try {
    return prepared(text)
  } catch (cause) {
    throw new XmppError('XMPP_SASLPREP', `the ${what} ${faultOf(text, prepared)} (RFC 4013)`, { cause })
  }
}

/** What is wrong with it: a character, or if each is good by itself, all of them together. */
function faultOf(text: string, prepared: (part: string) => string): string {
  let counting = 0
  for (const [at, char] of [...text].entries()) {
    try {
      prepared(char)
    } catch (error) {
      // Of what maps to nothing nothing is left, in which the library then finds no first character.
      if (error instanceof TypeError) continue
      return `holds ${codePointName(char.codePointAt(0) ?? 0)} as its character ${at + 1}, which SASL does not allow`
    }
    counting++
  }
  if (counting === 0) return 'consists of characters that count for nothing'
  return 'mixes letters that are written from right to left with others'
}

const printableAscii = /^[\x20-\x7e]+$/
