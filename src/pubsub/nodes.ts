/** XEP-0060 §8.1 to §8.5: how nodes begin, are configured and end. */
import { bareJid } from '../jid.ts'
import { el } from '../stream/element.ts'
import { NS_DATA } from '../xep/0004-data-forms.ts'
import { NS_PUBSUB, NS_PUBSUB_EVENT, NS_PUBSUB_OWNER } from '../xep/0060-pubsub.ts'
import { configForm, readConfig } from './config.ts'
import { badRequest, notAcceptable, unsupported } from './errors.ts'
import type { Node } from './node.ts'
import { notify, notifySubscriber } from './notifications.ts'
import { deleteItems, mostItems } from './publish.ts'
import { type Command, nodeOf, type Request } from './request.ts'

/** §8.1; without a name the service makes one up. */
export const create: Command = ({ service, person, wrapper, action }) => {
  const { node: asked = '' } = action.attrs
  const configure = wrapper.child('configure')
  if (configure?.attrs.node !== undefined) throw badRequest(undefined, 'what is configured is what is created')
  const config = readConfig(configure, service.defaults, service.limits)
  const { name: node } = service.create(asked === '' ? service.newId() : asked, person, config)
  return asked === '' ? el('pubsub', NS_PUBSUB, {}, el('create', NS_PUBSUB, { node })) : undefined
}

/** §8.2.1. */
export const getConfig: Command = request => {
  const node = nodeOf(request)
  request.service.demand(node, request.person, 'configure')
  const form = configForm(node.config, 'form')
  return el('pubsub', NS_PUBSUB_OWNER, {}, el('configure', NS_PUBSUB_OWNER, { node: node.name }, form))
}

/** §8.2.4. Items that the node would not keep any more go, and subscribers who could not subscribe any more. */
export const setConfig: Command = request => {
  const { service, person, action } = request
  const node = nodeOf(request)
  service.demand(node, person, 'configure')
  if (action.child('x', NS_DATA) === undefined) throw badRequest(undefined, 'there is no form')
  const config = readConfig(action, node.config, service.limits)
  if (config === node.config) return undefined
  node.config = config
  service.keep(node, () => node.trim(mostItems(service, config)))
  if (config.notify_config) {
    const content = config.deliver_payloads ? [configForm(config, 'result')] : []
    notify(request, node, el('configuration', NS_PUBSUB_EVENT, { node: node.name }, ...content))
  }
  sendAway(request, node)
  return undefined
}

/** §8.3. */
export const defaultConfiguration: Command = ({ service }) => {
  const form = configForm(service.defaults, 'form')
  return el('pubsub', NS_PUBSUB_OWNER, {}, el('default', NS_PUBSUB_OWNER, {}, form))
}

/** §8.4; subscribers can be told where to go. */
export const deleteNode: Command = request => {
  const { service, person, action } = request
  const node = nodeOf(request)
  service.demand(node, person, 'delete')
  const uri = action.child('redirect')?.attrs.uri
  if (uri !== undefined && Buffer.byteLength(uri) > 4096) throw notAcceptable(undefined, 'the URI is too long')
  if (node.config.notify_delete) {
    const redirect = uri === undefined ? [] : [el('redirect', NS_PUBSUB_EVENT, { uri })]
    notify(request, node, el('delete', NS_PUBSUB_EVENT, { node: node.name }, ...redirect))
  }
  service.delete(node)
  return undefined
}

/** §8.5. */
export const purge: Command = request => {
  const { service, person } = request
  const node = nodeOf(request)
  service.demand(node, person, 'purge')
  if (!node.config.persist_items) throw unsupported('persistent-items')
  deleteItems(service, node)
  if (node.config.notify_retract) notify(request, node, el('purge', NS_PUBSUB_EVENT, { node: node.name }))
  return undefined
}

/** Ends the subscriptions of those who may not subscribe any more, and tells them. */
export function sendAway(request: Request, node: Node): void {
  const { service } = request
  const all = [...node.subscribers].flat()
  for (const subscription of all) {
    if (service.may(node, bareJid(subscription.jid), 'subscribe')) continue
    service.unsubscribe(node, subscription)
    notifySubscriber(request, node, subscription)
  }
}
