/** What a stream begins with once its client is authenticated: a resource (RFC 6120 §7), or the session it had (XEP-0198 §5). */
import { randomBytes } from 'node:crypto'
import { StanzaError, StreamError, XmppError } from '../errors.ts'
import { prepareJid } from '../jid.ts'
import { NS_BIND, NS_CLIENT, NS_SESSION } from '../negotiate.ts'
import { type Element, el } from '../stream/element.ts'
import type { XmlStream } from '../stream/stream.ts'
import { NS_SM } from '../stream-management.ts'
import { Peer } from './peers.ts'
import { failed, type Sessions } from './sessions.ts'
import { errorReply } from './stanza.ts'

/** Whose stream it is from now on. */
export interface Beginning {
  readonly peer: Peer
  /** It was there before, and goes on. */
  readonly resumed: boolean
}

/** What a client may do that has logged in. */
export function bindFeatures(sessions: Sessions): Element[] {
  return [
    el('bind', NS_BIND),
    // RFC 3921's session does nothing any more; clients of that time want to see it.
    el('session', NS_SESSION, {}, el('optional', NS_SESSION)),
    ...managementFeature(sessions),
  ]
}

/** That stream management can be enabled, where it can. */
export function managementFeature(sessions: Sessions): Element[] {
  return sessions.offered ? [el('sm', NS_SM)] : []
}

/**
 * Waits for the client to resume a session or bind a resource.
 * @throws StreamError `not-authorized` for anything else, `policy-violation` after too many attempts
 */
export async function begin(stream: XmlStream, account: string, sessions: Sessions): Promise<Beginning> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const request = await stream.next()
    if (request === undefined) throw new XmppError('XMPP_STREAM_ENDED', 'the client closed its stream before it began')
    if (sessions.offered && request.ns === NS_SM) {
      const peer = resume(stream, account, sessions, request)
      if (peer !== undefined) return { peer, resumed: true }
    } else {
      const jid = bind(stream, account, request)
      if (jid !== undefined) return { peer: new Peer(stream, jid), resumed: false }
    }
  }
  throw stream.fail(new StreamError('policy-violation', 'too many attempts to bind a resource'))
}

const MAX_TRIES = 5

function resume(stream: XmlStream, account: string, sessions: Sessions, request: Element): Peer | undefined {
  if (request.name !== 'resume') {
    // XEP-0198 §3: nothing is enabled before a resource is bound.
    stream.send(failed('unexpected-request'))
    return undefined
  }
  const { reply, peer, goOn } = sessions.resume(account, request)
  stream.send(reply)
  goOn(stream)
  return peer
}

/** RFC 6120 §7: the resource the client asks for, or one of ours. */
function bind(stream: XmlStream, account: string, iq: Element): string | undefined {
  const request = iq.is('iq', NS_CLIENT) ? iq.child('bind', NS_BIND) : undefined
  if (iq.attrs.type !== 'set' || iq.attrs.id === undefined || request === undefined) {
    // RFC 6120 §7.1: nothing is done for a client that has not bound a resource.
    throw stream.fail(new StreamError('not-authorized', 'a resource has to be bound first'))
  }
  const resource = request.childText('resource') || randomBytes(9).toString('base64url')
  const jid = prepareJid(`${account}/${resource}`)
  if (jid === undefined) {
    stream.send(errorReply(iq, new StanzaError('modify', 'bad-request')) as Element)
    return undefined
  }
  const result = el('bind', NS_BIND, {}, el('jid', NS_BIND, {}, jid))
  stream.send(el('iq', NS_CLIENT, { type: 'result', id: iq.attrs.id }, result))
  return jid
}
