/** A component shares its states as a client does. */
import t from 'tap'
import { StateBus } from '../../../src/bus/index.ts'
import { componentConfig, watched } from '../setting.ts'
import { pbx, SERVICE, seeing, service } from './pbx.ts'

t.test('a component and a client share what they have', async t => {
  for (const first of ['client', 'component']) {
    const server = await service(t)
    const client = pbx(t, server, 'one', { lines: 'buddy=pbx.example.com\n' })
    const bus = new StateBus({ eid: '02:00:00:00:00:0a' })
    t.teardown(() => bus.stop())
    const lines = `buddy=one@example.com\ndistribute_events=yes\npubsub_node=${SERVICE}\n`
    const account = watched(t, componentConfig(server.componentPort, lines), { random: () => 0, sharing: { bus } })
    const component = { ...account, bus, ...seeing(bus, account) }
    const both = first === 'client' ? [client, component] : [component, client]
    for (const each of both) {
      each.account.start()
      await each.next('connected')
      each.bus.setDevice(`Custom:${each.bus.eid}`, 'INUSE')
    }
    await client.device(`Custom:${bus.eid}`, 'INUSE')
    await component.device(`Custom:${client.bus.eid}`, 'INUSE')
    component.bus.setDevice('Custom:lobby', 'INUSE')
    await client.device('Custom:lobby', 'INUSE')
    client.bus.setDevice('Custom:lobby', 'RINGING')
    await component.device('Custom:lobby', 'RINGINUSE')
    client.bus.setMailbox('6001@default', { new: 2, old: 1 })
    await component.mailbox('6001@default', { new: 2, old: 1 })
    await component.account.stop()
    await client.device(`Custom:${bus.eid}`, 'UNAVAILABLE')
    for (const { events } of both)
      t.strictSame(
        events.filter(({ type }) => type === 'warning' || type === 'skipped'),
        [],
        `the ${first} came first`,
      )
  }
})
