/** XEP-0060 §7.1.2, §12: what subscribers are told, and owners. One event is one element, however many get it. */
import { NS_CLIENT } from '../negotiate.ts'
import { Element, el, emptyAttrs } from '../stream/element.ts'
import { NS_PUBSUB, NS_PUBSUB_EVENT, type SubscriptionState } from '../xep/0060-pubsub.ts'
import { headersElement } from '../xep/0131-shim.ts'
import { NS_DELAY } from '../xep/0203-delay.ts'
import type { Item, Node, Subscription } from './node.ts'
import type { Request } from './request.ts'
import type { Service } from './service.ts'

/** Tells all subscribers of a node; `event` is the child of `<event/>`. */
export function notify({ service, out }: Request, node: Node, event: Element): void {
  if (!node.config.deliver_notifications) return
  const content = [el('event', NS_PUBSUB_EVENT, {}, event)]
  for (const subscriptions of node.subscribers) {
    for (const { jid, subid, options } of subscriptions) {
      if (!options.deliver) continue
      // §12.20: whoever has several subscriptions is told which one it is.
      const several = subscriptions.length > 1
      out.push(message(service, node, jid, several ? [...content, subidHeader(subid)] : content))
    }
  }
}

/** §8.8.4: tells a subscriber that an owner, or a change of the node, has changed its subscription. */
export function notifySubscriber(request: Request, node: Node, subscription: Subscription): void {
  const { jid } = subscription
  const state = node.subscription(jid) === undefined ? 'none' : 'subscribed'
  request.out.push(message(request.service, node, jid, [subscriptionEvent(node, subscription, state)]))
}

/** `notify_sub`: tells the owners who has come or gone, but for the one who did that. */
export function notifyOwners(request: Request, node: Node, subscription: Subscription, state: SubscriptionState): void {
  if (!node.config.notify_sub) return
  const content = [subscriptionEvent(node, subscription, state)]
  for (const [jid, affiliation] of node.affiliations) {
    if (affiliation !== 'owner' || jid === request.person) continue
    request.out.push(message(request.service, node, jid, content))
  }
}

/** §8.9.4: tells somebody what they are to a node now. */
export function notifyAffiliation({ service, out }: Request, node: Node, jid: string): void {
  const affiliation = node.affiliations.get(jid) ?? 'none'
  const entry = el('affiliation', NS_PUBSUB, { jid, affiliation })
  const list = el('affiliations', NS_PUBSUB, { node: node.name }, entry)
  out.push(message(service, node, jid, [el('pubsub', NS_PUBSUB, {}, list)]))
}

/** §6.1.7: brings a new subscriber what was published last. */
export function sendLast({ service, out }: Request, node: Node, { jid, options }: Subscription): void {
  const { config, last } = node
  if (config.send_last_published_item === 'never' || last === undefined) return
  if (!options.deliver || !config.deliver_notifications) return
  const event = el('event', NS_PUBSUB_EVENT, {}, itemsEvent(node, [last]))
  const delay = el('delay', NS_DELAY, { stamp: new Date(last.published).toISOString() })
  out.push(message(service, node, jid, [event, delay]))
}

/** What `<event/>` says of items. */
export function itemsEvent({ name, config }: Node, items: readonly Item[]): Element {
  const told = items.map(item => itemElement(item, NS_PUBSUB_EVENT, config.deliver_payloads))
  return el('items', NS_PUBSUB_EVENT, { node: name }, ...told)
}

/** An item as it stands in events and answers. The publisher is who the service knows it to be. */
export function itemElement({ id, publisher, payload }: Item, ns: string, whole = true): Element {
  return el('item', ns, { id, publisher }, ...(whole && payload !== undefined ? [payload] : []))
}

/** What `<event/>` says of items that are gone (§7.2.2.1). */
export function retractEvent({ name }: Node, ids: readonly string[]): Element {
  const gone = ids.map(id => el('retract', NS_PUBSUB_EVENT, { id }))
  return el('items', NS_PUBSUB_EVENT, { node: name }, ...gone)
}

function subscriptionEvent({ name: node }: Node, { jid, subid }: Subscription, subscription: string): Element {
  return el('event', NS_PUBSUB_EVENT, {}, el('subscription', NS_PUBSUB_EVENT, { node, jid, subid, subscription }))
}

const subidHeader = (value: string): Element => headersElement([{ name: 'SubID', value }])

function message({ jid: from }: Service, { config }: Node, to: string, content: Element[]): Element {
  const attrs = emptyAttrs()
  attrs.from = from
  attrs.to = to
  if (config.notification_type !== 'normal') attrs.type = config.notification_type
  return new Element('message', NS_CLIENT, attrs, content)
}
