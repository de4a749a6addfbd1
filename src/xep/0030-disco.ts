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

/** Says who we are and what the session's extensions can do. We have no nodes, so every node is `item-not-found` (§4.4). */
export function disco(identity: Identity): Xep {
  const info = (session: Session): Element[] => [
    el('identity', NS_DISCO_INFO, { category: identity.category, type: identity.type, name: identity.name }),
    ...featuresOf(session.xeps).map(feature => el('feature', NS_DISCO_INFO, { var: feature })),
  ]
  return {
    name: 'XEP-0030',
    features: [NS_DISCO_INFO, NS_DISCO_ITEMS],
    routes: [
      on(
        'iq-get',
        NS_DISCO_INFO,
        'query',
        withoutNode(session => el('query', NS_DISCO_INFO, {}, ...info(session))),
      ),
      on(
        'iq-get',
        NS_DISCO_ITEMS,
        'query',
        withoutNode(() => el('query', NS_DISCO_ITEMS)),
      ),
    ],
  }
}

/** The features of all extensions together, each once, in order. */
export function featuresOf(xeps: readonly Xep[]): string[] {
  return [...new Set(xeps.flatMap(xep => xep.features ?? []))].sort()
}

function withoutNode(answer: (session: Session) => Element): Handler {
  return (stanza, session) => {
    if (stanza.elements[0]?.attrs.node !== undefined) throw new StanzaError('cancel', 'item-not-found')
    return answer(session)
  }
}
