import { createHmac, randomBytes, randomUUID, timingSafeEqual, X509Certificate } from 'node:crypto'
import { formatJid, parseJid } from '../jid.ts'
import { type DigestFacts, digestResponse } from '../sasl/digest-md5.ts'
import { prepare } from '../sasl/prepare.ts'
import { derive, type ScramHash } from '../sasl/scram.ts'

/** RFC 7677 §4: what a server should ask for at least. */
export const ITERATIONS = 4096

/** What SCRAM needs to know of an account. */
export interface ScramKeys {
  readonly salt: Buffer
  readonly salted: Buffer
}

/** What the users prove themselves with beside their passwords. */
export interface OtherProofs {
  /** OAuth access token → the JID it is for. */
  readonly tokens?: Readonly<Record<string, string>> | undefined
  /** JID → its certificate, in PEM; its issuers do not matter. */
  readonly certificates?: Readonly<Record<string, string>> | undefined
}

/** Guests who are remembered; the oldest goes first. */
const GUESTS = 1000
/** Unknown names whose made-up keys are remembered. */
const STRANGERS = 1000

/** The users of this server and their passwords. */
export class Accounts {
  readonly domains: ReadonlySet<string>
  readonly #passwords = new Map<string, string>()
  readonly #keys = new Map<string, Promise<ScramKeys>>()
  /** By what it is a digest of, so that to look one up tells nothing of how much of it is right. */
  readonly #owners = new Map<string, string>()
  readonly #guests = new Set<string>()
  /** Nobody knows it: the password of users who do not exist, and what salts are made of. */
  readonly #secret = randomBytes(32)

  /** @throws XmppError `XMPP_JID_MALFORMED`, RangeError for what is no account; neither says a password or a token */
  constructor(users: Readonly<Record<string, string>>, { tokens = {}, certificates = {} }: OtherProofs = {}) {
    for (const [text, password] of Object.entries(users)) {
      const { local, domain, resource } = parseJid(text)
      const bare = formatJid({ local, domain, resource: '' })
      if (local === '' || resource !== '') throw new RangeError(`a user is local@domain, not ${text.slice(0, 100)}`)
      if (this.#passwords.has(bare)) throw new RangeError(`the user ${bare} is given twice`)
      if (password === '') throw new RangeError(`the password of ${bare} is empty`)
      this.#passwords.set(bare, password)
    }
    this.domains = new Set([...this.#passwords.keys()].map(bare => bare.slice(bare.indexOf('@') + 1)))
    for (const [token, jid] of Object.entries(tokens)) this.#own(token, jid, 'a token')
    for (const [jid, pem] of Object.entries(certificates)) this.#own(derOf(pem, jid), jid, 'a certificate')
  }

  has(bare: string): boolean {
    return this.#passwords.has(bare) || this.#guests.has(bare)
  }

  /** Whose access token, or whose certificate in DER, this is. */
  ownerOf(proof: string | Uint8Array): string | undefined {
    return this.#owners.get(this.#digest(proof))
  }

  /** Makes up someone who has no password (XEP-0175). */
  guest(domain: string): string {
    const bare = `${randomUUID()}@${domain}`
    this.#guests.add(bare)
    const [oldest] = this.#guests
    if (this.#guests.size > GUESTS && oldest !== undefined) this.#guests.delete(oldest)
    return bare
  }

  /** What DIGEST-MD5 makes of the password, for either side. */
  async digest(bare: string, facts: Omit<DigestFacts, 'password'>): Promise<{ response: string; rspauth: string }> {
    const all = { ...facts, password: await this.#password(bare) }
    return { response: digestResponse(all), rspauth: digestResponse(all, 'server') }
  }

  /** Takes as long for a user who does not exist and for a password that is almost right. */
  async checkPassword(bare: string, password: string): Promise<boolean> {
    const [expected, given] = await Promise.all([this.#password(bare), prepare(password, 'password')])
    return timingSafeEqual(Buffer.from(this.#digest(expected)), Buffer.from(this.#digest(given)))
  }

  /**
   * Derived once per user and hash, when first needed. A user who does not exist has keys too, and the same salt each time, so
   * that the dialogue tells nobody who does (RFC 5802 §9).
   */
  scramKeys(bare: string, hash: ScramHash): Promise<ScramKeys> {
    const id = `${hash} ${bare}`
    const known = this.#keys.get(id)
    if (known !== undefined) return known
    const keys = this.#derive(bare, hash)
    this.#keys.set(id, keys)
    // Oldest first out; a real user's are just derived again.
    for (const oldest of this.#keys.keys()) {
      if (this.#keys.size <= this.#passwords.size * 3 + STRANGERS) break
      this.#keys.delete(oldest)
    }
    return keys
  }

  #digest(proof: string | Uint8Array): string {
    return createHmac('sha256', this.#secret).update(proof).digest('hex')
  }

  #own(proof: string | Uint8Array, jid: string, what: string): void {
    const { local, domain, resource } = parseJid(jid)
    const bare = formatJid({ local, domain, resource: '' })
    if (resource !== '' || !this.#passwords.has(bare)) {
      throw new RangeError(`${what} is for ${jid.slice(0, 100)}, which is no user here`)
    }
    if (proof.length === 0) throw new RangeError(`${what} of ${bare} is empty`)
    this.#owners.set(this.#digest(proof), bare)
  }

  async #derive(bare: string, hash: ScramHash): Promise<ScramKeys> {
    const salt = createHmac('sha256', this.#secret).update(`${hash} ${bare}`).digest().subarray(0, 16)
    return { salt, salted: await derive(hash, await this.#password(bare), salt, ITERATIONS) }
  }

  async #password(bare: string): Promise<string> {
    const password = this.#passwords.get(bare)
    return password === undefined ? this.#secret.toString('hex') : prepare(password, 'password')
  }
}

function derOf(pem: string, jid: string): Uint8Array {
  try {
    return new X509Certificate(pem).raw
  } catch (cause) {
    throw new RangeError(`the certificate of ${jid.slice(0, 100)} is not one in PEM`, { cause })
  }
}
