import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { StreamError, XmppError } from '../errors.ts'
import { prepareJid } from '../jid.ts'
import { NS_CLIENT, NS_COMPONENT } from '../negotiate.ts'
import { PubsubEngine } from '../pubsub/index.ts'
import type { Element } from '../stream/element.ts'
import type { XmlStream } from '../stream/stream.ts'
import { acceptClient } from './accept-client.ts'
import { acceptComponent } from './accept-component.ts'
import { Connections, type Entrance, type Welcome } from './connections.ts'
import { type LoopbackOptions, type Settings, settle } from './options.ts'
import { Peer, Peers } from './peers.ts'
import { Router, type StanzaHook } from './router.ts'
import { Sessions } from './sessions.ts'

/** Wherever it is asked to, it listens nowhere else: this server guards nothing. */
const HOST = '127.0.0.1'

/** A running server. Wherever there is a `who`: a bare JID is all of its resources. */
export interface Loopback {
  readonly host: string
  readonly port: number
  readonly directPort: number
  readonly componentPort: number
  readonly componentTlsPort: number
  /** PEM certificate to trust. */
  readonly ca: string
  /** Full JIDs and component domains that are connected now. */
  readonly connected: readonly string[]
  /** Full JIDs whose connection is lost and whose session waits to be resumed (XEP-0198 §5); others see them as if they were there. */
  readonly hibernating: readonly string[]
  /**
   * Cuts TCP connections without a word; with no `who` all, those too that have not logged in. Sessions that can be resumed then hibernate.
   * @returns how many
   */
  drop(who?: string): number
  /** Ends hibernating sessions, with no `who` all: they cannot be resumed any more. @returns how many */
  forgetSessions(who?: string): number
  /**
   * Ends streams politely, with a stream error when a condition is given, and their sessions with them; `undefined` is everyone.
   * @returns how many
   */
  close(who: string | undefined, condition?: string, text?: string): number
  /** From now on every write to every peer is held back that many ms. */
  delay(ms: number): void
  /** New connections are accepted and cut at once. */
  refuse(on: boolean): void
  /** See {@link StanzaHook}. May be set and cleared at any time. */
  onStanza: StanzaHook | undefined
  /**
   * Puts anything at all into a peer's stream: an element as it is, or text that need not be XML.
   * @returns how many have been sent it
   */
  send(to: string, stanza: Element | string): number
  /**
   * Resolves when that JID or component is connected, or with `false` no longer is. Messages to a bare JID need more: a resource that
   * has sent presence (RFC 6121 §8.5.2).
   * @throws the signal's reason; XmppError `XMPP_STOPPED` when the server stops first
   */
  waitFor(who: string, connected?: boolean, signal?: AbortSignal): Promise<void>
  /** Closes all streams with `system-shutdown`; when it resolves, no socket and no timer is left. */
  stop(): Promise<void>
}

/**
 * Starts an XMPP server for tests and demonstrations on 127.0.0.1.
 * @throws RangeError and XmppError `XMPP_JID_MALFORMED` for options that cannot be; the system's error when a port is taken
 */
export async function startLoopback(options: LoopbackOptions = {}): Promise<Loopback> {
  const server = new LoopbackServer(settle(options))
  await server.listen()
  return server
}

class LoopbackServer implements Loopback {
  readonly host = HOST
  readonly ca: string
  readonly #settings: Settings
  readonly #peers: Peers
  readonly #router: Router
  readonly #sessions: Sessions
  readonly #connections: Connections
  readonly #listeners: readonly [client: Server, direct: Server, component: Server, componentTls: Server]
  /** In the listeners' order; kept, so that one can be started again where this one was. */
  readonly #ports: number[] = []
  #stopped: Promise<void> | undefined

  constructor(settings: Settings) {
    const {
      accounts,
      components,
      pubsub,
      pubsubCollections: collections,
      certificate,
      clock,
      log,
      connections: most,
    } = settings
    this.#settings = settings
    this.ca = certificate.ca
    this.#peers = new Peers(log)
    const sees = (person: string, other: string): boolean =>
      accounts.has(other) && this.#router.rosters.of(other).get(person)?.from === true
    const services = new Map(pubsub.map(jid => [jid, new PubsubEngine({ jid, clock, sees, collections })]))
    this.#router = new Router(accounts, new Set(components.keys()), this.#peers, services)
    this.#sessions = new Sessions(this.#router, settings)
    this.#connections = new Connections({ router: this.#router, sessions: this.#sessions, clock, log, most })
    const listener = (welcome: Welcome): Server =>
      // A peer that has ended its side may still want to hear what we have to say.
      createServer({ allowHalfOpen: true }, socket => this.#connections.accept(socket, welcome))
    this.#listeners = [
      listener({ ns: NS_CLIENT, negotiate: stream => this.#client(stream) }),
      listener({ ns: NS_CLIENT, negotiate: stream => this.#directClient(stream) }),
      listener({ ns: NS_COMPONENT, negotiate: stream => this.#component(stream) }),
      listener({ ns: NS_COMPONENT, negotiate: stream => this.#directComponent(stream) }),
    ]
  }

  async listen(): Promise<void> {
    const { client, direct, component, componentTls } = this.#settings.ports
    try {
      for (const [at, port] of [client, direct, component, componentTls].entries()) {
        const listener = this.#listeners[at] as Server
        listener.listen(port, HOST)
        await once(listener, 'listening')
        this.#ports.push((listener.address() as AddressInfo).port)
      }
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  get port(): number {
    return this.#ports[0] ?? 0
  }

  get directPort(): number {
    return this.#ports[1] ?? 0
  }

  get componentPort(): number {
    return this.#ports[2] ?? 0
  }

  get componentTlsPort(): number {
    return this.#ports[3] ?? 0
  }

  get connected(): readonly string[] {
    return this.#peers.matching().map(({ jid }) => jid)
  }

  get hibernating(): readonly string[] {
    return this.#sessions.hibernating.map(({ jid }) => jid)
  }

  get onStanza(): StanzaHook | undefined {
    return this.#router.hook
  }

  set onStanza(hook: StanzaHook | undefined) {
    this.#router.hook = hook
  }

  drop(who?: string): number {
    return this.#connections.drop(prepared(who))
  }

  forgetSessions(who?: string): number {
    const matching = new Set(this.#peers.all(prepared(who)))
    const doomed = this.#sessions.hibernating.filter(peer => matching.has(peer))
    for (const peer of doomed) this.#sessions.end(peer)
    return doomed.length
  }

  close(who: string | undefined, condition?: string, text?: string): number {
    return this.#connections.close(
      prepared(who),
      condition === undefined ? undefined : new StreamError(condition, text),
    )
  }

  delay(ms: number): void {
    this.#connections.hold.delay = ms
  }

  refuse(on: boolean): void {
    this.#connections.refusing = on
  }

  send(to: string, stanza: Element | string): number {
    const peers = this.#peers.matching(prepared(to))
    for (const peer of peers) {
      if (typeof stanza === 'string') peer.write(stanza)
      else this.#peers.send(peer, stanza)
    }
    return peers.length
  }

  waitFor(who: string, connected = true, signal?: AbortSignal): Promise<void> {
    return this.#peers.waitFor(prepared(who), connected, signal)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    const closed = this.#listeners.map(listener => new Promise(resolve => listener.close(resolve)))
    await this.#connections.stop()
    await Promise.all(closed)
    this.#peers.end(new XmppError('XMPP_STOPPED', 'the loopback server has been stopped'))
  }

  async #client(stream: XmlStream): Promise<Entrance> {
    const { mechanism, ...entrance } = await acceptClient(stream, { ...this.#settings, sessions: this.#sessions })
    return { ...entrance, how: `${mechanism} over ${stream.transport.tls?.version ?? 'TCP in clear'}` }
  }

  /** XEP-0368: TLS comes first; ALPN is agreed on when the client asks for it (§5). */
  async #directClient(stream: XmlStream): Promise<Entrance> {
    await stream.startTls(this.#settings.directTls)
    return this.#client(stream)
  }

  async #component(stream: XmlStream): Promise<Entrance> {
    const { components } = this.#settings
    const taken = (domain: string): boolean => this.#peers.find(domain) !== undefined
    const domain = await acceptComponent(stream, { secrets: components, taken })
    const how = `as a component${stream.transport.tls === undefined ? '' : ` over ${stream.transport.tls.version}`}`
    return { peer: new Peer(stream, domain), resumed: false, how }
  }

  /** No standard says how a component comes by TLS; servers that have it begin with it (ejabberd's `tls` of a service). */
  async #directComponent(stream: XmlStream): Promise<Entrance> {
    await stream.startTls(this.#settings.tls)
    return this.#component(stream)
  }
}

/** A JID as the server knows it; what is none matches nobody. */
function prepared(who: string): string
function prepared(who: string | undefined): string | undefined
function prepared(who: string | undefined): string | undefined {
  return who === undefined ? undefined : (prepareJid(who) ?? who)
}
