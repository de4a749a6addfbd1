import { SaslError } from '../errors.ts'
import type { Hide } from '../secret-forms.ts'
import type { Element } from '../stream/element.ts'
import { hideCondition, lookedThrough } from './echo.ts'

export const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'

/** What the conditions of RFC 6120 §6.5 mean for whoever wants to log in. */
const words: Readonly<Record<string, string>> = {
  aborted: 'the login was broken off',
  'account-disabled': 'the account is disabled on the server',
  'credentials-expired': 'the password or token has expired and must be renewed',
  'encryption-required': 'the server wants TLS for this mechanism',
  'incorrect-encoding': 'the server could not decode what we sent',
  'invalid-authzid': 'the account may not act for this JID',
  'invalid-mechanism': 'the server does not do the mechanism that was chosen',
  'malformed-request': 'the server could not make sense of what we sent',
  'mechanism-too-weak': 'the server wants a stronger mechanism for this account',
  'not-authorized': 'the server does not accept this user name with this password, token or certificate',
  'temporary-auth-failure': 'the server cannot check logins at the moment',
}

/** Reads a `<failure/>`, of SASL or of XEP-0388, whose conditions are the same: condition, our words for it, the server's own without what `hide` takes out. */
export function readFailure(failure: Element, hide: Hide): SaslError {
  const named = failure.elements.filter(child => child.name !== 'text')
  // An application's own condition stands beside SASL's (XEP-0388 §2.6.2), and not always behind it. XEP-0388 takes its conditions from RFC 6120.
  const defined = named.find(child => child.ns === NS_SASL || child.ns === failure.ns) ?? named[0]
  const condition = hideCondition(defined?.name ?? 'not-authorized', hide)
  const text = failure.elements.find(child => child.name === 'text')?.text ?? ''
  const meaning = Object.hasOwn(words, condition) ? words[condition] : undefined
  const says = [meaning, text && `the server says: ${hide(text)}`].filter(Boolean).join('; ')
  return lookedThrough(new SaslError(condition, says))
}
