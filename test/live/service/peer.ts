import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { Waiters } from '../../helper/waiters.ts'
import { quit } from '../quit.ts'
import type { User } from '../users.ts'

/** Which library a client is made of, each in `<library>-client.py`. */
export type Library = 'slixmpp' | 'aioxmpp' | 'nbxmpp'

/** What a service has told a client; what is in it lines.py says, and the library's file. */
export type Told = { readonly event: string } & Readonly<Record<string, unknown>>

/** What a service has refused. */
export class Refusal extends Error {
  readonly condition: string
  readonly special: string | undefined
  readonly feature: string | undefined

  constructor(fields: Record<string, string | undefined>) {
    super(JSON.stringify(fields))
    this.condition = fields.condition ?? ''
    this.special = fields.special ?? undefined
    this.feature = fields.feature ?? undefined
  }

  /** All of it, as a word or three. */
  get words(): string {
    return [this.condition, this.special, this.feature].filter(word => word !== undefined).join(' ')
  }
}

/** ms to wait for what should come soon. */
const PATIENCE = 10_000

/** A client of a PubSub service that shares no code with ours; gone with the test. */
export class ServiceClient {
  readonly user: User
  /** What its library can, as commands. */
  can: ReadonlySet<string> = new Set()
  /** What it tells of, as events. */
  hears: ReadonlySet<string> = new Set()
  /** Full. */
  jid = ''
  readonly #child: ChildProcessWithoutNullStreams
  readonly #events: Told[] = []
  readonly #replies = new Map<number, { value?: unknown; error?: Record<string, string> }>()
  readonly #news = new Waiters()
  #number = 0
  #errors = ''

  /** Resolves when it is online. */
  static async start(
    t: Test,
    library: Library,
    user: User,
    service: string,
    resource = library as string,
  ): Promise<ServiceClient> {
    const client = new ServiceClient(library, user, service, resource)
    t.teardown(() => client.quit())
    const { jid, can, hears } = await client.next('online')
    client.jid = jid as string
    client.can = new Set(can as string[])
    client.hears = new Set(hears as string[])
    return client
  }

  private constructor(library: Library, user: User, service: string, resource: string) {
    this.user = user
    const { server, jid, password } = user
    const script = fileURLToPath(new URL(`${library}-client.py`, import.meta.url))
    const args = ['127.0.0.1', `${server.port}`, `${jid}/${resource}`, password, server.ca, service]
    this.#child = spawn('/usr/bin/python3', ['-B', script, ...args], { stdio: 'pipe' })
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.on('data', chunk => {
      this.#errors += chunk
    })
    this.#child.on('close', () => this.#news.wake())
    createInterface({ input: this.#child.stdout }).on('line', line => {
      const said = JSON.parse(line)
      if (said.reply === undefined) this.#events.push(said)
      else this.#replies.set(said.reply, said)
      this.#news.wake()
    })
  }

  /** Has the service do something. @throws Refusal */
  async ask<T = unknown>(what: string, args: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const number = ++this.#number
    this.#child.stdin.write(`${JSON.stringify({ number, do: what, ...args })}\n`)
    const reply = await this.#until(() => this.#replies.get(number), `answer to ${what} ${JSON.stringify(args)}`)
    this.#replies.delete(number)
    if (reply.error !== undefined) throw new Refusal(reply.error)
    return reply.value as T
  }

  /** Why it is refused, as words; `done` when it is not. */
  async refusal(what: string, args: Readonly<Record<string, unknown>> = {}): Promise<string> {
    try {
      await this.ask(what, args)
      return 'done'
    } catch (error) {
      if (error instanceof Refusal) return error.words
      throw error
    }
  }

  /** The first event of that kind with these fields that was not asked for yet. */
  next(event: string, fields: Readonly<Record<string, unknown>> = {}): Promise<Told> {
    return this.#until(() => this.seen(event, fields), `${event} ${JSON.stringify(fields)}`)
  }

  /** The same without waiting. */
  seen(event: string, fields: Readonly<Record<string, unknown>> = {}): Told | undefined {
    const wanted = Object.entries({ event, ...fields })
    const index = this.#events.findIndex(each => wanted.every(([name, value]) => each[name] === value))
    return index < 0 ? undefined : this.#events.splice(index, 1)[0]
  }

  /** Goes offline and ends. */
  quit(): Promise<void> {
    return quit(this.#child)
  }

  #until<T>(look: () => T | undefined, what: string): Promise<T> {
    const rest = (): string => `${this.#events.map(event => `${JSON.stringify(event)}\n`).join('')}${this.#errors}`
    return this.#news.until(
      () => {
        const found = look()
        if (found === undefined && this.#child.exitCode !== null) throw new Error(`${rest()}no ${what}: it ended`)
        return found
      },
      () => `${rest()}no ${what}`,
      PATIENCE,
    )
  }
}
