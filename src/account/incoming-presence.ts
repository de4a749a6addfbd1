import { bareJid } from '../jid.ts'
import type { Session } from '../session.ts'
import type { Attrs, Element } from '../stream/element.ts'
import { readPresence, type SubscriptionType } from '../xep/presence.ts'
import { ownPresence, seen } from './announce.ts'
import type { ArrivalsHost } from './arrivals.ts'
import type { Buddies, Buddy } from './buddies.ts'

/**
 * Contacts up to which strangers who ask may see a client's presence. Each is an item of our roster on the server, so without a bound they
 * could make it as large as they like.
 */
const MAX_CONTACTS = 2000

/** Strangers who see a client's presence. */
export interface Strangers {
  session: Session | undefined
  /** Contacts when the first request of the session came. */
  atLogin: number
  /** Strangers granted in this session, of whom the roster may not have told yet. */
  granted: number
}

/** Whether one more stranger may see a client, who is counted then. */
function admit(strangers: Strangers, buddies: Buddies, session: Session): boolean {
  if (strangers.session !== session) Object.assign(strangers, { session, atLogin: buddies.size, granted: 0 })
  if (Math.max(buddies.size, strangers.atLogin + strangers.granted) >= MAX_CONTACTS) return false
  strangers.granted++
  return true
}

/** Keeps in mind whom a component has told its presence, or no longer does. */
function watch({ announcer }: ArrivalsHost, from: string, stanza: Element, session: Session, on = true): void {
  if (on) announcer.watchers.add(askedOf(stanza, session), bareJid(from))
  else announcer.watchers.delete(askedOf(stanza, session), bareJid(from))
}

/** Presence of every type: of buddies, and of who asks or tells something of subscriptions (RFC 6121 §3). */
export function onPresence(host: ArrivalsHost, stanza: Element, session: Session, strangers: Strangers): void {
  const from = session.sender(stanza)
  if (from === undefined) return
  const { type } = stanza.attrs
  if (type === undefined || type === 'unavailable') onAvailability(host, from, stanza, session)
  else if (type === 'subscribe') onSubscribe(host, from, stanza, session, strangers)
  else if (type === 'subscribed' || type === 'unsubscribe' || type === 'unsubscribed') {
    onSubscriptionNews(host, from, type, stanza, session)
  } else if (!session.component) return
  else if (type === 'probe') onProbe(host, from, stanza, session)
  // Who cannot be told need not be (RFC 6121 §4.6.3).
  else if (type === 'error') watch(host, from, stanza, session, false)
}

/** A contact's server asks a component for its presence (RFC 6121 §4.3.2); a client's server answers for it. */
function onProbe(host: ArrivalsHost, from: string, stanza: Element, session: Session): void {
  const { config, buddies } = host
  if (config().auth_policy === 'accept' || buddies.get(from)?.configured) {
    watch(host, from, stanza, session)
    reply(session, ownPresence(session, config(), answerTo(stanza, from, session)))
  } else {
    watch(host, from, stanza, session, false)
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
function onSubscribe(host: ArrivalsHost, from: string, stanza: Element, session: Session, strangers: Strangers): void {
  const { config, emit, buddies } = host
  const { auth_policy, autoregister } = config()
  const buddy = buddies.get(from)
  const addresses = answerTo(stanza, bareJid(from), session)
  const answer = (type: SubscriptionType): void => reply(session, session.stanza('presence', { ...addresses, type }))
  if (auth_policy === 'deny') {
    if (session.component) watch(host, from, stanza, session, false)
    answer('unsubscribed')
    emit({ type: 'subscription', from, action: 'refused' })
    return
  }
  if (session.component) watch(host, from, stanza, session)
  else if (buddy === undefined && !admit(strangers, buddies, session)) {
    emit({ type: 'subscription', from, action: 'requested' })
    return
  }
  answer('subscribed')
  emit({ type: 'subscription', from, action: 'granted' })
  if (session.component) reply(session, ownPresence(session, config(), addresses))
  if (autoregister && inBooks(stanza, session) && wanted(buddy, session)) answer('subscribe')
}

/** Whose presence we do not see and have not asked for. What a component is told of strangers it has no place to keep. */
function wanted(buddy: Buddy | undefined, session: Session): boolean {
  return buddy === undefined ? !session.component : !seen(buddy)
}

/** The books of a component are its domain's: for whom it sees, it asks from there. */
function inBooks(stanza: Element, session: Session): boolean {
  return !session.component || askedOf(stanza, session) === session.jid
}

/** The address of ours that a stanza is for, as a bare JID, which may be one to our server alone. */
function askedOf(stanza: Element, session: Session): string {
  return bareJid(session.recipient(stanza) ?? stanza.attrs.to ?? '')
}

/** A client's server keeps the books and pushes them; a component's books are its own. */
function onSubscriptionNews(
  host: ArrivalsHost,
  from: string,
  action: 'subscribed' | 'unsubscribe' | 'unsubscribed',
  stanza: Element,
  session: Session,
): void {
  const { buddies, emit } = host
  emit({ type: 'subscription', from, action })
  if (!session.component) return
  if (action === 'unsubscribe') {
    // RFC 6121 §3.3.3: who no longer wants to see us sees us go.
    const addresses = answerTo(stanza, bareJid(from), session)
    for (const type of ['unavailable', 'unsubscribed'])
      reply(session, session.stanza('presence', { ...addresses, type }))
    watch(host, from, stanza, session, false)
  } else if (inBooks(stanza, session) && buddies.subscribed(from, action === 'subscribed')) {
    // A server that has let us see a contact before says no more than that (RFC 6121 §3.1.3).
    reply(session, session.stanza('presence', { type: 'probe', to: bareJid(from) }))
  }
}

/** A component answers from the address that was asked; a client's server stamps its own. */
function answerTo(stanza: Element, to: string, session: Session): Attrs {
  const asked = session.component ? stanza.attrs.to : undefined
  return { to, from: asked && bareJid(asked) }
}

function reply(session: Session, answer: Element): void {
  if (session.stream.writable) session.send(answer)
}
