/** How the items of a node are read that changes meanwhile, or may not be read yet. */
import t from 'tap'
import { error, pubsub } from '../../helper/pubsub.ts'
import { login } from '../setting.ts'
import {
  ask,
  configure,
  connected,
  enter,
  items,
  page,
  publishDevice,
  rest,
  setUp,
  state,
  subscribe,
  TWO,
  told,
} from './stage.ts'

const set = (first: string, last: string, count: number): string =>
  page(`<first index='0'>${first}</first><last>${last}</last><count>${count}</count>`)
const after = (id: string): string => `<after>${id}</after>`
const allAtOnce = (found: string): string =>
  ask('get', pubsub("<items node='device_state'/>"), pubsub(`<items node='device_state'>${found}</items>`))
const [a, b, c] = [state('a', 'INUSE'), state('b', 'INUSE'), state('c', 'INUSE')]

t.test('what was last on a page is published again: the pages are turned anew', async t => {
  const { account, accept, bus } = await setUp(t)
  account.start()
  const { play } = await accept()
  await play(
    login() +
      subscribe('device_state') +
      configure('device_state') +
      items('device_state', a + b, set('a', 'b', 3)) +
      // It is at the end now, and nothing comes behind it.
      items('device_state', '', page('<count>3</count>'), after('b')) +
      items('device_state', a + c, set('a', 'c', 3)) +
      items('device_state', state('b', 'BUSY'), set('b', 'b', 3), after('c')) +
      items('device_state', '', page('<count>3</count>'), after('b')) +
      enter('message_waiting') +
      rest,
  )
  t.strictSame(
    bus.devices().map(({ device, state }) => `${device} ${state}`),
    ['a INUSE', 'b BUSY', 'c INUSE'],
  )
})

t.test('the item behind which a page begins has gone: the same', async t => {
  const { account, accept, bus, warnings } = await setUp(t)
  account.start()
  const { play } = await accept()
  await play(
    login() +
      subscribe('device_state') +
      configure('device_state') +
      items('device_state', a + b, set('a', 'b', 3)) +
      items('device_state', error('cancel', 'item-not-found'), '', after('b')) +
      items('device_state', a + c, set('a', 'c', 2)) +
      items('device_state', '', page('<count>2</count>'), after('c')) +
      enter('message_waiting') +
      rest,
  )
  t.ok(bus.device('c'))
  t.strictSame(warnings(), [])
})

t.test('three times, and then all at once', async t => {
  const { account, accept, bus } = await setUp(t)
  account.start()
  const { play } = await accept()
  const turn = (): string =>
    items('device_state', a, set('a', 'a', 3)) + items('device_state', '', page('<count>3</count>'), after('a'))
  await play(
    login() +
      subscribe('device_state') +
      configure('device_state') +
      turn() +
      turn() +
      turn() +
      allAtOnce(a + b + c) +
      enter('message_waiting') +
      rest,
  )
  t.equal(bus.devices().length, 3)
})

t.test('what is not all there says nothing of what is missing', async t => {
  const { accept, bus, play, socket, next, clock } = await connected(t, {}, a + b)
  bus.setDevice('own', 'INUSE')
  await play(publishDevice('own', 'INUSE') + rest)
  socket.destroy()
  const { retryIn } = await next('offline')
  await clock.advance(retryIn)
  const again = await accept()
  const turn = (): string =>
    items('device_state', a, set('a', 'a', 9)) + items('device_state', '', page('<count>9</count>'), after('a'))
  await again.play(
    login() +
      subscribe('device_state') +
      configure('device_state') +
      turn() +
      turn() +
      turn() +
      allAtOnce(a) +
      enter('message_waiting') +
      rest,
  )
  t.strictSame(
    bus.devices().map(({ device }) => device),
    ['a', 'b', 'own'],
  )
})

for (const [type, condition] of [
  ['wait', 'resource-constraint'],
  ['auth', 'forbidden'],
  ['cancel', 'item-not-found'],
] as const)
  t.test(`a read that is refused with ${condition} is tried again after 1, 2, 4 … s`, async t => {
    const { account, accept, bus, clock, warnings } = await setUp(t)
    account.start()
    const { play } = await accept()
    const refused = (): string =>
      subscribe('device_state') + configure('device_state') + items('device_state', error(type, condition))
    await play(login() + refused() + enter('message_waiting') + rest)
    t.equal(warnings().length, condition === 'forbidden' ? 0 : 1, 'a denial is told the second time')
    for (const seconds of [1, 2, 4]) {
      await clock.advance(seconds * 1000 - 1)
      await play(rest)
      await clock.advance(1)
      await play(refused() + rest)
      t.equal(warnings().length, 1)
    }
    t.match(warnings()[0], /what others have published in device_state at pubsub\.example\.com cannot be read/)
    await clock.advance(8000)
    await play(enter('device_state', a) + rest)
    t.equal(bus.device('a')?.state, 'INUSE')
    await clock.advance(600_000)
    await play(rest)
    t.equal(warnings().length, 1)
  })

for (const [type, condition] of [
  ['modify', 'bad-request'],
  ['cancel', 'feature-not-implemented'],
] as const)
  t.test(`a read that is answered with ${condition} is told of, and not tried again`, async t => {
    const { account, accept, clock, warnings } = await setUp(t)
    account.start()
    const { play } = await accept()
    await play(
      login() +
        subscribe('device_state') +
        configure('device_state') +
        items('device_state', error(type, condition)) +
        enter('message_waiting') +
        rest,
    )
    t.equal(warnings().length, 1)
    t.match(warnings()[0], condition)
    await clock.advance(600_000)
    await play(rest)
  })

t.test('a passing state that a service has kept is not reported', async t => {
  const { account, accept, bus, events } = await setUp(t)
  const heard: string[] = []
  bus.on('device', ({ device, state }) => heard.push(`${device} ${state}`))
  account.start()
  const { play } = await accept()
  await play(login() + enter('device_state', a + state('d', 'RINGING', TWO, '0')) + enter('message_waiting') + rest)
  t.strictSame(heard, ['a INUSE'])
  t.notOk(events.some(({ type }) => type === 'skipped'))
  await play(told('device_state', state('d', 'BUSY', TWO, '0')) + rest)
  t.strictSame(heard, ['a INUSE', 'd BUSY'], 'it is when it is so')
})

t.test('whoever is known is not heard of by what was there before', async t => {
  const { bus, clock, socket, next, accept } = await connected(t, { expire: 60_000 }, a)
  const heard: string[] = []
  for (const type of ['expired', 'returned'] as const) bus.on(type, ({ eid }) => heard.push(`${type} ${eid}`))
  await clock.advance(50_000)
  socket.destroy()
  const { retryIn } = await next('offline')
  await clock.advance(retryIn)
  const second = await accept()
  await second.play(login() + enter('device_state', a) + enter('message_waiting') + rest)
  await clock.advance(60_000 - 50_000 - retryIn - 1)
  t.equal(bus.device('a')?.state, 'INUSE')
  await clock.advance(1)
  t.equal(bus.device('a'), undefined)
  t.strictSame(heard, [`expired ${TWO}`])
  second.socket.destroy()
  await clock.advance((await next('offline')).retryIn)
  const third = await accept()
  await third.play(login() + enter('device_state', state('a', 'BUSY')) + enter('message_waiting') + rest)
  t.equal(bus.device('a'), undefined, 'the dead are not called back by what they have left')
  await third.play(told('device_state', state('b', 'INUSE')) + rest)
  t.strictSame(heard, [`expired ${TWO}`, `returned ${TWO}`])
  t.equal(bus.device('a')?.state, 'BUSY')
})
