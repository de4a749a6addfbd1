import { randomBytes, timingSafeEqual } from 'node:crypto'
import { SaslError } from '../errors.ts'
import { quote, readDirectives, single } from '../sasl/digest-directives.ts'
import { COUNT } from '../sasl/digest-md5.ts'
import { accountOf, checkAuthzid, notPrepared, type ServerMechanism } from './sasl-server.ts'

/** The server's side of DIGEST-MD5, RFC 2831, for initial authentication and qop=auth. */
export const digestMd5: ServerMechanism = {
  name: 'DIGEST-MD5',
  plaintext: false,
  async run({ accounts, domain, initial = '', ask }) {
    if (initial !== '') throw new SaslError('malformed-request')
    const nonce = randomBytes(18).toString('base64')
    const answer = await ask(`realm=${quote(domain)},nonce=${quote(nonce)},qop="auth",charset=utf-8,algorithm=md5-sess`)

    const directives = readDirectives(answer, "the client's")
    const given = (name: string): string | undefined => single(directives, name, "the client's")
    const { username, realm, cnonce, uri, authzid, response } = {
      username: given('username') ?? '',
      realm: given('realm') ?? '',
      cnonce: given('cnonce') ?? '',
      uri: given('digest-uri') ?? '',
      authzid: given('authzid'),
      response: given('response') ?? '',
    }
    if (username === '' || cnonce === '' || (given('qop') ?? 'auth') !== 'auth')
      throw new SaslError('malformed-request')
    const account = accountOf(username, domain)
    const facts = { username, realm, nonce, cnonce, uri, authzid }
    const expected = await accounts.digest(account, facts).catch(error => Promise.reject(notPrepared(error)))
    const right = same(response, expected.response)
    const ours = realm === domain && given('nonce') === nonce && given('nc') === COUNT && uri === `xmpp/${domain}`
    if (!right || !ours || !accounts.has(account)) throw new SaslError('not-authorized')
    checkAuthzid(authzid ?? '', account)
    await ask(`rspauth=${expected.rspauth}`)
    return { account }
  },
}

function same(text: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(text), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}
