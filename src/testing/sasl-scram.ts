import { randomBytes, timingSafeEqual } from 'node:crypto'
import { SaslError } from '../errors.ts'
import type { BindingType, ChannelBinding } from '../sasl/channel-binding.ts'
import { channelInput, clientProof, type ScramHash, serverSignature } from '../sasl/scram.ts'
import { ITERATIONS } from './accounts.ts'
import { accountOf, checkAuthzid, type Exchange, type ServerMechanism } from './sasl-server.ts'

/** The server's side of SCRAM, RFC 5802 and RFC 7677; a -PLUS binds to the TLS channel. */
export function scram(name: string, hash: ScramHash): ServerMechanism {
  const plus = name.endsWith('-PLUS')
  return {
    name,
    plaintext: false,
    ...(plus && { needs: 'channel' }),
    async run(exchange) {
      const { accounts, domain, initial, ask } = exchange
      const { gs2, flag, type, authzid, clientFirst, username, theirs } = parseClientFirst(initial ?? (await ask('')))
      const channel = plus ? channelOf(type, exchange) : undefined
      if (!plus && flag === undefined) throw new SaslError('malformed-request')
      // RFC 5802 §6: it would have bound, so somebody has kept our offer from it.
      if (flag === 'y' && exchange.plusOffered) throw new SaslError('not-authorized')
      const account = accountOf(username, domain)
      const { salt, salted } = await accounts.scramKeys(account, hash)
      const nonce = theirs + randomBytes(18).toString('base64')
      const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${ITERATIONS}`
      const clientFinal = await ask(serverFirst)

      const { withoutProof, binding, echoed, proof } = parseClientFinal(clientFinal)
      const transcript = `${clientFirst},${serverFirst},${withoutProof}`
      const right = same(proof, clientProof(hash, salted, transcript))
      const bound = binding === channelInput(gs2, channel) && echoed === nonce
      if (!right || !bound || !accounts.has(account)) throw new SaslError('not-authorized')
      checkAuthzid(authzid, account)
      return { account, data: `v=${serverSignature(hash, salted, transcript).toString('base64')}` }
    },
  }
}

/** A -PLUS without a type, or with one that was not listed, is against the rules (RFC 5802 §5.1, XEP-0440 §3). */
function channelOf(type: string | undefined, { bindings }: Exchange): ChannelBinding {
  const data = bindings.get(type as BindingType)?.()
  if (data === undefined) throw new SaslError('malformed-request')
  return { type: type as BindingType, data }
}

// RFC 5802 §7; `m=` is an extension nobody has defined.
const CLIENT_FIRST =
  /^((?:([ny])|p=([A-Za-z0-9.-]+)),(?:a=([^\0,]+))?,)(n=([^\0,]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^\0,]+)*)$/
const CLIENT_FINAL = /^(c=([A-Za-z0-9+/]+={0,2}),r=([!-+\--~]+)(?:,[A-Za-z]=[^\0,]+)*),p=([A-Za-z0-9+/]+={0,2})$/

function parseClientFirst(message: string) {
  const match = CLIENT_FIRST.exec(message)
  if (match === null) throw new SaslError('malformed-request')
  const [, gs2 = '', flag, type, authzid = '', clientFirst = '', username = '', theirs = ''] = match
  return { gs2, flag, type, authzid: unescapeName(authzid), clientFirst, username: unescapeName(username), theirs }
}

function parseClientFinal(message: string) {
  const match = CLIENT_FINAL.exec(message)
  if (match === null) throw new SaslError('malformed-request')
  const [, withoutProof = '', binding = '', echoed = '', p = ''] = match
  return { withoutProof, binding, echoed, proof: Buffer.from(p, 'base64') }
}

/**
 * A saslname without its escapes.
 * @throws SaslError `malformed-request` for an equals sign that is neither =2C nor =3D (RFC 5802 §5.1)
 */
export function unescapeName(name: string): string {
  if (/=(?!2C|3D)/.test(name)) throw new SaslError('malformed-request')
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

const same = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b)
