import { nodeCrypto } from '../builtin.ts'
import { SaslError } from '../errors.ts'
import { printable } from '../printable.ts'
import type { ChannelBinding } from './channel-binding.ts'
import { passwordOf } from './credentials.ts'
import type { Mechanism, SaslContext } from './mechanism.ts'
import { prepare } from './prepare.ts'

/** SCRAM, RFC 5802 and RFC 7677. The server has proved itself when the dialogue is done. */
function scram(name: string, hash: ScramHash, plus = false): Mechanism {
  return {
    name,
    plaintext: false,
    turns: 2,
    needs: 'password',
    ...(plus && { binds: true }),
    async *start(context) {
      const { nonce = randomNonce } = context
      const binding = plus ? channelOf(context, name) : undefined
      const given = await context.credentials()
      const password = passwordOf(given, name)
      const ours = nonce()
      const gs2 = gs2Header(binding, context.couldBind)
      const clientFirst = `n=${escapeName(await prepare(given.username, 'user name'))},r=${ours}`
      const serverFirst = yield `${gs2}${clientFirst}`

      const { theirs, salt, iterations } = parseServerFirst(serverFirst)
      if (!theirs.startsWith(ours) || theirs === ours) throw refuse('it did not extend our nonce')
      const salted = await derive(hash, await prepare(password, 'password'), salt, iterations)
      const clientFinal = `c=${channelInput(gs2, binding)},r=${theirs}`
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
/** RFC 5802, bound to the TLS channel. */
export const scramSha1Plus: Mechanism = scram('SCRAM-SHA-1-PLUS', 'sha1', true)
/** RFC 7677, bound to the TLS channel. */
export const scramSha256Plus: Mechanism = scram('SCRAM-SHA-256-PLUS', 'sha256', true)
/** As SCRAM-SHA-256-PLUS, with the longer hash. */
export const scramSha512Plus: Mechanism = scram('SCRAM-SHA-512-PLUS', 'sha512', true)

/** In the words of node:crypto. */
export type ScramHash = 'sha1' | 'sha256' | 'sha512'

/** A server that asks for more rounds of key derivation than this wants to keep us busy. */
export const MAX_ITERATIONS = 1_000_000

/** SaltedPassword of RFC 5802 §3; the work is done off the event loop. */
export function derive(hash: ScramHash, password: string, salt: Uint8Array, iterations: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, key: Buffer): void => (error === null ? resolve(key) : reject(error))
    nodeCrypto().pbkdf2(password, salt, iterations, lengths[hash], hash, done)
  })
}

/** ClientKey XOR ClientSignature (RFC 5802 §3). */
export function clientProof(hash: ScramHash, salted: Uint8Array, transcript: string): Buffer {
  const clientKey = hmac(hash, salted, 'Client Key')
  const signature = hmac(hash, nodeCrypto().createHash(hash).update(clientKey).digest(), transcript)
  return Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] as number)))
}

/** ServerSignature (RFC 5802 §3). */
export function serverSignature(hash: ScramHash, salted: Uint8Array, transcript: string): Buffer {
  return hmac(hash, hmac(hash, salted, 'Server Key'), transcript)
}

/** The attribute `c`, which repeats the gs2 header and adds what the channel is known by (RFC 5802 §7, cbind-input). */
export function channelInput(gs2: string, binding: ChannelBinding | undefined): string {
  return Buffer.concat([Buffer.from(gs2), binding?.data ?? new Uint8Array()]).toString('base64')
}

/** A name as it stands between commas: saslname of RFC 5802 §7. */
export function escapeName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C')
}

const lengths = { sha1: 20, sha256: 32, sha512: 64 } as const
const hmac = (hash: ScramHash, key: Uint8Array, text: string): Buffer =>
  nodeCrypto().createHmac(hash, key).update(text).digest()
const randomNonce = (): string => nodeCrypto().randomBytes(24).toString('base64')
const refuse = (why: string): SaslError => new SaslError('aborted', `the server failed to prove itself: ${why}`)

function channelOf({ binding }: SaslContext, name: string): ChannelBinding {
  if (binding !== undefined) return binding
  throw new SaslError('aborted', `${name} needs a TLS channel to bind to, and there is none`)
}

/**
 * What we do about channel binding. `y` says that we would have bound; a server that offers -PLUS then knows that someone on the way
 * has taken it from the list (RFC 5802 §6).
 */
function gs2Header(binding: ChannelBinding | undefined, couldBind = false): string {
  if (binding !== undefined) return `p=${binding.type},,`
  return couldBind ? 'y,,' : 'n,,'
}

// RFC 5802 §7: nothing but r, s and i in this order, then extensions, which may be ignored.
const SERVER_FIRST = /^r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=([0-9]+)((?:,[A-Za-z]=[^\0,]+)*)$/

function parseServerFirst(message: string): { theirs: string; salt: Buffer; iterations: number } {
  // §5.1: this one must not be ignored, wherever it stands.
  if (/(?:^|,)m=/.test(message)) throw refuse('it demands an extension that does not exist (m=)')
  const match = SERVER_FIRST.exec(message)
  if (match === null) throw serverError(message) ?? refuse('its first message is malformed')
  const [, theirs = '', s = '', i = '', extensions = ''] = match
  // Whoever says one of these again means two things at once.
  if (/,[anrsicvpe]=/.test(extensions)) throw refuse('its first message holds an attribute that does not belong there')
  const salt = Buffer.from(s, 'base64')
  if (salt.toString('base64') !== s) throw refuse('its salt is not base64')
  const iterations = Number(i)
  if (!/^[1-9]/.test(i) || iterations > MAX_ITERATIONS) {
    throw refuse(`it asks for ${i.slice(0, 20)} iterations, which are to be 1 to ${MAX_ITERATIONS}`)
  }
  return { theirs, salt, iterations }
}

function verify(message: string, expected: Buffer): void {
  const [first = ''] = message.split(',', 1)
  const received = Buffer.from(first)
  const wanted = Buffer.from(`v=${expected.toString('base64')}`)
  if (received.length === wanted.length && nodeCrypto().timingSafeEqual(received, wanted)) return
  throw serverError(message) ?? refuse('its signature is wrong')
}

/** Of RFC 5802 §7's server-error-values those that say something beyond themselves. */
const errors: Readonly<Record<string, string>> = {
  'invalid-proof': 'the password is wrong',
  'unknown-user': 'there is no such user',
  'invalid-username-encoding': 'it cannot read the user name',
  'channel-bindings-dont-match':
    'it sees another TLS channel than we do, so someone stands in between: an attacker, or a proxy that ends TLS before the server',
  'server-does-support-channel-binding':
    'it offers channel binding, but the offer has not reached us: someone on the way has changed it',
  'channel-binding-not-supported': 'it cannot bind to the TLS channel, though it said so',
  'unsupported-channel-binding-type': 'it cannot bind to the TLS channel in this way',
}

function serverError(message: string): SaslError | undefined {
  if (!message.startsWith('e=')) return undefined
  const [value = ''] = message.slice(2).split(',', 1)
  const meaning = Object.hasOwn(errors, value) ? `: ${errors[value]}` : ''
  return new SaslError('not-authorized', `the server says ${printable(value.slice(0, 100))}${meaning}`)
}
