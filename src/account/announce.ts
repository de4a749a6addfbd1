/** What an account tells and asks about presence. A component has no server that knows its contacts: it tells each itself. */
import type { AccountConfig } from '../config/account.ts'
import type { Session } from '../session.ts'
import type { Attrs, Element } from '../stream/element.ts'
import { availablePresence, subscription, unavailablePresence } from '../xep/presence.ts'
import type { Buddies, Buddy } from './buddies.ts'
import { Watchers } from './watchers.ts'

/** How an account shows itself, and to whom. */
export class Announcer {
  /** Whom a component owes the changes of its presence and its goodbye (RFC 6121 §4.6.3), beside its buddies; those among them who have asked too. */
  readonly watchers = new Watchers()
  readonly #config: () => AccountConfig
  readonly #buddies: Buddies
  /** What we show has changed since it was last said. */
  #stale = false
  /** The server takes us for unavailable, and tells us nobody's presence. */
  #hidden = false
  /** How often it has been said: what is said later takes the place of what all have not been told yet. */
  #said = 0

  /** @param config with the presence that is to be shown */
  constructor(config: () => AccountConfig, buddies: Buddies) {
    this.#config = config
    this.#buddies = buddies
  }

  /** Whether what we show is still to be said. */
  get stale(): boolean {
    return this.#stale
  }

  /** There is no connection by which it could be said. */
  changed(): void {
    this.#stale = true
  }

  /** Our presence, and the questions that go with it. */
  announce(session: Session): void {
    this.say(session)
    subscribe(session, this.#config(), this.#buddies.list())
  }

  /** Our presence, to everyone who may see it. @throws what {@link Session.send} throws; it is still to be said then */
  say(session: Session): void {
    this.#stale = true
    const hidden = this.#config().status === 'unavailable'
    // Who becomes available is told by its server who is there; who is not is told nothing (RFC 6121 §4.2.2, §4.5.2).
    if (!session.component && hidden !== this.#hidden) this.#buddies.clearPresence()
    this.#hidden = hidden
    for (const addresses of this.#audience(session)) session.send(ownPresence(session, this.#config(), addresses))
    this.#stale = false
    void this.#tellWatchers(session, ++this.#said)
  }

  /**
   * Greets the buddies that a reload has brought, and takes leave of those it has taken away, but for who has asked to see us.
   * @param before the `buddy=` lines that there were
   * @param said all buddies have been told our presence since
   */
  changeBuddies(session: Session, before: readonly string[], said: boolean): void {
    const added = this.#buddies.list().filter(({ jid, configured }) => configured && !before.includes(jid))
    subscribe(session, this.#config(), added)
    if (!session.component) return
    if (!said) for (const { jid } of added) session.send(ownPresence(session, this.#config(), { to: jid }))
    for (const jid of before) {
      if (this.#buddies.get(jid) !== undefined || this.#isWatcher(session.jid, jid)) continue
      session.send(unavailablePresence(session, undefined, { to: jid }))
    }
  }

  /** Says that we are gone; to watchers as far as there is room. */
  goodbye(session: Session): void {
    this.#said++
    try {
      for (const addresses of this.#audience(session)) session.send(unavailablePresence(session, undefined, addresses))
    } catch (error) {
      // The server does not read any more: there is nobody left to be polite to.
      session.stream.destroy(error as Error)
      return
    }
    if (!session.component) return
    try {
      for (const [from, to] of this.watchers) {
        if (!this.#isBuddy(session, from, to)) session.send(unavailablePresence(session, undefined, { from, to }))
      }
    } catch (error) {
      if ((error as { code?: string }).code !== 'XMPP_SEND_LIMIT') throw error
    }
  }

  /** A client's server knows who may see it; a component tells its buddies. */
  #audience({ component }: Session): readonly Attrs[] {
    return component ? this.#buddies.list().map(({ jid }) => ({ to: jid })) : [{}]
  }

  /** One after the other, as the server reads: strangers can be many. */
  async #tellWatchers(session: Session, said: number): Promise<void> {
    if (!session.component) return
    for (const [from, to] of [...this.watchers]) {
      if (said !== this.#said || !session.writable) return
      if (this.#isBuddy(session, from, to) || !this.#isWatcher(from, to)) continue
      try {
        await session.send(ownPresence(session, this.#config(), { from, to }))
      } catch {
        // Others have sent too much meanwhile, or the stream is over: whoever was not told asks when he comes next.
        return
      }
    }
  }

  /** Whether someone is told from that address as a buddy. */
  #isBuddy(session: Session, address: string, jid: string): boolean {
    return address === session.jid && this.#buddies.get(jid) !== undefined
  }

  /** Whether someone is still to be told from that address as one who has asked. */
  #isWatcher(address: string, jid: string): boolean {
    const allowed = this.#config().auth_policy === 'accept' || this.#buddies.get(jid) !== undefined
    return allowed && this.watchers.has(address, jid)
  }
}

/** The presence that an account's configuration asks for, with what addresses it has. */
export function ownPresence(session: Session, config: AccountConfig, { to, from }: Attrs = {}): Element {
  const { status, statusmessage, priority } = config
  if (status === 'unavailable') return unavailablePresence(session, statusmessage, { to, from })
  const state = { show: status === 'available' ? undefined : status, status: statusmessage, priority }
  return availablePresence(session, state, { to, from })
}

/** Asks those `buddy=` lines for their presence that we do not see yet, if autoregister says so. */
function subscribe(session: Session, { autoregister }: AccountConfig, buddies: readonly Buddy[]): void {
  if (!autoregister) return
  for (const buddy of buddies) {
    if (!buddy.configured || seen(buddy)) continue
    session.send(subscription(session, 'subscribe', buddy.jid, 'I would like to see when you are available'))
  }
}

/** Whether we see a buddy's presence, or have asked for it. */
export function seen({ subscription, asked }: Buddy): boolean {
  return subscription === 'to' || subscription === 'both' || asked
}

/** A component that has been away asks whom it may see (RFC 6121 §4.3); for a client its server does. */
export function probe(session: Session, buddies: readonly Buddy[]): void {
  if (!session.component) return
  for (const { jid, subscription } of buddies) {
    if (subscription === 'to') session.send(session.stanza('presence', { type: 'probe', to: jid }))
  }
}
