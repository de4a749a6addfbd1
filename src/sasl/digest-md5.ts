import { nodeCrypto } from '../builtin.ts'
import { SaslError } from '../errors.ts'
import { passwordOf } from './credentials.ts'
import { type Directive, quote, readDirectives, single } from './digest-directives.ts'
import type { Mechanism } from './mechanism.ts'
import { prepare } from './prepare.ts'

/**
 * DIGEST-MD5, RFC 2831, which RFC 6331 has made historic: for servers that have nothing better, or whose passwords are stored so. Its
 * proof is worth what MD5 is worth, yet the password is not shown. The server has proved itself when the dialogue is done.
 */
export const digestMd5: Mechanism = {
  name: 'DIGEST-MD5',
  plaintext: false,
  needs: 'password',
  async *start({ credentials, domain, nonce: cnonce = randomNonce }) {
    const given = await credentials()
    const username = await prepare(given.username, 'user name')
    const password = await prepare(passwordOf(given, 'DIGEST-MD5'), 'password')
    const challenge = readChallenge(yield undefined, domain)

    assertSayable(challenge, username, password)
    const { nonce, realm, utf8 } = challenge
    const facts = { username, realm: realm ?? '', password, nonce, cnonce: cnonce(), uri: `xmpp/${domain}` }
    const verdict = yield [
      ...(utf8 ? ['charset=utf-8'] : []),
      `username=${quote(username)}`,
      // §2.1.2: left out where the server has named none, and then empty in what is hashed.
      ...(realm === undefined ? [] : [`realm=${quote(realm)}`]),
      `nonce=${quote(nonce)}`,
      `nc=${COUNT}`,
      `cnonce=${quote(facts.cnonce)}`,
      `digest-uri=${quote(facts.uri)}`,
      `response=${digestResponse(facts)}`,
      'qop=auth',
    ].join(',')

    verify(verdict, digestResponse(facts, 'server'))
  },
}

/** What goes into a response of DIGEST-MD5. */
export interface DigestFacts {
  readonly username: string
  readonly realm: string
  readonly password: string
  readonly nonce: string
  readonly cnonce: string
  /** digest-uri: `xmpp/` and the domain. */
  readonly uri: string
  /** The authorization identity, if one was given. */
  readonly authzid?: string | undefined
}

/** The nonce is used once, so its count is always the first. */
export const COUNT = '00000001'

/** RFC 2831 §2.1.2.1 for the client's `response`, §2.1.3 for the server's `rspauth`; both for qop=auth and md5-sess. */
export function digestResponse(facts: DigestFacts, side: 'client' | 'server' = 'client'): string {
  const { username, realm, password, nonce, cnonce, uri, authzid } = facts
  const secret = md5(bytes(username), ':', bytes(realm), ':', bytes(password))
  const a1 = md5(secret, `:${nonce}:${cnonce}${authzid === undefined ? '' : `:${authzid}`}`)
  const a2 = md5(`${side === 'client' ? 'AUTHENTICATE' : ''}:${uri}`)
  return md5(`${a1.toString('hex')}:${nonce}:${COUNT}:${cnonce}:auth:${a2.toString('hex')}`).toString('hex')
}

interface Challenge {
  readonly nonce: string
  readonly realm: string | undefined
  readonly utf8: boolean
}

/** RFC 2831 §2.1.1. */
function readChallenge(message: string, domain: string): Challenge {
  const directives = readDirectives(message, SERVER)
  const nonce = single(directives, 'nonce', SERVER)
  if (nonce === undefined || nonce === '') throw refuse('its challenge holds no nonce')
  if (single(directives, 'algorithm', SERVER)?.toLowerCase() !== 'md5-sess')
    throw refuse('its challenge is not for md5-sess')
  const charset = single(directives, 'charset', SERVER)
  if (charset !== undefined && charset.toLowerCase() !== 'utf-8') throw refuse('it demands an unknown charset')
  const qop = single(directives, 'qop', SERVER)?.toLowerCase() ?? 'auth'
  // Of no use here, but to be refused when given twice (§2.1.1).
  for (const name of ['maxbuf', 'stale']) single(directives, name, SERVER)
  if (!qop.split(/[ \t,]+/).includes('auth')) throw refuse('it demands a security layer, which XMPP has in TLS')
  return { nonce, realm: chooseRealm(directives, domain), utf8: charset !== undefined }
}

/** The domain's own where it is among them: §2.1.1 leaves the choice to the user, whom nobody asks here. */
function chooseRealm(directives: readonly Directive[], domain: string): string | undefined {
  const realms = directives.filter(([name]) => name === 'realm').map(([, value]) => value)
  return realms.find(realm => realm.toLowerCase() === domain.toLowerCase()) ?? realms[0]
}

/** Without charset=utf-8 a server reads ISO 8859-1, of which our messages, being UTF-8, can carry ASCII alone. */
function assertSayable({ utf8, realm = '' }: Challenge, username: string, password: string): void {
  if (utf8 || (/^[\x20-\x7e]*$/.test(username + realm) && isLatin1(password))) return
  throw refuse('it takes no charset=utf-8, and the user name, the password or the realm needs that')
}

function verify(message: string, expected: string): void {
  const rspauth = single(readDirectives(message, SERVER), 'rspauth', SERVER) ?? ''
  const [received, wanted] = [Buffer.from(rspauth), Buffer.from(expected)]
  if (received.length !== wanted.length || !nodeCrypto().timingSafeEqual(received, wanted))
    throw refuse('its rspauth is wrong')
}

const SERVER = "the server's"
const refuse = (why: string): SaslError => new SaslError('aborted', `the server failed to prove itself: ${why}`)
const randomNonce = (): string => nodeCrypto().randomBytes(24).toString('base64')

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ISO 8859-1
const isLatin1 = (text: string): boolean => /^[\x00-\xff]*$/.test(text)

/** §2.1.2.1: whatever fits into ISO 8859-1 is hashed so, each of the three by itself, as HTTP's databases of hashes have it. */
const bytes = (text: string): Buffer => Buffer.from(text, isLatin1(text) ? 'latin1' : 'utf8')

function md5(...parts: readonly (string | Buffer)[]): Buffer {
  const hash = nodeCrypto().createHash('md5')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
