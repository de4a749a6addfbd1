import { StanzaError } from '../errors.ts'
import { bareJid, resourceOf } from '../jid.ts'
import type { Element } from '../stream/element.ts'
import type { Hub } from './hub.ts'

/** A message for an existing user, by the rules of RFC 6121 §8.5. There is no offline storage. */
export function deliverMessage({ peers, copies }: Hub, stanza: Element): StanzaError | undefined {
  const { to = '', type = 'normal' } = stanza.attrs
  const ignored = type === 'headline' || type === 'error'
  if (resourceOf(to) !== '') {
    const peer = peers.find(to)
    if (peer !== undefined) {
      peers.send(peer, stanza)
      return undefined
    }
    // §8.5.3.2.1: a chat goes on to the other resources, as if its resource had not been named.
    if (type !== 'chat') return ignored ? undefined : unavailable()
  }
  // §8.5.2.1.1: neither is for anyone in particular, so nobody gets it.
  if (type === 'error') return undefined
  if (type === 'groupchat') return unavailable()
  // §8.5.2: a negative priority says that a resource does not want what is sent to the bare JID.
  const willing = peers.available(bareJid(to)).filter(({ priority }) => priority >= 0)
  if (willing.length > 1) copies.set(stanza, willing.length)
  for (const peer of willing) peers.send(peer, stanza)
  return willing.length > 0 || ignored ? undefined : unavailable()
}

const unavailable = (): StanzaError => new StanzaError('cancel', 'service-unavailable')
