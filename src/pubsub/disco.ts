/** XEP-0060 §5.1 to §5.5: what the service is, and what there is at it. */
import { type Element, el } from '../stream/element.ts'
import { formElement, NS_DATA } from '../xep/0004-data-forms.ts'
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from '../xep/0030-disco.ts'
import { NS_RSM } from '../xep/0059-result-sets.ts'
import { metadataForm, writeForm } from '../xep/0060-forms.ts'
import { NS_PUBSUB } from '../xep/0060-pubsub.ts'
import { NS_SHIM } from '../xep/0131-shim.ts'
import type { Node } from './node.ts'
import { paged } from './paging.ts'
import { type Command, nodeOf } from './request.ts'
import type { Service } from './service.ts'

/** §10. What is not here answers `feature-not-implemented`. */
const features = [
  'access-open',
  'access-whitelist',
  'config-node',
  'config-node-max',
  'create-and-configure',
  'create-nodes',
  'delete-items',
  'delete-nodes',
  'instant-nodes',
  'item-ids',
  'manage-subscriptions',
  'member-affiliation',
  'meta-data',
  'modify-affiliations',
  'multi-items',
  'outcast-affiliation',
  'persistent-items',
  'publish',
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
  'subscribe',
  'subscription-options',
].map(name => `${NS_PUBSUB}#${name}`)

/** disco#info of the service, or of a node with what its configuration says (§5.4). */
export const info: Command = request => {
  const { service, action } = request
  const { node: asked } = action.attrs
  const node = asked === undefined ? undefined : nodeOf(request)
  const identity = {
    category: 'pubsub',
    type: node === undefined ? 'service' : 'leaf',
    name: node?.config.title || undefined,
  }
  const vars = node === undefined ? featuresOf(service) : [NS_DISCO_INFO, NS_DISCO_ITEMS, NS_PUBSUB]
  return el(
    'query',
    NS_DISCO_INFO,
    { node: node?.name },
    el('identity', NS_DISCO_INFO, identity),
    ...vars.map(each => el('feature', NS_DISCO_INFO, { var: each })),
    ...(node === undefined ? [] : [metadata(node, service.may(node, request.person, 'retrieve'))]),
  )
}

/** disco#items: of the service its nodes (§5.2), of a node its items (§5.5), for who may retrieve them. */
export const contents: Command = request => {
  const { service, person, action } = request
  const { limits, jid } = service
  if (action.attrs.node === undefined) {
    const { part, set } = paged([...service.nodes.values()], action, limits, { uid: ({ name }) => name })
    const nodes = part.map(({ name: node, config }) =>
      el('item', NS_DISCO_ITEMS, { jid, node, name: config.title || undefined }),
    )
    return el('query', NS_DISCO_ITEMS, {}, ...nodes, ...set)
  }
  const node = nodeOf(request)
  service.demand(node, person, 'retrieve')
  const { part, set } = paged([...node.items.values()], action, limits, { uid: ({ id }) => id })
  const items = part.map(({ id: name }) => el('item', NS_DISCO_ITEMS, { jid, name }))
  return el('query', NS_DISCO_ITEMS, { node: node.name }, ...items, ...set)
}

function featuresOf({ autoCreate }: Service): string[] {
  const created = autoCreate ? [`${NS_PUBSUB}#auto-create`] : []
  return [NS_DISCO_INFO, NS_DISCO_ITEMS, NS_DATA, NS_RSM, NS_SHIM, NS_PUBSUB, ...features, ...created].sort()
}

/** @param insider may read what is there; the others are not told who has to do with it */
function metadata({ config, creator, created, affiliations, subscriptions }: Node, insider: boolean): Element {
  const who = (wanted: string): string[] =>
    [...affiliations].flatMap(([jid, affiliation]) => (affiliation === wanted ? jid : []))
  const { access_model, contact, description, language, max_items, publish_model, title, type } = config
  const [owner, publisher] = [who('owner'), who('publisher')]
  const form = writeForm(
    metadataForm,
    {
      access_model,
      creation_date: new Date(created).toISOString(),
      max_items,
      publish_model,
      ...(insider && { creator, num_subscribers: subscriptions, owner }),
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
