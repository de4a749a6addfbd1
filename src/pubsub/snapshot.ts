/** Everything there is, as changes that make it. */
import type { Node } from './node.ts'
import type { State } from './state.ts'
import type { Change, Entry } from './store.ts'

/** Changes in one entry, and characters of what was published. */
const MOST = 100
const MOST_TEXT = 65_536

/**
 * Node after node, and first all of them and where they are: what is read of one is of one moment, or comes again behind. It may be read while things change.
 */
export function* snapshotOf(state: State): Generator<Entry, void, undefined> {
  for (const [node, redirect] of state.moved) yield [{ op: 'delete', node, redirect }]
  // A collection may be younger than what is in it.
  for (const node of state.nodes.values()) yield creation(node)
  for (const node of state.nodes.values()) {
    if (node.parents.length > 0) yield [{ op: 'configure', node: node.name, config: node.config }]
  }
  for (const node of [state.root, ...state.nodes.values()]) yield* grouped(contents(node))
}

function creation({ name: node, creator, created: at, config, affiliations }: Node): Entry {
  const people = [...affiliations].filter(([jid, affiliation]) => jid !== creator || affiliation !== 'owner')
  const resigned: Change[] = affiliations.has(creator)
    ? []
    : [{ op: 'affiliate', node, jid: creator, affiliation: 'none' }]
  return [
    { op: 'create', node, creator, at, config: { ...config, collection: [] } },
    ...people.map(([jid, affiliation]): Change => ({ op: 'affiliate', node, jid, affiliation })),
    ...resigned,
  ]
}

function* contents({ name: node, subscribers, items }: Node): Generator<Change, void, undefined> {
  for (const subscriptions of subscribers) {
    for (const { jid, subid, state, options } of subscriptions) {
      yield { op: 'subscribe', node, jid, subid, state, options }
    }
  }
  for (const { id, publisher, published: at, payload } of items.values()) {
    yield { op: 'publish', node, id, publisher, at, ...(payload !== undefined && { payload }) }
  }
}

function* grouped(changes: Iterable<Change>): Generator<Entry, void, undefined> {
  let group: Change[] = []
  let text = 0
  for (const change of changes) {
    group.push(change)
    if (change.op === 'publish') text += change.payload?.length ?? 0
    if (group.length < MOST && text < MOST_TEXT) continue
    yield group
    group = []
    text = 0
  }
  if (group.length > 0) yield group
}
