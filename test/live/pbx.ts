/** PBXes that share their states at the PubSub service of a real server, and the service as those who own the nodes see it. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { namesOf } from '../../src/account/distribution/history.ts'
import { Account, type AccountEvent, type Sharing } from '../../src/account/index.ts'
import { type DeviceState, type MailboxCounts, StateBus } from '../../src/bus/index.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/index.ts'
import type { Session } from '../../src/index.ts'
import { type Element, el } from '../../src/stream/element.ts'
import { type NewItem, publish } from '../../src/xep/0060-items.ts'
import { deleteNode, nodeAffiliations } from '../../src/xep/0060-nodes.ts'
import { memory } from '../config/memory.ts'
import { Waiters } from '../helper/waiters.ts'
import type { section } from './daemon.ts'
import { type LiveServer, servers } from './servers/servers.ts'
import { login, newUser, type User } from './users.ts'

/** ms to wait for what should come soon. */
const PATIENCE = 20_000

/** A server with a PubSub service. */
export type PubsubServer = LiveServer & { readonly pubsub: string }

export const pubsubServers: readonly PubsubServer[] = servers.flatMap(server =>
  server.pubsub === undefined ? [] : { ...server, pubsub: server.pubsub },
)

/** One who may create nodes on each of them. */
export function creator(server: LiveServer): User {
  return { server, jid: `alice@${server.domain}`, password: 'secret-alice' }
}

/** Three who may share: the first may create nodes. */
export async function threeUsers(t: Test, server: PubsubServer): Promise<readonly [User, User, User]> {
  return [creator(server), await newUser(t, server, 'two'), await newUser(t, server, 'three')]
}

/** What they call themselves. */
export const [EID_1, EID_2, EID_3] = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03'] as const

/** Ten times as fast: what is tried again after a while, or looked for now and then, does not take a test's time. */
export const hurried: Clock = {
  now: () => systemClock.now() * 10,
  after: (ms, run) => systemClock.after(ms / 10, run),
}

/** The options of xmpp.conf by which an account shares states with others, who own what it creates. */
export function sharing(
  { pubsub }: PubsubServer,
  others: readonly { readonly jid: string }[],
  more: Parameters<typeof section>[1] = {},
): Parameters<typeof section>[1] {
  const buddy = others.map(({ jid }) => jid)
  return { autoregister: 'no', distribute_events: 'yes', pubsub_node: pubsub, ...more, buddy }
}

/** [general] */
export const autocreate = '[general]\npubsub_autocreate=yes\n'

/** How a PBX is. */
export interface PbxOptions {
  readonly farewell?: Sharing['farewell']
  readonly clock?: Clock
}

/** A PBX: a bus, and an account of this process that shares what is on it. */
export class Pbx {
  readonly bus: StateBus
  readonly account: Account
  readonly warnings: string[] = []
  readonly skipped: Extract<AccountEvent, { type: 'skipped' }>[] = []
  readonly lost: unknown[] = []
  #connected = 0
  readonly #news = new Waiters()

  /**
   * Starts it; it is stopped with the test.
   * @param config an xmpp.conf with one account
   */
  constructor(t: Test, { ca }: LiveServer, eid: string, config: string, { farewell, clock }: PbxOptions = {}) {
    this.bus = new StateBus({ eid })
    const files = memory({ '/c/xmpp.conf': config, [ca]: readFileSync(ca, 'utf8') })
    const { accounts, problems } = loadConfig('/c/xmpp.conf', files)
    const [account] = accounts
    const errors = problems.flatMap(({ severity, message }) => (severity === 'error' ? message : []))
    if (account === undefined || errors.length > 0) throw new Error(`${config}\n${errors.join('\n')}`)
    this.account = new Account(account, {
      ...(clock && { clock }),
      random: () => 0,
      sharing: { bus: this.bus, farewell },
    })
    this.account.on('warning', ({ text }) => this.#take(this.warnings, text))
    this.account.on('skipped', event => this.#take(this.skipped, event))
    this.account.on('offline', ({ error }) => this.#take(this.lost, error))
    this.account.on('connected', () => {
      this.#connected++
      this.#news.wake()
    })
    for (const type of ['device', 'mailbox'] as const) this.bus.on(type, () => this.#news.wake())
    t.teardown(async () => {
      await this.account.stop()
      this.bus.stop()
      if (!t.passing()) t.comment(this.#told())
    })
    this.account.start()
  }

  get eid(): string {
    return this.bus.eid
  }

  /** Resolves when something is true, looked at whenever anything has happened. */
  async until(fits: () => boolean, what: () => string, ms = PATIENCE): Promise<void> {
    await this.#news.until(
      () => fits() || undefined,
      () => `${this.eid}: ${what()}; ${this.#told()}`,
      ms,
    )
  }

  connected(times = 1): Promise<void> {
    return this.until(
      () => this.#connected >= times,
      () => `it is not connected ${times} times`,
    )
  }

  /** Resolves when the device is that, all PBXes together; undefined is none. */
  device(name: string, state: DeviceState | undefined): Promise<void> {
    const seen = () => this.bus.device(name)
    return this.until(
      () => seen()?.state === state,
      () => `${name} is ${JSON.stringify(seen())}, not ${state}`,
    )
  }

  /** Resolves when another PBX says that of a device. */
  deviceOf(eid: string, name: string, state: DeviceState | undefined): Promise<void> {
    const seen = () => this.bus.device(name)?.states
    return this.until(
      () => seen()?.find(each => each.eid === eid)?.state === state,
      () => `${name} is ${JSON.stringify(seen())}, not ${state} at ${eid}`,
    )
  }

  mailbox(name: string, counts: MailboxCounts | undefined): Promise<void> {
    const wanted = JSON.stringify(counts)
    const seen = () => this.bus.mailbox(name)
    return this.until(
      () => JSON.stringify(seen()?.counts) === wanted,
      () => `${name} is ${JSON.stringify(seen())}, not ${wanted}`,
    )
  }

  #take<One>(list: One[], one: One): void {
    list.push(one)
    this.#news.wake()
  }

  #told(): string {
    return [...this.warnings, ...this.skipped.map(event => JSON.stringify(event)), ...this.lost].join('\n')
  }
}

/** What such an item is at the service. */
export function stateItem(id: string, eid: string, state: string): { readonly id: string; readonly payload: Element } {
  return { id, payload: el('state', 'http://asterisk.org', { eid, cachable: '1' }, state) }
}

/** The nodes of PBXes. Their names are the same for all of a service. */
const isShared = (node: string): boolean =>
  node === 'device_state' || node === 'message_waiting' || /^Custom:|@default$/.test(node)

/** Logs in whoever owns the nodes, and removes those that others have left and, in the end, those of the test. */
export async function owner(t: Test, server: PubsubServer): Promise<Session> {
  // The last to be torn down is the first that was there.
  const session = await login(t, creator(server))
  const clean = async (): Promise<void> => {
    for (const node of await namesOf(session, server.pubsub))
      if (isShared(node)) await deleteNode(session, server.pubsub, node).catch(() => {})
  }
  await clean()
  t.teardown(clean)
  return session
}

/** Waits until the nodes are there, and theirs. */
export async function owned(
  session: Session,
  { pubsub }: PubsubServer,
  users: readonly Pick<User, 'jid'>[],
): Promise<void> {
  for (const node of ['device_state', 'message_waiting']) {
    const shared = async (): Promise<boolean> => {
      const list = await nodeAffiliations(session, pubsub, node).catch(() => [])
      const owners = list.flatMap(({ jid, affiliation }) => (affiliation === 'owner' ? jid : []))
      return users.every(({ jid }) => owners.includes(jid))
    }
    await eventually(shared, `${node} is not shared by ${users.map(({ jid }) => jid)}`)
  }
}

/** A state as somebody publishes it. */
export function tell(session: Session, { pubsub }: PubsubServer, node: string, item: NewItem): Promise<string[]> {
  return publish(session, pubsub, node, [item])
}

/** Asks until it is so. */
export async function eventually(fits: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE
  while (!(await fits())) {
    if (Date.now() > deadline) throw new Error(`${what}, within ${PATIENCE} ms`)
    await sleep(50)
  }
}
