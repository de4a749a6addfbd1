import { SaslError } from '../errors.ts'
import { digestMd5 } from './sasl-digest-md5.ts'
import { oauthbearer, xOauth2 } from './sasl-oauth.ts'
import { scram } from './sasl-scram.ts'
import { accountOf, checkAuthzid, notPrepared, type ServerMechanism } from './sasl-server.ts'

/** The server's side of PLAIN, RFC 4616. */
const plain: ServerMechanism = {
  name: 'PLAIN',
  plaintext: true,
  async run({ accounts, domain, initial, ask }) {
    const match = /^([^\0]*)\0([^\0]+)\0([^\0]+)$/.exec(initial ?? (await ask('')))
    if (match === null) throw new SaslError('malformed-request')
    const [, authzid = '', username = '', password = ''] = match
    const account = accountOf(username, domain)
    const right = await accounts.checkPassword(account, password).catch(error => Promise.reject(notPrepared(error)))
    if (!right || !accounts.has(account)) throw new SaslError('not-authorized')
    checkAuthzid(authzid, account)
    return { account }
  },
}

/** The server's side of EXTERNAL, RFC 4422 appendix A: TLS has shown that the client holds the certificate's key. */
const external: ServerMechanism = {
  name: 'EXTERNAL',
  plaintext: false,
  needs: 'certificate',
  async run({ accounts, domain, certificate, initial, ask }) {
    const authzid = initial ?? (await ask(''))
    const account = certificate && accounts.ownerOf(certificate)
    if (account === undefined || !account.endsWith(`@${domain}`)) throw new SaslError('not-authorized')
    checkAuthzid(authzid, account)
    return { account }
  },
}

/** The server's side of ANONYMOUS, RFC 4505 and XEP-0175; nobody reads what the client says of itself. */
const anonymous: ServerMechanism = {
  name: 'ANONYMOUS',
  plaintext: false,
  async run({ accounts, domain }) {
    return { account: accounts.guest(domain) }
  },
}

/**
 * What is offered unless something else is asked for, in that order. No -PLUS: there are clients that bind to what TLS 1.3 does not have, or say that
 * they would have bound where it is offered, both of which has to be refused.
 */
export const usualMechanisms: readonly ServerMechanism[] = [
  scram('SCRAM-SHA-512', 'sha512'),
  scram('SCRAM-SHA-256', 'sha256'),
  scram('SCRAM-SHA-1', 'sha1'),
  plain,
]

/** All there are. */
export const serverMechanisms: readonly ServerMechanism[] = [
  scram('SCRAM-SHA-512-PLUS', 'sha512'),
  scram('SCRAM-SHA-256-PLUS', 'sha256'),
  scram('SCRAM-SHA-1-PLUS', 'sha1'),
  ...usualMechanisms,
  external,
  oauthbearer,
  xOauth2,
  digestMd5,
  anonymous,
]
