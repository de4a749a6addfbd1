/** RFC 6121 §3 and §4: presence and subscriptions. */
import type { Session } from '../session.ts'
import type { Attrs, Element } from '../stream/element.ts'
import { ownCaps } from './0115-caps.ts'

/** RFC 6121 §4.7.2.1; no show at all is plain availability. */
export type Show = 'away' | 'chat' | 'dnd' | 'xa'

/** What an available presence says. */
export interface PresenceState {
  readonly show?: Show | undefined
  readonly status?: string | undefined
  /** −128…127 (RFC 6121 §4.7.2.3). */
  readonly priority?: number | undefined
}

/**
 * Tells the server, and through it everyone subscribed, that we are available; with `to` one JID only. What the session's extensions can do is
 * announced in it (XEP-0115 §6.1) if they say so, as the standard ones do.
 */
export function availablePresence(session: Session, state: PresenceState = {}, addresses: Attrs = {}): Element {
  const { show, status, priority } = state
  const caps = ownCaps(session.xepsAt(addresses.from) ?? [])
  return session.stanza(
    'presence',
    addresses,
    ...(status ? [session.stanza('status', {}, status)] : []),
    ...(priority === undefined ? [] : [session.stanza('priority', {}, `${priority}`)]),
    ...(show ? [session.stanza('show', {}, show)] : []),
    ...(caps ? [caps] : []),
  )
}

/** Tells that we are gone; with `to` one JID only. */
export function unavailablePresence(session: Session, status?: string, addresses: Attrs = {}): Element {
  return withStatus(session, { ...addresses, type: 'unavailable' }, status)
}

/** The types of presence that deal with subscriptions (RFC 6121 §3). */
export type SubscriptionType = 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed'

/** RFC 6121 §3: asks for, grants, gives up or takes away a presence subscription. @param from for a component: which of its addresses; default its domain */
export function subscription(
  session: Session,
  type: SubscriptionType,
  to: string,
  status?: string,
  from?: string,
): Element {
  return withStatus(session, { type, to, from }, status)
}

function withStatus(session: Session, attrs: Attrs, status: string | undefined): Element {
  return session.stanza('presence', attrs, ...(status ? [session.stanza('status', {}, status)] : []))
}

/** What a received presence says; anything odd in it is taken as its default, never as an error. */
export function readPresence(stanza: Element): { show: Show | undefined; status: string; priority: number } {
  const show = stanza.childText('show')?.trim()
  const text = stanza.childText('priority')?.trim() ?? '0'
  const priority = /^[+-]?\d{1,3}$/.test(text) ? Number(text) : 0
  return {
    show: show === 'away' || show === 'chat' || show === 'dnd' || show === 'xa' ? show : undefined,
    status: stanza.childText('status') ?? '',
    priority: priority >= -128 && priority <= 127 ? priority : 0,
  }
}
