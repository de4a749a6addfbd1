/** RFC 6120 §8.3: messages that come back as errors. */
import { bareJid } from '../jid.ts'
import type { Session } from '../session.ts'
import type { Element } from '../stream/element.ts'

/**
 * Whether an error may be about a message to `to`, a prepared JID. It is believed from that JID, its bare one and its domain, from any resource where
 * the bare JID was addressed, and from our own server, which may not have got it any further. An id alone proves little: everyone whom a
 * message has passed knows it, all the occupants of a room for one.
 */
export function mayReturn(to: string, error: Element, session: Session): boolean {
  const from = session.sender(error)
  if (from === undefined) return false
  const bare = bareJid(to)
  if (from === to || from === bare || from === bare.slice(bare.indexOf('@') + 1)) return true
  return (to === bare && bareJid(from) === bare) || session.fromOwnServer(error)
}
