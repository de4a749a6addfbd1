/** XEP-0060 §8.1 to §8.5: how nodes begin, are configured and end. */
import { detached } from '../detached.ts'
import { bareJid } from '../jid.ts'
import { type Element, el } from '../stream/element.ts'
import { NS_DATA } from '../xep/0004-data-forms.ts'
import { NS_PUBSUB, NS_PUBSUB_EVENT, NS_PUBSUB_OWNER } from '../xep/0060-pubsub.ts'
import { settlePending } from './authorization.ts'
import { checkChildren, checkParents, placeChildren, tellMoved } from './collections.ts'
import { configForm, type NodeConfig, readConfig } from './config.ts'
import { badRequest, full, notAcceptable, notAllowed, unsupported } from './errors.ts'
import { endSubscription } from './expiry.ts'
import type { Node } from './node.ts'
import { notify } from './notifications.ts'
import { lineBytes } from './paging.ts'
import { type Command, nodeOf, type Request } from './request.ts'
import { mostItems, removeItems } from './retention.ts'
import type { Service } from './service.ts'
import { configSize } from './state.ts'

/** §8.1; without a name the service makes one up. */
export const create: Command = request => {
  const { service, person, wrapper, action } = request
  const { node: asked = '' } = action.attrs
  const configure = wrapper.child('configure')
  if (configure !== undefined && (configure.attrs.node !== undefined || wrapper.elements[0] === configure)) {
    throw badRequest(undefined, 'what is configured is what is created, which comes before it')
  }
  const { config, children } = readConfig(configure, service.defaults, service.reading)
  const name = asked === '' ? service.newId() : asked
  service.demandCreation(name, person)
  checkParents(request, undefined, config.collection)
  const adopted = checkChildren(request, undefined, config, children)
  if (configSize(config) > service.roomOf(person).bytes) throw full()
  const { name: node } = createNode(request, name, config)
  placeChildren(request, node, adopted)
  return asked === '' ? el('pubsub', NS_PUBSUB, {}, el('create', NS_PUBSUB, { node })) : undefined
}

/** Creates a node of which all has been checked, and tells who listens for such. */
export function createNode(request: Request, given: string, config: NodeConfig): Node {
  const { service, person } = request
  const name = detached(given)
  service.do({ op: 'create', node: name, creator: person, at: Math.floor(service.clock.now()), config })
  const node = service.nodes.get(name) as Node
  notify(request, node, el('create', NS_PUBSUB_EVENT, { node: name }), 'nodes', { private: false })
  return node
}

/** §8.2.1. */
export const getConfig: Command = request => {
  const node = nodeOf(request)
  request.service.demand(node, request.person, 'configure')
  const form = formOf(request.service, node)
  return el('pubsub', NS_PUBSUB_OWNER, {}, el('configure', NS_PUBSUB_OWNER, { node: node.name }, form))
}

/** The configuration of a node. A long list of children is left out: disco has it page by page. */
function formOf({ limits, abilities }: Service, node: Node): Element {
  let bytes = 0
  const children: string[] = []
  for (const { name } of node.children) {
    bytes += lineBytes(name)
    // There is more in a form.
    if (bytes > limits.pageBytes / 2) return configForm(node.config, 'form', abilities, undefined)
    children.push(name)
  }
  return configForm(node.config, 'form', abilities, children)
}

/**
 * §8.2.4, XEP-0248 §7.2. Items that the node would not keep any more go, and subscribers who could not subscribe any more. What was a leaf and becomes a collection loses
 * its items.
 */
export const setConfig: Command = request => {
  const { service, person, action } = request
  const node = nodeOf(request)
  service.demand(node, person, 'configure')
  if (action.child('x', NS_DATA) === undefined) throw badRequest(undefined, 'there is no form')
  const before = node.config
  const { config, children } = readConfig(action, before, { ...service.reading, existing: true })
  if (config === before && children === undefined) return undefined
  checkParents(request, node, config.collection)
  const adopted = checkChildren(request, node, config, children)
  const more = configSize(config) - configSize(before)
  if (more > 0 && more > service.roomOf(node.creator).bytes) throw full()
  const parents = new Set(node.parents)
  service.do({ op: 'configure', node: node.name, config })
  if (node.isCollection && before.node_type === 'leaf') removeItems(service, node, 0)
  else removeItems(service, node, mostItems(service, config))
  tellMoved(request, node, parents)
  placeChildren(request, node.name, adopted)
  // Who may not hear of it any more is not told first what it has become.
  sendAway(request, node)
  if (config.notify_config) {
    const content = config.deliver_payloads ? [configForm(config, 'result', service.abilities, undefined)] : []
    notify(request, node, el('configuration', NS_PUBSUB_EVENT, { node: node.name }, ...content), 'node')
  }
  return undefined
}

/** §8.3. */
export const defaultConfiguration: Command = ({ service }) => {
  const form = configForm(service.defaults, 'form', service.abilities, undefined)
  return el('pubsub', NS_PUBSUB_OWNER, {}, el('default', NS_PUBSUB_OWNER, {}, form))
}

/** §8.4; subscribers can be told where to go. What was in a collection and nowhere else is in the root then (XEP-0248 §8.2). */
export const deleteNode: Command = request => {
  const { service, person, action } = request
  // There is always a root (XEP-0248 §7.3.3).
  if ((action.attrs.node ?? '') === '') throw notAllowed()
  const node = nodeOf(request)
  service.demand(node, person, 'delete')
  const uri = action.child('redirect')?.attrs.uri
  if (uri !== undefined && Buffer.byteLength(uri) > 4096) throw notAcceptable(undefined, 'the URI is too long')
  endNode(request, node, uri)
  return undefined
}

/** Deletes a node, whoever wants that. */
export function endNode(telling: Pick<Request, 'service' | 'out'>, node: Node, uri?: string): void {
  if (node.config.notify_delete) {
    const redirect = uri === undefined ? [] : [el('redirect', NS_PUBSUB_EVENT, { uri })]
    const event = el('delete', NS_PUBSUB_EVENT, { node: node.name }, ...redirect)
    notify(telling, node, event, 'node', { all: true, private: false })
  }
  telling.service.do({ op: 'delete', node: node.name, ...(uri !== undefined && { redirect: uri }) })
}

/** §8.5. */
export const purge: Command = request => {
  const { service, person } = request
  const node = nodeOf(request)
  service.demand(node, person, 'purge')
  if (node.isCollection || !node.config.persist_items) throw unsupported('persistent-items')
  removeItems(service, node, 0)
  if (node.config.notify_retract) notify(request, node, el('purge', NS_PUBSUB_EVENT, { node: node.name }), 'items')
  return undefined
}

/** Ends the subscriptions of those who may not subscribe any more, and tells them; those who waited and need not any more have theirs. */
export function sendAway(request: Request, node: Node): void {
  const { service } = request
  for (const subscription of [...node.subscribers].flat()) {
    const right = service.right(node, bareJid(subscription.jid), 'subscribe')
    if (right === false) endSubscription(request, node, subscription)
    else if (right === true) settlePending(request, node, subscription, true)
  }
}
