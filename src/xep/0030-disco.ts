/** XEP-0030 Service Discovery, version 2.5: answers about ourselves. */
import { StanzaError } from '../errors.ts'
import { type Handler, on, type Xep } from '../routes.ts'
import type { Session } from '../session.ts'
import { type Element, el } from '../stream/element.ts'

export const NS_DISCO_INFO = 'http://jabber.org/protocol/disco#info'
export const NS_DISCO_ITEMS = 'http://jabber.org/protocol/disco#items'

/** From the registry of service discovery identities. */
export interface Identity {
  readonly category: string
  readonly type: string
  readonly name?: string
}

/** What is found at an address (§4). */
export interface Item {
  readonly jid: string
  readonly name?: string
}

/**
 * Says who we are and what the extensions at the address asked can do. We have no nodes, so every node is `item-not-found` (§4.4).
 * @param items what else is to be found there
 */
export function disco(identity: Identity, items: readonly Item[] = []): Xep {
  const info = (xeps: readonly Xep[]): Element[] => [
    el('identity', NS_DISCO_INFO, { category: identity.category, type: identity.type, name: identity.name }),
    ...featuresOf(xeps).map(feature => el('feature', NS_DISCO_INFO, { var: feature })),
  ]
  const found = items.map(({ jid, name }) => el('item', NS_DISCO_ITEMS, { jid, name }))
  return {
    name: 'XEP-0030',
    features: [NS_DISCO_INFO, NS_DISCO_ITEMS],
    routes: [
      on(
        'iq-get',
        NS_DISCO_INFO,
        'query',
        withoutNode((stanza, session) => el('query', NS_DISCO_INFO, {}, ...info(session.xepsFor(stanza) ?? []))),
      ),
      on(
        'iq-get',
        NS_DISCO_ITEMS,
        'query',
        withoutNode(() => el('query', NS_DISCO_ITEMS, {}, ...found)),
      ),
    ],
  }
}

/** The features of all extensions together, each once, in order. */
export function featuresOf(xeps: readonly Xep[]): string[] {
  return [...new Set(xeps.flatMap(xep => xep.features ?? []))].sort()
}

function withoutNode(answer: (stanza: Element, session: Session) => Element): Handler {
  return (stanza, session) => {
    if (stanza.elements[0]?.attrs.node !== undefined) throw new StanzaError('cancel', 'item-not-found')
    return answer(stanza, session)
  }
}
