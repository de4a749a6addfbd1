/** XEP-0060 §5.1 to §5.5: what the service is, and what there is at it. */
import { type Element, el } from '../stream/element.ts'
import { formElement, NS_DATA } from '../xep/0004-data-forms.ts'
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from '../xep/0030-disco.ts'
import { NS_RSM } from '../xep/0059-result-sets.ts'
import { metadataForm, writeForm } from '../xep/0060-forms.ts'
import { GET_PENDING, NS_COMMANDS } from '../xep/0060-pending.ts'
import { NS_PUBSUB } from '../xep/0060-pubsub.ts'
import { NS_SHIM } from '../xep/0131-shim.ts'
import type { Node } from './node.ts'
import { lineBytes, paged } from './paging.ts'
import { type Command, nodeOf } from './request.ts'
import type { Service } from './service.ts'

/** §10. What is not here answers `feature-not-implemented`. */
const features = [
  'access-authorize',
  'access-open',
  'access-whitelist',
  'collections',
  'config-node',
  'config-node-max',
  'create-and-configure',
  'create-nodes',
  'delete-items',
  'delete-nodes',
  'get-pending',
  'instant-nodes',
  'item-ids',
  'last-published',
  'leased-subscription',
  'manage-subscriptions',
  'member-affiliation',
  'meta-data',
  'modify-affiliations',
  'multi-collection',
  'multi-collections',
  'multi-items',
  'outcast-affiliation',
  'persistent-items',
  'publish',
  'publish-node-full',
  'publish-only-affiliation',
  'publish-options',
  'publisher-affiliation',
  'purge-nodes',
  'retract-items',
  'retrieve-affiliations',
  'retrieve-default',
  'retrieve-default-sub',
  'retrieve-items',
  'retrieve-subscriptions',
  'rsm',
  'subscribe',
  'subscription-notifications',
  'subscription-options',
].map(name => `${NS_PUBSUB}#${name}`)

/** disco#info of the service, or of a node with what its configuration says (§5.4). */
export const info: Command = request => {
  const { service, action } = request
  const { node: asked } = action.attrs
  if (asked === GET_PENDING) {
    return infoElement(asked, { category: 'automation', type: 'command-node' }, [NS_COMMANDS, NS_DATA, NS_DISCO_INFO])
  }
  if (asked === undefined) {
    return infoElement(undefined, { category: 'pubsub', type: 'service' }, featuresOf(service))
  }
  const node = nodeOf(request)
  const identity = { category: 'pubsub', type: node.config.node_type, name: node.config.title || undefined }
  const features = [NS_DISCO_INFO, NS_DISCO_ITEMS, NS_PUBSUB]
  return infoElement(node.name, identity, features, metadata(node, service.may(node, request.person, 'retrieve')))
}

function infoElement(
  node: string | undefined,
  identity: Record<string, string | undefined>,
  features: readonly string[],
  ...more: Element[]
): Element {
  const vars = features.map(each => el('feature', NS_DISCO_INFO, { var: each }))
  return el('query', NS_DISCO_INFO, { node }, el('identity', NS_DISCO_INFO, identity), ...vars, ...more)
}

/**
 * disco#items: of the service its nodes that are in no collection (§5.2), of a collection those in it (XEP-0248 §5.2), of a leaf its items (§5.5), for who may retrieve
 * them.
 */
export const contents: Command = request => {
  const { service, person, action } = request
  const { limits, jid } = service
  const { node: asked } = action.attrs
  if (asked === NS_COMMANDS) {
    const name = 'Subscriptions that wait for an owner'
    return el('query', NS_DISCO_ITEMS, { node: asked }, el('item', NS_DISCO_ITEMS, { jid, node: GET_PENDING, name }))
  }
  const node = asked === undefined ? service.root : nodeOf(request)
  if (node !== service.root) service.demand(node, person, 'retrieve')
  if (node.isCollection) {
    const { part, set } = paged([...node.children], action, limits, {
      uid: ({ name }) => name,
      size: ({ name, config: { title } }) => lineBytes(name, title),
    })
    const nodes = part.map(({ name, config }) =>
      el('item', NS_DISCO_ITEMS, { jid, node: name, name: config.title || undefined }),
    )
    return el('query', NS_DISCO_ITEMS, { node: asked }, ...nodes, ...set)
  }
  const { part, set } = paged([...node.items.values()], action, limits, {
    uid: ({ id }) => id,
    size: ({ id }) => lineBytes(id),
  })
  const items = part.map(({ id: name }) => el('item', NS_DISCO_ITEMS, { jid, name }))
  return el('query', NS_DISCO_ITEMS, { node: node.name }, ...items, ...set)
}

function featuresOf({ autoCreate, abilities, features: others }: Service): string[] {
  const created = autoCreate ? [`${NS_PUBSUB}#auto-create`] : []
  const presence = abilities.presenceAccess ? [`${NS_PUBSUB}#access-presence`] : []
  const known = abilities.collections ? features : features.filter(name => !/collections?$/.test(name))
  const own = [...known, ...created, ...presence].sort()
  return [NS_COMMANDS, NS_DISCO_INFO, NS_DISCO_ITEMS, NS_DATA, NS_RSM, NS_SHIM, NS_PUBSUB, ...own, ...others]
}

/** People in what is told of a node. */
const MOST_NAMED = 50

/** @param insider may read what is there; the others are not told who has to do with it */
function metadata(node: Node, insider: boolean): Element {
  const { config, creator, created, affiliations, subscriptions, pending, isCollection } = node
  const who = (wanted: string): string[] =>
    [...affiliations].flatMap(([jid, affiliation]) => (affiliation === wanted ? jid : [])).slice(0, MOST_NAMED)
  const { access_model, contact, description, language, max_items, publish_model, title, type } = config
  const [owner, publisher] = [who('owner'), who('publisher')]
  const form = writeForm(
    metadataForm,
    {
      access_model,
      creation_date: new Date(created).toISOString(),
      ...(!isCollection && { max_items, publish_model }),
      ...(insider && { creator, num_subscribers: subscriptions - pending, owner }),
      ...(insider && publisher.length > 0 && { publisher }),
      ...(contact.length > 0 && { contact }),
      ...(description !== '' && { description }),
      ...(language !== '' && { language }),
      ...(title !== '' && { title }),
      ...(type !== '' && { type }),
    },
    'result',
  )
  return formElement(form)
}
