import { connect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import t, { type Test } from 'tap'
import { connectClient } from '../../src/client.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'
import { startLoopback } from '../../src/testing/server.ts'
import { listen } from '../helper/listen.ts'
import { Peer } from '../helper/peer.ts'
import { rejects } from '../helper/rejects.ts'

const DOMAIN = 'im.example.com'
const certificate = makeCertificate({ names: [DOMAIN] })
const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls'
const HEADER = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'`
const PROCEED = `<proceed xmlns='${NS_TLS}'/>`
const STARTTLS = `<starttls xmlns='${NS_TLS}'/>`

const client = { jid: `juliet@${DOMAIN}`, password: 'secret', host: '127.0.0.1', ca: certificate.ca } as const

/** A server that answers `<starttls/>` with these bytes, and keeps what comes behind it. */
async function answering(t: Test, answer: string | Buffer) {
  const heard: Buffer[] = []
  const listening = await listen(t, async socket => {
    const peer = new Peer(socket)
    await peer.next()
    socket.write(
      `${HEADER} id='1'><stream:features><starttls xmlns='${NS_TLS}'><required/></starttls></stream:features>`,
    )
    await peer.next()
    socket
      .removeAllListeners('data')
      .on('data', chunk => heard.push(chunk))
      .resume()
    socket.on('end', () => socket.end())
    socket.write(answer)
  })
  return { ...listening, heard: () => Buffer.concat(heard) }
}

t.test('as initiator: nothing may stand in clear behind <proceed/>', async t => {
  const behind: readonly (readonly [what: string, bytes: string | Buffer])[] = [
    ['a stanza', "<message from='evil.example'/>"],
    ['half a tag', '<mess'],
    ['the first sign of one', '<'],
    ['text', 'x'],
    ['a blank', ' '],
    ['a line break', '\n'],
    ['NUL', '\0'],
    ['the close', '</stream:stream>'],
    ['a new stream', `${HEADER}>`],
    ['half a character', Buffer.of(0xc3)],
  ]
  for (const [what, bytes] of behind) {
    const { port, gone, heard } = await answering(t, Buffer.concat([Buffer.from(PROCEED), Buffer.from(bytes)]))
    await rejects(t, connectClient({ ...client, port }), { condition: 'policy-violation' }, what)
    await gone()
    t.notOk(heard().includes(Buffer.of(0x16, 3, 1)), `${what}: no handshake was begun`)
  }
})

t.test('as initiator: anything but <proceed/> ends it', async t => {
  const answers: readonly (readonly [answer: string, wanted: object])[] = [
    [`<failure xmlns='${NS_TLS}'/></stream:stream>`, { code: 'XMPP_TLS_REFUSED' }],
    [`<proceed/>`, { condition: 'unsupported-stanza-type' }],
    [`<proceed xmlns='urn:example'/>`, { condition: 'unsupported-stanza-type' }],
    [`<Proceed xmlns='${NS_TLS}'/>`, { condition: 'unsupported-stanza-type' }],
    [`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`, { condition: 'unsupported-stanza-type' }],
    [`<message from='${DOMAIN}'/>${PROCEED}`, { condition: 'unsupported-stanza-type' }],
    ['</stream:stream>', { code: 'XMPP_STREAM_ENDED' }],
    [
      "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
      { condition: 'host-unknown' },
    ],
  ]
  for (const [answer, wanted] of answers) {
    const { port, gone, heard } = await answering(t, answer)
    await rejects(t, connectClient({ ...client, port }), wanted, answer)
    await gone()
    t.notOk(heard().includes(Buffer.of(0x16, 3, 1)), `${answer}: no handshake was begun`)
    t.notMatch(heard().toString(), /auth|secret/, `${answer}: nor a login`)
  }
})

t.test('as initiator: <proceed/> and then clear text instead of a handshake', async t => {
  const { port, gone } = await listen(t, async socket => {
    const peer = new Peer(socket)
    await peer.next()
    socket.write(`${HEADER} id='1'><stream:features><starttls xmlns='${NS_TLS}'/></stream:features>`)
    await peer.next()
    socket
      .removeAllListeners('data')
      .once('data', () => socket.end(`${HEADER} id='2'><stream:features/>`))
      .resume()
    socket.write(PROCEED)
  })
  await rejects(t, connectClient({ ...client, port }), {
    code: 'XMPP_TLS_REFUSED',
    condition: 'unexpected_message',
    message: /not TLS/,
  })
  await gone()
})

/** What a client in the raw gets to hear of the loopback server. */
async function say(port: number, ...parts: readonly (string | Buffer)[]): Promise<{ socket: Socket; peer: Peer }> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const peer = new Peer(socket)
  for (const part of parts) socket.write(part)
  await peer.next() // header
  await peer.next() // features
  return { socket, peer }
}

t.test('as acceptor: nothing may stand in clear behind <starttls/>', async t => {
  const server = await startLoopback({ users: { [`juliet@${DOMAIN}`]: 'secret' }, certificate })
  t.teardown(() => server.stop())
  for (const bytes of ['<auth', '<', ' ', 'x', `${HEADER} to='${DOMAIN}'>`]) {
    const { socket, peer } = await say(server.port, `${HEADER} to='${DOMAIN}'>${STARTTLS}${bytes}`)
    const heard = []
    for (let got = await peer.next(); got.type === 'element'; got = await peer.next()) heard.push(got.node)
    t.match(heard.at(-1), { name: 'error', children: [{ name: 'policy-violation' }] }, JSON.stringify(bytes))
    socket.destroy()
  }
})

t.test('as acceptor: TLS right behind <starttls/>, without waiting, is refused too', async t => {
  const server = await startLoopback({ users: { [`juliet@${DOMAIN}`]: 'secret' }, certificate })
  t.teardown(() => server.stop())
  const hello = await clientHello(t)
  const { socket, peer } = await say(
    server.port,
    Buffer.concat([Buffer.from(`${HEADER} to='${DOMAIN}'>${STARTTLS}`), hello]),
  )
  let last = await peer.next()
  for (let got = last; got.type === 'element'; got = await peer.next()) last = got
  t.match(last, { type: 'element', node: { name: 'error', children: [{ name: 'policy-violation' }] } })
  socket.destroy()
})

/** The first bytes of a TLS client. */
async function clientHello(t: Test): Promise<Buffer> {
  let take: (bytes: Buffer) => void = () => {}
  const taken = new Promise<Buffer>(resolve => {
    take = resolve
  })
  const { port } = await listen(t, socket => void socket.once('data', take))
  const socket = tlsConnect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  const bytes = await taken
  socket.destroy()
  return bytes
}
