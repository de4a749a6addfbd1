import t from 'tap'
import { Account } from '../../src/account/account.ts'
import { connectComponent } from '../../src/component.ts'
import { loadConfig } from '../../src/config/index.ts'
import { describe } from '../../src/errors.ts'
import type { TlsFacts } from '../../src/stream/tls.ts'
import { transport } from '../../src/stream/transport.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'
import { memory } from '../config/memory.ts'
import { listen } from '../helper/listen.ts'
import { rejects } from '../helper/rejects.ts'

const own = makeCertificate({ names: ['juliet.example'], purpose: 'client' })

t.test('what xmpp.conf says of TLS arrives at the server', async t => {
  // The server of a provider: its certificate is for its own name, and it wants to see one.
  const host = makeCertificate({ names: ['host.provider.example'] })
  let told: (facts: TlsFacts | undefined) => void = () => {}
  const { port } = await listen(t, socket => {
    transport(socket)
      .startTls({ role: 'acceptor', cert: host.cert, key: host.key, ca: own.ca, clientCertificate: 'require' })
      .then(
        secure => told(secure.tls),
        () => told(undefined),
      )
  })
  const attempt = async (lines: string): Promise<{ facts: TlsFacts | undefined; reason: string }> => {
    const seen = new Promise<TlsFacts | undefined>(resolve => {
      told = resolve
    })
    const text = `[a]\nusername=juliet@example.com\nsecret=s\nserverhost=127.0.0.1\nport=${port}\nforceoldssl=yes\ntls_cafile=ca.pem\n${lines}`
    const files = { '/x/c': text, '/x/ca.pem': host.ca, '/x/own.pem': own.cert, '/x/own.key': own.key }
    const [config] = loadConfig('/x/c', memory(files)).accounts
    if (config === undefined) throw new Error('no account')
    const account = new Account(config)
    const offline = new Promise<string>(resolve => account.on('offline', ({ error }) => resolve(describe(error))))
    account.start()
    const facts = await seen
    // A server that is content waits for a stream, and the account is stopped; the others end it.
    const reason = facts === undefined ? await offline : ''
    await account.stop()
    return { facts, reason }
  }
  const certificate = 'tls_certfile=own.pem\ntls_keyfile=own.key\n'
  const both = await attempt(`${certificate}tls_servername=host.provider.example`)
  const shown = Buffer.from(both.facts?.peerCertificate() ?? []).toString('base64')
  t.ok(shown.length > 0 && own.cert.replaceAll('\n', '').includes(shown), 'our certificate')
  t.match((await attempt(certificate)).reason, /not for example\.com, it names host\.provider\.example/)
  t.match((await attempt('tls_servername=host.provider.example')).reason, /it wants a certificate of ours/)
})

t.test('a component believes who speaks for its domain to other servers', async t => {
  const services = { good: '_xmpp-server.pbx.example.com', bad: '_xmpp-client.pbx.example.com' }
  for (const [name, srv] of Object.entries(services)) {
    const { cert, key, ca } = makeCertificate({ names: [], commonName: 'x', srvNames: [srv] })
    const { port } = await listen(t, async socket => {
      const secure = await transport(socket)
        .startTls({ role: 'acceptor', cert, key })
        .catch(() => undefined)
      secure?.end()
    })
    const options = { domain: 'pbx.example.com', secret: 's', host: '127.0.0.1', port, ca, tls: 'direct' } as const
    const wanted = name === 'good' ? { code: 'XMPP_CONNECTION_LOST' } : { message: /names _xmpp-client\.pbx/ }
    await rejects(t, connectComponent(options), wanted, name)
  }
})
