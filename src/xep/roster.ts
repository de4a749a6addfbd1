/** RFC 6121 §2: the roster. */
import { detached } from '../detached.ts'
import { StanzaError } from '../errors.ts'
import { bareJid, prepareJid } from '../jid.ts'
import { on, type Xep } from '../routes.ts'
import type { IqOptions, Session } from '../session.ts'
import { type Element, el } from '../stream/element.ts'

export const NS_ROSTER = 'jabber:iq:roster'

/** Whose presence is seen by whom: `to` is us seeing theirs (RFC 6121 §2.1.2.5). `remove` stands in pushes only. */
export type Subscription = 'none' | 'to' | 'from' | 'both' | 'remove'

/** One contact as the server keeps it. */
export interface RosterItem {
  /** Prepared bare JID. */
  readonly jid: string
  readonly name: string
  readonly subscription: Subscription
  /** We have asked to see their presence and they have not answered. */
  readonly asked: boolean
}

/** Bytes that a roster may have: thousands of contacts, and much more than one stanza from anybody else. */
const ROSTER_BYTES = 8_388_608

/**
 * The whole roster. Items that make no sense are left out. While it is awaited a stanza may be larger than at other times: else
 * whoever gets onto our roster could make it too large for us to log in.
 * @throws what {@link Session.iq} throws
 */
export async function fetchRoster(session: Session, options?: IqOptions): Promise<RosterItem[]> {
  const { stream } = session
  const usual = stream.stanzaBytes
  stream.stanzaBytes = Math.max(usual, ROSTER_BYTES)
  try {
    const result = await session.iq('get', undefined, el('query', NS_ROSTER), options)
    return items(result.child('query', NS_ROSTER))
  } finally {
    stream.stanzaBytes = usual
  }
}

/**
 * Takes roster pushes (§2.1.6) and acknowledges them. One from anyone but our own account or server is refused, and `onForged`
 * told.
 */
export function rosterPushes(onPush: (item: RosterItem) => void, onForged: (sender: string) => void): Xep {
  return {
    name: 'RFC 6121 roster',
    routes: [
      on('iq-set', NS_ROSTER, 'query', (stanza, session) => {
        if (!session.fromOwnServer(stanza)) {
          onForged(stanza.attrs.from ?? '')
          throw new StanzaError('cancel', 'service-unavailable')
        }
        const [item, ...more] = items(stanza.elements[0])
        if (item === undefined || more.length > 0) throw new StanzaError('modify', 'bad-request')
        onPush(item)
      }),
    ],
  }
}

function items(query: Element | undefined): RosterItem[] {
  const found: RosterItem[] = []
  for (const element of query?.elements ?? []) {
    const jid = prepareJid(element.attrs.jid ?? '')
    if (!element.is('item', NS_ROSTER) || jid === undefined) continue
    const { name = '', subscription, ask } = element.attrs
    const known =
      subscription === 'to' || subscription === 'from' || subscription === 'both' || subscription === 'remove'
    found.push({
      // Rosters are kept for long, and a large one comes in many chunks.
      jid: detached(bareJid(jid)),
      name: detached(name),
      subscription: known ? subscription : 'none',
      asked: ask === 'subscribe',
    })
  }
  return found
}
