/** What is at a service already: the states of whoever came before us, and what is left of our own. */
import { detached } from '../../detached.ts'
import { StanzaError } from '../../errors.ts'
import type { Session } from '../../session.ts'
import { withRoom } from '../../stream/room.ts'
import { allPages } from '../../xep/0059-result-sets.ts'
import { nodesOf } from '../../xep/0060-discovery.ts'
import { type ItemsPage, items } from '../../xep/0060-items.ts'
import { nodeConfig } from '../../xep/0060-nodes.ts'
import { PATIENCE } from './nodes.ts'
import { type Reading, readingOf } from './payload.ts'

/** Bytes of an answer with items: a service that knows no pages sends all of a node at once, and a device takes a few hundred; a page of the largest ones fits too. */
const ROOM = 16_777_216
/** Items of one node, and nodes of one service, that are read. */
const MOST_ITEMS = 100_000
const MOST_NODES = 20_000

/** The items of a node. */
export interface Found {
  /** Each once, as it was last; of those without an id one. */
  readonly items: readonly Reading[]
  /** There may be more. */
  readonly partial: boolean
}

/** How often the pages of a node are turned that changes meanwhile. */
const TURNS = 3

/**
 * The items of a node. It may change between two pages: what is published again goes to the end, and whoever asks for what comes behind it gets nothing. So the
 * service's count says whether they are all there; if not they are asked for anew, and at last all at once.
 * @throws what {@link items} throws
 */
export async function itemsOf(session: Session, service: string, node: string): Promise<Found> {
  return withRoom(session.stream, ROOM, async () => {
    const found = new Map<string, Reading>()
    /** Of one turn: what was there in another one may have gone since. */
    let turned = new Set<string>()
    let count: number | undefined
    let nameless: Reading | undefined
    const take = ({ items, page }: ItemsPage): void => {
      for (const item of items) {
        // What it came in may be large, and is let go of.
        const reading = readingOf(item)
        if (item.id === undefined) nameless = reading
        else {
          const id = item.id === reading.id ? reading.id : detached(item.id)
          found.set(id, reading)
          turned.add(id)
        }
      }
      if (page?.count !== undefined) count = page.count
    }
    const complete = (): boolean => turned.size >= Math.min(count ?? 0, MOST_ITEMS)
    for (let turn = 0; turn < TURNS && (turn === 0 || !complete()); turn++) {
      turned = new Set()
      count = undefined
      await turnPages(session, service, node, take)
    }
    if (!complete()) {
      turned = new Set()
      take(await items(session, service, node, { timeout: PATIENCE }))
    }
    const all = [...found.values(), ...(nameless === undefined ? [] : [nameless])]
    return { items: all, partial: !complete() || found.size >= MOST_ITEMS }
  })
}

async function turnPages(
  session: Session,
  service: string,
  node: string,
  take: (page: ItemsPage) => void,
): Promise<void> {
  const pages = allPages(
    async page => {
      const answer = await items(session, service, node, { page, timeout: PATIENCE })
      take(answer)
      return { found: answer.items, page: answer.page }
    },
    { pageSize: 50, most: MOST_ITEMS },
  )
  let count = 0
  try {
    for await (const _ of pages) count++
  } catch (error) {
    // The item behind which the next page begins is there no more.
    if (count === 0 || !(error instanceof StanzaError) || error.condition !== 'item-not-found') throw error
  }
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
