import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { SaslError } from '../errors.ts'
import type { Mechanism } from './mechanism.ts'
import { prepare } from './prepare.ts'

/** SCRAM, RFC 5802 and RFC 7677, without channel binding. The server has proved itself when the dialogue is done. */
function scram(name: string, hash: ScramHash): Mechanism {
  return {
    name,
    plaintext: false,
    async *start({ credentials, nonce = randomNonce }) {
      const { username, password } = await credentials()
      const ours = nonce()
      const clientFirst = `n=${escapeName(await prepare(username, 'user name'))},r=${ours}`
      const serverFirst = yield `n,,${clientFirst}`

      const { theirs, salt, iterations } = parseServerFirst(serverFirst)
      if (!theirs.startsWith(ours) || theirs === ours) throw refuse('it did not extend our nonce')
      const salted = await derive(hash, await prepare(password, 'password'), salt, iterations)
      // biws is the base64 of "n,,": no channel binding.
      const clientFinal = `c=biws,r=${theirs}`
      const transcript = `${clientFirst},${serverFirst},${clientFinal}`
      const serverFinal = yield `${clientFinal},p=${clientProof(hash, salted, transcript).toString('base64')}`

      verify(serverFinal, serverSignature(hash, salted, transcript))
    },
  }
}

/** RFC 5802. */
export const scramSha1: Mechanism = scram('SCRAM-SHA-1', 'sha1')
/** RFC 7677. */
export const scramSha256: Mechanism = scram('SCRAM-SHA-256', 'sha256')
/** As SCRAM-SHA-256, with the longer hash. */
export const scramSha512: Mechanism = scram('SCRAM-SHA-512', 'sha512')

/** In the words of node:crypto. */
export type ScramHash = 'sha1' | 'sha256' | 'sha512'

/** A server that asks for more rounds of key derivation than this wants to keep us busy. */
export const MAX_ITERATIONS = 1_000_000

/** SaltedPassword of RFC 5802 §3; the work is done off the event loop. */
export function derive(hash: ScramHash, password: string, salt: Uint8Array, iterations: number): Promise<Buffer> {
  return promisify(pbkdf2)(password, salt, iterations, lengths[hash], hash)
}

/** ClientKey XOR ClientSignature (RFC 5802 §3). */
export function clientProof(hash: ScramHash, salted: Uint8Array, transcript: string): Buffer {
  const clientKey = hmac(hash, salted, 'Client Key')
  const signature = hmac(hash, createHash(hash).update(clientKey).digest(), transcript)
  return Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] as number)))
}

/** ServerSignature (RFC 5802 §3). */
export function serverSignature(hash: ScramHash, salted: Uint8Array, transcript: string): Buffer {
  return hmac(hash, hmac(hash, salted, 'Server Key'), transcript)
}

const lengths = { sha1: 20, sha256: 32, sha512: 64 } as const
const hmac = (hash: ScramHash, key: Uint8Array, text: string): Buffer => createHmac(hash, key).update(text).digest()
const escapeName = (name: string): string => name.replaceAll('=', '=3D').replaceAll(',', '=2C')
const randomNonce = (): string => randomBytes(24).toString('base64')
const refuse = (why: string): SaslError => new SaslError('aborted', `the server failed to prove itself: ${why}`)

// RFC 5802 §7: nothing but r, s and i in this order, then extensions, which may be ignored.
const SERVER_FIRST = /^r=([!-+\--~]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9][0-9]{0,9})(?:,[A-Za-z]=[^\0,]+)*$/

function parseServerFirst(message: string): { theirs: string; salt: Buffer; iterations: number } {
  // §5.1: this one must not be ignored, wherever it stands.
  if (/(?:^|,)m=/.test(message)) throw refuse('it demands an extension that does not exist (m=)')
  const match = SERVER_FIRST.exec(message)
  if (match === null) throw refuse('its first message is malformed')
  const [, theirs = '', salt = '', i = ''] = match
  const iterations = Number(i)
  if (iterations > MAX_ITERATIONS) throw refuse(`it asks for ${i} iterations, ${MAX_ITERATIONS} are the most`)
  return { theirs, salt: Buffer.from(salt, 'base64'), iterations }
}

function verify(message: string, expected: Buffer): void {
  const [first = ''] = message.split(',', 1)
  if (first.startsWith('e=')) throw new SaslError('not-authorized', `the server says ${first.slice(2, 100)}`)
  const received = Buffer.from(first)
  const wanted = Buffer.from(`v=${expected.toString('base64')}`)
  if (received.length !== wanted.length || !timingSafeEqual(received, wanted)) throw refuse('its signature is wrong')
}
