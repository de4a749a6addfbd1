/** What becomes of our own states at a service, by others and by ourselves. */
import t from 'tap'
import { error } from '../../helper/pubsub.ts'
import { connected, mailbox, OWN, publish, publishDevice, rest, retract, state, told } from './stage.ts'

const publishMailbox = (fresh: number, old = 0): string => publish('message_waiting', mailbox('m', fresh, old, OWN))
const takenBack = (node: string, id: string): string => told(node, `<retract id='${id}'/>`)

t.test('an item of ours that somebody takes back is published again after a second', async t => {
  const { play, bus, clock, warnings } = await connected(t)
  bus.setDevice('d', 'INUSE')
  bus.setMailbox('m', { new: 1, old: 0 })
  await play(publishDevice('d', 'INUSE') + publishMailbox(1) + rest)
  await play(takenBack('device_state', 'd') + takenBack('message_waiting', 'm') + rest)
  await clock.advance(999)
  await play(rest)
  await clock.advance(1)
  await play(publishDevice('d', 'INUSE') + publishMailbox(1) + rest)
  await clock.advance(600_000)
  await play(rest)
  t.equal(bus.device('d')?.state, 'INUSE')
  t.strictSame(bus.mailbox('m')?.counts, { new: 1, old: 0 })
  t.strictSame(warnings(), [])
})

t.test('unless it is there again by then, or ours no more', async t => {
  const { play, bus, clock } = await connected(t)
  bus.setDevice('d', 'INUSE')
  bus.setDevice('cleared', 'INUSE')
  await play(publishDevice('d', 'INUSE') + publishDevice('cleared', 'INUSE') + rest)
  await play(takenBack('device_state', 'd') + takenBack('device_state', 'cleared') + rest)
  await play(told('device_state', state('d', 'INUSE', OWN)) + rest)
  bus.clearDevice('cleared')
  await play(publishDevice('cleared', 'UNAVAILABLE') + rest)
  await clock.advance(600_000)
  await play(rest)
})

t.test('what another PBX calls UNAVAILABLE is told again by whoever has more to say of it', async t => {
  const { play, bus } = await connected(t)
  bus.setDevice('d', 'INUSE')
  bus.setDevice('off', 'UNAVAILABLE')
  bus.setMailbox('m', { new: 1, old: 0 })
  await play(publishDevice('d', 'INUSE') + publishDevice('off', 'UNAVAILABLE') + publishMailbox(1) + rest)
  await play(told('device_state', state('d', 'BUSY')) + told('message_waiting', mailbox('m', 0, 0)) + rest)
  await play(
    told('device_state', state('d', 'UNAVAILABLE') + state('off', 'UNAVAILABLE')) + publishDevice('d', 'INUSE') + rest,
  )
  t.equal(bus.device('d')?.state, 'INUSE')
  await play(told('device_state', state('d', 'UNAVAILABLE', undefined, '0')) + rest)
})

t.test('a device that is no more is UNAVAILABLE, or taken back where the farewell is', async t => {
  for (const farewell of [undefined, 'mark', 'keep', 'retract'] as const) {
    const { play, bus } = await connected(t, { farewell })
    bus.setDevice('d', 'INUSE')
    await play(publishDevice('d', 'INUSE') + rest)
    bus.clearDevice('d')
    await play((farewell === 'retract' ? retract('device_state', 'd') : publishDevice('d', 'UNAVAILABLE')) + rest)
  }
})

t.test('a mailbox that is no more is always taken back', async t => {
  for (const farewell of [undefined, 'mark', 'keep', 'retract'] as const) {
    const { play, bus, warnings } = await connected(t, { farewell })
    bus.setMailbox('m', { new: 1, old: 0 })
    await play(publishMailbox(1) + rest)
    bus.clearMailbox('m')
    await play(retract('message_waiting', 'm') + rest)
    t.strictSame(warnings(), [])
  }
})

t.test('but not the item of another PBX, which has the same mailbox', async t => {
  const { play, bus } = await connected(t)
  bus.setMailbox('m', { new: 1, old: 0 })
  await play(publishMailbox(1) + told('message_waiting', mailbox('m', 2, 0)) + rest)
  bus.clearMailbox('m')
  await play(rest)
  t.strictSame(bus.mailbox('m')?.counts, { new: 2, old: 0 })
})

t.test('what waits to be told of something that is no more is not told', async t => {
  const { play, bus, clock } = await connected(t)
  bus.setMailbox('m', { new: 1, old: 0 })
  bus.setDevice('d', 'INUSE')
  const busy = error('wait', 'resource-constraint')
  await play(publish('message_waiting', mailbox('m', 1, 0, OWN), busy) + publishDevice('d', 'INUSE', busy) + rest)
  bus.setMailbox('m', { new: 2, old: 0 })
  bus.setDevice('d', 'BUSY')
  bus.clearMailbox('m')
  bus.clearDevice('d')
  await clock.advance(1000)
  await play(retract('message_waiting', 'm') + publishDevice('d', 'UNAVAILABLE') + rest)
})
