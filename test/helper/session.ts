import { XmppError } from '../../src/errors.ts'
import type { Negotiated } from '../../src/negotiate.ts'
import { Session, type SessionOptions } from '../../src/session.ts'
import { type StreamOptions, XmlStream } from '../../src/stream/stream.ts'
import { transport } from '../../src/stream/transport.ts'
import { HandClock } from './clock.ts'
import { type End, pair } from './pair.ts'
import { NS_STREAM, Peer } from './peer.ts'

export const NS_CLIENT = 'jabber:client'
export const NS_COMPONENT = 'jabber:component:accept'

/** A stream whose other side is played by the test. */
export interface Opened {
  readonly stream: XmlStream
  readonly near: End
  readonly far: End
  readonly peer: Peer
  readonly clock: HandClock
}

/** A stream on which both headers have been exchanged, over an in-memory wire and with a clock that stands still. */
export async function openStream(options: Partial<StreamOptions> = {}, highWaterMark?: number): Promise<Opened> {
  const { near, far } = pair(highWaterMark)
  const clock = new HandClock()
  const ns = options.ns ?? NS_CLIENT
  const stream = new XmlStream(transport(near), { clock, ...options, ns })
  const peer = new Peer(far)
  const opened = stream.open({ to: 'example.com', version: '1.0' })
  await peer.next()
  peer.write(`<stream:stream xmlns='${ns}' xmlns:stream='${NS_STREAM}' id='s1' version='1.0'>`)
  await opened
  return { stream, near, far, peer, clock }
}

/** What is to be unusual about a session. */
export interface SessionSetup extends Partial<SessionOptions> {
  readonly jid?: string
  readonly component?: boolean
  readonly stream?: Partial<StreamOptions>
  readonly management?: Negotiated['management']
  /** For `run()`. */
  readonly keep?: boolean
}

/** A session that reads, as `juliet@example.com/balcony` or as the component `pbx.example.com`. */
export async function openSession(
  setup: SessionSetup = {},
): Promise<Opened & { session: Session; running: Promise<void> }> {
  const { component = false, jid, stream: streamOptions, management, keep = false, ...options } = setup
  const opened = await openStream({ ns: component ? NS_COMPONENT : NS_CLIENT, ...streamOptions })
  const own = jid ?? (component ? 'pbx.example.com' : 'juliet@example.com/balcony')
  const session = new Session(
    opened.stream,
    { jid: own, streamId: 's1', mechanism: component ? 'handshake' : 'PLAIN', management },
    { xeps: [], clock: opened.clock, ...options },
  )
  const running = session.run({ keep })
  running.catch(() => {})
  return { ...opened, session, running }
}

/** Sends, to a peer that no longer reads, until no more is taken. */
export function stuff({ session, far }: Pick<Opened, 'far'> & { session: Session }): void {
  far.pause()
  const large = session.stanza('message', {}, session.stanza('body', {}, 'é'.repeat(1_048_576)))
  try {
    for (;;) session.send(large)
  } catch (error) {
    if (!(error instanceof XmppError && error.code === 'XMPP_SEND_LIMIT')) throw error
  }
}
