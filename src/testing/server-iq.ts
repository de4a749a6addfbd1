/** What the server answers itself: for its domains, and for an account to that account's own clients (RFC 6120 §8.1.2.1). */
import { StanzaError } from '../errors.ts'
import { NS_CLIENT, NS_SESSION } from '../negotiate.ts'
import { type Element, el } from '../stream/element.ts'
import { VERSION } from '../version.ts'
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from '../xep/0030-disco.ts'
import { NS_VERSION } from '../xep/0092-version.ts'
import { NS_PING } from '../xep/0199-ping.ts'
import { NS_ROSTER } from '../xep/roster.ts'
import type { Hub } from './hub.ts'
import { rosterGet, rosterSet } from './roster-iq.ts'
import { errorReply } from './stanza.ts'

/** The answer to a request to the server, or of a user to the own account. */
export function answerIq(hub: Hub, stanza: Element, asked: 'server' | 'account'): Element | undefined {
  const [payload] = stanza.elements
  const { type, id, from, to } = stanza.attrs
  if (payload === undefined || (type !== 'get' && type !== 'set')) return undefined
  const answer = answers[asked][`${type} {${payload.ns}}${payload.name}`]
  try {
    if (answer === undefined) throw new StanzaError('cancel', 'service-unavailable')
    if (payload.attrs.node !== undefined) throw new StanzaError('cancel', 'item-not-found')
    const result = answer(hub, stanza)
    return el('iq', NS_CLIENT, { type: 'result', id, from: to, to: from }, ...(result === undefined ? [] : [result]))
  } catch (error) {
    if (error instanceof StanzaError) return errorReply(stanza, error)
    throw error
  }
}

type Answer = (hub: Hub, stanza: Element) => Element | undefined

const both: Record<string, Answer> = {
  [`get {${NS_PING}}ping`]: () => undefined,
  [`set {${NS_SESSION}}session`]: () => undefined,
}

const answers: Record<'server' | 'account', Record<string, Answer>> = {
  server: {
    ...both,
    [`get {${NS_VERSION}}query`]: () =>
      el(
        'query',
        NS_VERSION,
        {},
        el('name', NS_VERSION, {}, 'res-xmpp loopback'),
        el('version', NS_VERSION, {}, VERSION),
      ),
    [`get {${NS_DISCO_INFO}}query`]: () =>
      info('server', 'im', [NS_DISCO_INFO, NS_DISCO_ITEMS, NS_PING, NS_ROSTER, NS_VERSION]),
    [`get {${NS_DISCO_ITEMS}}query`]: ({ components, services }) =>
      el(
        'query',
        NS_DISCO_ITEMS,
        {},
        ...[...components, ...services.keys()].map(jid => el('item', NS_DISCO_ITEMS, { jid })),
      ),
  },
  account: {
    ...both,
    [`get {${NS_ROSTER}}query`]: rosterGet,
    [`set {${NS_ROSTER}}query`]: (hub, stanza) => {
      rosterSet(hub, stanza)
      return undefined
    },
    [`get {${NS_DISCO_INFO}}query`]: () => info('account', 'registered', [NS_DISCO_INFO, NS_DISCO_ITEMS]),
    [`get {${NS_DISCO_ITEMS}}query`]: () => el('query', NS_DISCO_ITEMS),
  },
}

function info(category: string, type: string, features: readonly string[]): Element {
  return el(
    'query',
    NS_DISCO_INFO,
    {},
    el('identity', NS_DISCO_INFO, { category, type, name: 'res-xmpp loopback' }),
    ...features.map(feature => el('feature', NS_DISCO_INFO, { var: feature })),
  )
}
