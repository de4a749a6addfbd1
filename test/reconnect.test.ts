import { getEventListeners } from 'node:events'
import t from 'tap'
import { SaslError, StreamError, XmppError } from '../src/errors.ts'
import { type Attempted, Connection, type Link, retryDelay, stayConnected } from '../src/reconnect.ts'
import type { Xep } from '../src/routes.ts'
import { Session } from '../src/session.ts'
import type { Target } from '../src/stream/resolve.ts'
import type { Redirect } from '../src/targets.ts'
import { HandClock } from './helper/clock.ts'
import { settled } from './helper/pair.ts'
import { streamError } from './helper/servers.ts'
import { openStream } from './helper/session.ts'

const lost = new XmppError('XMPP_CONNECTION_LOST', 'gone')

t.test('the delay doubles from 1 to 60 s, less up to a half', async t => {
  const delays = (random: number, error: unknown = lost) =>
    [0, 1, 2, 3, 4, 5, 6, 7, 50, 5000].map(n => retryDelay(error, n, random))
  t.same(delays(0), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000])
  t.same(delays(1), [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000])
  t.equal(retryDelay(lost, 0, 0.5), 750)
})

t.test('haste is pointless when someone has to change something first', async t => {
  for (const error of [
    new SaslError('not-authorized'),
    new SaslError('aborted'),
    new StreamError('conflict', '', { by: 'peer' }),
    new StreamError('not-authorized', '', { by: 'peer' }),
    new StreamError('host-unknown'),
    new StreamError('policy-violation'),
    new XmppError('XMPP_SASLPREP', 'x'),
    new XmppError('XMPP_OAUTH', 'x', { condition: 'invalid_grant' }),
  ]) {
    const delays = [0, 1, 2, 3, 4, 100].map(n => retryDelay(error, n, 0))
    t.same(delays, [60_000, 120_000, 240_000, 480_000, 600_000, 600_000], error.message)
    t.equal(retryDelay(error, 0, 1), 75_000)
  }
  for (const error of [
    new SaslError('temporary-auth-failure'),
    new StreamError('system-shutdown'),
    new StreamError('reset'),
    new XmppError('XMPP_TLS_REFUSED', 'x'),
    new XmppError('XMPP_TIMEOUT', 'x'),
    new XmppError('XMPP_OAUTH', 'x'),
    new XmppError('XMPP_OAUTH', 'x', { condition: 'temporarily_unavailable' }),
    new Error('x'),
    undefined,
  ]) {
    t.equal(retryDelay(error, 0, 1), 1000, `${error}`)
  }
})

/** A consumer that notes what it is told, and a connect() that does what it is told. */
function harness() {
  const clock = new HandClock()
  const controller = new AbortController()
  const links: Link[] = []
  const pending: {
    resolve(session: Session): void
    reject(error: unknown): void
    signal: AbortSignal
    redirect: Redirect | undefined
  }[] = []
  const connect = ({ signal, redirect }: Attempted): Promise<Session> =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      pending.push({ resolve, reject, signal, redirect })
    })
  const waits: (() => void)[] = []
  const done = (async () => {
    const onWaiting = (tryNow: () => void): void => void waits.push(tryNow)
    for await (const link of stayConnected(connect, { signal: controller.signal, clock, random: () => 1, onWaiting }))
      links.push(link)
  })()
  return { clock, controller, links, pending, waits, done }
}

/** A session that nobody reads yet, as connect() makes it. */
async function fresh(target?: Target) {
  const opened = await openStream()
  const session = new Session(
    opened.stream,
    { jid: 'juliet@example.com/balcony', streamId: 's1', mechanism: 'PLAIN', target },
    { xeps: [], clock: opened.clock },
  )
  return { ...opened, session }
}

t.test('failures in a row, then a good connection', async t => {
  const { clock, controller, links, pending, done } = harness()
  for (const retryIn of [1000, 2000, 4000]) {
    await settled()
    pending.at(-1)?.reject(lost)
    await settled()
    t.match(links.at(-1), { type: 'offline', error: lost, retryIn })
    const before = pending.length
    await clock.advance(retryIn - 1)
    t.equal(pending.length, before, 'not a moment too early')
    await clock.advance(1)
    t.equal(pending.length, before + 1)
  }
  const one = await fresh()
  pending.at(-1)?.resolve(one.session)
  await settled()
  t.match(links.at(-1), { type: 'online' })
  await clock.advance(29_999)
  one.peer.write('</stream:stream>')
  await settled()
  t.match(
    links.at(-1),
    { type: 'offline', error: { code: 'XMPP_STREAM_ENDED' }, retryIn: 8000 },
    'too short to be a good one',
  )
  await clock.advance(8000)
  const two = await fresh()
  pending.at(-1)?.resolve(two.session)
  await settled()
  await clock.advance(30_000)
  two.far.end()
  await settled()
  t.match(
    links.at(-1),
    { type: 'offline', error: { code: 'XMPP_CONNECTION_LOST' }, retryIn: 1000 },
    'a good one starts anew',
  )
  await clock.advance(1000)
  pending.at(-1)?.reject(lost)
  await settled()
  t.match(links.at(-1), { retryIn: 2000 })
  // That of the wait that is on; connect() is this test's own and leaves one for each attempt.
  t.equal(getEventListeners(controller.signal, 'abort').length, 1 + pending.length)
  controller.abort()
  await done
  t.equal(clock.pending, 0)
})

t.test('a wait that is cut short, and then the next ones from the beginning', async t => {
  const { clock, controller, links, pending, waits, done } = harness()
  for (const retryIn of [1000, 2000, 4000]) {
    await settled()
    pending.at(-1)?.reject(lost)
    await settled()
    t.match(links.at(-1), { type: 'offline', retryIn })
    if (retryIn < 4000) await clock.advance(retryIn)
  }
  t.equal(pending.length, 3)
  waits.at(-1)?.()
  await settled()
  t.equal(pending.length, 4)
  t.equal(clock.pending, 0)
  for (const tryNow of waits) tryNow()
  await settled()
  t.equal(pending.length, 4, 'once')
  pending.at(-1)?.reject(lost)
  await settled()
  t.match(links.at(-1), { type: 'offline', retryIn: 1000 })
  t.equal(getEventListeners(controller.signal, 'abort').length, 1 + pending.length)
  controller.abort()
  await done
  t.equal(clock.pending, 0)
})

t.test('conflict keeps us away for a minute, though the connection was a long one', async t => {
  const { clock, controller, links, pending, done } = harness()
  await settled()
  const { session, peer } = await fresh()
  pending[0]?.resolve(session)
  await settled()
  await clock.advance(1_000_000)
  peer.write("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
  await settled()
  t.match(links.at(-1), { type: 'offline', error: { condition: 'conflict', by: 'peer' }, retryIn: 75_000 })
  controller.abort()
  await done
})

t.test('a session that is sent elsewhere goes there at once, and from then on as ever', async t => {
  const { clock, controller, links, pending, done } = harness()
  await settled()
  const from = { host: 'a.example', port: 443, direct: true }
  const { session, peer } = await fresh(from)
  pending[0]?.resolve(session)
  await settled()
  await clock.advance(5000)
  peer.write(streamError('see-other-host', '[2001:db8::1]:5299'))
  await settled()
  t.match(links.at(-1), { type: 'offline', error: { condition: 'see-other-host' }, retryIn: 0 })
  t.equal(clock.pending, 0)
  t.strictSame(pending[1]?.redirect, { host: '2001:db8::1', port: 5299, from })
  pending[1]?.reject(lost)
  await settled()
  t.match(links.at(-1), { type: 'offline', error: lost, retryIn: 2000 })
  await clock.advance(2000)
  t.equal(pending[2]?.redirect, undefined)
  // On the way to a session redirections are followed by whoever connects.
  const unfollowed = new StreamError('see-other-host', '', { by: 'peer', otherHost: { host: 'x', port: undefined } })
  pending[2]?.reject(unfollowed)
  await settled()
  t.match(links.at(-1), { retryIn: 4000 })
  await clock.advance(4000)
  t.equal(pending[3]?.redirect, undefined)
  controller.abort()
  await done
})

t.test('a server that sends us elsewhere for ever does not keep us busy', async t => {
  const { clock, controller, links, pending, done } = harness()
  const redirected = async (at: number): Promise<void> => {
    await settled()
    const { session, peer } = await fresh()
    pending[at]?.resolve(session)
    await settled()
    peer.write(streamError('see-other-host', `h${at}.example`))
    await settled()
  }
  for (let at = 0; at < 5; at++) {
    await redirected(at)
    t.match(links.at(-1), { retryIn: 0 })
  }
  await redirected(5)
  t.match(links.at(-1), { type: 'offline', error: { condition: 'see-other-host' }, retryIn: 32_000 })
  await clock.advance(32_000)
  t.equal(pending[6]?.redirect, undefined)
  await redirected(6)
  t.match(links.at(-1), { retryIn: 60_000 }, 'nor later')
  await clock.advance(60_000)
  await settled()
  const { session, peer } = await fresh()
  pending[7]?.resolve(session)
  await settled()
  await clock.advance(30_000)
  peer.write(streamError('see-other-host', 'z.example'))
  await settled()
  t.match(links.at(-1), { retryIn: 0 }, 'but after a good one again')
  t.match(pending[8]?.redirect, { host: 'z.example' })
  controller.abort()
  await done
})

t.test('a session that is sent to nowhere', async t => {
  const { controller, links, pending, done } = harness()
  await settled()
  const { session, peer } = await fresh()
  pending[0]?.resolve(session)
  await settled()
  peer.write(streamError('see-other-host', 'not a host'))
  await settled()
  t.match(links.at(-1), { retryIn: 1000 })
  controller.abort()
  await done
})

t.test('the session is read while the consumer is at work', async t => {
  const { session, peer } = await fresh()
  const controller = new AbortController()
  for await (const link of stayConnected(async () => session, { signal: controller.signal, clock: new HandClock() })) {
    if (link.type !== 'online') break
    const asked = session.iq('get', undefined, session.stanza('q'))
    const got = await peer.next()
    if (got.type !== 'element') throw new Error(got.type)
    peer.write(`<iq type='result' id='${got.node.attrs.id}'/>`)
    await asked
    peer.write('</stream:stream>')
    controller.abort()
  }
  t.ok(session.stream.over)
})

t.test('aborted before it began', async t => {
  let asked = 0
  const connect = async (): Promise<Session> => {
    asked++
    throw lost
  }
  for await (const link of stayConnected(connect, { signal: AbortSignal.abort() })) t.fail('a link', { link })
  t.equal(asked, 0)
})

t.test('aborted while connecting', async t => {
  const { clock, controller, links, done } = harness()
  await settled()
  controller.abort()
  await done
  t.same(links, [])
  t.equal(clock.pending, 0)
})

t.test('aborted at the very moment the connection is made', async t => {
  const { controller, links, pending, done } = harness()
  await settled()
  const { session, peer } = await fresh()
  pending[0]?.resolve(session)
  controller.abort()
  t.same(await peer.next(), { type: 'close' })
  peer.write('</stream:stream>')
  await done
  t.same(links, [])
  t.ok(session.stream.over, 'it is closed all the same')
})

t.test('aborted while online: closed politely', async t => {
  const { controller, links, pending, done, clock } = harness()
  await settled()
  const { session, peer } = await fresh()
  pending[0]?.resolve(session)
  await settled()
  t.equal(links.length, 1)
  controller.abort()
  t.same(await peer.next(), { type: 'close' })
  peer.write('</stream:stream>')
  await done
  t.equal(links.length, 1, 'and that is no failure')
  t.equal(clock.pending, 0)
})

t.test('aborted while waiting', async t => {
  const { clock, controller, links, pending, done } = harness()
  await settled()
  pending[0]?.reject(lost)
  await settled()
  t.equal(clock.pending, 1)
  controller.abort()
  await done
  t.equal(links.length, 1)
  t.equal(pending.length, 1)
  t.equal(clock.pending, 0)
})

t.test('a consumer that leaves closes the session', async t => {
  const { session, peer } = await fresh()
  const left = (async () => {
    const signal = new AbortController().signal
    for await (const link of stayConnected(async () => session, { signal, clock: new HandClock() })) {
      t.equal(link.type, 'online')
      break
    }
  })()
  t.same(await peer.next(), { type: 'close' })
  peer.write('</stream:stream>')
  await left
})

t.test('a connection with events', async t => {
  const sessions: Awaited<ReturnType<typeof fresh>>[] = []
  const xeps: Xep[] = []
  const connection = new Connection(async ({ xep }) => {
    xeps.push(xep)
    const opened = await openStream()
    const session = new Session(
      opened.stream,
      { jid: 'juliet@example.com/balcony', streamId: 's1', mechanism: 'PLAIN' },
      { xeps: [xep], clock: opened.clock },
    )
    sessions.push({ ...opened, session })
    return session
  })
  const seen: string[] = []
  connection.on('online', ({ session }) => seen.push(`online ${session.jid}`))
  connection.on('offline', ({ error }) => seen.push(`offline ${(error as XmppError).code}`))
  connection.on('message', ({ stanza }) => seen.push(`message ${stanza.childText('body')}`))
  connection.on('presence', ({ stanza }) => seen.push(`presence ${stanza.attrs.from}`))
  t.equal(connection.session, undefined)
  connection.start()
  connection.start()
  await settled()
  t.equal(sessions.length, 1, 'starting twice is starting once')
  t.equal(connection.session, sessions[0]?.session)
  sessions[0]?.peer.write("<message><body>hi</body></message><presence from='a@b'/>")
  await settled()
  sessions[0]?.far.end()
  await settled()
  t.equal(connection.session, undefined)
  t.same(seen, ['online juliet@example.com/balcony', 'message hi', 'presence a@b', 'offline XMPP_CONNECTION_LOST'])
  await connection.stop()
  await connection.stop()
  connection.start()
  await settled()
  t.equal(sessions.length, 2, 'and it may be started again')
  const stopped = connection.stop()
  sessions[1]?.peer.write('</stream:stream>')
  await stopped
  t.equal(connection.session, undefined)
  t.equal(xeps[0]?.routes?.length, 2)
})
