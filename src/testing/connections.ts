import type { Socket } from 'node:net'
import { systemClock } from '../clock.ts'
import { describe, StanzaError, StreamError, XmppError } from '../errors.ts'
import { XmlStream } from '../stream/stream.ts'
import { transport } from '../stream/transport.ts'
import { Hold, held } from './held-transport.ts'
import { Peer } from './peers.ts'
import type { Router } from './router.ts'

/** How a kind of connection becomes a peer: its namespace, and what has to be agreed on first. */
export interface Welcome {
  readonly ns: string
  /** @returns the peer's JID, and how it came to it in words for the log */
  negotiate(stream: XmlStream): Promise<{ jid: string; how: string }>
}

/** ms for all of a negotiation. */
const PATIENCE = 30_000
/** ms that a sender is held up for a slow reader, for each chunk it sends. */
const EASE = 100

/** The connections of a server, from `accept` to the end of each. What goes wrong on one ends that one. */
export class Connections {
  /** New ones are cut at once. */
  refusing = false
  readonly hold = new Hold(systemClock)
  readonly #router: Router
  readonly #log: (line: string) => void
  readonly #most: number
  /** Streams that are not over, with the peer at the other end once there is one. */
  readonly #streams = new Map<XmlStream, Peer | undefined>()
  readonly #sockets = new Set<Socket>()
  readonly #running = new Set<Promise<void>>()

  constructor(router: Router, log: (line: string) => void, most: number) {
    this.#router = router
    this.#log = log
    this.#most = most
  }

  accept(socket: Socket, welcome: Welcome): void {
    if (this.refusing || this.#sockets.size >= this.#most) {
      socket.on('error', () => {}).destroy()
      return
    }
    this.#sockets.add(socket)
    socket.setNoDelay().on('close', () => this.#sockets.delete(socket))
    const stream = new XmlStream(held(transport(socket), this.hold), { ns: welcome.ns })
    this.#streams.set(stream, undefined)
    const running = this.#serve(stream, welcome)
    this.#running.add(running)
    void running.finally(() => this.#running.delete(running))
  }

  /** Cuts the connections of some, of all including those that have not logged in when there is no `who`. */
  drop(who: string | undefined): number {
    const doomed =
      who === undefined ? [...this.#streams] : this.#router.peers.matching(who).map(p => [p.stream, p] as const)
    for (const [stream, peer] of doomed) {
      stream.destroy(new XmppError('XMPP_STREAM_ENDED', 'dropped'))
      if (peer !== undefined) this.#router.leave(peer)
    }
    return doomed.length
  }

  /** Ends streams politely, with an error when there is one. */
  close(who: string | undefined, error: StreamError | undefined): number {
    const peers = this.#router.peers.matching(who)
    for (const { stream } of peers) {
      if (error === undefined) void stream.close()
      else stream.fail(error)
    }
    // Only now, so that nobody hears of the others on a stream that is ending too.
    for (const peer of peers) this.#router.leave(peer)
    return peers.length
  }

  /** Ends all there is; when it resolves, no socket and no timer is left. */
  async stop(): Promise<void> {
    this.refusing = true
    this.close(undefined, new StreamError('system-shutdown'))
    this.hold.release()
    for (const [stream, peer] of this.#streams) {
      if (peer === undefined) stream.destroy(new XmppError('XMPP_STREAM_ENDED', 'the server is being stopped'))
    }
    await Promise.all([...this.#sockets].map(socket => new Promise(resolve => socket.once('close', resolve))))
    await Promise.all(this.#running)
  }

  /** The life of one connection. It never rejects. */
  async #serve(stream: XmlStream, welcome: Welcome): Promise<void> {
    let peer: Peer | undefined
    const late = new XmppError('XMPP_TIMEOUT', `no login within ${PATIENCE / 1000} s`)
    const cancel = systemClock.after(PATIENCE, () => stream.destroy(late))
    try {
      const { jid, how } = await welcome.negotiate(stream)
      cancel()
      peer = new Peer(stream, jid)
      this.#enter(peer)
      this.#log(`${jid} is connected, ${how}`)
      await this.#read(peer)
      this.#log(`${jid} has closed its stream`)
    } catch (error) {
      this.#log(`${peer?.jid ?? 'a connection'} is gone: ${describe(error)}`)
      await end(stream, error)
    } finally {
      cancel()
      this.#streams.delete(stream)
      if (peer !== undefined) this.#router.leave(peer)
    }
  }

  /** The last to log in with a full JID has it (RFC 6120 §7.7.2.2). */
  #enter(peer: Peer): void {
    this.#streams.set(peer.stream, peer)
    const before = this.#router.peers.find(peer.jid)
    if (before !== undefined) {
      before.stream.fail(new StreamError('conflict', 'replaced by a new connection'))
      this.#router.leave(before)
    }
    this.#router.peers.add(peer)
  }

  async #read(peer: Peer): Promise<void> {
    for await (const batch of peer.stream.batches()) {
      for (const element of batch) {
        // One that has been replaced or sent away has nothing to say any more.
        if (this.#router.peers.find(peer.jid) !== peer) break
        this.#router.receive(peer, element)
      }
      await this.#ease()
    }
  }

  /**
   * Who sends faster than another reads waits for that one, as TCP would have it; but not for ever, for it may be a peer that
   * never reads. Such a one is cut off once too much is queued for it.
   */
  async #ease(): Promise<void> {
    const congestion = this.#router.peers.takeCongestion()
    if (congestion === undefined) return
    let cancel = (): void => {}
    const enough = new Promise<void>(resolve => {
      cancel = systemClock.after(EASE, resolve)
    })
    await Promise.race([congestion, enough])
    cancel()
  }
}

/** Ends a stream for whatever reason, with an error if there is one to send. */
async function end(stream: XmlStream, reason: unknown): Promise<void> {
  if (reason instanceof StreamError) {
    stream.fail(reason)
  } else if (reason instanceof XmppError && !(reason instanceof StanzaError)) {
    stream.fail(reason)
    // A stream that the peer has closed is ending in good order already.
    if (reason.code !== 'XMPP_STREAM_ENDED') stream.destroy(reason)
  } else {
    // A mistake of ours, or of a hook in a test.
    stream.fail(new StreamError('internal-server-error', '', { cause: reason }))
  }
}
