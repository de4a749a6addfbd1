/** XEP-0060 §6.5: what has been published and is kept. */
import { el } from '../stream/element.ts'
import { NS_PUBSUB } from '../xep/0060-pubsub.ts'
import { badRequest, notAcceptable, notFound, unsupported } from './errors.ts'
import type { Item, Node } from './node.ts'
import { itemElement } from './notifications.ts'
import { paged } from './paging.ts'
import { type Command, nodeOf, type Request } from './request.ts'

/** The oldest first; `max_items` asks for the last ones. What one answer does not hold is had page by page. */
export const items: Command = request => {
  const { service, person, wrapper, action } = request
  const node = nodeOf(request)
  service.demand(node, person, 'retrieve')
  const { subid } = action.attrs
  if (subid !== undefined && !node.subscriptionsOf(person).some(each => each.subid === subid)) {
    throw notAcceptable('invalid-subid')
  }
  if (!node.config.persist_items) throw unsupported('persistent-items')
  const listed = { uid: ({ id }: Item) => id, size: ({ size }: Item) => size }
  const { part, set } = paged(wanted(request, node), wrapper, service.limits, listed)
  const found = part.map(item => itemElement(item, NS_PUBSUB))
  return el('pubsub', NS_PUBSUB, {}, el('items', NS_PUBSUB, { node: node.name }, ...found), ...set)
}

function wanted({ action, service }: Request, node: Node): Item[] {
  const ids = action.elements.filter(child => child.is('item', NS_PUBSUB)).map(({ attrs }) => attrs.id)
  if (ids.length > service.limits.itemsPerRequest) throw notAcceptable(undefined, 'too many items at once')
  if (ids.length > 0) {
    const found = [...new Set(ids)].flatMap(id => node.items.get(id ?? '') ?? [])
    if (found.length === 0) throw notFound()
    return found
  }
  const all = [...node.items.values()]
  const { max_items: most } = action.attrs
  if (most === undefined) return all
  if (!/^\d{1,9}$/.test(most)) throw badRequest(undefined, 'max_items is a number')
  return all.slice(Math.max(0, all.length - Number(most)))
}
