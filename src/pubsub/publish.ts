/** XEP-0060 §7: what a publisher does. */
import { detached } from '../detached.ts'
import type { StanzaError } from '../errors.ts'
import { type Element, el } from '../stream/element.ts'
import { publishOptionsForm } from '../xep/0060-forms.ts'
import { NS_PUBSUB, NS_PUBSUB_EVENT } from '../xep/0060-pubsub.ts'
import { checkParents } from './collections.ts'
import { meets, type NodeConfig, readConfig, readPreconditions } from './config.ts'
import {
  badRequest,
  forbidden,
  notAcceptable,
  notAllowed,
  notFound,
  refusal,
  full as serviceFull,
  unsupported,
} from './errors.ts'
import { settle } from './expiry.ts'
import type { Node } from './node.ts'
import { createNode } from './nodes.ts'
import { notify, retractEvent } from './notifications.ts'
import { lineBytes } from './paging.ts'
import { writePayload } from './payload.ts'
import { type Command, nameOf, nodeOf, type Request } from './request.ts'
import { mostItems, removeItems } from './retention.ts'
import { itemSize } from './state.ts'

/**
 * §7.1. Several items are published one after the other, and told of in one event. An item that is there is published anew by whoever may publish: the XEP
 * forbids to refuse that.
 */
export const publish: Command = request => {
  const { service, person, action, wrapper } = request
  const name = nameOf(action)
  const options = wrapper.child('publish-options')
  const existing = service.nodes.get(name)
  if (existing !== undefined) demandPublication(request, existing, options)
  else if (!service.autoCreate) throw notThere(request, name)
  const config = existing?.config ?? configOfNew(request, name, options)
  const items = readItems(request, config, existing)
  const node = existing ?? createNode(request, name, config)
  const at = Math.floor(service.clock.now())
  if (config.persist_items) {
    for (const { id, payload } of items) {
      service.do({ op: 'publish', node: name, id, publisher: person, at, ...(payload !== undefined && { payload }) })
    }
  }
  const surplus = removeItems(service, node, mostItems(service, config))
  const told = items.map(({ id, element }) => {
    const inside = config.deliver_payloads && element !== undefined ? [element] : []
    return el('item', NS_PUBSUB_EVENT, { id, publisher: person }, ...inside)
  })
  notify(request, node, el('items', NS_PUBSUB_EVENT, { node: node.name }, ...told), 'items')
  if (config.publish_node_full === 'retract-oldest' && surplus.length > 0) {
    for (const ids of retractions(surplus)) notify(request, node, retractEvent(node, ids), 'items')
  }
  const published = items.map(({ id }) => el('item', NS_PUBSUB, { id }))
  return el('pubsub', NS_PUBSUB, {}, el('publish', NS_PUBSUB, { node: node.name }, ...published))
}

/** @throws StanzaError when the sender may not publish there, or takes something for granted that is not so (§7.1.5) */
function demandPublication(request: Request, node: Node, options: Element | undefined): void {
  settle(request, node)
  if (node.isCollection) throw unsupported('publish')
  request.service.demand(node, request.person, 'publish')
  const wanted = readPreconditions(options)
  if (wanted !== undefined && !meets(node.config, wanted)) throw refusal('cancel', 'conflict', 'precondition-not-met')
}

/** COMPAT res_xmpp creates what is repeated to it and publishes again at once; for ever, where it cannot be created. */
function notThere(request: Request, name: string): StanzaError {
  const { service, person } = request
  if (service.missed.was(JSON.stringify([person, name]), service.clock.now())) request.echo = []
  return notFound()
}

/** §7.1.4: the preconditions are what it is to be. @throws StanzaError as for a node that is created */
function configOfNew(request: Request, name: string, options: Element | undefined): NodeConfig {
  const { service, person } = request
  service.demandCreation(name, person)
  if ((readPreconditions(options)?.unknown.length ?? 0) > 0) throw refusal('cancel', 'conflict', 'precondition-not-met')
  const { config } = readConfig(options, service.defaults, { ...service.reading, table: publishOptionsForm })
  if (config.node_type === 'collection') throw unsupported('publish')
  checkParents(request, undefined, config.collection)
  return config
}

/** §7.2. Of several items all are deleted, or none. */
export const retract: Command = request => {
  const { service, person, action } = request
  const node = nodeOf(request)
  const right = service.demand(node, person, 'retract')
  if (node.isCollection) throw unsupported('persistent-items')
  if (!node.config.persist_items) throw unsupported('persistent-items')
  const ids = action.elements.filter(child => child.is('item', NS_PUBSUB)).map(({ attrs }) => attrs.id ?? '')
  if (ids.length === 0 || ids.includes('')) throw badRequest('item-required')
  if (ids.length > service.limits.itemsPerRequest) throw notAcceptable(undefined, 'too many items at once')
  const items = ids.map(id => {
    const item = node.items.get(id)
    // Whoever may delete only what is theirs is not told what else there is.
    if (right === 'own' && item?.publisher !== person && !service.may(node, person, 'retrieve')) throw forbidden()
    if (item === undefined) throw notFound()
    if (right === 'own' && item.publisher !== person) throw forbidden()
    return item
  })
  const gone = [...new Set(items.map(({ id }) => id))]
  service.do({ op: 'retract', node: node.name, ids: gone })
  const asked = action.attrs.notify === 'true' || action.attrs.notify === '1'
  if (asked || node.config.notify_retract) notify(request, node, retractEvent(node, gone), 'items')
  return undefined
}

/** Ids of items that are gone, in parts of which each fits into a message: they were given by many requests. */
function* retractions(ids: readonly string[]): Generator<readonly string[], void, undefined> {
  let [from, bytes] = [0, 0]
  for (const [at, id] of ids.entries()) {
    bytes += lineBytes(id)
    if (bytes <= MOST_RETRACTED || at === from) continue
    yield ids.slice(from, at)
    ;[from, bytes] = [at, lineBytes(id)]
  }
  yield ids.slice(from)
}

/** Bytes of one message about items that are gone. */
const MOST_RETRACTED = 131_072

/** What is published, and what of it is kept. */
interface Publication {
  readonly id: string
  readonly element: Element | undefined
  readonly payload: string | undefined
}

/** What is published, checked and copied (§7.1.3). */
function readItems(request: Request, config: NodeConfig, node: Node | undefined): Publication[] {
  const { service, action } = request
  const { limits } = service
  const elements = action.elements.filter(child => child.is('item', NS_PUBSUB))
  const { persist_items: persists, deliver_payloads: delivers } = config
  if (!persists && !delivers) {
    if (elements.length > 0) throw badRequest('item-forbidden')
    return []
  }
  if (elements.length === 0) throw badRequest('item-required')
  if (elements.length > limits.itemsPerRequest) throw notAcceptable(undefined, 'too many items at once')
  if (persists && elements.length > mostItems(service, config)) throw notAllowed('max-items-exceeded')
  const items = elements.map((item): Publication => {
    const { id = '' } = item.attrs
    if (Buffer.byteLength(id) > limits.idBytes) throw notAcceptable(undefined, 'the id of an item is too long')
    const element = payloadOf(item, config)
    const payload = element && writePayload(element, config.max_payload_size, limits.itemDepth)
    return { id: id === '' ? service.newId() : detached(id), element, payload }
  })
  let said = 0
  for (const { id, payload } of items) said += itemSize(id, request.person, payload)
  if (items.length > 1 && said > limits.publicationBytes)
    throw notAcceptable('payload-too-big', 'that is too much at once')
  // Of two with one id the second is what there is afterwards.
  const last = [...new Map(items.map(item => [item.id, item])).values()]
  if (persists) demandRoom(request, config, node, last)
  return last
}

/** @throws StanzaError `conflict` with `node-full`; `resource-constraint` when there is no room for what is published, for its service or its owner */
function demandRoom(
  { service, person }: Request,
  config: NodeConfig,
  node: Node | undefined,
  items: readonly Publication[],
): void {
  let [bytes, more] = [0, 0]
  for (const { id, payload } of items) {
    const before = node?.items.get(id)
    bytes += itemSize(id, person, payload) - (before?.size ?? 0)
    if (before === undefined) more++
  }
  const full = (node?.items.size ?? 0) + more > mostItems(service, config)
  if (full && config.publish_node_full === 'reject') throw refusal('cancel', 'conflict', 'node-full')
  // Those at the other end go.
  more = Math.min(more, mostItems(service, config) - (node?.items.size ?? 0))
  const room = service.roomOf(node?.creator ?? person)
  // What takes less room than what was there is no reason to refuse anything.
  if ((bytes > 0 && bytes > room.bytes) || (more > 0 && more > room.items)) throw serviceFull()
}

function payloadOf(item: Element, { deliver_payloads: delivers, type }: NodeConfig): Element | undefined {
  const [payload, ...more] = item.elements
  if (more.length > 0 || item.text.trim() !== '') throw badRequest('invalid-payload')
  if (payload === undefined) {
    if (delivers) throw badRequest('payload-required')
    return undefined
  }
  if (type !== '' && payload.ns !== type) throw badRequest('invalid-payload')
  return payload
}
