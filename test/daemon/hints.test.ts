import t from 'tap'
import { loadConfig } from '../../src/config/index.ts'
import { reasonOf } from '../../src/daemon/hints.ts'
import { retold, SaslError, StreamError, XmppError } from '../../src/errors.ts'
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
    t.match(reasonOf(error, config, 'words'), hint, what)
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
  t.match(reasonOf(error, account(''), 'words'), /it wants a certificate of ours; tls_certfile names one$/)
  t.notMatch(reasonOf(error, account('tls_certfile=own.pem'), 'words'), /;/, 'one that is not good enough')
  secure.destroy()
})

t.test('a port that is perhaps the one for direct TLS: only while the server has not said a word of XMPP', async t => {
  const lost = new XmppError('XMPP_CONNECTION_LOST', 'the peer closed the connection without closing its stream')
  // An alert, in clear and read as XML.
  const alert = new StreamError('not-well-formed', "the character U+0015 is none of XML's")
  const hint = /; is port right\? If it is the one for direct TLS, set forceoldssl=yes$/
  for (const error of [lost, alert]) {
    t.match(reasonOf(error, account(''), 'nothing'), hint)
    t.notMatch(reasonOf(error, account('forceoldssl=yes'), 'nothing'), /;/)
    t.notMatch(reasonOf(error, account(''), 'words'), /;/)
    t.notMatch(reasonOf(error, account(''), 'session'), /;/)
  }
})

t.test('a name that cannot be looked up says nothing of the configuration', async t => {
  for (const [code, hint] of [
    ['EAI_AGAIN', /; does this machine reach its name servers\? See \/etc\/resolv\.conf$/],
    ['ENOTFOUND', /; check serverhost and port at /],
  ] as const) {
    const cause = Object.assign(new Error('so it is'), { code })
    const error = new XmppError('XMPP_CONNECT_FAILED', 'cannot connect to a port 1: so it is', { cause })
    t.match(reasonOf(error, account(''), 'nothing'), hint)
    const told = retold(error, 'cannot connect to a port 1: so it is; and more')
    t.match(reasonOf(told, account(''), 'nothing'), hint)
  }
})

t.test('a domain that the server does not serve', async t => {
  const error = new StreamError('host-unknown', '', { by: 'peer' })
  t.match(reasonOf(error, account(''), 'words'), /^host-unknown; check the domain of username at /)
})

t.test('a limit has an option, other violations have none', async t => {
  const hint = /; the limit is stanza_bytes in res-xmpp\.conf$/
  const limit = new StreamError('policy-violation', 'stanza of more than 262144 bytes')
  t.match(reasonOf(limit, account(''), 'session'), hint)
  const injected = new StreamError('policy-violation', 'data in clear behind <proceed/>')
  t.notMatch(reasonOf(injected, account(''), 'words'), /stanza_bytes/)
  const deep = new StreamError('policy-violation', 'more than 64 elements inside one another')
  t.notMatch(reasonOf(deep, account(''), 'session'), /;/)
  t.match(reasonOf(injected, account(''), 'words'), /; the server is faulty, or someone on the way/)
})

t.test('a login that was refused: what proved nothing', async t => {
  const token = 'refresh_token=r\noauth_clientid=i\noauth_secret=o\n'
  const rows: readonly (readonly [error: XmppError, lines: string, hint: RegExp])[] = [
    [new SaslError('not-authorized'), '', /check username and secret at \/x\/c:1$/],
    [new SaslError('credentials-expired'), token, /check username and refresh_token at/],
    [new SaslError('invalid-mechanism'), 'channel_binding=required\n', /channel_binding=required stands at/],
    [new SaslError('invalid-mechanism'), 'sasl_mechanisms=PLAIN\n', /sasl_mechanisms at .* allows no others$/],
    [new SaslError('invalid-mechanism'), '', /^invalid-mechanism$/],
    [new XmppError('XMPP_OAUTH', 'no', { condition: 'invalid_grant' }), token, /see refresh_token at/],
    [new XmppError('XMPP_OAUTH', 'no'), token, /see oauth_token_url at/],
    [new XmppError('XMPP_SASLPREP', 'no'), '', /check username and secret at/],
  ]
  for (const [error, lines, hint] of rows) t.match(reasonOf(error, account(lines), 'words'), hint, error.message)
  t.notMatch(
    reasonOf(new SaslError('not-authorized', 'was secret-o'), account(`${token}secret=secret-o`), 'words'),
    /secret-o/,
  )
})
