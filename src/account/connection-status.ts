import type { Clock } from '../clock.ts'
import type { Session } from '../session.ts'
import type { Target } from '../stream/resolve.ts'
import type { AccountState } from './events.ts'

/** How an account's connection is doing. Times are the clock's, in ms. */
export interface ConnectionStatus {
  readonly jid: string
  readonly state: AccountState
  /** When it came into that state. */
  readonly since: number
  /** Of the connection that is on; see `Negotiated`. */
  readonly mechanism: string | undefined
  readonly binding: string | undefined
  /** Undefined in clear, and without a connection. */
  readonly tls: { readonly version: string; readonly cipher: string; readonly verified: boolean } | undefined
  readonly target: Target | undefined
  /** Connections that went on with the session of one before (XEP-0198). */
  readonly resumed: number
  /** Stanzas of all its sessions that came as far as Connected. */
  readonly received: number
  readonly sent: number
  /** Why there was no connection, or none any more, the last time; in words for people, which may be a peer's. */
  readonly error: { readonly text: string; readonly at: number } | undefined
  /** When it is tried again; undefined while there is a connection or one is being made. */
  readonly retryAt: number | undefined
}

/** Keeps what {@link ConnectionStatus} tells beyond the moment. */
export class ConnectionBooks {
  readonly #clock: Clock
  #since: number
  #resumed = 0
  /** Of sessions that are over. */
  #received = 0
  #sent = 0
  /** The one whose own counts are to be added. */
  #session: Session | undefined
  #error: ConnectionStatus['error']
  #retryAt: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#since = clock.now()
  }

  /** The state is another one from now on. */
  entered(state: AccountState): void {
    this.#since = this.#clock.now()
    if (state !== 'Disconnected') this.#retryAt = undefined
  }

  /** There is a session; it may be the one of before, which has not stopped counting. */
  online(session: Session, resumed: boolean): void {
    if (resumed) this.#resumed++
    if (session === this.#session) return
    this.#received += this.#session?.received ?? 0
    this.#sent += this.#session?.sent ?? 0
    this.#session = session
  }

  /** @param retryIn in ms */
  offline(text: string, retryIn: number): void {
    const now = this.#clock.now()
    this.#error = { text, at: now }
    this.#retryAt = now + retryIn
  }

  /** @param session the one that is on */
  status(jid: string, state: AccountState, session: Session | undefined): ConnectionStatus {
    const { mechanism, binding, target } = session?.negotiated ?? {}
    const { version, cipher, verified } = session?.stream.transport.tls ?? {}
    return {
      jid,
      state,
      since: this.#since,
      mechanism,
      binding,
      tls: version === undefined || cipher === undefined ? undefined : { version, cipher, verified: verified === true },
      target,
      resumed: this.#resumed,
      received: this.#received + (this.#session?.received ?? 0),
      sent: this.#sent + (this.#session?.sent ?? 0),
      error: this.#error,
      retryAt: state === 'Disconnected' ? this.#retryAt : undefined,
    }
  }
}
