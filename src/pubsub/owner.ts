/** XEP-0060 §8.8, §8.9: how owners see and change who is what to a node. */
import { bareJid, prepareJid } from '../jid.ts'
import { type Element, el } from '../stream/element.ts'
import { type Affiliation, affiliations as known, NS_PUBSUB_OWNER } from '../xep/0060-pubsub.ts'
import { settlePending } from './authorization.ts'
import { badRequest, notAcceptable } from './errors.ts'
import { endSubscription } from './expiry.ts'
import type { Node, Subscription } from './node.ts'
import { sendAway } from './nodes.ts'
import { notifyAffiliation, notifyOwners, notifySubscriber, sendLast } from './notifications.ts'
import { defaultOptions } from './options.ts'
import { lineBytes, paged } from './paging.ts'
import { type Command, nodeOf, type Request } from './request.ts'
import { addSubscription, hasRoom } from './subscriptions.ts'

/** §8.9.1. */
export const getAffiliations: Command = request => {
  const node = managed(request)
  const all = [...node.affiliations].map(([jid, affiliation]) => ({ jid, affiliation }))
  const { part, set } = paged(all, request.wrapper, request.service.limits, {
    uid: ({ jid }) => jid,
    size: ({ jid }) => lineBytes(jid),
  })
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
    service.do({ op: 'affiliate', node: node.name, jid, affiliation: state })
    notifyAffiliation(request, node, jid)
  }
  sendAway(request, node)
  return finished(request, 'affiliations', node, failed)
}

/** §8.8.1; who waits for an owner is asked for elsewhere (§8.7). */
export const getSubscriptions: Command = request => {
  const node = managed(request)
  const all = [...node.subscribers].flat().filter(({ state }) => state === 'subscribed')
  const { part, set } = paged(all, request.wrapper, request.service.limits, {
    uid: ({ subid }) => subid,
    size: ({ jid }) => lineBytes(jid),
  })
  const told = part.map(({ jid, subid }) => subscriptionElement(jid, 'subscribed', subid))
  return listed('subscriptions', node, told, set)
}

/** §8.8.2: each change for itself. Owners subscribe whoever could subscribe by themselves, and those who wait for it. */
export const setSubscriptions: Command = request => {
  const node = managed(request)
  const failed: Element[] = []
  for (const { jid, state, subid } of readEntries(request, 'subscription', jid => jid)) {
    const found = node.subscriptionsAs(jid)
    const meant = subid === undefined ? found : found.filter(each => each.subid === subid)
    // Of several it must be said which one.
    const [before] = meant.length === 1 ? meant : []
    if (state === undefined || state === (found.length === 0 ? 'none' : before?.state)) continue
    if (before !== undefined && state === 'none') endSubscription(request, node, before)
    else if (before?.state === 'pending' && state === 'subscribed') settlePending(request, node, before, true)
    else if (found.length === 0 && state === 'subscribed' && maySubscribe(request, node, jid)) {
      const made = addSubscription(request, node, jid, 'subscribed', defaultOptions(node))
      notifySubscriber(request, node, made)
      notifyOwners(request, node, made, 'subscribed')
      sendLast(request, node, made)
    } else for (const each of found.length === 0 ? [undefined] : found) failed.push(unaltered(jid, each))
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
    // Of one JID there may be several subscriptions (§8.8.2.4).
    const { subid } = attrs
    const entry = name === 'affiliation' ? jid : JSON.stringify([jid, subid])
    if (entries.has(entry)) throw badRequest(undefined, 'there are two entries for one JID')
    entries.set(entry, { jid, state: attrs[name], subid })
  }
  return [...entries.values()]
}

/** By the state chart (§4.1), which has it that who is an owner or a publisher is nothing before becoming less. A node has an owner, always (§8.9.2.4), and only so many others. */
function possible({ service }: Request, node: Node, jid: string, wanted: Affiliation): boolean {
  const before = node.affiliations.get(jid)
  if (before === 'publisher' && wanted === 'member') return false
  if (before === 'owner') {
    const owners = [...node.affiliations.values()].filter(each => each === 'owner').length
    return wanted === 'none' && owners > 1
  }
  if (wanted === 'none' || before !== undefined) return true
  return node.affiliations.size < service.limits.affiliationsPerNode && service.roomOf(node.creator).affiliations > 0
}

function maySubscribe({ service }: Request, node: Node, jid: string): boolean {
  const person = bareJid(jid)
  const right = service.right(node, person, 'subscribe')
  // Whom an owner would be asked about an owner may say yes to.
  return node.config.subscribe && (right === true || right === 'ask') && hasRoom(service, node, person)
}

const isAffiliation = (word: string): word is Affiliation => (known as readonly string[]).includes(word)

function affiliationElement(jid: string, affiliation: string): Element {
  return el('affiliation', NS_PUBSUB_OWNER, { jid, affiliation })
}

function subscriptionElement(jid: string, subscription: string, subid: string | undefined): Element {
  return el('subscription', NS_PUBSUB_OWNER, { jid, subid, subscription })
}

const unaltered = (jid: string, before: Subscription | undefined): Element =>
  subscriptionElement(jid, before?.state ?? 'none', before?.subid)

function listed(name: string, node: Node, entries: readonly Element[], set: readonly Element[] = []): Element {
  return el('pubsub', NS_PUBSUB_OWNER, {}, el(name, NS_PUBSUB_OWNER, { node: node.name }, ...entries), ...set)
}

/** @throws StanzaError when something could not be done: that comes back, as it still is; all else is done */
function finished(request: Request, name: string, node: Node, failed: readonly Element[]): undefined {
  if (failed.length === 0) return undefined
  request.echo = [listed(name, node, failed)]
  throw notAcceptable()
}
