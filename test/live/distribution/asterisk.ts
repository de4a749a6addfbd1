import type { Test } from 'tap'
import { deviceStates } from '../../../src/bus/index.ts'
import { el } from '../../../src/stream/element.ts'
import { nodeSubscriptions } from '../../../src/xep/0060-nodes.ts'
import { Asterisk } from '../asterisk.ts'
import { clientSection, section } from '../daemon.ts'
import {
  autocreate,
  creator,
  EID_1,
  eventually,
  owned,
  owner,
  Pbx,
  type PubsubServer,
  sharing,
  stateItem,
  tell,
} from '../pbx.ts'
import { newUser, type User } from '../users.ts'

const EID = '00:00:00:00:00:0a'
const MAILBOX = '1000@default'

/** A real res_xmpp and ours at the same nodes. */
export async function besideAsterisk(t: Test, server: PubsubServer): Promise<void> {
  const other = await owner(t, server)
  const { pubsub } = server
  const user = await newUser(t, server, 'asterisk')
  const config = autocreate + clientSection('pbx', creator(server), sharing(server, [user], { autoregister: 'yes' }))
  const ours = new Pbx(t, server, EID_1, config)
  // It can neither create nodes there nor publish in those of somebody else.
  await owned(other, server, [user])
  ours.bus.setDevice('Custom:early', 'BUSY')
  const asterisk = await Asterisk.start(t, {
    eid: EID,
    xmpp: resXmpp(server, user, creator(server)),
    mailboxes: ['1000'],
  })
  await asterisk.until(/Connected/, 'xmpp show connections')
  for (const root of ['device_state', 'message_waiting']) {
    const subscribed = async (): Promise<boolean> =>
      (await nodeSubscriptions(other, pubsub, root)).some(({ jid }) => jid === user.jid)
    await eventually(subscribed, `the Asterisk does not subscribe to ${root}`)
  }
  const sees = async (device: string, state: string): Promise<void> =>
    void (await asterisk.until(new RegExp(`Result: ${state}\\s`), `dialplan eval function DEVICE_STATE(${device})`))

  await t.test('what there was before it came', async t => {
    await sees('Custom:early', 'BUSY')
    t.pass('it reads no items, and is told when its presence is seen')
  })

  await t.test('devices', async t => {
    await asterisk.setState('Custom:lobby', 'INUSE')
    await ours.deviceOf(EID, 'Custom:lobby', 'INUSE')
    ours.bus.setDevice('Custom:x', 'ONHOLD')
    await sees('Custom:x', 'ONHOLD')
    ours.bus.setDevice('Custom:lobby', 'RINGING')
    await sees('Custom:lobby', 'RINGINUSE')
    await ours.device('Custom:lobby', 'RINGINUSE')
    t.strictSame(ours.bus.device('Custom:lobby')?.states, [
      { eid: EID, state: 'INUSE' },
      { eid: EID_1, state: 'RINGING' },
    ])
    for (const state of deviceStates) {
      ours.bus.setDevice('Custom:all', state)
      await sees('Custom:all', state)
    }
    t.pass('every state')
    for (const state of ['NOT_INUSE', 'BUSY', 'UNAVAILABLE', 'RINGING', 'ONHOLD']) {
      await asterisk.setState('Custom:lobby', state)
      await ours.deviceOf(EID, 'Custom:lobby', state as 'BUSY')
    }
    t.pass('and each that it can be told')
    ours.bus.setDevice('SIP/passing', 'BUSY', false)
  })

  await t.test('mailboxes', async t => {
    await asterisk.setMailbox('1000', 2, 1)
    await ours.mailbox(MAILBOX, { new: 2, old: 1 })
    ours.bus.setMailbox('6001@default', { new: 1, old: 0 })
    await sees('MWI:6001@default', 'INUSE')
    ours.bus.setMailbox('6001@default', { new: 0, old: 5 })
    await sees('MWI:6001@default', 'NOT_INUSE')
    t.ok(asterisk.alive)
  })

  await t.test('when we leave', async t => {
    await ours.account.stop()
    await sees('Custom:x', 'UNAVAILABLE')
    await sees('Custom:lobby', 'ONHOLD')
    t.pass('our devices are UNAVAILABLE')
    const taking = new Pbx(t, server, EID_1, config, { farewell: 'retract' })
    await taking.deviceOf(EID, 'Custom:lobby', undefined)
    taking.bus.setDevice('Custom:y', 'BUSY')
    await sees('Custom:y', 'BUSY')
    await taking.account.stop()
    await asterisk.setState('Custom:lobby', 'BUSY')
    await sees('Custom:lobby', 'BUSY')
    t.ok(asterisk.alive, 'it survives that they are taken back')
  })

  await t.test('what it dies of', async t => {
    const again = new Pbx(t, server, EID_1, config)
    await again.deviceOf(EID, 'Custom:lobby', 'BUSY')
    await tell(other, server, 'device_state', {
      id: 'Custom:evil',
      payload: el('state', 'http://asterisk.org', { cachable: '1' }, 'INUSE'),
    })
    t.strictSame(await asterisk.ended, { code: null, signal: 'SIGSEGV' })
    await tell(other, server, 'device_state', stateItem('Custom:lobby', EID, 'RINGING'))
    await again.deviceOf(EID, 'Custom:lobby', 'RINGING')
    t.match(again.skipped, [{ item: 'Custom:evil', reason: 'it does not say whose it is (no eid)' }])
    t.strictSame([...again.warnings, ...again.lost], [])
  })
  t.strictSame([...ours.warnings, ...ours.lost, ...ours.skipped], [])
}

/** Its xmpp.conf. */
function resXmpp({ port, pubsub }: PubsubServer, { jid, password }: User, buddy: User): string {
  const general = {
    autoprune: 'no',
    autoregister: 'yes',
    auth_policy: 'accept',
    collection_nodes: 'no',
    pubsub_autocreate: 'no',
  }
  const account = {
    type: 'client',
    serverhost: '127.0.0.1',
    port,
    username: `${jid}/asterisk`,
    secret: password,
    usetls: 'no',
    usesasl: 'yes',
    status: 'available',
    timeout: 5,
    distribute_events: 'yes',
    pubsub_node: pubsub,
    buddy: buddy.jid,
  }
  return section('general', general) + section('asterisk', account)
}
