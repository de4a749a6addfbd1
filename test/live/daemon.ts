import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { directory, type Finished, type Program, run, start } from '../daemon/program.ts'
import type { LiveServer } from './servers/servers.ts'
import type { User } from './users.ts'

/** ms to wait for what should come soon. */
const PATIENCE = 30_000

/** What a console command came to. */
export interface Reply {
  readonly exit: number | null
  readonly out: string
  readonly err: string
}

/** The daemon as users run it: a process with an xmpp.conf, talked to by `res-xmpp rx`. One in a test, killed with it. */
export class Daemon {
  /** How it has ended. */
  readonly ended: Promise<Pick<Finished, 'code' | 'signal'>>
  readonly #test: Test
  readonly #program: Program
  readonly #config: string
  readonly #control: string

  /** @param settings its res-xmpp.conf */
  constructor(t: Test, config: string, settings = '') {
    this.#test = t
    // Not in the test's own directory: a Unix socket's path has 107 bytes at most.
    this.#control = join(directory(t), 'control')
    const files = t.testdir({ 'xmpp.conf': config, 'res-xmpp.conf': settings })
    this.#config = join(files, 'xmpp.conf')
    chmodSync(this.#config, 0o600)
    const places = ['--settings', join(files, 'res-xmpp.conf'), '--control', this.#control]
    this.#program = start(t, ['run', '-c', this.#config, ...places])
    this.ended = this.#program.finished.then(({ code, signal }) => ({ code, signal }))
    t.teardown(async () => {
      this.signal('SIGKILL')
      await this.ended
      if (!t.passing()) t.comment(this.log)
    })
  }

  /** All it has written to stderr. */
  get log(): string {
    return this.#program.err
  }

  /** Its stdout, where nothing belongs. */
  get out(): string {
    return this.#program.out
  }

  get alive(): boolean {
    const { exitCode, signalCode } = this.#program.child
    return exitCode === null && signalCode === null
  }

  signal(name: NodeJS.Signals): void {
    this.#program.child.kill(name)
  }

  /** Writes another xmpp.conf, for the next reload. */
  configure(config: string): void {
    writeFileSync(this.#config, config)
  }

  /** How often the log has such a line. */
  count(line: RegExp): number {
    return this.log.split('\n').filter(text => line.test(text)).length
  }

  /** Waits until the log has such a line, or so many of them. */
  logged(line: RegExp, times = 1, patience = PATIENCE): Promise<void> {
    return this.#program.until(() => this.count(line) >= times, `line ${line}, ${times} times`, patience)
  }

  /** `res-xmpp rx`, each argument as it is. */
  async rx(...command: string[]): Promise<Reply> {
    const { code, out, err } = await run(this.#test, ['rx', '--control', this.#control, ...command])
    return { exit: code, out, err }
  }

  /** Asks until the output is as wanted, and gives the last reply. */
  async until(wanted: string | RegExp, ...command: string[]): Promise<Reply> {
    const deadline = Date.now() + PATIENCE
    for (;;) {
      const reply = await this.rx(...command)
      const fits = typeof wanted === 'string' ? reply.out === wanted : wanted.test(reply.out)
      if (fits || Date.now() > deadline || !this.alive) return reply
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}

/** One section of an xmpp.conf: options as they are given, a list as several lines. */
export function section(name: string, options: Record<string, string | number | readonly string[]>): string {
  const lines = Object.entries(options).flatMap(([option, value]) =>
    (Array.isArray(value) ? value : [value]).map(one => `${option}=${one}\n`),
  )
  return `[${name}]\n${lines.join('')}\n`
}

/** The section of a client account. */
export function clientSection(
  name: string,
  { server, jid, password }: User,
  options: Parameters<typeof section>[1] = {},
): string {
  return section(name, {
    type: 'client',
    serverhost: '127.0.0.1',
    port: server.port,
    username: `${jid}/${name}`,
    secret: password,
    tls_cafile: server.ca,
    ...options,
  })
}

/** The section of a component account. */
export function componentSection(
  name: string,
  server: LiveServer,
  domain: string,
  options: Parameters<typeof section>[1] = {},
): string {
  return section(name, {
    type: 'component',
    serverhost: '127.0.0.1',
    port: server.componentPort,
    username: domain,
    secret: server.componentSecret,
    ...options,
  })
}
