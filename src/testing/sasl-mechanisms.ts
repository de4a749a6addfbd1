import { randomBytes, timingSafeEqual } from 'node:crypto'
import { SaslError } from '../errors.ts'
import { clientProof, type ScramHash, serverSignature } from '../sasl/scram.ts'
import { ITERATIONS } from './accounts.ts'
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

/** The server's side of SCRAM, RFC 5802 and RFC 7677, without channel binding. */
function scram(name: string, hash: ScramHash): ServerMechanism {
  return {
    name,
    plaintext: false,
    async run({ accounts, domain, initial, ask }) {
      const { gs2, authzid, clientFirst, username, theirs } = parseClientFirst(initial ?? (await ask('')))
      const account = accountOf(username, domain)
      const { salt, salted } = await accounts.scramKeys(account, hash)
      const nonce = theirs + randomBytes(18).toString('base64')
      const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${ITERATIONS}`
      const clientFinal = await ask(serverFirst)

      const { withoutProof, binding, echoed, proof } = parseClientFinal(clientFinal)
      const transcript = `${clientFirst},${serverFirst},${withoutProof}`
      const right = same(proof, clientProof(hash, salted, transcript))
      const bound = binding === Buffer.from(gs2).toString('base64') && echoed === nonce
      if (!right || !bound || !accounts.has(account)) throw new SaslError('not-authorized')
      checkAuthzid(authzid, account)
      return { account, data: `v=${serverSignature(hash, salted, transcript).toString('base64')}` }
    },
  }
}

/** All there are, in the order in which they are offered. */
export const serverMechanisms: readonly ServerMechanism[] = [
  scram('SCRAM-SHA-512', 'sha512'),
  scram('SCRAM-SHA-256', 'sha256'),
  scram('SCRAM-SHA-1', 'sha1'),
  plain,
]

// RFC 5802 §7. `p=` asks for a channel binding, which only the -PLUS mechanisms have; `m=` is an extension nobody has defined.
const CLIENT_FIRST = /^([ny],(?:a=([^\0,]+))?,)(n=([^\0,]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^\0,]+)*)$/
const CLIENT_FINAL = /^(c=([A-Za-z0-9+/]+={0,2}),r=([!-+\--~]+)(?:,[A-Za-z]=[^\0,]+)*),p=([A-Za-z0-9+/]+={0,2})$/

function parseClientFirst(message: string) {
  const match = CLIENT_FIRST.exec(message)
  if (match === null) throw new SaslError('malformed-request')
  const [, gs2 = '', authzid = '', clientFirst = '', username = '', theirs = ''] = match
  return { gs2, authzid: unescapeName(authzid), clientFirst, username: unescapeName(username), theirs }
}

function parseClientFinal(message: string) {
  const match = CLIENT_FINAL.exec(message)
  if (match === null) throw new SaslError('malformed-request')
  const [, withoutProof = '', binding = '', echoed = '', p = ''] = match
  return { withoutProof, binding, echoed, proof: Buffer.from(p, 'base64') }
}

/** RFC 5802 §5.1: an equals sign that is neither =2C nor =3D is an error. */
function unescapeName(name: string): string {
  if (/=(?!2C|3D)/.test(name)) throw new SaslError('malformed-request')
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

const same = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b)
