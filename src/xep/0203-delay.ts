/** XEP-0203 Delayed Delivery, version 2.0. */
import { bareJid } from '../jid.ts'
import type { Session } from '../session.ts'
import type { Element } from '../stream/element.ts'
import { parseDateTime } from './0082-datetime.ts'

export const NS_DELAY = 'urn:xmpp:delay'

/** What a stanza says of its own delay. Anyone on its way may have written that, its sender too: for people to read, and for nothing to depend on. */
export interface Delay {
  /** When it was first sent, in ms since 1970; of any time, and perhaps of one to come. */
  readonly stamp: number
  /** Prepared JID of who is said to have delayed it; undefined when nobody is named, or no JID. */
  readonly from: string | undefined
}

/**
 * The delay of a message or presence, undefined when there was none. There should be one stamp only (§2), and one that cannot be read is none.
 * Of several the one counts that names our own server, then in a groupchat the one that names its room, then any; and of these the last, since
 * whoever delivers a stanza adds to what he was given.
 */
export function readDelay(stanza: Element, session: Session): Delay | undefined {
  const sender = session.sender(stanza)
  const room = stanza.attrs.type === 'groupchat' && sender !== undefined ? bareJid(sender) : undefined
  let found: Delay | undefined
  let best = 0
  for (const child of stanza.children) {
    if (typeof child === 'string' || !child.is('delay', NS_DELAY)) continue
    const stamp = parseDateTime(child.attrs.stamp ?? '')
    if (stamp === undefined) continue
    const named = child.attrs.from !== undefined
    const from = named ? session.sender(child) : undefined
    const rank = named && session.fromOwnServer(child) ? 3 : from !== undefined && from === room ? 2 : 1
    if (rank >= best) found = { stamp, from }
    best = Math.max(best, rank)
  }
  return found
}
