import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { Waiters } from '../helper/waiters.ts'
import type { User } from './users.ts'

const script = fileURLToPath(new URL('slixmpp-peer.py', import.meta.url))

/** One line of slixmpp-peer.py; its head says what is in it. */
export type PeerEvent = { readonly event: string } & Readonly<Record<string, string | number>>

/** ms to wait for what should come soon. */
const PATIENCE = 10_000

/** The independent client at the other end of a conversation; gone with the test. */
export class Peer {
  /** Full. */
  readonly jid: string
  readonly #child: ChildProcessWithoutNullStreams
  /** Not yet asked for, oldest first. */
  readonly #events: PeerEvent[] = []
  readonly #arrivals = new Waiters()
  #errors = ''

  /** Resolves when it is online. */
  static async start(t: Test, user: User, resource = 'peer'): Promise<Peer> {
    const peer = new Peer(user, resource)
    t.teardown(() => peer.quit())
    await peer.next({ event: 'online' })
    return peer
  }

  private constructor({ server, jid, password }: User, resource: string) {
    this.jid = `${jid}/${resource}`
    const args = ['127.0.0.1', `${server.port}`, this.jid, password, server.ca]
    this.#child = spawn('/usr/bin/python3', [script, ...args], { stdio: 'pipe' })
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.on('data', chunk => {
      this.#errors += chunk
    })
    createInterface({ input: this.#child.stdout }).on('line', line => {
      this.#events.push(JSON.parse(line))
      this.#arrivals.wake()
    })
  }

  /** Commands are described at the head of slixmpp-peer.py. */
  tell(command: { do: string } & Record<string, string | number>): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`)
  }

  /** The first event with these fields that was not asked for yet; it must come in time. */
  next(wanted: Partial<PeerEvent>, patience = PATIENCE): Promise<PeerEvent> {
    const missing = (): string => `${this.#rest()}but ${this.jid} saw no ${JSON.stringify(wanted)}`
    return this.#arrivals.until(() => this.seen(wanted), missing, patience)
  }

  /** The same without waiting: undefined when there is none yet. */
  seen(wanted: Partial<PeerEvent>): PeerEvent | undefined {
    const fields = Object.entries(wanted)
    const index = this.#events.findIndex(event => fields.every(([name, value]) => event[name] === value))
    return index < 0 ? undefined : this.#events.splice(index, 1)[0]
  }

  /** Goes offline and ends. */
  async quit(): Promise<void> {
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise(resolve => child.once('exit', resolve))
    child.stdin.end()
    const timer = setTimeout(() => child.kill('SIGKILL'), 3000)
    await gone
    clearTimeout(timer)
  }

  #rest(): string {
    return `${this.#events.map(event => `${JSON.stringify(event)}\n`).join('')}${this.#errors}`
  }
}
