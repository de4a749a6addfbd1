import { bareJid } from '../jid.ts'
import type { Session } from '../session.ts'
import type { Attrs, Element } from '../stream/element.ts'
import { readPresence, type SubscriptionType } from '../xep/presence.ts'
import { ownPresence, seen } from './announce.ts'
import type { ArrivalsHost } from './arrivals.ts'
import type { Buddies, Buddy } from './buddies.ts'

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
  if (type === undefined || type === 'unavailable') onAvailability(host, from, stanza, session)
  else if (type === 'subscribe') onSubscribe(host, from, stanza, session, watchers)
  else if (type === 'subscribed' || type === 'unsubscribe' || type === 'unsubscribed') {
    onSubscriptionNews(host, from, type, stanza, session)
  } else if (type === 'probe' && session.component) {
    onProbe(host, from, stanza, session)
  }
}

/** A contact's server asks a component for its presence (RFC 6121 §4.3.2); a client's server answers for it. */
function onProbe({ config, buddies }: ArrivalsHost, from: string, stanza: Element, session: Session): void {
  if (config().auth_policy === 'accept' || buddies.get(from)?.configured) {
    reply(session, ownPresence(session, config(), answerTo(stanza, from, session)))
  } else {
    const addresses = answerTo(stanza, bareJid(from), session)
    reply(session, session.stanza('presence', { ...addresses, type: 'unsubscribed' }))
  }
}

function onAvailability(
  { buddies, emit, capabilities }: ArrivalsHost,
  from: string,
  stanza: Element,
  session: Session,
): void {
  const news = buddies.presence(from, stanza)
  // A component asks from the address that was told, which is the one that may know. Nothing waits for it.
  const asking = session.component ? stanza.attrs.to : undefined
  if (stanza.attrs.type === undefined)
    void capabilities.see(session, buddies, from, asking === undefined ? {} : { from: bareJid(asking) })
  if (!news) return
  emit({ type: 'presence', from, available: stanza.attrs.type === undefined, ...readPresence(stanza) })
}

/** Whether someone may see our presence is what auth_policy says; with autoregister whoever may is asked for theirs in return. */
function onSubscribe(
  { config, emit, buddies }: ArrivalsHost,
  from: string,
  stanza: Element,
  session: Session,
  watchers: Watchers,
): void {
  const { auth_policy, autoregister } = config()
  const buddy = buddies.get(from)
  const addresses = answerTo(stanza, bareJid(from), session)
  const answer = (type: SubscriptionType): void => reply(session, session.stanza('presence', { ...addresses, type }))
  if (auth_policy === 'deny') {
    emit({ type: 'subscription', from, action: 'refused' })
    return answer('unsubscribed')
  }
  if (buddy === undefined && !roomFor(watchers, buddies, session)) {
    emit({ type: 'subscription', from, action: 'requested' })
    return
  }
  if (buddy === undefined) watchers.granted++
  emit({ type: 'subscription', from, action: 'granted' })
  answer('subscribed')
  if (session.component) reply(session, ownPresence(session, config(), addresses))
  if (autoregister && inBooks(stanza, session) && wanted(buddy, session)) answer('subscribe')
}

/** Whose presence we do not see and have not asked for. What a component is told of strangers it has no place to keep. */
function wanted(buddy: Buddy | undefined, session: Session): boolean {
  return buddy === undefined ? !session.component : !seen(buddy)
}

/** The books of a component are its domain's; what its users see and show is theirs who run them. */
function inBooks(stanza: Element, session: Session): boolean {
  return !session.component || bareJid(session.recipient(stanza) ?? '') === session.jid
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
    // RFC 6121 §3.3.3: who no longer wants to see us sees us go.
    const addresses = answerTo(stanza, bareJid(from), session)
    for (const type of ['unavailable', 'unsubscribed'])
      reply(session, session.stanza('presence', { ...addresses, type }))
  } else if (inBooks(stanza, session)) buddies.subscribed(from, action === 'subscribed')
}

/** A component answers from the address that was asked; a client's server stamps its own. */
function answerTo(stanza: Element, to: string, session: Session): Attrs {
  const asked = session.component ? stanza.attrs.to : undefined
  return { to, from: asked && bareJid(asked) }
}

function reply(session: Session, answer: Element): void {
  if (session.stream.writable) session.send(answer)
}
