import { XmppError } from '../errors.ts'
import { bareJid } from '../jid.ts'
import { NS_COMPONENT } from '../negotiate.ts'
import type { Element } from '../stream/element.ts'
import type { XmlStream } from '../stream/stream.ts'
import { translate } from './stanza.ts'

/** One connected resource of a user, or one component. */
export class Peer {
  readonly stream: XmlStream
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

  constructor(stream: XmlStream, jid: string) {
    this.stream = stream
    this.jid = jid
    this.bare = bareJid(jid)
  }

  get component(): boolean {
    return this.stream.ns === NS_COMPONENT
  }
}

/** Who is connected now. */
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

  /** Everyone, or those of a bare JID, a full one, or a component's domain. */
  matching(who?: string): Peer[] {
    if (who === undefined) {
      return [...[...this.#clients.values()].flatMap(family => [...family.values()]), ...this.#components.values()]
    }
    const one = this.find(who)
    return one === undefined ? this.resources(who) : [one]
  }

  /** Sends a stanza to a peer. Never throws: a peer that cannot be sent to is that peer's trouble and not the sender's. */
  send(peer: Peer, stanza: Element): void {
    try {
      const congested = peer.stream.send(translate(stanza, peer.stream.ns))
      if (congested !== undefined) this.#congestion = congested
    } catch (error) {
      if (error instanceof XmppError && error.code === 'XMPP_STREAM_ENDED') return
      this.#log(`${peer.jid} is cut off: ${(error as Error).message}`)
      peer.stream.destroy(error as Error)
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
