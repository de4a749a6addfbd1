import t from 'tap'
import { Checkup } from '../../../src/account/distribution/checkup.ts'
import { error, form, owner, pubsub } from '../../helper/pubsub.ts'
import { openSession } from '../../helper/session.ts'
import { playText } from '../../helper/transcript.ts'

import { ask, configure, connected, items, owners, publishDevice, SERVICE, shared, state, subscribe } from './stage.ts'

const ACCOUNT = 'juliet@example.com'
const list = (...nodes: string[]): string =>
  pubsub(
    `<subscriptions>${nodes.map(node => `<subscription node='${node}' jid='${ACCOUNT}' subscription='subscribed'/>`).join('')}</subscriptions>`,
  )
const asked = (answer: string): string => ask('get', pubsub('<subscriptions/>'), answer)

/** A checkup of both nodes, in a session whose server is played. */
async function setUp() {
  const { session, far, peer, clock } = await openSession({ jid: `${ACCOUNT}/balcony` })
  const lost: (readonly string[])[] = []
  const warnings: string[] = []
  const checkup = new Checkup({
    setting: { service: SERVICE, account: ACCOUNT, collections: false, autocreate: false },
    clock,
    session: () => session,
    subscribed: () => ['device_state', 'message_waiting'],
    isSubscribed: node => node !== 'elsewhere',
    onLost: nodes => void lost.push(nodes),
    warn: text => void warnings.push(text),
  })
  checkup.start()
  const play = (dialogue: string) => playText(far, dialogue, 'dialogue', { peer, words: {} })
  return { checkup, clock, lost, warnings, play, peer }
}

t.test('what comes back needs no look, and now and then there is one', async t => {
  const { checkup, clock, lost, play, peer } = await setUp()
  checkup.published('device_state')
  checkup.heard('device_state')
  await clock.advance(299_999)
  t.equal(peer.unread, undefined)
  const looking = clock.advance(1)
  await play(asked(list('device_state', 'message_waiting')))
  await looking
  t.strictSame(lost, [])
  const again = clock.advance(300_000)
  await play(asked(list('device_state')))
  await again
  t.strictSame(lost, [['message_waiting']])
})

t.test('where we are not subscribed nothing has to come back', async t => {
  const { checkup, clock, peer } = await setUp()
  checkup.published('elsewhere')
  await clock.advance(299_999)
  t.equal(peer.unread, undefined)
})

t.test('what does not come back is looked after in ten seconds', async t => {
  const { checkup, clock, lost, warnings, play, peer } = await setUp()
  await clock.advance(100_000)
  checkup.published('device_state')
  await clock.advance(9999)
  t.equal(peer.unread, undefined)
  const looking = clock.advance(1)
  await play(asked(list('message_waiting')))
  await looking
  t.strictSame(lost, [['device_state']])
  t.strictSame(warnings, [])
})

t.test('subscribed, and still nothing comes: that is said once, and looked after ever more seldom', async t => {
  const { checkup, clock, lost, warnings, play, peer } = await setUp()
  const both = asked(list('device_state', 'message_waiting'))
  for (const pause of [10_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000]) {
    checkup.published('device_state')
    await clock.advance(pause - 1)
    t.equal(peer.unread, undefined, `${pause} ms`)
    const looking = clock.advance(1)
    await play(both)
    await looking
  }
  t.strictSame(lost, [])
  t.equal(warnings.length, 1)
  t.match(warnings[0], /device_state at pubsub.example.com does not come here.*negative priority/)
})

t.test('subscriptions of others, and those that are pending, are none', async t => {
  const { checkup, clock, lost, play } = await setUp()
  checkup.published('device_state')
  const looking = clock.advance(10_000)
  const others = `<subscription node='device_state' jid='romeo@example.com' subscription='subscribed'/>`
  const pending = `<subscription node='message_waiting' jid='${ACCOUNT}' subscription='pending'/>`
  await play(asked(pubsub(`<subscriptions>${others}${pending}</subscriptions>`)))
  await looking
  t.strictSame(lost, [['device_state', 'message_waiting']])
})

t.test('a service that does not say is taken at its word', async t => {
  const { checkup, clock, lost, warnings, play, peer } = await setUp()
  checkup.published('device_state')
  const looking = clock.advance(10_000)
  await play(asked(error('cancel', 'feature-not-implemented')))
  await looking
  await clock.advance(299_999)
  t.equal(peer.unread, undefined)
  t.strictSame([...lost, ...warnings], [])
  checkup.stop()
  t.equal(clock.pending, 0)
})

t.test('a node that was deleted without a word is entered again, and put right', async t => {
  const { clock, bus, peer, play, warnings } = await connected(t, { lines: 'buddy=romeo@example.net' })
  peer.onAside = undefined
  bus.setDevice('a', 'INUSE')
  await play(publishDevice('a', 'INUSE'))
  const looking = clock.advance(10_000)
  const put = `<configure node='device_state'>${form('node_config', shared)}</configure>`
  await play(
    asked(list('message_waiting')) +
      subscribe('device_state') +
      ask('set', owner(put)) +
      owners('device_state') +
      configure('device_state') +
      items('device_state', state('b', 'BUSY')) +
      publishDevice('a', 'INUSE'),
  )
  await looking
  t.equal(bus.device('b')?.state, 'BUSY')
  t.strictSame(warnings(), [])
})
