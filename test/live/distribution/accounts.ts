import type { Test } from 'tap'
import { clientSection, componentSection } from '../daemon.ts'
import {
  autocreate,
  creator,
  EID_1,
  EID_2,
  EID_3,
  owned,
  owner,
  Pbx,
  type PubsubServer,
  sharing,
  threeUsers,
} from '../pbx.ts'
import { newUser } from '../users.ts'

export async function components(t: Test, server: PubsubServer): Promise<void> {
  const other = await owner(t, server)
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
  await owned(other, server, [user])
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

export async function collections(t: Test, server: PubsubServer): Promise<void> {
  const other = await owner(t, server)
  const users = await threeUsers(t, server)
  const general = '[general]\npubsub_autocreate=yes\ncollection_nodes=yes\n'
  const start = (index: 0 | 1 | 2, eid: string): Pbx => {
    const others = users.filter(other => other !== users[index])
    return new Pbx(t, server, eid, general + clientSection('pbx', users[index], sharing(server, others)))
  }
  const first = start(0, EID_1)
  await owned(other, server, users)
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
