import { tokenOf } from './credentials.ts'
import type { Mechanism } from './mechanism.ts'
import { prepare } from './prepare.ts'

/** Google's namespace for what it adds to `<auth/>`. */
export const NS_GOOGLE_AUTH = 'http://www.google.com/talk/protocol/auth'

/** X-OAUTH2, Google's own: PLAIN with an access token in place of the password. */
export const xOauth2: Mechanism = {
  name: 'X-OAUTH2',
  plaintext: true,
  needs: 'token',
  // With the very prefix of Google's documentation: there are servers that look for the text.
  attrs: { [`{${NS_GOOGLE_AUTH}}auth:service`]: 'oauth2' },
  async *start({ credentials }) {
    const given = await credentials()
    const token = tokenOf(given, 'X-OAUTH2')
    yield `\0${await prepare(given.username, 'user name')}\0${token}`
  },
}
