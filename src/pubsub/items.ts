/** XEP-0060 §6.5 and XEP-0248 §6.2: what has been published and is kept. */
import { type Element, el } from '../stream/element.ts'
import { NS_PUBSUB } from '../xep/0060-pubsub.ts'
import { badRequest, notAcceptable, unsupported } from './errors.ts'
import { settle } from './expiry.ts'
import { leavesBelow } from './graph.ts'
import type { Item, Node } from './node.ts'
import { itemElement } from './notifications.ts'
import { lineBytes, paged } from './paging.ts'
import { type Command, nodeOf, type Request } from './request.ts'

/** The oldest first; `max_items` asks for the last ones. What one answer does not hold is had page by page. */
export const items: Command = request => {
  const { service, person, wrapper, action } = request
  const node = nodeOf(request)
  service.demand(node, person, 'retrieve')
  const { subid } = action.attrs
  const own = node.subscriptionsOf(person)
  if (subid !== undefined && !own.some(each => each.subid === subid)) throw notAcceptable('invalid-subid')
  // It makes no difference which one it is, but the XEP has it so (§6.5.9.1).
  if (subid === undefined && own.some(({ jid }) => node.subscriptionsAs(jid).length > 1))
    throw badRequest('subid-required')
  if (node.isCollection) return itemsBelow(request, node)
  if (!node.config.persist_items) throw unsupported('persistent-items')
  const found = wanted(request, node, idsIn(request))
  const listed = { uid: ({ id }: Item) => id, size: itemBytes }
  const { part, set } = paged(found, wrapper, service.limits, listed)
  return el('pubsub', NS_PUBSUB, {}, itemsElement(node, part), ...set)
}

/** Of all leaves that are somewhere in a collection, by whose access model that is allowed (XEP-0248 §10.1); of those that keep their items. */
function itemsBelow(request: Request, collection: Node): Element {
  const { service, person, wrapper } = request
  const all: { readonly node: Node; readonly item: Item }[] = []
  const ids = idsIn(request)
  for (const [node] of leavesBelow(collection)) {
    if (service.affiliation(node, person) === 'outcast') continue
    settle(request, node)
    for (const item of wanted(request, node, ids)) all.push({ node, item })
  }
  const { part, set } = paged(all, wrapper, service.limits, {
    uid: ({ node: { name }, item: { id } }) => `${name.length}:${name}${id}`,
    size: ({ item }) => itemBytes(item),
  })
  const byNode = new Map<Node, Item[]>()
  for (const { node, item } of part) {
    const known = byNode.get(node)
    if (known === undefined) byNode.set(node, [item])
    else known.push(item)
  }
  return el('pubsub', NS_PUBSUB, {}, ...[...byNode].map(([node, found]) => itemsElement(node, found)), ...set)
}

function itemsElement({ name }: Node, items: readonly Item[]): Element {
  return el('items', NS_PUBSUB, { node: name }, ...items.map(item => itemElement(item, NS_PUBSUB)))
}

/** What one item takes in an answer. */
const itemBytes = ({ id, publisher, payload = '' }: Item): number =>
  lineBytes(id, publisher) + Buffer.byteLength(payload)

/** The ids that are asked for, each once; none where all items are. @throws StanzaError `not-acceptable` */
function idsIn({ action, service }: Request): ReadonlySet<string> {
  const asked = action.elements.filter(child => child.is('item', NS_PUBSUB))
  if (asked.length > service.limits.itemsPerRequest) throw notAcceptable(undefined, 'too many items at once')
  return new Set(asked.map(({ attrs }) => attrs.id ?? ''))
}

/** What of a node is asked for: these ids, as far as they are there, or the last ones. */
function wanted(request: Request, node: Node, ids: ReadonlySet<string>): Item[] {
  if (node.items.size === 0) return []
  if (ids.size > 0) return [...ids].flatMap(id => node.items.get(id) ?? [])
  const all = [...node.items.values()]
  const { max_items: most } = request.action.attrs
  if (most === undefined) return all
  if (!/^\d{1,9}$/.test(most)) throw badRequest(undefined, 'max_items is a number')
  return all.slice(Math.max(0, all.length - Number(most)))
}
