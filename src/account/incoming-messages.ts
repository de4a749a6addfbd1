import { StanzaError } from '../errors.ts'
import type { Session } from '../session.ts'
import type { Element } from '../stream/element.ts'
import { readDelay } from '../xep/0203-delay.ts'
import { mayReturn } from '../xep/bounce.ts'
import type { ArrivalsHost } from './arrivals.ts'

/**
 * A message, from whoever the server says it is. It is one when it has a body itself, be that empty: a subject alone is none, and what is forwarded
 * in it (XEP-0297, XEP-0280) is no message of whom it names.
 */
export function onMessage({ emit, inbox, clock, sent }: ArrivalsHost, stanza: Element, session: Session): void {
  const from = session.sender(stanza)
  if (from === undefined) return
  const { type, id } = stanza.attrs
  if (type === 'error') {
    if (id === undefined) return
    const to = sent.take(id, to => mayReturn(to, stanza, session))
    if (to !== undefined) emit({ type: 'bounce', to, id, error: StanzaError.from(stanza) })
    return
  }
  const body = bodyOf(stanza)
  if (body === undefined) return
  // RFC 6121 §5.2.2: an unknown type is normal.
  const known = type === 'chat' || type === 'groupchat' || type === 'headline' ? type : 'normal'
  const delayed = readDelay(stanza, session)
  const message = { from, body, type: known, id, received: clock.now(), delayed } as const
  emit({ type: 'message', message })
  inbox.put(message)
}

/** Of several languages (RFC 6121 §5.2.3) the one that is not named, which is the sender's own, else the first. */
function bodyOf(stanza: Element): string | undefined {
  const bodies = stanza.elements.filter(({ name, ns }) => name === 'body' && ns === stanza.ns)
  const own = bodies.find(({ attrs }) => attrs['xml:lang'] === undefined) ?? bodies[0]
  return own?.text
}
