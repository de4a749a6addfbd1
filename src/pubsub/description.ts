/** What there is of a node, for who runs the service. */
import type { Affiliation } from '../xep/0060-pubsub.ts'
import { choicesOf, type NodeConfig } from './config.ts'
import type { Node } from './node.ts'

/** A node, in numbers and by its configuration. */
export interface NodeDescription {
  readonly name: string
  readonly type: 'leaf' | 'collection'
  /** Bare JID. */
  readonly creator: string
  /** ms since 1970. */
  readonly created: number
  /** What means nothing to its type left out. */
  readonly config: Partial<NodeConfig>
  readonly items: number
  /** As {@link EngineLimits.storedBytes} counts them. */
  readonly bytes: number
  /** Those that wait for an owner left out. */
  readonly subscriptions: number
  readonly pending: number
  /** By bare JID. */
  readonly affiliations: ReadonlyMap<string, Affiliation>
  /** Names of the collections that it is in, and of the nodes in it. */
  readonly collections: readonly string[]
  readonly children: readonly string[]
}

export function describeNode(node: Node): NodeDescription {
  const { name, creator, created, config, items, bytes, subscriptions, pending, affiliations, parents, children } = node
  return {
    name,
    type: config.node_type,
    creator,
    created,
    config: choicesOf(config),
    items: items.size,
    bytes,
    subscriptions: subscriptions - pending,
    pending,
    affiliations,
    collections: parents.map(parent => parent.name),
    children: [...children].map(child => child.name),
  }
}
