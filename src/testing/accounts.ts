import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { formatJid, parseJid } from '../jid.ts'
import { prepare } from '../sasl/prepare.ts'
import { derive, type ScramHash } from '../sasl/scram.ts'

/** RFC 7677 §4: what a server should ask for at least. */
export const ITERATIONS = 4096

/** What SCRAM needs to know of an account. */
export interface ScramKeys {
  readonly salt: Buffer
  readonly salted: Buffer
}

/** Unknown names whose made-up keys are remembered. */
const STRANGERS = 1000

/** The users of this server and their passwords. */
export class Accounts {
  readonly domains: ReadonlySet<string>
  readonly #passwords = new Map<string, string>()
  readonly #keys = new Map<string, Promise<ScramKeys>>()
  /** Nobody knows it: the password of users who do not exist, and what salts are made of. */
  readonly #secret = randomBytes(32)

  /** @throws XmppError `XMPP_JID_MALFORMED`, RangeError for what is no account; neither says a password */
  constructor(users: Readonly<Record<string, string>>) {
    for (const [text, password] of Object.entries(users)) {
      const { local, domain, resource } = parseJid(text)
      const bare = formatJid({ local, domain, resource: '' })
      if (local === '' || resource !== '') throw new RangeError(`a user is local@domain, not ${text.slice(0, 100)}`)
      if (this.#passwords.has(bare)) throw new RangeError(`the user ${bare} is given twice`)
      if (password === '') throw new RangeError(`the password of ${bare} is empty`)
      this.#passwords.set(bare, password)
    }
    this.domains = new Set([...this.#passwords.keys()].map(bare => bare.slice(bare.indexOf('@') + 1)))
  }

  has(bare: string): boolean {
    return this.#passwords.has(bare)
  }

  /** Takes as long for a user who does not exist and for a password that is almost right. */
  async checkPassword(bare: string, password: string): Promise<boolean> {
    const digest = (text: string): Buffer => createHmac('sha256', this.#secret).update(text).digest()
    const [expected, given] = await Promise.all([this.#password(bare), prepare(password, 'password')])
    return timingSafeEqual(digest(expected), digest(given))
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

  async #derive(bare: string, hash: ScramHash): Promise<ScramKeys> {
    const salt = createHmac('sha256', this.#secret).update(`${hash} ${bare}`).digest().subarray(0, 16)
    return { salt, salted: await derive(hash, await this.#password(bare), salt, ITERATIONS) }
  }

  async #password(bare: string): Promise<string> {
    const password = this.#passwords.get(bare)
    return password === undefined ? this.#secret.toString('hex') : prepare(password, 'password')
  }
}
