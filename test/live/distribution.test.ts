/**
 * `distribute_events` at the PubSub services of real servers. The nodes of PBXes have the same names for everyone at a service, so that all tests that use them are
 * in this file, one after the other.
 */
import t, { type Test } from 'tap'
import { clientSection, componentSection, Daemon } from './daemon.ts'
import { autocreate, creator, hurried, owner, Pbx, type PubsubServer, pubsubServers, sharing } from './pbx.ts'
import { skip } from './servers/servers.ts'
import { newUser, type User } from './users.ts'

t.setTimeout(300_000)

const [EID_1, EID_2, EID_3] = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03']

for (const server of pubsubServers) {
  t.test(server.name, { skip }, async t => {
    t.test('daemons', t => daemons(t, server))
    t.test('a component and a client', t => components(t, server))
    t.test('collection_nodes=yes', t => collections(t, server))
  })
}

/** Three who may share: the first may create nodes. */
async function three(t: Test, server: PubsubServer): Promise<readonly [User, User, User]> {
  return [creator(server), await newUser(t, server, 'two'), await newUser(t, server, 'three')]
}

/** What `xmpp device list` says. */
function list(eid: string, devices: readonly string[]): string {
  const rows = devices.map(text => `       ${text}\n`).join('')
  return `Devices and their states (we are ${eid}):\n${rows}----\n   Number of devices: ${devices.length}\n`
}

async function daemons(t: Test, server: PubsubServer): Promise<void> {
  await owner(t, server)
  const users = await three(t, server)
  const start = (user: User, eid: string): Daemon =>
    new Daemon(
      t,
      autocreate +
        clientSection(
          'pbx',
          user,
          sharing(
            server,
            users.filter(other => other !== user),
          ),
        ),
      `[events]\neid=${eid}\n`,
    )
  const [one, two, three_] = users
  const [empty, done] = [{ exit: 0, out: '', err: '' }, (out: string) => ({ exit: 0, out, err: '' })]
  const first = start(one, EID_1)
  await first.until(/^Node name: device_state$[\s\S]*^Node name: message_waiting$/m, 'xmpp list nodes pbx')
  const second = start(two, EID_2)
  await second.logged(/NOTICE \[pbx\] Connected/)

  await t.test('devices and mailboxes', async t => {
    t.strictSame(await first.rx('xmpp', 'device', 'set', 'Custom:lobby', 'INUSE'), empty)
    const inuse = list(EID_2, [`[Custom:lobby] INUSE     - ${EID_1} INUSE`])
    t.strictSame(await second.until(inuse, 'xmpp device list'), done(inuse), 'the other one sees it')
    t.strictSame(await second.rx('xmpp', 'device', 'set', 'Custom:lobby', 'ringing'), empty)
    const both = list(EID_1, [`[Custom:lobby] RINGINUSE     - ${EID_1} INUSE, ${EID_2} RINGING`])
    t.strictSame(await first.until(both, 'xmpp device list'), done(both), 'INUSE and RINGING is RINGINUSE')
    t.strictSame(await first.rx('xmpp', 'mailbox', 'set', '6001@default', '2', '1'), empty)
    const mailbox = /^ {7}\[6001@default\] 2 new, 1 old {5}- 02:00:00:00:00:01 2\/1$/m
    t.match((await second.until(mailbox, 'xmpp mailbox list')).out, mailbox, 'a mailbox')
  })

  await first.rx('xmpp', 'device', 'set', 'Custom:hall', 'ONHOLD')
  const third = start(three_, EID_3)
  await t.test('one that comes late', async t => {
    const known = list(EID_3, [
      `[Custom:hall] ONHOLD     - ${EID_1} ONHOLD`,
      // An item holds the state of one PBX, whoever published last.
      `[Custom:lobby] RINGING     - ${EID_2} RINGING`,
    ])
    t.strictSame(await third.until(known, 'xmpp device list'), done(known))
    t.match((await third.rx('xmpp', 'mailbox', 'list')).out, '[6001@default] 2 new, 1 old')
  })

  await t.test('SIGTERM', async t => {
    second.signal('SIGTERM')
    t.strictSame(await second.ended, { code: 0, signal: null })
    const gone = list(EID_1, [
      `[Custom:hall] ONHOLD     - ${EID_1} ONHOLD`,
      `[Custom:lobby] INUSE     - ${EID_1} INUSE, ${EID_2} UNAVAILABLE`,
    ])
    t.strictSame(await first.until(gone, 'xmpp device list'), done(gone), 'its devices are UNAVAILABLE')
    const late = /\[Custom:lobby\] UNAVAILABLE/
    t.match((await third.until(late, 'xmpp device list')).out, late)
  })

  await t.test('nodes, and what the service answers', t => nodes(t, server, first, third))
  for (const daemon of [first, second, third]) t.notMatch(daemon.log, /ERROR|WARNING|^\s+at /m)
}

async function nodes(t: Test, server: PubsubServer, first: Daemon, third: Daemon): Promise<void> {
  const { pubsub } = server
  const inert = `It is not in 'device_state': ${pubsub} does not do what it was asked to (XEP-0248).\n`
  const ok = (out: string) => ({ exit: 0, out, err: '' })
  const create = ['xmpp', 'create', 'leaf', 'pbx', 'device_state', 'Custom:leaf']
  t.strictSame(await first.rx(...create), ok(`Created 'Custom:leaf' at ${pubsub}.\n${inert}`))
  t.match(await first.rx(...create), { exit: 1, err: /^the service answered: conflict/ }, 'it is there already')
  const { out } = await first.rx('--json', 'xmpp list nodes pbx')
  const listed = JSON.parse(out) as { nodes: string[]; service: string }
  t.equal(listed.service, pubsub)
  t.ok(listed.nodes.includes('Custom:leaf') && listed.nodes.includes('device_state'), 'it is listed')
  const other = await third.rx('xmpp', 'create', 'collection', 'pbx', 'Custom:collection')
  if (server.name === 'prosody') t.match(other, { exit: 1, err: /^the service answered: forbidden/ }, 'a refusal')
  else t.strictSame(other, ok(`Created 'Custom:collection' at ${pubsub}.\n`))
  t.strictSame(
    await third.rx('xmpp', 'delete', 'node', 'pbx', 'Custom:leaf'),
    ok(`Deleted 'Custom:leaf' at ${pubsub}.\n`),
    'a buddy owns it too',
  )
  const gone = await first.rx('xmpp', 'delete', 'node', 'pbx', 'Custom:leaf')
  t.match(gone, { exit: 1, err: /^the service answered: item-not-found/ }, 'it is gone')

  await third.rx('xmpp', 'mailbox', 'set', '6003@default', '1', '0')
  await first.until(/\[6003@default\] 1 new/, 'xmpp mailbox list')
  t.strictSame(
    await first.rx('xmpp', 'purge', 'nodes', 'pbx', 'message_waiting'),
    ok(`Deleted 'message_waiting' at ${pubsub}.\n`),
  )
  // It is made again, and what was in it is told again.
  const both = /\[6001@default\] 2 new[\s\S]*\[6003@default\] 1 new/
  for (const daemon of [first, third]) t.match((await daemon.until(both, 'xmpp mailbox list')).out, both)
  t.strictSame(await first.rx('xmpp list nodes nosuch'), {
    exit: 1,
    out: '',
    err: "Unable to find client 'nosuch'!\n",
  })
}

async function components(t: Test, server: PubsubServer): Promise<void> {
  await owner(t, server)
  const user = await newUser(t, server, 'two')
  const domain = server.sixthComponent
  const buddies = [creator(server), user, { jid: domain }]
  const component = new Pbx(
    t,
    server,
    EID_1,
    autocreate + componentSection('pbx', server, domain, sharing(server, buddies)),
  )
  component.bus.setDevice('Custom:lobby', 'INUSE')
  await component.connected()
  const client = new Pbx(t, server, EID_2, autocreate + clientSection('pbx', user, sharing(server, buddies)))
  await client.device('Custom:lobby', 'INUSE')
  client.bus.setDevice('Custom:lobby', 'RINGING')
  await component.device('Custom:lobby', 'RINGINUSE')
  client.bus.setMailbox('6001@default', { new: 3, old: 4 })
  await component.mailbox('6001@default', { new: 3, old: 4 })
  await component.account.stop()
  await client.deviceOf(EID_1, 'Custom:lobby', 'UNAVAILABLE')
  t.strictSame([...component.warnings, ...client.warnings], [])
  t.strictSame([...component.skipped, ...client.skipped], [])
}

async function collections(t: Test, server: PubsubServer): Promise<void> {
  await owner(t, server)
  const users = await three(t, server)
  const general = '[general]\npubsub_autocreate=yes\ncollection_nodes=yes\n'
  const start = (index: 0 | 1 | 2, eid: string): Pbx => {
    const others = users.filter(other => other !== users[index])
    return new Pbx(t, server, eid, general + clientSection('pbx', users[index], sharing(server, others)), {
      clock: hurried,
    })
  }
  const first = start(0, EID_1)
  await first.connected()
  first.bus.setDevice('Custom:lobby', 'INUSE')
  const second = start(1, EID_2)
  await second.device('Custom:lobby', 'INUSE')
  second.bus.setDevice('Custom:lobby', 'RINGING')
  await first.device('Custom:lobby', 'RINGINUSE')
  first.bus.setMailbox('6001@default', { new: 1, old: 0 })
  await second.mailbox('6001@default', { new: 1, old: 0 })
  const third = start(2, EID_3)
  await third.device('Custom:lobby', 'RINGING')
  await third.mailbox('6001@default', { new: 1, old: 0 })
  second.bus.setDevice('Custom:lobby', 'ONHOLD')
  await third.device('Custom:lobby', 'ONHOLD')
  for (const { warnings } of [first, second, third]) {
    t.equal(warnings.length, 1, warnings.join('\n'))
    t.match(warnings[0], /^pubsub\.\S+ has no collection nodes \(XEP-0248\)/)
  }
}
