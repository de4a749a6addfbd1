import t from 'tap'
import { type Element, el, SharedElement } from '../../src/stream/element.ts'
import { serialize } from '../../src/stream/serialize.ts'
import { transport } from '../../src/stream/transport.ts'
import { pair, settled } from '../helper/pair.ts'
import { throws } from '../helper/rejects.ts'
import { NS_CLIENT, openStream } from '../helper/session.ts'

const message = (text: string): Element => el('message', NS_CLIENT, {}, el('body', NS_CLIENT, {}, text))
const xml = (text: string): string => `<message><body>${text}</body></message>`
const text = (chunks: Buffer[], from = 1): string[] => chunks.slice(from).map(chunk => chunk.toString())

t.test('what is sent in one turn leaves in one write', async t => {
  const { stream, peer } = await openStream()
  for (let n = 0; n < 100; n++) t.equal(stream.send(message(`${n}`)), undefined)
  await Promise.resolve()
  stream.send(message('from a promise of the same turn'))
  await settled()
  t.equal(peer.chunks.length, 2)
  t.equal(
    text(peer.chunks)[0],
    `${Array.from({ length: 100 }, (_, n) => xml(`${n}`)).join('')}${xml('from a promise of the same turn')}`,
  )
  stream.send(message('another turn'))
  await settled()
  t.same(text(peer.chunks, 2), [xml('another turn')])
})

t.test('a long turn does not gather everything in memory first', async t => {
  const { stream, peer } = await openStream({}, 10_000_000)
  for (let n = 0; n < 100; n++) stream.send(message('x'.repeat(10_000)))
  await settled()
  const sizes = peer.chunks.slice(1).map(chunk => chunk.length)
  t.ok(sizes.length > 5 && Math.max(...sizes) < 80_000, `${sizes}`)
  t.equal(text(peer.chunks).join(''), xml('x'.repeat(10_000)).repeat(100))
})

t.test('coalesce: false', async t => {
  const { stream, peer } = await openStream({ coalesce: false })
  stream.send(message('1'))
  stream.send(message('2'))
  await settled()
  t.same(text(peer.chunks), [xml('1'), xml('2')])
})

t.test('flush', async t => {
  const { stream, peer } = await openStream()
  stream.send(message('1'))
  stream.flush()
  stream.send(message('2'))
  stream.flush()
  stream.flush()
  await settled()
  t.same(text(peer.chunks), [xml('1'), xml('2')])
})

t.test('raw bytes keep their place, and are sent as they are', async t => {
  const { stream, peer } = await openStream()
  stream.send(message('1'))
  stream.write(Buffer.from('<!-- '))
  stream.write(Buffer.of(0xff))
  stream.send(message('2'))
  await settled()
  t.same(peer.chunks.slice(1), [Buffer.from(xml('1')), Buffer.from('<!-- '), Buffer.of(0xff), Buffer.from(xml('2'))])
})

t.test('a promise says when the peer takes more', async t => {
  const { near, far } = pair(100)
  // Nobody reads at the other end, which takes what its buffer holds and no more.
  const wire = transport(near)
  wire.write('x'.repeat(50))
  t.notOk(wire.congested)
  wire.write('x'.repeat(100))
  await settled()
  wire.write('x'.repeat(200))
  t.ok(wire.congested)
  t.ok(wire.queued >= 200)
  let drained = false
  const waiting = wire.drained().then(() => {
    drained = true
  })
  await settled()
  t.notOk(drained)
  far.resume()
  await waiting
  t.notOk(wire.congested)
  t.equal(wire.queued, 0)
  await wire.drained()
})

t.test('send() returns that promise, and many who wait share one', async t => {
  const { stream, near, far, peer } = await openStream({}, 1000)
  far.pause()
  const warned: Error[] = []
  const warn = (warning: Error): void => void warned.push(warning)
  process.on('warning', warn)
  t.teardown(() => process.off('warning', warn))
  const waiting: Promise<void>[] = []
  for (let n = 0; n < 200; n++) {
    const full = stream.send(message('x'.repeat(100)))
    if (full !== undefined) waiting.push(full)
    if (n % 5 === 0) await settled()
  }
  t.ok(waiting.length > 100, `${waiting.length} of 200 were told to wait`)
  t.ok(near.listenerCount('drain') <= 1, `${near.listenerCount('drain')} listeners for drain`)
  t.ok(near.listenerCount('close') <= 5, `${near.listenerCount('close')} listeners for close`)
  far.resume()
  await Promise.all(waiting)
  await settled()
  t.equal(text(peer.chunks).join(''), xml('x'.repeat(100)).repeat(200), 'and nothing is lost')
  t.same(warned, [])
})

t.test('who waits is let go when the connection is cut', async t => {
  const { stream, far } = await openStream({}, 100)
  far.pause()
  await settled()
  let full: Promise<void> | undefined
  for (let n = 0; n < 10; n++) {
    full = stream.send(message('x'.repeat(100)))
    await settled()
  }
  t.type(full, Promise)
  stream.destroy()
  await full
  throws(t, () => stream.send(message('late')), { code: 'XMPP_STREAM_ENDED' })
})

t.test('a peer that does not read cannot fill our memory', async t => {
  const { stream, far } = await openStream({ sendLimit: 5000 }, 100)
  far.pause()
  await settled()
  let sent = 0
  throws(
    t,
    () => {
      for (; sent < 1000; sent++) stream.send(message('x'.repeat(100)))
    },
    { code: 'XMPP_SEND_LIMIT' },
  )
  t.ok(sent >= 36 && sent <= 45, `${sent} of 135 bytes each`)
  far.resume()
  await settled()
  t.doesNotThrow(() => stream.send(message('room again')))
})

t.test('nothing can be sent behind the close', async t => {
  const { stream, peer } = await openStream()
  const closed = stream.close()
  for (const send of [() => stream.send(message('x')), () => stream.write(Buffer.of(0x20))]) {
    throws(t, send, { code: 'XMPP_STREAM_ENDED' })
  }
  peer.write('</stream:stream>')
  await closed
  throws(t, () => stream.send(message('x')), { code: 'XMPP_STREAM_ENDED' })
})

t.test('what stands in many stanzas is written once, and as it would be anywhere', async t => {
  const event = () =>
    el('event', 'urn:event', { 'xml:lang': 'en' }, el('a', 'urn:a', {}, '<&'), el('b', 'jabber:client'))
  for (const ns of ['jabber:client', 'jabber:component:accept', 'urn:event']) {
    const shared = new SharedElement(event())
    for (const to of ['a', 'b']) {
      const plain = serialize(el('message', ns, { to }, event(), 'x'), ns)
      t.equal(serialize(el('message', ns, { to }, shared, 'x'), ns), plain)
      t.equal(String(el('message', ns, { to }, shared)), String(el('message', ns, { to }, event())))
    }
  }
})
