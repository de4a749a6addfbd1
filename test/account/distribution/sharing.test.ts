import t from 'tap'
import { deleteNode, purgeNode } from '../../../src/xep/0060-nodes.ts'
import { hurried, type Pbx, pbx, SERVICE, service } from './pbx.ts'

t.test('two PBXes share devices and mailboxes, and a third that comes later knows all', async t => {
  const server = await service(t)
  const one = pbx(t, server, 'one')
  const two = pbx(t, server, 'two')
  one.account.start()
  await one.next('connected')
  two.account.start()
  await two.next('connected')
  one.bus.setDevice('Custom:lobby', 'INUSE')
  await two.device('Custom:lobby', 'INUSE')
  two.bus.setDevice('Custom:lobby', 'RINGING')
  await one.device('Custom:lobby', 'RINGINUSE')
  await two.device('Custom:lobby', 'RINGINUSE')
  t.same(one.bus.device('Custom:lobby')?.states, [
    { eid: one.bus.eid, state: 'INUSE' },
    { eid: two.bus.eid, state: 'RINGING' },
  ])
  one.bus.setMailbox('6001@default', { new: 2, old: 1 })
  await two.mailbox('6001@default', { new: 2, old: 1 })
  two.bus.setDevice('SIP/100', 'ONHOLD')
  await one.device('SIP/100', 'ONHOLD')
  const three = pbx(t, server, 'three')
  three.account.start()
  await three.device('SIP/100', 'ONHOLD')
  await three.mailbox('6001@default', { new: 2, old: 1 })
  t.equal(three.bus.device('Custom:lobby')?.state, 'RINGING', 'an item holds the state of one PBX')
  three.bus.setDevice('Custom:lobby', 'NOT_INUSE')
  await one.device('Custom:lobby', 'RINGINUSE')
  for (const { events } of [one, two, three])
    t.notOk(events.find(({ type }) => type === 'warning' || type === 'skipped'))
})

t.test(
  'a service without collections: the leaves are found by those who are there, and by who comes later',
  async t => {
    const server = await service(t)
    const config = { collection_nodes: true, pubsub_autocreate: true }
    const one = pbx(t, server, 'one', { config })
    const two = pbx(t, server, 'two', { config })
    one.account.start()
    await one.warned(/has no collection nodes/)
    two.account.start()
    await two.warned(/has no collection nodes/)
    one.bus.setDevice('Custom:lobby', 'INUSE')
    await two.device('Custom:lobby', 'INUSE')
    two.bus.setDevice('Custom:lobby', 'RINGING')
    await one.device('Custom:lobby', 'RINGINUSE')
    one.bus.setMailbox('6001@default', { new: 2, old: 1 })
    await two.mailbox('6001@default', { new: 2, old: 1 })
    one.bus.setDevice('Custom:lobby', 'NOT_INUSE')
    await two.device('Custom:lobby', 'RINGING')
    const three = pbx(t, server, 'three', { config })
    three.account.start()
    await three.mailbox('6001@default', { new: 2, old: 1 })
    await three.device('Custom:lobby', 'NOT_INUSE')
    for (const { events } of [one, two, three])
      t.equal(events.filter(({ type }) => type === 'warning').length, 1, 'it is said once')
  },
)

t.test('who leaves says so, and a node that is deleted is made again', async t => {
  const server = await service(t)
  const [one, two] = [pbx(t, server, 'one'), pbx(t, server, 'two', { farewell: 'retract' })]
  one.account.start()
  await one.next('connected')
  two.account.start()
  await two.next('connected')
  one.bus.setDevice('Custom:one', 'INUSE')
  await two.device('Custom:one', 'INUSE')
  two.bus.setDevice('Custom:two', 'BUSY')
  await one.device('Custom:two', 'BUSY')
  await one.account.stop()
  await two.device('Custom:one', 'UNAVAILABLE')
  one.account.start()
  await two.device('Custom:one', 'INUSE')
  await one.device('Custom:two', 'BUSY')
  await two.account.stop()
  await one.device('Custom:two', undefined)
})

for (const [what, collection_nodes, end] of [
  ['purged', false, purgeNode],
  ['deleted', false, deleteNode],
  ['deleted, being a leaf', true, deleteNode],
] as const) {
  t.test(`a node that is ${what} under them: all know all again, of a device that several have too`, async t => {
    const server = await service(t)
    const config = { collection_nodes, pubsub_autocreate: true }
    const pbxes = (['one', 'two', 'three'] as const).map(name => pbx(t, server, name, { config, clock: hurried }))
    for (const { account, next } of pbxes) {
      account.start()
      await next('notice', ({ text }) => /^states are shared/.test(text))
    }
    const [one, two] = pbxes as [Pbx, Pbx]
    one.bus.setDevice('Custom:lobby', 'INUSE')
    two.bus.setDevice('Custom:lobby', 'RINGING')
    one.bus.setDevice('Custom:one', 'BUSY')
    for (const each of pbxes) await each.device('Custom:lobby', 'RINGINUSE')
    for (const each of pbxes) await each.device('Custom:one', 'BUSY')
    const session = two.account.session
    if (session === undefined) throw new Error('not connected')
    const gone = pbxes.map(each => each.next('notice', ({ text }) => /by somebody/.test(text)))
    await end(session, SERVICE, collection_nodes ? 'Custom:lobby' : 'device_state')
    await Promise.all(gone)
    for (const each of pbxes) await each.device('Custom:lobby', 'RINGINUSE')
    for (const each of pbxes) await each.device('Custom:one', 'BUSY')
    for (const { bus } of pbxes) t.equal(bus.device('Custom:lobby')?.states.length, 2)
  })
}

t.test('collection_nodes=yes: who comes in again reads what others say before he says anything', async t => {
  const server = await service(t)
  const config = { collection_nodes: true, pubsub_autocreate: true }
  const [one, two] = (['one', 'two'] as const).map(name => pbx(t, server, name, { config, clock: hurried })) as [
    Pbx,
    Pbx,
  ]
  for (const { account, next } of [one, two]) {
    account.start()
    await next('notice', ({ text }) => /^states are shared/.test(text))
  }
  one.bus.setDevice('Custom:lobby', 'INUSE')
  two.bus.setDevice('Custom:lobby', 'RINGING')
  for (const each of [one, two]) await each.device('Custom:lobby', 'RINGINUSE')
  const { config: now } = two.account
  await two.account.update({ ...now, distribute_events: false }, new Set(['events']))
  await one.device('Custom:lobby', 'INUSE')
  await two.account.update(now, new Set(['events']))
  for (const each of [one, two]) await each.device('Custom:lobby', 'RINGINUSE')
  t.equal(two.bus.device('Custom:lobby')?.states.length, 2)
})
