/**
 * The demonstration behind `npm start`: an XMPP server of ours on loopback, an xmpp.conf and a daemon for each of three PBXes, and
 * what happens between them. With `--once` it ends by itself, with an exit code that says whether every step happened.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startLoopback } from 'res-xmpp/testing'

/** ms that any one step may take. */
const PATIENCE = 8000
/** Where the PBXes share the states of their devices. */
const SERVICE = 'pubsub.demo.test'

const bin = fileURLToPath(new URL('../bin/res-xmpp.js', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'res-xmpp-'))
const daemons: Daemon[] = []
const say = (text: string): void => void process.stdout.write(`${text}\n`)

async function show(): Promise<void> {
  say(
    `An XMPP server for trying things out listens on ${server.host}: clients ${server.port}, components ${server.componentPort}.`,
  )
  writeFileSync(join(directory, 'ca.pem'), server.ca)
  const shared = ['distribute_events = yes', `pubsub_node = ${SERVICE}`]
  const client = configure('client.conf', [
    '[asterisk]',
    'type = client',
    `serverhost = ${server.host}`,
    `port = ${server.port}`,
    'username = asterisk@demo.test',
    'secret = a password',
    'tls_cafile = ca.pem',
    'buddy = pbx.demo.test',
    ...shared,
  ])
  const component = configure('component.conf', [
    '[gateway]',
    'type = component',
    `serverhost = ${server.host}`,
    `port = ${server.componentPort}`,
    'username = pbx.demo.test',
    'secret = a secret',
    'statusmessage = The PBX is here',
    // Whoever creates the nodes of the states shares them with its buddies; the component is the first to connect.
    'buddy = asterisk@demo.test',
    'buddy = branch@demo.test',
    ...shared,
  ])

  step('A component account and a client account connect, each in a daemon of its own')
  const gateway = run('gateway', component, 'pbx.demo.test', '02:00:00:00:00:01')
  await gateway.logged(/Connected as pbx\.demo\.test/)
  const asterisk = run('asterisk', client, 'asterisk@demo.test', '02:00:00:00:00:02')
  await asterisk.logged(/Connected as asterisk@demo\.test\/asterisk-xmpp\S* at .+ \(TLSv1\.[23], SCRAM-/)
  expect(await asterisk.rx('xmpp show connections'), /\[asterisk\].* - Connected/)

  step("The client's buddy is the component: its presence arrives")
  await asterisk.logged(/pbx\.demo\.test is available/)
  expect(await asterisk.rx('xmpp status asterisk pbx.demo.test'), /^1$/m)

  step('A message each way')
  await message(asterisk, gateway, 'Grüße vom Telefon ☎')
  await message(gateway, asterisk, 'Six wants to talk to you')

  step('The network is cut under the client; what is sent to it meanwhile arrives when its session is resumed')
  server.drop('asterisk@demo.test')
  await asterisk.logged(/trying again in/)
  await message(gateway, asterisk, 'Is anybody there?')
  await asterisk.logged(/Connected as asterisk@demo\.test.*; session resumed/)

  step(
    'Both share the states of their devices through a PubSub service: the lobby of one PBX is busy, the other sees it',
  )
  await asterisk.rx('xmpp device set Custom:lobby INUSE')
  const lobby = /\[Custom:lobby\] INUSE +- 02:00:00:00:00:02 INUSE/
  await gateway.shows('xmpp device list', lobby)

  step('A third PBX joins late, and knows it too')
  const late = configure('branch.conf', [
    '[branch]',
    'type = client',
    `serverhost = ${server.host}`,
    `port = ${server.port}`,
    'username = branch@demo.test',
    'secret = another password',
    'tls_cafile = ca.pem',
    ...shared,
  ])
  const branch = run('branch', late, 'branch@demo.test', '02:00:00:00:00:03')
  await branch.logged(/Connected as branch@demo\.test/)
  await branch.shows('xmpp device list', lobby)

  if (process.argv.includes('--once')) return
  step('All stay up until Ctrl-C. Talk to them from another terminal, in this folder:')
  for (const daemon of daemons) say(`  npx res-xmpp rx --control ${daemon.control} help`)
  await interrupted
}

/** One daemon as a user would start it, its log shown as it comes. */
class Daemon {
  readonly account: string
  readonly jid: string
  readonly control: string
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  #more: () => void = () => {}

  /** @param eid which PBX it is; daemons on one machine would otherwise take each other for the same */
  constructor(account: string, config: string, jid: string, eid: string) {
    this.account = account
    this.jid = jid
    this.control = join(directory, `${account}.sock`)
    const settings = join(directory, `${account}.settings`)
    writeFileSync(settings, `[daemon]\ntimestamps = no\n\n[events]\neid = ${eid}\n`)
    // npx passes signals on badly, so what supervises a daemon starts node itself. Its own process group keeps Ctrl-C to us.
    const args = [bin, 'run', '-c', config, '--settings', settings, '--control', this.control]
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'pipe'], detached: true })
    createInterface({ input: this.#child.stderr as NodeJS.ReadableStream }).on('line', line => {
      say(`  ${account.padEnd(8)} | ${line}`)
      this.#lines.push(line)
      this.#more()
    })
  }

  /** Waits for a line of the log behind those already waited for. */
  async logged(pattern: RegExp): Promise<void> {
    const deadline = Date.now() + PATIENCE
    for (;;) {
      for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift())
        if (pattern.test(line)) return
      const rest = deadline - Date.now()
      if (rest <= 0) throw new Error(`${this.account} did not log ${pattern} within ${PATIENCE} ms`)
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, rest)
        this.#more = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** Runs a console command in it and shows both. */
  async rx(command: string, ...args: string[]): Promise<string> {
    this.#type(command, ...args)
    return answer(await this.#ask(command, ...args))
  }

  /** Runs a console command, again and again until its answer is as it should be, and shows that one. */
  async shows(command: string, pattern: RegExp): Promise<void> {
    this.#type(command)
    const deadline = Date.now() + PATIENCE
    let text = await this.#ask(command)
    while (!pattern.test(text) && Date.now() < deadline) text = await this.#ask(command)
    expect(answer(text), pattern)
  }

  #type(command: string, ...args: string[]): void {
    const shown = args.map(arg => ` '${arg}'`).join('')
    say(`  $ npx res-xmpp rx --control ${this.control} ${command}${shown}`)
  }

  async #ask(command: string, ...args: string[]): Promise<string> {
    const argv = [bin, 'rx', '--control', this.control, ...command.split(' '), ...args]
    const { stdout } = await promisify(execFile)(process.execPath, argv, { timeout: PATIENCE })
    return stdout
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) throw new Error(`${this.account} ended before its time`)
    this.#child.kill('SIGTERM')
    const [code] = await once(this.#child, 'exit')
    if (code !== 0) throw new Error(`${this.account} ended with exit code ${code}`)
  }

  kill(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL')
  }
}

/** Shows what a command has answered. */
function answer(text: string): string {
  if (text !== '') say(text.trimEnd().replace(/^/gm, '  '))
  return text
}

/** Sends by one daemon and receives by the other. */
async function message(from: Daemon, to: Daemon, text: string): Promise<void> {
  await from.rx(`xmpp send ${from.account} ${to.jid}`, text)
  const received = await to.rx(`xmpp receive ${to.account} ${from.jid} 5`)
  if (received !== `${text}\n`) throw new Error(`"${text}" arrived as "${received}"`)
}

function configure(name: string, lines: readonly string[]): string {
  const file = join(directory, name)
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 })
  say(`\n${file}`)
  for (const line of lines) say(`  ${line}`)
  return file
}

function run(account: string, config: string, jid: string, eid: string): Daemon {
  const daemon = new Daemon(account, config, jid, eid)
  daemons.push(daemon)
  return daemon
}

function step(text: string): void {
  say(`\n── ${text}`)
}

function expect(text: string, pattern: RegExp): void {
  if (!pattern.test(text)) throw new Error(`expected ${pattern} in:\n${text}`)
}

const server = await startLoopback({
  users: { 'asterisk@demo.test': 'a password', 'branch@demo.test': 'another password' },
  components: { 'pbx.demo.test': 'a secret' },
  pubsub: [SERVICE],
})
// Whoever reads this may stop reading.
process.stdout.on('error', () => process.exit(1))
process.on('exit', () => {
  for (const daemon of daemons) daemon.kill()
  rmSync(directory, { recursive: true, force: true })
})
const interrupted = new Promise<void>(resolve => {
  process.once('SIGINT', resolve).once('SIGTERM', resolve)
})

try {
  await Promise.race([show(), interrupted])
  for (const daemon of daemons) await daemon.stop()
  await server.stop()
  say('\nAll daemons have left politely.')
  process.exit(0)
} catch (error) {
  say(`\nThat did not work: ${(error as Error).message}`)
  process.exit(1)
}
