import { createSecureContext, TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { type ClientOptions, connectClient } from '../src/client.ts'
import { connectComponent } from '../src/component.ts'
import { SaslError, StreamError } from '../src/errors.ts'
import type { SrvRecord } from '../src/stream/dns.ts'
import { makeCertificate } from '../src/testing/certificate.ts'
import { type Known, srv, Zone } from './helper/dns.ts'
import { listen } from './helper/listen.ts'
import { rejects } from './helper/rejects.ts'
import { DOMAIN, distrusting, failure, nobody, refusing, welcoming } from './helper/servers.ts'
import { play } from './helper/transcript.ts'

/** A DNS in which the servers of the domain, named by letters, are ports of this machine. */
function zone(xmpp: Known<SrvRecord>, xmpps: Known<SrvRecord> = []): Zone {
  const hosts = Object.fromEntries([...'abcdef'].map(letter => [`${letter}.example`, ['127.0.0.1']]))
  return new Zone({ [`_xmpp-client._tcp.${DOMAIN}`]: xmpp, [`_xmpps-client._tcp.${DOMAIN}`]: xmpps }, hosts)
}

/** Servers in this order, the first is a.example. */
function inOrder(...ports: readonly number[]): SrvRecord[] {
  return ports.map((port, at) => srv(`${'abcdef'[at]}.example`, port, at))
}

const juliet = (dns: Zone, options: Partial<ClientOptions> = {}): ClientOptions => ({
  jid: `juliet@${DOMAIN}/balcony`,
  password: 'r0m30myr0m30',
  tls: 'never',
  dns,
  ...options,
})

t.test('one server after the other, until one lets us in', async t => {
  const unknown = await refusing(t, 'host-unknown')
  const good = await welcoming(t)
  const tried: string[] = []
  const dns = zone(inOrder(await nobody(t), unknown.port, good.port))
  const session = await connectClient(juliet(dns, { onTarget: ({ host }) => tried.push(host) }))
  t.same(tried, ['a.example', 'b.example', 'c.example'])
  t.same(session.target, { host: 'c.example', port: good.port, direct: false })
  t.same(dns.asked, [`SRV _xmpp-client._tcp.${DOMAIN}`, 'a.example', 'b.example', 'c.example'])
  session.stream.destroy()
  await Promise.all([unknown.gone(), good.gone()])
})

t.test('once credentials are in play there is no other server', async t => {
  const [refused, other] = [await distrusting(t), await welcoming(t)]
  const dns = zone(inOrder(refused.port, other.port))
  const error = await failure(juliet(dns))
  t.ok(error instanceof SaslError)
  t.equal(error.condition, 'not-authorized')
  t.notOk(dns.asked.includes('b.example'))

  // The source of credentials fails, which no server can help.
  const password = async (): Promise<never> => {
    throw new Error('the vault is closed')
  }
  const asked = zone(inOrder(refused.port, other.port))
  await rejects(t, connectClient(juliet(asked, { password })), { message: 'the vault is closed' })
  t.notOk(asked.asked.includes('b.example'))
})

t.test('a server that offers no way to log in is not the last one', async t => {
  const dumb = await listen(t, socket => void play(socket, 'client-no-starttls.txt').catch(() => {}))
  const error = await failure(juliet(zone(inOrder(dumb.port, await nobody(t))), { tls: 'starttls' }))
  t.equal(error.code, 'XMPP_TLS_UNAVAILABLE', 'which tells more than that the other is not there')
  t.match(
    error.message,
    /^none of the servers of im\.example\.com could be used: a\.example port \d+: im\.example\.com/,
  )
  t.match(error.message, /offers no STARTTLS.*; cannot connect to b\.example port \d+: .*ECONNREFUSED/)
})

t.test('what is said of one server is as short as it was', async t => {
  const port = await nobody(t)
  t.match(await failure(juliet(zone(inOrder(port)))), {
    message: `cannot connect to a.example port ${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
    cause: { code: 'ECONNREFUSED' },
  })
})

t.test('failures that are alike are told once, with all their places', async t => {
  const [one, two, three] = [await nobody(t), await nobody(t), await nobody(t)]
  const error = await failure(juliet(zone(inOrder(one, two, three))))
  t.equal(
    error.message,
    `cannot connect to c.example port ${three}: connect ECONNREFUSED 127.0.0.1:${three}; the same at a.example port ${one}, b.example port ${two}`,
  )
  t.match(error, {
    code: 'XMPP_CONNECT_FAILED',
    cause: { code: 'XMPP_CONNECT_FAILED', cause: { code: 'ECONNREFUSED' } },
  })
})

t.test('failures that differ are told in order; for a program it is the last of those that came furthest', async t => {
  const unknown = await refusing(t, 'host-unknown', '')
  const shut = await refusing(t, 'system-shutdown')
  const dns = zone([...inOrder(unknown.port, shut.port, await nobody(t)), srv('lost.example', 1, 9)])
  const error = await failure(juliet(dns))
  t.ok(error instanceof StreamError)
  t.match(error, {
    code: 'XMPP_STREAM_ERROR',
    condition: 'system-shutdown',
    by: 'peer',
    cause: { condition: 'system-shutdown' },
  })
  t.match(
    error.message,
    /: a\.example port \d+: host-unknown; b\.example port \d+: system-shutdown; cannot connect to c\.example port \d+: .*; cannot connect to lost\.example port 1: no lost\.example here$/,
  )
})

t.test('what peers say is told in one line, and no more than fits', async t => {
  const text = `<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>one\ntwo&#x202e;${'x'.repeat(5000)}</text>`
  const rude = await listen(t, socket => {
    socket.once('data', () => {
      const ns = "xmlns='urn:ietf:params:xml:ns:xmpp-streams'"
      const header =
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
      socket.end(`${header}<stream:error><reset ${ns}/>${text}</stream:error></stream:stream>`)
    })
  })
  const error = await failure(juliet(zone(inOrder(rude.port, await nobody(t)))))
  t.ok(error.message.length < 600, `${error.message.length}`)
  t.match(error.message, 'one\\x0atwo\\u{202e}xxx')
})

t.test('what the DNS could not tell is told with the failure it led to', async t => {
  const servfail = Object.assign(new Error('querySrv ESERVFAIL'), { code: 'ESERVFAIL' })
  const error = await failure(juliet(zone(servfail)))
  t.match(error, { code: 'XMPP_CONNECT_FAILED', cause: { code: 'XMPP_CONNECT_FAILED' } })
  t.match(
    error.message,
    /^cannot connect to im\.example\.com port 5222: .*; _xmpp-client\._tcp\.im\.example\.com could not be looked up: querySrv ESERVFAIL$/,
  )
})

t.test('a domain without servers for clients', async t => {
  t.match(await failure(juliet(zone([srv('.', 0)]))), {
    code: 'XMPP_NO_SERVICE',
    message: `${DOMAIN} says by DNS that it offers no XMPP to clients`,
  })
})

t.test('with a host or a port there is nothing to look up', async t => {
  const port = await nobody(t)
  const dns = zone(inOrder(1))
  t.match(await failure(juliet(dns, { host: '127.0.0.1', port })), { message: /^cannot connect to 127\.0\.0\.1 port / })
  t.same(dns.asked, [])
  t.match(await failure(juliet(dns, { host: 'c.example', port })), { message: /^cannot connect to c\.example port / })
  t.match(await failure(juliet(dns, { port })), {
    message: `cannot connect to ${DOMAIN} port ${port}: no ${DOMAIN} here`,
  })
  t.same(dns.asked, ['c.example', DOMAIN])
  t.match(await failure(juliet(dns, { host: 'x' })), { message: /^cannot connect to x port 5222/ })
  t.match(await failure(juliet(dns, { host: 'x', tls: 'direct' })), { message: /^cannot connect to x port 5223/ })
})

t.test('a component has no SRV records', async t => {
  const dns = zone(inOrder(1))
  const options = { domain: 'pbx.example', secret: 's', dns }
  await rejects(t, connectComponent(options), { message: /^cannot connect to pbx\.example port 5347/ })
  await rejects(t, connectComponent({ ...options, tls: 'direct' }), {
    message: /^cannot connect to pbx\.example port 5347/,
  })
  t.same(dns.asked, ['pbx.example', 'pbx.example'])
})

const own = makeCertificate({ names: [DOMAIN] })

/** A server in direct TLS that lets in whoever logs in. */
async function direct(
  t: Test,
  certificate: { cert: string; key: string },
  alpn: (offered: string[]) => void = () => {},
) {
  return listen(t, socket => {
    const ALPNCallback = ({ protocols }: { protocols: string[] }): string | undefined => {
      alpn(protocols)
      return protocols[0]
    }
    const options = { isServer: true, secureContext: createSecureContext(certificate), ALPNCallback }
    void play(
      new TLSSocket(socket, options as never).on('error', () => {}),
      'client-plain.txt',
    ).catch(() => {})
  })
}

t.test(
  'a server for direct TLS, found by SRV: the certificate is for the domain, whatever the server is called',
  async t => {
    let offered: string[] = []
    const good = await direct(t, own, protocols => {
      offered = protocols
    })
    const other = makeCertificate({ names: ['a.example'] })
    const bad = await direct(t, other)
    const dns = zone([], inOrder(bad.port, good.port))
    const ca = `${own.ca}\n${other.ca}`
    for (const tls of ['starttls', 'direct'] as const) {
      const session = await connectClient(juliet(dns, { tls, ca }))
      t.match(session.target, { host: 'b.example', direct: true })
      t.same(offered, ['xmpp-client'])
      t.equal(session.stream.transport.tls?.verified, true)
      session.stream.destroy()
    }
    const error = await failure(juliet(zone([], inOrder(bad.port)), { tls: 'starttls', ca }))
    t.match(error, {
      code: 'XMPP_TLS_REFUSED',
      message: /certificate is not for im\.example\.com, it names a\.example/,
    })
    const several = await failure(
      juliet(zone(inOrder(bad.port).slice(1), [...inOrder(bad.port), srv('b.example', 1, 5)]), { tls: 'direct', ca }),
    )
    t.match(several.message, /a\.example port \d+ \(direct TLS\): the server's certificate is not for/)
    t.match(several, { code: 'XMPP_TLS_REFUSED', cause: { cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } } })
  },
)
