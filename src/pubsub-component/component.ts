import { at, nobody } from '../addresses.ts'
import { type Clock, systemClock } from '../clock.ts'
import { type ComponentOptions, createComponent } from '../component.ts'
import { Emitter } from '../emitter.ts'
import { StanzaError } from '../errors.ts'
import { hasJidParts, parseJid, prepareJid } from '../jid.ts'
import { inNamespace } from '../namespace.ts'
import { NS_CLIENT } from '../negotiate.ts'
import {
  type EngineCounts,
  type EngineLimits,
  type Entry,
  errorAnswer,
  memoryStore,
  type NodeDescription,
  type Outcome,
  PubsubEngine,
  type Store,
  type StoreReport,
} from '../pubsub/index.ts'
import type { Connection, Link } from '../reconnect.ts'
import { answered, on, type Xep } from '../routes.ts'
import type { Session } from '../session.ts'
import { Element, el } from '../stream/element.ts'
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from '../xep/0030-disco.ts'
import { NS_COMMANDS } from '../xep/0060-pending.ts'
import { NS_PUBSUB, NS_PUBSUB_OWNER } from '../xep/0060-pubsub.ts'
import { NS_VERSION } from '../xep/0092-version.ts'
import { NS_PING } from '../xep/0199-ping.ts'
import { Outbox } from './outbox.ts'
import { named, usersOfParent } from './people.ts'

/** Which service is attached where, and for whom. */
export interface PubsubComponentOptions
  extends Omit<
    ComponentOptions,
    'signal' | 'redirect' | 'earlier' | 'xeps' | 'addresses' | 'identity' | 'session' | 'onProgress'
  > {
  /** What keeps the nodes. Default memory: they go with the process. */
  readonly store?: Store
  /** Who may create nodes: `*`, domains with all their users, JIDs. Default the users of the domain that the service's own is part of. */
  readonly creators?: readonly string[]
  /** Who may do with every node what an owner may, as `creators` has it. Default nobody. */
  readonly admins?: readonly string[]
  readonly limits?: Partial<EngineLimits>
  /** See {@link EngineOptions.autoCreate}. Default false, which res_xmpp needs: it creates its nodes when it is told that there are none. */
  readonly autoCreate?: boolean
}

/** What there is to be told of a service. */
export type PubsubComponentEvent =
  | Link
  /** The store cannot be written, or can again. While it cannot, whatever is asked is refused. */
  | { readonly type: 'store'; readonly error: unknown; readonly retryIn: number }
  | { readonly type: 'restored'; readonly report: StoreReport }
  /** What somebody has asked for would have told too many, and some were not: see {@link EngineLimits.notificationsPerRequest}. */
  | { readonly type: 'cut'; readonly from: string | undefined }

/**
 * What may come over the server's stream. It has bounds of its own for what its users and other servers send, and with what it makes of that (escaped, every namespace
 * declared) it is larger; whatever we refused here would end the connection of all because of one.
 */
const trusting = { stanzaBytes: 16_777_216, depth: 1_000_000, attributes: 100_000, nameLength: 1_048_576 }
/** ms between two looks at what has ended by itself. */
const TICK = 30_000
/** Stanzas that may wait to leave; beyond that nothing more is done. */
const MOST_WAITING = 50_000
/** ms that leaving may take for what waits. */
const FAREWELL = 2000
/** ms to the next look at a store that could not be written: the first time, and at most. */
const RETRY = 1000
const LONGEST_RETRY = 30_000

/** A PubSub service (XEP-0060, XEP-0248) that is attached to a server as a component (XEP-0114) from `start()` to `stop()`. */
export class PubsubComponent extends Emitter<PubsubComponentEvent> {
  /** Of the service. */
  readonly jid: string
  readonly #options: PubsubComponentOptions
  readonly #clock: Clock
  readonly #store: Store
  readonly #creators: (person: string) => boolean
  readonly #admins: (person: string) => boolean
  readonly #outbox: Outbox
  readonly #connection: Connection
  #engine: PubsubEngine
  /** Whether it does what it is asked. */
  #state: 'new' | 'serving' | 'failing' | 'stopped' = 'new'
  #cancelTick: (() => void) | undefined
  #cancelRetry: (() => void) | undefined

  /** @throws XmppError as {@link createComponent}; `PUBSUB_OPTION` for a creator or an admin that is no JID */
  constructor(options: PubsubComponentOptions) {
    super()
    this.#options = options
    this.jid = parseJid(options.domain).domain
    const { creators, admins = [] } = options
    this.#creators = creators === undefined ? usersOfParent(this.jid) : named('creators', creators)
    this.#admins = named('admins', admins)
    this.#clock = options.stream?.clock ?? systemClock
    this.#store = options.store ?? memoryStore
    this.#engine = this.#newEngine()
    this.#outbox = new Outbox({ saved: () => this.#store.saved(), onUnsaved: error => this.#unsaved(error) })
    this.#connection = createComponent({
      ...options,
      stream: { ...options.stream, limits: { ...trusting, ...options.stream?.limits } },
      addresses: [at(this.jid, [this.#extension()]), at(`*@${this.jid}`, nobody)],
    })
    this.#connection.on('online', link => this.#online(link))
    this.#connection.on('offline', link => this.#offline(link))
  }

  /** The session while there is one. */
  get session(): Session | undefined {
    return this.#connection.session
  }

  get counts(): EngineCounts {
    return this.#engine.counts
  }

  /** Stanzas that wait to leave. */
  get waiting(): number {
    return this.#outbox.waiting
  }

  /** The names of all nodes, in the order in which they were created. */
  names(): Iterable<string> {
    return this.#engine.names()
  }

  /** Undefined when there is no such node. */
  describe(node: string): NodeDescription | undefined {
    return this.#engine.describe(node)
  }

  /**
   * Deletes a node, whoever owns it. Resolves when that is kept; false when there is none.
   * @throws XmppError `PUBSUB_STORE`
   */
  async delete(node: string): Promise<boolean> {
    const outcome = this.#state === 'serving' ? this.#engine.delete(node) : undefined
    if (outcome === undefined) return false
    this.#take(outcome)
    await this.#store.saved()
    return true
  }

  /**
   * Reads the store, and attaches the service then. A connection that fails is tried again and again.
   * @throws XmppError `PUBSUB_STORE` when the store cannot be used
   */
  async start(): Promise<StoreReport> {
    const report = await this.#open()
    // Somebody has thought better of it meanwhile.
    if (this.#state === 'stopped') return report
    this.#state = 'serving'
    this.#tick()
    this.#connection.start()
    return report
  }

  /** Says what is still to be said, leaves the server, and closes the store. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#cancelTick?.()
    this.#cancelRetry?.()
    let cancel = (): void => {}
    const late = new Promise<void>(resolve => {
      cancel = this.#clock.after(FAREWELL, resolve)
    })
    if (this.#connection.session !== undefined) await Promise.race([this.#outbox.empty(), late])
    cancel()
    this.#outbox.close()
    await this.#connection.stop()
    await this.#store.close()
  }

  #newEngine(): PubsubEngine {
    const { limits, autoCreate } = this.#options
    return new PubsubEngine({
      jid: this.jid,
      clock: this.#clock,
      creators: this.#creators,
      admins: this.#admins,
      features: [NS_PING, NS_VERSION],
      ...(limits && { limits }),
      ...(autoCreate !== undefined && { autoCreate }),
    })
  }

  async #open(): Promise<StoreReport> {
    const engine = this.#newEngine()
    const report = await this.#store.open({
      restore: entry => engine.restore(entry),
      snapshot: () => engine.snapshot(),
    })
    this.#engine = engine
    return report
  }

  /** What of the stream is for the engine. */
  #extension(): Xep {
    const ask = (stanza: Element, session: Session): typeof answered => this.#ask(stanza, session)
    const hear = (stanza: Element, act: (engine: PubsubEngine, stanza: Element) => Outcome): void => {
      const { from, to, type } = stanza.attrs
      if (this.#state !== 'serving' || to !== this.jid || !isAddress(from)) return
      // Who comes may have much brought; nobody waits for an answer.
      if (this.#isFull && stanza.name === 'presence' && type !== 'unavailable') return
      this.#take(act(this.#engine, ours(stanza)))
    }
    return {
      name: 'pubsub',
      routes: [
        on('iq-get', NS_DISCO_INFO, 'query', ask),
        on('iq-get', NS_DISCO_ITEMS, 'query', ask),
        on('iq-get', NS_PUBSUB, 'pubsub', ask),
        on('iq-set', NS_PUBSUB, 'pubsub', ask),
        on('iq-get', NS_PUBSUB_OWNER, 'pubsub', ask),
        on('iq-set', NS_PUBSUB_OWNER, 'pubsub', ask),
        on('iq-set', NS_COMMANDS, 'command', ask),
        { kind: 'message', ns: '', name: '', handler: stanza => hear(stanza, (engine, own) => engine.message(own)) },
        { kind: 'presence', ns: '', name: '', handler: stanza => hear(stanza, (engine, own) => engine.presence(own)) },
      ],
    }
  }

  get #isFull(): boolean {
    return this.#outbox.waiting >= MOST_WAITING
  }

  #ask(received: Element, session: Session): typeof answered {
    if (!isAddress(received.attrs.from)) return answered
    const iq = ours(received)
    const refusal = this.#refusal(iq)
    if (refusal === undefined) {
      const { answer, ...outcome } = this.#engine.handle(iq)
      this.#take(outcome, answer, iq)
    } else if (session.writable) {
      // Not behind all that waits: there is too much of it, or nothing comes of it.
      session.send(inNamespace(errorAnswer(iq, refusal), NS_CLIENT, session.stream.ns))
    }
    return answered
  }

  /** Why nothing is done now. */
  #refusal({ attrs: { to } }: Element): StanzaError | undefined {
    if (this.#state === 'stopped') return new StanzaError('wait', 'service-unavailable', 'the service is leaving')
    if (this.#state !== 'serving') return unsaved()
    if (this.#isFull) return new StanzaError('wait', 'resource-constraint', 'too much is to be said')
    // The service has no resources.
    return to === this.jid ? undefined : new StanzaError('cancel', 'item-not-found')
  }

  /** Keeps what has changed, and says the rest when that is done. */
  #take({ sent, entry, cut }: Outcome, answer?: Element, iq?: Element): void {
    this.#append(entry)
    if (cut) this.emit({ type: 'cut', from: iq?.attrs.from })
    this.#outbox.add({
      stanzas: answer === undefined ? sent : [answer, ...sent],
      refusal: () => (iq === undefined ? [] : [errorAnswer(iq, unsaved())]),
    })
  }

  #append(entry: Entry): void {
    if (entry.length > 0) this.#store.append(entry)
  }

  #tick(): void {
    this.#cancelTick = this.#clock.after(TICK, () => {
      if (this.#state === 'serving') this.#take(this.#engine.tick())
      this.#tick()
    })
  }

  #online(link: Extract<Link, { type: 'online' }>): void {
    this.#outbox.use(link.session)
    this.emit(link)
    if (this.#state === 'serving') this.#take(this.#engine.connected())
  }

  #offline(link: Extract<Link, { type: 'offline' }>): void {
    this.#outbox.use(undefined)
    this.emit(link)
  }

  /** Said of each batch that waits. */
  #unsaved(error: unknown): void {
    if (this.#state === 'serving') this.#failed(error, RETRY)
  }

  /** What is in memory is more than what is kept: all begins anew with what is. */
  #failed(error: unknown, retryIn: number): void {
    if (this.#state === 'stopped') return
    this.#state = 'failing'
    this.emit({ type: 'store', error, retryIn })
    this.#cancelRetry = this.#clock.after(retryIn, () => {
      this.#open().then(
        report => {
          if (this.#state !== 'failing') return
          this.#state = 'serving'
          this.emit({ type: 'restored', report })
          if (this.session !== undefined) this.#take(this.#engine.connected())
        },
        reason => this.#failed(reason, Math.min(LONGEST_RETRY, retryIn * 2)),
      )
    })
  }
}

/** As the engine knows stanzas, and its sender as we write JIDs. Deep in it nothing is of the stream's namespace that means anything. */
function ours({ name, ns, attrs, children }: Element): Element {
  const own = children.map(child =>
    typeof child === 'string' || child.ns !== ns
      ? child
      : new Element(child.name, NS_CLIENT, child.attrs, child.children),
  )
  const from = prepareJid(attrs.from ?? '') ?? attrs.from
  return el(name, NS_CLIENT, { ...attrs, from }, ...own)
}

/** An answer to what is no JID may cost us the stream (RFC 6120 §4.9.3.9). */
const isAddress = (from: string | undefined): boolean => from !== undefined && hasJidParts(from)

const unsaved = (): StanzaError =>
  new StanzaError('wait', 'internal-server-error', 'the service cannot keep anything now; try again later')
