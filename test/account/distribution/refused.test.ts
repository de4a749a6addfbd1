/** What a service refuses, does not answer, or has to be asked for. */
import t from 'tap'
import { error } from '../../helper/pubsub.ts'
import { login } from '../setting.ts'
import {
  configure,
  connected,
  enter,
  enterBoth,
  event,
  items,
  publishDevice,
  rest,
  setUp,
  state,
  subscribe,
  subscribed,
  together,
} from './stage.ts'

for (const condition of ['forbidden', 'not-allowed', 'not-authorized'])
  t.test(`${condition} is told the second time, and tried again after 1, 2, 4 … 300 s`, async t => {
    const { account, accept, bus, clock, warnings } = await setUp(t)
    account.start()
    const { play } = await accept()
    const refused = (): string => subscribe('device_state', error('auth', condition))
    await play(login() + refused() + enter('message_waiting') + rest)
    t.strictSame(warnings(), [], 'whoever is being let in need not know')
    for (const seconds of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
      await clock.advance(seconds * 1000 - 1)
      await play(rest)
      await clock.advance(1)
      await play(refused() + rest)
      t.equal(warnings().length, 1, `after ${seconds} s`)
    }
    t.match(warnings()[0], 'device_state at pubsub.example.com cannot be subscribed to')
    t.match(warnings()[0], condition)
    t.match(warnings()[0], 'its owner has to let juliet@example.com in, as publisher or owner')
    await clock.advance(300_000)
    await play(enter('device_state', state('a', 'INUSE')) + rest)
    t.equal(bus.device('a')?.state, 'INUSE')
    await clock.advance(600_000)
    await play(rest)
    t.equal(warnings().length, 1)
  })

t.test('a refusal that is no denial is told at once', async t => {
  const { account, accept, clock, warnings } = await setUp(t)
  account.start()
  const { play } = await accept()
  const refused = (): string => subscribe('device_state', error('wait', 'resource-constraint'))
  await play(login() + refused() + enter('message_waiting') + rest)
  t.match(warnings(), [/^device_state at pubsub\.example\.com cannot be subscribed to: .*resource-constraint/])
  await clock.advance(1000)
  await play(refused() + rest)
  await clock.advance(2000)
  await play(enter('device_state') + rest)
  t.equal(warnings().length, 1)
})

t.test('a publication that is refused holds up the rest until it works, and is told once', async t => {
  const { play, bus, clock, warnings } = await connected(t)
  const forbidden = error('auth', 'forbidden')
  bus.setDevice('a', 'INUSE')
  await play(publishDevice('a', 'INUSE', forbidden) + rest)
  t.strictSame(warnings(), [])
  bus.setDevice('b', 'INUSE')
  await play(rest)
  await clock.advance(999)
  await play(rest)
  await clock.advance(1)
  await play(together(publishDevice('a', 'INUSE', forbidden), publishDevice('b', 'INUSE', forbidden)) + rest)
  t.equal(warnings().length, 1)
  t.match(warnings()[0], /nothing can be published in device_state at pubsub\.example\.com: .*forbidden/)
  bus.setDevice('a', 'BUSY')
  // One pause for both.
  await clock.advance(1999)
  await play(rest)
  await clock.advance(1)
  await play(publishDevice('a', 'BUSY') + publishDevice('b', 'INUSE') + rest)
  await clock.advance(600_000)
  await play(rest)
  t.equal(warnings().length, 1)
})

t.test('an item that the service takes for wrong is given up until it changes', async t => {
  const { play, bus, clock, warnings } = await connected(t)
  bus.setDevice('a', 'INUSE')
  bus.setDevice('b', 'INUSE')
  await play(
    publishDevice('a', 'INUSE', error('modify', 'bad-request', 'invalid-payload')) + publishDevice('b', 'INUSE') + rest,
  )
  t.equal(warnings().length, 1)
  await clock.advance(600_000)
  await play(rest)
  bus.setDevice('a', 'BUSY')
  await play(publishDevice('a', 'BUSY') + rest)
})

for (const condition of ['remote-server-not-found', 'service-unavailable'])
  t.test(`${condition}: a service that is not there is one trouble, and asked again`, async t => {
    const { account, accept, clock, warnings, bus } = await setUp(t)
    bus.setDevice('a', 'INUSE')
    account.start()
    const { play } = await accept()
    const nobody = error('cancel', condition)
    const refused = (): string =>
      subscribe('device_state', nobody) + subscribe('message_waiting', nobody) + publishDevice('a', 'INUSE', nobody)
    await play(login() + refused() + rest)
    t.equal(warnings().length, 1, 'whatever was wanted of it')
    t.match(warnings()[0], condition)
    t.match(warnings()[0], /; check pubsub_node$/)
    for (const seconds of [1, 2, 4]) {
      await clock.advance(seconds * 1000 - 1)
      await play(rest)
      await clock.advance(1)
      await play(refused() + rest)
    }
    await clock.advance(8000)
    await play(enterBoth() + publishDevice('a', 'INUSE') + rest)
    await clock.advance(600_000)
    await play(rest)
    t.equal(warnings().length, 1)
  })

t.test('a service that says nothing is asked again', async t => {
  const { account, accept, clock, warned, warnings } = await setUp(t)
  account.start()
  const { play } = await accept()
  await play(`${login()}${subscribe('device_state').split('\n')[0]}\n`)
  await clock.advance(20_000)
  await warned(/pubsub\.example\.com does not answer/)
  await clock.advance(999)
  await play(rest)
  await clock.advance(1)
  await play(enterBoth() + rest)
  t.equal(warnings().length, 1)
})

t.test('an owner who ends our subscription is told of', async t => {
  const { play, warnings } = await connected(t)
  const none = "subscription='none'"
  const subscription = (node: string, jid: string): string =>
    event(`<subscription node='${node}' jid='${jid}' ${none}/>`)
  await play(subscription('device_state', 'romeo@example.net') + subscription('other', 'juliet@example.com') + rest)
  t.strictSame(warnings(), [])
  await play(subscription('device_state', 'juliet@example.com') + rest)
  t.match(warnings(), [/device_state at pubsub\.example\.com: its owner has ended our subscription/])
})

t.test('an owner who grants the subscription that we wait for is believed, once', async t => {
  const { account, accept, bus } = await setUp(t)
  account.start()
  const { play } = await accept()
  const granted = event("<subscription node='device_state' jid='juliet@example.com' subscription='subscribed'/>")
  await play(
    login() +
      subscribe('device_state', subscribed('device_state', 'pending')) +
      configure('device_state') +
      items('device_state', '') +
      enter('message_waiting') +
      rest,
  )
  await play(granted + enter('device_state', state('a', 'INUSE')) + rest)
  t.equal(bus.device('a')?.state, 'INUSE')
  // A service may tell of each subscription that there is.
  await play(granted + rest)
})
