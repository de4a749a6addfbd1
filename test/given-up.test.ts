import { getEventListeners } from 'node:events'
import type { Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { type ClientOptions, connectClient } from '../src/client.ts'
import { type Attempted, type Link, stayConnected } from '../src/reconnect.ts'
import { makeCertificate } from '../src/testing/certificate.ts'
import { HandClock } from './helper/clock.ts'
import { deaf } from './helper/deaf.ts'
import { silence, srv, Zone } from './helper/dns.ts'
import { type Listening, listen } from './helper/listen.ts'
import { settled } from './helper/pair.ts'
import { NS_STREAM, Peer } from './helper/peer.ts'
import { DOMAIN, header, streamError } from './helper/servers.ts'
import { playText } from './helper/transcript.ts'

const certificate = makeCertificate({ names: [DOMAIN] })
const timeout = { resolve: 1000, connect: 2000, tls: 3000, negotiation: 4000 }

/** A place on the way to a session where it goes no further. */
interface Phase {
  readonly name: string
  readonly options: (port: number) => Partial<ClientOptions>
  /** Where the port is: one that is deaf needs an address of its own. */
  readonly host?: string
  /** `there` is to be called when it has got that far. */
  serve?(socket: Socket, there: () => void): unknown
  /** ms until that is too long, and what is said then. */
  readonly limit: number
  readonly message: RegExp
}

const OPENED = `C: <stream:stream xmlns='jabber:client' xmlns:stream='${NS_STREAM}' to='${DOMAIN}' version='1.0'>`
const STARTTLS = `${OPENED}
S: ${header()}<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>
C: <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`
const SASL = `${OPENED}
S: ${header()}<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>
C: <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{any}</auth>`
const BIND = `${SASL}
S: <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
${OPENED}
S: ${header()}<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>
C: <iq type='set' id='{any}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>`

const clear = (): Partial<ClientOptions> => ({ tls: 'never' })
const after =
  (dialogue: string) =>
  async (socket: Socket, there: () => void): Promise<void> => {
    await playText(socket, dialogue)
    there()
  }
/** Its servers are this port twice, as a.example and b.example. */
const twice = (port: number): Partial<ClientOptions> => ({
  tls: 'never',
  host: undefined,
  port: undefined,
  dns: new Zone(
    { [`_xmpp-client._tcp.${DOMAIN}`]: [srv('a.example', port, 1), srv('b.example', port, 2)] },
    {
      'a.example': ['127.0.0.1'],
      'b.example': ['127.0.0.1'],
    },
  ),
})

const LOGIN = /127\.0\.0\.1 port \d+ did not complete the login within 4 s/
const TLS = /^127\.0\.0\.1 port \d+ did not complete the TLS handshake within 3 s$/

const phases: readonly Phase[] = [
  {
    name: 'asking for SRV records',
    options: () => ({
      host: undefined,
      port: undefined,
      dns: new Zone({ [`_xmpp-client._tcp.${DOMAIN}`]: silence, [`_xmpps-client._tcp.${DOMAIN}`]: silence }),
    }),
    limit: 1000,
    message:
      /^cannot connect to im\.example\.com port 5222: .*; _xmpps-client\S+ and _xmpp-client\S+ could not be looked up: there was no answer within 1 s$/,
  },
  {
    name: 'asking for addresses',
    options: port => ({ host: 'a.example', port, dns: new Zone({}, { 'a.example': silence }) }),
    limit: 1000,
    message: /^the address of a\.example \(for port \d+\) was not found within 1 s$/,
  },
  {
    name: 'connecting',
    host: '127.0.0.2',
    options: port => ({ host: 'a.example', port, dns: new Zone({}, { 'a.example': ['127.0.0.2'] }) }),
    limit: 2000,
    message: /^no connection to a\.example port \d+ within 2 s$/,
  },
  {
    name: 'connecting to two addresses at once',
    host: '127.0.0.2',
    options: port => ({ host: 'a.example', port, dns: new Zone({}, { 'a.example': ['127.0.0.2', '127.0.0.2'] }) }),
    limit: 2000,
    message: /^no connection to a\.example port \d+ within 2 s$/,
  },
  {
    name: 'in the TLS handshake, direct',
    options: () => ({ tls: 'direct' }),
    serve: (socket, there) => socket.once('data', there),
    limit: 3000,
    message: TLS,
  },
  {
    name: 'waiting for the header',
    options: clear,
    serve: (socket, there) => socket.once('data', there),
    limit: 4000,
    message: LOGIN,
  },
  {
    name: 'waiting for features',
    options: clear,
    serve: after(`${OPENED}\nS: ${header()}`),
    limit: 4000,
    message: LOGIN,
  },
  { name: 'waiting for <proceed/>', options: () => ({}), serve: after(STARTTLS), limit: 4000, message: LOGIN },
  {
    name: 'in the TLS handshake behind <proceed/>',
    options: () => ({}),
    async serve(socket, there) {
      await playText(socket, STARTTLS)
      socket.removeAllListeners('data').once('data', there)
      socket.write("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    },
    limit: 3000,
    message: TLS,
  },
  {
    name: 'waiting for the header inside TLS',
    options: () => ({}),
    async serve(socket, there) {
      await playText(socket, STARTTLS)
      socket.write("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
      for (const event of ['data', 'end']) socket.removeAllListeners(event)
      const secured = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(certificate) })
      secured.on('error', () => {}).once('data', there)
    },
    limit: 4000,
    message: LOGIN,
  },
  { name: 'waiting for the answer to <auth/>', options: clear, serve: after(SASL), limit: 4000, message: LOGIN },
  { name: 'waiting for the resource', options: clear, serve: after(BIND), limit: 4000, message: LOGIN },
  {
    name: 'at the second server, while the first is still being closed',
    options: twice,
    serve: (() => {
      let count = 0
      return async (socket: Socket, there: () => void) => {
        const first = count++ % 2 === 0
        await new Peer(socket).next()
        if (!first) return there()
        // It does not end its side of the connection, for which it is given a moment.
        socket.removeAllListeners('data').pause()
        socket.write(`${header()}${streamError('system-shutdown')}`)
      }
    })(),
    limit: 4000,
    message:
      /^none of the servers .*: a\.example port \d+: system-shutdown; b\.example port \d+ did not complete the login within 4 s$/,
  },
  {
    name: 'where a server has sent us',
    options: clear,
    serve: (() => {
      let count = 0
      return async (socket: Socket, there: () => void) => {
        const first = count++ % 2 === 0
        await new Peer(socket).next()
        const where = `[::ffff:127.0.0.1]:${socket.localPort}`
        if (first) socket.end(`${header()}${streamError('see-other-host', where)}`)
        else there()
      }
    })(),
    limit: 4000,
    message: /: see-other-host: .*; ::ffff:127\.0\.0\.1 port \d+ did not complete the login within 4 s$/,
  },
]

/** A login that has come as far as a phase goes. */
async function reach(t: Test, { host, options, serve }: Phase, clock: HandClock, signal?: AbortSignal) {
  let there = (): void => {}
  const reached = new Promise<void>(resolve => {
    there = resolve
  })
  const listening = await listen(t, socket => void serve?.(socket, there))
  if (host !== undefined) await deaf(t, host, listening.port)
  const before = await resources(listening, [])
  const connecting = connectClient({
    jid: `juliet@${DOMAIN}/balcony`,
    password: 'r0m30myr0m30',
    host: '127.0.0.1',
    port: listening.port,
    ca: certificate.ca,
    timeout,
    stream: { clock },
    signal,
    ...options(listening.port),
  })
  connecting.catch(() => {})
  if (serve === undefined) await settled()
  else await reached
  return { connecting, listening, before }
}

/** What keeps the process busy, once it is as it was before; or after five seconds. */
async function resources({ sockets }: Listening, before: readonly string[]): Promise<string[]> {
  for (const until = performance.now() + 5000; ; ) {
    await settled()
    const now = process.getActiveResourcesInfo().sort()
    if (performance.now() > until || (sockets.size === 0 && `${now}` === `${before}`)) return now
    if (before.length === 0) return now
  }
}

for (const phase of phases) {
  const skip = phase.host !== undefined && process.platform !== 'linux' ? { skip: 'needs Linux' } : {}

  t.test(`given up ${phase.name}: nothing stays`, skip, async t => {
    const clock = new HandClock()
    const controller = new AbortController()
    const { connecting, listening, before } = await reach(t, phase, clock, controller.signal)
    if (phase.name.includes('two')) await clock.advance(250)
    const reason = new Error('enough')
    controller.abort(reason)
    t.equal(await connecting.catch(error => error), reason)
    await settled()
    t.equal(clock.pending, 0, 'timers')
    for (const socket of listening.sockets) socket.resume()
    t.same(await resources(listening, before), before, 'what keeps the process busy')
    t.equal(listening.sockets.size, 0, 'connections')
    t.equal(getEventListeners(controller.signal, 'abort').length, 0, 'listeners')
  })

  t.test(`too long ${phase.name}: it is said what, where, and how long`, { ...skip }, async t => {
    const clock = new HandClock()
    const { connecting, listening, before } = await reach(t, phase, clock)
    await clock.advance(phase.limit - 1)
    t.equal(await Promise.race([connecting.catch(() => 'over'), settled().then(() => 'open')]), 'open')
    await clock.advance(1)
    const error = await connecting.catch(error => error)
    t.match(error.message, phase.message)
    if (!phase.name.includes('SRV')) t.equal(error.code, 'XMPP_TIMEOUT')
    // What is closed politely is given a moment.
    await clock.advance(3000)
    for (const socket of listening.sockets) socket.resume()
    t.same(await resources(listening, before), before)
    t.equal(clock.pending, 0)
  })
}

t.test('given up between two attempts: nothing stays', async t => {
  const clock = new HandClock()
  const controller = new AbortController()
  const { signal } = controller
  const listening = await listen(
    t,
    socket => void socket.once('data', () => socket.end(`${header()}${streamError('reset')}`)),
  )
  const before = await resources(listening, [])
  const links: Link[] = []
  const options = {
    jid: `juliet@${DOMAIN}`,
    password: 'x',
    tls: 'never',
    host: '127.0.0.1',
    port: listening.port,
  } as const
  const connect = ({ signal }: Attempted) => connectClient({ ...options, signal, stream: { clock } })
  for await (const link of stayConnected(connect, { signal, clock })) {
    links.push(link)
    setImmediate(() => controller.abort())
  }
  t.match(links, [{ type: 'offline', error: { condition: 'reset' } }])
  t.same(await resources(listening, before), before)
  t.equal(clock.pending, 0)
  t.equal(getEventListeners(signal, 'abort').length, 0)
})
