import t from 'tap'
import { pbx, service } from './pbx.ts'

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
