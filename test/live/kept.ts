import type { Test } from 'tap'
import {
  type ClientOptions,
  type Connection,
  type ConnectionEvent,
  createClient,
  type Session,
} from '../../src/index.ts'
import { Waiters } from '../helper/waiters.ts'
import { at, type User } from './users.ts'

/** Of one type. */
type Told<T extends ConnectionEvent['type']> = Extract<ConnectionEvent, { type: T }>

/** A client that stays connected, as `/same`, and what it tells. Its back-off is as short as it can be. */
export class KeptClient {
  readonly connection: Connection
  readonly #events: ConnectionEvent[] = []
  readonly #news = new Waiters()

  constructor(t: Test, user: User, options: Partial<ClientOptions> = {}) {
    const { jid, password } = user
    this.connection = createClient({ ...at(user.server), jid: `${jid}/same`, password, random: () => 0, ...options })
    for (const type of ['online', 'offline', 'failed', 'message'] as const) {
      this.connection.on(type, event => {
        this.#events.push(event)
        this.#news.wake()
      })
    }
    this.connection.start()
    t.teardown(() => this.connection.stop())
  }

  /** All events of a type, once there are so many or they are as wanted. */
  until<T extends ConnectionEvent['type']>(
    type: T,
    wanted: number | ((events: readonly Told<T>[]) => boolean) = 1,
  ): Promise<Told<T>[]> {
    return this.#news.until(
      () => {
        const events = this.all(type)
        const enough = typeof wanted === 'number' ? events.length >= wanted : wanted(events)
        return enough ? events : undefined
      },
      () => `${this.all(type).length} × ${type} are not what is wanted`,
      30_000,
    )
  }

  all<T extends ConnectionEvent['type']>(type: T): Told<T>[] {
    return this.#events.filter((event): event is Told<T> => event.type === type)
  }

  /** Sends a message, to itself unless told to whom, its body the id. */
  say(body: string, to = this.session.jid): void {
    const { session } = this
    const id = body.slice(0, 100)
    session.send(session.stanza('message', { type: 'chat', to, id }, session.stanza('body', {}, body)))
  }

  get session(): Session {
    const { session } = this.connection
    if (session === undefined) throw new Error('there is no session, and nothing to be resumed')
    return session
  }

  async hears(t: Test, ...bodies: string[]): Promise<void> {
    const heard = await this.until('message', bodies.length)
    t.strictSame(
      heard.map(({ stanza }) => stanza.childText('body')),
      bodies,
    )
  }
}
