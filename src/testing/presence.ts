import { StanzaError } from '../errors.ts'
import { bareJid, resourceOf } from '../jid.ts'
import { NS_CLIENT } from '../negotiate.ts'
import { type Element, el } from '../stream/element.ts'
import type { Hub } from './hub.ts'
import type { Peer } from './peers.ts'
import { presence, readdress } from './stanza.ts'

/** Whom a client may send directed presence at one time. */
const MAX_DIRECTED = 1000

/**
 * Presence without a `to`: tells everyone who may know (RFC 6121 §4.2, §4.4, §4.5).
 * @throws StanzaError `bad-request` for what makes no sense
 */
export function broadcast(hub: Hub, peer: Peer, stanza: Element): void {
  const { type } = stanza.attrs
  if (type === 'unavailable') return depart(hub, peer, stanza)
  if (type !== undefined) throw new StanzaError('modify', 'bad-request', `presence of type ${type} needs a "to"`)
  const priority = readPriority(stanza)
  const initial = peer.presence === undefined
  peer.presence = stanza
  peer.priority = priority
  tellSubscribers(hub, peer, stanza)
  if (initial) welcome(hub, peer)
}

/** A resource is not available any more: by its own word, or because its connection has ended (§4.5.2, §4.6.3). */
export function depart(hub: Hub, peer: Peer, stanza = el('presence', NS_CLIENT, { type: 'unavailable' })): void {
  const farewell = readdress(stanza, { from: peer.jid })
  const directed = [...peer.directed]
  peer.directed.clear()
  if (peer.presence !== undefined) {
    peer.presence = undefined
    peer.priority = 0
    tellSubscribers(hub, peer, farewell)
  }
  const roster = hub.rosters.of(peer.bare)
  for (const to of directed) {
    if (!roster.get(bareJid(to))?.from) hub.route(readdress(farewell, { to }))
  }
}

/**
 * Takes note of directed presence (§4.6), for whoever is told that we are there must be told that we are gone.
 * @throws StanzaError `resource-constraint`
 */
export function noteDirected(peer: Peer, { attrs: { to = '', type } }: Element): void {
  if (type === 'unavailable') peer.directed.delete(to)
  else if (type === undefined) {
    if (peer.directed.size >= MAX_DIRECTED) throw new StanzaError('wait', 'resource-constraint')
    peer.directed.add(to)
  }
}

/** Presence for an existing user from whoever may send it; subscriptions are not handled here (RFC 6121 §8.5). */
export function deliverPresence(hub: Hub, stanza: Element): void {
  const { to = '', type } = stanza.attrs
  if (type === 'probe') return answerProbe(hub, stanza)
  if (resourceOf(to) !== '') {
    const peer = hub.peers.find(to)
    if (peer !== undefined) hub.peers.send(peer, stanza)
  } else if (type === undefined || type === 'unavailable') {
    for (const peer of hub.peers.available(to)) hub.peers.send(peer, stanza)
  }
}

/** Sends a contact the presence of each resource of a user, or tells that each is gone (§3.1.5, §3.2.2, §3.3.3). */
export function announce(hub: Hub, user: string, contact: string, visible: boolean): void {
  for (const { jid, presence: last } of hub.peers.available(user)) {
    hub.route(visible && last ? readdress(last, { to: contact }) : presence('unavailable', jid, contact))
  }
}

/** §4.3.2. */
function answerProbe(hub: Hub, { attrs: { from = '', to = '' } }: Element): void {
  const user = bareJid(to)
  const prober = bareJid(from)
  if (prober !== user && !hub.rosters.of(user).get(prober)?.from) {
    hub.route(presence('unsubscribed', user, prober))
    return
  }
  const asked = hub.peers.available(user).filter(({ jid }) => to === user || to === jid)
  for (const { presence: last } of asked) if (last) hub.route(readdress(last, { to: from }))
  if (asked.length === 0) hub.route(presence('unavailable', to, from))
}

/** All of one's own resources, and all contacts that have a subscription. */
function tellSubscribers(hub: Hub, peer: Peer, stanza: Element): void {
  for (const own of hub.peers.available(peer.bare)) hub.peers.send(own, readdress(stanza, { to: own.jid }))
  for (const { jid, from } of hub.rosters.of(peer.bare).items) if (from) hub.route(readdress(stanza, { to: jid }))
}

/** What a resource that has just become available wants to know (§4.2.2, §4.3, §3.1.3). */
function welcome(hub: Hub, peer: Peer): void {
  for (const { presence: other } of hub.peers.available(peer.bare)) {
    if (other !== undefined && other !== peer.presence) hub.peers.send(peer, readdress(other, { to: peer.jid }))
  }
  const roster = hub.rosters.of(peer.bare)
  for (const { jid, to } of roster.items) if (to) hub.route(presence('probe', peer.jid, jid))
  for (const request of roster.requests) hub.peers.send(peer, request)
}

/** §4.7.2.3: an integer from −128 to 127. */
function readPriority(stanza: Element): number {
  const text = stanza.childText('priority')?.trim() ?? '0'
  const priority = /^[+-]?\d{1,3}$/.test(text) ? Number(text) : Number.NaN
  if (priority >= -128 && priority <= 127) return priority
  throw new StanzaError('modify', 'bad-request', 'a priority is an integer from -128 to 127')
}
