import t from 'tap'
import { StreamError, XmppError } from '../../src/errors.ts'
import { el } from '../../src/stream/element.ts'
import { XmlStream } from '../../src/stream/stream.ts'
import { transport } from '../../src/stream/transport.ts'
import { HandClock } from '../helper/clock.ts'
import { pair, settled } from '../helper/pair.ts'
import { rejects } from '../helper/rejects.ts'
import { NS_CLIENT, openStream } from '../helper/session.ts'

t.test('we close: the peer answers, and the connection ends without a timer left', async t => {
  const { stream, peer, near, clock } = await openStream()
  stream.send(el('a', NS_CLIENT))
  const closed = stream.close()
  t.match(await peer.next(), { node: { name: 'a' } })
  t.same(await peer.next(), { type: 'close' })
  peer.write('</stream:stream>')
  await closed
  t.ok(stream.over)
  t.same(await peer.next(), { type: 'eof' })
  peer.duplex.end()
  await settled()
  t.ok(near.destroyed)
  t.equal(clock.pending, 0)
})

t.test('we close: what still arrives goes to the reader', async t => {
  const { stream, peer } = await openStream()
  const names: string[] = []
  const reading = (async () => {
    for await (const batch of stream.batches()) names.push(...batch.map(element => element.name))
  })()
  await settled()
  const closed = stream.close()
  peer.write('<late/>')
  await settled()
  peer.write('<later/></stream:stream>')
  await Promise.all([closed, reading])
  t.same(names, ['late', 'later'])
})

t.test('we close: a reader at work on a batch loses nothing', async t => {
  const { stream, peer } = await openStream()
  const names: string[] = []
  let go = (): void => {}
  const reading = (async () => {
    for await (const batch of stream.batches()) {
      names.push(...batch.map(element => element.name))
      await new Promise<void>(resolve => {
        go = resolve
      })
    }
  })()
  peer.write('<a/>')
  await settled()
  const closed = stream.close()
  peer.write('<late/>')
  await settled()
  t.same(names, ['a'])
  go()
  await settled()
  go()
  peer.write('</stream:stream>')
  await Promise.all([closed, reading])
  t.same(names, ['a', 'late'])
})

t.test('we close: a pending next() sees the end', async t => {
  const { stream, peer } = await openStream()
  const next = stream.next()
  const closed = stream.close()
  peer.write('</stream:stream>')
  t.equal(await next, undefined)
  await closed
  t.equal(await stream.next(), undefined)
})

t.test('we close: a reader may come while we wait', async t => {
  const { stream, peer } = await openStream()
  const closed = stream.close()
  peer.write('</stream:stream>')
  await closed
  t.equal(await stream.next(), undefined)
})

t.test('we close: the peer hangs up instead', async t => {
  const { stream, peer, near, clock } = await openStream()
  const next = stream.next()
  const closed = stream.close()
  peer.duplex.end()
  await closed
  t.equal(await next, undefined, 'that is end enough')
  await settled()
  t.ok(near.destroyed)
  t.equal(clock.pending, 0)
})

t.test('we close: the peer says nothing', async t => {
  const { stream, near, clock } = await openStream()
  const next = stream.next()
  next.catch(() => {})
  let done = false
  const closed = stream.close(2000).then(() => {
    done = true
  })
  await clock.advance(1999)
  t.notOk(done)
  t.notOk(near.destroyed)
  await clock.advance(1)
  await closed
  t.ok(near.destroyed)
  await rejects(t, next, { code: 'XMPP_STREAM_ENDED' })
  t.equal(clock.pending, 0)
})

t.test('we close: the peer answers and keeps the connection open', async t => {
  const { stream, peer, near, clock } = await openStream()
  const closed = stream.close()
  peer.write('</stream:stream>')
  await closed
  await clock.advance(999)
  t.notOk(near.destroyed, 'it gets a second to end its side')
  await clock.advance(1)
  t.ok(near.destroyed)
  t.equal(clock.pending, 0)
})

t.test('closing twice is closing once', async t => {
  const { stream, peer } = await openStream()
  const both = Promise.all([stream.close(), stream.close()])
  peer.write('</stream:stream>')
  await both
  await stream.close()
  t.same(await peer.next(), { type: 'close' })
  t.same(await peer.next(), { type: 'eof' })
})

t.test('closing before anything was said just ends the connection', async t => {
  const { near, far } = pair()
  far.resume()
  const stream = new XmlStream(transport(near), { ns: NS_CLIENT, clock: new HandClock() })
  await stream.close()
  t.ok(near.destroyed)
})

t.test('the peer closes: answered, and everything sent before arrives', async t => {
  const { stream, peer, near, clock } = await openStream()
  stream.send(el('a', NS_CLIENT))
  peer.write('</stream:stream>')
  t.equal(await stream.next(), undefined)
  t.match(await peer.next(), { node: { name: 'a' } })
  t.same(await peer.next(), { type: 'close' })
  t.same(await peer.next(), { type: 'eof' })
  t.ok(stream.over)
  t.equal(await stream.next(), undefined)
  peer.duplex.end()
  await settled()
  t.ok(near.destroyed)
  t.equal(clock.pending, 0)
})

t.test('the peer hangs up without a word', async t => {
  const { stream, peer, near, clock } = await openStream()
  peer.duplex.end()
  await rejects(t, stream.next(), { code: 'XMPP_CONNECTION_LOST', message: /without closing its stream/ })
  t.ok(stream.over)
  await settled()
  t.ok(near.destroyed, 'nothing of the socket is left')
  t.equal(clock.pending, 0)
})

t.test('the peer hangs up in the middle of a stanza', async t => {
  const { stream, peer } = await openStream()
  peer.write('<message><body>half')
  peer.duplex.end()
  await rejects(t, stream.next(), { code: 'XMPP_CONNECTION_LOST' })
})

t.test('a connection that breaks says how', async t => {
  const { stream, near } = await openStream()
  const next = stream.next()
  near.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
  await rejects(t, next, { code: 'XMPP_CONNECTION_LOST', message: /ECONNRESET/, cause: { code: 'ECONNRESET' } })
  await rejects(t, stream.next(), { code: 'XMPP_CONNECTION_LOST' })
  await stream.close()
})

t.test('destroy: a pending read gets the reason', async t => {
  const { stream, near, clock } = await openStream()
  const reason = new XmppError('XMPP_TEST', 'enough')
  const next = stream.next()
  stream.destroy(reason)
  t.equal(await next.catch(error => error), reason)
  t.equal(await stream.next().catch(error => error), reason)
  t.ok(near.destroyed)
  t.ok(stream.over)
  stream.destroy(new Error('another'))
  t.equal(await stream.next().catch(error => error), reason, 'the first reason counts')
  t.equal(clock.pending, 0)
  await stream.close()
})

t.test('destroy while closing ends the wait', async t => {
  const { stream, clock } = await openStream()
  const closed = stream.close()
  stream.destroy()
  await closed
  t.equal(clock.pending, 0)
})

t.test('fail: the error is sent once, and the first one counts', async t => {
  const { stream, peer } = await openStream()
  const first = new StreamError('conflict', 'there can be only one')
  t.equal(await stream.fail(first), first)
  t.equal(await stream.fail(new StreamError('reset')), first)
  t.match(await peer.next(), { node: { children: [{ name: 'conflict' }, { children: ['there can be only one'] }] } })
  t.same(await peer.next(), { type: 'close' })
  t.same(await peer.next(), { type: 'eof' })
  t.equal(await stream.next().catch(error => error), first)
})

t.test('fail: whoever is reading gets the error', async t => {
  const { stream, peer } = await openStream()
  const next = stream.next()
  const error = await stream.fail(new StreamError('conflict'))
  peer.duplex.end()
  t.equal(await next.catch(reason => reason), error)
})

t.test('fail: the error gets through to a peer that has not read all we sent', async t => {
  const { stream, peer, far, near, clock } = await openStream({}, 1000)
  far.pause()
  for (let n = 0; n < 50; n++) stream.send(el('a', NS_CLIENT, {}, 'x'.repeat(100)))
  peer.write('<b></c>')
  await rejects(t, stream.next(), { condition: 'not-well-formed' })
  await settled()
  t.notOk(near.destroyed)
  far.resume()
  for (let n = 0; n < 50; n++) await peer.next()
  t.match(await peer.next(), { node: { name: 'error', children: [{ name: 'not-well-formed' }] } })
  t.same(await peer.next(), { type: 'close' })
  far.end()
  await settled()
  t.ok(near.destroyed)
  t.equal(clock.pending, 0)
})

t.test('fail: a peer that never reads is left after a second', async t => {
  const { stream, peer, far, near, clock } = await openStream({}, 1000)
  far.pause()
  for (let n = 0; n < 50; n++) stream.send(el('a', NS_CLIENT, {}, 'x'.repeat(100)))
  peer.write('<b></c>')
  await rejects(t, stream.next(), { condition: 'not-well-formed' })
  await clock.advance(1000)
  t.ok(near.destroyed)
})

t.test('what arrives behind the end does no harm', async t => {
  const { stream, peer } = await openStream()
  peer.write('</stream:stream>')
  await stream.next()
  for (let n = 0; n < 100; n++) peer.write('<a>'.repeat(1000))
  await settled()
  t.equal(await stream.next(), undefined)
})
