import { nodeCrypto } from '../builtin.ts'
import { XmppError } from '../errors.ts'

/** A session of TLS that may be taken up again, as Node hands it out. */
export interface KeptSession {
  readonly data: Buffer
  readonly version: string
  /** The server's, in DER, for it is not shown again. */
  readonly certificate: Uint8Array
  /** ms since 1970: until then what the certificate has proved counts. */
  readonly expires: number
}

/**
 * A handshake that was to go on with a session, and has failed. The session is forgotten: one in full may well succeed, since there are
 * servers that hand out sessions and cannot go on with them (jabberd2).
 */
export class TlsSessionError extends XmppError {
  constructor({ code, message, condition, cause }: XmppError) {
    super(code, message, { cause, ...(condition !== undefined && { condition }) })
    this.name = 'XmppError'
  }
}

/** A day, in ms, however long the server would take it: after that a certificate is looked at anew. */
const LONGEST = 86_400_000
/** Tickets kept for one partner, the newest: servers send two, and one is enough for each new connection. */
const MOST_TICKETS = 2
/** Partners; whoever reconnects has one, or two while its options change. */
const MOST_PARTNERS = 8

/**
 * The sessions of one who reconnects, so that its next handshake is shorter (RFC 8446 §2.2, RFC 5077). Nothing of it is shared
 * between partners: a partner is all that decides whom we talk to and whom we trust, hashed.
 */
export class TlsSessions {
  readonly #kept = new Map<string, KeptSession[]>()
  /** The time of day in ms since 1970, for it is what the dates of certificates are about. */
  readonly now: () => number

  constructor(now: () => number = Date.now) {
    this.now = now
  }

  /** How many sessions are kept. */
  get size(): number {
    let size = 0
    for (const sessions of this.#kept.values()) size += sessions.length
    return size
  }

  /** Until when a session may be kept whose certificate has just been verified, in ms since 1970. */
  expiry(notAfter: number): number {
    return Math.min(notAfter, this.now() + LONGEST)
  }

  /**
   * The newest session with this partner. A ticket of TLS 1.3 is given out once, so that an onlooker cannot tell by it that two
   * connections belong together (RFC 8446 appendix C.4).
   */
  take(partner: string): KeptSession | undefined {
    const sessions = this.#fresh(partner)
    const newest = sessions.at(-1)
    if (newest?.version === 'TLSv1.3') this.#put(partner, sessions.slice(0, -1))
    return newest
  }

  /** Keeps a session for later, unless it has expired. */
  keep(partner: string, session: KeptSession): void {
    const sessions = [...this.#fresh(partner), session].filter(({ expires }) => expires > this.now())
    this.#put(partner, sessions.slice(-MOST_TICKETS))
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > MOST_PARTNERS && oldest !== undefined) this.#kept.delete(oldest)
  }

  /** Forgets what there is of a partner, for it did no good. */
  forget(partner: string): void {
    this.#kept.delete(partner)
  }

  #fresh(partner: string): readonly KeptSession[] {
    return (this.#kept.get(partner) ?? []).filter(({ expires }) => expires > this.now())
  }

  #put(partner: string, sessions: KeptSession[]): void {
    this.#kept.delete(partner)
    if (sessions.length > 0) this.#kept.set(partner, sessions)
  }
}

/** One word for all that decides who the partner is and why it is trusted; a key among it does not stay readable. */
export function partnerOf(...deciding: readonly unknown[]): string {
  return nodeCrypto()
    .createHash('sha256')
    .update(JSON.stringify(deciding.map(value => value ?? null)))
    .digest('base64')
}
