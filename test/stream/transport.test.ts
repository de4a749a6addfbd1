import t from 'tap'
import { transport } from '../../src/stream/transport.ts'
import { HandClock } from '../helper/clock.ts'
import { pair, settled } from '../helper/pair.ts'
import { rejects } from '../helper/rejects.ts'

t.test('chunks come in order, one reader at a time, and then the end', async t => {
  const { near, far } = pair()
  const wire = transport(near)
  t.equal(wire.tls, undefined)
  const first = wire.read()
  far.write('one')
  t.equal(`${await first}`, 'one')
  t.notOk(wire.unread)
  far.write('two')
  far.write('three')
  far.end()
  await settled()
  t.ok(wire.unread)
  t.equal(`${await wire.read()}${await wire.read()}`, 'twothree')
  t.notOk(wire.unread)
  t.equal(await wire.read(), undefined)
  t.equal(await wire.read(), undefined)
})

t.test('nobody reads: the other side has to wait', async t => {
  const { near, far } = pair(1000)
  const wire = transport(near)
  let written = 0
  while (written < 100 && far.write('x'.repeat(100))) {
    written++
    await settled()
  }
  t.ok(written < 50, `${written} chunks were taken`)
  for (let n = 0; n < written; n++) await wire.read()
  await settled()
  t.notOk(far.writableNeedDrain)
})

t.test('a pipe that breaks', async t => {
  const { near } = pair()
  const wire = transport(near)
  const read = wire.read()
  near.destroy(new Error('broken'))
  await rejects(t, read, { code: 'XMPP_CONNECTION_LOST', message: /broken/, cause: { message: 'broken' } })
  await rejects(t, wire.read(), { code: 'XMPP_CONNECTION_LOST' })
  wire.write('into the void')
  wire.end()
  await wire.drained()
})

t.test('a pipe that broke before anyone listened', async t => {
  const { near, far } = pair()
  near.on('error', () => {}).destroy(new Error('broken'))
  far.destroy()
  await settled()
  await rejects(t, transport(near).read(), { code: 'XMPP_CONNECTION_LOST', message: /broken/ })
  t.equal(await transport(far).read(), undefined)
})

t.test('destroy gives a pending read the reason, the first one', async t => {
  const { near } = pair()
  const wire = transport(near)
  const read = wire.read()
  const reason = new Error('enough')
  wire.destroy(reason)
  wire.destroy(new Error('again'))
  t.equal(await read.catch(error => error), reason)
  t.ok(near.destroyed)
})

t.test('hanging up: what is queued gets through, what arrives is thrown away', async t => {
  const { near, far } = pair()
  const clock = new HandClock()
  const wire = transport(near)
  let heard = ''
  far.on('data', chunk => {
    heard += chunk
  })
  wire.write('last words')
  wire.hangUp(clock, 1000)
  far.write('x'.repeat(100_000))
  await settled()
  t.equal(heard, 'last words')
  t.notOk(near.destroyed)
  far.end()
  await settled()
  t.ok(near.destroyed)
  t.equal(clock.pending, 0)
  wire.hangUp(clock, 1000)
  t.equal(clock.pending, 0, 'once is enough')
})
