import t from 'tap'
import { loadConfig } from '../../src/config/index.ts'
import { reasonOf } from '../../src/daemon/hints.ts'
import type { XmppError } from '../../src/errors.ts'
import { dial } from '../../src/stream/dial.ts'
import { transport } from '../../src/stream/transport.ts'
import { type CertificateOptions, makeCertificate } from '../../src/testing/certificate.ts'
import { memory } from '../config/memory.ts'
import { listen } from '../helper/listen.ts'

const own = makeCertificate({ names: ['example.com'], purpose: 'client' })

function account(lines: string, ca = own.ca) {
  const text = `[a]\nusername=a@example.com\nsecret=s\nserverhost=127.0.0.1\n${lines}`
  const [config] = loadConfig(
    '/x/c',
    memory({ '/x/c': text, '/x/ca.pem': ca, '/x/own.pem': own.cert + own.key }),
  ).accounts
  if (config === undefined) throw new Error('no account')
  return config
}

t.test('TLS that was refused: what to change', async t => {
  const rows: readonly (readonly [what: string, CertificateOptions, lines: string, hint: RegExp])[] = [
    [
      'the wrong name',
      { names: ['other.example'] },
      'tls_cafile=ca.pem',
      /; it must name the domain of username, whatever/,
    ],
    [
      'the wrong name, asked for',
      { names: ['other.example'] },
      'tls_cafile=ca.pem\ntls_servername=example.org',
      /not for example\.org, .*; it must name what tls_servername says; is this/,
    ],
    ['self-signed', { names: ['example.com'], selfSigned: true }, '', /; to trust it, name a file .* in tls_cafile$/],
    ['an unknown CA', { names: ['example.com'], chain: 'leaf' }, '', /unknown CA.*; to trust it, .* tls_cafile$/],
    ['expired', { names: ['example.com'], notAfter: new Date(0) }, 'tls_cafile=ca.pem', /expired, on [^;]*$/],
  ]
  for (const [what, options, lines, hint] of rows) {
    const certificate = makeCertificate(options)
    const config = account(lines, certificate.ca)
    const { cert, key } = certificate
    const { port } = await listen(t, socket => {
      transport(socket)
        .startTls({ role: 'acceptor', cert, key })
        .catch(() => {})
    })
    const clear = await dial({ host: '127.0.0.1', port })
    const error = await clear
      .startTls({ domain: 'example.com', ca: config.tls_ca, servername: config.tls_servername })
      .catch((error: XmppError) => error)
    t.match(reasonOf(error, config, false), hint, what)
  }
})

t.test('a server that wants a certificate', async t => {
  const { cert, key, ca } = makeCertificate({ names: ['example.com'] })
  const { port } = await listen(t, socket => {
    transport(socket)
      .startTls({ role: 'acceptor', cert, key, clientCertificate: 'require' })
      .catch(() => {})
  })
  const clear = await dial({ host: '127.0.0.1', port })
  const secure = await clear.startTls({ domain: 'example.com', ca })
  const error = await secure.read().catch(error => error)
  t.match(reasonOf(error, account(''), false), /it wants a certificate of ours; tls_certfile names one$/)
  t.notMatch(reasonOf(error, account('tls_certfile=own.pem'), false), /;/, 'one that is not good enough')
  secure.destroy()
})
