import type { Clock } from '../clock.ts'
import type { AccountConfig } from '../config/account.ts'
import { StanzaError } from '../errors.ts'
import { bareJid } from '../jid.ts'
import { onEvery, type Xep } from '../routes.ts'
import type { Session } from '../session.ts'
import type { Attrs, Element } from '../stream/element.ts'
import { readPresence } from '../xep/presence.ts'
import { rosterPushes } from '../xep/roster.ts'
import { ownPresence } from './announce.ts'
import type { Buddies } from './buddies.ts'
import type { AccountEvent } from './events.ts'
import type { Inbox } from './inbox.ts'

/** What an account lends to the handlers of what it receives. */
export interface ArrivalsHost {
  readonly config: () => AccountConfig
  readonly buddies: Buddies
  readonly inbox: Inbox
  readonly clock: Clock
  readonly emit: (event: AccountEvent) => void
  /** Whether a message with that id was sent by us; asked once for each. */
  readonly sent: (id: string) => boolean
}

/** Handlers for the roster pushes, messages and presence of an account. */
export function arrivals(host: ArrivalsHost): Xep {
  // Whoever forges one push can forge many: the first is worth a line.
  let told = false
  const onForged = (sender: string): void => {
    if (!told) host.emit({ type: 'warning', text: `a roster push from ${sender} was refused: it is not our server's` })
    told = true
  }
  const roster = rosterPushes(item => host.buddies.push(item), onForged)
  const watchers: Watchers = { session: undefined, atLogin: 0, granted: 0 }
  const message = onEvery('message', (stanza, session) => onMessage(host, stanza, session))
  const presence = onEvery('presence', (stanza, session) => onPresence(host, stanza, session, watchers))
  return { name: 'account', routes: [...(roster.routes ?? []), message, presence] }
}

function onMessage({ emit, inbox, clock, sent }: ArrivalsHost, stanza: Element, session: Session): void {
  const from = session.sender(stanza)
  if (from === undefined) return
  const { type, id } = stanza.attrs
  if (type === 'error') {
    // Our ids cannot be guessed, so who knows one got the message, or a server on its way did.
    if (id !== undefined && sent(id)) emit({ type: 'bounce', to: from, id, error: StanzaError.from(stanza) })
    return
  }
  const body = stanza.childText('body')
  if (body === undefined) return
  // RFC 6121 §5.2.2: an unknown type is normal.
  const known = type === 'chat' || type === 'groupchat' || type === 'headline' ? type : 'normal'
  const message = { from, body, type: known, id, received: clock.now() } as const
  emit({ type: 'message', message })
  inbox.put(message)
}

/**
 * Contacts up to which strangers who ask may see our presence. Each is an item of our roster on the server, so without a bound they
 * could make it as large as they like.
 */
const MAX_WATCHERS = 2000

interface Watchers {
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

function onPresence(host: ArrivalsHost, stanza: Element, session: Session, watchers: Watchers): void {
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
