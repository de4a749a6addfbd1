import { at, nobody } from '../addresses.ts'
import { type Clock, systemClock } from '../clock.ts'
import { type ComponentOptions, createComponent } from '../component.ts'
import { Emitter } from '../emitter.ts'
import { StanzaError } from '../errors.ts'
import { parseJid, prepareJid } from '../jid.ts'
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
import type { Element } from '../stream/element.ts'
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from '../xep/0030-disco.ts'
import { NS_COMMANDS } from '../xep/0060-pending.ts'
import { NS_PUBSUB, NS_PUBSUB_OWNER } from '../xep/0060-pubsub.ts'
import { NS_VERSION } from '../xep/0092-version.ts'
import { NS_PING } from '../xep/0199-ping.ts'
import { Outbox } from './outbox.ts'
import { checkNamed, named, usersOfParent } from './people.ts'

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
  readonly #outbox: Outbox
  readonly #connection: Connection
  #engine: PubsubEngine
  #session: Session | undefined
  /** Whether it does what it is asked. */
  #state: 'new' | 'serving' | 'failing' | 'stopped' = 'new'
  #cancelTick: (() => void) | undefined
  #cancelRetry: (() => void) | undefined

  /** @throws XmppError as {@link createComponent}; `PUBSUB_OPTION` for a creator or an admin that is no JID */
  constructor(options: PubsubComponentOptions) {
    super()
    this.#options = options
    this.jid = parseJid(options.domain).domain
    checkNamed('creators', options.creators ?? [])
    checkNamed('admins', options.admins ?? [])
    this.#clock = options.stream?.clock ?? systemClock
    this.#store = options.store ?? memoryStore
    this.#engine = this.#newEngine()
    this.#outbox = new Outbox({ saved: () => this.#store.saved(), onUnsaved: error => this.#failed(error, RETRY) })
    this.#connection = createComponent({
      ...options,
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
    const { creators, admins, limits, autoCreate } = this.#options
    return new PubsubEngine({
      jid: this.jid,
      clock: this.#clock,
      creators: creators === undefined ? usersOfParent(this.jid) : named(creators),
      admins: named(admins ?? []),
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
    const ask = (stanza: Element): typeof answered => this.#ask(stanza)
    const hear = (stanza: Element, act: (engine: PubsubEngine, stanza: Element) => Outcome): void => {
      if (this.#state === 'serving') this.#take(act(this.#engine, ours(stanza)))
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

  #ask(received: Element): typeof answered {
    if (this.#state !== 'serving') throw unsaved()
    if (this.#outbox.waiting >= MOST_WAITING)
      throw new StanzaError('wait', 'resource-constraint', 'too much is to be said')
    const iq = ours(received)
    const { answer, ...outcome } = this.#engine.handle(iq)
    this.#take(outcome, answer, iq)
    return answered
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
    this.#session = link.session
    this.#outbox.use(link.session)
    this.emit(link)
    if (this.#state === 'serving') this.#take(this.#engine.connected())
  }

  #offline(link: Extract<Link, { type: 'offline' }>): void {
    this.#session = undefined
    this.#outbox.use(undefined)
    this.emit(link)
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
          if (this.#session !== undefined) this.#take(this.#engine.connected())
        },
        reason => this.#failed(reason, Math.min(LONGEST_RETRY, retryIn * 2)),
      )
    })
  }
}

/** As the engine knows stanzas, and its sender as we write JIDs. */
function ours(stanza: Element): Element {
  const own = inNamespace(stanza, stanza.ns, NS_CLIENT)
  const { from } = own.attrs
  const prepared = from === undefined ? undefined : prepareJid(from)
  if (prepared !== undefined && prepared !== from) own.attrs.from = prepared
  return own
}

const unsaved = (): StanzaError =>
  new StanzaError('wait', 'internal-server-error', 'the service cannot keep anything now; try again later')
