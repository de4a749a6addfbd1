import type { Test } from 'tap'
import type { Sharing } from '../../../src/account/index.ts'
import { type BusOptions, type DeviceState, type MailboxCounts, StateBus } from '../../../src/bus/index.ts'
import { type Clock, systemClock } from '../../../src/clock.ts'
import type { AccountConfig } from '../../../src/config/index.ts'
import { type Loopback, type LoopbackOptions, startLoopback } from '../../../src/testing/index.ts'
import { Waiters } from '../../helper/waiters.ts'
import { clientConfig, type Watched, watched } from '../setting.ts'

export const SERVICE = 'pubsub.example.com'

/** Three accounts and a PubSub service, without collections unless they are asked for: that is what servers have. */
export async function service(t: Test, options: LoopbackOptions = {}): Promise<Loopback> {
  const server = await startLoopback({
    users: { 'one@example.com': 'secret', 'two@example.com': 'secret', 'three@example.com': 'secret' },
    components: { 'pbx.example.com': 'secret' },
    pubsub: [SERVICE],
    pubsubCollections: false,
    starttls: 'none',
    ...options,
  })
  t.teardown(() => server.stop())
  return server
}

/** Ten times as fast. */
export const hurried: Clock = {
  now: () => systemClock.now() * 10,
  after: (ms, run) => systemClock.after(ms / 10, run),
}

/** A PBX: a bus, and an account that shares what is on it. */
export interface Pbx extends Watched {
  readonly bus: StateBus
  /** Resolves when the device is that, all PBXes together; undefined is none. */
  device(name: string, state: DeviceState | undefined): Promise<void>
  mailbox(name: string, counts: MailboxCounts | undefined): Promise<void>
  /** Resolves once a warning matches. */
  warned(text: RegExp): Promise<void>
}

/** How a PBX is. */
export interface PbxOptions extends Partial<BusOptions> {
  /** Of xmpp.conf; [general] has options of its own. */
  readonly lines?: string
  readonly config?: Partial<AccountConfig>
  readonly farewell?: Sharing['farewell']
}

/** `one`, `two` or `three`, with all the others as buddies; not started yet. */
export function pbx(
  t: Test,
  { port }: { readonly port: number },
  name: 'one' | 'two' | 'three',
  { lines = '', config = {}, farewell, ...options }: PbxOptions = {},
): Pbx {
  const eid = `02:00:00:00:00:0${['', 'one', 'two', 'three'].indexOf(name)}`
  const bus = new StateBus({ eid, ...options })
  t.teardown(() => bus.stop())
  const buddies = ['one', 'two', 'three'].filter(other => other !== name).map(other => `buddy=${other}@example.com\n`)
  const text = `username=${name}@example.com/pbx\nautoregister=no\n${buddies.join('')}distribute_events=yes\npubsub_node=${SERVICE}\n${lines}`
  const sharing = { bus, farewell }
  const environment = { random: () => 0, sharing, ...(options.clock && { clock: options.clock }) }
  const account = watched(t, { ...clientConfig(port, text, name), ...config }, environment)
  return { ...account, bus, ...seeing(bus, account) }
}

/** Waiting for what is on a bus. */
export function seeing(bus: StateBus, { account, events }: Pick<Watched, 'account' | 'events'>) {
  const waiters = new Waiters()
  for (const type of ['device', 'mailbox'] as const) bus.on(type, () => waiters.wake())
  account.on('warning', () => waiters.wake())
  const told = (): string => events.map(event => (event.type === 'warning' ? `${event.text}\n` : '')).join('')
  return {
    async device(name: string, state: DeviceState | undefined): Promise<void> {
      const look = (): true | undefined => (bus.device(name)?.state === state ? true : undefined)
      await waiters.until(look, () => `${bus.eid}: ${name} is ${bus.device(name)?.state}, not ${state}; ${told()}`)
    },
    async mailbox(name: string, counts: MailboxCounts | undefined): Promise<void> {
      const text = JSON.stringify(counts)
      const look = (): true | undefined => (JSON.stringify(bus.mailbox(name)?.counts) === text ? true : undefined)
      await waiters.until(look, () => `${bus.eid}: ${name} is ${JSON.stringify(bus.mailbox(name))}; ${told()}`)
    },
    async warned(text: RegExp): Promise<void> {
      await waiters.until(
        () => (text.test(told()) ? true : undefined),
        () => `no warning ${text}: ${told()}`,
      )
    },
  }
}
