import { describe, XmppError } from '../errors.ts'
import type { Session } from '../session.ts'
import { type RosterItem, removeContact, updateRoster } from '../xep/roster.ts'
import type { Buddies } from './buddies.ts'

/** What became of the contacts that autoprune found too many. */
export interface Pruned {
  /** Prepared bare JIDs that the server has confirmed to be gone. */
  readonly removed: readonly string[]
  /** Those that are there still, and why. */
  readonly failed: readonly { readonly jid: string; readonly reason: string }[]
}

/** The roster of an account: read at login, kept current by pushes, pruned. Who is in it is kept by its {@link Buddies}. */
export class AccountRoster {
  readonly #buddies: Buddies
  /** Of the roster as the buddies have it (RFC 6121 §2.6); it outlives the connection, as they do. */
  #ver: string | undefined
  /**
   * Pushes that come while the roster is read, the last of each contact. The answer is taken a little later than it arrives, and would undo a push
   * that came behind it; one that came before it is in it already, and does no harm twice.
   */
  #early: Map<string, readonly [RosterItem, string | undefined]> | undefined
  /** The session whose roster is known. */
  #known: Session | undefined
  #pruned: Session | undefined

  constructor(buddies: Buddies) {
    this.#buddies = buddies
  }

  /** Reads what has changed of it since the last time, where the server can tell. @throws what {@link updateRoster} throws */
  async read(session: Session): Promise<void> {
    this.#known = undefined
    const early = new Map<string, readonly [RosterItem, string | undefined]>()
    this.#early = early
    try {
      const roster = await updateRoster(session, this.#buddies.full ? undefined : this.#ver)
      if (roster !== undefined) {
        this.#buddies.roster(roster.items)
        this.#ver = roster.ver
      }
      this.#known = session
    } finally {
      // Another reading may have begun meanwhile, of another session.
      if (this.#early === early) {
        this.#early = undefined
        for (const [item, ver] of early.values()) this.push(item, ver)
      }
    }
  }

  /** Takes one changed contact, and the version that makes it. */
  push(item: RosterItem, ver: string | undefined): void {
    if (this.#early !== undefined) {
      // The last place is the last push's: its version is the one that counts.
      this.#early.delete(item.jid)
      if (this.#early.size < MAX_EARLY) this.#early.set(item.jid, [item, ver])
      return
    }
    this.#buddies.push(item)
    // Where the roster could not be read there are changes before this one that we do not know: the version that we have is the one from before.
    if (ver !== undefined && this.#known !== undefined) this.#ver = ver
  }

  /** Whatever is read next is another account's roster. */
  forget(): void {
    this.#ver = undefined
  }

  /**
   * Removes whom no `buddy=` names from the roster, once in a session: undefined when that has been done, when nobody is to go, or when it is
   * not known who is in it.
   */
  async prune(session: Session): Promise<Pruned | undefined> {
    if (this.#known !== session || this.#pruned === session) return undefined
    this.#pruned = session
    const waiting = this.#buddies.list().filter(({ inRoster, configured }) => inRoster && !configured)
    if (waiting.length === 0) return undefined
    const removed: string[] = []
    const failed: { jid: string; reason: string }[] = []
    const work = async (): Promise<void> => {
      for (let buddy = waiting.shift(); buddy !== undefined; buddy = waiting.shift()) {
        const { jid } = buddy
        // A reload may have named it meanwhile, or somebody else have removed it.
        if (!buddy.inRoster || buddy.configured) continue
        try {
          await removeContact(session, jid)
          this.#buddies.push({ jid, name: '', subscription: 'remove', asked: false })
          removed.push(jid)
        } catch (error) {
          const reason = describe(error)
          failed.push({ jid, reason })
          if (!(error instanceof XmppError && ended.has(error.code))) continue
          for (const { jid, inRoster, configured } of waiting.splice(0))
            if (inRoster && !configured) failed.push({ jid, reason })
        }
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, work))
    return { removed, failed }
  }
}

/** Removals that wait for their answers at one time. */
const IN_FLIGHT = 5
/** Pushes while one roster is read. A server that has more has time for the whole roster. */
const MAX_EARLY = 20_000

/** There is nobody left to ask. */
const ended: ReadonlySet<string> = new Set([
  'XMPP_STREAM_ENDED',
  'XMPP_TIMEOUT',
  'XMPP_SEND_LIMIT',
  'XMPP_CONNECTION_LOST',
])
