/** XEP-0248 §7: how nodes get into collections and out of them. */
import { el } from '../stream/element.ts'
import { NS_PUBSUB_EVENT, NS_PUBSUB_OWNER } from '../xep/0060-pubsub.ts'
import type { NodeConfig } from './config.ts'
import { badRequest, forbidden, notAcceptable, notAllowed, notFound, unsupported } from './errors.ts'
import { lineage } from './graph.ts'
import type { Node } from './node.ts'
import { notify } from './notifications.ts'
import { type Command, nameOf, nodeOf, type Request } from './request.ts'
import type { Service } from './service.ts'

/**
 * Whether the sender may put a node of theirs into these collections; those that it is in already are not asked about.
 * @param child undefined for one that is to be created
 * @throws StanzaError `item-not-found`; `not-allowed` with `invalid-options` for a leaf and for what would be a cycle, with `max-nodes-exceeded`;
 * `forbidden` (§7.2.3)
 */
export function checkParents(request: Request, child: Node | undefined, names: readonly string[]): void {
  const { service } = request
  if (names.length > service.limits.collectionsPerNode) throw notAcceptable(undefined, 'that are too many collections')
  const parents = names.map(name => service.nodes.get(name) ?? missing())
  // A leaf has nothing below that could be above.
  const above = child?.isCollection ? lineage(parents) : undefined
  for (const parent of parents) {
    if (child?.parents.includes(parent)) continue
    if (!parent.isCollection) throw notAllowed('invalid-options')
    if (child !== undefined && above?.has(child)) throw notAllowed('invalid-options')
    if (!mayAssociate(request, parent)) throw forbidden()
    if (parent.children.size >= mostChildren(service, parent.config)) throw notAllowed('max-nodes-exceeded')
  }
}

/** What becomes of the nodes in a collection. */
interface Adopted {
  readonly come: readonly Node[]
  readonly gone: readonly Node[]
}

/**
 * Whether these may be all the nodes in a collection of the sender's. Who owns it may let any of them go; into it they can put only their own.
 * @param parent undefined for one that is to be created
 * @param names undefined leaves all as it is
 * @throws StanzaError as {@link checkParents}
 */
export function checkChildren(
  request: Request,
  parent: Node | undefined,
  config: NodeConfig,
  names: readonly string[] | undefined,
): Adopted {
  const { service } = request
  const most = mostChildren(service, config)
  if ((names?.length ?? parent?.children.size ?? 0) > most) throw notAllowed('max-nodes-exceeded')
  if (names === undefined) return { come: [], gone: [] }
  const wanted = new Set(names.map(name => service.nodes.get(name) ?? missing()))
  const come = [...wanted].filter(child => parent?.children.has(child) !== true)
  // It may be put into others in the same breath.
  const above = lineage(
    [parent, ...config.collection.map(name => service.nodes.get(name))].filter(node => node !== undefined),
  )
  for (const child of come) {
    if (above.has(child)) throw notAllowed('invalid-options')
    if (service.right(child, request.person, 'configure') !== true) throw forbidden()
    if (child.parents.length >= service.limits.collectionsPerNode) throw notAllowed('max-nodes-exceeded')
  }
  const gone = [...(parent?.children ?? [])].filter(child => !wanted.has(child))
  if (come.length + gone.length > service.limits.itemsPerRequest)
    throw notAcceptable(undefined, 'too many nodes at once')
  return { come, gone }
}

/** Does what {@link checkChildren} has allowed, and tells of it. */
export function placeChildren(request: Request, name: string, { come, gone }: Adopted): void {
  for (const child of come) move(request, child, [...child.config.collection, name])
  for (const child of gone) move(request, child, without(child, name))
}

/** §7.4. */
export const associate: Command = request => {
  const { service, person } = request
  const { parent, child } = related(request, 'associate')
  if (service.right(child, person, 'configure') !== true) throw forbidden()
  if (child.parents.includes(parent)) return undefined
  const names = [...child.config.collection, parent.name]
  checkParents(request, child, names)
  move(request, child, names)
  return undefined
}

/** §7.5: an owner of either may. */
export const dissociate: Command = request => {
  const { service, person } = request
  const { parent, child } = related(request, 'dissociate')
  const owner = [parent, child].some(node => service.right(node, person, 'configure') === true)
  if (!owner) throw forbidden()
  if (!child.parents.includes(parent)) throw badRequest(undefined, 'it is not in there')
  move(request, child, without(child, parent.name))
  return undefined
}

/** `<collection/>` holds what is to be done. */
export const relate: Command = request => {
  if (!request.service.abilities.collections) throw unsupported('collections')
  const [word] = request.action.elements.filter(({ ns }) => ns === NS_PUBSUB_OWNER)
  if (word?.name === 'associate') return associate(request)
  // Older versions of the XEP spelled it so.
  if (word?.name === 'dissociate' || word?.name === 'disassociate') return dissociate(request)
  throw badRequest()
}

function related(request: Request, word: string): { parent: Node; child: Node } {
  const { service, action } = request
  const parent = nodeOf(request)
  const said = action.child(word) ?? action.elements[0]
  const child = said && service.nodes.get(nameOf(said))
  if (child === undefined) throw notFound()
  return { parent, child }
}

/** Tells who listens for it where a node is now, and where it is no longer. */
export function tellMoved(request: Request, child: Node, before: ReadonlySet<Node>): void {
  const now = new Set(child.parents)
  for (const parent of now) if (!before.has(parent)) tell(request, parent, child, 'associate')
  for (const parent of before) if (!now.has(parent)) tell(request, parent, child, 'dissociate')
}

function move(request: Request, child: Node, collection: readonly string[]): void {
  const before = new Set(child.parents)
  request.service.do({ op: 'configure', node: child.name, config: { ...child.config, collection } })
  tellMoved(request, child, before)
}

function tell(request: Request, parent: Node, child: Node, word: 'associate' | 'dissociate'): void {
  if (!parent.config.notify_config) return
  const said = el(word, NS_PUBSUB_EVENT, { node: child.name })
  const event = el('collection', NS_PUBSUB_EVENT, { node: parent.name }, said)
  notify(request, parent, event, 'nodes', { below: 1, private: false })
}

function mayAssociate({ service, person }: Request, parent: Node): boolean {
  const { children_association_policy: policy, children_association_whitelist: listed } = parent.config
  if (service.affiliation(parent, person) === 'owner') return true
  if (service.affiliation(parent, person) === 'outcast') return false
  return policy === 'all' || (policy === 'whitelist' && listed.includes(person))
}

function mostChildren({ limits }: Service, { children_max: most }: NodeConfig): number {
  return most === 'max' ? limits.childrenPerCollection : most
}

const without = ({ config }: Node, name: string): string[] => config.collection.filter(each => each !== name)

function missing(): never {
  throw notFound()
}
