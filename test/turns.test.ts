import t from 'tap'
import { Turns } from '../src/turns.ts'
import { HandClock } from './helper/clock.ts'
import { settled } from './helper/pair.ts'
import { rejects } from './helper/rejects.ts'

/** Those who want a turn, in order, and who has got one. */
function queue(turns: Turns, count: number, signal = new AbortController().signal) {
  const ends = new Map<number, () => void>()
  const order: number[] = []
  for (let at = 0; at < count; at++) {
    turns.take(signal).then(
      end => {
        order.push(at)
        ends.set(at, end)
      },
      () => {},
    )
  }
  return { ends, order }
}

t.test('first come, first served; so many at one time', async t => {
  const clock = new HandClock()
  const { ends, order } = queue(new Turns(clock, 2), 5)
  await settled()
  t.strictSame(order, [0, 1])
  ends.get(1)?.()
  ends.get(1)?.()
  await settled()
  t.strictSame(order, [0, 1, 2], 'a turn ends once')
  ends.get(0)?.()
  ends.get(2)?.()
  await settled()
  t.strictSame(order, [0, 1, 2, 3, 4])
  ends.get(3)?.()
  ends.get(4)?.()
  t.equal(clock.pending, 0)
})

t.test('who takes too long holds up nobody', async t => {
  const clock = new HandClock()
  const turns = new Turns(clock, 1, 1000)
  const { ends, order } = queue(turns, 3)
  await clock.advance(999)
  t.strictSame(order, [0])
  await clock.advance(1)
  t.strictSame(order, [0, 1])
  ends.get(0)?.()
  await settled()
  t.strictSame(order, [0, 1], 'its turn was over already')
  await clock.advance(1000)
  t.strictSame(order, [0, 1, 2])
  await clock.advance(1000)
  t.equal(clock.pending, 0)
  const more = queue(turns, 1)
  await settled()
  t.strictSame(more.order, [0], 'the turn has come back')
})

t.test('who leaves the queue is no longer in it', async t => {
  const clock = new HandClock()
  const turns = new Turns(clock, 1)
  const first = queue(turns, 1)
  const leaving = new AbortController()
  const left = turns.take(leaving.signal)
  const last = queue(turns, 1)
  leaving.abort(new Error('gone'))
  await rejects(t, left, { message: 'gone' })
  await rejects(t, turns.take(leaving.signal), { message: 'gone' })
  first.ends.get(0)?.()
  await settled()
  t.strictSame(last.order, [0])
})
