/** RFC 6121 §3 and appendix A: who sees whose presence. Pre-approval (§3.4) is not offered. */
import type { StanzaError } from '../errors.ts'
import { bareJid } from '../jid.ts'
import type { Element } from '../stream/element.ts'
import type { Hub } from './hub.ts'
import { announce } from './presence.ts'
import { pushItem } from './roster-iq.ts'
import { presence, readdress } from './stanza.ts'

/** Whether a presence of that type is about a subscription (RFC 6121 §3), and not about being there. */
export function isSubscription(type: string | undefined): boolean {
  return type === 'subscribe' || type === 'subscribed' || type === 'unsubscribe' || type === 'unsubscribed'
}

/**
 * What a user's client sends a contact. The stanza goes out in the name of the account (§3.1.2).
 * @throws StanzaError `resource-constraint` when the roster is full
 */
export function sendSubscription(hub: Hub, stanza: Element): StanzaError | undefined {
  const user = bareJid(stanza.attrs.from ?? '')
  const contact = bareJid(stanza.attrs.to ?? '')
  if (user === contact) return undefined
  const roster = hub.rosters.of(user)
  const item = roster.get(contact)
  const stamped = readdress(stanza, { from: user, to: contact })

  switch (stanza.attrs.type) {
    case 'subscribe': // A.2.1
      if (!item?.to && !item?.asked) pushItem(hub, user, roster.change(contact, { asked: true }))
      return hub.route(stamped)
    case 'subscribed': {
      // A.2.2: granting what nobody has asked for goes nowhere.
      if (!roster.takeRequest(contact)) return undefined
      pushItem(hub, user, roster.change(contact, { from: true }))
      const error = hub.route(stamped)
      announce(hub, user, contact, true)
      return error
    }
    case 'unsubscribe': // A.2.3
      if (item?.to || item?.asked) pushItem(hub, user, roster.change(contact, { to: false, asked: false }))
      return hub.route(stamped)
    default: {
      // A.2.4: refuses a request, or takes a granted one back.
      if (!roster.takeRequest(contact) && !item?.from) return undefined
      if (item?.from) {
        announce(hub, user, contact, false)
        pushItem(hub, user, roster.change(contact, { from: false }))
      }
      return hub.route(stamped)
    }
  }
}

/** What arrives for an existing user from a contact: another user of this server, or any address of a component. */
export function receiveSubscription(hub: Hub, received: Element): void {
  const user = bareJid(received.attrs.to ?? '')
  const contact = bareJid(received.attrs.from ?? '')
  if (user === contact) return
  const stanza = readdress(received, { from: contact, to: user })
  const roster = hub.rosters.of(user)
  const item = roster.get(contact)
  const deliver = (): void => {
    for (const peer of hub.peers.resources(user)) if (peer.interested) hub.peers.send(peer, stanza)
  }

  switch (stanza.attrs.type) {
    case 'subscribe':
      // A.3.1, §3.1.3: what is granted already is granted again without asking; a request is shown once.
      if (item?.from) hub.route(presence('subscribed', user, contact))
      else if (roster.addRequest(contact, stanza)) {
        for (const peer of hub.peers.available(user)) hub.peers.send(peer, stanza)
      }
      return
    case 'subscribed': // A.3.2
      if (!item?.asked) return
      deliver()
      pushItem(hub, user, roster.change(contact, { to: true, asked: false }))
      return
    case 'unsubscribe': // A.3.3
      if (!roster.takeRequest(contact) && !item?.from) return
      deliver()
      if (!item?.from) return
      announce(hub, user, contact, false)
      pushItem(hub, user, roster.change(contact, { from: false }))
      return
    default: // A.3.4
      if (!item?.to && !item?.asked) return
      deliver()
      pushItem(hub, user, roster.change(contact, { to: false, asked: false }))
  }
}
