/** XEP-0060 §6.5 and §7: the items of a node, read, published and taken back. */
import type { IqOptions, Session } from '../session.ts'
import { type Element, el } from '../stream/element.ts'
import { allPages, type Page, type PageRequest, type Paging, pageRequest, readPage } from './0059-result-sets.ts'
import { type NodeConfig, publishOptionsForm, writeForm } from './0060-forms.ts'
import { NS_PUBSUB } from './0060-pubsub.ts'
import { askPubsub, attribute, childrenNamed, jidOf, withForm } from './0060-request.ts'

/** One item of a node. It holds on to the chunk that it came in: copy what is kept for long. */
export interface PubsubItem {
  /** Unlike that of any other item of its node; undefined where items are not kept, and have none (§4.3). */
  readonly id: string | undefined
  /** Who has published it, a prepared JID, where the service tells (§7.1.2.3). */
  readonly publisher: string | undefined
  /** Undefined where the service tells of items without what they say. */
  readonly payload: Element | undefined
}

/** Items, and which part of all they are. */
export interface ItemsPage {
  readonly items: readonly PubsubItem[]
  /** Undefined when the service does not count them by pages (§6.5.4). */
  readonly page: Page | undefined
}

/** Which items are wanted. */
export interface ItemsOptions extends IqOptions {
  /** Those with such an id (§6.5.8). */
  readonly ids?: readonly string[] | undefined
  /** So many of the latest (§6.5.7). */
  readonly max?: number | undefined
  /** A page of all (§6.5.4). */
  readonly page?: PageRequest | undefined
  /** As which of several subscriptions (§6.5.9.1). */
  readonly subid?: string | undefined
}

/**
 * Items of a node (§6.5): of a collection those of its leaves, where the service has them so (XEP-0248 §6.2). What one answer holds has to fit into a
 * stanza.
 * @throws what {@link Session.iq} throws; of the service (§6.5.9) `bad-request` with `subid-required`, `not-acceptable` with `invalid-subid`, `not-authorized` or
 *   `not-allowed` with `not-subscribed`, `presence-subscription-required`, `not-in-roster-group` or `closed-node`, `feature-not-implemented` with
 *   `unsupported`, `payment-required`, `forbidden`, `item-not-found`
 */
export async function items(
  session: Session,
  service: string | undefined,
  node: string,
  { ids = [], max, page, subid, ...options }: ItemsOptions = {},
): Promise<ItemsPage> {
  const wanted = ids.map(id => el('item', NS_PUBSUB, { id }))
  const asked = el('items', NS_PUBSUB, { node, max_items: max?.toString(), subid }, ...wanted)
  const children = page === undefined ? [asked] : [asked, pageRequest(page)]
  const answer = await askPubsub(session, service, { type: 'get', children }, options)
  return { items: childrenNamed(answer, 'items').flatMap(readItemsOf), page: readPage(answer) }
}

/** How all items are read. */
export interface AllItemsOptions extends IqOptions, Paging {
  /** As which of several subscriptions (§6.5.9.1). */
  readonly subid?: string | undefined
}

/** All items of a node, page by page, as {@link allPages} has it. @throws as {@link items} */
export function allItems(
  session: Session,
  service: string | undefined,
  node: string,
  { pageSize, most, ...options }: AllItemsOptions = {},
): AsyncGenerator<PubsubItem, void, undefined> {
  return allPages(
    async page => {
      const answer = await items(session, service, node, { ...options, page })
      return { found: answer.items, page: answer.page }
    },
    { pageSize, most },
  )
}

/** What is published as an item: without an id the service makes one up, without a payload it is a mere notification (§7.1). */
export interface NewItem {
  readonly id?: string | undefined
  readonly payload?: Element | undefined
}

/** How it is published. */
export interface PublishOptions extends IqOptions {
  /**
   * What the node has to be like, or becomes when it is made by this (§7.1.5). Of a node that is there already and is not like it the service refuses
   * it, `conflict` with `precondition-not-met`.
   */
  readonly options?: NodeConfig | undefined
}

/**
 * Publishes (§7.1), and resolves with the ids of the items: those that the service says, else those that were given. An item whose id is there already
 * takes its place. Most services take one item at a time.
 * @throws what {@link Session.iq} throws; of the service (§7.1.3) `forbidden`, `item-not-found`, `not-acceptable` with `payload-too-big`, `bad-request` with
 *   `item-required`, `payload-required`, `invalid-payload` or `item-forbidden`, `feature-not-implemented` with `unsupported`, `conflict` with
 *   `precondition-not-met`
 */
export async function publish(
  session: Session,
  service: string | undefined,
  node: string,
  items: readonly NewItem[],
  { options: conditions, ...options }: PublishOptions = {},
): Promise<string[]> {
  const published = el('publish', NS_PUBSUB, { node }, ...items.map(itemElement))
  const form = conditions && writeForm(publishOptionsForm, conditions)
  const children = form === undefined ? [published] : [published, withForm('publish-options', NS_PUBSUB, {}, form)]
  const answer = await askPubsub(session, service, { type: 'set', children }, options)
  const told = readItemsOf(answer?.child('publish')).flatMap(({ id }) => id ?? [])
  return told.length > 0 ? told : items.flatMap(({ id }) => id ?? [])
}

/** How items are taken back. */
export interface RetractOptions extends IqOptions {
  /** Whether subscribers shall be told (§7.2.1). Default: as the service has it. */
  readonly notify?: boolean | undefined
}

/**
 * Deletes items (§7.2).
 * @throws what {@link Session.iq} throws; of the service (§7.2.3) `forbidden`, `item-not-found`, `bad-request` with `nodeid-required` or `item-required`,
 *   `feature-not-implemented` with `unsupported`
 */
export async function retract(
  session: Session,
  service: string | undefined,
  node: string,
  ids: readonly string[],
  { notify, ...options }: RetractOptions = {},
): Promise<void> {
  const children = [
    el('retract', NS_PUBSUB, { node, notify: notify?.toString() }, ...ids.map(id => el('item', NS_PUBSUB, { id }))),
  ]
  await askPubsub(session, service, { type: 'set', children }, options)
}

/** What is published, as an element. */
function itemElement({ id, payload }: NewItem): Element {
  return el('item', NS_PUBSUB, { id }, ...(payload === undefined ? [] : [payload]))
}

/** The items in an `<items/>` or `<publish/>`, of whichever of the namespaces it is. */
export function readItemsOf(parent: Element | undefined): PubsubItem[] {
  return childrenNamed(parent, 'item').map(item => ({
    id: attribute(item, 'id'),
    publisher: jidOf(item, 'publisher'),
    payload: item.elements[0],
  }))
}
