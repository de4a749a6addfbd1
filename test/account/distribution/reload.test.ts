/** A configuration that changes while states are shared. */
import t from 'tap'
import type { Session } from '../../../src/session.ts'
import type { Element } from '../../../src/stream/element.ts'
import { sendPing } from '../../../src/xep/0199-ping.ts'
import { pbx, service } from './pbx.ts'

t.test('distribute_events is turned off while items are read: nothing arrives any more', async t => {
  const server = await service(t)
  const [one, three] = [pbx(t, server, 'one'), pbx(t, server, 'three')]
  for (let n = 0; n < 300; n++) one.bus.setDevice(`SIP/${n}`, 'INUSE')
  one.account.start()
  const two = pbx(t, server, 'two')
  two.account.start()
  for (let n = 0; n < 300; n++) await two.device(`SIP/${n}`, 'INUSE')
  let updated: Promise<void> | undefined
  const secondPage = new Promise<void>(resolve => {
    server.onStanza = (stanza: Element, sender) => {
      if (!sender.startsWith('three@') || !stanza.toString().includes('<after>') || updated !== undefined) return
      t.ok(three.bus.devices().length < 300, 'it is not all read yet')
      updated = three.account.update({ ...three.account.config, distribute_events: false }, new Set())
      resolve()
    }
  })
  three.account.start()
  await three.next('connected')
  await secondPage
  await updated
  t.strictSame(three.bus.devices(), [])
  one.bus.setDevice('SIP/1', 'BUSY')
  await two.device('SIP/1', 'BUSY')
  // Whatever the service was asked for has been answered before this.
  for (let turn = 0; turn < 5; turn++) await sendPing(three.account.session as Session, 'example.com')
  t.strictSame(three.bus.devices(), [])
  t.equal(three.account.state, 'Connected')
  t.strictSame(
    three.events.filter(({ type }) => type === 'skipped' || type === 'warning'),
    [],
  )
})

t.test('of two changes at a time the later one holds', async t => {
  const server = await service(t)
  const [one, two] = [pbx(t, server, 'one'), pbx(t, server, 'two')]
  for (const each of [one, two]) {
    each.account.start()
    await each.next('connected')
  }
  one.bus.setDevice('Custom:lobby', 'INUSE')
  await two.device('Custom:lobby', 'INUSE')
  const { config } = one.account
  const changes = [
    { ...config, collection_nodes: true, priority: 1 },
    { ...config, distribute_events: false, priority: 2 },
    { ...config, collection_nodes: true, priority: 3 },
    { ...config, priority: 4 },
  ]
  await Promise.all(changes.map(change => one.account.update(change, new Set(['live'] as const))))
  t.equal(one.account.config.priority, 4)
  t.equal(one.account.config.collection_nodes, false)
  one.bus.setDevice('Custom:lobby', 'BUSY')
  await two.device('Custom:lobby', 'BUSY')
  two.bus.setDevice('Custom:far', 'RINGING')
  await one.device('Custom:far', 'RINGING')
  await one.account.stop()
  await two.device('Custom:lobby', 'UNAVAILABLE')
})

t.test('what is changed while the connection is lost begins anew, though the session is resumed', async t => {
  const server = await service(t)
  const [one, two] = [pbx(t, server, 'one'), pbx(t, server, 'two')]
  for (const each of [one, two]) {
    each.account.start()
    await each.next('connected')
  }
  one.bus.setDevice('Custom:lobby', 'INUSE')
  await two.device('Custom:lobby', 'INUSE')
  server.drop('two@example.com')
  await two.next('offline')
  await two.account.update({ ...two.account.config, pubsub_autocreate: true }, new Set())
  t.strictSame(two.bus.devices(), [])
  t.equal((await two.next('connected')).resumed, true)
  await two.device('Custom:lobby', 'INUSE')
  one.bus.setDevice('Custom:lobby', 'BUSY')
  await two.device('Custom:lobby', 'BUSY')
})
