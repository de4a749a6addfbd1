/** XEP-0060 §8: the nodes that one owns, who may do what with them, and who is told. */
import { XmppError } from '../errors.ts'
import type { IqOptions, Session } from '../session.ts'
import { el } from '../stream/element.ts'
import { type NodeConfig, nodeConfigForm, readValues, writeForm } from './0060-forms.ts'
import { NS_PUBSUB, NS_PUBSUB_OWNER, type SubscriptionState } from './0060-pubsub.ts'
import { askOwner, askPubsub, formIn, withForm } from './0060-request.ts'
import { readSubscriptions, type Subscription } from './0060-subscriptions.ts'

export { type JidAffiliation, nodeAffiliations, setAffiliations } from './0060-affiliations.ts'
export { answerSubscriptionRequest, pendingNodes, requestPending } from './0060-pending.ts'

/** How a node shall be. */
export interface CreateOptions extends IqOptions {
  /** What is left out is as the service has it (§8.1.3). */
  readonly config?: NodeConfig | undefined
}

/**
 * Creates a node (§8.1), and resolves with its name, which the service may have changed; without a name the service makes one up, an instant node (§8.1.1).
 * @throws what {@link Session.iq} throws; XmppError `XMPP_NO_NODE` when an instant node has been made and the service does not say which; of the service (§8.1.1 to
 *   §8.1.3) `feature-not-implemented` with `unsupported`, `registration-required`, `forbidden`, `conflict`, `not-acceptable` with `nodeid-required` or
 *   `unsupported-access-model`
 */
export async function createNode(
  session: Session,
  service: string | undefined,
  node: string | undefined,
  { config, ...options }: CreateOptions = {},
): Promise<string> {
  const created = el('create', NS_PUBSUB, { node })
  const form = config && writeForm(nodeConfigForm, config)
  const children = form === undefined ? [created] : [created, withForm('configure', NS_PUBSUB, {}, form)]
  const answer = await askPubsub(session, service, { type: 'set', children }, options)
  const name = answer?.child('create')?.attrs.node || node
  if (name === undefined) throw new XmppError('XMPP_NO_NODE', 'the service does not say which node it has made')
  return name
}

/**
 * How a node is (§8.2).
 * @throws what {@link Session.iq} throws; of the service (§8.2.3) `feature-not-implemented` with `unsupported`, `forbidden`, `bad-request` with `nodeid-required`,
 *   `not-allowed` where there is nothing to configure, `item-not-found`
 */
export async function nodeConfig(
  session: Session,
  service: string | undefined,
  node: string,
  options: IqOptions = {},
): Promise<NodeConfig> {
  const answer = await askOwner(session, service, 'get', el('configure', NS_PUBSUB_OWNER, { node }), options)
  return readValues(nodeConfigForm, formIn(answer?.child('configure')))
}

/** Changes how a node is; what is left out stays as it is (§8.2.4). @throws as {@link nodeConfig}; `not-acceptable` for what cannot be so */
export async function configureNode(
  session: Session,
  service: string | undefined,
  node: string,
  config: NodeConfig,
  options: IqOptions = {},
): Promise<void> {
  const form = withForm('configure', NS_PUBSUB_OWNER, { node }, writeForm(nodeConfigForm, config))
  await askOwner(session, service, 'set', form, options)
}

/** How a node is at first (§8.3). @throws what {@link Session.iq} throws; of the service `feature-not-implemented` with `unsupported` */
export async function defaultNodeConfig(
  session: Session,
  service: string | undefined,
  options: IqOptions = {},
): Promise<NodeConfig> {
  const answer = await askOwner(session, service, 'get', el('default', NS_PUBSUB_OWNER), options)
  return readValues(nodeConfigForm, formIn(answer?.child('default')))
}

/** How a node is deleted. */
export interface DeleteOptions extends IqOptions {
  /** The URI of the node that takes its place, such as `xmpp:pubsub.example.com?;node=blog` (§8.4.1). */
  readonly redirect?: string | undefined
}

/** Deletes a node (§8.4). @throws what {@link Session.iq} throws; of the service `forbidden`, `item-not-found`, `not-allowed` for the root */
export async function deleteNode(
  session: Session,
  service: string | undefined,
  node: string,
  { redirect, ...options }: DeleteOptions = {},
): Promise<void> {
  const place = redirect === undefined ? [] : [el('redirect', NS_PUBSUB_OWNER, { uri: redirect })]
  await askOwner(session, service, 'set', el('delete', NS_PUBSUB_OWNER, { node }, ...place), options)
}

/** Deletes all items of a node (§8.5). @throws as {@link deleteNode}; `feature-not-implemented` with `unsupported` where items are not kept */
export async function purgeNode(
  session: Session,
  service: string | undefined,
  node: string,
  options: IqOptions = {},
): Promise<void> {
  await askOwner(session, service, 'set', el('purge', NS_PUBSUB_OWNER, { node }), options)
}

/** Who is told of what happens at a node (§8.8.1). @throws as {@link nodeConfig} */
export async function nodeSubscriptions(
  session: Session,
  service: string | undefined,
  node: string,
  options: IqOptions = {},
): Promise<Subscription[]> {
  const answer = await askOwner(session, service, 'get', el('subscriptions', NS_PUBSUB_OWNER, { node }), options)
  return readSubscriptions(answer?.child('subscriptions'), node)
}

/** What an owner makes of somebody's subscription; `none` ends it. */
export interface SubscriptionChange {
  readonly jid: string
  readonly subscription: SubscriptionState
  readonly subid?: string | undefined
}

/** Changes subscriptions of others; those that are not in the list stay (§8.8.2). @throws as {@link setAffiliations} */
export async function setNodeSubscriptions(
  session: Session,
  service: string | undefined,
  node: string,
  list: readonly SubscriptionChange[],
  options: IqOptions = {},
): Promise<void> {
  const changes = list.map(({ jid, subscription, subid }) =>
    el('subscription', NS_PUBSUB_OWNER, { jid, subscription, subid }),
  )
  await askOwner(session, service, 'set', el('subscriptions', NS_PUBSUB_OWNER, { node }, ...changes), options)
}
