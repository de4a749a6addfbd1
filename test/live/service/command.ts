import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { directory, type Finished, type Program, start } from '../../daemon/program.ts'
import type { LiveServer } from '../servers/servers.ts'

/** What is unusual about a service. */
export interface CommandOptions {
  readonly creators?: readonly string[]
  /** Where it comes instead of to its server's port. */
  readonly port?: number
}

/** `res-xmpp pubsub` as users run it, again and again with the same store. */
export class ServiceCommand {
  readonly jid: string
  readonly #test: Test
  readonly #args: readonly string[]
  readonly #store: string
  #program: Program | undefined

  constructor(t: Test, server: LiveServer, domain: string, { creators = [], port }: CommandOptions = {}) {
    this.jid = domain
    this.#test = t
    const place = directory(t)
    const [secret, store] = [join(place, 'secret'), join(place, 'store')]
    writeFileSync(secret, `${server.componentSecret}\n`, { mode: 0o600 })
    mkdirSync(store, { mode: 0o700 })
    this.#store = store
    this.#args = [
      ...['pubsub', '--domain', domain, '--host', '127.0.0.1', '--port', `${port ?? server.componentPort}`],
      ...['--secret-file', secret, '--store', store, '--control', join(place, 'control')],
      ...creators.flatMap(creator => ['--creator', creator]),
    ]
  }

  /** Starts it; resolves when it is attached. */
  async start(): Promise<void> {
    this.#program = start(this.#test, this.#args)
    await this.attached()
  }

  /** Resolves when it has been attached that often since it was started. */
  attached(times = 1): Promise<void> {
    return this.logged(/ attached to /, times)
  }

  /** Waits until the log has such a line, so many times. */
  async logged(line: RegExp, times = 1): Promise<void> {
    const count = (err: string) => err.split('\n').filter(text => line.test(text)).length
    await this.#started.until(err => count(err) >= times, `line ${line}, ${times} times`, 30_000)
  }

  /** Kills it as a power cut would, but for the disk. */
  async kill(): Promise<void> {
    this.#started.child.kill('SIGKILL')
    await this.#started.finished
  }

  /** Ends it politely. */
  terminate(): Promise<Finished> {
    this.#started.child.kill('SIGTERM')
    return this.#started.finished
  }

  /** The files of its store. */
  get files(): readonly string[] {
    return readdirSync(this.#store)
  }

  /** What it has written since it was started. */
  get log(): string {
    return this.#started.err
  }

  get #started(): Program {
    if (this.#program === undefined) throw new Error('it was not started')
    return this.#program
  }
}
