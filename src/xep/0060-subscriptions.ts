/** XEP-0060 §5.6 and §6.1 to §6.4: subscriptions and their options. */
import { prepareJid } from '../jid.ts'
import type { IqOptions, Session } from '../session.ts'
import { type Element, el } from '../stream/element.ts'
import { readValues, type SubscribeOptions, subscribeOptionsForm, writeForm } from './0060-forms.ts'
import { NS_PUBSUB, type SubscriptionState, subscriptionStates } from './0060-pubsub.ts'
import { askPubsub, attribute, childrenNamed, formIn, jidOf, ownBareJid, withForm } from './0060-request.ts'
import { parseDateTime } from './0082-datetime.ts'

export { affiliationsOf, type NodeAffiliation } from './0060-affiliations.ts'

/** That somebody is told of what happens at a node. */
export interface Subscription {
  /** Undefined for the root of all collections (XEP-0248 §8.1). */
  readonly node: string | undefined
  /** Who is told: a prepared JID, which need not be that of who has subscribed (§6.1.1). */
  readonly jid: string
  /** Which one it is of several that one JID may have at a node (§6.1.6). */
  readonly subid: string | undefined
  readonly subscription: SubscriptionState
  /** When it ends by itself, in ms since 1970 (§12.19). */
  readonly expiry: number | undefined
  /** It does not count before its options have been set (§6.1.5). */
  readonly optionsRequired: boolean
}

/** Whose subscription it is. */
export interface SubscriberOptions extends IqOptions {
  /**
   * Default the bare JID of a client, the domain of a component or the address of it that asks: a service lets everyone subscribe himself, which is
   * his bare JID or one of his resources (§6.1.3.1), and an account outlives its resources, so that the server finds one of them, or keeps what is told. Whoever
   * wants it at one resource alone says so.
   */
  readonly jid?: string | undefined
  /** Which of several (§6.1.6). */
  readonly subid?: string | undefined
}

/** Who subscribes, and how. */
export interface SubscribeRequest extends IqOptions {
  /** As {@link SubscriberOptions.jid}. */
  readonly jid?: string | undefined
  /** Set along with it (§6.3.7). */
  readonly options?: SubscribeOptions | undefined
}

/**
 * Subscribes (§6.1); without a node to the root collection (XEP-0248 §8.1). The state that it resolves with need not be `subscribed`: it may be `pending`
 * (§6.1.4) or `unconfigured` (§6.1.5). A service that says nothing has done it.
 * @throws what {@link Session.iq} throws; of the service (§6.1.3) `bad-request` with `invalid-jid`, `not-authorized` with `presence-subscription-required`,
 *   `not-in-roster-group` or `pending-subscription`, `not-allowed` with `closed-node`, `payment-required`, `forbidden`, `policy-violation` with
 *   `too-many-subscriptions`, `feature-not-implemented` with `unsupported`, `gone` or `redirect`, `item-not-found`
 */
export async function subscribe(
  session: Session,
  service: string | undefined,
  node: string | undefined,
  { jid, options: wanted, ...options }: SubscribeRequest = {},
): Promise<Subscription> {
  const asked = { node, jid: jid ?? ownBareJid(session, options) }
  const subscribed = el('subscribe', NS_PUBSUB, asked)
  const form = wanted && writeForm(subscribeOptionsForm, wanted)
  const children = form === undefined ? [subscribed] : [subscribed, withForm('options', NS_PUBSUB, {}, form)]
  const answer = await askPubsub(session, service, { type: 'set', children }, options)
  const told = answer?.child('subscription') ?? el('subscription', NS_PUBSUB)
  return {
    ...detailsOf(told),
    node: attribute(told, 'node') ?? node,
    jid: jidOf(told) ?? prepareJid(asked.jid) ?? asked.jid,
    subscription: told.attrs.subscription === undefined ? 'subscribed' : (stateOf(told) ?? 'none'),
  }
}

/**
 * Ends a subscription (§6.2).
 * @throws what {@link Session.iq} throws; of the service (§6.2.3) `bad-request` with `subid-required`, `unexpected-request` with `not-subscribed`, `forbidden`,
 *   `item-not-found`, `not-acceptable` with `invalid-subid`
 */
export async function unsubscribe(
  session: Session,
  service: string | undefined,
  node: string | undefined,
  options: SubscriberOptions = {},
): Promise<void> {
  await askPubsub(
    session,
    service,
    { type: 'set', children: [about('unsubscribe', session, node, options)] },
    iqOf(options),
  )
}

/** What is asked about at all nodes, or at one. */
export interface OwnOptions extends IqOptions {
  readonly node?: string | undefined
}

/**
 * One's own subscriptions at a service, or at one node of it (§5.6).
 * @throws what {@link Session.iq} throws; of the service `feature-not-implemented` with `unsupported`
 */
export async function subscriptions(
  session: Session,
  service: string | undefined,
  { node, ...options }: OwnOptions = {},
): Promise<Subscription[]> {
  const children = [el('subscriptions', NS_PUBSUB, { node })]
  const answer = await askPubsub(session, service, { type: 'get', children }, options)
  return readSubscriptions(answer?.child('subscriptions'), node)
}

/**
 * The options of a subscription (§6.3).
 * @throws what {@link Session.iq} throws; of the service (§6.3.4) `forbidden`, `unexpected-request` with `not-subscribed`, `bad-request` with `jid-required` or
 *   `subid-required`, `not-acceptable` with `invalid-subid`, `feature-not-implemented` with `unsupported`, `item-not-found`
 */
export async function subscriptionOptions(
  session: Session,
  service: string | undefined,
  node: string | undefined,
  options: SubscriberOptions = {},
): Promise<SubscribeOptions> {
  const children = [about('options', session, node, options)]
  const answer = await askPubsub(session, service, { type: 'get', children }, iqOf(options))
  return readValues(subscribeOptionsForm, formIn(answer?.child('options')))
}

/**
 * Changes the options of a subscription; what is left out stays as it is (§6.3.5).
 * @throws as {@link subscriptionOptions}; `bad-request` with `invalid-options`
 */
export async function setSubscriptionOptions(
  session: Session,
  service: string | undefined,
  node: string | undefined,
  wanted: SubscribeOptions,
  options: SubscriberOptions = {},
): Promise<void> {
  const { attrs } = about('options', session, node, options)
  const children = [withForm('options', NS_PUBSUB, attrs, writeForm(subscribeOptionsForm, wanted))]
  await askPubsub(session, service, { type: 'set', children }, iqOf(options))
}

/** The options that a subscription has at first, at a node or at all (§6.4). @throws as {@link subscriptions} */
export async function defaultSubscriptionOptions(
  session: Session,
  service: string | undefined,
  { node, ...options }: OwnOptions = {},
): Promise<SubscribeOptions> {
  const children = [el('default', NS_PUBSUB, { node })]
  const answer = await askPubsub(session, service, { type: 'get', children }, options)
  return readValues(subscribeOptionsForm, formIn(answer?.child('default')))
}

/** The subscriptions in a `<subscriptions/>`, of whichever of the namespaces it is. @param node where it says none itself */
export function readSubscriptions(list: Element | undefined, node?: string): Subscription[] {
  const listed = list && attribute(list, 'node')
  return childrenNamed(list, 'subscription').flatMap(element => readSubscription(element, listed ?? node) ?? [])
}

/** What a `<subscription/>` tells; undefined without a JID and a state. */
export function readSubscription(element: Element, node?: string): Subscription | undefined {
  const [jid, subscription] = [jidOf(element), stateOf(element)]
  if (jid === undefined || subscription === undefined) return undefined
  return { ...detailsOf(element), node: attribute(element, 'node') ?? node, jid, subscription }
}

function stateOf({ attrs }: Element): SubscriptionState | undefined {
  return subscriptionStates.find(word => word === attrs.subscription)
}

function detailsOf(element: Element): Pick<Subscription, 'subid' | 'expiry' | 'optionsRequired'> {
  return {
    subid: attribute(element, 'subid'),
    expiry: parseDateTime(element.attrs.expiry ?? ''),
    optionsRequired: element.child('subscribe-options')?.child('required') !== undefined,
  }
}

function about(
  name: string,
  session: Session,
  node: string | undefined,
  { jid, subid, ...options }: SubscriberOptions,
): Element {
  return el(name, NS_PUBSUB, { node, jid: jid ?? ownBareJid(session, options), subid })
}

function iqOf({ jid: _, subid: __, ...options }: SubscriberOptions): IqOptions {
  return options
}
