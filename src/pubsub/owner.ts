/** XEP-0060 §8.8, §8.9: how owners see and change who is what to a node. */
import { bareJid, prepareJid } from '../jid.ts'
import { type Element, el } from '../stream/element.ts'
import { type Affiliation, affiliations as known, NS_PUBSUB_OWNER } from '../xep/0060-pubsub.ts'
import { badRequest, notAcceptable } from './errors.ts'
import type { Node } from './node.ts'
import { sendAway } from './nodes.ts'
import { notifyAffiliation, notifySubscriber } from './notifications.ts'
import { paged } from './paging.ts'
import { type Command, nodeOf, type Request } from './request.ts'
import { defaultOptions, hasRoom } from './subscriptions.ts'

/** §8.9.1. */
export const getAffiliations: Command = request => {
  const node = managed(request)
  const all = [...node.affiliations].map(([jid, affiliation]) => ({ jid, affiliation }))
  const { part, set } = paged(all, request.wrapper, request.service.limits, { uid: ({ jid }) => jid })
  return listed(
    'affiliations',
    node,
    part.map(({ jid, affiliation }) => affiliationElement(jid, affiliation)),
    set,
  )
}

/** §8.9.2: each change for itself; those that cannot be come back with the error. */
export const setAffiliations: Command = request => {
  const { service } = request
  const node = managed(request)
  const entries = readEntries(request, 'affiliation', jid => bareJid(jid))
  const failed: Element[] = []
  for (const { jid, state } of entries) {
    if (state === undefined) continue
    const before = node.affiliations.get(jid) ?? 'none'
    if (state === before) continue
    if (!isAffiliation(state) || !possible(request, node, jid, state)) {
      failed.push(affiliationElement(jid, before))
      continue
    }
    service.affiliate(node, jid, state)
    notifyAffiliation(request, node, jid)
  }
  sendAway(request, node)
  return finished(request, 'affiliations', node, failed)
}

/** §8.8.1. */
export const getSubscriptions: Command = request => {
  const node = managed(request)
  const all = [...node.subscribers].flat()
  const { part, set } = paged(all, request.wrapper, request.service.limits, { uid: ({ subid }) => subid })
  const told = part.map(({ jid, subid }) => subscriptionElement(jid, 'subscribed', subid))
  return listed('subscriptions', node, told, set)
}

/** §8.8.2: each change for itself. Owners subscribe whoever could subscribe by themselves. */
export const setSubscriptions: Command = request => {
  const { service } = request
  const node = managed(request)
  const failed: Element[] = []
  for (const { jid, state, subid } of readEntries(request, 'subscription', jid => jid)) {
    const before = node.subscription(jid)
    if (state === undefined || state === (before === undefined ? 'none' : 'subscribed')) continue
    const wrong = subid !== undefined && before !== undefined && subid !== before.subid
    if (state === 'none' && before !== undefined && !wrong) {
      service.unsubscribe(node, before)
      notifySubscriber(request, node, before)
    } else if (state === 'subscribed' && maySubscribe(request, node, jid)) {
      notifySubscriber(request, node, service.subscribe(node, jid, defaultOptions))
    } else failed.push(subscriptionElement(jid, before === undefined ? 'none' : 'subscribed', before?.subid))
  }
  return finished(request, 'subscriptions', node, failed)
}

function managed(request: Request): Node {
  const node = nodeOf(request)
  request.service.demand(node, request.person, 'manage')
  return node
}

interface Entry {
  readonly jid: string
  /** What is wanted; undefined leaves all as it is. */
  readonly state: string | undefined
  readonly subid: string | undefined
}

/** @throws StanzaError `bad-request` for what is no JID, or one twice; then nothing has been changed */
function readEntries(
  { action, service }: Request,
  name: 'affiliation' | 'subscription',
  key: (jid: string) => string,
): Entry[] {
  const elements = action.elements.filter(child => child.is(name, NS_PUBSUB_OWNER))
  if (elements.length > service.limits.itemsPerRequest) throw notAcceptable(undefined, 'too many at once')
  const entries = new Map<string, Entry>()
  for (const { attrs } of elements) {
    const prepared = prepareJid(attrs.jid ?? '')
    if (prepared === undefined) throw badRequest('invalid-jid')
    const jid = key(prepared)
    if (entries.has(jid)) throw badRequest(undefined, 'there are two entries for one JID')
    entries.set(jid, { jid, state: attrs[name], subid: attrs.subid })
  }
  return [...entries.values()]
}

/** A node has an owner, always (§8.9.2.4), and only so many others. */
function possible({ service }: Request, node: Node, jid: string, wanted: Affiliation): boolean {
  const before = node.affiliations.get(jid)
  if (before === 'owner') return [...node.affiliations.values()].filter(each => each === 'owner').length > 1
  return wanted === 'none' || before !== undefined || node.affiliations.size < service.limits.affiliationsPerNode
}

function maySubscribe({ service }: Request, node: Node, jid: string): boolean {
  const person = bareJid(jid)
  return node.config.subscribe && service.may(node, person, 'subscribe') && hasRoom(service, node, person)
}

const isAffiliation = (word: string): word is Affiliation => (known as readonly string[]).includes(word)

function affiliationElement(jid: string, affiliation: string): Element {
  return el('affiliation', NS_PUBSUB_OWNER, { jid, affiliation })
}

function subscriptionElement(jid: string, subscription: string, subid: string | undefined): Element {
  return el('subscription', NS_PUBSUB_OWNER, { jid, subid, subscription })
}

function listed(name: string, node: Node, entries: readonly Element[], set: readonly Element[] = []): Element {
  return el('pubsub', NS_PUBSUB_OWNER, {}, el(name, NS_PUBSUB_OWNER, { node: node.name }, ...entries), ...set)
}

/** @throws StanzaError when something could not be done: that comes back, as it still is; all else is done */
function finished(request: Request, name: string, node: Node, failed: readonly Element[]): undefined {
  if (failed.length === 0) return undefined
  request.echo = [listed(name, node, failed)]
  throw notAcceptable()
}
