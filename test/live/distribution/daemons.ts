import type { Test } from 'tap'
import { clientSection, Daemon } from '../daemon.ts'
import { autocreate, EID_1, EID_2, EID_3, owned, owner, type PubsubServer, sharing, threeUsers } from '../pbx.ts'
import type { User } from '../users.ts'

/** What `xmpp device list` says. */
function list(eid: string, devices: readonly string[]): string {
  const rows = devices.map(text => `       ${text}\n`).join('')
  return `Devices and their states (we are ${eid}):\n${rows}----\n   Number of devices: ${devices.length}\n`
}

/** As users run them. */
export async function daemons(t: Test, server: PubsubServer): Promise<void> {
  const other = await owner(t, server)
  const users = await threeUsers(t, server)
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
  const [one, two, three] = users
  const [empty, done] = [{ exit: 0, out: '', err: '' }, (out: string) => ({ exit: 0, out, err: '' })]
  const first = start(one, EID_1)
  await first.until(/^Node name: device_state$[\s\S]*^Node name: message_waiting$/m, 'xmpp list nodes pbx')
  await owned(other, server, users)
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
  const third = start(three, EID_3)
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
    // The item had the state of who leaves: who stays has said its own again.
    const late = /\[Custom:lobby\] INUSE +- .*UNAVAILABLE/
    t.match((await third.until(late, 'xmpp device list')).out, late)
  })

  for (const daemon of [first, second, third]) t.notMatch(daemon.log, /WARNING/)
  await t.test('nodes, and what the service answers', t => nodes(t, server, first, third))
  for (const daemon of [first, second, third]) t.notMatch(daemon.log, /ERROR|^\s+at /m)
}

async function nodes(t: Test, server: PubsubServer, first: Daemon, third: Daemon): Promise<void> {
  const { pubsub } = server
  const inert = `It is not in 'device_state': ${pubsub} does not do what it was asked to (XEP-0248).\n`
  const ok = (out: string) => ({ exit: 0, out, err: '' })
  const create = ['xmpp', 'create', 'leaf', 'pbx', 'device_state', 'Custom:leaf']
  t.strictSame(await first.rx(...create), { exit: 1, out: `Created 'Custom:leaf' at ${pubsub}.\n${inert}`, err: '' })
  t.match(await first.rx(...create), { exit: 1, err: /^pubsub\.\S+ answered: conflict/ }, 'it is there already')
  const { out } = await first.rx('--json', 'xmpp list nodes pbx')
  const listed = JSON.parse(out) as { nodes: string[]; service: string }
  t.equal(listed.service, pubsub)
  t.ok(listed.nodes.includes('Custom:leaf') && listed.nodes.includes('device_state'), 'it is listed')
  const other = await third.rx('xmpp', 'create', 'collection', 'pbx', 'Custom:collection')
  if (server.name === 'prosody') t.match(other, { exit: 1, err: /^pubsub\.\S+ answered: forbidden/ }, 'a refusal')
  else t.strictSame(other, ok(`Created 'Custom:collection' at ${pubsub}.\n`))
  t.strictSame(
    await third.rx('xmpp', 'delete', 'node', 'pbx', 'Custom:leaf'),
    ok(`Deleted 'Custom:leaf' at ${pubsub}.\n`),
    'a buddy owns it too',
  )
  const gone = await first.rx('xmpp', 'delete', 'node', 'pbx', 'Custom:leaf')
  t.match(gone, { exit: 1, err: /^pubsub\.\S+ answered: item-not-found/ }, 'it is gone')

  await third.rx('xmpp', 'mailbox', 'set', '6003@default', '1', '0')
  await first.until(/\[6003@default\] 1 new/, 'xmpp mailbox list')
  t.strictSame(
    await first.rx('xmpp', 'purge', 'nodes', 'pbx', 'message_waiting'),
    ok(`Deleted 'message_waiting' at ${pubsub}.\n`),
  )
  // It is made again by whoever may, after a while, and what was in it is told again.
  const both = /\[6001@default\] 2 new[\s\S]*\[6003@default\] 1 new/
  for (const daemon of [first, third]) t.match((await daemon.until(both, 'xmpp mailbox list')).out, both)
  t.strictSame(await first.rx('xmpp list nodes nosuch'), {
    exit: 1,
    out: '',
    err: "Unable to find client 'nosuch'!\n",
  })
}
