/** RFC 6121 §2: the roster. */
import { detached } from '../detached.ts'
import { StanzaError } from '../errors.ts'
import { bareJid, prepareJid } from '../jid.ts'
import { on, type Xep } from '../routes.ts'
import type { IqOptions, Session } from '../session.ts'
import { type Element, el } from '../stream/element.ts'
import { withRoom } from '../stream/room.ts'

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

/** A whole roster, and what the server calls this version of it (§2.6); undefined where it does not number them. */
export interface Roster {
  readonly items: readonly RosterItem[]
  readonly ver: string | undefined
}

/** Bytes that a roster may have: thousands of contacts, and much more than one stanza from anybody else. */
const ROSTER_BYTES = 8_388_608
/** Characters of a version that we keep: servers take numbers, dates or digests. */
const MAX_VER = 1000

/**
 * The whole roster. Items that make no sense are left out. While it is awaited a stanza may be larger than at other times: else
 * whoever gets onto our roster could make it too large for us to log in.
 * @throws what {@link Session.iq} throws
 */
export async function fetchRoster(session: Session, options?: IqOptions): Promise<RosterItem[]> {
  return items(await query(session, undefined, options))
}

/**
 * The roster, or undefined when it is still the version that is known: what has changed then comes as pushes (§2.6.3). Servers that do not
 * announce versions are not asked for any.
 * @param known the `ver` of the roster that is at hand
 * @throws what {@link Session.iq} throws
 */
export async function updateRoster(
  session: Session,
  known: string | undefined,
  options?: IqOptions,
): Promise<Roster | undefined> {
  const versions = session.negotiated.rosterVersioning === true
  const found = await query(session, versions ? (known ?? '') : undefined, options)
  if (found === undefined && versions && known !== undefined) return undefined
  return { items: items(found), ver: versionOf(found) }
}

/** Removes a contact, and with it the subscriptions both ways (§2.5). @throws what {@link Session.iq} throws */
export async function removeContact(session: Session, jid: string, options?: IqOptions): Promise<void> {
  const item = el('item', NS_ROSTER, { jid, subscription: 'remove' })
  await session.iq('set', undefined, el('query', NS_ROSTER, {}, item), options)
}

/**
 * Takes roster pushes (§2.1.6) and acknowledges them. One from anyone but our own account or server is refused, and `onForged`
 * told.
 */
export function rosterPushes(
  onPush: (item: RosterItem, ver: string | undefined) => void,
  onForged: (sender: string) => void,
): Xep {
  return {
    name: 'RFC 6121 roster',
    routes: [
      on('iq-set', NS_ROSTER, 'query', (stanza, session) => {
        if (!session.fromOwnServer(stanza)) {
          onForged(stanza.attrs.from ?? '')
          throw new StanzaError('cancel', 'service-unavailable')
        }
        const pushed = stanza.elements[0]
        const [item, ...more] = items(pushed)
        if (item === undefined || more.length > 0) throw new StanzaError('modify', 'bad-request')
        onPush(item, versionOf(pushed))
      }),
    ],
  }
}

async function query(session: Session, ver: string | undefined, options?: IqOptions): Promise<Element | undefined> {
  const asked = el('query', NS_ROSTER, { ver })
  const result = await withRoom(session.stream, ROSTER_BYTES, () => session.iq('get', undefined, asked, options))
  return result.child('query', NS_ROSTER)
}

function versionOf(query: Element | undefined): string | undefined {
  const ver = query?.attrs.ver
  return ver === undefined || ver.length > MAX_VER ? undefined : detached(ver)
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
