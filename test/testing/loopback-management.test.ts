/** XEP-0198 as the loopback server does it. */
import t from 'tap'
import type { StreamError } from '../../src/errors.ts'
import { NS_BIND, NS_CLIENT } from '../../src/negotiate.ts'
import { el } from '../../src/stream/element.ts'
import type { XmlStream } from '../../src/stream/stream.ts'
import { NS_SM } from '../../src/stream-management.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { HandClock } from '../helper/clock.ts'
import { rejects } from '../helper/rejects.ts'
import { settled, stage } from './loopback-actors.ts'
import { authenticated, bind, got, handled, managed, message, opened, resume } from './loopback-raw.ts'

const clear = { starttls: 'none', mechanisms: ['PLAIN'] } as const
const ALICE = 'alice@one.example/r'
const BOB = 'bob@one.example/r'

const available = el('presence', NS_CLIENT)
const ack = (h: number | string) => el('a', NS_SM, { h: `${h}` })

/** Why the server will not. */
const refusal = async (stream: XmlStream) => (await stream.expect(NS_SM, 'failed')).elements[0]?.name

t.test('offered after the login, enabled after bind', async t => {
  const on = await stage(t, { ...clear, resumeSeconds: 7, location: 'elsewhere.example:5' })
  t.notOk((await opened(t, on)).features.child('sm', NS_SM), 'not before the login')
  const { stream, features } = await authenticated(t, on)
  t.ok(features.child('sm', NS_SM))
  stream.send(el('enable', NS_SM))
  t.equal(await refusal(stream), 'unexpected-request', 'not before a resource is bound')
  await bind(stream, 'r')
  stream.send(el('resume', NS_SM, { previd: 'x', h: '0' }))
  t.equal(await refusal(stream), 'unexpected-request', 'a session that has begun is not resumed')
  stream.send(el('enable', NS_SM))
  t.same((await stream.expect(NS_SM, 'enabled')).attrs, {}, 'without resumption')

  const { enabled } = await managed(t, on, 'bob')
  const { id, ...attrs } = enabled.attrs
  t.match(id, /^[\w-]{32}$/)
  t.same(attrs, { resume: 'true', max: '7', location: 'elsewhere.example:5' })
})

t.test('not offered', async t => {
  const off = await stage(t, { ...clear, streamManagement: false })
  const { stream, features } = await authenticated(t, off)
  t.notOk(features.child('sm', NS_SM))
  await bind(stream, 'r')
  stream.send(el('enable', NS_SM))
  await rejects(t, stream.next(), { condition: 'unsupported-stanza-type' })
  const early = await authenticated(t, off)
  early.stream.send(el('resume', NS_SM, { previd: 'x', h: '0' }))
  await rejects(t, early.stream.next(), { condition: 'not-authorized' })

  const brief = await stage(t, { ...clear, resumeSeconds: 0 })
  t.same((await managed(t, brief)).enabled.attrs, {}, 'no resumption')
  await rejects(t, startLoopback({ resumeSeconds: -1 }), { name: 'RangeError', message: /resumeSeconds/ })
})

t.test('what ends a stream', async t => {
  for (const [bad, condition, enabled] of [
    [el('enable', NS_SM, { resume: 'true' }), 'policy-violation', true],
    [ack(1), 'undefined-condition', true],
    [ack('x'), 'bad-format', true],
    [ack('4294967296'), 'bad-format', true],
    [el('a', NS_SM), 'bad-format', true],
    [el('enabled', NS_SM), 'unsupported-stanza-type', true],
    [ack(0), 'unsupported-stanza-type', false],
    [el('r', NS_SM), 'unsupported-stanza-type', false],
  ] as const) {
    const on = await stage(t, clear)
    const plain = enabled ? await managed(t, on) : await authenticated(t, on)
    if (!enabled) await bind(plain.stream, 'r')
    const { stream } = plain
    stream.send(bad)
    await rejects(t, stream.next(), { condition }, String(bad))
    await on.server.waitFor(ALICE, false)
    t.same(on.server.hibernating, [], 'the session is over')
    await on.server.stop()
  }
})

t.test('an h that is too high says what it should have been', async t => {
  const on = await stage(t, clear)
  const { stream } = await managed(t, on)
  stream.send(message(ALICE, '1'))
  t.same(await got(stream, 1), ['message 1'])
  const seen: string[] = []
  stream.trace = (_, element) => void seen.push(String(element))
  stream.send(ack(3))
  await rejects(t, stream.next(), { condition: 'undefined-condition' } satisfies Partial<StreamError>)
  t.match(seen.at(-1), /<handled-count-too-high [^>]*h=['"]3['"] send-count=['"]1['"]/)
})

t.test('both sides count', async t => {
  const on = await stage(t, clear)
  const { stream } = await managed(t, on)
  t.equal(await handled(stream), '0')
  stream.send(message(ALICE, '1'))
  stream.send(el('iq', NS_CLIENT, { type: 'get', id: '2' }, el('ping', 'urn:xmpp:ping')))
  stream.send(available)
  stream.send(el('r', NS_SM))
  t.same(await got(stream, 4), ['message 1', 'iq 2', 'presence', 'a 3'])
  stream.send(ack(2))
  stream.send(ack(3))
  t.equal(await handled(stream), '3')
  t.equal(on.server.send(ALICE, "<message id='4'/><mess"), 1)
  t.equal(on.server.send(ALICE, "age id='5'/>"), 1)
  t.same(await got(stream, 2), ['message 4', 'message 5'])
  stream.send(ack(5))
  t.equal(await handled(stream), '3', 'what a test puts into the stream is counted too')
})

t.test('it asks by count, and after a pause; whoever says nothing is lost', async t => {
  const clock = new HandClock()
  const on = await stage(t, { ...clear, clock })
  const { stream } = await managed(t, on)
  const bob = await managed(t, on, 'bob')
  bob.stream.send(message(ALICE, '1'))
  t.same(await got(stream, 1), ['message 1'])
  clock.skip(2000)
  t.same(await got(stream, 1), ['r'])
  stream.send(ack(1))
  for (let n = 2; n <= 251; n++) bob.stream.send(message(ALICE, `${n}`))
  const many = await got(stream, 251)
  t.same([many[249], many[250]], ['message 251', 'r'])
  const lost = rejects(t, stream.next(), { code: 'XMPP_CONNECTION_LOST' })
  clock.skip(15_000)
  await lost
  await on.server.waitFor(ALICE, false)
  t.same(on.server.hibernating, [ALICE])
})

t.test('a session is lost and resumed: what has not arrived comes again, in order, then what is new', async t => {
  const on = await stage(t, clear)
  const { stream, id } = await managed(t, on)
  const bob = await managed(t, on, 'bob')
  stream.send(available)
  t.same(await got(stream, 1), ['presence'])
  for (const each of ['1', '2', '3']) bob.stream.send(message(ALICE, each))
  t.same(await got(stream, 3), ['message 1', 'message 2', 'message 3'])
  stream.send(ack(2))
  t.equal(await handled(stream), '1')
  t.equal(on.server.drop(ALICE), 1)
  t.same([on.server.connected, on.server.hibernating], [[BOB], [ALICE]])
  t.equal(on.server.drop(ALICE), 0, 'nothing is left to be cut')

  bob.stream.send(message('alice@one.example', '4'))
  bob.stream.send(el('iq', NS_CLIENT, { type: 'get', id: '5', to: ALICE }, el('ping', 'urn:xmpp:ping')))
  t.equal(await handled(bob.stream), '5', 'for others it is still there')

  const back = await resume(t, on, id, 3)
  t.same(back.reply?.attrs, { previd: id, h: '1' })
  t.equal(back.reply?.name, 'resumed')
  bob.stream.send(message(ALICE, '6'))
  t.same(await got(back.stream, 5), ['message 3', 'message 4', 'iq 5', 'r', 'message 6'])
  t.same([[...on.server.connected].sort(), on.server.hibernating], [[ALICE, BOB], []])
  back.stream.send(message(BOB, '7'))
  t.same(await got(bob.stream, 1), ['message 7'])
  t.equal(await handled(back.stream), '2', 'the count goes on')
})

t.test('whose session it is not', async t => {
  const on = await stage(t, clear)
  const { id } = await managed(t, on)
  on.server.drop(ALICE)
  const unknown = async (previd: string, user: 'alice' | 'bob') => {
    const { stream, reply } = await resume(t, on, previd, 0, user)
    t.equal(reply?.name, 'failed')
    t.same(reply?.attrs, {})
    t.equal(reply?.elements[0]?.name, 'item-not-found')
    return stream
  }
  const bob = await unknown(id, 'bob')
  t.same(on.server.hibernating, [ALICE], 'it is still there for whose it is')
  await bind(bob, 'x')
  t.same(on.server.connected, ['bob@one.example/x'], 'and a resource may be bound')
  await unknown(`${id}x`, 'alice')
  await unknown('', 'alice')

  for (const [h, condition] of [
    ['x', 'bad-format'],
    ['-1', 'bad-format'],
    ['1', 'undefined-condition'],
  ] as const) {
    await rejects(t, resume(t, on, id, h), { condition }, `h=${h}`)
  }
  t.same(on.server.hibernating, [ALICE], 'and waits on')
  const { reply, stream } = await resume(t, on, id, 0)
  t.equal(reply?.name, 'resumed')
  stream.send(el('resume', NS_SM, { previd: id, h: '0' }))
  t.equal(await refusal(stream), 'unexpected-request', 'not twice on one stream')
})

t.test('resumed while the old connection is thought alive', async t => {
  const on = await stage(t, clear)
  const { stream, id } = await managed(t, on)
  const { reply, stream: second } = await resume(t, on, id, 0)
  t.equal(reply?.name, 'resumed')
  await rejects(t, stream.next(), { condition: 'conflict' })
  second.send(message(ALICE, '1'))
  t.same(await got(second, 1), ['message 1'])
  t.same(on.server.connected, [ALICE])
  const third = await resume(t, on, id, 1)
  await rejects(t, second.next(), { condition: 'conflict' })
  t.equal(third.reply?.attrs.h, '1')
  await third.stream.close()
  await on.server.waitFor(ALICE, false)
  t.same(on.server.hibernating, [], 'who leaves politely does not come back')
  t.equal((await resume(t, on, id, 1)).reply?.name, 'failed')
})

t.test('too many attempts', async t => {
  const on = await stage(t, clear)
  const { stream } = await authenticated(t, on)
  for (let tries = 0; tries < 5; tries++) {
    stream.send(el('resume', NS_SM, { previd: 'x', h: '0' }))
    await stream.expect(NS_SM, 'failed')
  }
  await rejects(t, stream.next(), { condition: 'policy-violation' })
})

t.test('after max the session ends: presence, and what has not arrived', async t => {
  const clock = new HandClock()
  const on = await stage(t, { ...clear, clock, resumeSeconds: 60 })
  const { stream, id } = await managed(t, on)
  stream.send(available)
  await got(stream, 1)
  const home = await managed(t, on, 'alice', 'home')
  home.stream.send(available)
  t.same(await got(home.stream, 2), ['presence', 'presence'])
  const bob = await managed(t, on, 'bob')
  on.server.drop(ALICE)
  bob.stream.send(message(ALICE, 'normal'))
  bob.stream.send(message(ALICE, 'chat', { type: 'chat' }))
  bob.stream.send(message(ALICE, 'error', { type: 'error' }))
  bob.stream.send(message('alice@one.example', 'all'))
  bob.stream.send(el('iq', NS_CLIENT, { type: 'get', id: 'ask', to: ALICE }, el('ping', 'urn:xmpp:ping')))
  t.equal(await handled(bob.stream), '5')
  t.same(await got(home.stream, 1), ['message all'])
  home.stream.send(ack(3))
  t.equal(await handled(home.stream), '1')
  clock.skip(59_999)
  t.same(on.server.hibernating, [ALICE])
  clock.skip(1)
  t.same(on.server.hibernating, [])
  t.match((await home.stream.expect(NS_CLIENT, 'presence')).attrs, { from: ALICE, type: 'unavailable' })
  t.same(await got(home.stream, 1), ['message chat'], 'another resource will do, and has the other one already')
  const rest: string[] = []
  for (let n = 0; n < 2; n++) {
    const element = await bob.stream.expect(NS_CLIENT, 'message', 'iq')
    rest.push(
      `${element.attrs.id} ${element.attrs.type} ${element.attrs.from} ${element.child('error')?.elements[0]?.name}`,
    )
  }
  t.same(rest, [`normal error ${ALICE} service-unavailable`, `ask error ${ALICE} service-unavailable`])
  const { reply } = await resume(t, on, id, 0)
  t.same([reply?.name, reply?.attrs.h], ['failed', '1'], 'but how much it had handled is known')
  t.equal((await resume(t, on, id, 0, 'bob')).reply?.attrs.h, undefined, 'to whose it was')
})

t.test('two resources that lose what was for both', async t => {
  const on = await stage(t, clear)
  const one = await managed(t, on, 'alice', 'one')
  const two = await managed(t, on, 'alice', 'two')
  one.stream.send(available)
  t.same(await got(one.stream, 1), ['presence'])
  two.stream.send(available)
  t.same(await got(two.stream, 2), ['presence', 'presence'])
  const bob = await managed(t, on, 'bob')
  on.server.drop('alice@one.example')
  t.equal(on.server.hibernating.length, 2)
  bob.stream.send(message('alice@one.example', 'both'))
  t.equal(await handled(bob.stream), '1')
  t.equal(on.server.forgetSessions('alice@one.example/one'), 1)
  t.equal(await handled(bob.stream), '1', 'the other one may still bring it')
  t.equal(on.server.forgetSessions(), 1)
  const bounced = await bob.stream.expect(NS_CLIENT, 'message')
  t.same([bounced.attrs.id, bounced.attrs.type], ['both', 'error'], 'nobody has got it')
  t.equal((await resume(t, on, one.id, 0)).reply?.attrs.h, undefined, 'forgotten is forgotten')
})

t.test('a login with the same resource ends a session that waits, and gets what was for it', async t => {
  const on = await stage(t, clear)
  const { id } = await managed(t, on)
  const bob = await managed(t, on, 'bob')
  on.server.drop(ALICE)
  bob.stream.send(message(ALICE, '1'))
  t.equal(await handled(bob.stream), '1')
  const { stream } = await authenticated(t, on)
  await bind(stream, 'r')
  t.same(await got(stream, 1), ['message 1'])
  t.same([[...on.server.connected].sort(), on.server.hibernating], [[ALICE, BOB], []])
  t.equal((await resume(t, on, id, 0)).reply?.name, 'failed')
})

t.test('closed by the server: no way back, and what has arrived is not sent to others', async t => {
  const on = await stage(t, clear)
  const { stream, id } = await managed(t, on)
  const bob = await managed(t, on, 'bob')
  bob.stream.send(message(ALICE, '1'))
  bob.stream.send(message(ALICE, '2'))
  t.same(await got(stream, 2), ['message 1', 'message 2'])
  t.equal(on.server.close(ALICE), 1)
  t.same(await got(stream, 2), ['a 0', 'r'])
  stream.send(ack(1))
  t.equal(await stream.next(), undefined)
  const bounced = await bob.stream.expect(NS_CLIENT, 'message')
  t.equal(bounced.attrs.id, '2')
  t.equal((await resume(t, on, id, 0)).reply?.name, 'failed')
})

t.test('what waits for a session is bounded, and so are the sessions', async t => {
  const on = await stage(t, { ...clear, connections: 6 })
  await managed(t, on)
  const bob = await managed(t, on, 'bob')
  on.server.drop(ALICE)
  const big = el('body', NS_CLIENT, {}, 'x'.repeat(200_000))
  const ended = (async () => {
    for await (const batch of bob.stream.batches()) {
      if (batch.some(({ name, attrs }) => name === 'message' && attrs.type === 'error')) return
    }
  })()
  for (let n = 0; n < 90; n++) await bob.stream.send(el('message', NS_CLIENT, { to: ALICE, id: `${n}` }, big))
  await ended
  t.same(on.server.hibernating, [])

  for (let n = 0; n < 8; n++) {
    await managed(t, on, 'alice', `${n}`)
    on.server.drop('alice@one.example')
  }
  t.same(
    on.server.hibernating,
    [2, 3, 4, 5, 6, 7].map(n => `alice@one.example/${n}`),
    'the oldest have ended',
  )
})

t.test('a connection that breaks without a word, and a server that stops', async t => {
  const clock = new HandClock()
  const on = await stage(t, { ...clear, clock })
  const { stream } = await managed(t, on)
  const bob = await managed(t, on, 'bob')
  bob.stream.send(message(ALICE, '1'))
  t.equal(await handled(bob.stream), '1')
  stream.destroy()
  await on.server.waitFor(ALICE, false)
  t.same(on.server.hibernating, [ALICE])
  bob.stream.destroy()
  await on.server.waitFor(BOB, false)
  await on.server.stop()
  t.equal(clock.pending, 0, 'no timer is left')
  t.same(on.server.hibernating, [])
})

/** Both in one write, as a client does that does not wait. */
async function pipelined(stream: XmlStream, xml: string): Promise<void> {
  stream.restart()
  stream.sendHeader({ to: 'one.example', version: '1.0' })
  stream.flush()
  stream.write(Buffer.from(xml))
}

t.test('whoever does not wait: everything in one write behind the login', async t => {
  const on = await stage(t, clear)
  const first = await on.raw()
  t.teardown(() => first.destroy())
  first.sendHeader({ to: 'one.example', version: '1.0' })
  first.flush()
  const header = `<stream:stream xmlns='${NS_CLIENT}' xmlns:stream='http://etherx.jabber.org/streams' to='one.example' version='1.0'>`
  const bindIq = `<iq type='set' id='b'><bind xmlns='${NS_BIND}'><resource>r</resource></bind></iq>`
  await first.readHeader()
  await first.next()
  const auth = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0alice\0alice:pw').toString('base64')}</auth>`
  first.write(
    Buffer.from(
      `${auth}${header}${bindIq}<enable xmlns='${NS_SM}' resume='1'/><message to='${ALICE}' id='1'/><r xmlns='${NS_SM}'/>`,
    ),
  )
  t.same(await got(first, 1), ['success'])
  first.restart()
  await first.readHeader()
  await first.next()
  t.same(await got(first, 1), ['iq b'])
  const { attrs } = await first.expect(NS_SM, 'enabled')
  t.same(await got(first, 2), ['message 1', 'a 1'])
  on.server.drop(ALICE)

  const { stream } = await opened(t, on)
  stream.write(Buffer.from(auth))
  t.same(await got(stream, 1), ['success'])
  await pipelined(stream, `<resume xmlns='${NS_SM}' previd='${attrs.id}' h='0'/><message to='${ALICE}' id='2'/>`)
  await stream.readHeader()
  t.same(await got(stream, 5), ['features', 'resumed 1', 'message 1', 'r', 'message 2'])
})

t.test('actors of other tests may be hibernating too', async t => {
  const on = await stage(t)
  const alice = await on.client('alice@one.example/a', { streamManagement: 'resumable' })
  const bob = await on.client('bob@one.example/b')
  await settled(alice, bob)
  on.server.drop(alice.jid)
  t.same(on.server.hibernating, [alice.jid])
  on.server.drop(bob.jid)
  t.same(on.server.hibernating, [alice.jid], 'only who has asked for it')
})
