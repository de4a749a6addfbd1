/** XEP-0030 Service Discovery, version 2.5: answers about ourselves, and questions to others. */
import { StanzaError } from '../errors.ts'
import { prepareJid } from '../jid.ts'
import { type Identity, on, type Xep } from '../routes.ts'
import type { IqOptions, Session } from '../session.ts'
import { type Element, el } from '../stream/element.ts'
import { type DataForm, NS_DATA, readForm } from './0004-data-forms.ts'

export const NS_DISCO_INFO = 'http://jabber.org/protocol/disco#info'
export const NS_DISCO_ITEMS = 'http://jabber.org/protocol/disco#items'

export type { Identity } from '../routes.ts'

/** What somebody is and can do. */
export interface DiscoInfo {
  readonly identities: readonly Identity[]
  /** As they were told: nothing has been sorted, nor taken away where it came twice. */
  readonly features: readonly string[]
  /** More than features can say (XEP-0128). */
  readonly forms: readonly DataForm[]
}

/** Something that belongs to somebody (§4). */
export interface DiscoItem {
  /** Prepared. */
  readonly jid: string
  readonly node: string | undefined
  readonly name: string | undefined
}

/** What is asked about beside the JID itself. */
export interface DiscoOptions extends IqOptions {
  readonly node?: string | undefined
}

/**
 * What somebody is and can do (§3); `to` undefined asks about our own account. What is no identity or feature is left out. All of it
 * is as large as one stanza may be, and holds on to the chunk that it came in: copy what is kept for long.
 * @throws what {@link Session.iq} throws; StanzaError `item-not-found` for a node that is not there (§8)
 */
export async function discoInfo(
  session: Session,
  to: string | undefined,
  { node, ...options }: DiscoOptions = {},
): Promise<DiscoInfo> {
  const result = await session.iq('get', to, el('query', NS_DISCO_INFO, { node }), options)
  return readInfo(result.child('query', NS_DISCO_INFO))
}

/** What an answer says; without a `<query/>` that is nothing. */
export function readInfo(query: Element | undefined): DiscoInfo {
  const children = query?.elements ?? []
  const all = (name: string, ns = NS_DISCO_INFO): Element[] => children.filter(child => child.is(name, ns))
  return {
    identities: all('identity').flatMap(({ attrs: { category, type, name, 'xml:lang': lang } }) =>
      category && type ? [{ category, type, ...(name && { name }), ...(lang && { lang }) }] : [],
    ),
    features: all('feature').flatMap(({ attrs }) => attrs.var ?? []),
    forms: all('x', NS_DATA).map(readForm),
  }
}

/**
 * What belongs to somebody (§4); `to` undefined asks our own account. Items without a JID that is one are left out. There are as many as one
 * stanza holds.
 * @throws as {@link discoInfo}
 */
export async function discoItems(
  session: Session,
  to: string | undefined,
  { node, ...options }: DiscoOptions = {},
): Promise<DiscoItem[]> {
  const result = await session.iq('get', to, el('query', NS_DISCO_ITEMS, { node }), options)
  return readItems(result.child('query', NS_DISCO_ITEMS))
}

/** What an answer says; without a `<query/>` that is nothing. */
export function readItems(query: Element | undefined): DiscoItem[] {
  return (query?.elements ?? []).flatMap(item => {
    const jid = prepareJid(item.attrs.jid ?? '')
    if (jid === undefined || !item.is('item', NS_DISCO_ITEMS)) return []
    return { jid, node: item.attrs.node, name: item.attrs.name }
  })
}

/** What is found at an address of ours (§4). */
export interface Item {
  readonly jid: string
  readonly name?: string
}

/**
 * Says who we are and what the extensions at the address asked can do. But for that of capabilities (XEP-0115 §6.2) every node is `item-not-found` (§4.4).
 * @param items what else is to be found there
 */
export function disco(identity: Identity, items: readonly Item[] = []): Xep {
  const found = items.map(({ jid, name }) => el('item', NS_DISCO_ITEMS, { jid, name }))
  return {
    name: 'XEP-0030',
    features: [NS_DISCO_INFO, NS_DISCO_ITEMS],
    identities: [identity],
    routes: [
      on('iq-get', NS_DISCO_INFO, 'query', (stanza, session) => {
        const xeps = session.xepsFor(stanza) ?? []
        const node = stanza.elements[0]?.attrs.node
        const known = node === undefined || xeps.some(({ infoNode }) => infoNode?.(xeps) === node)
        if (!known) throw new StanzaError('cancel', 'item-not-found')
        return el('query', NS_DISCO_INFO, { node }, ...written(ownInfo(xeps)))
      }),
      on('iq-get', NS_DISCO_ITEMS, 'query', stanza => {
        if (stanza.elements[0]?.attrs.node !== undefined) throw new StanzaError('cancel', 'item-not-found')
        return el('query', NS_DISCO_ITEMS, {}, ...found)
      }),
    ],
  }
}

/** What we say of ourselves with these extensions. Where several say who we are, the last one is asked. */
export function ownInfo(xeps: readonly Xep[]): DiscoInfo {
  const { identities = [] } = xeps.findLast(xep => xep.identities !== undefined) ?? {}
  return { identities, features: featuresOf(xeps), forms: [] }
}

/** The features of all extensions together, each once, in order. */
export function featuresOf(xeps: readonly Xep[]): string[] {
  return [...new Set(xeps.flatMap(xep => xep.features ?? []))].sort()
}

function written({ identities, features }: DiscoInfo): Element[] {
  return [
    ...identities.map(({ category, type, name, lang }) =>
      el('identity', NS_DISCO_INFO, { category, type, name, 'xml:lang': lang }),
    ),
    ...features.map(feature => el('feature', NS_DISCO_INFO, { var: feature })),
  ]
}
