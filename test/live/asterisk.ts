import { execFile, spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { directory, type Finished } from '../daemon/program.ts'

const program = fileURLToPath(new URL('servers/asterisk/asterisk.sh', import.meta.url))
const root = fileURLToPath(new URL('servers/asterisk/run/root', import.meta.url))

/** ms to wait for what should come soon. */
const PATIENCE = 15_000

/** What its res_xmpp needs, and what changes and shows the states that it distributes. */
const MODULES = ['res_xmpp', 'func_devstate', 'pbx_config', 'app_voicemail', 'res_mwi_devstate']

/** What makes one Asterisk another than the next. */
export interface AsteriskOptions {
  /** Its `entityid`, like `00:00:00:00:00:0a`: what it calls itself in the states it publishes. */
  readonly eid: string
  /** Its xmpp.conf. */
  readonly xmpp: string
  /** Devices that it has hints for, such as `Custom:lobby`, to be seen by `core show hints`. */
  readonly hints?: readonly string[]
  /** Its mailboxes, in the context `default`. */
  readonly mailboxes?: readonly string[]
}

/** A real Asterisk 16 with its res_xmpp, as `servers/asterisk/up.sh` unpacked it. Several fit beside each other; killed with the test. */
export class Asterisk {
  /** How it has ended. It has bugs that end it with SIGSEGV. */
  readonly ended: Promise<Pick<Finished, 'code' | 'signal'>>
  readonly #child
  readonly #config: string
  readonly #directory: string
  #output = ''

  /** Resolves when it is fully booted; how far its accounts are by then is another matter. */
  static async start(t: Test, options: AsteriskOptions): Promise<Asterisk> {
    const asterisk = new Asterisk(t, options)
    await asterisk.#until(
      async () => (await asterisk.#rx('core waitfullybooted')).includes('fully booted'),
      'fully booted',
    )
    return asterisk
  }

  private constructor(t: Test, options: AsteriskOptions) {
    // Not in the test's own directory: a Unix socket's path has 107 bytes at most.
    this.#directory = directory(t)
    this.#config = join(this.#directory, 'asterisk.conf')
    for (const name of ['db', 'log', 'run', 'spool']) mkdirSync(join(this.#directory, name))
    for (const [name, text] of Object.entries(files(this.#directory, options))) {
      writeFileSync(join(this.#directory, name), text, { mode: 0o600 })
    }
    this.#child = spawn(program, ['-f', '-C', this.#config], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
      })
    }
    this.ended = new Promise(resolve => this.#child.on('close', (code, signal) => resolve({ code, signal })))
    t.teardown(async () => {
      this.#child.kill('SIGKILL')
      await this.ended
      if (!t.passing()) t.comment(this.log)
    })
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** All it has logged, with each stanza when its xmpp.conf says `debug=yes`. */
  get log(): string {
    try {
      return this.#output + readFileSync(join(this.#directory, 'log', 'full'), 'utf8')
    } catch {
      return this.#output
    }
  }

  /** What a console command prints. */
  async cli(command: string): Promise<string> {
    const out = await this.#rx(command)
    if (!this.alive) throw new Error(`${this.log}\nit ended`)
    return out
  }

  /** Asks until the output fits, and gives it; fails when it never does. */
  async until(wanted: RegExp, command: string): Promise<string> {
    let out = ''
    await this.#until(
      async () => {
        out = await this.cli(command)
        return wanted.test(out)
      },
      `${wanted} in \`${command}\``,
      () => out,
    )
    return out
  }

  /** Waits until the log has it. */
  async logged(wanted: RegExp): Promise<void> {
    await this.#until(async () => wanted.test(this.log), `${wanted} in the log`)
  }

  /** Changes a device state here; only Custom devices can be told so. */
  async setState(device: `Custom:${string}`, state: string): Promise<void> {
    await this.cli(`devstate change ${device} ${state}`)
  }

  /** Puts that many messages into a mailbox in the context `default`, in place of those it had. */
  async setMailbox(mailbox: string, unread: number, read: number): Promise<void> {
    for (const [folder, count] of [
      ['INBOX', unread],
      ['Old', read],
    ] as const) {
      const path = join(this.#directory, 'spool/voicemail/default', mailbox, folder)
      rmSync(path, { recursive: true, force: true })
      mkdirSync(path, { recursive: true })
      for (let i = 0; i < count; i++) writeFileSync(join(path, `msg${String(i).padStart(4, '0')}.txt`), '[message]\n')
    }
    // It counts them when it reads its configuration, and only when that has changed.
    appendFileSync(join(this.#directory, 'voicemail.conf'), ';\n')
    await this.cli('voicemail reload')
  }

  async #rx(command: string): Promise<string> {
    return new Promise(resolve => {
      execFile(program, ['-C', this.#config, '-rx', command], { timeout: PATIENCE }, (_, out) => resolve(out))
    })
  }

  async #until(fits: () => Promise<boolean>, what: string, seen = () => ''): Promise<void> {
    const deadline = Date.now() + PATIENCE
    while (!(await fits())) {
      if (!this.alive) throw new Error(`${this.log}\nno ${what}: it ended`)
      if (Date.now() > deadline) throw new Error(`${this.log}\n${seen()}\nno ${what}`)
      await sleep(50)
    }
  }
}

/** Its configuration: no more than it needs, and nothing that opens a port. */
function files(directory: string, { eid, xmpp, hints = [], mailboxes = [] }: AsteriskOptions): Record<string, string> {
  const directories = {
    astetcdir: directory,
    astmoddir: join(root, 'usr/lib/asterisk/modules'),
    // Without the documentation in it no module can read its options.
    astdatadir: join(root, 'usr/share/asterisk'),
    astvarlibdir: join(directory, 'db'),
    astdbdir: join(directory, 'db'),
    astkeydir: join(directory, 'db'),
    astagidir: join(directory, 'db'),
    astspooldir: join(directory, 'spool'),
    astrundir: join(directory, 'run'),
    astlogdir: join(directory, 'log'),
  }
  const lines = (options: Record<string, string>) =>
    Object.entries(options)
      .map(([name, value]) => `${name}=>${value}\n`)
      .join('')
  return {
    'asterisk.conf': `[directories]\n${lines(directories)}\n[options]\nentityid=${eid}\n`,
    'modules.conf': `[modules]\nautoload=no\n${MODULES.map(name => `load=${name}.so\n`).join('')}`,
    'logger.conf': '[general]\n[logfiles]\nfull=>notice,warning,error,verbose,dtmf\n',
    'extensions.conf': `[hints]\n${hints.map((device, i) => `exten=>${i + 1},hint,${device}\n`).join('')}`,
    'voicemail.conf': `[general]\n[default]\n${mailboxes.map(name => `${name}=>1234,${name}\n`).join('')}`,
    'xmpp.conf': xmpp,
  }
}
