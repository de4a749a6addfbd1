import { StanzaError } from '../errors.ts'
import type { Outcome, PubsubEngine } from '../pubsub/index.ts'
import type { Element } from '../stream/element.ts'
import type { Hub } from './hub.ts'

/**
 * A stanza for a PubSub service of the server's own, or for an address below it, where there is nobody. What comes of it goes to whom it is for by the
 * usual rules; a notification that finds nobody is dropped.
 */
export function toService(hub: Hub, service: PubsubEngine, stanza: Element): StanzaError | undefined {
  const { name, attrs } = stanza
  const { to, type } = attrs
  const asked = name === 'iq' && (type === 'get' || type === 'set')
  if (to !== service.jid) return asked ? new StanzaError('cancel', 'item-not-found') : undefined
  if (asked) {
    const handled = service.handle(stanza)
    hub.route(handled.answer)
    send(hub, handled)
  } else if (name !== 'iq') send(hub, name === 'message' ? service.message(stanza) : service.presence(stanza))
  return undefined
}

function send(hub: Hub, { sent }: Outcome): void {
  for (const each of sent) hub.route(each)
}
