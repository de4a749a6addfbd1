import { XmppError } from '../errors.ts'

/**
 * SASLprep (RFC 4013) of a user name or password. The library is loaded only for text that is not plain ASCII, for which
 * SASLprep changes nothing.
 * @throws XmppError `XMPP_SASLPREP` for a character that must not stand there; the text itself is not quoted
 */
export async function prepare(text: string, what: 'user name' | 'password'): Promise<string> {
  if (text === '') throw new XmppError('XMPP_SASLPREP', `the ${what} is empty`)
  if (printableAscii.test(text)) return text
  const { default: saslprep } = await import('saslprep')
  try {
    return saslprep(text)
  } catch (error) {
    throw new XmppError(
      'XMPP_SASLPREP',
      `the ${what} holds a character that SASL does not allow, or none that counts (RFC 4013)`,
      {
        cause: error,
      },
    )
  }
}

const printableAscii = /^[\x20-\x7e]+$/
