/** Two accounts of one PBX at one service */
import t, { type Test } from 'tap'
import type { Session } from '../../../src/session.ts'
import type { Loopback } from '../../../src/testing/index.ts'
import { sendPing } from '../../../src/xep/0199-ping.ts'
import { clientConfig, type Watched, watched } from '../setting.ts'
import { type Pbx, pbx, SERVICE, service } from './pbx.ts'

const lines = `autoregister=no\ndistribute_events=yes\npubsub_node=${SERVICE}\n`
const buddies = ['one', 'two', 'three'].map(name => `buddy=${name}@example.com\n`).join('')

/** A second account of the PBX `one`. */
function second(t: Test, { port }: Loopback, { bus }: Pbx): Watched {
  const config = clientConfig(port, `username=two@example.com/pbx\n${buddies}${lines}`, 'two')
  return watched(t, config, { random: () => 0, sharing: { bus } })
}

/** One PBX by two accounts, and another one; each knows a device of the other. */
async function shared(t: Test) {
  const server = await service(t)
  const [one, three] = [pbx(t, server, 'one'), pbx(t, server, 'three')]
  const two = second(t, server, one)
  for (const each of [one, two, three]) {
    each.account.start()
    await each.next('connected')
  }
  one.bus.setDevice('Custom:near', 'INUSE')
  await three.device('Custom:near', 'INUSE')
  three.bus.setDevice('Custom:far', 'BUSY')
  await one.device('Custom:far', 'BUSY')
  const heard: (string | undefined)[] = []
  three.bus.on('device', ({ device, state }) => {
    if (device === 'Custom:near') heard.push(state)
  })
  const lost: string[] = []
  one.bus.on('device', ({ device, state }) => {
    if (state === undefined) lost.push(device)
  })
  /** Whatever was said before has been heard. */
  let count = 0
  const toAndFro = async (): Promise<void> => {
    const name = `Custom:mark${++count}`
    one.bus.setDevice(name, 'INUSE')
    await three.device(name, 'INUSE')
    three.bus.setDevice(name, 'RINGING')
    await one.device(name, 'RINGINUSE')
  }
  return { server, one, two, three, heard, lost, toAndFro }
}

t.test('the farewell is said by the last one', async t => {
  const { server, one, two, three, heard, lost, toAndFro } = await shared(t)
  await two.account.stop()
  await toAndFro()
  t.strictSame(heard, [], 'the other account still speaks for it')
  t.strictSame(lost, [], 'and still hears of others')
  t.equal(one.bus.device('Custom:far')?.state, 'BUSY')
  const asked = new Promise<void>(resolve => {
    server.onStanza = (stanza, sender) => {
      if (sender.startsWith('two@') && stanza.toString().includes("<items node='message_waiting'")) resolve()
    }
  })
  two.account.start()
  const { session } = await two.next('connected').then(() => two.account)
  await asked
  // What it has read is here before this.
  await sendPing(session as Session, 'example.com')
  await one.account.stop()
  one.bus.setDevice('Custom:near', 'RINGING')
  await three.device('Custom:near', 'RINGING')
  t.strictSame(heard, ['RINGING'])
  three.bus.setDevice('Custom:far', 'ONHOLD')
  await one.device('Custom:far', 'ONHOLD')
  t.strictSame(lost, [])
  await two.account.stop()
  await three.device('Custom:near', 'UNAVAILABLE')
  t.ok(lost.includes('Custom:far'), 'nobody is heard any more')
})

t.test('nor is it said by one that no longer distributes events', async t => {
  const { one, two, heard, lost, toAndFro } = await shared(t)
  await two.account.update({ ...two.account.config, distribute_events: false }, new Set())
  await toAndFro()
  t.strictSame([...heard, ...lost], [])
  t.equal(two.account.state, 'Connected')
  t.equal(one.bus.device('Custom:far')?.state, 'BUSY')
})

t.test('what both have heard is gone when both hear so', async t => {
  const { one, three, toAndFro } = await shared(t)
  three.bus.setMailbox('6001@default', { new: 2, old: 1 })
  await one.mailbox('6001@default', { new: 2, old: 1 })
  await toAndFro()
  three.bus.clearMailbox('6001@default')
  await one.mailbox('6001@default', undefined)
})

t.test('neither takes the other for a twin', async t => {
  const { one, two, three, toAndFro } = await shared(t)
  for (const state of ['INUSE', 'RINGING', 'INUSE', 'BUSY', 'INUSE', 'ONHOLD'] as const) {
    one.bus.setDevice('Custom:near', state)
    await three.device('Custom:near', state)
  }
  await toAndFro()
  for (const { events } of [one, two, three])
    t.strictSame(
      events.filter(({ type }) => type === 'warning' || type === 'skipped'),
      [],
    )
})
