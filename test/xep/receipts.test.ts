import { getEventListeners } from 'node:events'
import t, { type Test } from 'tap'
import { connectClient, createClient } from '../../src/client.ts'
import { onEvery } from '../../src/routes.ts'
import type { Session } from '../../src/session.ts'
import { type Element, el } from '../../src/stream/element.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { featuresOf } from '../../src/xep/0030-disco.ts'
import { NS_RECEIPTS, type ReceiptOptions, type ReceiptsOptions, receipts } from '../../src/xep/0184-receipts.ts'
import { sendPing } from '../../src/xep/0199-ping.ts'
import { availablePresence } from '../../src/xep/presence.ts'
import { settled } from '../helper/pair.ts'
import { rejects } from '../helper/rejects.ts'
import { openSession, type SessionSetup, stuff } from '../helper/session.ts'
import { playText } from '../helper/transcript.ts'

const REQUEST = `<request xmlns='urn:xmpp:receipts'/>`
const ERROR = `<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`

/** A session with receipts, and its other side. */
async function open(options: ReceiptsOptions = {}, setup: SessionSetup = {}) {
  const xep = receipts(options)
  const opened = await openSession({ ...setup, xeps: [xep] })
  const play = (dialogue: string) => playText(opened.far, dialogue, 'receipts', { peer: opened.peer })
  const message = (to: string | undefined, attrs: Record<string, string> = { id: 'm1' }): Element =>
    opened.session.stanza('message', { to, ...attrs }, opened.session.stanza('body', {}, 'hello'))
  /** Sends, and lets the message arrive. */
  const ask = async (to: string, options?: ReceiptOptions) => {
    const receipt = xep.sendWithReceipt(opened.session, message(to), options)
    receipt.catch(() => {})
    await play(
      `C: <message to='${to}' id='m1'${setup.component ? " from='{any}'" : ''}><body>hello</body>${REQUEST}</message>`,
    )
    return receipt
  }
  return { ...opened, xep, play, message, ask }
}

// ── answering ────────────────────────────────────────────────────────────────────────────────────────────────────────────

t.test('XEP-0184 §7: a receipt, of the same type, to the client that asked', async t => {
  const asked: string[] = []
  const { play } = await open({ allow: from => asked.push(from) > 0 })
  await play(`
S: <message from='northumberland@shakespeare.lit/westminster' id='richard2-4.1.247' to='juliet@example.com/balcony'>
  <body>My lord, dispatch; read o'er these articles.</body>${REQUEST}</message>
C: <message to='northumberland@shakespeare.lit/westminster' id='{any}'><received xmlns='urn:xmpp:receipts' id='richard2-4.1.247'/></message>
S: <message type='chat' from='Bob@example.org/r' id='2'>${REQUEST}<body>b</body></message>
C: <message type='chat' to='bob@example.org/r' id='{any}'><received xmlns='urn:xmpp:receipts' id='2'/></message>
S: <message type='headline' from='example.org' id='3'>${REQUEST}</message>
C: <message type='headline' to='example.org' id='{any}'><received xmlns='urn:xmpp:receipts' id='3'/></message>
S: <message type='odd' from='bob@example.org/r' id='4'>${REQUEST}</message>
C: <message to='bob@example.org/r' id='{any}'><received xmlns='urn:xmpp:receipts' id='4'/></message>`)
  t.strictSame(asked, [
    'northumberland@shakespeare.lit/westminster',
    'bob@example.org/r',
    'example.org',
    'bob@example.org/r',
  ])
})

t.test('a component answers from the address asked', async () => {
  const { play } = await open({ allow: () => true }, { component: true })
  await play(`
S: <message type='chat' from='bob@example.org/r' to='100@pbx.example.com' id='1'><body>b</body>${REQUEST}</message>
C: <message type='chat' from='100@pbx.example.com' to='bob@example.org/r' id='{any}'><received xmlns='urn:xmpp:receipts' id='1'/></message>`)
})

t.test('what gets no receipt', async () => {
  const { play } = await open({ allow: from => from !== 'stranger@example.org/r' })
  const forwarded = `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='f'>${REQUEST}</message></forwarded>`
  const from = "from='bob@example.org/r'"
  await play(`
S: <message from='stranger@example.org/r' id='1'>${REQUEST}</message>
S: <message ${from}>${REQUEST}</message>
S: <message ${from} id=''>${REQUEST}</message>
S: <message ${from} id='2'><body>none is asked for</body></message>
S: <message ${from} id='3'><request xmlns='jabber:client'/></message>
S: <message ${from} id='4' type='error'>${REQUEST}${ERROR}</message>
S: <message from='room@muc.example.org/bob' id='5' type='groupchat'>${REQUEST}</message>
S: <message ${from} id='6'>${REQUEST}<received xmlns='urn:xmpp:receipts' id='x'/></message>
S: <message id='7'>${REQUEST}</message>
S: <message from='no jid' id='8'>${REQUEST}</message>
S: <message from='juliet@example.com' id='9'><received xmlns='urn:xmpp:carbons:2'>${forwarded}</received></message>
S: <message ${from} id='last'>${REQUEST}</message>
C: <message to='bob@example.org/r' id='{any}'><received xmlns='urn:xmpp:receipts' id='last'/></message>`)
})

t.test('unless told whom to answer it answers nobody, and disco says so', async t => {
  const { play, session } = await open()
  await play(`
S: <message from='bob@example.org/r' id='1'>${REQUEST}</message>
S: <iq type='get' id='2' from='bob@example.org/r'><x xmlns='y'/></iq>
C: <iq type='error' id='2' to='bob@example.org/r'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
  t.strictSame(featuresOf(session.xeps), [])
  t.strictSame(featuresOf([receipts({ allow: () => false })]), [NS_RECEIPTS])
})

t.test('whoever asks and does not read is owed a bounded number of receipts', async t => {
  const errors: unknown[] = []
  const { session, far, peer } = await open(
    { allow: () => true },
    { handlers: 4, onHandlerError: error => errors.push(error) },
  )
  stuff({ session, far })
  peer.write(`<message from='mallory@example.org/r' id='1'>${REQUEST}</message>`.repeat(1000))
  await settled()
  t.notOk(session.stream.over)
  t.ok(errors.length > 0, 'nothing is taken, and someone is told')
})

// ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

t.test('a message is sent with a request and an id, and its receipt waited for', async t => {
  const { xep, session, play, message, clock } = await open()
  const receipt = xep.sendWithReceipt(session, message('bob@example.org/r', { type: 'chat' }))
  await play(`
C: <message type='chat' to='bob@example.org/r' id='{id}'><body>hello</body>${REQUEST}</message>
S: <message from='bob@example.org/r'><received xmlns='urn:xmpp:receipts' id='{id}'/></message>
S: <message from='bob@example.org/r'><received xmlns='urn:xmpp:receipts' id='{id}'/></message>`)
  const { from, id } = await receipt
  t.equal(from, 'bob@example.org/r')
  t.match(id, /^.{9}/, 'nobody guesses it')
  t.equal(clock.pending, 0)
})

t.test('a request that is there is not made twice', async () => {
  const { xep, session, play } = await open()
  const message = session.stanza('message', { to: 'b@c', id: 'mine' }, el('request', NS_RECEIPTS))
  xep.sendWithReceipt(session, message).catch(() => {})
  await play(`C: <message to='b@c' id='mine'>${REQUEST}</message>`)
})

t.test('a receipt counts from where the message went', async t => {
  for (const [to, others, from] of [
    ['bob@example.org', ['eve@example.org/r', 'example.org', 'bob@example.net'], 'bob@example.org/desk'],
    ['bob@example.org', [], 'bob@example.org'],
    ['Bob@example.org', [], 'bob@Example.org/desk'],
    ['bob@example.org/desk', ['bob@example.org/bed', 'bob@example.org'], 'bob@example.org/desk'],
    ['room@muc.example.org/bob', ['room@muc.example.org/eve'], 'room@muc.example.org/bob'],
  ] as const) {
    const { ask, peer, clock } = await open()
    let got: unknown
    const receipt = ask(to).then(receipt => {
      got = receipt
    })
    await settled()
    const ack = (from: string, more = '', id = 'm1'): string =>
      `<message from='${from}' ${more}><received xmlns='urn:xmpp:receipts' id='${id}'/></message>`
    peer.write(others.map(other => ack(other)).join(''))
    peer.write(ack(from, '', 'm2') + ack(from, `type='error'`))
    peer.write(`<message from='${from}'><received xmlns='urn:xmpp:receipts'/></message>`)
    await settled()
    t.equal(got, undefined, `to ${to}, from ${others}`)
    peer.write(ack(from, `type='headline'`))
    await receipt
    t.match(got, { id: 'm1' }, `to ${to}, from ${from}`)
    t.equal(clock.pending, 0)
  }
})

t.test('a message that comes back rejects; an error from elsewhere does not', async t => {
  const { ask, peer, clock } = await open()
  const receipt = ask('bob@example.org/desk')
  receipt.catch(() => {})
  await settled()
  const error = (from: string): string => `<message type='error' from='${from}' id='m1'>${REQUEST}${ERROR}</message>`
  peer.write(error('eve@example.org') + error('bob@example.org/bed') + error('example.net'))
  await settled()
  t.equal(clock.pending, 1)
  peer.write(error('example.org'))
  await rejects(t, receipt, { code: 'XMPP_STANZA_ERROR', condition: 'item-not-found' })
  t.equal(clock.pending, 0)
})

t.test('no receipt in time', async t => {
  const { ask, clock, peer } = await open()
  for (const [options, ms] of [
    [undefined, 30_000],
    [{ timeout: 10 }, 10],
  ] as const) {
    const receipt = ask('bob@example.org', options)
    receipt.catch(() => {})
    await settled()
    await clock.advance(ms - 1)
    t.equal(clock.pending, 1)
    await clock.advance(1)
    await rejects(t, receipt, { code: 'XMPP_TIMEOUT', message: new RegExp(`bob@example\\.org within ${ms} ms`) })
    peer.write(`<message from='bob@example.org'><received xmlns='urn:xmpp:receipts' id='m1'/></message>`)
    await settled()
  }
})

t.test('abort', async t => {
  const { ask, xep, session, message, clock } = await open()
  await rejects(t, xep.sendWithReceipt(session, message('b@c'), { signal: AbortSignal.abort(new Error('before')) }), {
    message: 'before',
  })
  const controller = new AbortController()
  const receipt = ask('bob@example.org', { signal: controller.signal })
  receipt.catch(() => {})
  await settled()
  controller.abort(new Error('while'))
  await rejects(t, receipt, { message: 'while' })
  t.equal(clock.pending, 0)
  t.equal(getEventListeners(controller.signal, 'abort').length, 0)
})

t.test('what cannot be sent is not waited for', async t => {
  const { xep, session, message, clock } = await open({ waiting: 1 })
  const send = (element: Element) => xep.sendWithReceipt(session, element)
  await rejects(t, send(message(undefined)), { code: 'XMPP_ADDRESS' })
  await rejects(t, send(message('room@muc', { type: 'groupchat' })), { code: 'XMPP_ADDRESS' })
  await rejects(t, send(message('b@c', { type: 'error' })), { code: 'XMPP_ADDRESS' })
  await rejects(t, send(message('b@')), { code: 'XMPP_JID_MALFORMED' })
  await rejects(t, send(message('b@c', { id: '\0' })), { code: 'XMPP_XML_CHARACTER' })
  await rejects(t, receipts().sendWithReceipt(session, message('b@c')), { code: 'XMPP_NOT_LOADED' })
  t.equal(clock.pending, 0)
  session.stream.destroy()
  await rejects(t, send(message('b@c')), { code: 'XMPP_STREAM_ENDED' })
  t.equal(clock.pending, 0)
})

t.test('those that wait are bounded, and each id waits once', async t => {
  const { xep, session, message, peer, clock } = await open({ waiting: 2 })
  const first = xep.sendWithReceipt(session, message('bob@example.org'))
  await rejects(t, xep.sendWithReceipt(session, message('b@c')), { code: 'XMPP_TOO_MANY_WAITERS', message: /m1/ })
  const second = xep.sendWithReceipt(session, message('b@c', { id: 'm2' }))
  await rejects(t, xep.sendWithReceipt(session, message('b@c', { id: 'm3' })), { code: 'XMPP_TOO_MANY_WAITERS' })
  peer.write(`<message from='bob@example.org'><received xmlns='urn:xmpp:receipts' id='m1'/></message>`)
  await first
  const third = xep.sendWithReceipt(session, message('b@c', { id: 'm3' }))
  session.stream.destroy()
  for (const receipt of [second, third]) await rejects(t, receipt, { code: 'XMPP_STREAM_ENDED' })
  t.equal(clock.pending, 0)
})

// ── with a server ────────────────────────────────────────────────────────────────────────────────────────────────────────

async function server(t: Test) {
  const users = { 'juliet@example.com': 'a', 'romeo@example.com': 'b' }
  const server = await startLoopback({ users, starttls: 'none', resumeSeconds: 60 })
  t.teardown(() => server.stop())
  const login = (local: string, password: string) =>
    ({ jid: `${local}@example.com/r`, password, host: server.host, port: server.port, tls: 'never' }) as const
  return { server, login }
}

const hello = (session: Session, to: string): Element =>
  session.stanza('message', { to, type: 'chat' }, session.stanza('body', {}, 'hello'))

t.test('from client to client', async t => {
  const { login } = await server(t)
  const xep = receipts()
  const bodies: (string | undefined)[] = []
  const reader = onEvery('message', stanza => void bodies.push(stanza.childText('body')))
  const romeo = await connectClient({
    ...login('romeo', 'b'),
    xeps: [receipts({ allow: from => from.startsWith('juliet@example.com/') }), { name: 'reader', routes: [reader] }],
  })
  romeo.run().catch(() => {})
  romeo.send(availablePresence(romeo))
  const juliet = await connectClient({ ...login('juliet', 'a'), xeps: [xep] })
  juliet.run().catch(() => {})
  t.match(await xep.sendWithReceipt(juliet, hello(juliet, 'romeo@example.com/r')), { from: 'romeo@example.com/r' })
  t.match(await xep.sendWithReceipt(juliet, hello(juliet, 'romeo@example.com')), { from: 'romeo@example.com/r' })
  t.strictSame(bodies, ['hello', 'hello'])
  const nobody = xep.sendWithReceipt(juliet, hello(juliet, 'nobody@example.com'))
  await rejects(t, nobody, { code: 'XMPP_STANZA_ERROR', condition: 'service-unavailable' })
  await Promise.all([juliet.close(), romeo.close()])
})

t.test('a connection that is lost and resumed brings the receipt all the same', async t => {
  const { server: loopback, login } = await server(t)
  const xep = receipts()
  const client = createClient({ ...login('juliet', 'a'), xeps: [xep] })
  t.teardown(() => client.stop())
  const online = (): Promise<Session> =>
    new Promise(resolve => {
      const off = client.on('online', ({ session }) => {
        off()
        resolve(session)
      })
    })
  const first = online()
  client.start()
  const session = await first
  await sendPing(session, undefined)
  const seen = new Promise<string>(resolve => {
    loopback.onStanza = stanza => {
      if (stanza.name === 'message') resolve(stanza.attrs.id ?? '')
      return stanza.name === 'message' ? [] : undefined
    }
  })
  const receipt = xep.sendWithReceipt(session, hello(session, 'romeo@example.com'))
  const id = await seen
  const again = online()
  loopback.drop()
  await again
  t.equal(session.resumptions, 1)
  loopback.send(
    'juliet@example.com',
    `<message from='romeo@example.com/r'><received xmlns='urn:xmpp:receipts' id='${id}'/></message>`,
  )
  t.strictSame(await receipt, { from: 'romeo@example.com/r', id })
})

t.test('the end of a session ends the wait, whatever it might have been resumed for', async t => {
  const xep = receipts()
  const management = { resumable: { id: 'x', location: undefined, max: 60 } }
  for (const end of ['politely', 'given up'] as const) {
    const it = await openSession({ xeps: [xep], keep: true, management })
    const waiting = rejects(
      t,
      xep.sendWithReceipt(it.session, el('message', 'jabber:client', { to: 'romeo@example.com' })),
      {
        code: 'XMPP_STREAM_ENDED',
      },
    )
    if (end === 'politely') it.peer.write('</stream:stream>')
    else {
      it.far.destroy()
      await settled()
      t.ok(it.session.waiting)
      it.session.giveUp(new Error('enough'))
    }
    await waiting
    await rejects(
      t,
      (async () => xep.sendWithReceipt(it.session, el('message', 'jabber:client', { to: 'romeo@example.com' })))(),
      {
        code: 'XMPP_STREAM_ENDED',
      },
    )
  }
})
