/** XEP-0248 §4.1: nodes and the collections they are in, which form a graph without cycles. */
import type { Node } from './node.ts'

/**
 * The collections above a node, nearest first, each once, with how many steps up it is on the shortest way.
 * @param most no more than so many
 * @param root stands above all that is in no other collection
 */
export function* collectionsAbove(
  node: Node,
  root: Node,
  most = Number.POSITIVE_INFINITY,
): Generator<readonly [Node, number], void, undefined> {
  if (node === root) return
  const seen = new Set<Node>([node])
  let level: readonly Node[] = [node]
  for (let steps = 1; level.length > 0; steps++) {
    const next: Node[] = []
    for (const each of level) {
      for (const parent of parentsOf(each, root)) {
        if (seen.has(parent)) continue
        if (seen.size > most) return
        seen.add(parent)
        yield [parent, steps]
        if (parent !== root) next.push(parent)
      }
    }
    level = next
  }
}

const parentsOf = ({ parents }: Node, root: Node): readonly Node[] => (parents.length === 0 ? [root] : parents)

/** All that is above some nodes, and these themselves: nothing of it may be put into one of them. */
export function lineage(nodes: Iterable<Node>): ReadonlySet<Node> {
  const found = new Set(nodes)
  // What is added while a Set is gone through comes too.
  for (const each of found) for (const parent of each.parents) found.add(parent)
  return found
}

/** The leaves in a collection and in those within it, nearest first, each once, with how many steps down it is on the shortest way. */
export function* leavesBelow(collection: Node): Generator<readonly [Node, number], void, undefined> {
  const seen = new Set<Node>([collection])
  let level: readonly Node[] = [collection]
  for (let steps = 1; level.length > 0; steps++) {
    const next: Node[] = []
    for (const each of level) {
      for (const child of each.children) {
        if (seen.has(child)) continue
        seen.add(child)
        if (child.isCollection) next.push(child)
        else yield [child, steps]
      }
    }
    level = next
  }
}
