/** XEP-0060 §5.1 to §5.4: what a service can do, and which nodes it has. */
import type { IqOptions, Session } from '../session.ts'
import { el } from '../stream/element.ts'
import { formTypeOf } from './0004-data-forms.ts'
import { type DiscoInfo, type DiscoItem, discoInfo, NS_DISCO_ITEMS, readItems } from './0030-disco.ts'
import { type Page, type PageRequest, pageRequest, readPage } from './0059-result-sets.ts'
import { metadataForm, type NodeMetadata, readValues } from './0060-forms.ts'
import { NS_PUBSUB } from './0060-pubsub.ts'

/**
 * What a service can do (§10): `publish`, `retrieve-items`, `collections`, without the namespace in front of them. Empty when it is no PubSub service, which says
 * so as an identity of the category `pubsub` (§5.1); `service` undefined asks whether our own account is one (XEP-0163 §6.1).
 * @throws as {@link discoInfo}
 */
export async function pubsubFeatures(
  session: Session,
  service: string | undefined,
  options: IqOptions = {},
): Promise<ReadonlySet<string>> {
  return featuresIn(await discoInfo(session, service, options))
}

/** What a node is. */
export interface NodeInfo {
  /** Undefined when what was asked about is no node, or the service does not say. */
  readonly type: 'leaf' | 'collection' | undefined
  readonly metadata: NodeMetadata
  /** As {@link pubsubFeatures} has them. */
  readonly features: ReadonlySet<string>
}

/** What a node is (§5.3), and what it is about (§5.4). @throws as {@link discoInfo} */
export async function nodeInfo(
  session: Session,
  service: string | undefined,
  node: string,
  options: IqOptions = {},
): Promise<NodeInfo> {
  const info = await discoInfo(session, service, { ...options, node })
  const types = info.identities.flatMap(({ category, type }) => (category === 'pubsub' ? type : []))
  // COMPAT XEP-0060 1.15.3 to 1.19 and XEP-0248 0.2.1 spelled it so.
  const form = info.forms.find(form => /#meta-?data$/.test(formTypeOf(form) ?? ''))
  return {
    // What was a leaf and has become a collection (XEP-0248 §7.2.4) may be said to be both.
    type: types.includes('collection') ? 'collection' : types.includes('leaf') ? 'leaf' : undefined,
    metadata: readValues(metadataForm, form),
    features: featuresIn(info),
  }
}

/** Which nodes are asked for. */
export interface NodesOptions extends IqOptions {
  /** Those in this collection (XEP-0248 §5.2); of a leaf it is the items. Default those at the root. */
  readonly node?: string | undefined
  readonly page?: PageRequest | undefined
}

/** Nodes, and which part of all they are. */
export interface NodesPage {
  readonly nodes: readonly DiscoItem[]
  /** Undefined when the service does not count them by pages. */
  readonly page: Page | undefined
}

/** The nodes of a service or a collection (§5.2). Of a service they may be those of the first level alone. @throws as {@link discoInfo} */
export async function nodesOf(
  session: Session,
  service: string | undefined,
  { node, page, ...options }: NodesOptions = {},
): Promise<NodesPage> {
  const asked = page === undefined ? [] : [pageRequest(page)]
  const result = await session.iq('get', service, el('query', NS_DISCO_ITEMS, { node }, ...asked), options)
  const query = result.child('query', NS_DISCO_ITEMS)
  return { nodes: readItems(query), page: readPage(query) }
}

function featuresIn({ identities, features }: DiscoInfo): ReadonlySet<string> {
  const prefix = `${NS_PUBSUB}#`
  if (!identities.some(({ category }) => category === 'pubsub')) return new Set()
  return new Set(features.flatMap(name => (name.startsWith(prefix) ? name.slice(prefix.length) || [] : [])))
}
