import { StanzaError } from '../errors.ts'
import type { PubsubEngine } from '../pubsub/index.ts'
import type { Element } from '../stream/element.ts'
import type { Hub } from './hub.ts'

/**
 * A stanza for a PubSub service of the server's own, or for an address below it, where there is nobody. What comes of a request goes to whom it is for by the
 * usual rules; a notification that finds nobody is dropped. Presence tells the service nothing yet, and messages that come back from subscribers neither.
 */
export function toService(hub: Hub, service: PubsubEngine, stanza: Element): StanzaError | undefined {
  const { to, type } = stanza.attrs
  if (stanza.name !== 'iq' || (type !== 'get' && type !== 'set')) return undefined
  if (to !== service.jid) return new StanzaError('cancel', 'item-not-found')
  const { answer, notifications } = service.handle(stanza)
  hub.route(answer)
  for (const notification of notifications) hub.route(notification)
  return undefined
}
