import { bareJid } from '../jid.ts'
import type { Session } from '../session.ts'
import type { Attrs, Element } from '../stream/element.ts'
import { readPresence } from '../xep/presence.ts'
import { ownPresence } from './announce.ts'
import type { ArrivalsHost } from './arrivals.ts'
import type { Buddies } from './buddies.ts'

/**
 * Contacts up to which strangers who ask may see our presence. Each is an item of our roster on the server, so without a bound they
 * could make it as large as they like.
 */
const MAX_WATCHERS = 2000

/** Strangers who see our presence. */
export interface Watchers {
  session: Session | undefined
  /** Contacts when the first request of the session came. */
  atLogin: number
  /** Strangers granted in this session, of whom the roster may not have told yet. */
  granted: number
}

/** Whether one more stranger may see us. A component has no roster that could grow. */
function roomFor(watchers: Watchers, buddies: Buddies, session: Session): boolean {
  if (watchers.session !== session) Object.assign(watchers, { session, atLogin: buddies.size, granted: 0 })
  return session.component || Math.max(buddies.size, watchers.atLogin + watchers.granted) < MAX_WATCHERS
}

/** Presence of every type: of buddies, and of who asks or tells something of subscriptions (RFC 6121 §3). */
export function onPresence(host: ArrivalsHost, stanza: Element, session: Session, watchers: Watchers): void {
  const from = session.sender(stanza)
  if (from === undefined) return
  const { type } = stanza.attrs
  if (type === undefined || type === 'unavailable') onAvailability(host, from, stanza)
  else if (type === 'subscribe') onSubscribe(host, from, stanza, session, watchers)
  else if (type === 'subscribed' || type === 'unsubscribe' || type === 'unsubscribed') {
    onSubscriptionNews(host, from, type, stanza, session)
  } else if (type === 'probe' && session.component) {
    // A contact's server asks a component for its presence (RFC 6121 §4.3); a client's server answers for it.
    reply(session, ownPresence(session, host.config(), answerTo(stanza, from, session)))
  }
}

function onAvailability({ buddies, emit }: ArrivalsHost, from: string, stanza: Element): void {
  if (!buddies.presence(from, stanza)) return
  emit({ type: 'presence', from, available: stanza.attrs.type === undefined, ...readPresence(stanza) })
}

/** Whether someone may see our presence is what autoregister decides, as it does in res_xmpp. */
function onSubscribe(
  { config, emit, buddies }: ArrivalsHost,
  from: string,
  stanza: Element,
  session: Session,
  watchers: Watchers,
): void {
  const known = buddies.get(from) !== undefined
  const granted = config().autoregister && (known || roomFor(watchers, buddies, session))
  if (granted && !known) watchers.granted++
  emit({ type: 'subscription', from, action: granted ? 'granted' : 'requested' })
  if (!granted) return
  const addresses = answerTo(stanza, bareJid(from), session)
  reply(session, session.stanza('presence', { ...addresses, type: 'subscribed' }))
  if (session.component) reply(session, ownPresence(session, config(), addresses))
}

/** A client's server keeps the books and pushes them; a component's books are its own. */
function onSubscriptionNews(
  { buddies, emit }: ArrivalsHost,
  from: string,
  action: 'subscribed' | 'unsubscribe' | 'unsubscribed',
  stanza: Element,
  session: Session,
): void {
  emit({ type: 'subscription', from, action })
  if (!session.component) return
  if (action === 'unsubscribe') {
    reply(session, session.stanza('presence', { ...answerTo(stanza, bareJid(from), session), type: 'unsubscribed' }))
  } else buddies.subscribed(from, action === 'subscribed')
}

/** A component answers from the address that was asked; a client's server stamps its own. */
function answerTo(stanza: Element, to: string, session: Session): Attrs {
  const asked = session.component ? stanza.attrs.to : undefined
  return { to, from: asked && bareJid(asked) }
}

function reply(session: Session, answer: Element): void {
  if (session.stream.writable) session.send(answer)
}
