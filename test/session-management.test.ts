/** A session with XEP-0198: what is counted, asked, answered and kept, and what becomes of it when the stream has gone. */
import t, { type Test } from 'tap'
import { StreamError, XmppError } from '../src/errors.ts'
import { Session } from '../src/session.ts'
import type { Element } from '../src/stream/element.ts'
import { settled } from './helper/pair.ts'
import { type Got, type Peer, show } from './helper/peer.ts'
import { rejects, throws } from './helper/rejects.ts'
import { type Opened, openSession, openStream, stuff } from './helper/session.ts'

const NS = 'urn:xmpp:sm:3'
const resumable = { resumable: { id: 'the id', location: undefined, max: 60 } }

type Failed = [name: string, id: string | undefined, code: string]

/** A session with stream management whose stream can be lost. */
async function managed(management: typeof resumable | 'requested' = resumable) {
  const failed: Failed[] = []
  const onFailed = ({ name, attrs }: Element, { code }: XmppError) => void failed.push([name, attrs.id, code])
  return { ...(await openSession({ management, keep: true, onFailed })), failed }
}

const message = (session: Session, id: string, attrs = {}) =>
  session.stanza('message', { to: 'romeo@example.net', id, ...attrs }, session.stanza('body', {}, id))

/** What the other side gets, in the shortest form. */
async function got(peer: Peer, count: number): Promise<string[]> {
  const seen: string[] = []
  while (seen.length < count) seen.push(short(await peer.next()))
  return seen
}

function short(got: Got): string {
  if (got.type !== 'element') return got.type
  const { name, attrs } = got.node
  return [name, attrs.id ?? attrs.h ?? ''].join(' ').trim()
}

/** Nothing more has come. */
async function silent(t: Test, { peer }: Pick<Opened, 'peer'>): Promise<void> {
  await settled()
  t.equal(peer.unread, undefined, 'nothing else is said')
}

/** Cuts the connection, and waits until the session knows. */
async function cut({ far, running }: { far: Opened['far']; running: Promise<void> }, t: Test): Promise<void> {
  far.destroy()
  await rejects(t, running, { code: 'XMPP_CONNECTION_LOST' })
}

t.test('a request is answered at once, with what has been handled', async t => {
  const { peer } = await managed()
  peer.write(`<r xmlns='${NS}'/>`)
  t.same(await got(peer, 1), ['a 0'])
  peer.write(`<message><body>1</body></message><presence/><iq type='result' id='x'/><r xmlns='${NS}'/><message/>`)
  t.same(await got(peer, 1), ['a 3'], 'stanzas of all kinds before it, and none behind it')
  peer.write(`<x xmlns='urn:test'/><a xmlns='${NS}' h='0'/><r xmlns='${NS}'/>`)
  t.same(await got(peer, 1), ['a 4'], 'other elements do not count')
})

t.test('a hundred stanzas are acknowledged unasked', async t => {
  // A server keeps what nobody acknowledges, and ends the stream when that is too much.
  const { peer } = await managed('requested')
  peer.write('<message/>'.repeat(150))
  await silent(t, { peer })
  peer.write(`<enabled xmlns='${NS}'/>`)
  peer.write('<message/>'.repeat(99))
  await silent(t, { peer })
  peer.write('<presence/>')
  t.same(await got(peer, 1), ['a 100'])
  peer.write(`${'<message/>'.repeat(60)}<r xmlns='${NS}'/>${'<message/>'.repeat(99)}`)
  t.same(await got(peer, 1), ['a 160'], 'an answer counts')
  await silent(t, { peer })
  peer.write('<message/>'.repeat(141))
  t.same(await got(peer, 2), ['a 260', 'a 360'], 'in the midst of what has arrived together too')
})

t.test('it asks soon, and once for many', async t => {
  const { session, peer, clock } = await managed()
  session.send(message(session, 'm1'))
  session.send(message(session, 'm2'))
  t.same(await got(peer, 2), ['message m1', 'message m2'])
  await clock.advance(1999)
  await silent(t, { peer })
  await clock.advance(1)
  t.same(await got(peer, 1), ['r'])
  t.equal(session.unacknowledged.length, 2)
  peer.write(`<a xmlns='${NS}' h='2'/>`)
  await settled()
  t.equal(session.unacknowledged.length, 0)
  t.equal(clock.pending, 0, 'no timer is left')
  for (let n = 1; n <= 250; n++) session.send(message(session, `n${n}`))
  const all = await got(peer, 251)
  t.equal(all.at(-1), 'r', 'many are asked for without waiting')
  t.equal(all.filter(each => each === 'r').length, 1)
})

t.test('it asks at once where whoever sends is told to wait', async t => {
  const { session, peer, clock } = await managed()
  const large = (id: string) => session.stanza('message', { id }, session.stanza('body', {}, 'x'.repeat(600_000)))
  t.equal(session.send(large('m1')) === undefined, false, 'the socket is full')
  const room = session.send(large('m2'))
  t.same(await got(peer, 3), ['message m1', 'message m2', 'r'])
  session.send(message(session, 'm3'))
  t.same(await got(peer, 1), ['message m3'], 'once')
  peer.write(`<a xmlns='${NS}' h='0'/>`)
  t.same(await got(peer, 1), ['r'], 'again for what has come since')
  peer.write(`<a xmlns='${NS}' h='0'/>`)
  await silent(t, { peer })
  peer.write(`<a xmlns='${NS}' h='3'/>`)
  await room
  t.equal(clock.pending, 0)
})

t.test('a link on which nothing comes back is dead', async t => {
  const { session, peer, clock, running } = await managed()
  session.send(message(session, 'm1'))
  await clock.advance(2000)
  t.same(await got(peer, 2), ['message m1', 'r'])
  await clock.advance(14_999)
  t.equal(session.stream.over, false)
  await clock.advance(1)
  await rejects(t, running, { code: 'XMPP_ACK_TIMEOUT' })
  t.ok(session.resumption, 'but the session is not')
})

t.test('so is one that takes nothing, not even the question', async t => {
  const { session, far, clock, running } = await openSession({ management: resumable, keep: true })
  stuff({ session, far })
  await settled()
  await clock.advance(14_999)
  t.equal(session.stream.over, false)
  await clock.advance(1)
  await rejects(t, running, { code: 'XMPP_ACK_TIMEOUT' })
})

t.test('and one on which other things come, but no answer', async t => {
  const { session, peer, clock, running } = await managed()
  session.send(message(session, 'm1'))
  await clock.advance(2000)
  for (let n = 0; n < 11; n++) {
    peer.write('<presence/>')
    await clock.advance(10_000)
  }
  t.equal(session.stream.over, false)
  peer.write('<presence/>')
  await clock.advance(10_000)
  await rejects(t, running, { code: 'XMPP_ACK_TIMEOUT', message: 'no acknowledgement within 120 s of asking' })
  t.ok(session.resumption)
})

t.test('a server that is slow to acknowledge and says other things is asked again', async t => {
  const { session, peer, clock } = await managed()
  session.send(message(session, 'm1'))
  await clock.advance(2000)
  t.same(await got(peer, 2), ['message m1', 'r'])
  await clock.advance(10_000)
  peer.write('<presence/>')
  await clock.advance(5000)
  t.equal(session.stream.over, false)
  t.same(await got(peer, 1), ['r'])
})

t.test('a server that has handled more than there was', async t => {
  const { session, peer, running, failed } = await managed()
  session.send(message(session, 'm1'))
  t.same(await got(peer, 1), ['message m1'])
  peer.write(`<a xmlns='${NS}' h='2'/>`)
  await rejects(t, running, { name: 'StreamError', condition: 'undefined-condition', by: 'us' })
  const error = await peer.next()
  t.match(
    error.type === 'element' && show(error.node),
    /handled-count-too-high xmlns='urn:xmpp:sm:3' h='2' send-count='1'/,
  )
  t.equal(session.resumption, undefined, 'is none to come back to')
  t.same(failed, [], 'what was sent may go out again')
  t.equal(session.unacknowledged.length, 1)
})

t.test('what comes before <enabled/> is not counted: the server does not count it either', async t => {
  const { peer } = await managed('requested')
  peer.write(`<message/><presence/><enabled xmlns='${NS}'/><message/><r xmlns='${NS}'/>`)
  t.same(await got(peer, 1), ['a 1'])
  peer.write(`<enabled xmlns='${NS}'/><message/><r xmlns='${NS}'/>`)
  t.same(await got(peer, 1), ['a 2'], 'which it says only once')
})

t.test('a server that does without it after all', async t => {
  const { session, peer, clock } = await managed('requested')
  session.send(message(session, 'm1'))
  peer.write(`<failed xmlns='${NS}'/>`)
  await settled()
  t.same(session.unacknowledged, [])
  session.send(message(session, 'm2'))
  t.same(await got(peer, 2), ['message m1', 'message m2'])
  await clock.advance(60_000)
  await silent(t, { peer })
})

t.test('the unacknowledged are bounded', async t => {
  const { session } = await managed()
  const big = 'x'.repeat(1024 * 1024)
  let waits = 0
  for (let n = 1; n <= 15; n++) {
    const wait = session.send(session.stanza('message', { id: `${n}` }, session.stanza('body', {}, big)))
    if (wait !== undefined) waits++
  }
  t.ok(waits > 0, 'whoever sends is told to wait')
  throws(
    t,
    () => {
      for (;;) session.send(session.stanza('message', {}, session.stanza('body', {}, big)))
    },
    { code: 'XMPP_SEND_LIMIT' },
  )
})

t.test('lost and resumed: what has not arrived goes out again, in order, and nothing else', async t => {
  const first = await managed()
  const { session, peer, failed } = first
  const asked = session.iq('get', 'example.com', session.stanza('q'))
  for (const id of ['m1', 'm2', 'm3']) session.send(message(session, id))
  const [iq = ''] = await got(peer, 4)
  peer.write(`<message/><message/><a xmlns='${NS}' h='2'/>`)
  await settled()
  await cut(first, t)
  t.same(session.resumption, { id: 'the id', handled: 2, location: undefined })
  t.equal(session.writable, true)
  session.send(message(session, 'm4'))
  const second = await openStream()
  session.resume(second.stream, { jid: '', streamId: 's2', mechanism: 'PLAIN', resumed: { handled: 3 } })
  t.equal(session.resumptions, 1)
  t.equal(session.stream, second.stream)
  t.equal(session.jid, 'juliet@example.com/balcony')
  const running = session.run({ keep: true })
  running.catch(() => {})
  session.send(message(session, 'm5'))
  t.same(await got(second.peer, 4), ['message m3', 'message m4', 'r', 'message m5'])
  const id = iq.slice(3)
  second.peer.write(`<message/><iq type='result' id='${id}' from='example.com'/><r xmlns='${NS}'/>`)
  t.same(await got(second.peer, 1), ['a 4'], 'the count goes on')
  t.equal((await asked).attrs.id, id, 'a request is answered on the next stream')
  t.same(failed, [])
  await cut({ ...second, running }, t)
  t.ok(session.resumption, 'and it may be lost again')
})

t.test('what is sent between the loss and the end of reading waits like the rest', async t => {
  const first = await managed()
  const { session, running } = first
  session.send(message(session, 'm1'))
  session.stream.destroy(new Error('the network is gone'))
  t.equal(session.writable, true)
  session.send(message(session, 'm2'))
  await rejects(t, running, { message: 'the network is gone' })
  const next = await openStream()
  session.resume(next.stream, { jid: '', streamId: 's2', mechanism: 'PLAIN', resumed: { handled: 0 } })
  t.same(await got(next.peer, 2), ['message m1', 'message m2'])

  const closed = await managed()
  const closing = closed.session.close()
  t.equal(closed.session.writable, false, 'but not what is sent behind a close')
  throws(t, () => closed.session.send(message(session, 'm3')), { code: 'XMPP_STREAM_ENDED' })
  closed.far.destroy()
  await closing
  await closed.running.catch(() => {})
})

t.test('answers to requests that came before the loss', async t => {
  let answer = (): void => {}
  const handler = () => new Promise<void>(resolve => (answer = resolve))
  const route = { kind: 'iq-get', ns: 'urn:test', name: 'q', handler } as const
  const first = await openSession({ management: resumable, keep: true, xeps: [{ name: 'x', routes: [route] }] })
  first.peer.write(`<iq type='get' id='i1' from='romeo@example.net'><q xmlns='urn:test'/></iq>`)
  await settled()
  await cut(first, t)
  answer()
  await settled()
  const second = await openStream()
  first.session.resume(second.stream, { jid: '', streamId: 's2', mechanism: 'PLAIN', resumed: { handled: 0 } })
  t.same(await got(second.peer, 1), ['iq i1'])
})

t.test('the server keeps a session only so long', async t => {
  const first = await managed()
  await cut(first, t)
  first.clock.skip(60_000)
  t.equal(first.session.writable, true)
  first.clock.skip(1)
  t.equal(first.session.writable, false)
  t.ok(first.session.resumption, 'but it may know how much it had handled')
})

t.test('taken over: messages are sent again under the same id, the rest has failed', async t => {
  const first = await managed()
  const { session } = first
  const asked = session.iq('get', 'example.com', session.stanza('q'))
  asked.catch(() => {})
  session.send(message(session, 'm1'))
  session.send(message(session, 'm2', { type: 'chat', from: session.jid }))
  session.send(session.stanza('presence', { id: 'p1' }))
  session.send(message(session, 'm3', { type: 'error' }))
  session.send(session.stanza('iq', { id: 'r1', type: 'result', to: 'example.com' }))
  await settled()
  await cut(first, t)
  const next = await openSession({ jid: 'juliet@example.com/other', management: resumable, keep: true })
  next.session.takeOver(session, 2)
  const again = await next.peer.next()
  t.match(again, {
    node: { attrs: { id: 'm2', from: 'juliet@example.com/other', to: 'romeo@example.net', type: 'chat' } },
  })
  await silent(t, next)
  await rejects(t, asked, { code: 'XMPP_STREAM_ENDED' }, 'whoever asks is told so')
  t.same(first.failed, [
    ['presence', 'p1', 'XMPP_UNACKNOWLEDGED'],
    ['message', 'm3', 'XMPP_UNACKNOWLEDGED'],
    ['iq', 'r1', 'XMPP_UNACKNOWLEDGED'],
  ])
  t.equal(session.writable, false)
  throws(t, () => session.send(message(session, 'm4')), { code: 'XMPP_STREAM_ENDED' })
  t.equal(next.session.unacknowledged.length, 1, 'and it is kept until it has arrived')
})

t.test('what the server found fault with is not sent again', async t => {
  for (const condition of [
    'policy-violation',
    'not-well-formed',
    'invalid-xml',
    'undefined-condition',
    'unsupported-stanza-type',
  ]) {
    const { session, peer, running, failed } = await managed()
    session.send(message(session, 'm1'))
    peer.write(
      `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
    )
    await rejects(t, running, { condition, by: 'peer' })
    t.same(failed, [['message', 'm1', 'XMPP_UNACKNOWLEDGED']], condition)
    t.same([session.resumption, session.unacknowledged], [undefined, []])
  }
})

t.test('what a server says of XML behind a resumption is not believed at once', async t => {
  // COMPAT Prosody 0.12 goes on with the parser of the connection before, which may stand in the middle of a stanza.
  for (const condition of ['not-well-formed', 'xml-not-well-formed', 'policy-violation']) {
    const first = await managed()
    const { session, failed } = first
    session.send(message(session, 'm1'))
    await settled()
    await cut(first, t)
    const second = await openStream()
    session.resume(second.stream, { jid: '', streamId: 's2', mechanism: 'PLAIN', resumed: { handled: 0 } })
    const running = session.run({ keep: true })
    second.peer.write(
      `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
    )
    await rejects(t, running, { condition, by: 'peer' })
    const blamed = condition === 'policy-violation'
    t.equal(session.resumption, undefined, 'the session is gone')
    t.same(failed, blamed ? [['message', 'm1', 'XMPP_UNACKNOWLEDGED']] : [], condition)
    t.equal(session.unacknowledged.length, blamed ? 0 : 1, blamed ? 'given up' : 'the next one takes it over')
  }
})

t.test('how a stream may end and the session go on, or at least its messages', async t => {
  for (const [condition, resumes] of [
    ['system-shutdown', true],
    ['reset', true],
    ['connection-timeout', true],
    ['resource-constraint', true],
    ['see-other-host', true],
    ['conflict', false],
    ['host-gone', false],
  ] as const) {
    const { session, peer, running, failed } = await managed()
    session.send(message(session, 'm1'))
    peer.write(
      `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
    )
    await rejects(t, running, { condition, by: 'peer' })
    t.equal(session.resumption !== undefined, resumes, condition)
    t.same([failed, session.unacknowledged.length], [[], 1], condition)
  }
  const closed = await managed()
  closed.session.send(message(closed.session, 'm1'))
  closed.peer.write('</stream:stream>')
  await closed.running
  t.same(
    [closed.session.resumption, closed.session.unacknowledged.length],
    [undefined, 1],
    'the server leaves politely',
  )
  const broken = await managed()
  broken.peer.write('<message><</message>')
  await rejects(t, broken.running, { condition: 'not-well-formed', by: 'us' })
  t.equal(broken.session.resumption, undefined, 'it would only be sent the same again')
})

t.test('closed by us: the last word is how much there was', async t => {
  const { session, peer, running, failed } = await managed()
  peer.write('<message/>')
  session.send(message(session, 'm1'))
  t.same(await got(peer, 1), ['message m1'])
  await settled()
  const closing = session.close()
  t.same(await got(peer, 3), ['a 1', 'r', 'close'])
  peer.write('</stream:stream>')
  await closing
  await running
  t.same([failed, session.resumption], [[], undefined], 'whoever closes in turn has read it all')
})

t.test('closed by us, and cut', async t => {
  const first = await managed()
  first.session.send(message(first.session, 'm1'))
  void first.session.close()
  t.same(await got(first.peer, 4), ['message m1', 'a 0', 'r', 'close'])
  await settled()
  first.session.stream.destroy()
  await rejects(t, first.running, { code: 'XMPP_STREAM_ENDED' })
  t.equal(first.session.resumption, undefined)
  first.session.giveUp(undefined)
  t.same(first.failed, [['message', 'm1', 'XMPP_UNACKNOWLEDGED']])
})

t.test('closed while it waits to be resumed', async t => {
  const first = await managed()
  const asked = first.session.iq('get', undefined, first.session.stanza('q'))
  asked.catch(() => {})
  first.session.send(message(first.session, 'm1'))
  await cut(first, t)
  await first.session.close()
  await rejects(t, asked, { code: 'XMPP_STREAM_ENDED' })
  t.same(first.failed, [['message', 'm1', 'XMPP_UNACKNOWLEDGED']])
  await settled()
  t.equal(first.clock.pending, 0)
})

t.test('who does not keep it is told at once', async t => {
  const failed: string[] = []
  const onFailed = ({ attrs: { id = '' } }: Element) => void failed.push(id)
  const { session, far, running } = await openSession({ management: resumable, onFailed })
  const asked = session.iq('get', undefined, session.stanza('q'))
  asked.catch(() => {})
  session.send(message(session, 'm1'))
  far.destroy()
  await rejects(t, running, { code: 'XMPP_CONNECTION_LOST' })
  await rejects(t, asked, { code: 'XMPP_STREAM_ENDED' })
  t.same(failed, ['m1'])
  t.equal(session.resumption, undefined)
})

t.test('a resumption that claims too much', async t => {
  const first = await managed()
  first.session.send(message(first.session, 'm1'))
  await cut(first, t)
  const second = await openStream()
  const resume = () =>
    first.session.resume(second.stream, { jid: '', streamId: 's2', mechanism: 'PLAIN', resumed: { handled: 2 } })
  throws(t, resume, { condition: 'undefined-condition' })
  t.equal(second.stream.writable, false)
  t.equal(first.session.resumption, undefined, 'is not tried again')
  t.equal(first.session.unacknowledged.length, 1, 'and its messages are left for the next session')
})

t.test('whoever asks and does not read gets one answer', async t => {
  const { session, peer, far } = await openSession({ management: resumable, stream: { sendLimit: 1000 } })
  far.pause()
  session.send(session.stanza('message', {}, session.stanza('body', {}, 'x'.repeat(40_000))))
  await settled()
  for (let n = 0; n < 50; n++) peer.write(`<r xmlns='${NS}'/><presence/>`)
  await settled()
  t.equal(session.stream.over, false)
  far.resume()
  t.same(await got(peer, 2), ['message', 'a 50'])
  await silent(t, { peer })
})

t.test('a question is answered where no more may be sent, but the socket would take it', async t => {
  const { session, peer, far } = await openSession({ management: resumable, stream: { sendLimit: 1000 } })
  far.pause()
  const body = (length: number) => session.stanza('message', {}, session.stanza('body', {}, 'x'.repeat(length)))
  session.send(body(16_000))
  await settled()
  for (let n = 0; n < 2; n++) {
    session.send(body(900))
    await settled()
  }
  throws(t, () => session.send(body(1)), { code: 'XMPP_SEND_LIMIT' })
  peer.write(`<r xmlns='${NS}'/>`)
  await settled()
  far.resume()
  t.same(await got(peer, 4), ['message', 'message', 'message', 'a 0'])
})

t.test('who waits for room when the server does without it', async t => {
  const { session, peer } = await managed('requested')
  let wait: Promise<void> | undefined
  for (let n = 0; wait === undefined; n++) wait = session.send(session.stanza('message', { id: `${n}` }))
  peer.write(`<failed xmlns='${NS}'/>`)
  await wait
  t.same(session.unacknowledged, [])
})

t.test('what is enabled stays so', async t => {
  const opened = await managed()
  const { session, peer } = opened
  session.send(message(session, 'm1'))
  peer.write(`<failed xmlns='${NS}'/><message/><enabled xmlns='${NS}'/><r xmlns='${NS}'/>`)
  t.same(await got(peer, 2), ['message m1', 'a 1'])
  t.equal(session.unacknowledged.length, 1)
  await cut(opened, t)
  t.equal(session.resumption?.id, 'the id')
})

t.test('a listener that throws keeps nothing else from being told', async t => {
  const told: string[] = []
  const onFailed = ({ attrs: { id = '' } }: Element) => {
    told.push(id)
    throw new Error('unheard')
  }
  const warned = t.capture(process, 'emitWarning')
  const first = await openSession({ management: resumable, keep: true, onFailed })
  for (const id of ['m1', 'm2']) first.session.send(message(first.session, id))
  await cut(first, t)
  first.session.giveUp(undefined)
  t.same(told, ['m1', 'm2'])
  t.equal(warned().length, 2)
})

t.test('whoever hears of a failure may end it all: nothing is forgotten', async t => {
  const told: string[] = []
  let next: Awaited<ReturnType<typeof openSession>> | undefined
  const onFailed = ({ attrs: { id = '' } }: Element) => {
    told.push(id)
    next?.session.stream.destroy()
  }
  const first = await openSession({ management: resumable, keep: true, onFailed })
  first.session.send(message(first.session, 'm1'))
  first.session.send(first.session.stanza('presence', { id: 'p1' }))
  first.session.send(message(first.session, 'm2'))
  await cut(first, t)
  next = await openSession({ management: resumable, keep: true })
  next.session.takeOver(first.session)
  t.same(told, ['p1'])
  t.same(
    next.session.unacknowledged.map(({ attrs }) => attrs.id),
    ['m1', 'm2'],
    'the next one has them',
  )
})

t.test('a hang-up is no answer to our close', async t => {
  const { session, peer, far, running, failed } = await managed()
  session.send(message(session, 'm1'))
  const closing = session.close()
  t.same(await got(peer, 4), ['message m1', 'a 0', 'r', 'close'])
  far.end()
  await closing
  await running
  session.giveUp(undefined)
  t.same(failed, [['message', 'm1', 'XMPP_UNACKNOWLEDGED']])
})

t.test('an end of our reading is no close: the server keeps the session', async t => {
  const { session, peer, far, running } = await managed()
  session.send(message(session, 'm1'))
  t.same(await got(peer, 1), ['message m1'])
  far.end()
  await rejects(t, running, { code: 'XMPP_CONNECTION_LOST' })
  t.same(await got(peer, 1), ['eof'])
  t.ok(session.resumption)
})

t.test('a server that closes without having handled what was sent', async t => {
  const { session, peer, running, failed, clock } = await managed()
  for (const id of ['m1', 'm2']) session.send(message(session, id))
  const closing = session.close()
  t.same(await got(peer, 5), ['message m1', 'message m2', 'a 0', 'r', 'close'])
  peer.write(`<a xmlns='${NS}' h='1'/></stream:stream>`)
  await closing
  await running
  session.giveUp(undefined)
  t.same(failed, [['message', 'm2', 'XMPP_UNACKNOWLEDGED']])
  await clock.advance(1000)
  t.equal(clock.pending, 0)
})

t.test('requests made by hand are handed back, and those of iq() are not', async t => {
  const opened = await managed()
  const { session, failed } = opened
  const query = session.stanza('query')
  const asked = session.iq('get', 'romeo@example.net', query)
  const id = session.nextId()
  session.send(session.stanza('iq', { type: 'get', to: 'romeo@example.net', id }, query))
  await cut(opened, t)
  session.giveUp(undefined)
  await rejects(t, asked, { code: 'XMPP_STREAM_ENDED' })
  t.same(failed, [['iq', id, 'XMPP_UNACKNOWLEDGED']])
})

t.test('a server that finds fault with our count finds none with what was sent', async t => {
  const { session, peer, running, failed } = await managed()
  session.send(message(session, 'm1'))
  const detail = `<handled-count-too-high xmlns='${NS}' h='9' send-count='1'/>`
  const condition = `<undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>`
  peer.write(`<stream:error>${condition}${detail}</stream:error></stream:stream>`)
  await rejects(t, running, { condition: 'undefined-condition', by: 'peer' })
  t.equal(session.resumption, undefined)
  t.same(failed, [])
  t.equal(session.unacknowledged.length, 1, 'the next session has it')
})

t.test('a session that is closed unread leaves no timer', async t => {
  const { stream, clock, peer } = await openStream()
  const negotiated = { jid: 'juliet@example.com/balcony', streamId: 's1', mechanism: 'PLAIN', management: resumable }
  const session = new Session(stream, negotiated, { xeps: [], clock })
  session.send(message(session, 'm1'))
  const closing = session.close()
  t.same(await got(peer, 4), ['message m1', 'a 0', 'r', 'close'])
  peer.write('</stream:stream>')
  await closing
  await clock.advance(1000)
  t.equal(clock.pending, 0)
})

t.test('a login that asks for the session in vain', async t => {
  const lost = new XmppError('XMPP_CONNECTION_LOST', 'x')
  const cases: [error: Error, times: number][] = [
    [lost, 5],
    [new XmppError('XMPP_TIMEOUT', 'x'), 2],
    [new StreamError('unsupported-stanza-type', '', { by: 'peer' }), 1],
  ]
  for (const [error, times] of cases) {
    const first = await managed()
    await cut(first, t)
    for (let n = 1; n < times; n++) first.session.resumptionFailed(error)
    t.ok(first.session.resumption, error.message)
    first.session.resumptionFailed(error)
    t.equal(first.session.resumption, undefined, error.message)
  }
  const late = await managed()
  await cut(late, t)
  late.clock.skip(60_001)
  late.session.resumptionFailed(lost)
  t.equal(late.session.resumption, undefined, 'once is enough when the server need not have it any more')
})

t.test('a trace that throws does not leave anybody waiting', async t => {
  const trace = (direction: string) => {
    if (direction === 'out') throw new Error('mine')
  }
  const { peer, running } = await openSession({ stream: { trace } })
  peer.write('<a></b>')
  await rejects(t, running, {})
})
