import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Account } from '../../src/account/account.ts'
import { createClient } from '../../src/client.ts'
import { loadConfig } from '../../src/config/index.ts'
import type { Connection } from '../../src/reconnect.ts'
import type { Session } from '../../src/session.ts'
import { dial } from '../../src/stream/dial.ts'
import type { TlsClientOptions, TlsFacts, TlsServerOptions } from '../../src/stream/tls.ts'
import { type KeptSession, partnerOf, TlsSessions } from '../../src/stream/tls-sessions.ts'
import { type Transport, transport } from '../../src/stream/transport.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'
import { startLoopback } from '../../src/testing/server.ts'
import { sendPing } from '../../src/xep/0199-ping.ts'
import { memory } from '../config/memory.ts'
import { listen } from '../helper/listen.ts'
import { rejects } from '../helper/rejects.ts'

const DOMAIN = 'im.example.com'
const DAY = 86_400_000
const certificate = makeCertificate({ names: [DOMAIN, 'also.example'], addresses: ['192.0.2.1'] })
const { cert, key, ca } = certificate
const trust = { domain: DOMAIN, ca }

/** A server that answers in TLS: when its answer has come, its tickets have come too. It may be told to do otherwise. */
async function server(t: Test, more: Partial<TlsServerOptions> = {}) {
  let options: TlsServerOptions = { role: 'acceptor', cert, key, ...more }
  const facts: TlsFacts[] = []
  let cut: ((socket: Socket) => void) | undefined
  const { port } = await listen(t, async socket => {
    if (cut !== undefined) return cut(socket)
    const secure = await transport(socket)
      .startTls(options)
      .catch(() => undefined)
    if (secure?.tls === undefined) return
    facts.push(secure.tls)
    if ((await secure.read().catch(() => undefined)) !== undefined) secure.write('hello')
  })
  return {
    facts,
    /** As if it had been started again: its tickets are forgotten. */
    restart(): void {
      options = { ...options }
    },
    refuse(how: ((socket: Socket) => void) | undefined): void {
      cut = how
    },
    async connect(client: TlsClientOptions): Promise<Transport> {
      const clear = await dial({ host: '127.0.0.1', port })
      t.teardown(() => clear.destroy())
      const secure = await clear.startTls(client)
      t.teardown(() => secure.destroy())
      secure.write('hi')
      t.equal(`${await secure.read()}`, 'hello')
      return secure
    },
  }
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`${version}: the second connection goes on with the session of the first`, async t => {
    const { connect, facts } = await server(t, { maxVersion: version })
    const sessions = new TlsSessions()
    const first = (await connect({ ...trust, sessions })).tls
    t.match(first, { resumed: false, verified: true, version })
    t.ok(sessions.size > 0 && sessions.size <= 2, `${sessions.size} sessions are kept`)
    for (let n = 0; n < 2; n++) {
      const { tls } = await connect({ ...trust, sessions })
      t.match(tls, { resumed: true, verified: true, version, alpn: undefined })
      t.ok(facts.at(-1)?.resumed, 'the server says so too')
      const label = 'EXPORTER-Channel-Binding'
      t.same(tls?.exporter(32, label), facts.at(-1)?.exporter(32, label), 'the exporter is the same on both sides')
      t.notSame(tls?.exporter(32, label), first?.exporter(32, label), 'and not that of another connection')
      t.same(tls?.peerCertificate(), first?.peerCertificate(), 'the certificate is known')
    }
    // With TLS 1.3 both tickets are used up, and this server hands out no more than its first two.
    t.match((await connect({ ...trust, sessions })).tls, { resumed: version === 'TLSv1.2' })
    t.match((await connect(trust)).tls, { resumed: false }, 'without a store nothing is resumed')
    t.match((await connect({ ...trust, sessions: new TlsSessions() })).tls, { resumed: false })
  })

  t.test(`${version}: nothing is shared between partners`, async t => {
    const { connect } = await server(t, { maxVersion: version })
    const others: readonly Partial<TlsClientOptions>[] = [
      { domain: 'also.example' },
      { servername: 'also.example' },
      { ca: `${ca}\n` },
      { verify: false },
      { cert, key },
      { alpn: 'xmpp-client' },
      { services: ['xmpp-server'] },
      { maxVersion: 'TLSv1.2' },
    ]
    for (const other of others) {
      const sessions = new TlsSessions()
      await connect({ ...trust, sessions })
      t.match((await connect({ ...trust, ...other, sessions })).tls, { resumed: false }, Object.keys(other).join())
      t.match((await connect({ ...trust, sessions })).tls, { resumed: true }, 'the first is still there')
    }
  })

  t.test(`${version}: what was taken unverified proves nothing later`, async t => {
    const { connect } = await server(t, { maxVersion: version })
    const sessions = new TlsSessions()
    const stranger = { domain: 'stranger.example', sessions }
    await connect({ ...stranger, verify: false })
    t.match((await connect({ ...stranger, verify: false })).tls, { resumed: true, verified: false })
    await rejects(t, connect(stranger), { code: 'XMPP_TLS_REFUSED', condition: 'unknown_ca' })
    // Even if the store should mix them up: OpenSSL remembers what it thought of the certificate.
    const careless = new Careless()
    await connect({ domain: DOMAIN, verify: false, sessions: careless })
    t.equal(careless.size > 0, true)
    await rejects(t, connect({ domain: DOMAIN, sessions: careless }), { condition: 'unknown_ca' })
  })

  t.test(`${version}: a resumed session is looked at like any other`, async t => {
    const { connect, facts } = await server(t, { maxVersion: version })
    const careless = new Careless()
    // No SNI for addresses, so that the server has no reason to refuse.
    await connect({ domain: '192.0.2.1', ca, sessions: careless })
    await rejects(t, connect({ domain: '192.0.2.2', ca, sessions: careless }), {
      code: 'XMPP_TLS_REFUSED',
      message: /not for 192\.0\.2\.2, it names .*192\.0\.2\.1/,
    })
    const full = facts.filter(({ resumed }) => !resumed).length
    t.equal(full, 1, 'there was one full handshake, so this one was resumed')
    t.equal(careless.size, 0, 'and is forgotten')
    await connect({ domain: '192.0.2.1', ca, sessions: careless })
    careless.time = Date.now() + 366 * DAY
    await rejects(t, connect({ domain: '192.0.2.1', ca, sessions: careless }), {
      code: 'XMPP_TLS_REFUSED',
      condition: 'certificate_expired',
      message: /it has expired, on 2/,
    })
    t.equal(facts.filter(({ resumed }) => !resumed).length, full + 1)
    await connect({ domain: '192.0.2.1', ca, sessions: careless }).catch(() => {})
    careless.time = 0
    await rejects(t, connect({ domain: '192.0.2.1', ca, sessions: careless }), { message: /it is not valid before 2/ })
  })

  t.test(`${version}: a server that knows the session no more, or fails on it`, async t => {
    const { connect, restart, refuse } = await server(t, { maxVersion: version })
    const sessions = new TlsSessions()
    await connect({ ...trust, sessions })
    restart()
    t.match((await connect({ ...trust, sessions })).tls, { resumed: false, verified: true }, 'a full handshake instead')
    t.match((await connect({ ...trust, sessions })).tls, { resumed: true })
    refuse(socket => void socket.once('data', () => socket.end()))
    await rejects(t, connect({ ...trust, sessions }), { code: 'XMPP_TLS_REFUSED' })
    t.equal(sessions.size, 0)
    refuse(undefined)
    t.match((await connect({ ...trust, sessions })).tls, { resumed: false }, 'the next attempt is a full one')
  })

  t.test(`${version}: a day after the certificate was shown it is asked for again`, async t => {
    const { connect } = await server(t, { maxVersion: version })
    let time = Date.now()
    const sessions = new TlsSessions(() => time)
    await connect({ ...trust, sessions })
    time += DAY - 1000
    t.match((await connect({ ...trust, sessions })).tls, { resumed: true })
    time += 2000
    t.match((await connect({ ...trust, sessions })).tls, { resumed: false }, 'however new the ticket is')
  })
}

t.test('a ticket of TLS 1.3 is used once', async t => {
  const { connect } = await server(t)
  const sessions = new TlsSessions()
  await connect({ ...trust, sessions })
  const kept = sessions.size
  t.ok(kept > 0)
  const taken: (KeptSession | undefined)[] = []
  const services = ['xmpp-client', 'xmpps-client']
  const partner = partnerOf(DOMAIN, DOMAIN, ca, true, undefined, undefined, undefined, services, undefined)
  for (let n = 0; n <= kept; n++) taken.push(sessions.take(partner))
  t.equal(taken.at(-1), undefined)
  t.equal(new Set(taken.map(session => session?.data.toString('hex'))).size, kept + 1)
})

t.test('the store', async t => {
  let time = 1_000
  const sessions = new TlsSessions(() => time)
  const entry = (text: string, version = 'TLSv1.3', expires = sessions.expiry(Infinity)): KeptSession => ({
    data: Buffer.from(text),
    version,
    certificate: new Uint8Array(),
    expires,
  })
  t.equal(sessions.expiry(Infinity), 1000 + DAY)
  t.equal(sessions.expiry(5000), 5000, 'never longer than the certificate')
  for (const text of ['one', 'two', 'three']) sessions.keep('a', entry(text))
  t.equal(sessions.size, 2, 'two for each')
  t.equal(`${sessions.take('a')?.data}`, 'three', 'the newest first')
  t.equal(`${sessions.take('a')?.data}`, 'two')
  t.equal(sessions.take('a'), undefined)
  sessions.keep('a', entry('old', 'TLSv1.2'))
  t.equal(`${sessions.take('a')?.data}${sessions.take('a')?.data}`, 'oldold', 'TLS 1.2 may go on for long')
  for (let n = 0; n < 50; n++) sessions.keep(`p${n}`, entry('x'))
  t.equal(sessions.size, 8, 'eight partners')
  t.equal(sessions.take('a'), undefined)
  t.ok(sessions.take('p49'))
  sessions.keep('b', entry('late', 'TLSv1.2', 1000))
  t.equal(sessions.take('b'), undefined, 'what has expired already is not kept')
  sessions.keep('b', entry('soon', 'TLSv1.2', 2000))
  time = 1999
  t.ok(sessions.take('b'))
  time = 2000
  t.equal(sessions.take('b'), undefined)
  sessions.forget('p48')
  t.equal(sessions.take('p48'), undefined)
  t.not(partnerOf('a', 'b'), partnerOf('a,b'))
  t.not(partnerOf(undefined, 'a'), partnerOf('a', undefined))
  t.notMatch(partnerOf('secret'), /secret/)
})

t.test('whoever reconnects has a store of its own', async t => {
  const loopback = await startLoopback({ users: { 'juliet@im.example.com': 'secret' }, mechanisms: ['PLAIN'] })
  t.teardown(() => loopback.stop())
  const { port, host } = loopback
  const client = createClient({ jid: 'juliet@im.example.com/a', password: 'secret', host, port, ca: loopback.ca })
  const resumed: (boolean | undefined)[] = []
  for (let n = 0; n < 2; n++) {
    client.start()
    await loopback.waitFor('juliet@im.example.com/a')
    // The answer to anything shows that the tickets have come.
    const session = await online(client)
    await sendPing(session, undefined)
    resumed.push(session.stream.transport.tls?.resumed)
    await client.stop()
  }
  t.strictSame(resumed, [false, true], 'createClient()')

  const lines = `username=juliet@im.example.com/b\nsecret=secret\nserverhost=${host}\nport=${port}\ntls_cafile=ca.pem`
  const source = memory({ '/x/xmpp.conf': `[a]\n${lines}`, '/x/ca.pem': loopback.ca })
  const [config] = loadConfig('/x/xmpp.conf', source).accounts
  if (config === undefined) return t.fail('no account')
  const account = new Account(config)
  const again: (boolean | undefined)[] = []
  for (let n = 0; n < 2; n++) {
    const connected = new Promise<void>(resolve => account.on('connected', () => resolve()))
    account.start()
    await connected
    again.push(account.session?.stream.transport.tls?.resumed)
    await account.stop()
  }
  t.strictSame(again, [false, true], 'Account')
})

async function online(client: Connection): Promise<Session> {
  if (client.session !== undefined) return client.session
  return new Promise<Session>(resolve => client.on('online', ({ session }) => resolve(session)))
}

/** Takes everyone for the same partner and looks at no date, as no store should. */
class Careless extends TlsSessions {
  time = Date.now()
  #all: KeptSession[] = []

  constructor() {
    super(() => this.time)
  }

  override get size(): number {
    return this.#all.length
  }

  override take(): KeptSession | undefined {
    return this.#all.pop()
  }

  override keep(_partner: string, session: KeptSession): void {
    this.#all.push(session)
  }

  override forget(): void {
    this.#all = []
  }
}
