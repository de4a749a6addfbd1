/** XEP-0060 §12.4 to §12.6: what follows from who is there and who is not. */
import { StanzaError } from '../errors.ts'
import { bareJid } from '../jid.ts'
import { NS_CLIENT } from '../negotiate.ts'
import { type Element, el } from '../stream/element.ts'
import { dropSubscription, settle } from './expiry.ts'
import type { Node, Subscription } from './node.ts'
import { sendLast, type Telling } from './notifications.ts'
import { MOST_STRANGERS } from './presence.ts'

/** Presence of somebody, or what they say of theirs and ours. */
export function takePresence(telling: Telling, stanza: Element): void {
  const { type, from = '' } = stanza.attrs
  if (from === '') return
  switch (type) {
    case undefined:
      return come(telling, from, stanza.childText('show'))
    case 'unavailable':
      return leave(telling, from)
    case 'subscribe':
    case 'probe':
      // A service is no contact: whoever has it in the roster waits for nothing.
      telling.out.push(presence(telling, from, 'unsubscribed'))
  }
}

/** Who comes is told what they have missed, where a node is for that (§6.1.7). */
function come(telling: Telling, from: string, show = ''): void {
  const { service } = telling
  const person = bareJid(from)
  if (service.subscriptionsOf(person) === 0 && service.presences.size >= MOST_STRANGERS) return
  const here = service.presences.come(from, shows.find(each => each === show) ?? 'online')
  // By the address that is told: the first resource to come may be another one each time.
  const fresh = here.filter(jid => !service.greeted.was(jid, service.clock.now()))
  if (fresh.length === 0) return
  let bytes = 0
  for (const [node, subscription] of held(telling, person)) {
    if (node.isCollection || node.config.send_last_published_item !== 'on_sub_and_presence') continue
    if (subscription.state !== 'subscribed' || !fresh.includes(subscription.jid)) continue
    // A presence is small, and what is brought because of it shall not be without measure.
    bytes += node.last?.size ?? 0
    if (bytes > service.limits.greetingBytes) return
    sendLast(telling, node, subscription)
  }
}

/** RFC 6121 §4.7.2.1. */
const shows = ['away', 'chat', 'dnd', 'xa']

/** What lasts as long as somebody is there ends when they go (§12.5). They are not told: nobody would hear it. */
function leave(telling: Telling, from: string): void {
  const { service } = telling
  const person = bareJid(from)
  // COMPAT Prosody says `unavailable` at once to whoever asks for a presence that nobody has granted yet, or that is still to come.
  if (!service.presences.leave(from) || !service.isTemporary(person)) return
  for (const [node, subscription] of held(telling, person)) {
    const { jid, options } = subscription
    if (options.expire !== 'presence' || service.presences.has(jid)) continue
    if (jid !== person && jid !== from && from !== person) continue
    dropSubscription(telling, node, subscription)
  }
}

/** Asks those whose subscriptions last as long as they are there. Those who are not are said to be away, or to be none of our business: then nothing ends. */
export function askWhoIsThere(telling: Telling): void {
  const { service, out } = telling
  service.presences.clear()
  for (const person of service.people.temporary()) {
    // Of the others it is as if they did not let us see.
    if (out.length >= service.limits.notificationsPerRequest) return
    service.presences.seek(person)
    out.push(presence(telling, person, 'probe'))
  }
}

/** A notification has come back. Whoever does not exist, or has moved, is not told any more. */
export function takeBounce(telling: Telling, message: Element): void {
  const { from = '' } = message.attrs
  const { condition } = StanzaError.from(message)
  if (condition !== 'gone' && condition !== 'item-not-found') return
  for (const [node, subscription] of held(telling, bareJid(from))) {
    if (subscription.jid === from) dropSubscription(telling, node, subscription)
  }
}

/** Somebody's subscriptions. */
function held(telling: Telling, person: string): (readonly [Node, Subscription])[] {
  const nodes = [...telling.service.nodesOf(person)]
  for (const node of nodes) settle(telling, node)
  return nodes.flatMap(node => node.subscriptionsOf(person).map(each => [node, each] as const))
}

function presence({ service }: Telling, to: string, type: string): Element {
  return el('presence', NS_CLIENT, { from: service.jid, to: bareJid(to), type })
}
