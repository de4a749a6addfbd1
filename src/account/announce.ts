/** What an account tells and asks about presence. A component has no server that knows its contacts: it tells each itself. */
import type { AccountConfig } from '../config/account.ts'
import type { Session } from '../session.ts'
import type { Attrs, Element } from '../stream/element.ts'
import { availablePresence, subscription } from '../xep/presence.ts'
import type { Buddies, Buddy } from './buddies.ts'

/** The presence that an account's configuration asks for, with what addresses it has. */
export function ownPresence(session: Session, config: AccountConfig, { to, from }: Attrs = {}): Element {
  const { status, statusmessage, priority } = config
  if (status === 'unavailable') {
    return session.stanza('presence', { type: 'unavailable', to, from }, session.stanza('status', {}, statusmessage))
  }
  const state = { show: status === 'available' ? undefined : status, status: statusmessage, priority }
  return availablePresence(session, state, { to, from })
}

/** Our presence, to everyone who may see it or, by a component, to these buddies. */
export function sendPresence(session: Session, config: AccountConfig, buddies: readonly Buddy[]): void {
  if (!session.component) session.send(ownPresence(session, config))
  else for (const { jid } of buddies) session.send(ownPresence(session, config, { to: jid }))
}

/** Asks those `buddy=` lines for their presence that we do not see yet, if autoregister says so. */
export function subscribe(session: Session, { autoregister }: AccountConfig, buddies: readonly Buddy[]): void {
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

/** Greets the buddies that a reload has brought, and takes leave of those it has taken away. */
export function changeBuddies(
  session: Session,
  config: AccountConfig,
  buddies: Buddies,
  before: readonly string[],
): void {
  const added = buddies.list().filter(({ jid, configured }) => configured && !before.includes(jid))
  subscribe(session, config, added)
  if (!session.component) return
  sendPresence(session, config, added)
  for (const jid of before) {
    if (buddies.get(jid) === undefined) session.send(session.stanza('presence', { type: 'unavailable', to: jid }))
  }
}

/** Says that we are gone. */
export function sayGoodbye(session: Session, buddies: readonly Buddy[]): void {
  const targets = session.component ? buddies.map(({ jid }) => jid) : [undefined]
  try {
    for (const to of targets) session.send(session.stanza('presence', { type: 'unavailable', to }))
  } catch (error) {
    // The server does not read any more: there is nobody left to be polite to.
    session.stream.destroy(error as Error)
  }
}
