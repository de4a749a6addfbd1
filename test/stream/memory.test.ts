import { getEventListeners } from 'node:events'
import t from 'tap'
import { onEvery } from '../../src/routes.ts'
import { el } from '../../src/stream/element.ts'
import { heap } from '../helper/heap.ts'
import { settled } from '../helper/pair.ts'
import { NS_CLIENT, openSession, openStream } from '../helper/session.ts'

async function used(): Promise<number> {
  await settled()
  return heap()
}

const stanza = (n: number): string =>
  `<message from='juliet@example.com/balcony' to='romeo@example.net' id='m${n}'><body>number ${n} \u{1f339}</body></message>`

t.test('200,000 stanzas through a session leave nothing behind', async t => {
  let seen = 0
  const hear = onEvery('message', () => void seen++)
  const { peer, far, session, running } = await openSession({ xeps: [{ name: 'ear', routes: [hear] }] })
  const feed = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 500) {
      const text = Array.from({ length: 500 }, (_, at) => stanza(n + at)).join('')
      if (!far.write(text)) await new Promise(resolve => far.once('drain', resolve))
    }
  }
  await feed(20_000)
  const before = await used()
  await feed(200_000)
  const after = await used()
  t.equal(seen, 220_000)
  t.ok(after - before < 2_000_000, `${Math.round((after - before) / 1000)} kB more`)
  const closed = session.close()
  peer.write('</stream:stream>')
  await Promise.all([closed, running])
})

t.test('an element is let go once it is handled', async t => {
  const { stream, peer } = await openStream()
  const refs: WeakRef<object>[] = []
  const reading = (async () => {
    for await (const batch of stream.batches()) for (const element of batch) refs.push(new WeakRef(element))
  })()
  peer.write(stanza(1))
  await settled()
  peer.write(stanza(2))
  await settled()
  peer.write('<message>')
  await settled()
  await used()
  t.equal(refs.length, 2)
  t.equal(refs[0]?.deref(), undefined, 'though the stream is still open')
  peer.write('</message></stream:stream>')
  await reading
})

t.test('what was sent is let go', async t => {
  const { stream, far } = await openStream()
  far.removeAllListeners('data')
  far.resume()
  const feed = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      const full = stream.send(el('message', NS_CLIENT, { id: `${n}` }, 'x'.repeat(100)))
      if (full !== undefined) await full
    }
    await settled()
  }
  await feed(10_000)
  const before = await used()
  await feed(100_000)
  t.ok((await used()) - before < 2_000_000)
})

t.test('a thousand answered requests leave no timer and no listener', async t => {
  const { session, peer, clock } = await openSession()
  const controller = new AbortController()
  for (let n = 0; n < 1000; n++) {
    const asked = session.iq('get', 'a@b', el('q', 'urn:q'), { signal: controller.signal })
    const got = await peer.next()
    if (got.type !== 'element') throw new Error(got.type)
    peer.write(`<iq type='result' from='a@b' id='${got.node.attrs.id}'/>`)
    await asked
  }
  t.equal(clock.pending, 0)
  t.equal(getEventListeners(controller.signal, 'abort').length, 0)
})

t.test('an answer is let go once it is read', async t => {
  const { session, peer } = await openSession()
  const ask = async (): Promise<WeakRef<object>> => {
    const asked = session.iq('get', 'a@b', el('q', 'urn:q'))
    const got = await peer.next()
    peer.write(`<iq type='result' from='a@b' id='${got.type === 'element' && got.node.attrs.id}'/>`)
    return new WeakRef(await asked)
  }
  const ref = await ask()
  await ask()
  await used()
  t.equal(ref.deref(), undefined)
})
