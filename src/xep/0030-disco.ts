/** XEP-0030 Service Discovery, version 2.5: answers about ourselves, and questions to others. */
import { detached } from '../detached.ts'
import { StanzaError } from '../errors.ts'
import { prepareJid } from '../jid.ts'
import { type Identity, on, type Xep } from '../routes.ts'
import type { IqOptions, Session } from '../session.ts'
import { type Element, el } from '../stream/element.ts'

export type { Identity } from '../routes.ts'

export const NS_DISCO_INFO = 'http://jabber.org/protocol/disco#info'
export const NS_DISCO_ITEMS = 'http://jabber.org/protocol/disco#items'
const NS_DATA = 'jabber:x:data'

/** Who someone is, and in which language that is said; '' for none. */
export interface DiscoIdentity extends Identity {
  readonly name: string
  readonly lang: string
}

/** More about someone than features can say (XEP-0128). */
export interface DiscoForm {
  /** The values of FORM_TYPE, of which there should be one; undefined when there is no such field, or it is not hidden (XEP-0068 §3.1). */
  readonly types: readonly string[] | undefined
  /** Without FORM_TYPE. */
  readonly fields: readonly { readonly name: string; readonly values: readonly string[] }[]
}

/** What someone says of itself (§3.1). Nothing is left out, not even what is there twice. */
export interface DiscoInfo {
  readonly identities: readonly DiscoIdentity[]
  readonly features: readonly string[]
  readonly forms: readonly DiscoForm[]
}

/** Something that belongs to someone (§4.1). */
export interface DiscoItem {
  /** Prepared. */
  readonly jid: string
  readonly node: string | undefined
  readonly name: string | undefined
}

/** Which part of someone is asked. */
export interface DiscoOptions extends IqOptions {
  readonly node?: string | undefined
}

/** What is found at an address of ours (§4). */
export interface Item {
  readonly jid: string
  readonly name?: string
}

/**
 * Says who we are and what the extensions at the address asked can do. But for that of capabilities every node is `item-not-found` (§4.4).
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
        const { node } = stanza.elements[0]?.attrs ?? {}
        const known = node === undefined || xeps.some(({ infoNode }) => infoNode?.(xeps) === node)
        if (!known) throw new StanzaError('cancel', 'item-not-found')
        return el('query', NS_DISCO_INFO, { node }, ...describeSelf(xeps))
      }),
      on('iq-get', NS_DISCO_ITEMS, 'query', stanza => {
        if (stanza.elements[0]?.attrs.node !== undefined) throw new StanzaError('cancel', 'item-not-found')
        return el('query', NS_DISCO_ITEMS, {}, ...found)
      }),
    ],
  }
}

/**
 * Asks someone who it is and what it can do; `to` undefined is our own account.
 * @throws what {@link Session.iq} throws
 */
export async function discoInfo(
  session: Session,
  to: string | undefined,
  { node, ...options }: DiscoOptions = {},
): Promise<DiscoInfo> {
  const result = await session.iq('get', to, el('query', NS_DISCO_INFO, { node }), options)
  return readInfo(result.child('query', NS_DISCO_INFO))
}

/**
 * Asks someone what belongs to it. Items that are at no JID are left out.
 * @throws what {@link Session.iq} throws
 */
export async function discoItems(
  session: Session,
  to: string | undefined,
  { node, ...options }: DiscoOptions = {},
): Promise<DiscoItem[]> {
  const result = await session.iq('get', to, el('query', NS_DISCO_ITEMS, { node }), options)
  return (result.child('query', NS_DISCO_ITEMS)?.elements ?? []).flatMap(element => {
    const jid = prepareJid(element.attrs.jid ?? '')
    if (!element.is('item', NS_DISCO_ITEMS) || jid === undefined) return []
    const { node, name } = element.attrs
    return [{ jid: detached(jid), node: node && detached(node), name: name && detached(name) }]
  })
}

/** The features of all extensions together, each once, in order. */
export function featuresOf(xeps: readonly Xep[]): string[] {
  return [...new Set(xeps.flatMap(xep => xep.features ?? []))].sort()
}

/** What disco#info says of somebody with these extensions. */
export function infoOf(xeps: readonly Xep[]): DiscoInfo {
  const identities = xeps.flatMap(xep => xep.identities ?? [])
  return {
    identities: identities.map(({ category, type, name = '' }) => ({ category, type, name, lang: '' })),
    features: featuresOf(xeps),
    forms: [],
  }
}

function describeSelf(xeps: readonly Xep[]): Element[] {
  const { identities, features } = infoOf(xeps)
  return [
    ...identities.map(({ category, type, name }) =>
      el('identity', NS_DISCO_INFO, { category, type, name: name || undefined }),
    ),
    ...features.map(feature => el('feature', NS_DISCO_INFO, { var: feature })),
  ]
}

function readInfo(query: Element | undefined): DiscoInfo {
  const of = (name: string, ns: string): Element[] => query?.elements.filter(child => child.is(name, ns)) ?? []
  return {
    identities: of('identity', NS_DISCO_INFO).map(({ attrs }) => ({
      category: detached(attrs.category ?? ''),
      type: detached(attrs.type ?? ''),
      name: detached(attrs.name ?? ''),
      lang: detached(attrs['xml:lang'] ?? ''),
    })),
    features: of('feature', NS_DISCO_INFO).map(({ attrs }) => detached(attrs.var ?? '')),
    forms: of('x', NS_DATA).map(readForm),
  }
}

function readForm(form: Element): DiscoForm {
  const fields = form.elements.filter(child => child.is('field', NS_DATA))
  const named = (field: Element): boolean => field.attrs.var === 'FORM_TYPE'
  const type = fields.find(field => named(field) && field.attrs.type === 'hidden')
  return {
    types: type && valuesOf(type),
    fields: fields
      .filter(field => !named(field))
      .map(field => ({ name: detached(field.attrs.var ?? ''), values: valuesOf(field) })),
  }
}

function valuesOf(field: Element): string[] {
  return field.elements.filter(child => child.is('value', NS_DATA)).map(value => detached(value.text))
}
