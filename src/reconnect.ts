import { type Clock, systemClock } from './clock.ts'
import { Emitter } from './emitter.ts'
import { SaslError, StreamError, XmppError } from './errors.ts'
import { onEvery, type Xep } from './routes.ts'
import type { Session, SessionOptions } from './session.ts'
import type { Element } from './stream/element.ts'
import { readOtherHost } from './stream/other-host.ts'
import { MAX_REDIRECTS, type Redirect } from './targets.ts'

/** What becomes of a connection that is kept up. */
export type Link =
  /** With `resumed` the session is the one that was there before, and has only changed its stream (XEP-0198 §5). */
  | { readonly type: 'online'; readonly session: Session; readonly resumed: boolean }
  /** `retryIn` in ms. `kept` is the session that the next connection will try to resume, undefined when there is none. */
  | {
      readonly type: 'offline'
      readonly error: unknown
      readonly retryIn: number
      readonly kept: Session | undefined
    }

/** What each attempt to connect is handed. */
export interface Attempted {
  readonly signal: AbortSignal
  /** Where a server has sent us. */
  readonly redirect: Redirect | undefined
  /** To be resumed, or taken over from. */
  readonly earlier: Session | undefined
}

/** How a connection is kept up, and until when. */
export interface ReconnectOptions {
  /** Ends it all: an open session is closed politely. */
  readonly signal: AbortSignal
  readonly clock?: Clock
  /** 0 ≤ random() < 1. */
  readonly random?: () => number
  /** Told of each wait for the next attempt; calling `tryNow` ends it, and the next wait is as after a first failure. */
  readonly onWaiting?: (tryNow: () => void) => void
}

/** A connection that stayed up this long, in ms, was a good one: the next failure counts as the first again. */
const STABLE = 30_000
/** The same where it was resumed and something has arrived: nothing is wrong with such a server, only with the way to it. */
const STABLE_RESUMED = 1000

/**
 * Keeps one connection alive until aborted. A session is being read while the consumer works on `online`. One that is lost is resumed
 * where it can be; where not, the next one takes over what has not arrived. Where a server ends one with `see-other-host`, `connect` is handed
 * where to go first, and called without delay unless that has happened too often in a row.
 */
export async function* stayConnected(
  connect: (attempted: Attempted) => Promise<Session>,
  { signal, clock = systemClock, random = Math.random, onWaiting }: ReconnectOptions,
): AsyncGenerator<Link, void, void> {
  let redirect: Redirect | undefined
  let redirects = 0
  let earlier: Session | undefined
  /** Where the server wants it to be resumed has been tried since it was lost. */
  let located = false
  try {
    for (let attempt = 0; !signal.aborted; attempt++) {
      let error: unknown
      let session: Session | undefined
      let since = 0
      let progress = 0
      const close = (): void => void session?.close().catch(() => {})
      try {
        const location: Redirect | undefined = located || redirect !== undefined ? undefined : locationOf(earlier)
        located ||= location !== undefined
        const made = await connect({ signal, redirect: redirect ?? location, earlier })
        const resumed = made === earlier
        // Nothing is left of it but where `connect` has not handed it on.
        if (!resumed)
          earlier?.giveUp(new XmppError('XMPP_STREAM_ENDED', 'the session was lost, and another one has begun'))
        session = earlier = made
        located = false
        signal.throwIfAborted()
        since = clock.now()
        progress = made.progress
        signal.addEventListener('abort', close)
        // A consumer may be waiting for an answer that comes only when the session is resumed, for which it is waited here.
        let busy = true
        const running = made.run({ keep: true })
        running.catch(reason => busy && made.rejectRequests(reason))
        yield { type: 'online', session: made, resumed }
        busy = false
        await running
        error = new XmppError('XMPP_STREAM_ENDED', 'the server closed the stream')
      } catch (reason) {
        error = reason
      } finally {
        signal.removeEventListener('abort', close)
        // Only a consumer that has left its loop leaves a stream open.
        if (session !== undefined && !session.stream.over) await session.close()
      }
      if (signal.aborted) return
      const lasted = session === undefined ? 0 : clock.now() - since
      const moved = session !== undefined && session.resumptions > 0 && session.progress !== progress
      if (lasted >= STABLE) redirects = 0
      if (lasted >= (moved ? STABLE_RESUMED : STABLE)) attempt = 0
      redirect = session && redirects < MAX_REDIRECTS ? redirectOf(error, session) : undefined
      if (redirect !== undefined) redirects++
      const retryIn = redirect === undefined ? retryDelay(error, attempt, random()) : 0
      yield { type: 'offline', error, retryIn, kept: earlier?.waiting ? earlier : undefined }
      if (retryIn > 0 && (await sleep(clock, retryIn, signal, onWaiting))) attempt = -1
    }
  } finally {
    earlier?.giveUp(signal.reason)
  }
}

/** Only of a session: on the way to one redirections have been followed already. */
function redirectOf(error: unknown, { target: from }: Session): Redirect | undefined {
  const other = error instanceof StreamError ? error.otherHost : undefined
  return other && { ...other, from }
}

/** Where the server wants the session to be resumed (XEP-0198 §5); whatever is there, its certificate is for the domain. */
function locationOf(earlier: Session | undefined): Redirect | undefined {
  const location = earlier?.resumption?.location
  const other = location === undefined ? undefined : readOtherHost(location)
  return other && { ...other, from: earlier?.target }
}

/** Trying again soon does not help with these: someone has to change something first, or the two of us would fight. */
const slowConditions = new Set([
  'conflict',
  'not-authorized',
  'host-unknown',
  'host-gone',
  'policy-violation',
  'invalid-from',
])

/**
 * ms to wait after `attempt` failures in a row: 1, 2, 4 … 60 s, shortened by up to half at random so that many do not come back at once;
 * 1 to 10 minutes and a bit where haste is pointless.
 */
export function retryDelay(error: unknown, attempt: number, random: number): number {
  if (pointless(error)) {
    return Math.min(600_000, 60_000 * 2 ** attempt) * (1 + random / 4)
  }
  return Math.min(60_000, 1000 * 2 ** attempt) * (0.5 + random / 2)
}

function pointless(error: unknown): boolean {
  if (error instanceof SaslError) return error.condition !== 'temporary-auth-failure'
  if (error instanceof StreamError) return slowConditions.has(error.condition)
  if (!(error instanceof XmppError)) return false
  if (error.code === 'XMPP_OAUTH') return lastingGrantErrors.has(error.condition ?? '')
  return error.code === 'XMPP_SASLPREP'
}

/** What a token endpoint says that someone has to do something about (RFC 6749 §5.2). */
const lastingGrantErrors = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
])

/** @returns whether somebody has cut it short */
function sleep(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  onWaiting: ReconnectOptions['onWaiting'],
): Promise<boolean> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve(false)
    const end = (short: boolean): void => {
      cancel()
      signal.removeEventListener('abort', aborted)
      resolve(short)
    }
    const aborted = (): void => end(false)
    const cancel = clock.after(ms, () => end(false))
    signal.addEventListener('abort', aborted)
    onWaiting?.(() => end(true))
  })
}

/** Everything a {@link Connection} tells, by its `type`. */
export type ConnectionEvent =
  | Link
  /** See {@link SessionOptions.onFailed}. What a new session has found left of the one before is told behind its `online`, so that it may be sent again. */
  | { readonly type: 'failed'; readonly stanza: Element; readonly error: XmppError }
  | { readonly type: 'message'; readonly stanza: Element; readonly session: Session }
  | { readonly type: 'presence'; readonly stanza: Element; readonly session: Session }

/** What a {@link Connection} hands to each of its attempts: an extension that hears everything, and whom to tell of what has failed. */
export interface Wiring extends Attempted {
  readonly xep: Xep
  readonly onFailed: NonNullable<SessionOptions['onFailed']>
}

/** Connects once. */
export type Connect = (wiring: Wiring) => Promise<Session>

/** A connection that is kept up, for those who like events better than loops. */
export class Connection extends Emitter<ConnectionEvent> {
  readonly #connect: Connect
  readonly #pace: Pick<ReconnectOptions, 'clock' | 'random'>
  #abort: AbortController | undefined
  #ended: Promise<void> = Promise.resolve()
  #session: Session | undefined

  /** @param pace the clock and the dice of the back-off; see {@link ReconnectOptions} */
  constructor(connect: Connect, pace: Pick<ReconnectOptions, 'clock' | 'random'> = {}) {
    super()
    this.#connect = connect
    this.#pace = pace
  }

  /** The session while there is one; also while it waits to be resumed, and then takes what it is given to send. */
  get session(): Session | undefined {
    return this.#session
  }

  /** Connects, and again whenever the connection is lost, until `stop()`; one that is still stopping is waited for. */
  start(): void {
    if (this.#abort?.signal.aborted === false) return
    const abort = new AbortController()
    this.#abort = abort
    this.#ended = this.#ended.then(() => this.#run(abort.signal))
  }

  /** Closes the session politely; resolves when it is over. */
  async stop(): Promise<void> {
    this.#abort?.abort(new XmppError('XMPP_STOPPED', 'stopped'))
    await this.#ended
  }

  async #run(signal: AbortSignal): Promise<void> {
    const hear = (type: 'message' | 'presence') =>
      onEvery(type, (stanza, session) => this.emit({ type, stanza, session } as ConnectionEvent))
    const xep: Xep = { name: 'events', routes: [hear('message'), hear('presence')] }
    /** What a new session has found left of the one before: whoever hears of it may send it again. */
    let left: (readonly [Element, XmppError])[] | undefined
    const failed = (stanza: Element, error: XmppError): void => this.emit({ type: 'failed', stanza, error })
    const onFailed: typeof failed = (stanza, error) => {
      if (left === undefined) failed(stanza, error)
      else left.push([stanza, error])
    }
    const tell = (): void => {
      const told = left ?? []
      left = undefined
      for (const [stanza, error] of told) failed(stanza, error)
    }
    const connect = (attempted: Attempted): Promise<Session> => {
      left = []
      return this.#connect({ ...attempted, xep, onFailed })
    }
    try {
      for await (const link of stayConnected(connect, { ...this.#pace, signal })) {
        this.#session = link.type === 'online' ? link.session : link.kept
        this.emit(link)
        tell()
      }
    } finally {
      this.#session = undefined
      tell()
    }
  }
}
