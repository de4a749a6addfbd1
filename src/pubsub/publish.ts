/** XEP-0060 §7: what a publisher does. */
import { detached } from '../detached.ts'
import { type Element, el } from '../stream/element.ts'
import { publishOptionsForm } from '../xep/0060-forms.ts'
import { NS_PUBSUB } from '../xep/0060-pubsub.ts'
import { type LeafConfig, meets, readConfig } from './config.ts'
import { badRequest, forbidden, full, notAcceptable, notFound, refusal, unsupported } from './errors.ts'
import { readSubmitted } from './forms.ts'
import type { Item, Node } from './node.ts'
import { itemsEvent, notify, retractEvent } from './notifications.ts'
import { keptPayload } from './payload.ts'
import { type Command, nameOf, nodeOf, type Request } from './request.ts'
import type { Service } from './service.ts'

/**
 * §7.1. Several items are published one after the other, and told of in one event. An item that is there is published anew by whoever may publish: the XEP
 * forbids to refuse that.
 */
export const publish: Command = request => {
  const { service, person, action, wrapper } = request
  const name = nameOf(action)
  const options = wrapper.child('publish-options')
  const existing = service.nodes.get(name)
  if (existing === undefined && !service.autoCreate) throw notFound()
  if (existing !== undefined) {
    service.demand(existing, person, 'publish')
    const wanted = options && readSubmitted(publishOptionsForm, options)
    if (wanted !== undefined && !wanted.cancelled && !meets(existing.config, wanted)) {
      throw refusal('cancel', 'conflict', 'precondition-not-met')
    }
  }
  const config = existing?.config ?? readConfig(options, service.defaults, service.limits, publishOptionsForm)
  const items = readItems(request, config, existing)
  const node = existing ?? service.create(name, person, config)
  service.keep(node, () => {
    if (config.persist_items) for (const item of items) node.put(item)
    node.trim(mostItems(service, config))
  })
  notify(request, node, itemsEvent(node, items))
  const published = items.map(({ id }) => el('item', NS_PUBSUB, { id }))
  return el('pubsub', NS_PUBSUB, {}, el('publish', NS_PUBSUB, { node: node.name }, ...published))
}

/** §7.2. Of several items all are deleted, or none. */
export const retract: Command = request => {
  const { service, person, action } = request
  const node = nodeOf(request)
  const right = service.demand(node, person, 'retract')
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
  service.keep(node, () => {
    for (const id of gone) node.remove(id)
  })
  const asked = action.attrs.notify === 'true' || action.attrs.notify === '1'
  if (asked || node.config.notify_retract) notify(request, node, retractEvent(node, gone))
  return undefined
}

/** How many items a node keeps. */
export function mostItems({ limits }: Service, { max_items: most, persist_items: persists }: LeafConfig): number {
  if (!persists) return 0
  return most === 'max' ? limits.itemsPerNode : most
}

/** What is published, checked and copied (§7.1.3). */
function readItems({ service, person, action }: Request, config: LeafConfig, node: Node | undefined): Item[] {
  const { limits } = service
  const elements = action.elements.filter(child => child.is('item', NS_PUBSUB))
  const { persist_items: persists, deliver_payloads: delivers } = config
  if (!persists && !delivers) {
    if (elements.length > 0) throw badRequest('item-forbidden')
    return []
  }
  if (elements.length === 0) throw badRequest('item-required')
  if (elements.length > limits.itemsPerRequest) throw notAcceptable(undefined, 'too many items at once')
  if (persists && elements.length > mostItems(service, config))
    throw refusal('cancel', 'not-allowed', 'max-items-exceeded')
  const published = service.clock.now()
  const publisher = detached(person)
  const items = elements.map((element): Item => {
    const kept = readPayload(element, config, service)
    const { id = '' } = element.attrs
    const idBytes = Buffer.byteLength(id)
    if (idBytes > limits.idBytes) throw notAcceptable(undefined, 'the id of an item is too long')
    const name = id === '' ? service.newId() : detached(id)
    const size = (kept?.size ?? 0) + idBytes + ITEM_BYTES
    return { id: name, publisher, payload: kept?.element, size, published }
  })
  // Of two with one id the second is what there is afterwards.
  const last = new Map(items.map(item => [item.id, item]))
  let bytes = service.bytes
  for (const { id, size } of last.values()) bytes += size - (node?.items.get(id)?.size ?? 0)
  // What takes less room than what was there is no reason to refuse anything.
  if (persists && bytes > limits.storedBytes && bytes > service.bytes) throw full()
  return [...last.values()]
}

/** What is kept of each item beside what it says. */
const ITEM_BYTES = 200

function readPayload(
  item: Element,
  { deliver_payloads: delivers, max_payload_size: most, type }: LeafConfig,
  { limits }: Service,
): ReturnType<typeof keptPayload> | undefined {
  const [payload, ...more] = item.elements
  if (more.length > 0 || item.text.trim() !== '') throw badRequest('invalid-payload')
  if (payload === undefined) {
    if (delivers) throw badRequest('payload-required')
    return undefined
  }
  if (type !== '' && payload.ns !== type) throw badRequest('invalid-payload')
  return keptPayload(payload, most, limits.itemDepth)
}

/** Deletes all items of a node (§8.5.2). */
export function deleteItems(service: Service, node: Node): void {
  service.keep(node, () => node.trim(0))
}
