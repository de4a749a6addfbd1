import { XmppError } from '../errors.ts'
import { bareJid } from '../jid.ts'
import { NS_COMPONENT } from '../negotiate.ts'
import type { Acknowledgements } from '../session/acknowledgements.ts'
import type { Element } from '../stream/element.ts'
import { NS_STREAM } from '../stream/namespaces.ts'
import { Parser } from '../stream/parser.ts'
import { serialize } from '../stream/serialize.ts'
import type { XmlStream } from '../stream/stream.ts'
import { translate } from './stanza.ts'

/** One resource of a user, or one component. With stream management a resource may outlive its connection (XEP-0198 §5). */
export class Peer {
  /** What it is connected by, or was last. */
  stream: XmlStream
  /** What XEP-0198 counts; undefined until that is enabled. */
  acks: Acknowledgements | undefined
  /** SM-ID, by which the session may be resumed; undefined for one that cannot be. */
  resumeId: string | undefined
  /** While it has no connection and may still be resumed: its end, and what keeps that from coming by itself. */
  hibernation: { cancel(): void; end(): void } | undefined
  /** The full JID of a client, the domain of a component. */
  readonly jid: string
  readonly bare: string
  /** What it last broadcast; undefined while it is not available. */
  presence: Element | undefined
  /** RFC 6121 §4.7.2.3. */
  priority = 0
  /** It has asked for its roster and so gets roster pushes (RFC 6121 §2.1.6). */
  interested = false
  /** Whom it has sent directed presence (RFC 6121 §4.6). */
  readonly directed = new Set<string>()
  /** Reads along in what is written as text. */
  #written: Parser | undefined

  constructor(stream: XmlStream, jid: string) {
    this.stream = stream
    this.jid = jid
    this.bare = bareJid(jid)
  }

  get component(): boolean {
    return this.stream.ns === NS_COMPONENT
  }

  /**
   * Sends a stanza; without a connection it is kept until there is one again. Returns a promise when the sender had better wait.
   * @throws as `XmlStream.send()`; XmppError `XMPP_SEND_LIMIT` also when too much is unacknowledged
   */
  send(stanza: Element): Promise<void> | undefined {
    const { acks, stream } = this
    if (acks === undefined || stanza.ns !== stream.ns) return stream.send(stanza)
    const text = serialize(stanza, stream.ns)
    if (acks.books.full) {
      if (stream.over && this.hibernation === undefined) return undefined
      throw new XmppError('XMPP_SEND_LIMIT', 'too much is unacknowledged')
    }
    // A connection may have gone without anyone having noticed yet.
    if (!stream.writable) {
      acks.sent(stanza, text.length)
      return undefined
    }
    const wait = stream.sendSerialized(stanza, text)
    return acks.sent(stanza, text.length) ?? wait
  }

  /** Writes text that need not be XML. The stanzas in it are counted all the same, for the other side counts them. */
  write(text: string): void {
    if (this.stream.over) return
    void this.stream.write(Buffer.from(text))
    if (this.acks === undefined) return
    const first = this.#written === undefined
    this.#written ??= new Parser()
    try {
      if (first) this.#written.push(Buffer.from(`<s:stream xmlns='${this.stream.ns}' xmlns:s='${NS_STREAM}'>`))
      this.#written.push(Buffer.from(text))
      for (let event = this.#written.next(); event !== undefined; event = this.#written.next()) {
        if (event.type === 'element' && event.element.ns === this.stream.ns) this.acks.sent(event.element, text.length)
      }
    } catch {
      // No stream survives that, and so nobody counts any more.
    }
  }
}

/** Who is connected now, and whose session waits to be resumed. */
export class Peers {
  readonly #clients = new Map<string, Map<string, Peer>>()
  readonly #components = new Map<string, Peer>()
  readonly #watchers = new Set<() => void>()
  readonly #log: (line: string) => void
  #congestion: Promise<void> | undefined
  #ended: Error | undefined

  constructor(log: (line: string) => void) {
    this.#log = log
  }

  /** From now on it has its JID, whoever had it before. */
  add(peer: Peer): void {
    const family = peer.component ? this.#components : (this.#clients.get(peer.bare) ?? new Map<string, Peer>())
    family.set(peer.jid, peer)
    if (!peer.component) this.#clients.set(peer.bare, family)
    this.#changed()
  }

  /** @returns whether it was there */
  remove(peer: Peer): boolean {
    const family = peer.component ? this.#components : this.#clients.get(peer.bare)
    if (family?.get(peer.jid) !== peer) return false
    family.delete(peer.jid)
    if (!peer.component && family.size === 0) this.#clients.delete(peer.bare)
    this.#changed()
    return true
  }

  /** By full JID or component domain. */
  find(jid: string): Peer | undefined {
    return this.#clients.get(bareJid(jid))?.get(jid) ?? this.#components.get(jid)
  }

  /** The resources of a user that have sent initial presence. */
  available(bare: string): Peer[] {
    return this.resources(bare).filter(peer => peer.presence !== undefined)
  }

  resources(bare: string): Peer[] {
    return [...(this.#clients.get(bare)?.values() ?? [])]
  }

  /** Everyone who is connected, or those of a bare JID, a full one, or a component's domain. */
  matching(who?: string): Peer[] {
    return this.all(who).filter(({ hibernation }) => hibernation === undefined)
  }

  /** The same, and those who may come back. */
  all(who?: string): Peer[] {
    if (who === undefined) {
      return [...[...this.#clients.values()].flatMap(family => [...family.values()]), ...this.#components.values()]
    }
    const one = this.find(who)
    return one === undefined ? this.resources(who) : [one]
  }

  /** A connection is lost, and the session kept. */
  hibernate(peer: Peer, hibernation: NonNullable<Peer['hibernation']>): void {
    peer.hibernation = hibernation
    this.#changed()
  }

  /** A session goes on with another stream. */
  attach(peer: Peer, stream: XmlStream): void {
    peer.stream = stream
    peer.hibernation?.cancel()
    peer.hibernation = undefined
    this.#changed()
  }

  /** Sends a stanza to a peer. Never throws: a peer that cannot be sent to is that peer's trouble and not the sender's. */
  send(peer: Peer, stanza: Element): void {
    try {
      const congested = peer.send(translate(stanza, peer.stream.ns))
      if (congested !== undefined) this.#congestion = congested
    } catch (error) {
      if (error instanceof XmppError && error.code === 'XMPP_STREAM_ENDED') return
      this.#log(`${peer.jid} is cut off: ${(error as Error).message}`)
      // What does not fit is lost, and with it the session.
      peer.resumeId = undefined
      if (peer.hibernation === undefined) peer.stream.destroy(error as Error)
      else setImmediate(peer.hibernation.end)
    }
  }

  /** Someone who was sent to since the last call reads slowly: whoever caused it had better wait for this. */
  takeCongestion(): Promise<void> | undefined {
    const congestion = this.#congestion
    this.#congestion = undefined
    return congestion
  }

  /** Resolves when somebody matching is there, or nobody is. @throws the signal's reason; that of `end` */
  waitFor(who: string, connected: boolean, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        const over = signal?.aborted ? signal.reason : this.#ended
        if (over === undefined && this.matching(who).length > 0 !== connected) return
        this.#watchers.delete(settle)
        signal?.removeEventListener('abort', settle)
        if (over === undefined) resolve()
        else reject(over)
      }
      this.#watchers.add(settle)
      signal?.addEventListener('abort', settle)
      settle()
    })
  }

  /** Whoever waits, and will, is told this. */
  end(reason: Error): void {
    this.#ended = reason
    this.#changed()
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }
}
