import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { describe, StanzaError, StreamError, XmppError } from '../errors.ts'
import { XmlStream } from '../stream/stream.ts'
import { transport } from '../stream/transport.ts'
import { Hold, held } from './held-transport.ts'
import type { Peer } from './peers.ts'
import type { Router } from './router.ts'
import type { Sessions } from './sessions.ts'

/** Who has come in. */
export interface Entrance {
  readonly peer: Peer
  /** It has been here before, and has only changed its stream (XEP-0198 §5). */
  readonly resumed: boolean
  /** In words, for the log. */
  readonly how: string
}

/** How a kind of connection becomes a peer: its namespace, and what has to be agreed on first. */
export interface Welcome {
  readonly ns: string
  negotiate(stream: XmlStream): Promise<Entrance>
}

/** What the connections of a server are made of. */
export interface ConnectionParts {
  readonly router: Router
  readonly sessions: Sessions
  readonly clock: Clock
  readonly log: (line: string) => void
  /** How many there may be at one time. */
  readonly most: number
}

/** ms for all of a negotiation. */
const PATIENCE = 30_000
/** ms that a sender is held up for a slow reader, for each chunk it sends. */
const EASE = 100

/** The connections of a server, from `accept` to the end of each. What goes wrong on one ends that one. */
export class Connections {
  /** New ones are cut at once. */
  refusing = false
  readonly hold: Hold
  readonly #router: Router
  readonly #sessions: Sessions
  readonly #clock: Clock
  readonly #log: (line: string) => void
  readonly #most: number
  /** Streams that are not over, with the peer at the other end once there is one. */
  readonly #streams = new Map<XmlStream, Peer | undefined>()
  readonly #sockets = new Set<Socket>()
  readonly #running = new Set<Promise<void>>()

  constructor({ router, sessions, clock, log, most }: ConnectionParts) {
    this.hold = new Hold(clock)
    this.#router = router
    this.#sessions = sessions
    this.#clock = clock
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
    const stream = new XmlStream(held(transport(socket), this.hold), { ns: welcome.ns, clock: this.#clock })
    this.#streams.set(stream, undefined)
    const running = this.#serve(stream, welcome)
    this.#running.add(running)
    void running.finally(() => this.#running.delete(running))
  }

  /**
   * Cuts the connections of some, of all including those that have not logged in when there is no `who`. Sessions that can be resumed
   * wait for that.
   */
  drop(who: string | undefined): number {
    const doomed =
      who === undefined ? [...this.#streams] : this.#router.peers.matching(who).map(p => [p.stream, p] as const)
    for (const [stream, peer] of doomed) {
      stream.destroy(new XmppError('XMPP_STREAM_ENDED', 'dropped'))
      if (peer?.stream === stream) this.#sessions.lost(peer)
    }
    return doomed.length
  }

  /** Ends streams politely, with an error when there is one, and their sessions. */
  close(who: string | undefined, error: StreamError | undefined): number {
    const peers = this.#router.peers.matching(who)
    for (const { stream, acks } of peers) {
      // What has not been acknowledged would go to someone else (XEP-0198 §7), and need not when it has arrived.
      if (stream.writable) acks?.sayLast()
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
    for (const peer of this.#sessions.hibernating) this.#router.leave(peer)
    for (const peer of this.#sessions.hibernating) this.#sessions.end(peer)
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
    let broken = false
    const late = new XmppError('XMPP_TIMEOUT', `no login within ${PATIENCE / 1000} s`)
    const cancel = this.#clock.after(PATIENCE, () => stream.destroy(late))
    try {
      const entrance = await welcome.negotiate(stream)
      cancel()
      const { resumed, how } = entrance
      peer = entrance.peer
      this.#streams.set(stream, peer)
      if (!resumed) this.#enter(peer)
      this.#log(`${peer.jid} is ${resumed ? 'back' : 'connected'}, ${how}`)
      await this.#read(peer, stream)
      this.#log(`${peer.jid} has closed its stream`)
    } catch (error) {
      this.#log(`${peer?.jid ?? 'a connection'} is gone: ${describe(error)}`)
      broken = error instanceof XmppError && !(error instanceof StreamError)
      await end(stream, error)
    } finally {
      cancel()
      this.#streams.delete(stream)
      // It may be gone on with elsewhere.
      if (peer?.stream === stream) {
        if (broken) this.#sessions.lost(peer)
        else this.#sessions.end(peer)
      }
    }
  }

  /** The last to log in with a full JID has it (RFC 6120 §7.7.2.2), and what has not reached the one before. */
  #enter(peer: Peer): void {
    const before = this.#router.peers.find(peer.jid)
    if (before !== undefined) {
      before.stream.fail(new StreamError('conflict', 'replaced by a new connection'))
      this.#router.leave(before)
    }
    this.#router.peers.add(peer)
    if (before !== undefined) this.#sessions.end(before)
  }

  async #read(peer: Peer, stream: XmlStream): Promise<void> {
    for await (const batch of stream.batches()) {
      for (const element of batch) {
        if (peer.stream !== stream || peer.hibernation !== undefined) break
        if (this.#sessions.take(peer, element)) continue
        // One that has been replaced or sent away has nothing to say any more.
        if (this.#router.peers.find(peer.jid) !== peer) break
        peer.acks?.books.received()
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
      cancel = this.#clock.after(EASE, resolve)
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
