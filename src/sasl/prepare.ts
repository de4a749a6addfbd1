import { XmppError } from '../errors.ts'
import { codePointName } from '../printable.ts'
import { type Prepared, saslPrepared } from '../stringprep.ts'

/**
 * SASLprep (RFC 4013) of a user name or password.
 * @throws XmppError `XMPP_SASLPREP` for a character that must not stand there; the text itself is not quoted
 */
export async function prepare(text: string, what: 'user name' | 'password'): Promise<string> {
  if (text === '') throw new XmppError('XMPP_SASLPREP', `the ${what} is empty`)
  const prepared = saslPrepared(text)
  if ('text' in prepared) return prepared.text
  throw new XmppError('XMPP_SASLPREP', `the ${what} ${wordsFor(prepared)} (RFC 4013)`)
}

function wordsFor(prepared: Exclude<Prepared, { readonly text: string }>): string {
  switch (prepared.fault) {
    case 'prohibited': {
      const name = codePointName(prepared.character.codePointAt(0) ?? 0)
      return `holds ${name} as its character ${prepared.position}, which SASL does not allow`
    }
    case 'nothing':
      return 'consists of characters that count for nothing'
    case 'direction':
      return 'mixes letters that are written from right to left with others'
  }
}
