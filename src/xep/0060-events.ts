/** XEP-0060 §4.2, §7.1.2 and §8: what a service tells its subscribers and owners by messages. */

import { prepareJid } from '../jid.ts'
import { on, type Xep } from '../routes.ts'
import type { Session } from '../session.ts'
import type { Element } from '../stream/element.ts'
import { type DataForm, formTypeOf, NS_DATA, readForm } from './0004-data-forms.ts'
import { authorizationForm, type NodeConfig, nodeConfigForm, readValues } from './0060-forms.ts'
import { type PubsubItem, readItemsOf } from './0060-items.ts'
import type { SubscriptionRequest } from './0060-pending.ts'
import { NS_PUBSUB_EVENT } from './0060-pubsub.ts'
import { attribute, childrenNamed, formIn } from './0060-request.ts'
import { readSubscription, type Subscription } from './0060-subscriptions.ts'
import { readHeaders } from './0131-shim.ts'
import { type Delay, readDelay } from './0203-delay.ts'

/** What every event tells. It holds on to the chunk that it came in: copy what is kept for long. */
export interface EventSource {
  /** Prepared JID of who has sent it: the service, or the account for PEP. */
  readonly from: string
  /** Where it has happened; undefined for the root collection. */
  readonly node: string | undefined
  /** The collections by which it has come, when one is not subscribed to the node itself (XEP-0248 §5.3.1). */
  readonly collections: readonly string[]
  /** Those of one's subscriptions by which it has come, where there are several (§12.15). */
  readonly subids: readonly string[]
  /** When it has happened before now (§12.4). */
  readonly delay: Delay | undefined
}

/** Something has happened at a node, or to it. */
export type PubsubEvent = EventSource &
  (
    | ItemsEvent
    | { readonly type: 'purge' }
    /** §8.4.2. `redirect` is the URI of the node that takes its place. */
    | { readonly type: 'delete'; readonly redirect: string | undefined }
    /** XEP-0248 §5.3.1.2: there is a node that was not there before. */
    | { readonly type: 'create' }
    /** XEP-0248 §5.3.2: nodes that are in the collection now, or no longer. */
    | { readonly type: 'collection'; readonly associated: readonly string[]; readonly disassociated: readonly string[] }
    /** §8.2.5. Without a form the service says only that something has changed. */
    | { readonly type: 'configuration'; readonly config: NodeConfig | undefined; readonly form: DataForm | undefined }
    | ({ readonly type: 'subscription' } & Subscription)
    | ({ readonly type: 'authorization' } & SubscriptionRequest)
  )

/** §7.1.2 and §7.2.2. Nothing in it: what is published there has no items (§4.3). */
export interface ItemsEvent {
  readonly type: 'items'
  readonly items: readonly PubsubItem[]
  /** The ids of those that were deleted. */
  readonly retracted: readonly string[]
}

/** What the events are for. */
export interface PubsubEventsOptions {
  /** Whose events are taken, by prepared JID: services one is subscribed at. Anybody can send what looks like an event. */
  readonly from: (jid: string) => boolean
  readonly onEvent: (event: PubsubEvent, session: Session) => void
}

/** Takes events, and what owners are asked (§8.6). Those of accounts are better taken by `pep`. */
export function pubsubEvents({ from, onEvent }: PubsubEventsOptions): Xep {
  const take =
    (authorization: boolean) =>
    (message: Element, session: Session): void => {
      const sender = session.sender(message)
      if (sender === undefined || !from(sender)) return
      for (const event of readEvents(message, session)) {
        // A message with both comes by both routes.
        if ((event.type === 'authorization') === authorization) onEvent(event, session)
      }
    }
  return {
    name: 'XEP-0060 events',
    routes: [on('message', NS_PUBSUB_EVENT, 'event', take(false)), on('message', NS_DATA, 'x', take(true))],
  }
}

/**
 * The events in a message, of whomever it is: see {@link Session.sender}. What makes no sense is left out, and a message that has come back as an error
 * tells none. It never throws.
 */
export function readEvents(stanza: Element, session: Session): PubsubEvent[] {
  const from = session.sender(stanza)
  if (from === undefined || stanza.name !== 'message' || stanza.attrs.type === 'error') return []
  const told = stanza.child('event', NS_PUBSUB_EVENT)?.elements.flatMap(element => readEvent(element) ?? []) ?? []
  const asked = readRequest(stanza)
  if (told.length === 0 && asked === undefined) return []
  const headers = readHeaders(stanza)
  const named = (name: string): string[] =>
    headers.flatMap(header => (header.name.toLowerCase() === name ? header.value : []))
  const all = { from, collections: named('collection'), subids: named('subid'), delay: readDelay(stanza, session) }
  return [...told, ...(asked ? [asked] : [])].map(event => ({ ...all, ...event }))
}

type Happening<Event = PubsubEvent> = Event extends PubsubEvent
  ? Omit<Event, Exclude<keyof EventSource, 'node'>>
  : never

/** One child of an `<event/>`. */
function readEvent(element: Element): Happening | undefined {
  if (element.ns !== NS_PUBSUB_EVENT) return undefined
  const node = attribute(element, 'node')
  switch (element.name) {
    case 'configuration': {
      const form = formIn(element)
      return { type: 'configuration', node, form, config: form && readValues(nodeConfigForm, form) }
    }
    case 'collection':
      return {
        type: 'collection',
        node,
        associated: nodesIn(element, 'associate'),
        // XEP-0060 1.11 has the one word, XEP-0248 the other.
        disassociated: [...nodesIn(element, 'dissociate'), ...nodesIn(element, 'disassociate')],
      }
    case 'subscription': {
      const subscription = readSubscription(element)
      return subscription && { type: 'subscription', ...subscription }
    }
  }
  // What follows happens to no root.
  if (node === undefined) return undefined
  switch (element.name) {
    case 'items': {
      const retracted = childrenNamed(element, 'retract').flatMap(child => attribute(child, 'id') ?? [])
      return { type: 'items', node, items: readItemsOf(element), retracted }
    }
    case 'purge':
      return { type: 'purge', node }
    case 'delete':
      return { type: 'delete', node, redirect: element.child('redirect')?.attrs.uri || undefined }
    case 'create':
      return { type: 'create', node }
  }
  return undefined
}

/** What an owner is asked (§8.6): a form of the message itself. */
function readRequest(stanza: Element): Happening | undefined {
  for (const x of stanza.elements) {
    if (!x.is('x', NS_DATA) || x.attrs.type !== 'form') continue
    const form = readForm(x)
    if (formTypeOf(form) !== authorizationForm.formType) continue
    const { node, subid, subscriber_jid = '' } = readValues(authorizationForm, form)
    const jid = prepareJid(subscriber_jid)
    if (jid === undefined || !node) return undefined
    return { type: 'authorization', node, jid, subid: subid || undefined, id: stanza.attrs.id }
  }
  return undefined
}

function nodesIn(collection: Element, name: string): string[] {
  return childrenNamed(collection, name).flatMap(child => attribute(child, 'node') ?? [])
}
