import { createSecureContext, TLSSocket } from 'node:tls'
import t from 'tap'
import { type ClientOptions, connectClient } from '../src/client.ts'
import { connectComponent } from '../src/component.ts'
import { makeCertificate } from '../src/testing/certificate.ts'
import { srv, Zone } from './helper/dns.ts'
import { listen } from './helper/listen.ts'
import { Peer } from './helper/peer.ts'
import { rejects } from './helper/rejects.ts'
import {
  DOMAIN,
  distrusting,
  failure,
  header,
  nobody,
  refuse,
  refusing,
  streamError,
  welcoming,
} from './helper/servers.ts'
import { play, playText } from './helper/transcript.ts'

const juliet = (port: number, options: Partial<ClientOptions> = {}): ClientOptions => ({
  jid: `juliet@${DOMAIN}/balcony`,
  password: 'r0m30myr0m30',
  tls: 'never',
  host: '127.0.0.1',
  port,
  dns: new Zone({}),
  ...options,
})

const elsewhere = (t: Parameters<typeof refusing>[0], where: string) => refusing(t, 'see-other-host', where)

t.test('to another port, with the same `to`', async t => {
  // The transcript wants the domain in `to`.
  const there = await welcoming(t)
  const here = await elsewhere(t, `127.0.0.1:${there.port}`)
  const session = await connectClient(juliet(here.port))
  t.same(session.target, { host: '127.0.0.1', port: there.port, direct: false })
  session.stream.destroy()
  await Promise.all([here.gone(), there.gone()])
})

t.test('before all others; when it fails these have their turn', async t => {
  const good = await welcoming(t)
  const gone = await nobody(t)
  const here = await elsewhere(t, `127.0.0.1:${gone}`)
  const dns = new Zone(
    { [`_xmpp-client._tcp.${DOMAIN}`]: [srv('a.example', here.port, 1), srv('b.example', good.port, 2)] },
    {
      'a.example': ['127.0.0.1'],
      'b.example': ['127.0.0.1'],
    },
  )
  const tried: string[] = []
  const onTarget = ({ host, port }: { host: string; port: number }): void => void tried.push(`${host}:${port}`)
  const session = await connectClient({ ...juliet(0), host: undefined, port: undefined, dns, onTarget })
  t.same(tried, [`a.example:${here.port}`, `127.0.0.1:${gone}`, `b.example:${good.port}`])
  session.stream.destroy()
})

t.test('to a server that would have had its turn anyway: it has but one', async t => {
  const gone = await nobody(t)
  const here = await elsewhere(t, `B.example:${gone}`)
  const records = [srv('a.example', here.port, 1), srv('b.example', gone, 2)]
  const hosts = { 'a.example': ['127.0.0.1'], 'b.example': ['127.0.0.1'] }
  const dns = new Zone({ [`_xmpp-client._tcp.${DOMAIN}`]: records }, hosts)
  await failure({ ...juliet(0), host: undefined, port: undefined, dns })
  t.same(dns.asked, [`SRV _xmpp-client._tcp.${DOMAIN}`, 'a.example', 'b.example'])
})

t.test('a name without a port is looked up like a domain', async t => {
  const there = await welcoming(t)
  const here = await elsewhere(t, 'Other.Example')
  const dns = new Zone(
    { '_xmpp-client._tcp.other.example': [srv('c.example', there.port)] },
    { 'here.example': ['127.0.0.1'], 'c.example': ['127.0.0.1'] },
  )
  const session = await connectClient(juliet(here.port, { host: 'here.example', dns }))
  t.match(session.target, { host: 'c.example', port: there.port })
  t.same(dns.asked, ['here.example', 'SRV _xmpp-client._tcp.other.example', 'c.example'])
  session.stream.destroy()

  const none = new Zone({ '_xmpp-client._tcp.other.example': [srv('.', 0)] }, { 'here.example': ['127.0.0.1'] })
  t.match(await failure(juliet(here.port, { host: 'here.example', dns: none })), {
    condition: 'see-other-host',
    message:
      'see-other-host: other.example, which cannot be: other.example says by DNS that it offers no XMPP to clients',
  })
})

t.test('what is no host is not gone to', async t => {
  for (const content of [
    '',
    'a b',
    'x&#10;y',
    'x:0',
    'x:70000',
    'x@y',
    '::1',
    '[::1',
    'x/y',
    'a..b',
    'x'.repeat(400),
  ]) {
    const here = await elsewhere(t, content)
    const error = await failure(juliet(here.port))
    t.match(error, { condition: 'see-other-host', otherHost: undefined }, content)
    await here.gone()
  }
})

t.test('never in a circle', async t => {
  const ports: number[] = []
  const back = await listen(t, socket => void refuse(socket, 'see-other-host', `127.0.0.1:${ports[0]}`))
  const here = await elsewhere(t, `127.0.0.1:${back.port}`)
  ports.push(here.port)
  const error = await failure(juliet(here.port))
  t.match(error, { condition: 'see-other-host', otherHost: undefined })
  t.match(
    error.message,
    new RegExp(
      `; 127\\.0\\.0\\.1 port ${back.port}: see-other-host: 127\\.0\\.0\\.1 port ${here.port}, where we have been already$`,
    ),
  )
  const self = await listen(t, socket => void refuse(socket, 'see-other-host', `127.0.0.1:${self.port}`))
  t.match((await failure(juliet(self.port))).message, /^see-other-host: .*where we have been already$/)
})

t.test('five times, and not a sixth', async t => {
  const chain = async (length: number, last: number): Promise<number> => {
    for (let port = last, left = length; ; left--) {
      if (left === 0) return port
      port = (await elsewhere(t, `127.0.0.1:${port}`)).port
    }
  }
  const good = await welcoming(t)
  const session = await connectClient(juliet(await chain(5, good.port)))
  t.equal(session.target?.port, good.port)
  session.stream.destroy()
  const error = await failure(juliet(await chain(6, good.port)))
  t.match(error, { condition: 'see-other-host', message: /which is one redirection too many$/ })
})

t.test('a redirection behind the login is followed as well, and then there is nothing but it', async t => {
  const there = await welcoming(t)
  const late = (port: number) =>
    listen(t, socket => {
      const run = async (): Promise<void> => {
        const peer = new Peer(socket)
        await playText(
          socket,
          `
C: <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${DOMAIN}' version='1.0'>
S: ${header()}<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>
C: <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{any}</auth>
S: <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
C: <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${DOMAIN}' version='1.0'>
S: ${header()}${streamError('see-other-host', `127.0.0.1:${port}`)}
`,
          'late',
          { peer },
        )
        socket.end()
      }
      run().catch(() => {})
    })
  const here = await late(there.port)
  const session = await connectClient(juliet(here.port))
  t.equal(session.target?.port, there.port)
  session.stream.destroy()

  const refused = await distrusting(t)
  const astray = await late(await nobody(t))
  const dns = new Zone(
    { [`_xmpp-client._tcp.${DOMAIN}`]: [srv('a.example', astray.port, 1), srv('b.example', refused.port, 2)] },
    {
      'a.example': ['127.0.0.1'],
      'b.example': ['127.0.0.1'],
    },
  )
  const error = await failure({ ...juliet(0), host: undefined, port: undefined, dns })
  t.equal(error.code, 'XMPP_CONNECT_FAILED')
  t.notOk(dns.asked.includes('b.example'))
})

t.test('where another connection was sent to: first there, then as ever', async t => {
  const [here, there] = [await welcoming(t), await welcoming(t)]
  const host = '127.0.0.1'
  const first = await connectClient(juliet(here.port, { redirect: { host, port: there.port } }))
  t.equal(first.target?.port, there.port)
  first.stream.destroy()
  const second = await connectClient(juliet(here.port, { redirect: { host, port: await nobody(t) } }))
  t.equal(second.target?.port, here.port)
  second.stream.destroy()
  const dns = new Zone({ '_xmpp-client._tcp.x.example': [srv('.', 0)] })
  const third = await connectClient(juliet(here.port, { dns, redirect: { host: 'x.example', port: undefined } }))
  t.equal(third.target?.port, here.port)
  third.stream.destroy()
  const lost = juliet(await nobody(t), { dns, redirect: { host: 'x.example', port: undefined } })
  t.match(
    (await failure(lost)).message,
    /ECONNREFUSED.*; a server sent us to x\.example, which cannot be: x\.example says by DNS/,
  )
})

const own = makeCertificate({ names: [DOMAIN] })
const other = makeCertificate({ names: ['127.0.0.1', 'elsewhere.example'] })

t.test('direct TLS stays direct, for the same domain', async t => {
  const inside = (certificate: { cert: string; key: string }, serve: (socket: TLSSocket) => unknown) =>
    listen(t, socket => {
      const secured = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(certificate) })
      void serve(secured.on('error', () => {}))
    })
  const there = await inside(own, socket => play(socket, 'client-plain.txt').catch(() => {}))
  const here = await inside(own, socket => refuse(socket as never, 'see-other-host', `127.0.0.1:${there.port}`))
  const dns = new Zone(
    { [`_xmpps-client._tcp.${DOMAIN}`]: [srv('a.example', here.port)] },
    { 'a.example': ['127.0.0.1'] },
  )
  const options = { ...juliet(0), host: undefined, port: undefined, ca: `${own.ca}\n${other.ca}`, dns }
  for (const tls of ['starttls', 'direct'] as const) {
    const session = await connectClient({ ...options, tls })
    t.same(session.target, { host: '127.0.0.1', port: there.port, direct: true })
    t.equal(session.stream.transport.tls?.verified, true)
    session.stream.destroy()
  }
  const impostor = await inside(other, () => {})
  const astray = await inside(own, socket => refuse(socket as never, 'see-other-host', `127.0.0.1:${impostor.port}`))
  const error = await failure({ ...options, tls: 'direct', host: '127.0.0.1', port: astray.port })
  t.match(error, { code: 'XMPP_TLS_REFUSED' })
  t.match(error.message, /certificate is not for im\.example\.com/)
})

t.test('from STARTTLS there is no way into clear', async t => {
  const clear = await welcoming(t)
  const here = await elsewhere(t, `127.0.0.1:${clear.port}`)
  const error = await failure(juliet(here.port, { tls: 'starttls' }))
  t.equal(error.code, 'XMPP_TLS_UNAVAILABLE')
})

t.test('what is said in clear to this machine is not said in clear to another', async t => {
  const far = await elsewhere(t, 'far.example:5222')
  const dns = new Zone({})
  const error = await failure(juliet(far.port, { tls: 'never', host: '127.0.0.1', dns }))
  t.equal(
    error.message,
    'see-other-host: far.example port 5222, which is not this machine, and nothing would be encrypted',
  )
  t.same(dns.asked, [])
})

t.test('a component is sent elsewhere, but not in clear off this machine', async t => {
  const ns = 'jabber:component:accept'
  const there = await listen(t, socket => void play(socket, 'component-handshake.txt').catch(() => {}))
  const here = await refusing(t, 'see-other-host', `127.0.0.1:${there.port}`, ns)
  const options = { domain: 'plays.shakespeare.lit', secret: 'test', host: '127.0.0.1', dns: new Zone({}) }
  const session = await connectComponent({ ...options, port: here.port })
  t.equal(session.target?.port, there.port)
  session.stream.destroy()
  const far = await refusing(t, 'see-other-host', 'far.example:5347', ns)
  await rejects(t, connectComponent({ ...options, port: far.port }), {
    message: 'see-other-host: far.example port 5347, which is not this machine, and nothing would be encrypted',
  })
  t.same(options.dns.asked, [])
})
