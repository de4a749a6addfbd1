/** A connection that is kept up, whose sessions may be resumed (XEP-0198 §5). */
import t from 'tap'
import { XmppError } from '../src/errors.ts'
import { type Attempted, Connection, type Link, stayConnected } from '../src/reconnect.ts'
import { Session } from '../src/session.ts'
import type { Element } from '../src/stream/element.ts'
import { HandClock } from './helper/clock.ts'
import { settled } from './helper/pair.ts'
import { type Opened, openStream } from './helper/session.ts'

const target = { host: 'a.example', port: 5223, direct: true }

interface Attempt extends Attempted {
  succeed(opened: Opened, handled?: number): Session
  fail(error: Error): void
}

/** A consumer that notes what it is told, and attempts that come to what the test says. */
function harness({ location, max = 60 }: { location?: string; max?: number } = {}) {
  const clock = new HandClock()
  const controller = new AbortController()
  const links: Link[] = []
  const attempts: Attempt[] = []
  const failed: string[] = []
  const onFailed = ({ attrs: { id = '' } }: Element) => void failed.push(id)
  const connect = (attempted: Attempted): Promise<Session> =>
    new Promise((resolve, reject) => {
      attempted.signal.addEventListener('abort', () => reject(attempted.signal.reason))
      const succeed = ({ stream }: Opened, handled?: number): Session => {
        const { earlier } = attempted
        const jid = `juliet@example.com/${attempts.length}`
        if (earlier !== undefined && handled !== undefined) {
          earlier.resume(stream, { jid: '', streamId: 's', mechanism: 'PLAIN', target, resumed: { handled } })
          resolve(earlier)
          return earlier
        }
        const resumable = { id: 'the id', location, max }
        const negotiated = { jid, streamId: 's', mechanism: 'PLAIN', target, management: { resumable } }
        const session = new Session(stream, negotiated, { xeps: [], clock, onFailed })
        if (earlier !== undefined) session.takeOver(earlier)
        resolve(session)
        return session
      }
      attempts.push({ ...attempted, succeed, fail: reject })
    })
  const done = (async () => {
    const options = { signal: controller.signal, clock, random: () => 1 }
    for await (const link of stayConnected(connect, options)) links.push(link)
  })()
  const opened = (): Promise<Opened> => openStream({ clock })
  return { clock, controller, links, attempts, failed, done, opened }
}

const message = (session: Session, id: string) =>
  session.stanza('message', { to: 'romeo@example.net', id }, session.stanza('body', {}, id))

/** What a stream carried next, by its ids. */
async function ids({ peer }: Opened, count: number): Promise<string[]> {
  const seen: string[] = []
  while (seen.length < count) {
    const got = await peer.next()
    if (got.type !== 'element') throw new Error(got.type)
    if (got.node.name === 'message') seen.push(got.node.attrs.id ?? '')
  }
  return seen
}

t.test('lost, and resumed by the next connection', async t => {
  const { clock, controller, links, attempts, failed, done, opened } = harness({ location: '[::1]:5299' })
  await settled()
  t.match(attempts[0], { redirect: undefined, earlier: undefined })
  const first = await opened()
  const session = attempts[0]?.succeed(first) as Session
  await settled()
  t.match(links, [{ type: 'online', resumed: false }])
  session.send(message(session, 'm1'))
  t.same(await ids(first, 1), ['m1'])
  first.far.destroy()
  await settled()
  t.match(links[1], { type: 'offline', error: { code: 'XMPP_CONNECTION_LOST' }, retryIn: 1000 })
  t.equal(links[1]?.type === 'offline' && links[1].kept, session, 'the session is there still')
  session.send(message(session, 'm2'))
  await clock.advance(1000)
  t.equal(attempts[1]?.earlier, session)
  t.same(attempts[1]?.redirect, { host: '::1', port: 5299, from: target }, 'where the server wants it back')
  attempts[1]?.fail(new XmppError('XMPP_CONNECT_FAILED', 'not there'))
  await settled()
  t.equal(links[2]?.type === 'offline' && links[2].kept, session)
  await clock.advance(2000)
  const second = await opened()
  t.equal(attempts[2]?.redirect, undefined, 'which is tried once')
  t.equal(attempts[2]?.succeed(second, 0), session)
  await settled()
  t.match(links[3], { type: 'online', resumed: true })
  t.equal(links[3]?.type === 'online' && links[3].session, session)
  t.same(await ids(second, 2), ['m1', 'm2'])
  await clock.advance(1000)
  second.far.destroy()
  await settled()
  t.match(links[4], { retryIn: 4000 }, 'nothing has come forward, so the waits grow')
  await clock.advance(4000)
  const third = await opened()
  attempts[3]?.succeed(third, 0)
  await settled()
  third.peer.write('<message/>')
  await clock.advance(1000)
  third.far.destroy()
  await settled()
  t.match(links[6], { retryIn: 1000 }, 'a second in which something came is long enough to begin anew')
  controller.abort()
  await done
  t.same(failed.sort(), ['m1', 'm2'], 'whoever stops is told what may not have arrived')
  t.equal(clock.pending, 0)
})

t.test('sent elsewhere, and wanted back where it said before', async t => {
  const { clock, controller, attempts, done, opened } = harness({ location: '[::1]:5299' })
  await settled()
  const first = await opened()
  attempts[0]?.succeed(first)
  await settled()
  const other = `<see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>b.example</see-other-host>`
  first.peer.write(`<stream:error>${other}</stream:error></stream:stream>`)
  await settled()
  t.match(attempts[1]?.redirect, { host: 'b.example' })
  attempts[1]?.fail(new XmppError('XMPP_CONNECT_FAILED', 'not there'))
  await settled()
  await clock.advance(4000)
  t.match(attempts[2]?.redirect, { host: '::1', port: 5299 })
  attempts[2]?.fail(new XmppError('XMPP_CONNECT_FAILED', 'not there'))
  await settled()
  await clock.advance(8000)
  t.equal(attempts[3]?.redirect, undefined)
  controller.abort()
  await done
})

t.test('a connect() that takes no earlier session: what is left of it is reported', async t => {
  const controller = new AbortController()
  const clock = new HandClock()
  const failed: string[] = []
  const sessions: Session[] = []
  const streams = [await openStream({ clock }), await openStream({ clock })]
  const connect = async (): Promise<Session> => {
    const { stream } = streams[sessions.length] as Opened
    const management = { resumable: { id: 'the id', location: undefined, max: 60 } }
    const negotiated = { jid: 'juliet@example.com/x', streamId: 's', mechanism: 'PLAIN', management }
    const onFailed = ({ attrs: { id = '' } }: Element) => void failed.push(id)
    const session = new Session(stream, negotiated, { xeps: [], clock, onFailed })
    sessions.push(session)
    return session
  }
  for await (const link of stayConnected(connect, { signal: controller.signal, clock, random: () => 1 })) {
    if (link.type === 'online' && sessions.length === 2) controller.abort()
    else if (link.type === 'online') {
      link.session.send(message(link.session, 'm1'))
      streams[0]?.far.destroy()
    } else {
      t.same(failed, [], 'it may be resumed still')
      void settled().then(() => clock.advance(link.retryIn))
    }
    streams[1]?.peer.write('</stream:stream>')
  }
  t.same(failed, ['m1'])
})

t.test('a server that keeps it no longer', async t => {
  const { clock, controller, links, attempts, done, opened } = harness({ max: 2 })
  await settled()
  const first = await opened()
  const session = attempts[0]?.succeed(first) as Session
  await settled()
  session.send(message(session, 'm1'))
  t.same(await ids(first, 1), ['m1'])
  first.far.destroy()
  await settled()
  await clock.advance(1000)
  attempts[1]?.fail(new XmppError('XMPP_CONNECT_FAILED', 'not there'))
  await settled()
  t.ok(links[2]?.type === 'offline' && links[2].kept)
  await clock.advance(2000)
  attempts[2]?.fail(new XmppError('XMPP_CONNECT_FAILED', 'not there'))
  await settled()
  t.equal(links[3]?.type === 'offline' && links[3].kept, undefined, 'too late')
  await clock.advance(4000)
  t.equal(attempts[3]?.earlier, session, 'whose messages are still to be brought')
  const second = await opened()
  const next = attempts[3]?.succeed(second)
  t.not(next, session)
  await settled()
  t.match(links[4], { type: 'online', resumed: false })
  t.same(await ids(second, 1), ['m1'])
  controller.abort()
  second.peer.write('</stream:stream>')
  await done
})

t.test('a consumer that waits for an answer when the connection is lost', async t => {
  const controller = new AbortController()
  const clock = new HandClock()
  const { stream, far } = await openStream({ clock })
  const management = { resumable: { id: 'the id', location: undefined, max: 60 } }
  const negotiated = { jid: 'juliet@example.com/x', streamId: 's', mechanism: 'PLAIN', management }
  const session = new Session(stream, negotiated, { xeps: [], clock })
  const told: string[] = []
  for await (const link of stayConnected(async () => session, { signal: controller.signal, clock, random: () => 1 })) {
    if (link.type === 'offline') {
      t.equal(link.kept, session)
      break
    }
    const asked = session.iq('get', undefined, session.stanza('q'))
    far.destroy()
    await asked.catch(error => told.push(error.code))
    await session.iq('get', undefined, session.stanza('q')).catch(error => told.push(error.code))
  }
  t.same(told, ['XMPP_STREAM_ENDED', 'XMPP_STREAM_ENDED'], 'is told at once, for it is waited for')
})

t.test('a server that closes the stream has no session to come back to', async t => {
  const { clock, controller, links, attempts, done, opened } = harness()
  await settled()
  const first = await opened()
  attempts[0]?.succeed(first)
  await settled()
  first.peer.write('</stream:stream>')
  await settled()
  t.match(links[1], { type: 'offline', kept: undefined })
  await clock.advance(1000)
  t.equal(attempts[1]?.earlier?.resumption, undefined)
  controller.abort()
  await done
})

t.test('a connection with events: its session takes what it is given while it waits', async t => {
  const { clock, attempts, opened } = { ...harness(), attempts: [] as (Attempted & { use(s: Session): void })[] }
  const failed: string[] = []
  const connection = new Connection(
    ({ xep, onFailed, ...attempted }) =>
      new Promise((resolve, reject) => {
        attempted.signal.addEventListener('abort', () => reject(attempted.signal.reason))
        const use = (session: Session): void => resolve(session)
        attempts.push({ ...attempted, use })
        if (attempts.length > 1) return
        void opened().then(({ stream, far }) => {
          cut = () => far.destroy()
          const management = { resumable: { id: 'the id', location: undefined, max: 60 } }
          const negotiated = { jid: 'juliet@example.com/x', streamId: 's', mechanism: 'PLAIN', management }
          use(new Session(stream, negotiated, { xeps: [xep], clock, onFailed }))
        })
      }),
    { clock, random: () => 1 },
  )
  let cut = (): void => {}
  connection.on('failed', ({ stanza, error }) => failed.push(`${stanza.attrs.id} ${error.code}`))
  connection.start()
  await settled()
  const { session } = connection
  cut()
  await settled()
  t.equal(connection.session, session)
  t.ok(session)
  if (session !== undefined) session.send(message(session, 'm1'))
  await connection.stop()
  t.equal(connection.session, undefined)
  t.same(failed, ['m1 XMPP_UNACKNOWLEDGED'])
})

t.test('whoever hears what has failed may send it again in the session that has found it so', async t => {
  const clock = new HandClock()
  const told: string[] = []
  const streams: Opened[] = []
  const connection = new Connection(
    async ({ xep, onFailed, earlier }) => {
      const opened = await openStream({ clock })
      streams.push(opened)
      const management = { resumable: { id: 'the id', location: undefined, max: 60 } }
      const negotiated = { jid: 'juliet@example.com/x', streamId: 's', mechanism: 'PLAIN', management }
      const session = new Session(opened.stream, negotiated, { xeps: [xep], clock, onFailed })
      if (earlier !== undefined) session.takeOver(earlier)
      return session
    },
    { clock, random: () => 1 },
  )
  connection.on('online', ({ session }) => {
    told.push('online')
    if (streams.length === 1) session.send(session.stanza('presence', { id: 'p1' }))
  })
  connection.on('failed', ({ stanza }) => {
    told.push(`failed ${stanza.attrs.id}`)
    connection.session?.send(stanza)
  })
  connection.start()
  await settled()
  await settled()
  streams[0]?.far.destroy()
  await settled()
  await clock.advance(1000)
  await settled()
  await settled()
  t.same(told, ['online', 'online', 'failed p1'])
  t.match(await streams[1]?.peer.next(), { node: { name: 'presence', attrs: { id: 'p1' } } })
  const stopped = connection.stop()
  streams[1]?.peer.write('</stream:stream>')
  await stopped
  t.same(told.slice(3), ['failed p1'], 'nobody has acknowledged it')
})
