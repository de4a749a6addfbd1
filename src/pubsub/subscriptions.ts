/** XEP-0060 §5.6, §5.7, §6: what a subscriber does. One JID has one subscription to a node (§6.1.6); a person may have one for each resource. */
import { bareJid, prepareJid } from '../jid.ts'
import { type Element, el } from '../stream/element.ts'
import { subscribeOptionsForm } from '../xep/0060-forms.ts'
import { NS_PUBSUB } from '../xep/0060-pubsub.ts'
import { badRequest, forbidden, notAcceptable, refusal, unsupported } from './errors.ts'
import { readSubmitted, shownForm } from './forms.ts'
import type { Node, Subscription, SubscriptionOptions } from './node.ts'
import { notifyOwners, sendLast } from './notifications.ts'
import { paged } from './paging.ts'
import { type Command, nodeOf, type Request } from './request.ts'
import type { Service } from './service.ts'

/** How a subscriber is told who has not said how. */
export const defaultOptions: SubscriptionOptions = { deliver: true, expire: undefined }

/** §6.1. Who is subscribed already is told so, and has the options that came with it. */
export const subscribe: Command = request => {
  const { service, person, wrapper, action } = request
  const jid = prepareJid(action.attrs.jid ?? '')
  if (jid === undefined || bareJid(jid) !== person) throw badRequest('invalid-jid')
  const node = nodeOf(request)
  if (!node.config.subscribe) throw unsupported('subscribe')
  service.demand(node, person, 'subscribe')
  const before = node.subscription(jid)
  const options = readOptions(wrapper.child('options'), before?.options ?? defaultOptions)
  if (before !== undefined) {
    before.options = options
    return subscriptionAnswer(node, before, 'subscribed')
  }
  if (!hasRoom(service, node, person)) throw refusal('wait', 'policy-violation', 'too-many-subscriptions')
  const subscription = service.subscribe(node, jid, options)
  notifyOwners(request, node, subscription, 'subscribed')
  sendLast(request, node, subscription)
  return subscriptionAnswer(node, subscription, 'subscribed')
}

/** Whether a node, and somebody at it, may have one subscription more. */
export function hasRoom({ limits }: Service, node: Node, person: string): boolean {
  const { subscriptionsPerNode, subscriptionsPerSubscriber } = limits
  if (node.subscriptions >= subscriptionsPerNode) return false
  return node.subscriptionsOf(person).length < subscriptionsPerSubscriber
}

/** §6.2. */
export const unsubscribe: Command = request => {
  const node = nodeOf(request)
  const subscription = subscriptionOf(request, node, 'cancel')
  request.service.unsubscribe(node, subscription)
  notifyOwners(request, node, subscription, 'none')
  return subscriptionAnswer(node, subscription, 'none')
}

/** §6.3.2. */
export const getOptions: Command = request => {
  const node = nodeOf(request)
  const { jid, subid, options } = subscriptionOf(request, node, 'modify')
  return el('pubsub', NS_PUBSUB, {}, el('options', NS_PUBSUB, { node: node.name, jid, subid }, optionsForm(options)))
}

/** §6.3.5. */
export const setOptions: Command = request => {
  const subscription = subscriptionOf(request, nodeOf(request), 'modify')
  subscription.options = readOptions(request.action, subscription.options)
  return undefined
}

/** §6.4: the options that a subscription begins with, which are the same for every node. */
export const defaultSubscription: Command = request => {
  const { node } = request.action.attrs
  if (node !== undefined) nodeOf(request)
  return el('pubsub', NS_PUBSUB, {}, el('default', NS_PUBSUB, { node }, optionsForm(defaultOptions)))
}

/** §5.6: one's own, all or those to one node. */
export const subscriptions: Command = request => {
  const { service, person, wrapper, action } = request
  const { node } = action.attrs
  const all = [...askedNodes(request)].flatMap(each =>
    each.subscriptionsOf(person).map(subscription => ({ node: each, subscription })),
  )
  const { part, set } = paged(all, wrapper, service.limits, { uid: ({ subscription }) => subscription.subid })
  const told = part.map(each => subscriptionElement(each.node, each.subscription, 'subscribed'))
  return el('pubsub', NS_PUBSUB, {}, el('subscriptions', NS_PUBSUB, { node }, ...told), ...set)
}

/** §5.7: one's own, all or that with one node. */
export const affiliations: Command = request => {
  const { service, person, wrapper, action } = request
  const all = [...askedNodes(request)].flatMap(({ name: node, affiliations: all }) => {
    const affiliation = all.get(person)
    return affiliation === undefined ? [] : { node, affiliation }
  })
  const { part, set } = paged(all, wrapper, service.limits, { uid: ({ node }) => node })
  const told = part.map(({ node, affiliation }) => el('affiliation', NS_PUBSUB, { node, affiliation }))
  return el('pubsub', NS_PUBSUB, {}, el('affiliations', NS_PUBSUB, { node: action.attrs.node }, ...told), ...set)
}

function askedNodes(request: Request): Iterable<Node> {
  const { service, person, action } = request
  return action.attrs.node === undefined ? service.nodesOf(person) : [nodeOf(request)]
}

/** Which of the sender's subscriptions is meant (§6.2.3, §6.3.4). */
function subscriptionOf({ person, action }: Request, node: Node, type: 'cancel' | 'modify'): Subscription {
  const { jid: text, subid } = action.attrs
  if (text === undefined) throw badRequest('jid-required')
  const jid = prepareJid(text)
  if (jid === undefined) throw badRequest('invalid-jid')
  if (bareJid(jid) !== person) throw forbidden()
  const found = node.subscription(jid)
  if (found === undefined) throw refusal(type, 'unexpected-request', 'not-subscribed')
  if (subid !== undefined && subid !== found.subid) throw notAcceptable('invalid-subid')
  return found
}

/**
 * @returns `before` when there is no form, or it was cancelled
 * @throws StanzaError `bad-request` with `invalid-options` (§6.3.7); `feature-not-implemented` for subscriptions that end by themselves
 */
function readOptions(parent: Element | undefined, before: SubscriptionOptions): SubscriptionOptions {
  const form = parent && readSubmitted(subscribeOptionsForm, parent)
  if (form === undefined || form.cancelled) return before
  const { values, faulty } = form
  const { deliver = before.deliver, expire, digest, subscription_type: type } = values
  // What a leaf does anyway may be asked for: items, at whatever depth.
  if (faulty.length > 0 || digest === true || type === 'nodes') throw badRequest('invalid-options')
  if (expire === undefined) return { deliver, expire: before.expire }
  if (expire !== 'presence' && expire !== '') throw unsupported('leased-subscription')
  return { deliver, expire: expire === 'presence' ? 'presence' : undefined }
}

function optionsForm({ deliver, expire }: SubscriptionOptions): Element {
  return shownForm('form', subscribeOptionsForm, { deliver, expire: expire ?? '' })
}

function subscriptionAnswer(node: Node, subscription: Subscription, state: 'none' | 'subscribed'): Element {
  return el('pubsub', NS_PUBSUB, {}, subscriptionElement(node, subscription, state))
}

function subscriptionElement({ name: node }: Node, { jid, subid }: Subscription, subscription: string): Element {
  return el('subscription', NS_PUBSUB, { node, jid, subid, subscription })
}
