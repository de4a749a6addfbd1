import t from 'tap'
import { StreamError } from '../../src/errors.ts'
import { type Element, el } from '../../src/stream/element.ts'
import { type Direction, XmlStream } from '../../src/stream/stream.ts'
import { transport } from '../../src/stream/transport.ts'
import { HandClock } from '../helper/clock.ts'
import { type End, pair, settled } from '../helper/pair.ts'
import { Peer, show } from '../helper/peer.ts'
import { rejects, throws } from '../helper/rejects.ts'
import { NS_CLIENT, openStream } from '../helper/session.ts'
import { playText } from '../helper/transcript.ts'

const HEADER =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='s1' version='1.0'>"
const message = (text: string): Element => el('message', NS_CLIENT, {}, el('body', NS_CLIENT, {}, text))

function acceptor(options = {}): { stream: XmlStream; near: End; far: End; clock: HandClock } {
  const { near, far } = pair()
  const clock = new HandClock()
  return { stream: new XmlStream(transport(near), { ns: NS_CLIENT, clock, ...options }), near, far, clock }
}

t.test('as initiator', async t => {
  const { near, far } = pair()
  const stream = new XmlStream(transport(near), { ns: NS_CLIENT })
  const played = playText(
    far,
    `C: <?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a&amp;b' xml:lang='en'>
S: <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='one' from='x'>
C: <a xmlns='urn:a'/>
S: <b xmlns='urn:b'/>`,
  )
  const { header, ns } = await stream.open({ to: 'a&b', 'xml:lang': 'en', from: undefined })
  t.same(Object.entries(header.attrs).sort(), [
    ['from', 'x'],
    ['id', 'one'],
  ])
  t.equal(ns, NS_CLIENT)
  stream.send(el('a', 'urn:a'))
  t.match(await stream.expect('urn:b', 'a', 'b'), { name: 'b', ns: 'urn:b' })
  await played
})

t.test('as acceptor', async t => {
  const { stream, far } = acceptor()
  const played = playText(
    far,
    `C: <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>
S: <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='example.com'>
S: <stream:features/>
C: <message><body>x</body></message>
C: </stream:stream>
S: </stream:stream>`,
    'acceptor',
    { as: 'client' },
  )
  t.match((await stream.readHeader()).header, { attrs: { to: 'example.com', version: '1.0' } })
  stream.sendHeader({ id: 's1', from: 'example.com' })
  stream.send(el('features', 'http://etherx.jabber.org/streams'))
  t.equal((await stream.next())?.childText('body'), 'x')
  t.equal(await stream.next(), undefined)
  await played
})

t.test('a header that is wrong is answered with a header and the error', async t => {
  for (const [text, condition] of [
    ["<stream:stream xmlns='jabber:client' xmlns:stream='urn:x'>", 'invalid-namespace'],
    ["<stream:iq xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>", 'bad-format'],
    ["<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>", 'invalid-namespace'],
    ['GET / HTTP/1.1', 'not-well-formed'],
    ['<!DOCTYPE x>', 'restricted-xml'],
    ["<?xml version='1.0' encoding='latin1'?>", 'unsupported-encoding'],
    [Buffer.of(0x16, 0x03, 0x01, 0x02, 0x00, 0xff), 'not-well-formed'],
  ] as const) {
    const { stream, far } = acceptor()
    const peer = new Peer(far)
    peer.write(text)
    await rejects(t, stream.readHeader(), { name: 'StreamError', condition, by: 'us' }, JSON.stringify(`${text}`))
    t.match(await peer.next(), { type: 'open', ns: NS_CLIENT, node: { attrs: { version: '1.0' } } })
    t.match(await peer.next(), { type: 'element', node: { name: 'error', children: [{ name: condition }] } })
    t.same(await peer.next(), { type: 'close' })
    t.same(await peer.next(), { type: 'eof' })
  }
})

t.test('expect names what it got and what it wanted', async t => {
  const { stream, peer } = await openStream()
  peer.write("<b xmlns='urn:b'/>")
  await rejects(t, stream.expect('urn:a', 'b', 'c'), {
    name: 'StreamError',
    condition: 'unsupported-stanza-type',
    message: /got <b xmlns='urn:b'> where <b\|c>/,
  })
  t.equal(stream.over, true)
  t.match(await peer.next(), { node: { name: 'error' } })
  t.same(await peer.next(), { type: 'close' })
})

t.test('a header where an element belongs', async t => {
  const { stream, far } = acceptor()
  far.write(HEADER)
  await rejects(t, stream.next(), { name: 'StreamError', condition: 'bad-format' })
})

t.test("the peer's stream error", async t => {
  for (const [inside, wanted] of [
    ["<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>", { condition: 'conflict', text: '' }],
    [
      "<see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>[::1]:5222</see-other-host>",
      { condition: 'see-other-host', text: '[::1]:5222' },
    ],
    [
      "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>why</text><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
      { condition: 'reset', text: 'why', message: 'reset: why' },
    ],
    [
      "<too-many xmlns='urn:app'/><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
      { condition: 'policy-violation' },
    ],
    ['', { condition: 'undefined-condition' }],
    ['Invalid XML', { condition: 'undefined-condition' }],
  ] as const) {
    const { stream, peer, near } = await openStream()
    peer.write(`<message/><stream:error>${inside}</stream:error></stream:stream>`)
    t.match(await stream.next(), { name: 'message' })
    const error = await stream.next().catch(error => error)
    t.match(error, { name: 'StreamError', by: 'peer', ...wanted }, inside)
    t.ok(stream.over, 'no stream survives an error')
    t.equal(await stream.next().catch(error => error), error, 'and it says so again')
    t.same(await peer.next(), { type: 'close' }, 'it is closed, not answered with an error')
    peer.duplex.end()
    await settled()
    t.ok(near.destroyed)
  }
})

t.test('batches: what came in one chunk comes together', async t => {
  const { stream, peer } = await openStream()
  const names: string[][] = []
  const reading = (async () => {
    for await (const batch of stream.batches()) names.push(batch.map(element => element.name))
  })()
  peer.write('<a/><b/><c>')
  await settled()
  t.same(names, [['a', 'b']])
  peer.write('</c>')
  await settled()
  peer.write('<d/></stream:stream>')
  await reading
  t.same(names, [['a', 'b'], ['c'], ['d']])
  t.same(await peer.next(), { type: 'close' })
})

t.test('batches: what came before a fault or an error is handed out first', async t => {
  for (const [fault, wanted] of [
    ['<b></c>', { condition: 'not-well-formed', by: 'us' }],
    ['<!-- -->', { condition: 'restricted-xml', by: 'us' }],
    [
      "<stream:error><shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
      { condition: 'shutdown', by: 'peer' },
    ],
  ] as const) {
    const { stream, peer } = await openStream()
    peer.write(`<a1/><a2/>${fault}<a3/>`)
    const names: string[] = []
    const reading = (async () => {
      for await (const batch of stream.batches()) names.push(...batch.map(element => element.name))
    })()
    await rejects(t, reading, { name: 'StreamError', ...wanted })
    t.same(names, ['a1', 'a2'])
    t.ok(stream.over)
  }
})

t.test('batches: what came with the close tag can still be answered', async t => {
  const { stream, peer } = await openStream()
  peer.write('<a/></stream:stream>')
  for await (const [element] of stream.batches()) {
    t.equal(element?.name, 'a')
    stream.send(el('answer', NS_CLIENT))
  }
  t.equal(show(await peer.next()), "<answer xmlns='jabber:client'/>")
  t.same(await peer.next(), { type: 'close' })
})

t.test('batches: a reader that leaves with the close tag behind it leaves no reader waiting', async t => {
  const { stream, peer } = await openStream()
  peer.write('<a/></stream:stream>')
  for await (const _ of stream.batches()) break
  t.equal(await stream.next(), undefined)
  t.same(await peer.next(), { type: 'close' })
})

t.test('one reader at a time', async t => {
  const { stream, peer } = await openStream()
  const first = stream.next()
  await rejects(t, stream.next(), { code: 'XMPP_READERS' })
  peer.write('<a/>')
  t.match(await first, { name: 'a' }, 'and the first is not disturbed')
})

t.test('the trace sees what was received and what is queued, errors too', async t => {
  const seen: string[] = []
  const trace = (direction: Direction, element: Element): void => void seen.push(`${direction} ${element.name}`)
  const { stream, peer } = await openStream({ trace })
  stream.send(message('x'))
  peer.write('<iq/><b/>')
  await stream.next()
  await stream.next()
  stream.trace = undefined
  peer.write('<c/>')
  await stream.next()
  stream.trace = trace
  peer.write('<d></e>')
  await rejects(t, stream.next(), { condition: 'not-well-formed' })
  t.same(seen, ['out message', 'in iq', 'in b', 'out error'])
})

t.test('onRaw sees all bytes of both directions, and when', async t => {
  const seen: [Direction, string, number][] = []
  const { stream, peer, clock } = await openStream({
    onRaw: (direction, bytes, at) => void seen.push([direction, Buffer.from(bytes).toString(), at]),
  })
  const start = clock.now()
  t.equal(seen.length, 2)
  t.match(seen[0], ['out', /^<\?xml version='1.0'\?><stream:stream/, start])
  t.match(seen[1], ['in', /^<stream:stream/, start])
  await clock.advance(250)
  peer.write('<a/> <!')
  await stream.next()
  stream.send(message('\u00e4'))
  stream.write(Buffer.of(0xff, 0x00))
  t.same(seen.slice(2), [
    ['in', '<a/> <!', start + 250],
    ['out', '<message><body>\u00e4</body></message>', start + 250],
    ['out', Buffer.of(0xff, 0x00).toString(), start + 250],
  ])
  t.equal(stream.lastReceived, start + 250)
})

t.test('for testers: nothing is answered unless they say so', async t => {
  const { stream, peer } = await openStream({ automatic: false })
  peer.write('<a/></stream:stream>')
  await stream.next()
  t.equal(await stream.next(), undefined)
  await settled()
  t.equal(peer.chunks.length, 1, 'our header and nothing else')
  stream.send(message('still here'))
  t.match(await peer.next(), { node: { name: 'message' } })
})

t.test('for testers: a violation is thrown, and not sent', async t => {
  const { stream, peer } = await openStream({ automatic: false })
  peer.write('<a></b>')
  await rejects(t, stream.next(), { condition: 'not-well-formed' })
  await settled()
  t.equal(peer.chunks.length, 1)
})

t.test('for testers: violations are reported and the stream goes on', async t => {
  const seen: StreamError[] = []
  const { near, far } = pair()
  const stream = new XmlStream(transport(near), { ns: NS_CLIENT, onViolation: error => void seen.push(error) })
  const peer = new Peer(far)
  const opened = stream.open({})
  peer.write("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>")
  await opened
  peer.write("<!-- x -->text<message xmlns='jabber:client'/>")
  t.match(await stream.next(), { name: 'message' })
  t.same(
    seen.map(error => error.condition),
    ['invalid-namespace', 'restricted-xml', 'bad-format'],
  )
  stream.send(message('going on'))
  t.match(await peer.next(), { type: 'open' })
  t.match(await peer.next(), { node: { name: 'message' } })
})

t.test('a half-close', async t => {
  const { stream, peer } = await openStream()
  stream.send(message('last'))
  stream.end()
  t.match(await peer.next(), { node: { name: 'message' } })
  t.same(await peer.next(), { type: 'eof' })
  peer.write('<a/>')
  t.match(await stream.next(), { name: 'a' }, 'reading goes on')
})

t.test('STARTTLS: what has come in clear behind the last element ends it', async t => {
  for (const behind of ['<a/>', '<', ' ', '<a', '\u00e4', '</stream:stream>']) {
    const { stream, peer, near } = await openStream()
    peer.write(`<proceed/>${behind}`)
    await stream.next()
    await rejects(t, stream.startTls({ domain: 'example.com' }), { condition: 'policy-violation' }, behind)
    t.ok(stream.over)
    t.match(await peer.next(), { node: { name: 'error' } })
    peer.duplex.destroy()
    await settled()
    t.ok(near.destroyed)
  }
  const { stream, peer } = await openStream()
  peer.write('<proceed/>')
  peer.write('<a/>')
  await settled()
  await stream.next()
  await rejects(
    t,
    stream.startTls({ domain: 'example.com' }),
    { condition: 'policy-violation' },
    'in a chunk of its own',
  )
})

t.test('what XML cannot carry is refused at the call, and the stream goes on', async t => {
  const { stream, peer } = await openStream()
  throws(t, () => stream.send(message('\u0000')), { code: 'XMPP_XML_CHARACTER' })
  stream.send(message('fine'))
  t.equal(show(await peer.next()), "<message xmlns='jabber:client'><body xmlns='jabber:client'>fine</body></message>")
})

t.test('an error that quotes what cannot be sent is sent all the same', async t => {
  const { stream, peer } = await openStream()
  await stream.fail(new StreamError('policy-violation', 'bad \u0001 text'))
  t.match(await peer.next(), {
    node: { name: 'error', children: [{ name: 'policy-violation' }, { name: 'text', children: ['bad \ufffd text'] }] },
  })
})

t.test('a stream that cannot even say what is wrong ends all the same', async t => {
  const trace = (direction: Direction): void => {
    if (direction === 'out') throw new Error('from the trace')
  }
  for (const [options, message] of [
    [{ trace }, /from the trace/],
    [{ ns: '\0' }, /cannot carry/],
  ] as const) {
    const { stream, far } = acceptor(options)
    const peer = new Peer(far)
    peer.write(`${HEADER}<a></b>`)
    await rejects(
      t,
      stream.readHeader().then(() => stream.next()),
      { message },
    )
    t.ok(stream.over)
    while ((await peer.next()).type !== 'eof') {}
  }
})

t.test('what a peer sends is quoted in part', async t => {
  const long = 'x'.repeat(900)
  const header = acceptor()
  new Peer(header.far).write(HEADER.replace('jabber:client', long))
  const refused = await header.stream.readHeader().catch(error => error)
  t.match(refused, { condition: 'invalid-namespace' })
  t.ok(refused.message.length < 300, refused.message)

  const { stream, peer } = await openStream()
  peer.write(`<${long} xmlns='${long}'/>`)
  const unexpected = await stream.expect('urn:x', 'y').catch(error => error)
  t.match(unexpected, { condition: 'unsupported-stanza-type' })
  t.ok(unexpected.message.length < 300, unexpected.message)
})

t.test('no header is sent that nobody could read', async t => {
  for (const ns of ['http://www.w3.org/XML/1998/namespace', 'http://www.w3.org/2000/xmlns/']) {
    const { stream, near } = acceptor({ ns })
    throws(t, () => stream.sendHeader({}), { code: 'XMPP_XML_NAME' })
    near.destroy()
  }
})
