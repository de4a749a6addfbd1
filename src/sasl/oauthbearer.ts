import { SaslError } from '../errors.ts'
import { printable } from '../printable.ts'
import { hiding } from '../secret-forms.ts'
import { tokenOf } from './credentials.ts'
import type { Mechanism } from './mechanism.ts'
import { prepare } from './prepare.ts'
import { escapeName } from './scram.ts'

/** OAUTHBEARER, RFC 7628. */
export const oauthbearer: Mechanism = {
  name: 'OAUTHBEARER',
  plaintext: true,
  needs: 'token',
  async *start({ credentials, domain }) {
    const given = await credentials()
    const token = tokenOf(given, 'OAUTHBEARER')
    const account = escapeName(`${await prepare(given.username, 'user name')}@${domain}`)
    // §3.1: the port may be left out, and says nothing where servers are found by SRV. COMPAT Prosody 0.12: auth has to come first.
    const answer = yield `n,a=${account},\x01auth=Bearer ${token}\x01host=${domain}\x01\x01`
    if (answer === '') return

    // §3.2.3: the server says why in JSON, and fails the login once we have taken note.
    const reason = reasonOf(answer, token)
    try {
      yield '\x01'
    } catch (failure) {
      if (!(failure instanceof SaslError)) throw failure
      throw new SaslError(failure.condition, reason, { cause: failure })
    }
    throw new SaslError('aborted', `the server refused the token, ${reason}, and then went on`)
  },
}

/** The one registered for all bearer tokens, in words for someone who has to put it right (RFC 6750 §3.1). */
const words: Readonly<Record<string, string>> = {
  invalid_request: 'it could not make sense of the request',
  invalid_token: 'the token has expired, was revoked, or is not for this server',
  insufficient_scope: 'the token does not allow XMPP',
}

/** The `status` of the server's JSON (RFC 7628 §3.2.2) in a few printable words, without our token whatever it holds. */
function reasonOf(json: string, token: string): string {
  const status = statusOf(json)
  if (status === undefined) return 'the server refused the token without a status that can be read'
  const shown = printable(hiding([token])(status).slice(0, 100))
  const meaning = Object.hasOwn(words, status) ? `: ${words[status]}` : ''
  return `the server says ${shown}${meaning}`
}

function statusOf(json: string): string | undefined {
  try {
    const { status } = JSON.parse(json) as { status?: unknown }
    return typeof status === 'string' && status !== '' ? status : undefined
  } catch {
    // Not JSON, or null; the login has failed anyway.
    return undefined
  }
}
