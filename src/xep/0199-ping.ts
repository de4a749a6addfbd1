/** XEP-0199 XMPP Ping, version 2.0.1. */
import { StanzaError, XmppError } from '../errors.ts'
import { on, type Xep } from '../routes.ts'
import type { IqOptions, Session } from '../session.ts'
import { el } from '../stream/element.ts'

export const NS_PING = 'urn:xmpp:ping'

/** Answers pings. */
export const ping: Xep = {
  name: 'XEP-0199',
  features: [NS_PING],
  routes: [on('iq-get', NS_PING, 'ping', () => {})],
}

/**
 * Resolves with the round trip in ms. An error for an answer is an answer too: whoever sent it is alive (§4.2).
 * @throws XmppError `XMPP_TIMEOUT`, `XMPP_STREAM_ENDED`
 */
export function sendPing(session: Session, to: string | undefined, options?: IqOptions): Promise<number> {
  const { clock } = session
  const start = clock.now()
  const alive = (): number => clock.now() - start
  return session.iq('get', to, question, options).then(alive, error => {
    if (error instanceof StanzaError) return alive()
    throw error
  })
}

const question = el('ping', NS_PING)

/** When to ask whether the other side is there, and when to give it up. */
export interface KeepaliveOptions {
  /** ms without a byte from the other side before we ask. Default 50,000. */
  readonly silence?: number
  /** ms an answer may take. Default 15,000. */
  readonly patience?: number
}

/**
 * Pings the server whenever it has been silent, and cuts the stream when it does not answer in time. It ends with the stream.
 * @returns a function that stops it before
 */
export function keepalive(
  session: Session,
  { silence = 50_000, patience = 15_000 }: KeepaliveOptions = {},
): () => void {
  const { stream, clock } = session
  let cancel = clock.after(silence, check)

  function check(): void {
    const rest = silence - (clock.now() - stream.lastReceived)
    if (rest > 0) cancel = clock.after(rest, check)
    else void ask()
  }

  async function ask(): Promise<void> {
    const asked = clock.now()
    // A component has no server address but its domain's parent, which need not be served; asking itself goes through the server.
    const to = session.component ? session.jid : undefined
    try {
      await sendPing(session, to, { timeout: patience })
      if (!stopped) cancel = clock.after(silence, check)
    } catch (error) {
      if (stopped) return
      // Where so much is waiting that nothing can be asked, what comes of itself is waited for as long.
      const rest = asked + patience - clock.now()
      if (rest > 0) cancel = clock.after(rest, () => judge(asked, error))
      else judge(asked, error)
    }
  }

  /** Anything received while we waited is as good as the answer. */
  function judge(asked: number, cause: unknown): void {
    if (stream.lastReceived > asked) cancel = clock.after(silence, check)
    else stream.destroy(new XmppError('XMPP_PING_TIMEOUT', `no answer to a ping within ${patience} ms`, { cause }))
  }

  let stopped = false
  const stop = (): void => {
    stopped = true
    cancel()
  }
  stream.whenOver(stop)
  return stop
}
