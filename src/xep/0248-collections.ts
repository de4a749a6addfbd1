/** XEP-0248 PubSub Collection Nodes, version 0.4.0: nodes of nodes. */
import { StanzaError } from '../errors.ts'
import { prepareJid } from '../jid.ts'
import type { IqOptions, Session } from '../session.ts'
import { el } from '../stream/element.ts'
import type { PageRequest } from './0059-result-sets.ts'
import { allPages } from './0059-result-sets.ts'
import { type NodesPage, nodeInfo, nodesOf, pubsubFeatures } from './0060-discovery.ts'
import type { SubscribeOptions } from './0060-forms.ts'
import { type CreateOptions, configureNode, createNode, nodeConfig } from './0060-nodes.ts'
import { NS_PUBSUB_OWNER } from './0060-pubsub.ts'
import { askPubsub, ownBareJid } from './0060-request.ts'
import { type SubscribeRequest, type Subscription, subscribe } from './0060-subscriptions.ts'

/** Creates a collection (§7.1). @throws as {@link createNode}; `feature-not-implemented` with `unsupported` collections, `not-allowed`, `forbidden` (§7.1.3) */
export function createCollection(
  session: Session,
  service: string | undefined,
  collection: string | undefined,
  { config, ...options }: CreateOptions = {},
): Promise<string> {
  return createNode(session, service, collection, { ...options, config: { ...config, node_type: 'collection' } })
}

/**
 * Creates a leaf in a collection, or in several where the service can (`multi-collections`). See {@link isInCollection}.
 * @throws as {@link createNode}; of the service (§7.2.3) `not-allowed` with `invalid-options` or `max-nodes-exceeded`, `forbidden`
 */
export function createLeaf(
  session: Session,
  service: string | undefined,
  leaf: string | undefined,
  collection: string | readonly string[],
  { config, ...options }: CreateOptions = {},
): Promise<string> {
  const placed = { ...config, collection: typeof collection === 'string' ? [collection] : collection }
  return createNode(session, service, leaf, { ...options, config: placed })
}

/** How a node gets into a collection, or out of it. */
export interface AssociateOptions extends IqOptions {
  /**
   * `child` changes the configuration of the node, which one has to own, `collection` that of the collection (§7.2); what others change in between two
   * stanzas is lost. `request` asks for just that (§7.4, §7.5), which not every service knows. Default `child`.
   */
  readonly by?: 'child' | 'collection' | 'request' | undefined
}

/**
 * Puts a node into a collection; by its configuration it leaves the root for it. Some services accept that and do nothing: see {@link isInCollection}.
 * @throws as {@link configureNode}; of the service (§7.2.3, §7.4.3) `not-allowed` with `invalid-options` or `max-nodes-exceeded`, `forbidden`
 */
export function associate(
  session: Session,
  service: string | undefined,
  node: string,
  collection: string,
  options: AssociateOptions = {},
): Promise<void> {
  const change = (names: readonly string[], name: string): string[] => [
    ...names.filter(other => other !== name && other !== ''),
    name,
  ]
  return relate(session, service, node, collection, { ...options, word: 'associate', change })
}

/**
 * Takes a node out of a collection; by its configuration it goes back to the root when it was in no other.
 * @throws as {@link associate}; `bad-request` when it is not in there (§7.5.3)
 */
export function disassociate(
  session: Session,
  service: string | undefined,
  node: string,
  collection: string,
  options: AssociateOptions = {},
): Promise<void> {
  const change = (names: readonly string[], name: string): string[] => names.filter(other => other !== name)
  return relate(session, service, node, collection, { ...options, word: 'dissociate', change })
}

/** What is subscribed to in a collection. */
export interface CollectionRequest extends SubscribeRequest {
  /** What happens in its nodes, to its nodes, or both. Services have `nodes` as their default. */
  readonly type?: SubscribeOptions['subscription_type']
  /** How many steps down. Services have 1 as their default. */
  readonly depth?: SubscribeOptions['subscription_depth']
}

/**
 * Subscribes to a collection (§6.1), undefined for the root (§8.1).
 * @throws as {@link subscribe}; of the service (§6.1.3) `conflict` for what is subscribed to already, `not-allowed` for what would be too much
 */
export function subscribeCollection(
  session: Session,
  service: string | undefined,
  collection: string | undefined,
  { type: subscription_type, depth: subscription_depth, options, ...request }: CollectionRequest = {},
): Promise<Subscription> {
  const both = { ...options, ...(subscription_type && { subscription_type }) }
  const wanted = subscription_depth === undefined ? both : { ...both, subscription_depth }
  return subscribe(session, service, collection, {
    ...request,
    ...(Object.keys(wanted).length > 0 && { options: wanted }),
  })
}

/** The nodes in a collection (§5.2). @throws as {@link nodesOf} */
export function childrenOf(
  session: Session,
  service: string | undefined,
  collection: string,
  options: IqOptions & { readonly page?: PageRequest | undefined } = {},
): Promise<NodesPage> {
  return nodesOf(session, service, { ...options, node: collection })
}

/** Whether a service says that it has collections (§5.1). @throws as {@link pubsubFeatures} */
export async function supportsCollections(
  session: Session,
  service: string | undefined,
  options: IqOptions = {},
): Promise<boolean> {
  return (await pubsubFeatures(session, service, options)).has('collections')
}

/**
 * Whether a node is in a collection. Services without collections (ejabberd, Prosody) accept what asks for them and keep it among the configuration of the
 * node, and there is nothing behind it. So the collection must be said to be one (§5.2), and either be found to hold the node, or both be configured so (§8.3). What a
 * service refuses to tell speaks for nothing.
 * @throws what {@link Session.iq} throws, but for the errors of the service
 */
export async function isInCollection(
  session: Session,
  service: string | undefined,
  node: string,
  collection: string,
  options: IqOptions = {},
): Promise<boolean> {
  const info = await told(nodeInfo(session, service, collection, options))
  if (info?.type !== 'collection') return false
  if (await told(holds(session, service, node, collection, options))) return true
  const parent = await told(nodeConfig(session, service, collection, options))
  if (parent?.children?.includes(node) !== true) return false
  const child = await told(nodeConfig(session, service, node, options))
  return child?.collection?.includes(collection) === true
}

async function holds(
  session: Session,
  service: string | undefined,
  node: string,
  collection: string,
  options: IqOptions,
): Promise<boolean> {
  const jid = service === undefined ? ownBareJid(session, options) : prepareJid(service)
  const children = allPages(
    async page => {
      const answer = await childrenOf(session, service, collection, { ...options, page })
      return { found: answer.nodes, page: answer.page }
    },
    { pageSize: 100 },
  )
  for await (const child of children) if (child.node === node && child.jid === jid) return true
  return false
}

/** What a service says; undefined when it refuses to. */
async function told<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof StanzaError) return undefined
    throw error
  }
}

interface Relation extends AssociateOptions {
  readonly word: 'associate' | 'dissociate'
  readonly change: (names: readonly string[], name: string) => string[]
}

async function relate(
  session: Session,
  service: string | undefined,
  node: string,
  collection: string,
  { by = 'child', word, change, ...options }: Relation,
): Promise<void> {
  if (by === 'request') {
    const related = el('collection', NS_PUBSUB_OWNER, { node: collection }, el(word, NS_PUBSUB_OWNER, { node }))
    await askPubsub(session, service, { type: 'set', ns: NS_PUBSUB_OWNER, children: [related] }, options)
  } else if (by === 'collection') {
    const { children = [] } = await nodeConfig(session, service, collection, options)
    await configureNode(session, service, collection, { children: change(children, node) }, options)
  } else {
    const { collection: parents = [] } = await nodeConfig(session, service, node, options)
    const left = change(parents, collection)
    // An empty value is the root.
    await configureNode(session, service, node, { collection: left.length === 0 ? [''] : left }, options)
  }
}
