import { StanzaError } from '../errors.ts'
import type { Session } from '../session.ts'
import type { Element } from '../stream/element.ts'
import type { ArrivalsHost } from './arrivals.ts'

/** A message, from whoever the server says it is. */
export function onMessage({ emit, inbox, clock, sent }: ArrivalsHost, stanza: Element, session: Session): void {
  const from = session.sender(stanza)
  if (from === undefined) return
  const { type, id } = stanza.attrs
  if (type === 'error') {
    // Our ids cannot be guessed, so who knows one got the message, or a server on its way did.
    if (id !== undefined && sent(id)) emit({ type: 'bounce', to: from, id, error: StanzaError.from(stanza) })
    return
  }
  const body = stanza.childText('body')
  if (body === undefined) return
  // RFC 6121 §5.2.2: an unknown type is normal.
  const known = type === 'chat' || type === 'groupchat' || type === 'headline' ? type : 'normal'
  const message = { from, body, type: known, id, received: clock.now() } as const
  emit({ type: 'message', message })
  inbox.put(message)
}
