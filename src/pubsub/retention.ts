/** How many items a node keeps, and which go when there are more (§16.4.3, `max_items`). */
import type { NodeConfig } from './config.ts'
import type { Node } from './node.ts'
import type { Service } from './service.ts'

/** How many items a node keeps. */
export function mostItems({ limits }: Service, { max_items: most, persist_items: persists }: NodeConfig): number {
  if (!persists) return 0
  return most === 'max' ? limits.itemsPerNode : most
}

/** Lets the oldest items go until so many are left. @returns their ids */
export function removeItems(service: Service, node: Node, most: number): readonly string[] {
  const ids = node.surplus(most)
  if (ids.length > 0) service.do({ op: 'retract', node: node.name, ids })
  return ids
}
