/** XEP-0060 §4.2, §7.1.2 and §8: what a service tells its subscribers and owners by messages. */

import { prepareJid } from '../jid.ts'
import { onEvery, type Xep } from '../routes.ts'
import type { Session } from '../session.ts'
import type { Element } from '../stream/element.ts'
import { type DataForm, formTypeOf, NS_DATA, readForm } from './0004-data-forms.ts'
import { type JidAffiliation, readJidAffiliations } from './0060-affiliations.ts'
import { authorizationForm, type NodeConfig, nodeConfigForm, readValues } from './0060-forms.ts'
import { type PubsubItem, readItemsOf } from './0060-items.ts'
import type { SubscriptionRequest } from './0060-pending.ts'
import { NS_PUBSUB, NS_PUBSUB_EVENT } from './0060-pubsub.ts'
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
  /** When it has happened, where that was before now (§6.1.7). */
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
    /** §8.8.4 and §12.13: what has become of a subscription, one's own unless one owns the node. */
    | ({ readonly type: 'subscription' } & Subscription)
    /** §8.9.4. */
    | ({ readonly type: 'affiliation' } & JidAffiliation)
    /** §8.6: somebody wants a subscription, and waits for an owner's answer. */
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
  const take = (message: Element, session: Session): void => {
    const sender = session.sender(message)
    if (sender === undefined || !from(sender)) return
    for (const event of readEvents(message, session)) onEvent(event, session)
  }
  return {
    name: 'XEP-0060 events',
    // One route, for a message may have several of what it looks for.
    routes: [onEvery('message', (message, session) => (tells(message) ? take(message, session) : undefined))],
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
  const changed = stanza.child('pubsub', NS_PUBSUB)?.elements.flatMap(readChange) ?? []
  const happened = [...told, ...changed, ...readRequest(stanza)]
  if (happened.length === 0) return []
  const headers = readHeaders(stanza)
  const named = (name: string): string[] => headers.flatMap(header => (isHeader(name, header.name) ? header.value : []))
  const all = { from, collections: named('collection'), subids: named('subid'), delay: readDelay(stanza, session) }
  return happened.map(event => ({ ...all, ...event }))
}

/** Whether it is worth reading. */
function tells({ children }: Element): boolean {
  return children.some(child => typeof child !== 'string' && spoken.has(child.ns))
}

const spoken: ReadonlySet<string> = new Set([NS_PUBSUB_EVENT, NS_PUBSUB, NS_DATA])

/** COMPAT XEP-0060 before 1.11: `pubsub#subid`. */
function isHeader(name: string, header: string): boolean {
  const said = header.toLowerCase()
  return said === name || said === `pubsub#${name}`
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
        // COMPAT XEP-0060 before 1.11: `<node id='…'/>`.
        associated: [...nodesIn(element, 'associate'), ...nodesIn(element, 'node', 'id')],
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

/** One child of a `<pubsub/>` in a message, which tells of affiliations (§8.9.4). COMPAT XEP-0060 before 1.13: of subscriptions too. */
function readChange(element: Element): Happening[] {
  if (element.is('subscription', NS_PUBSUB)) {
    const subscription = readSubscription(element)
    return subscription === undefined ? [] : [{ type: 'subscription', ...subscription }]
  }
  const node = attribute(element, 'node')
  if (!element.is('affiliations', NS_PUBSUB) || node === undefined) return []
  return readJidAffiliations(element).map(affiliation => ({ type: 'affiliation', node, ...affiliation }))
}

/** What an owner is asked (§8.6): a form of the message itself. */
function readRequest(stanza: Element): Happening[] {
  for (const x of stanza.elements) {
    if (!x.is('x', NS_DATA) || x.attrs.type !== 'form') continue
    const form = readForm(x)
    if (formTypeOf(form) !== authorizationForm.formType) continue
    const { node, subid, subscriber_jid = '' } = readValues(authorizationForm, form)
    const jid = prepareJid(subscriber_jid)
    if (jid === undefined || !node) return []
    return [{ type: 'authorization', node, jid, subid: subid || undefined, id: stanza.attrs.id }]
  }
  return []
}

function nodesIn(collection: Element, name: string, named = 'node'): string[] {
  return childrenNamed(collection, name).flatMap(child => attribute(child, named) ?? [])
}
