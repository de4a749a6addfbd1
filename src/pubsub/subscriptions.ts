/** XEP-0060 §5.6, §5.7, §6, and XEP-0248 §6.1: what a subscriber does. A person may have a subscription for each resource. */
import { isDeepStrictEqual } from 'node:util'
import { bareJid, prepareJid } from '../jid.ts'
import { NS_CLIENT } from '../negotiate.ts'
import { type Element, el } from '../stream/element.ts'
import { NS_PUBSUB } from '../xep/0060-pubsub.ts'
import { askOwners } from './authorization.ts'
import { badRequest, forbidden, notAcceptable, refusal, unsupported } from './errors.ts'
import type { Node, Subscription, SubscriptionOptions } from './node.ts'
import { notifyOwners, sendLast, type Telling } from './notifications.ts'
import { defaultOptions, optionsForm, readOptions } from './options.ts'
import { lineBytes, paged } from './paging.ts'
import { type Command, nodeOf, nodeOrRootOf, type Request } from './request.ts'
import type { Service } from './service.ts'

/**
 * §6.1. Who is subscribed already is told so, and has the options that came with it. To a collection one may subscribe twice, to its items and to its nodes; who
 * asks for what a subscription of theirs has already, only deeper or less deep, is told of the conflict.
 */
export const subscribe: Command = request => {
  const { service, person, wrapper, action } = request
  const jid = prepareJid(action.attrs.jid ?? '')
  if (action.attrs.jid === undefined || jid === undefined || bareJid(jid) !== person) throw badRequest('invalid-jid')
  const node = moved(request)
  if (!node.config.subscribe) throw unsupported('subscribe')
  const right = service.demand(node, person, 'subscribe')
  const given = wrapper.child('options')
  if (given !== undefined && !stands(given, wrapper)) {
    throw badRequest(undefined, 'the options are those of the subscription, which comes before them')
  }
  const before = node.subscriptionsAs(jid)
  if (before.some(({ state }) => state === 'pending')) throw refusal('auth', 'not-authorized', 'pending-subscription')
  const options = readOptions(request, node, given, defaultOptions(node))
  const same = node.isCollection ? before.find(each => overlaps(each.options, options)) : before[0]
  if (same !== undefined) {
    const { type, depth } = same.options
    if (type !== options.type || depth !== options.depth) throw refusal('cancel', 'conflict')
    const changed = given === undefined ? same.options : readOptions(request, node, given, same.options)
    changeOptions(request, node, same, changed)
    return subscriptionAnswer(node, same, same.state, given !== undefined)
  }
  if (!hasRoom(service, node, person)) throw refusal('wait', 'policy-violation', 'too-many-subscriptions')
  const state = right === true ? 'subscribed' : 'pending'
  if (state === 'pending' && node.pending >= service.limits.pendingPerNode) {
    throw refusal('wait', 'policy-violation', 'too-many-subscriptions')
  }
  const subscription = addSubscription(request, node, jid, state, options)
  if (state === 'pending') askOwners(request, node, subscription)
  else {
    notifyOwners(request, node, subscription, state)
    sendLast(request, node, subscription)
  }
  return subscriptionAnswer(node, subscription, state, given !== undefined)
}

/** Whether options stand where they may, and name nothing that the subscription names (§6.3.7). */
function stands({ attrs: { node, jid } }: Element, { elements: [first] }: Element): boolean {
  return node === undefined && jid === undefined && first?.name === 'subscribe'
}

/** The node that is asked about. @throws StanzaError `gone` with where it is now (§6.1.3) */
function moved(request: Request): Node {
  const { service, action } = request
  const { node = '' } = action.attrs
  const uri = service.node(node) === undefined ? service.moved.get(node) : undefined
  if (uri === undefined) return nodeOrRootOf(request)
  throw refusal('modify', 'gone', undefined, { uri })
}

/** Subscribes a JID, whoever wanted that. */
export function addSubscription(
  telling: Telling,
  node: Node,
  jid: string,
  state: Subscription['state'],
  options: SubscriptionOptions,
): Subscription {
  const { service } = telling
  const subid = service.newId()
  service.do({ op: 'subscribe', node: node.name, jid, subid, state, options })
  if (needsPresence(options)) askPresence(telling, jid)
  return node.subscriptionsAs(jid).find(each => each.subid === subid) as Subscription
}

function changeOptions(
  telling: Telling,
  node: Node,
  { jid, subid, state, options: before }: Subscription,
  options: SubscriptionOptions,
): void {
  // Whoever asks is there, whatever their server knows of it yet.
  telling.service.presences.forgive(bareJid(jid))
  if (isDeepStrictEqual(options, before)) return
  telling.service.do({ op: 'subscribe', node: node.name, jid, subid, state, options })
  if (needsPresence(options) && !needsPresence(before)) askPresence(telling, jid)
}

const needsPresence = ({ expire, shows }: SubscriptionOptions): boolean => expire === 'presence' || shows !== undefined

/** Of somebody who is to be subscribed as long as they are there one has to know whether they are (§12.5). */
function askPresence({ service, out }: Telling, jid: string): void {
  const person = bareJid(jid)
  service.presences.forgive(person)
  if (service.presences.has(jid)) return
  out.push(el('presence', NS_CLIENT, { from: service.jid, to: person, type: 'subscribe' }))
}

/** Whether two subscriptions to a collection tell of the same things. */
function overlaps(
  { type: one = 'nodes' }: SubscriptionOptions,
  { type: other = 'nodes' }: SubscriptionOptions,
): boolean {
  return one === other || one === 'all' || other === 'all'
}

/** Whether a node, and somebody at it, may have one subscription more. */
export function hasRoom(service: Service, node: Node, person: string): boolean {
  const { subscriptionsPerNode, subscriptionsPerSubscriber, subscriptionsPerPerson } = service.limits
  if (node.subscriptions >= subscriptionsPerNode || service.roomOf(node.creator).subscriptions <= 0) return false
  if (service.subscriptionsOf(person) >= subscriptionsPerPerson) return false
  return node.subscriptionsOf(person).length < subscriptionsPerSubscriber
}

/** §6.2. */
export const unsubscribe: Command = request => {
  const node = nodeOrRootOf(request)
  const subscription = subscriptionOf(request, node, 'cancel')
  const { jid, subid, state } = subscription
  request.service.do({ op: 'unsubscribe', node: node.name, jid, subid })
  if (state === 'subscribed') notifyOwners(request, node, subscription, 'none')
  return subscriptionAnswer(node, subscription, 'none')
}

/** §6.3.2. */
export const getOptions: Command = request => {
  const node = nodeOrRootOf(request)
  const { jid, subid, options } = subscriptionOf(request, node, 'modify')
  const shown = optionsForm(options)
  return el('pubsub', NS_PUBSUB, {}, el('options', NS_PUBSUB, { node: nameOrNone(node), jid, subid }, shown))
}

/** §6.3.5. */
export const setOptions: Command = request => {
  const node = nodeOrRootOf(request)
  const subscription = subscriptionOf(request, node, 'modify')
  const options = readOptions(request, node, request.action, subscription.options)
  const others = node.subscriptionsAs(subscription.jid).filter(each => each !== subscription)
  if (node.isCollection && others.some(each => overlaps(each.options, options))) throw refusal('cancel', 'conflict')
  changeOptions(request, node, subscription, options)
  return undefined
}

/** §6.4: the options that a subscription begins with. */
export const defaultSubscription: Command = request => {
  const { node: name } = request.action.attrs
  const options = name === undefined ? { deliver: true } : defaultOptions(nodeOf(request))
  return el('pubsub', NS_PUBSUB, {}, el('default', NS_PUBSUB, { node: name }, optionsForm(options, 'result')))
}

/** §5.6: one's own, all or those to one node. */
export const subscriptions: Command = request => {
  const { service, person, wrapper, action } = request
  const { node } = action.attrs
  const all = [...askedNodes(request)].flatMap(each =>
    each.subscriptionsOf(person).map(subscription => ({ node: each, subscription })),
  )
  const { part, set } = paged(all, wrapper, service.limits, {
    uid: ({ subscription }) => subscription.subid,
    size: each => lineBytes(each.node.name, each.subscription.jid),
  })
  const told = part.map(each => subscriptionElement(each.node, each.subscription, each.subscription.state))
  return el('pubsub', NS_PUBSUB, {}, el('subscriptions', NS_PUBSUB, { node }, ...told), ...set)
}

/** §5.7: one's own, all or that with one node. */
export const affiliations: Command = request => {
  const { service, person, wrapper, action } = request
  const all = [...askedNodes(request)].flatMap(({ name: node, affiliations: all }) => {
    const affiliation = all.get(person)
    return affiliation === undefined ? [] : { node, affiliation }
  })
  const { part, set } = paged(all, wrapper, service.limits, {
    uid: ({ node }) => node,
    size: ({ node }) => lineBytes(node),
  })
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
  const found = node.subscriptionsAs(jid)
  if (found.length === 0) throw refusal(type, 'unexpected-request', 'not-subscribed')
  if (subid === undefined && found.length > 1) throw badRequest('subid-required')
  const meant = subid === undefined ? found[0] : found.find(each => each.subid === subid)
  if (meant === undefined) throw notAcceptable('invalid-subid')
  return meant
}

/** @param configured it came with options, which are said in return (§6.3.7) */
function subscriptionAnswer(node: Node, subscription: Subscription, state: string, configured = false): Element {
  const options = configured ? [el('options', NS_PUBSUB, {}, optionsForm(subscription.options, 'result'))] : []
  return el('pubsub', NS_PUBSUB, {}, subscriptionElement(node, subscription, state), ...options)
}

function subscriptionElement(node: Node, { jid, subid }: Subscription, subscription: string): Element {
  return el('subscription', NS_PUBSUB, { node: nameOrNone(node), jid, subid, subscription })
}

/** The root has no name (XEP-0248 §8.1). */
const nameOrNone = ({ name }: Node): string | undefined => (name === '' ? undefined : name)
