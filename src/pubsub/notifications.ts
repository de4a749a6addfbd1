/** XEP-0060 §7.1.2, §12 and XEP-0248 §5.3: what subscribers are told, and owners. One event is one element, however many get it. */
import { bareJid } from '../jid.ts'
import { NS_CLIENT } from '../negotiate.ts'
import { Element, el, emptyAttrs, SharedElement } from '../stream/element.ts'
import { NS_PUBSUB, NS_PUBSUB_EVENT, type SubscriptionState } from '../xep/0060-pubsub.ts'
import { type Header, headersElement } from '../xep/0131-shim.ts'
import { NS_DELAY } from '../xep/0203-delay.ts'
import { collectionsAbove, leavesBelow } from './graph.ts'
import type { Item, Node, Subscription } from './node.ts'
import { lineBytes } from './paging.ts'
import { readPayload } from './payload.ts'
import type { Service } from './service.ts'

/** Where messages are put that are to be sent. */
export interface Telling {
  readonly service: Service
  /** Bare JID of who has asked; nobody has for what time brings. */
  readonly person?: string
  /** Messages and presence to send once the answer is out. */
  readonly out: Element[]
}

/**
 * What an event is about. `items`: what is in a leaf. `node`: the node itself, which goes or is another now. `nodes`: a node that is new, or the children of a
 * collection; who has subscribed to just that is told.
 */
export type About = 'items' | 'node' | 'nodes'

/** What is not as usual about an event. */
export interface Extent {
  /** What happens is so many steps below the node: 1 for its children. Default 0. */
  readonly below?: number
  /** All subscribers of the node are told, whatever they want to know of it. */
  readonly all?: boolean
  /** It says more of a node than that there is one. Default true. */
  readonly private?: boolean
}

/** Tells all subscribers of a node, and of the collections above it; `event` is the child of `<event/>`. Each JID is told once (§6.1.6). */
export function notify(telling: Telling, node: Node, event: Element, about: About, extent: Extent = {}): void {
  const { service } = telling
  if (!node.config.deliver_notifications || isFull(telling)) return
  const content = [new SharedElement(el('event', NS_PUBSUB_EVENT, {}, event))]
  const above = [...collectionsAbove(node, service.root, service.limits.collectionsTold)].filter(
    ([{ subscriptions }]) => subscriptions > 0,
  )
  const direct = (extent.below ?? 0) > 0 ? about === 'nodes' : about !== 'nodes'
  // At a leaf that is in nothing anybody listens to, nobody is told twice.
  if (above.length === 0 && !node.isCollection) {
    if (!direct) return
    for (const subscriptions of node.subscribers) {
      for (const subscription of subscriptions) {
        if (!wants(service, node, subscription, about, extent)) continue
        send(telling, node, subscription.jid, content)
      }
    }
    return
  }
  /** What those are told who hear of it by one collection alone, who are most. */
  const byOne = new Map<string, Element[]>()
  for (const [jid, headers] of recipients(service, node, above, about, extent, direct)) {
    const [first, ...others] = headers
    if (first === undefined) send(telling, node, jid, content)
    else if (others.length > 0) send(telling, node, jid, [...content, headersElement(headers)])
    else {
      const key = `${first.name} ${first.value}`
      const told = byOne.get(key) ?? [...content, new SharedElement(headersElement(headers))]
      byOne.set(key, told)
      send(telling, node, jid, told)
    }
  }
}

/** Bytes of the headers of one message. */
const MOST_NAMED = 16_384

/** Who is told, and the headers that say by which subscriptions. */
function recipients(
  service: Service,
  node: Node,
  above: readonly (readonly [Node, number])[],
  about: About,
  extent: Extent,
  direct: boolean,
): Map<string, Header[]> {
  const found = new Map<string, { collections: Header[]; subids: Header[]; several: boolean; bytes: number }>()
  const add = (place: Node, subscription: Subscription, collection: boolean): void => {
    const { jid, subid } = subscription
    const known = found.get(jid)
    const entry = known ?? { collections: [], subids: [], several: false, bytes: 0 }
    if (known === undefined) found.set(jid, entry)
    // Who subscribes to whatever there is gets a message that its server takes all the same; the nearest come first.
    entry.bytes += lineBytes(place.name, subid)
    if (known !== undefined && entry.bytes > MOST_NAMED) return
    if (collection) entry.collections.push({ name: 'Collection', value: place.name })
    entry.subids.push({ name: 'SubID', value: subid })
    entry.several ||= known !== undefined || (place.isCollection && place.subscriptionsAs(jid).length > 1)
  }
  if (direct) {
    for (const subscriptions of node.subscribers) {
      for (const each of subscriptions) if (wants(service, node, each, about, extent)) add(node, each, false)
    }
  }
  const { below = 0, private: secret = true } = extent
  for (const [collection, steps] of above) {
    for (const subscriptions of collection.subscribers) {
      for (const each of subscriptions) {
        if (!reaches(service, each, about === 'items' ? 'items' : 'nodes', steps + below)) continue
        if (!mayHear(service, node, collection, each, secret || steps + below > 1)) continue
        add(collection, each, true)
      }
    }
  }
  // What does not differ by the subscription has no SubID (§12.16).
  const named = about === 'items' || about === 'nodes'
  return new Map(
    [...found].map(([jid, { collections, subids, several }]) => [
      jid,
      [...collections, ...(several && named ? subids : [])],
    ]),
  )
}

/** Whether a subscriber of the node itself is told. */
function wants(
  service: Service,
  node: Node,
  subscription: Subscription,
  about: About,
  { all = false, below = 0 }: Extent,
): boolean {
  // That it is gone is news for those who wait too (§8.4.2).
  if (all && subscription.state === 'pending') return true
  if (all || !node.isCollection) return hears(service, subscription)
  return reaches(service, subscription, about === 'items' ? 'items' : 'nodes', below)
}

/** Whether somebody is told anything now. Of whom it is not known what they are about, they are. */
function hears({ presences }: Service, { jid, state, options: { deliver, shows } }: Subscription): boolean {
  if (state !== 'subscribed' || !deliver) return false
  return shows === undefined || presences.showsOf(jid)?.some(show => shows.includes(show)) !== false
}

/** Whether a subscription to a collection is for what happens so many steps below (XEP-0248 §6.1). */
function reaches(service: Service, subscription: Subscription, kind: 'items' | 'nodes', steps: number): boolean {
  const { type = 'nodes', depth = 1 } = subscription.options
  return (type === 'all' || type === kind) && (depth === 'all' || depth >= steps) && hears(service, subscription)
}

/**
 * By its owner a node is in a collection, whose access model then decides (XEP-0248 §10.1); but an outcast of the node is told nothing of it. Nobody has put it into
 * the root: there one is told what one could have been told by the node itself.
 */
function mayHear(service: Service, node: Node, collection: Node, { jid }: Subscription, secret: boolean): boolean {
  const person = bareJid(jid)
  // That there is a node in it the root tells everybody.
  if (collection === service.root) return !secret || service.may(node, person, 'retrieve')
  return service.affiliation(node, person) !== 'outcast'
}

/** §8.8.4: tells a subscriber that an owner, a change of the node or the time has changed its subscription. */
export function notifySubscriber(telling: Telling, node: Node, subscription: Subscription): void {
  const state = node.subscriptionsAs(subscription.jid).includes(subscription) ? subscription.state : 'none'
  send(telling, node, subscription.jid, [subscriptionEvent(node, subscription, state)])
}

/** `notify_sub`: tells the owners who has come or gone, but for the one who did that. */
export function notifyOwners(telling: Telling, node: Node, subscription: Subscription, state: SubscriptionState): void {
  if (!node.config.notify_sub) return
  const content = [subscriptionEvent(node, subscription, state)]
  for (const [jid, affiliation] of node.affiliations) {
    if (affiliation === 'owner' && jid !== telling.person) send(telling, node, jid, content)
  }
}

/** §8.9.4: tells somebody what they are to a node now. */
export function notifyAffiliation(telling: Telling, node: Node, jid: string): void {
  const affiliation = node.affiliations.get(jid) ?? 'none'
  const entry = el('affiliation', NS_PUBSUB, { jid, affiliation })
  const list = el('affiliations', NS_PUBSUB, { node: node.name }, entry)
  send(telling, node, jid, [el('pubsub', NS_PUBSUB, {}, list)])
}

/** §6.1.7: brings a subscriber what was published last. */
export function sendLast(telling: Telling, node: Node, subscription: Subscription): void {
  const { service } = telling
  if (!hears(service, subscription)) return
  if (!node.isCollection) return sendLastOf(telling, node, subscription.jid, [])
  // The XEPs say nothing of collections; but whoever subscribes to one to know the states in it is told them, as of a leaf.
  const { type = 'nodes', depth = 1 } = subscription.options
  if (type === 'nodes') return
  let left = service.limits.greetingBytes
  for (const [leaf, steps] of leavesBelow(node)) {
    if (depth !== 'all' && steps > depth) return
    if (!mayHear(service, leaf, node, subscription, true)) continue
    left -= leaf.last?.size ?? 0
    if (left < 0) return
    sendLastOf(telling, leaf, subscription.jid, [headersElement([{ name: 'Collection', value: node.name }])])
  }
}

function sendLastOf(telling: Telling, node: Node, to: string, headers: readonly Element[]): void {
  const { config, last } = node
  if (config.send_last_published_item === 'never' || last === undefined || !config.deliver_notifications) return
  const event = el('event', NS_PUBSUB_EVENT, {}, itemsEvent(node, [last]))
  const delay = el('delay', NS_DELAY, { stamp: new Date(last.published).toISOString() })
  send(telling, node, to, [event, ...headers, delay])
}

/** What `<event/>` says of items. */
function itemsEvent({ name, config }: Node, items: readonly Item[]): Element {
  const told = items.map(item => itemElement(item, NS_PUBSUB_EVENT, config.deliver_payloads))
  return el('items', NS_PUBSUB_EVENT, { node: name }, ...told)
}

/** An item as it stands in events and answers. The publisher is who the service knows it to be. */
export function itemElement({ id, publisher, payload }: Item, ns: string, whole = true): Element {
  return el('item', ns, { id, publisher }, ...(whole && payload !== undefined ? [readPayload(payload)] : []))
}

/** What `<event/>` says of items that are gone (§7.2.2.1). */
export function retractEvent({ name }: Node, ids: readonly string[]): Element {
  const gone = ids.map(id => el('retract', NS_PUBSUB_EVENT, { id }))
  return el('items', NS_PUBSUB_EVENT, { node: name }, ...gone)
}

function subscriptionEvent(
  { name }: Node,
  { jid, subid, options: { expire } }: Subscription,
  subscription: string,
): Element {
  const expiry = typeof expire === 'number' ? new Date(expire).toISOString() : undefined
  // The root has no name.
  const node = name === '' ? undefined : name
  return el(
    'event',
    NS_PUBSUB_EVENT,
    {},
    el('subscription', NS_PUBSUB_EVENT, { expiry, jid, node, subid, subscription }),
  )
}

/** Many things may happen by one request, and many be told of each. */
function isFull({ service, out }: Telling): boolean {
  if (out.length < service.limits.notificationsPerRequest) return false
  service.unsent++
  return true
}

/** Sends a message, of the type that the node's configuration says where nobody says otherwise. */
export function send(
  telling: Telling,
  { config }: Node,
  to: string,
  content: Element[],
  type: 'normal' | 'headline' = config.notification_type,
): void {
  const { service, out } = telling
  if (isFull(telling)) return
  const attrs = emptyAttrs()
  attrs.from = service.jid
  attrs.to = to
  attrs.id = service.nextMessageId()
  if (type !== 'normal') attrs.type = type
  out.push(new Element('message', NS_CLIENT, attrs, content))
}
