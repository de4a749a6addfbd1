/** RFC 6121 §2: the roster, as the server keeps it. */
import { randomBytes } from 'node:crypto'
import { StanzaError } from '../errors.ts'
import { bareJid, prepareJid } from '../jid.ts'
import { NS_CLIENT } from '../negotiate.ts'
import { type Element, el } from '../stream/element.ts'
import { NS_ROSTER } from '../xep/roster.ts'
import type { Hub } from './hub.ts'
import { announce } from './presence.ts'
import { type Item, subscriptionOf } from './rosters.ts'
import { presence } from './stanza.ts'

/** §2.2. Whoever has seen the roster is told of its changes. */
export function rosterGet(hub: Hub, stanza: Element): Element {
  const { from = '' } = stanza.attrs
  const peer = hub.peers.find(from)
  if (peer !== undefined) peer.interested = true
  return el('query', NS_ROSTER, {}, ...hub.rosters.of(bareJid(from)).items.map(itemElement))
}

/**
 * §2.3 to §2.5: one item is added, changed or removed.
 * @throws StanzaError with the conditions of §2.3.3 and §2.5.3
 */
export function rosterSet(hub: Hub, stanza: Element): void {
  const user = bareJid(stanza.attrs.from ?? '')
  const [item, ...more] = stanza.child('query', NS_ROSTER)?.elements ?? []
  if (item === undefined || more.length > 0 || !item.is('item', NS_ROSTER)) throw bad('one item at a time')
  const jid = prepareJid(item.attrs.jid ?? '')
  if (jid === undefined) throw bad('that is no JID')
  if (bareJid(jid) === user) throw new StanzaError('cancel', 'not-allowed', 'nobody is a contact of their own')
  if (item.attrs.subscription === 'remove') return remove(hub, user, bareJid(jid))

  const { name = '' } = item.attrs
  const groups = item.elements.filter(child => child.is('group', NS_ROSTER)).map(group => group.text)
  const tooLong = [name, ...groups].some(text => text.length > MAX_NAME)
  if (tooLong || groups.length > MAX_GROUPS || groups.includes('')) throw new StanzaError('modify', 'not-acceptable')
  if (new Set(groups).size < groups.length) throw bad('a group twice')
  pushItem(hub, user, hub.rosters.of(user).change(bareJid(jid), { name, groups }))
}

/** Tells every interested resource of a user about a changed item (§2.1.6). */
export function pushItem(hub: Hub, user: string, item: Item): void {
  push(hub, user, itemElement(item))
}

/** Characters in a name, as servers do it. */
const MAX_NAME = 1023
const MAX_GROUPS = 100

/** §2.5.2: with the contact go the subscriptions both ways, and the contact is told. */
function remove(hub: Hub, user: string, contact: string): void {
  const roster = hub.rosters.of(user)
  const item = roster.get(contact)
  if (item === undefined) throw new StanzaError('cancel', 'item-not-found')
  roster.remove(contact)
  if (item.to || item.asked) hub.route(presence('unsubscribe', user, contact))
  if (roster.takeRequest(contact) || item.from) {
    if (item.from) announce(hub, user, contact, false)
    hub.route(presence('unsubscribed', user, contact))
  }
  push(hub, user, el('item', NS_ROSTER, { jid: contact, subscription: 'remove' }))
}

function push(hub: Hub, user: string, item: Element): void {
  for (const peer of hub.peers.resources(user)) {
    if (!peer.interested) continue
    const id = `push-${randomBytes(6).toString('base64url')}`
    hub.peers.send(peer, el('iq', NS_CLIENT, { type: 'set', id, to: peer.jid }, el('query', NS_ROSTER, {}, item)))
  }
}

function itemElement(item: Item): Element {
  return el(
    'item',
    NS_ROSTER,
    {
      jid: item.jid,
      name: item.name || undefined,
      subscription: subscriptionOf(item),
      ask: item.asked ? 'subscribe' : undefined,
    },
    ...item.groups.map(group => el('group', NS_ROSTER, {}, group)),
  )
}

const bad = (why: string): StanzaError => new StanzaError('modify', 'bad-request', why)
