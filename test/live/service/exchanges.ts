/** A real res_xmpp whose `pubsub_node` is our service. */
import type { Test } from 'tap'
import type { StateBus } from '../../../src/bus/index.ts'
import type { PubsubComponent } from '../../../src/pubsub-component/index.ts'
import { Asterisk } from '../asterisk.ts'
import { clientSection, section } from '../daemon.ts'
import { EID_1, eventually, Pbx } from '../pbx.ts'
import type { LiveServer } from '../servers/servers.ts'
import { newUser, type User } from '../users.ts'
import { attach } from './attach.ts'

/** How xmpp.conf wants its nodes. */
export interface Wanted {
  readonly collection_nodes: 'yes' | 'no'
  readonly pubsub_autocreate: 'yes' | 'no'
}

const COLLECTIONS = ['device_state', 'message_waiting']
const EID_A = '00:00:00:00:00:0a'
const EID_B = '00:00:00:00:00:0b'

/** Two of them in collections, one way and the other. */
export async function together(t: Test, server: LiveServer): Promise<void> {
  const service = await attach(t, server, server.services.pbxes)
  const [one, two] = [await newUser(t, server, 'one'), await newUser(t, server, 'two')]
  const wanted = { collection_nodes: 'yes', pubsub_autocreate: 'no' } as const
  const start = (t: Test, eid: string, user: User, buddy: User, mailbox: string) =>
    Asterisk.start(t, { eid, xmpp: resXmpp(user, buddy, service.jid, wanted), mailboxes: [mailbox] })

  await t.test('who comes first', async t => {
    const first = await start(t, EID_A, one, two, '1000')
    await nodes(service, COLLECTIONS)
    for (const node of COLLECTIONS) {
      t.equal(service.describe(node)?.type, 'collection')
      t.strictSame([...(service.describe(node)?.affiliations ?? [])].sort(), owners(one, two))
    }
    t.equal(service.counts.subscriptions, 0, 'it subscribed before there was anything, and does not try again')
    await first.setState('Custom:early', 'INUSE')
    // It publishes, is told that there is no such node, creates it, and publishes again.
    await items(service, 'Custom:early', 1)
    t.match(service.describe('Custom:early'), { type: 'leaf', collections: ['device_state'] })
  })

  const first = await start(t, EID_A, one, two, '1000')
  await subscribed(service, 1)
  await t.test('two', async t => {
    const second = await start(t, EID_B, two, one, '2000')
    await subscribed(service, 2)
    await exchange(t, first, second)
    for (const mailbox of ['1000@default', '2000@default']) {
      t.match(service.describe(mailbox), { type: 'leaf', collections: ['message_waiting'], items: 1 })
    }
    t.equal(service.describe('Custom:lobby')?.subscriptions, 0, 'they are subscribed to collections alone')
  })

  await t.test('who goes and comes back', async t => {
    // It was killed; `pubsub#expire` is `presence`.
    await subscribed(service, 1)
    const second = await start(t, EID_B, two, one, '2000')
    await subscribed(service, 2)
    await first.setState('Custom:lobby', 'BUSY')
    await sees(second, 'Custom:lobby', 'BUSY')
    t.ok(first.alive)
  })
}

async function exchange(t: Test, first: Asterisk, second: Asterisk): Promise<void> {
  await first.setState('Custom:lobby', 'INUSE')
  await sees(second, 'Custom:lobby', 'INUSE')
  await second.setState('Custom:desk', 'ONHOLD')
  await sees(first, 'Custom:desk', 'ONHOLD')
  t.pass('the first state of a device')
  await second.setState('Custom:lobby', 'RINGING')
  for (const each of [first, second]) await sees(each, 'Custom:lobby', 'RINGINUSE')
  for (const state of ['NOT_INUSE', 'BUSY', 'UNAVAILABLE', 'RINGING', 'INUSE']) {
    await first.setState('Custom:hall', state)
    await sees(second, 'Custom:hall', state)
  }
  t.pass('and each that follows')
  await first.setMailbox('1000', 2, 1)
  await sees(second, 'MWI:1000@default', 'INUSE')
  await second.setMailbox('2000', 1, 0)
  await sees(first, 'MWI:2000@default', 'INUSE')
  await first.setMailbox('1000', 0, 3)
  await sees(second, 'MWI:1000@default', 'NOT_INUSE')
  t.ok(first.alive && second.alive)
}

/** One of them beside a PBX of ours. */
export async function beside(t: Test, server: LiveServer, wanted: Wanted): Promise<void> {
  const service = await attach(t, server, server.services.pbxes)
  const [theirs, own] = [await newUser(t, server, 'theirs'), await newUser(t, server, 'ours')]
  const general = section('general', { auth_policy: 'accept', ...wanted })
  const sharing = { autoregister: 'yes', distribute_events: 'yes', pubsub_node: service.jid, buddy: theirs.jid }
  const ours = new Pbx(t, server, EID_1, general + clientSection('pbx', own, sharing))
  await nodes(service, COLLECTIONS)
  // It can put nothing into what is not its own.
  for (const node of COLLECTIONS) {
    const shared = async () => service.describe(node)?.affiliations.get(theirs.jid) === 'owner'
    await eventually(shared, `${node} is not theirs too`)
  }
  const asterisk = await Asterisk.start(t, {
    eid: EID_A,
    xmpp: resXmpp(theirs, own, service.jid, wanted),
    mailboxes: ['1000'],
  })
  await subscribed(service, 2)

  await asterisk.setState('Custom:lobby', 'INUSE')
  await ours.deviceOf(EID_A, 'Custom:lobby', 'INUSE')
  ours.bus.setDevice('Custom:desk', 'ONHOLD')
  await sees(asterisk, 'Custom:desk', 'ONHOLD')
  ours.bus.setDevice('Custom:lobby', 'RINGING')
  await sees(asterisk, 'Custom:lobby', 'RINGINUSE')
  await asterisk.setState('Custom:desk', 'INUSE')
  await ours.deviceOf(EID_A, 'Custom:desk', 'INUSE')
  t.match(states(ours.bus, 'Custom:desk'), { [EID_A]: 'INUSE', [EID_1]: 'ONHOLD' })
  await asterisk.setMailbox('1000', 2, 1)
  await ours.mailbox('1000@default', { new: 2, old: 1 })
  ours.bus.setMailbox('6001@default', { new: 1, old: 0 })
  await sees(asterisk, 'MWI:6001@default', 'INUSE')

  const inCollections = wanted.collection_nodes === 'yes'
  t.equal(service.describe('device_state')?.type, inCollections ? 'collection' : 'leaf')
  t.equal(service.describe('Custom:lobby')?.items ?? 0, inCollections ? 1 : 0)
  await ours.account.stop()
  await sees(asterisk, 'Custom:lobby', 'INUSE')
  t.ok(asterisk.alive)
  t.strictSame([...ours.warnings, ...ours.lost, ...ours.skipped], [])
}

/** One that may create nothing. It creates what an error repeats, whatever comes of that, and publishes again. */
export async function refused(t: Test, server: LiveServer): Promise<void> {
  let publications = 0
  const onRaw = (direction: string, bytes: Uint8Array): void => {
    if (direction === 'in') publications += Buffer.from(bytes).toString().split('<publish ').length - 1
  }
  const { pbxes } = server.services
  const service = await attach(t, server, pbxes, { creators: [], stream: { onRaw } })
  const [one, two] = [await newUser(t, server, 'one'), await newUser(t, server, 'two')]
  const wanted = { collection_nodes: 'yes', pubsub_autocreate: 'no' } as const
  const asterisk = await Asterisk.start(t, { eid: EID_A, xmpp: resXmpp(one, two, service.jid, wanted) })
  await asterisk.until(/Connected/, 'xmpp show connections')
  await asterisk.setState('Custom:lobby', 'INUSE')
  await eventually(async () => publications > 0, 'it publishes nothing')
  for (let i = 0; i < 20; i++) await asterisk.cli('core show uptime')
  t.ok(publications < 20, `${publications} times`)
  t.equal(service.counts.nodes, 0)
}

function states(bus: StateBus, device: string): Record<string, string> {
  return Object.fromEntries((bus.device(device)?.states ?? []).map(({ eid, state }) => [eid, state]))
}

function owners(...users: readonly User[]): (readonly [string, string])[] {
  return users.map(({ jid }) => [jid, 'owner'] as const).sort()
}

async function nodes(service: PubsubComponent, wanted: readonly string[]): Promise<void> {
  const there = async () => wanted.every(node => service.describe(node) !== undefined)
  await eventually(there, `there are ${[...service.names()]}, not ${wanted}`)
}

async function items(service: PubsubComponent, node: string, count: number): Promise<void> {
  await eventually(async () => service.describe(node)?.items === count, `${node} has no ${count} items`)
}

async function subscribed(service: PubsubComponent, count: number): Promise<void> {
  for (const node of COLLECTIONS) {
    const all = async () => service.describe(node)?.subscriptions === count
    await eventually(all, `there are no ${count} subscribed to ${node}`)
  }
}

async function sees(asterisk: Asterisk, device: string, state: string): Promise<void> {
  await asterisk.until(new RegExp(`Result: ${state}\\s`), `dialplan eval function DEVICE_STATE(${device})`)
}

/** Its xmpp.conf. */
function resXmpp({ server, jid, password }: User, buddy: User, service: string, wanted: Wanted): string {
  const general = { debug: 'yes', autoprune: 'no', autoregister: 'yes', auth_policy: 'accept', ...wanted }
  const account = {
    type: 'client',
    serverhost: '127.0.0.1',
    port: server.port,
    username: `${jid}/asterisk`,
    secret: password,
    usetls: 'no',
    usesasl: 'yes',
    status: 'available',
    timeout: 5,
    distribute_events: 'yes',
    pubsub_node: service,
    buddy: buddy.jid,
  }
  return section('general', general) + section('asterisk', account)
}
