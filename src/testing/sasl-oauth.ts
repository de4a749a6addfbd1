import { SaslError } from '../errors.ts'
import { unescapeName } from './sasl-scram.ts'
import { accountOf, checkAuthzid, type ServerMechanism } from './sasl-server.ts'

/** The server's side of Google's X-OAUTH2. */
export const xOauth2: ServerMechanism = {
  name: 'X-OAUTH2',
  plaintext: true,
  async run({ accounts, domain, initial, ask }) {
    const match = /^\0([^\0]+)\0([^\0]+)$/.exec(initial ?? (await ask('')))
    if (match === null) throw new SaslError('malformed-request')
    const [, username = '', token = ''] = match
    const account = accounts.ownerOf(token)
    if (account === undefined || accountOf(username, domain) !== account) throw new SaslError('not-authorized')
    return { account }
  },
}

/** The server's side of OAUTHBEARER, RFC 7628. */
export const oauthbearer: ServerMechanism = {
  name: 'OAUTHBEARER',
  plaintext: true,
  async run({ accounts, domain, initial, ask }) {
    const { authzid, token } = parseBearer(initial ?? (await ask('')))
    const account = accounts.ownerOf(token)
    if (account === undefined || !account.endsWith(`@${domain}`)) {
      // §3.2.3: the client takes note before the login fails.
      const note = await ask('{"status":"invalid_token"}')
      throw new SaslError(note === '\x01' ? 'not-authorized' : 'malformed-request')
    }
    checkAuthzid(authzid, account)
    return { account }
  },
}

/** §3.1: the gs2 header, then keys and values, each of them ended by ^A, and another ^A. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is the separator
const BEARER = /^[ny],(?:a=([^\0,]+))?,\x01((?:[A-Za-z]+=[^\0\x01]*\x01)*)\x01$/

function parseBearer(message: string): { authzid: string; token: string } {
  const match = BEARER.exec(message)
  if (match === null) throw new SaslError('malformed-request')
  const [, authzid = '', pairs = ''] = match
  const auth = pairs.split('\x01').find(pair => pair.startsWith('auth='))
  const token = /^auth=Bearer +([!-~]+)$/i.exec(auth ?? '')?.[1] ?? ''
  return { authzid: unescapeName(authzid), token }
}
