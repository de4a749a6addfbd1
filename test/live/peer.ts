import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { Waiters } from '../helper/waiters.ts'
import { quit } from './quit.ts'

const script = fileURLToPath(new URL('slixmpp-peer.py', import.meta.url))

/** One line of slixmpp-peer.py; its head says what is in it. */
export type PeerEvent = { readonly event: string } & Readonly<Record<string, string | number>>

/** Whom it logs in as, and where. */
export interface PeerUser {
  /** `direct` when TLS comes first on that port, and there is no STARTTLS. `ca` is a PEM file. */
  readonly server: { readonly port: number; readonly ca: string; readonly direct?: boolean }
  /** Bare. */
  readonly jid: string
  readonly password: string
}

/** ms to wait for what should come soon. */
const PATIENCE = 10_000

/** The independent client at the other end of a conversation; gone with the test. */
export class Peer {
  /** Full. */
  readonly jid: string
  /** What it said about its login. */
  online: PeerEvent | undefined
  readonly #child: ChildProcessWithoutNullStreams
  /** Not yet asked for, oldest first. */
  readonly #events: PeerEvent[] = []
  readonly #arrivals = new Waiters()
  #errors = ''

  /** Resolves when it is online. Tries again what jabberd2 did wrong; see `patiently` in users.ts. */
  static async start(t: Test, user: PeerUser, resource = 'peer'): Promise<Peer> {
    for (let left = 3; ; left--) {
      const peer = Peer.launch(t, user, resource)
      const look = () => peer.seen({ event: 'online' }) ?? peer.seen({ event: 'error' })
      peer.online = await peer.#arrivals.until(look, () => `${peer.#rest()}but ${peer.jid} is not online`, PATIENCE)
      if (peer.online.event === 'online') return peer
      if (left === 1 || peer.online.text !== 'internal-server-error') throw new Error(JSON.stringify(peer.online))
    }
  }

  /** The same without waiting, for one that may not get in. */
  static launch(t: Test, user: PeerUser, resource = 'peer'): Peer {
    const peer = new Peer(user, resource)
    t.teardown(() => peer.quit())
    return peer
  }

  private constructor({ server, jid, password }: PeerUser, resource: string) {
    this.jid = `${jid}/${resource}`
    const args = ['127.0.0.1', `${server.port}`, this.jid, password, server.ca, ...(server.direct ? ['--direct'] : [])]
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
  quit(): Promise<void> {
    return quit(this.#child)
  }

  #rest(): string {
    return `${this.#events.map(event => `${JSON.stringify(event)}\n`).join('')}${this.#errors}`
  }
}
