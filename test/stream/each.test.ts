import t from 'tap'
import { type Element, el } from '../../src/stream/element.ts'
import { settled } from '../helper/pair.ts'
import { rejects } from '../helper/rejects.ts'
import { openStream } from '../helper/session.ts'

const names = (batch: readonly Element[]): string => batch.map(({ name }) => name).join(' ')

t.test('the elements of each chunk, until the peer closes its stream', async t => {
  const { stream, peer } = await openStream()
  const seen: string[] = []
  const read = stream.each(batch => void seen.push(names(batch)))
  peer.write('<a/><b/>')
  await settled()
  peer.write('<c/><d')
  await settled()
  t.same(seen, ['a b', 'c'], 'what is not whole waits')
  peer.write('/><e/></stream:stream>')
  await read
  t.same(seen, ['a b', 'c', 'd e'])
  t.same(await peer.next(), { type: 'close' }, 'and is answered')
})

t.test('what comes with the close tag may be answered', async t => {
  const { stream, peer } = await openStream()
  peer.write('<a/></stream:stream>')
  await stream.each(() => void stream.send(el('answer', stream.ns)))
  t.match(await peer.next(), { type: 'element', node: { name: 'answer' } })
  t.same(await peer.next(), { type: 'close' })
})

t.test('nothing is read while what it was handed is at work', async t => {
  const { stream, peer } = await openStream()
  const seen: string[] = []
  let done = (): void => {}
  const read = stream.each(batch => {
    seen.push(names(batch))
    return new Promise<void>(resolve => {
      done = resolve
    })
  })
  peer.write('<a/>')
  await settled()
  peer.write('<b/>')
  await settled()
  t.same(seen, ['a'])
  done()
  await settled()
  t.same(seen, ['a', 'b'])
  peer.write('</stream:stream>')
  done()
  await read
})

t.test('what was good before the fault is handed over', async t => {
  const { stream, peer } = await openStream()
  const seen: string[] = []
  const read = stream.each(batch => void seen.push(names(batch)))
  read.catch(() => {})
  peer.write('<a/><b><')
  peer.write('</c>')
  await rejects(t, read, { condition: 'not-well-formed', by: 'us' })
  t.same(seen, ['a'])
  t.match(await peer.next(), { node: { name: 'error' } })
})

t.test('whatever ends it: the connection, the peer, the reader', async t => {
  const cut = await openStream()
  const lost = cut.stream.each(() => {})
  cut.far.destroy()
  await rejects(t, lost, { code: 'XMPP_CONNECTION_LOST' })

  const failing = await openStream()
  const failed = failing.stream.each(() => {})
  failing.peer.write(
    "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
  )
  await rejects(t, failed, { condition: 'reset', by: 'peer' })

  for (const late of [false, true]) {
    const { stream, peer } = await openStream()
    const own = new Error('mine')
    const read = stream.each(() => {
      if (late) return Promise.reject(own)
      throw own
    })
    peer.write('<a/>')
    await rejects(t, read, own)
    t.equal(stream.over, false, 'the reader says what becomes of the stream')
    const next = stream.next()
    peer.write('<b/>')
    t.equal((await next)?.name, 'b', 'which can be read on')
  }

  const { stream } = await openStream()
  const destroyed = stream.each(() => {})
  stream.destroy(new Error('enough'))
  await rejects(t, destroyed, { message: 'enough' })
})

t.test('one reader at a time', async t => {
  const { stream, peer } = await openStream()
  const read = stream.each(() => {})
  await rejects(
    t,
    stream.each(() => {}),
    { code: 'XMPP_READERS' },
  )
  await rejects(t, stream.next(), { code: 'XMPP_READERS' })
  peer.write('</stream:stream>')
  await read
})

t.test('closing needs no other reader', async t => {
  const { stream, peer } = await openStream()
  const read = stream.each(() => {})
  const closed = stream.close()
  t.same(await peer.next(), { type: 'close' })
  peer.write('</stream:stream>')
  await Promise.all([read, closed])
  t.equal(stream.over, true)
})
