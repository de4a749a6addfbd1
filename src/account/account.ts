import { type Clock, systemClock } from '../clock.ts'
import type { AccountConfig } from '../config/account.ts'
import type { Effect } from '../config/options.ts'
import { Emitter } from '../emitter.ts'
import { describe, XmppError } from '../errors.ts'
import { bareJid, formatJid, parseJid } from '../jid.ts'
import { type Attempted, type Link, stayConnected } from '../reconnect.ts'
import type { Xep } from '../routes.ts'
import { type Hide, hiding } from '../secret-forms.ts'
import type { Session } from '../session.ts'
import type { Dns } from '../stream/dns.ts'
import type { Element } from '../stream/element.ts'
import { escapeXml } from '../stream/escape.ts'
import type { Limits } from '../stream/parser.ts'
import type { Target } from '../stream/resolve.ts'
import type { Direction, Trace } from '../stream/stream.ts'
import { TlsSessions } from '../stream/tls-sessions.ts'
import type { Turns } from '../turns.ts'
import { type Capabilities, CapsLookup } from '../xep/0115-lookup.ts'
import { keepalive } from '../xep/0199-ping.ts'
import { Announcer, probe } from './announce.ts'
import { arrivals } from './arrivals.ts'
import { Buddies, type JabberStatus, type Resource } from './buddies.ts'
import { BuddyCapabilities } from './capabilities.ts'
import { componentXeps } from './component-xeps.ts'
import { connectAccount } from './connect.ts'
import { ConnectionBooks, type ConnectionStatus } from './connection-status.ts'
import { configured } from './debug.ts'
import { Distribution, type Sharing } from './distribution/index.ts'
import { DropReport } from './drop-report.ts'
import type { AccountEvent, AccountState } from './events.ts'
import { Inbox, type InboxLimits, type IncomingMessage } from './inbox.ts'
import { risksOf } from './risks.ts'
import { AccountRoster } from './roster.ts'
import { Sent } from './sent.ts'
import { Tokens } from './tokens.ts'

/** What an account needs from outside; everything has a default. */
export interface AccountEnvironment {
  readonly clock?: Clock
  readonly random?: () => number
  /** Where names are looked up. Default: as this machine is set up. */
  readonly dns?: Dns
  readonly streamLimits?: Partial<Limits>
  readonly inboxLimits?: Partial<InboxLimits>
  /** Shared by accounts that shall not all connect at once, when their logins would take each other's time until all took too long. */
  readonly turns?: Turns
  /** Shared by accounts, so that what one has looked up all of them know. */
  readonly caps?: CapsLookup
  /** Shared by accounts with `distribute_events`; without it that option has no effect. */
  readonly sharing?: Sharing
}

/** What an account shows of itself; see the options `status` and `statusmessage`. */
export type ShownPresence = Pick<AccountConfig, 'status' | 'statusmessage'>

/** One account of xmpp.conf: it keeps itself connected between `start()` and `stop()`, knows its buddies and holds messages. */
export class Account extends Emitter<AccountEvent> {
  readonly buddies = new Buddies()
  readonly inbox: Inbox
  readonly #environment: AccountEnvironment
  readonly #clock: Clock
  readonly #arrivals: Xep
  readonly #books: ConnectionBooks
  readonly #capabilities: BuddyCapabilities
  readonly #roster = new AccountRoster(this.buddies)
  readonly #announcer = new Announcer(() => this.#effective, this.buddies)
  readonly #distribution: Distribution
  /** A change of configuration ends the distribution of events. */
  #unsharing: Promise<void> | undefined
  readonly #tlsSessions = new TlsSessions()
  readonly #tokens: Tokens
  /** Made when a text comes that may hold secrets, anew when there are others. */
  #hide: { readonly secrets: readonly string[]; readonly hide: Hide } | undefined
  #config: AccountConfig
  #debug: boolean | undefined
  /** Asked for at run time, in the place of what is configured. */
  #shown: ShownPresence | undefined
  #state: AccountState = 'Disconnected'
  #session: Session | undefined
  /** Started and not stopped since. */
  #wanted = false
  #abort: AbortController | undefined
  /** Between two attempts to connect: 'soon' until the wait for the next one has begun, then what ends it, 'no longer' when somebody wants it ended. */
  #waits: (() => void) | 'soon' | 'no longer' | undefined
  #ended: Promise<void> = Promise.resolve()
  #stopKeepalive: (() => void) | undefined
  /** What was known of the buddies when the connection was lost, for the case that its session is resumed. */
  #presence: ReadonlyMap<string, readonly Resource[]> = new Map()
  /** The session in which our presence has been sent. */
  #announced: Session | undefined
  /** Tells the server that it is still us after a lost connection (XEP-0388 §2.3). */
  readonly #userAgentId = crypto.randomUUID()
  readonly #sent = new Sent()
  /** The servers tried for the connection that is on or being made. */
  #tried: Target[] = []

  constructor(config: AccountConfig, environment: AccountEnvironment = {}) {
    super()
    this.#config = config
    this.#environment = environment
    this.#clock = environment.clock ?? systemClock
    this.buddies.configure(config.buddy)
    this.#books = new ConnectionBooks(this.#clock)
    this.#capabilities = new BuddyCapabilities(environment.caps ?? new CapsLookup())
    this.#tokens = new Tokens(this.#clock, text => this.#warn(text))
    const drops = new DropReport(this.#clock, text => this.#warn(text))
    this.inbox = new Inbox({
      hold: () => this.#config.timeout * 1000,
      clock: this.#clock,
      limits: environment.inboxLimits ?? {},
      onDrop: () => drops.dropped(),
    })
    this.#arrivals = arrivals({
      config: () => this.#effective,
      buddies: this.buddies,
      announcer: this.#announcer,
      roster: this.#roster,
      inbox: this.inbox,
      clock: this.#clock,
      capabilities: this.#capabilities,
      emit: event => {
        if (event.type === 'presence') this.#distribution.presence(event.from, event.available)
        this.emit(event)
      },
      sent: this.#sent,
    })
    this.#distribution = new Distribution({
      config: () => this.#config,
      buddies: this.buddies,
      clock: this.#clock,
      sharing: environment.sharing,
      hide: text => this.hideSecrets(text),
      emit: event => this.emit(event),
    })
  }

  get config(): AccountConfig {
    return this.#config
  }

  /** Whether stanzas are told as events. Setting it holds until the option itself changes. */
  get debug(): boolean {
    return this.#debug ?? this.#config.debug
  }

  set debug(on: boolean) {
    this.#debug = on
    if (this.#session !== undefined) this.#session.stream.trace = this.#traced()
  }

  /** A text of a peer's without our secrets, configured or fetched: a server may repeat them by mistake, or to have them written down. */
  hideSecrets(text: string): string {
    const { secrets } = this.#tokens
    if (this.#hide?.secrets !== secrets)
      this.#hide = { secrets, hide: hiding([...configured(this.#config), ...secrets]) }
    return this.#hide.hide(text)
  }

  get name(): string {
    return this.#config.name
  }

  get state(): AccountState {
    return this.#state
  }

  /** The JID the server gave us, or the configured one while there is none. */
  get jid(): string {
    return this.#session?.jid ?? formatJid(this.#config.jid)
  }

  /** How the connection is doing. */
  get connection(): ConnectionStatus {
    return this.#books.status(this.jid, this.#state, this.#session)
  }

  /** What is shown to others while the account is connected: as configured, or as it was asked for since. */
  get presence(): ShownPresence {
    const { status, statusmessage } = this.#shown ?? this.#config
    return { status, statusmessage }
  }

  /**
   * Shows another presence, over reconnects too, until the options `status` or `statusmessage` change; undefined shows what they say.
   * @throws XmppError `XMPP_XML_CHARACTER` for a message that cannot be sent; `XMPP_SEND_LIMIT`: it is shown when the server reads again
   *   and the connection is made anew
   */
  show(presence: ShownPresence | undefined): void {
    escapeXml(presence?.statusmessage ?? '')
    this.#shown = presence
    const session = this.#session
    if (session?.stream.writable) this.#announcer.say(session)
    else this.#announcer.changed()
  }

  /** The session while the account is connected. */
  get session(): Session | undefined {
    return this.#session
  }

  /** Connects now, if it waits for its next attempt. @returns whether it did */
  retry(): boolean {
    const waits = this.#waits
    if (waits === undefined) return false
    this.#waits = 'no longer'
    if (typeof waits === 'function') waits()
    return waits !== 'no longer'
  }

  /** Connects, and again whenever the connection is lost. */
  start(): void {
    this.#wanted = true
    this.#distribution.start()
    this.#launch()
  }

  /**
   * Leaves politely: the states of our devices, unavailable presence, then the end of the stream. Resolves when all is over, within about 4 s; messages
   * still held are given up.
   */
  async stop(): Promise<void> {
    this.#wanted = false
    const farewell = this.#distribution.stop()
    if (farewell !== undefined) {
      if (this.#abort !== undefined) this.#setState('Disconnecting')
      await farewell
    }
    await this.#leave()
    // Someone may have started it again meanwhile.
    if (this.#wanted) this.start()
    else this.inbox.close(new XmppError('XMPP_STOPPED', `account ${this.name} was stopped`))
  }

  /** Takes a changed configuration; what that does is told by its effects, as `diffAccounts` finds them. */
  async update(config: AccountConfig, effects: ReadonlySet<Effect>): Promise<void> {
    while (this.#unsharing !== undefined) await this.#unsharing
    if (this.#distribution.isOther(config)) {
      // The next one waits its turn.
      this.#unsharing = this.#distribution.stop(true)?.finally(() => {
        this.#unsharing = undefined
      })
      await this.#unsharing
    }
    const before = this.#config
    // Its goodbye is for the buddies of before. Whatever is connected next, here or by a later change, is as this one says.
    const leaving = effects.has('reconnect') && this.#abort !== undefined ? this.#leave() : undefined
    this.#config = config
    this.#hide = undefined
    if (before.debug !== config.debug) this.#debug = undefined
    const { status, statusmessage } = config
    if (before.status !== status || before.statusmessage !== statusmessage) this.#shown = undefined
    this.buddies.configure(config.buddy)
    if (leaving !== undefined) await leaving
    // Not before: until then what comes is about the one that was.
    this.#forgetOther(before)
    if (this.#wanted) this.#distribution.start()
    if (effects.has('buddies')) this.#distribution.changeOwners(before.buddy)
    if (leaving !== undefined) {
      if (this.#wanted) this.#launch()
      return
    }
    const session = this.#session
    if (!session?.stream.writable) {
      if (effects.has('presence') || effects.has('buddies')) this.#announcer.changed()
      return
    }
    if (effects.has('live')) this.#watch(session)
    if (config.autoprune) void this.#prune(session)
    if (effects.has('presence')) this.#announcer.say(session)
    if (effects.has('buddies')) this.#announcer.changeBuddies(session, before.buddy, effects.has('presence'))
  }

  /** What was known of another account, and what another server counts in its own way, is nothing of this one's. */
  #forgetOther({ type, jid, serverhost, port }: AccountConfig): void {
    const now = this.#config
    const same = type === now.type && bareJid(formatJid(jid)) === bareJid(formatJid(now.jid))
    if (!same || serverhost !== now.serverhost || port !== now.port) this.#roster.forget()
    if (same) return
    this.buddies.roster([])
    this.#announcer.watchers.clear()
  }

  /**
   * Sends a chat message; resolves with its id when it is on its way. Should it come back, the event `bounce` tells, with that id.
   * @throws XmppError `XMPP_NOT_CONNECTED`, `XMPP_JID_MALFORMED`, `XMPP_XML_CHARACTER`, `XMPP_SEND_LIMIT`
   */
  async send(to: string, body: string): Promise<string> {
    const prepared = formatJid(parseJid(to))
    const session = this.#session
    if (!session?.stream.writable) {
      const text = `account ${this.name} is not connected (${this.#state}): the message was not sent`
      throw new XmppError('XMPP_NOT_CONNECTED', text)
    }
    const id = session.nextId()
    this.#sent.remember(id, prepared)
    const attrs = { type: 'chat', to, from: session.jid, id }
    await session.send(session.stanza('message', attrs, session.stanza('body', {}, body)))
    return id
  }

  /** JABBER_RECEIVE; see {@link Inbox.receive}. */
  receive(jid: string, timeout: number, signal?: AbortSignal): Promise<IncomingMessage | undefined> {
    return this.inbox.receive(jid, timeout, signal)
  }

  /** JABBER_STATUS; see {@link Buddies.status}. */
  status(jid: string): JabberStatus {
    return this.buddies.status(jid)
  }

  /** What a buddy's resource can do (XEP-0115); undefined while that is not known, or when it has announced nothing. */
  capabilities({ caps }: Resource): Capabilities | undefined {
    return caps && this.#capabilities.of(caps)
  }

  // ── the life of a connection ─────────────────────────────────────────────────────────────────────────────────────────

  #launch(): void {
    if (this.#abort !== undefined) return
    this.#abort = new AbortController()
    this.#ended = this.#run(this.#abort.signal)
  }

  async #leave(): Promise<void> {
    const abort = this.#abort
    if (abort === undefined) return
    if (!abort.signal.aborted) {
      this.#setState('Disconnecting')
      if (this.#session?.stream.writable) this.#announcer.goodbye(this.#session)
      abort.abort(new XmppError('XMPP_STOPPED', 'the account was stopped'))
    }
    await this.#ended
    if (this.#abort === abort) this.#abort = undefined
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { random } = this.#environment
    this.#tokens.restart()
    const onWaiting = (tryNow: () => void): void => {
      if (this.#waits === 'no longer') tryNow()
      else this.#waits = tryNow
    }
    const options = { signal, clock: this.#clock, onWaiting, ...(random && { random }) }
    for await (const link of stayConnected(attempted => this.#connect(attempted), options)) {
      if (link.type === 'offline') this.#offline(link)
      else {
        const { session, resumed } = link
        // One that was lost before we had said that we are there begins as a new one does.
        const online = resumed && session === this.#announced ? this.#resumed(session) : this.#online(session, resumed)
        await online.catch(error => session.stream.destroy(error))
      }
    }
    this.#forget()
    this.#waits = undefined
    this.#presence = new Map()
    this.#announced = undefined
  }

  async #connect(attempted: Attempted): Promise<Session> {
    this.#waits = undefined
    const turn = await this.#environment.turns?.take(attempted.signal)
    try {
      return await this.#connectNow(attempted)
    } finally {
      turn?.()
    }
  }

  async #connectNow(attempted: Attempted): Promise<Session> {
    const { random, dns } = this.#environment
    this.#tried = []
    this.#setState('Connecting')
    const session = await connectAccount(this.#config, {
      ...attempted,
      random,
      dns,
      onTarget: target => {
        this.#tried.push(target)
        this.#setState('Connecting')
      },
      xeps: [
        this.#arrivals,
        this.#distribution.xep,
        ...(this.#config.type === 'component'
          ? componentXeps(this.#config.jid.domain, this.buddies, this.#announcer.watchers)
          : []),
      ],
      stream: {
        clock: this.#clock,
        ...(this.#environment.streamLimits && { limits: this.#environment.streamLimits }),
        trace: this.#traced(),
      },
      onProgress: progress => this.#setState(progress),
      sessions: this.#tlsSessions,
      userAgentId: this.#userAgentId,
      token: refused => this.#tokens.fetch(this.#config, attempted.signal, refused),
      session: {
        onFailed: (stanza, error) => this.emit({ type: 'failed', stanza, error }),
        onHandlerError: (error, stanza) => {
          const why = this.hideSecrets(describe(error))
          this.#warn(`a <${stanza.name}> could not be handled: ${why}`)
        },
      },
    })
    // Before it is read: what the server had kept for us is news.
    if (session === attempted.earlier) this.buddies.restorePresence(this.#presence)
    this.#presence = new Map()
    return session
  }

  async #online(session: Session, resumed: boolean): Promise<void> {
    if (session.target !== undefined) this.#tried = [session.target]
    this.#warnOfRisks(session)
    if (!session.component) {
      this.#setState('Retrieving roster')
      try {
        await this.#roster.read(session)
      } catch (error) {
        if (!session.stream.writable) return
        this.#warn(`the roster could not be read: ${this.hideSecrets(describe(error))}`)
      }
    }
    // Aborted, or cut, while we waited: what comes next belongs to a session.
    if (!session.stream.writable) return
    this.#session = session
    this.#watch(session)
    this.#announcer.announce(session)
    probe(session, this.buddies.list())
    this.#announced = session
    this.#connected(session, resumed)
    if (this.#config.autoprune) void this.#prune(session)
  }

  /** The session goes on as if nothing had happened (XEP-0198 §5): the server knows our presence, and we know that of others. */
  async #resumed(session: Session): Promise<void> {
    if (session.target !== undefined) this.#tried = [session.target]
    this.#warnOfRisks(session)
    this.#session = session
    this.#watch(session)
    if (this.#announcer.stale) this.#announcer.announce(session)
    this.#connected(session, true)
  }

  /** The configuration, with the presence that was asked for at run time. */
  get #effective(): AccountConfig {
    return this.#shown === undefined ? this.#config : { ...this.#config, ...this.#shown }
  }

  async #prune(session: Session): Promise<void> {
    const pruned = await this.#roster.prune(session)
    if (pruned !== undefined) this.emit({ type: 'pruned', ...pruned })
  }

  #connected(session: Session, resumed: boolean): void {
    const { jid, negotiated, stream } = session
    this.#setState('Connected')
    this.#books.online(session, resumed)
    const { mechanism, binding, unbound, target } = negotiated
    const tls = stream.transport.tls?.version
    this.emit({ type: 'connected', resumed, jid, mechanism, binding, unbound, tls, target })
    this.#distribution.online(session, resumed)
  }

  #offline({ error, retryIn, kept }: Extract<Link, { type: 'offline' }>): void {
    this.#forget()
    if (retryIn > 0) this.#waits = 'soon'
    this.#books.offline(this.hideSecrets(describe(error)), retryIn)
    this.emit({ type: 'offline', error, retryIn, resumable: kept !== undefined, targets: this.#tried })
  }

  #forget(): void {
    // Of several failures in a row the first one knows what there was. The session may come back, and with it the presence of others.
    const presence = this.buddies.takePresence()
    if (presence.size > 0) this.#presence = presence
    this.#session = undefined
    this.#distribution.offline()
    this.#stopKeepalive?.()
    this.#stopKeepalive = undefined
    this.#setState('Disconnected')
  }

  /** What may change while a session lasts. */
  #watch(session: Session): void {
    session.stream.trace = this.#traced()
    this.#stopKeepalive?.()
    this.#stopKeepalive = this.#config.keepalive ? keepalive(session) : undefined
  }

  // ── telling ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #setState(state: AccountState): void {
    if (state === this.#state) return
    this.#state = state
    this.#books.entered(state)
    this.emit({ type: 'state', state })
  }

  #traced(): Trace | undefined {
    return this.debug ? this.#trace : undefined
  }

  readonly #trace = (direction: Direction, element: Element): void => {
    this.emit({ type: 'debug', direction, element })
  }

  #warn(text: string): void {
    this.emit({ type: 'warning', text })
  }

  #warnOfRisks(session: Session): void {
    for (const risk of risksOf(session, this.#config)) this.#warn(risk)
  }
}
