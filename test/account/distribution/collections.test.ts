/** States that spread through collections. */
import t from 'tap'
import { pbx, service } from './pbx.ts'

t.test('a service with collections: one subscription for all devices, also for who comes late', async t => {
  const server = await service(t, { pubsubCollections: true })
  const asked: string[] = []
  server.onStanza = stanza => {
    const text = String(stanza)
    if (/^<iq.*<subscribe /.test(text)) asked.push(/node='([^']*)'/.exec(text)?.[1] ?? '')
  }
  const config = { collection_nodes: true, pubsub_autocreate: true }
  const [one, two, three] = (['one', 'two', 'three'] as const).map(name => pbx(t, server, name, { config }))
  if (one === undefined || two === undefined || three === undefined) return
  one.account.start()
  two.account.start()
  for (const name of ['Custom:a', 'Custom:b', 'Custom:c']) one.bus.setDevice(name, 'INUSE')
  two.bus.setMailbox('6001@default', { new: 2, old: 1 })
  for (const name of ['Custom:a', 'Custom:b', 'Custom:c']) await two.device(name, 'INUSE')
  await one.mailbox('6001@default', { new: 2, old: 1 })
  three.account.start()
  for (const name of ['Custom:a', 'Custom:b', 'Custom:c']) await three.device(name, 'INUSE')
  await three.mailbox('6001@default', { new: 2, old: 1 })
  three.bus.setDevice('Custom:a', 'RINGING')
  await one.device('Custom:a', 'RINGINUSE')
  await two.device('Custom:a', 'RINGINUSE')
  t.strictSame([...new Set(asked)].sort(), ['device_state', 'message_waiting'], 'to no leaf')
})
