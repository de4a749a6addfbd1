import { getEventListeners } from 'node:events'
import t from 'tap'
import { StanzaError, type StreamError } from '../src/errors.ts'
import { type Handler, on, onEvery, type Xep } from '../src/routes.ts'
import { Session, type SessionOptions } from '../src/session.ts'
import { el } from '../src/stream/element.ts'
import { settled } from './helper/pair.ts'
import { type Node, type Peer, show } from './helper/peer.ts'
import { rejects, throws } from './helper/rejects.ts'
import { openSession, openStream, type SessionSetup } from './helper/session.ts'
import { playText } from './helper/transcript.ts'

const NS = 'urn:test'
const xep = (...routes: NonNullable<Xep['routes']>): Xep => ({ name: 'test', routes })
const ask = (name = 'q') => el(name, NS)

/** A dialogue with a session that answers by these routes. */
async function dialogue(setup: SessionSetup, text: string): Promise<void> {
  const { peer, far } = await openSession(setup)
  await playText(far, text, 'dialogue', { peer })
}

/** The next stanza the other side gets. */
async function stanza(peer: Peer): Promise<Node> {
  const got = await peer.next()
  if (got.type !== 'element') throw new Error(`wanted a stanza, got ${show(got)}`)
  return got.node
}

t.test('asking: a result, and an error', async t => {
  const { session, peer } = await openSession()
  const one = session.iq('get', 'romeo@example.net/x', ask())
  const two = session.iq('set', 'romeo@example.net/x', ask('r'))
  const first = await stanza(peer)
  const second = await stanza(peer)
  t.match(first, { name: 'iq', attrs: { type: 'get', to: 'romeo@example.net/x' }, children: [{ name: 'q', ns: NS }] })
  t.match(second, { name: 'iq', attrs: { type: 'set' }, children: [{ name: 'r' }] })
  t.not(first.attrs.id, second.attrs.id)
  t.notOk('from' in first.attrs, "a client's stanzas are stamped by its server")
  peer.write(
    `<iq type='error' id='${second.attrs.id}' from='romeo@example.net/x'><r xmlns='${NS}'/><error type='auth'>` +
      `<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><why xmlns='urn:app'/></error></iq>`,
  )
  peer.write(`<iq type='result' id='${first.attrs.id}' from='Romeo@Example.NET/x'><q xmlns='${NS}' n='1'/></iq>`)
  t.match((await one).child('q', NS)?.attrs, { n: '1' })
  await rejects(t, two, { name: 'StanzaError', type: 'auth', condition: 'forbidden' })
  const error: StanzaError = await two.catch(error => error)
  t.ok(error.element?.child('why', 'urn:app'), 'with the application’s own condition')
})

t.test('asking: the answer comes from who was asked, or it is none', async t => {
  const own = 'juliet@example.com'
  const cases: [to: string | undefined, right: (string | undefined)[], wrong: (string | undefined)[]][] = [
    [
      'romeo@example.net/x',
      ['romeo@example.net/x'],
      [undefined, 'romeo@example.net', 'evil@example.org', 'example.com'],
    ],
    ['romeo@example.net', ['romeo@example.net'], ['romeo@example.net/x', undefined, own]],
    // As JIDs, however either side writes them.
    ['Romeo@Example.NET/x', ['romeo@example.net/x', 'ROMEO@example.net/x'], ['romeo@example.net/X', undefined, '@']],
    ['JULIET@example.com', [undefined, own, `${own}/balcony`], ['example.com', `${own}/Balcony`]],
    ['example.com', ['example.com'], ['evil.example.com', 'x@example.com', undefined]],
    [
      undefined,
      [undefined, own, `${own}/balcony`, 'example.com'],
      ['evil@example.com', `${own}/chamber`, 'example.net'],
    ],
    [own, [undefined, own, `${own}/balcony`], ['example.com', `${own}/chamber`]],
    [`${own}/chamber`, [`${own}/chamber`], [undefined, own]],
  ]
  for (const [to, right, wrong] of cases) {
    for (const from of right) {
      const { session, peer } = await openSession()
      const asked = session.iq('get', to, ask())
      const { attrs } = await stanza(peer)
      for (const liar of wrong) {
        const spoof = liar === undefined ? '' : ` from='${liar}'`
        peer.write(`<iq type='result' id='${attrs.id}'${spoof}><forged/></iq>`)
        peer.write(`<iq type='error' id='${attrs.id}'${spoof}/>`)
      }
      peer.write(`<iq type='result' id='${attrs.id}'${from === undefined ? '' : ` from='${from}'`}><honest/></iq>`)
      t.ok((await asked).child('honest'), `${to} asked, ${from} answers`)
    }
  }
})

t.test('asking: answers nobody asked for are dropped, not answered', async t => {
  const { peer, session } = await openSession()
  peer.write("<iq type='result' id='x'/><iq type='error' id='y' from='a@b'/><iq type='result'/><iq type='error'/>")
  await settled()
  session.send(session.stanza('message'))
  t.match(await stanza(peer), { name: 'message' })
})

t.test('asking: ids cannot be guessed from one session to the next', async t => {
  const one = (await openSession()).session.nextId()
  const two = (await openSession()).session.nextId()
  t.not(one, two)
  t.ok(one.length >= 8)
})

t.test('asking: no answer in time', async t => {
  const { session, peer, clock } = await openSession()
  const asked = session.iq('get', 'a@b', ask(), { timeout: 5000 })
  asked.catch(() => {})
  const { attrs } = await stanza(peer)
  await clock.advance(4999)
  t.equal(clock.pending, 1)
  await clock.advance(1)
  await rejects(t, asked, { code: 'XMPP_TIMEOUT', message: /a@b did not answer <q> within 5000 ms/ })
  t.equal(clock.pending, 0)
  peer.write(`<iq type='result' id='${attrs.id}' from='a@b'/>`)
  await settled()
  t.equal(peer.unread, undefined, 'a late answer is dropped')
  const usual = session.iq('get', undefined, ask())
  usual.catch(() => {})
  await settled()
  t.equal(clock.next, 30_000)
  await clock.advance(30_000)
  await rejects(t, usual, { code: 'XMPP_TIMEOUT', message: /^the server did not answer/ })
})

t.test('asking: aborted', async t => {
  const { session, clock, peer } = await openSession()
  for (const reason of [new Error('changed my mind'), 'a string', undefined]) {
    const controller = new AbortController()
    const asked = session.iq('get', 'a@b', ask(), { signal: controller.signal })
    await stanza(peer)
    controller.abort(reason)
    t.equal(
      await asked.then(
        () => 'resolved',
        error => error,
      ),
      controller.signal.reason,
    )
    t.equal(clock.pending, 0)
    t.equal(getEventListeners(controller.signal, 'abort').length, 0)
    await rejects(
      t,
      session.iq('get', 'a@b', ask(), { signal: controller.signal }).catch(e => Promise.reject({ e })),
      {
        e: controller.signal.reason,
      },
    )
    t.equal(peer.unread, undefined, 'nothing is sent when it was aborted before')
  }
})

t.test('asking: an answered request leaves no listener on its signal', async t => {
  const { session, peer } = await openSession()
  const { signal } = new AbortController()
  const asked = session.iq('get', undefined, ask(), { signal })
  const { attrs } = await stanza(peer)
  t.equal(getEventListeners(signal, 'abort').length, 1)
  peer.write(`<iq type='result' id='${attrs.id}'/>`)
  await asked
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('asking: a request that cannot be sent leaves nothing behind', async t => {
  const { session, clock } = await openSession()
  const rejected: unknown[] = []
  const unhandled = (reason: unknown): void => void rejected.push(reason)
  process.on('unhandledRejection', unhandled)
  t.teardown(() => process.off('unhandledRejection', unhandled))
  await rejects(t, session.iq('get', 'not@a@jid', ask()), { code: 'XMPP_JID_MALFORMED' })
  t.equal(clock.pending, 0, 'a malformed address')
  await rejects(t, session.iq('get', 'a@b', el('q', NS, {}, '\u0000')), { code: 'XMPP_XML_CHARACTER' })
  t.equal(clock.pending, 0, 'a character that XML cannot carry')
  await clock.advance(60_000)
  t.same(rejected, [])
})

t.test('asking: when the stream ends, by whatever means', async t => {
  const means: [string, (opened: Awaited<ReturnType<typeof openSession>>) => unknown, object | undefined][] = [
    ['the peer closes', ({ peer }) => peer.write('</stream:stream>'), undefined],
    ['the peer hangs up', ({ far }) => far.end(), { code: 'XMPP_CONNECTION_LOST' }],
    [
      'the peer sends an error',
      ({ peer }) => peer.write("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"),
      { condition: 'reset', by: 'peer' },
    ],
    ['the peer sends no XML', ({ peer }) => peer.write('<a></b>'), { condition: 'not-well-formed', by: 'us' }],
    ['the peer sends no stanza', ({ peer }) => peer.write('<foo/>'), { condition: 'unsupported-stanza-type' }],
    ['we destroy it', ({ stream }) => stream.destroy(), { code: 'XMPP_STREAM_ENDED' }],
    [
      'we close it',
      ({ session, peer }) => {
        void session.close()
        peer.write('</stream:stream>')
      },
      undefined,
    ],
  ]
  for (const [what, end, cause] of means) {
    const opened = await openSession()
    const { session, running, clock, far } = opened
    const asked = [session.iq('get', 'a@b', ask()), session.iq('set', undefined, ask())]
    for (const one of asked) one.catch(() => {})
    await settled()
    end(opened)
    for (const one of asked) await rejects(t, one, { code: 'XMPP_STREAM_ENDED', ...(cause && { cause }) }, what)
    if (cause === undefined) await running
    else await rejects(t, running, cause, `${what}: run()`)
    await rejects(t, session.iq('get', 'a@b', ask()), { code: 'XMPP_STREAM_ENDED' }, 'and later ones')
    far.end()
    await clock.advance(3000)
    t.equal(clock.pending, 0, `${what}: no timer`)
  }
})

t.test('answering: nothing, an element, an error', async () => {
  await dialogue(
    {
      xeps: [
        xep(
          on('iq-get', NS, 'nothing', () => {}),
          on('iq-get', NS, 'element', stanza => el('answer', NS, { to: stanza.attrs.from })),
          on('iq-set', NS, 'later', async () => {
            await settled()
            return el('answer', NS)
          }),
          on('iq-get', NS, 'refused', () => {
            throw new StanzaError('auth', 'forbidden', 'no\u0001t you')
          }),
          on('iq-set', NS, 'refused', async () => {
            throw new StanzaError('modify', 'not-acceptable')
          }),
        ),
      ],
    },
    `
S: <iq type='get' id='1' from='a@b/c'><nothing xmlns='urn:test'/></iq>
C: <iq type='result' id='1' to='a@b/c'/>
S: <iq type='get' id='2' from='a@b/c'><element xmlns='urn:test'/></iq>
C: <iq type='result' id='2' to='a@b/c'><answer xmlns='urn:test' to='a@b/c'/></iq>
S: <iq type='set' id='3'><later xmlns='urn:test'/></iq>
C: <iq type='result' id='3'><answer xmlns='urn:test'/></iq>
S: <iq type='get' id='4' from='a@b/c'><refused xmlns='urn:test'/></iq>
C: <iq type='error' id='4' to='a@b/c'><error type='auth'>
  <forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no\ufffdt you</text>
  </error></iq>
S: <iq type='set' id='5' from='a@b/c'><refused xmlns='urn:test'/></iq>
C: <iq type='error' id='5' to='a@b/c'><error type='modify'>
  <not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
# A handler for get is none for set, nor for another namespace.
S: <iq type='set' id='6' from='a@b/c'><nothing xmlns='urn:test'/></iq>
C: <iq type='error' id='6' to='a@b/c'><error type='cancel'>
  <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
S: <iq type='get' id='7' from='a@b/c'><nothing xmlns='urn:other'/></iq>
C: <iq type='error' id='7' to='a@b/c'><error type='cancel'>
  <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
# RFC 6120 §8.1.2.1: a client leaves it to its server to say who it is.
S: <iq type='get' id='8' from='a@b/c' to='juliet@example.com/balcony'><nothing xmlns='urn:test'/></iq>
C: <iq type='result' id='8' to='a@b/c'/>
S: <iq type='get' id='9' from='a@b/c' to='romeo@example.net'><unknown xmlns='urn:test'/></iq>
C: <iq type='error' id='9' to='a@b/c'><error type='cancel'>
  <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  )
})

t.test('answering: of several handlers for one payload the last', async () => {
  const says = (name: string): Xep => xep(on('iq-get', NS, 'q', () => el(name, NS)))
  await dialogue(
    { xeps: [says('first'), says('second'), xep(on('iq-set', NS, 'q', () => el('third', NS)))] },
    `
S: <iq type='get' id='1' from='a@b'><q xmlns='urn:test'/></iq>
C: <iq type='result' id='1' to='a@b'><second xmlns='urn:test'/></iq>`,
  )
})

t.test(
  'a message or presence is never answered by a StanzaError: it is told to whoever listens for faults',
  async t => {
    const seen: unknown[] = []
    const refuse: Handler = () => {
      throw new StanzaError('auth', 'forbidden')
    }
    const late: Handler = async stanza => refuse(stanza, session)
    const { session, peer } = await openSession({
      onHandlerError: (error, stanza) => void seen.push([(error as StanzaError).condition, stanza.name]),
      xeps: [xep(onEvery('message', refuse), onEvery('presence', late))],
    })
    peer.write("<message id='1' from='a@b'/><presence id='2' from='a@b'/>")
    await settled()
    t.strictSame(seen, [
      ['forbidden', 'message'],
      ['forbidden', 'presence'],
    ])
    t.equal(peer.unread, undefined)
  },
)

t.test('answering: what is no request (RFC 6120 §8.2.3)', async () => {
  const bad = (id: string): string => `C: <iq type='error'${id} to='a@b'><error type='modify'>
    <bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`
  await dialogue(
    { xeps: [xep(on('iq-get', NS, 'q', () => {}))] },
    `
# no payload
S: <iq type='get' id='1' from='a@b'/>
${bad(" id='1'")}
S: <iq type='get' id='2' from='a@b'>text only</iq>
${bad(" id='2'")}
# two payloads
S: <iq type='get' id='3' from='a@b'><q xmlns='urn:test'/><q xmlns='urn:test'/></iq>
${bad(" id='3'")}
# no such type
S: <iq type='ask' id='4' from='a@b'><q xmlns='urn:test'/></iq>
${bad(" id='4'")}
S: <iq id='5' from='a@b'><q xmlns='urn:test'/></iq>
${bad(" id='5'")}
# no id
S: <iq type='get' from='a@b'><q xmlns='urn:test'/></iq>
${bad('')}`,
  )
})

/** The answer of a handler that has thrown what is no StanzaError. */
const failed = (id: string): string => `C: <iq type='error' id='${id}' to='a@b'><error type='cancel'>
    <internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`

t.test('answering: a handler that fails', async t => {
  const seen: unknown[] = []
  const boom = new TypeError('boom')
  const options: SessionSetup = {
    onHandlerError: error => void seen.push(error),
    xeps: [
      xep(
        on('iq-get', NS, 'throw', () => {
          throw boom
        }),
        on('iq-get', NS, 'reject', () => Promise.reject(boom)),
        on('iq-get', NS, 'unsendable', () => el('x', NS, {}, '\ud800')),
        onEvery('message', () => {
          throw boom
        }),
        onEvery('presence', () => Promise.reject(boom)),
      ),
    ],
  }
  await dialogue(
    options,
    `
S: <iq type='get' id='1' from='a@b'><throw xmlns='urn:test'/></iq>
${failed('1')}
S: <iq type='get' id='2' from='a@b'><reject xmlns='urn:test'/></iq>
${failed('2')}
S: <iq type='get' id='3' from='a@b'><unsendable xmlns='urn:test'/></iq>
${failed('3')}
S: <message from='a@b'/><presence from='a@b'/>
S: <iq type='get' id='4' from='a@b'><throw xmlns='urn:test'/></iq>
${failed('4')}`,
  )
  t.match(seen, [boom, boom, { code: 'XMPP_XML_CHARACTER' }, boom, boom, boom])
})

t.test('a handler that fails is a warning of the process when nobody else wants to know', async t => {
  const { peer } = await openSession({
    xeps: [
      xep(
        onEvery('message', () => {
          throw new Error('unheard')
        }),
      ),
    ],
  })
  const warned = new Promise<Error>(resolve => process.once('warning', resolve))
  peer.write('<message/>')
  t.equal((await warned).message, 'unheard')
})

t.test('the read loop does not wait for a handler', async () => {
  const relay: Handler = async (stanza, session) => {
    const answer = await session.iq('get', 'other@example.net', ask())
    return el('relayed', NS, { from: stanza.attrs.from, n: answer.child('q', NS)?.attrs.n })
  }
  await dialogue(
    {
      xeps: [
        xep(
          on('iq-get', NS, 'relay', relay),
          on('iq-get', NS, 'quick', () => {}),
        ),
      ],
    },
    `
S: <iq type='get' id='slow' from='a@b'><relay xmlns='urn:test'/></iq>
  <iq type='get' id='quick' from='a@b'><quick xmlns='urn:test'/></iq>
C: <iq type='get' id='{asked}' to='other@example.net'><q xmlns='urn:test'/></iq>
C: <iq type='result' id='quick' to='a@b'/>
S: <iq type='result' id='{asked}' from='other@example.net'><q xmlns='urn:test' n='7'/></iq>
C: <iq type='result' id='slow' to='a@b'><relayed xmlns='urn:test' from='a@b' n='7'/></iq>`,
  )
})

t.test('handlers that wait are bounded', async t => {
  const waiting: (() => void)[] = []
  const wait = (): Promise<void> => new Promise(resolve => waiting.push(resolve))
  const { peer } = await openSession({
    handlers: 2,
    xeps: [xep(on('iq-get', NS, 'wait', wait), onEvery('message', wait), onEvery('presence', wait))],
  })
  const request = (id: string): string => `<iq type='get' id='${id}' from='a@b'><wait xmlns='${NS}'/></iq>`
  const refused = {
    children: [{ name: 'error', attrs: { type: 'wait' }, children: [{ name: 'resource-constraint' }, {}] }],
  }
  peer.write(request('1') + request('2') + request('3'))
  t.match(await stanza(peer), { name: 'iq', attrs: { id: '3', to: 'a@b', type: 'error' }, ...refused })
  peer.write("<message id='m' from='c@d'/>")
  t.match(await stanza(peer), { name: 'message', attrs: { id: 'm', to: 'c@d', type: 'error' }, ...refused })
  peer.write("<message type='error' from='c@d'/><presence from='c@d'/>")
  await settled()
  t.equal(peer.unread, undefined, 'errors and presence are not answered')
  t.equal(waiting.length, 2)
  waiting[0]?.()
  t.match(await stanza(peer), { attrs: { id: '1', type: 'result' } })
  peer.write(request('4'))
  await settled()
  t.equal(waiting.length, 3, 'one has ended, there is room for one')
})

t.test('handlers that wait are bounded by default: 256', async t => {
  let waiting = 0
  const wait = (): Promise<void> => {
    waiting++
    return new Promise(() => {})
  }
  const { peer } = await openSession({ xeps: [xep(on('iq-get', NS, 'wait', wait))] })
  const request = (n: number): string => `<iq type='get' id='${n}' from='a@b'><wait xmlns='${NS}'/></iq>`
  peer.write(Array.from({ length: 257 }, (_, n) => request(n)).join(''))
  t.match(await stanza(peer), { attrs: { id: '256', type: 'error' } })
  t.equal(waiting, 256)
})

t.test('a burst of stanzas whose handlers do not wait for anything is taken whole', async t => {
  let seen = 0
  const { peer } = await openSession({
    handlers: 10,
    xeps: [
      xep(
        onEvery('message', async () => {
          await Promise.resolve()
          seen++
        }),
      ),
    ],
  })
  peer.write("<message from='a@b' id='x'/>".repeat(1000))
  for (let turn = 0; turn < 500 && seen < 1000; turn++) await settled()
  t.equal(peer.unread, undefined, 'none is refused')
  t.equal(seen, 1000)
})

t.test('messages and presence go to every route that matches', async t => {
  const seen: string[] = []
  const note =
    (name: string): Handler =>
    stanza =>
      void seen.push(`${name} ${stanza.attrs.id}`)
  const { peer } = await openSession({
    xeps: [
      xep(onEvery('message', note('any')), on('message', NS, 'x', note('x'))),
      xep(on('message', NS, 'y', note('y')), onEvery('presence', note('presence'))),
    ],
  })
  peer.write(`<message id='1'/><message id='2'><x xmlns='${NS}'/></message><presence id='3'/>`)
  peer.write(
    `<message id='4'><y xmlns='${NS}'/><x xmlns='${NS}'/></message><message id='5'><x xmlns='urn:other'/></message>`,
  )
  await settled()
  t.same(seen, ['any 1', 'any 2', 'x 2', 'presence 3', 'any 4', 'x 4', 'y 4', 'any 5'])
  t.equal(peer.unread, undefined)
})

t.test('what is no stanza', async t => {
  const { peer, running } = await openSession()
  peer.write("<r xmlns='urn:xmpp:sm:3'/><iq xmlns='urn:other' type='get' id='1'/>")
  await settled()
  t.equal(peer.unread, undefined, 'elements of other namespaces are not ours')
  peer.write('<foo/>')
  await rejects(t, running, { name: 'StreamError', condition: 'unsupported-stanza-type' })
  t.match(await stanza(peer), { name: 'error', children: [{ name: 'unsupported-stanza-type' }] })
})

t.test('with onViolation what is no stanza is reported, and reading goes on', async t => {
  const seen: string[] = []
  const onViolation = ({ condition }: StreamError): void => void seen.push(condition)
  const { peer, session, running } = await openSession({ stream: { automatic: false, onViolation } })
  peer.write("<foo/><iq type='get' id='1' from='a@b'><unknown xmlns='urn:test'/></iq>")
  t.match(await stanza(peer), { name: 'iq', attrs: { id: '1' } })
  t.strictSame(seen, ['unsupported-stanza-type'])
  session.stream.destroy()
  await rejects(t, running, { code: 'XMPP_STREAM_ENDED' })
})

t.test('automatic: false leaves what nobody handles unanswered, and answers the rest', async () => {
  await dialogue(
    {
      automatic: false,
      xeps: [
        xep(
          on('iq-get', NS, 'q', () => {}),
          on('iq-get', NS, 'refuse', () => {
            throw new StanzaError('auth', 'forbidden')
          }),
        ),
      ],
    },
    `
S: <iq type='get' id='1' from='a@b'><unknown xmlns='urn:test'/></iq><iq type='get' id='2' from='a@b'/>
S: <iq type='get' id='3' from='a@b'><q xmlns='urn:test'/></iq>
C: <iq type='result' id='3' to='a@b'/>
S: <iq type='get' id='4' from='a@b'><refuse xmlns='urn:test'/></iq>
C: <iq type='error' id='4' to='a@b'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  )
})

t.test('who is told of a handler that failed, and fails too', async t => {
  const warned = t.capture(process, 'emitWarning')
  const options: SessionSetup = {
    onHandlerError: () => {
      throw new Error('in turn')
    },
    xeps: [
      xep(
        on('iq-get', NS, 'throw', () => {
          throw new Error('boom')
        }),
        on('iq-get', NS, 'reject', () => Promise.reject(new Error('boom'))),
      ),
    ],
  }
  await dialogue(
    options,
    `
S: <iq type='get' id='1' from='a@b'><throw xmlns='urn:test'/></iq>
${failed('1')}
S: <iq type='get' id='2' from='a@b'><reject xmlns='urn:test'/></iq>
${failed('2')}`,
  )
  t.match(
    warned().map(({ args }) => args[0]),
    [{ message: 'in turn' }, { message: 'in turn' }],
  )
})

t.test('an answer that finds the stream closing is nobody’s error', async t => {
  const errors: unknown[] = []
  let answer = (): void => {}
  const { session, peer, running } = await openSession({
    onHandlerError: error => void errors.push(error),
    xeps: [xep(on('iq-get', NS, 'slow', () => new Promise<void>(resolve => (answer = resolve))))],
  })
  peer.write(`<iq type='get' id='1' from='a@b'><slow xmlns='${NS}'/></iq>`)
  await settled()
  const closed = session.close()
  answer()
  peer.write(`<iq type='get' id='2' from='a@b'><unknown xmlns='${NS}'/></iq>`)
  await settled()
  peer.write('</stream:stream>')
  await Promise.all([closed, running])
  t.same(errors, [])
})

t.test('whose stanza it is', async t => {
  const { session } = await openSession()
  const from = (from?: string) => session.stanza('iq', from === undefined ? {} : { from })
  t.equal(session.sender(from()), 'juliet@example.com')
  t.equal(session.sender(from('Romeo@Example.NET/X')), 'romeo@example.net/X')
  t.equal(session.sender(from('a@b@c')), undefined)
  for (const own of [undefined, 'juliet@example.com', 'example.com']) t.ok(session.fromOwnServer(from(own)), `${own}`)
  for (const other of ['juliet@example.com/x', 'romeo@example.com', 'example.net', 'a@b@c', '']) {
    t.notOk(session.fromOwnServer(from(other)), other)
  }
})

t.test('the JID the server gave is prepared, and an absurd one refused', async t => {
  const { session } = await openSession({ jid: 'JULIET@Example.com/Balcony' })
  t.equal(session.jid, 'juliet@example.com/Balcony')
  const { stream } = await openStream()
  const options: SessionOptions = { xeps: [] }
  throws(t, () => new Session(stream, { jid: '@', streamId: '', mechanism: '' }, options), {
    code: 'XMPP_JID_MALFORMED',
  })
})

t.test('component: answers from the address asked, and stamps what it sends', async t => {
  const { session, far, peer } = await openSession({
    component: true,
    xeps: [xep(on('iq-get', NS, 'q', () => el('r', NS)))],
  })
  t.equal(session.component, true)
  session.send(session.stanza('message', { to: 'a@b' }))
  session.send(session.stanza('message', { to: 'a@b', from: '100@pbx.example.com' }))
  session.send(el('handshake', 'urn:other'))
  const asked = session.iq('get', 'a@b', ask(), { from: '200@pbx.example.com' })
  await playText(
    far,
    `
C: <message to='a@b' from='pbx.example.com'/>
C: <message to='a@b' from='100@pbx.example.com'/>
C: <handshake xmlns='urn:other'/>
C: <iq type='get' id='{id}' to='a@b' from='200@pbx.example.com'><q xmlns='urn:test'/></iq>
# spoofed, then honest
S: <iq type='result' id='{id}' to='200@pbx.example.com' from='example.com'/>
S: <iq type='result' id='{id}' to='200@pbx.example.com'/>
S: <iq type='result' id='{id}' to='200@pbx.example.com' from='pbx.example.com'/>
S: <iq type='result' id='{id}' to='200@pbx.example.com' from='a@b'><q xmlns='urn:test'/></iq>
S: <iq type='get' id='1' from='a@b/c' to='300@pbx.example.com/x'><q xmlns='urn:test'/></iq>
C: <iq type='result' id='1' to='a@b/c' from='300@pbx.example.com/x'><r xmlns='urn:test'/></iq>
S: <iq type='set' id='2' from='a@b/c' to='pbx.example.com'><q xmlns='urn:test'/></iq>
C: <iq type='error' id='2' to='a@b/c' from='pbx.example.com'><error type='cancel'>
  <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
# nobody to answer; and what is in neither the stream's namespace nor that of clients (see component-jabberd2.txt)
S: <iq type='get' id='3' to='pbx.example.com'><q xmlns='urn:test'/></iq>
S: <iq xmlns='jabber:server' type='set' id='4' from='example.com' to='pbx.example.com'><q xmlns='urn:test'/></iq>
S: <iq type='get' id='5' from='a@b/c' to='pbx.example.com'><q xmlns='urn:test'/></iq>
C: <iq type='result' id='5' to='a@b/c' from='pbx.example.com'><r xmlns='urn:test'/></iq>`,
    'component',
    { peer },
  )
  t.ok((await asked).child('q', NS))
  await rejects(t, session.iq('get', undefined, ask()), { code: 'XMPP_ADDRESS' })
  t.equal(session.sender(session.stanza('iq')), undefined)
  t.notOk(session.fromOwnServer(session.stanza('iq', { from: 'pbx.example.com' })))
  const self = session.iq('get', 'pbx.example.com', ask())
  const { attrs } = await stanza(peer)
  // RFC 6120 §8.1.2.1 speaks of clients: what a server brings to a component always says from whom it is.
  for (const forged of ['', " from=''", " from='example.com'", " from='100@pbx.example.com'"]) {
    peer.write(`<iq type='result' id='${attrs.id}' to='pbx.example.com'${forged}><forged/></iq>`)
  }
  peer.write(`<iq type='result' id='${attrs.id}' to='pbx.example.com' from='pbx.example.com'><honest/></iq>`)
  t.ok((await self).child('honest'), 'a component may ask itself through its server')
})

t.test('who is told that it is over is told once, though another one throws', async t => {
  const { session, far, running } = await openSession()
  const told: string[] = []
  const warned = new Promise<Error>(resolve => process.once('warning', resolve))
  session.whenOver(() => {
    throw new Error('listener')
  })
  session.whenOver(() => told.push('before'))
  far.destroy()
  await rejects(t, running, { code: 'XMPP_CONNECTION_LOST' })
  t.equal((await warned).message, 'listener')
  session.whenOver(() => told.push('after'))
  session.giveUp(new Error('again'))
  t.strictSame(told, ['before', 'after'])
})
