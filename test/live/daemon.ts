import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { LiveServer } from './servers/servers.ts'
import type { User } from './users.ts'

const bin = fileURLToPath(new URL('../../bin/res-xmpp.js', import.meta.url))

/** ms to wait for what should come soon. */
const PATIENCE = 15_000

export interface Reply {
  readonly exit: number
  readonly out: string
  readonly err: string
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** The daemon as users run it: a process with an xmpp.conf, talked to by `res-xmpp rx`. One in a test, killed with it. */
export class Daemon {
  /** All it has written to stderr. */
  log = ''
  /** Its stdout, where nothing belongs. */
  out = ''
  /** Resolves when it has ended. */
  readonly ended: Promise<Exit>
  readonly #child: ChildProcess
  readonly #config: string
  readonly #control: string
  #arrived = new Set<() => void>()

  constructor(t: Test, config: string) {
    // Not in the test's own directory: a Unix socket's path has 107 bytes at most.
    const directory = mkdtempSync(join(tmpdir(), 'res-xmpp-'))
    this.#control = join(directory, 'control')
    const files = t.testdir({ 'xmpp.conf': config, 'res-xmpp.conf': '' })
    this.#config = join(files, 'xmpp.conf')
    const settings = ['--settings', join(files, 'res-xmpp.conf'), '--control', this.#control]
    const args = [bin, 'run', '-c', this.#config, ...settings]
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.log += text
      for (const arrived of this.#arrived) arrived()
    })
    this.ended = new Promise(resolve => this.#child.once('close', (code, signal) => resolve({ code, signal })))
    t.teardown(async () => {
      this.#child.kill('SIGKILL')
      await this.ended
      rmSync(directory, { recursive: true, force: true })
      if (!t.passing()) t.comment(this.log)
    })
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
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
  async logged(line: RegExp, times = 1, patience = PATIENCE): Promise<void> {
    const deadline = Date.now() + patience
    while (this.count(line) < times) {
      const rest = deadline - Date.now()
      if (rest <= 0 || !this.alive) throw new Error(`the daemon did not log ${line} ${times} times`)
      await new Promise<void>(resolve => {
        const timer = setTimeout(done, rest)
        this.#arrived.add(done)
        const arrived = this.#arrived
        function done(): void {
          clearTimeout(timer)
          arrived.delete(done)
          resolve()
        }
      })
    }
  }

  /** `res-xmpp rx`, each argument as it is. */
  rx(...command: string[]): Promise<Reply> {
    return new Promise(resolve => {
      execFile(process.execPath, [bin, 'rx', '--control', this.#control, ...command], (error, out, err) => {
        resolve({ exit: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
      })
    })
  }

  /** Asks until the output is as wanted, and gives the last reply. */
  async until(wanted: string, ...command: string[]): Promise<Reply> {
    const deadline = Date.now() + PATIENCE
    for (;;) {
      const reply = await this.rx(...command)
      if (reply.out === wanted || Date.now() > deadline || !this.alive) return reply
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
