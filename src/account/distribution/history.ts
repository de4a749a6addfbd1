/** What is at a service already: the states of whoever came before us, and what is left of our own. */
import { StanzaError } from '../../errors.ts'
import type { Session } from '../../session.ts'
import { withRoom } from '../../stream/room.ts'
import { allPages } from '../../xep/0059-result-sets.ts'
import { nodesOf } from '../../xep/0060-discovery.ts'
import { allItems, type PubsubItem } from '../../xep/0060-items.ts'
import { nodeConfig } from '../../xep/0060-nodes.ts'
import { PATIENCE } from './nodes.ts'

/** Bytes of an answer with items: a service that knows no pages sends all of a node at once, and a device takes a few hundred. */
const ROOM = 16_777_216
/** Items of one node, and nodes of one service, that are read. */
const MOST_ITEMS = 100_000
const MOST_NODES = 20_000

/** The items of a node. @throws what {@link allItems} throws */
export async function itemsOf(session: Session, service: string, node: string): Promise<PubsubItem[]> {
  return withRoom(session.stream, ROOM, async () => {
    const found: PubsubItem[] = []
    const options = { pageSize: 100, most: MOST_ITEMS, timeout: PATIENCE }
    for await (const item of allItems(session, service, node, options)) found.push(item)
    return found
  })
}

/** How many items a node keeps. */
export interface Limit {
  readonly items: number
  /** It may be more, as many as the service likes. */
  readonly open: boolean
}

/** What `max` comes to at least: services that know it keep hundreds. */
const LEAST_MAX = 100

/** How many items a node keeps; undefined where only its owners are told. */
export async function limitOf(session: Session, service: string, node: string): Promise<Limit | undefined> {
  try {
    const { max_items } = await nodeConfig(session, service, node, { timeout: PATIENCE })
    if (max_items === 'max') return { items: LEAST_MAX, open: true }
    return max_items === undefined ? undefined : { items: max_items, open: false }
  } catch (error) {
    if (error instanceof StanzaError) return undefined
    throw error
  }
}

/** The names of the nodes at a service, or in a collection of it. @throws what {@link nodesOf} throws */
export async function namesOf(session: Session, service: string, collection?: string): Promise<string[]> {
  return withRoom(session.stream, ROOM, async () => {
    const names = new Set<string>()
    const pages = allPages(
      async page => {
        const answer = await nodesOf(session, service, { node: collection, page, timeout: PATIENCE })
        return { found: answer.nodes, page: answer.page }
      },
      { pageSize: 500, most: MOST_NODES },
    )
    for await (const { jid, node } of pages) if (jid === service && node) names.add(node)
    return [...names]
  })
}
