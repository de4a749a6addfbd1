import t from 'tap'
import { Repetition } from '../../../src/account/distribution/repetition.ts'
import { HandClock } from '../../helper/clock.ts'

function setUp() {
  const clock = new HandClock()
  const start = clock.now()
  const said: number[] = []
  const repetition = new Repetition(clock, () => void said.push(clock.now() - start))
  return { clock, said, repetition }
}

t.test('what was said is said twice more, and then no more', async t => {
  const { clock, said, repetition } = setUp()
  repetition.begin()
  clock.skip(100_000)
  t.same(said, [5000, 20_000])
  t.equal(clock.pending, 0)
})

t.test('reasons that come meanwhile begin it once more when it has ended, however many they are', async t => {
  const { clock, said, repetition } = setUp()
  repetition.begin()
  clock.skip(1000)
  repetition.begin()
  clock.skip(6000)
  repetition.begin()
  clock.skip(200_000)
  t.same(said, [5000, 20_000, 25_000, 40_000])
  t.equal(clock.pending, 0)
})

t.test('it is not said once it was stopped, and can be begun again', async t => {
  const { clock, said, repetition } = setUp()
  repetition.begin()
  repetition.begin()
  clock.skip(6000)
  repetition.stop()
  t.equal(clock.pending, 0)
  clock.skip(60_000)
  t.same(said, [5000])
  repetition.begin()
  clock.skip(100_000)
  t.same(said, [5000, 71_000, 86_000], 'with no reason left over from before')
})
