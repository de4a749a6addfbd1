/** How often a login has to wait for the network: counted at a proxy that is slow, as flights of data and not as time. */
import t, { type Test } from 'tap'
import { connectClient, connectComponent, type Session } from '../../src/index.ts'
import { TcpProxy } from '../helper/proxy.ts'
import { type LiveServer, servers, skip } from './servers/servers.ts'
import { at } from './users.ts'

t.setTimeout(120_000)

/** ms each way: what is said in one breath must not look like two. */
const DELAY = 25

const prosody = servers.find(({ name }) => name === 'prosody') as LiveServer

interface Login {
  readonly port: number
  readonly most: number
  start(port: number): Promise<Session>
}

for (const server of servers) {
  const client = (domain: string, tls: 'direct' | 'starttls', resource: string) => (port: number) =>
    connectClient({ ...at(server), port, tls, jid: `alice@${domain}${resource}`, password: 'secret-alice' })
  const { domain, componentSecret: secret, fourthComponent } = server
  const logins: Record<string, Login> = {
    'direct TLS, SASL, bind': { port: server.directTlsPort, most: 6, start: client(domain, 'direct', '/trips') },
    'STARTTLS, SASL, bind': { port: server.port, most: 8, start: client(domain, 'starttls', '/trips') },
    'XEP-0114': {
      port: server.componentPort,
      most: 3,
      start: port => connectComponent({ domain: fourthComponent, secret, host: '127.0.0.1', port }),
    },
  }
  if (server === prosody) {
    const sasl2 = client('sasl2.prosody.test', 'direct', '')
    logins['direct TLS, SASL2 with Bind 2'] = { port: server.directTlsPort, most: 5, start: sasl2 }
  }
  t.test(server.name, { skip }, async t => {
    for (const [name, login] of Object.entries(logins)) await t.test(name, t => trips(t, login))
  })
}

async function trips(t: Test, { port, most, start }: Login): Promise<void> {
  const proxy = await TcpProxy.start(t, { port })
  proxy.delay(DELAY)
  const session = await start(proxy.port)
  // The first round trip is that of TCP's own handshake.
  const trips = 1 + Math.ceil(proxy.flights / 2)
  t.equal(proxy.accepted, 1)
  t.ok(
    trips <= most,
    `${trips} round trips, at most ${most}; ${session.stream.transport.tls?.version}, ${session.mechanism}`,
  )
  const running = session.run().catch(() => {})
  await session.close()
  await running
}
