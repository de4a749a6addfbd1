import t from 'tap'
import { transport } from '../../src/stream/transport.ts'
import { pair } from '../helper/pair.ts'

t.test('however often one asks, a congested pipe has one listener for it', async t => {
  const { near, far } = pair(16)
  const pipe = transport(near)
  const before = [near.listenerCount('drain'), near.listenerCount('close')] as const
  const waits = new Set<Promise<void>>()
  for (let n = 0; n < 100; n++) {
    pipe.write('0123456789')
    if (pipe.congested) waits.add(pipe.drained())
  }
  t.equal(waits.size, 1)
  t.strictSame([near.listenerCount('drain'), near.listenerCount('close')], [before[0] + 1, before[1] + 1])

  far.resume()
  await Promise.all(waits)
  t.notOk(pipe.congested)
  t.strictSame([near.listenerCount('drain'), near.listenerCount('close')], before)
  await pipe.drained()
})

t.test('a pipe that is destroyed keeps nobody waiting', async t => {
  const { near } = pair(16)
  const pipe = transport(near)
  pipe.write('0123456789'.repeat(10))
  t.ok(pipe.congested)
  const waiting = pipe.drained()
  pipe.destroy()
  await waiting
  await pipe.drained()
})
