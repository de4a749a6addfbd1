import t from 'tap'
import { loadConfig } from '../../src/config/index.ts'
import { reasonOf } from '../../src/daemon/hints.ts'
import { retold, SaslError, StanzaError, StreamError, XmppError } from '../../src/errors.ts'
import { hiding } from '../../src/secret-forms.ts'
import { dial } from '../../src/stream/dial.ts'
import { transport } from '../../src/stream/transport.ts'
import { type CertificateOptions, makeCertificate } from '../../src/testing/certificate.ts'
import { memory } from '../config/memory.ts'
import { listen } from '../helper/listen.ts'

const own = makeCertificate({ names: ['example.com'], purpose: 'client' })

/** There are no secrets in these. */
const shown = (text: string): string => text

function account(lines: string, ca = own.ca) {
  const text = `[a]\nusername=a@example.com\nsecret=s\nserverhost=127.0.0.1\n${lines}`
  const [config] = loadConfig(
    '/x/c',
    memory({ '/x/c': text, '/x/ca.pem': ca, '/x/old.pem': own.ca, '/x/own.pem': own.cert + own.key }),
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
    [
      'a CA that is not in the file',
      { names: ['example.com'], selfSigned: true },
      'tls_cafile=old.pem',
      /; no CA in old\.pem has issued it \(tls_cafile at \/x\/c:5\), which is read when .* has it changed since\?$/,
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
    t.match(reasonOf(error, config, 'words', shown), hint, what)
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
  t.match(reasonOf(error, account(''), 'words', shown), /it wants a certificate of ours; tls_certfile names one$/)
  t.notMatch(reasonOf(error, account('tls_certfile=own.pem'), 'words', shown), /;/, 'one that is not good enough')
  secure.destroy()
})

t.test('a port that is perhaps the one for direct TLS: only while the server has not said a word of XMPP', async t => {
  const lost = new XmppError('XMPP_CONNECTION_LOST', 'the peer closed the connection without closing its stream')
  // An alert, in clear and read as XML.
  const alert = new StreamError('not-well-formed', "the character U+0015 is none of XML's")
  const hint = /; is port right\? If it is the one for direct TLS, set forceoldssl=yes$/
  for (const error of [lost, alert]) {
    t.match(reasonOf(error, account(''), 'nothing', shown), hint)
    t.notMatch(reasonOf(error, account('forceoldssl=yes'), 'nothing', shown), /;/)
    t.notMatch(reasonOf(error, account(''), 'words', shown), /;/)
    t.notMatch(reasonOf(error, account(''), 'session', shown), /;/)
  }
})

t.test('a name that cannot be looked up says nothing of the configuration', async t => {
  for (const [code, hint] of [
    ['EAI_AGAIN', /; does this machine reach its name servers\? See \/etc\/resolv\.conf$/],
    ['ENOTFOUND', /; check serverhost at \/x\/c:4 and port$/],
  ] as const) {
    const cause = Object.assign(new Error('so it is'), { code })
    const error = new XmppError('XMPP_CONNECT_FAILED', 'cannot connect to a port 1: so it is', { cause })
    t.match(reasonOf(error, account(''), 'nothing', shown), hint)
    const told = retold(error, 'cannot connect to a port 1: so it is; and more')
    t.match(reasonOf(told, account(''), 'nothing', shown), hint)
  }
})

t.test('a domain that the server does not serve', async t => {
  const error = new StreamError('host-unknown', '', { by: 'peer' })
  t.match(reasonOf(error, account(''), 'words', shown), /^host-unknown; check the domain of username at \/x\/c:2$/)
})

t.test('a component that is not let in: which option, where, and what the server has to know', async t => {
  const { accounts } = loadConfig(
    '/x/c',
    memory({ '/x/c': '[a]\ntype=component\nusername=pbx.example.com\nsecret=s\nserverhost=127.0.0.1' }),
  )
  const [config] = accounts
  if (config === undefined) throw new Error('no account')
  const known = "the server's own configuration must have a component pbx\\.example\\.com"
  for (const [condition, reached, hint] of [
    ['not-authorized', 'words', `check secret at /x/c:4; ${known}, which username at /x/c:3 says`],
    ['host-unknown', 'words', `${known}: check username at /x/c:3 too`],
    [
      'conflict',
      'words',
      'another component is attached as pbx\\.example\\.com: does a second PBX use this name, username at /x/c:3\\?',
    ],
    ['conflict', 'session', 'another component is attached as .*'],
  ] as const) {
    const error = new StreamError(condition, '', { by: 'peer' })
    t.match(reasonOf(error, config, reached, shown), new RegExp(`^${condition}; ${hint}$`), `${condition}, ${reached}`)
  }
  const silent = new XmppError('XMPP_PING_TIMEOUT', 'no answer')
  const shared =
    /^no answer; another component may be attached as pbx\.example\.com, and get the answers: .* username at \/x\/c:3\?$/
  t.match(reasonOf(silent, config, 'session', shown), shared)
  t.equal(reasonOf(silent, account(''), 'session', shown), 'no answer')
  const client = new StreamError('conflict', '', { by: 'peer' })
  t.equal(
    reasonOf(client, account(''), 'session', shown),
    'conflict',
    'a client has a resource, which is no name of a PBX',
  )
})

t.test('a limit has an option, other violations have none', async t => {
  const hint = /; the limit is stanza_bytes in res-xmpp\.conf$/
  const limit = new StreamError('policy-violation', 'stanza of more than 262144 bytes')
  t.match(reasonOf(limit, account(''), 'session', shown), hint)
  const injected = new StreamError('policy-violation', 'data in clear behind <proceed/>')
  t.notMatch(reasonOf(injected, account(''), 'words', shown), /stanza_bytes/)
  const deep = new StreamError('policy-violation', 'more than 64 elements inside one another')
  t.notMatch(reasonOf(deep, account(''), 'session', shown), /;/)
  t.match(reasonOf(injected, account(''), 'words', shown), /; the server is faulty, or someone on the way/)
})

t.test('a login that was refused: what proved nothing', async t => {
  const token = 'refresh_token=r\noauth_clientid=i\noauth_secret=o\n'
  const unknownCa = Object.assign(new Error('no'), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
  const rows: readonly (readonly [error: XmppError, lines: string, hint: RegExp])[] = [
    [new SaslError('not-authorized'), '', /check username at \/x\/c:2 and secret at \/x\/c:3$/],
    [new SaslError('credentials-expired'), token, /check username at \/x\/c:2 and refresh_token at \/x\/c:5$/],
    [new SaslError('invalid-mechanism'), 'channel_binding=required\n', /; channel_binding at \/x\/c:5 says required$/],
    [new SaslError('invalid-mechanism'), 'sasl_mechanisms=PLAIN\n', /; sasl_mechanisms at \/x\/c:5 allows no others$/],
    [new SaslError('invalid-mechanism'), '', /^invalid-mechanism$/],
    [new XmppError('XMPP_OAUTH', 'no', { condition: 'invalid_grant' }), token, /see refresh_token at \/x\/c:5$/],
    [new XmppError('XMPP_OAUTH', 'no'), token, /see oauth_token_url at \/x\/c:1$/],
    [new XmppError('XMPP_OAUTH', 'no', { cause: unknownCa }), token, /tls_cafile is for .* NODE_EXTRA_CA_CERTS=FILE/],
    [new XmppError('XMPP_SASLPREP', 'no'), '', /check username at \/x\/c:2 and secret at \/x\/c:3$/],
  ]
  for (const [error, lines, hint] of rows) t.match(reasonOf(error, account(lines), 'words', shown), hint, error.message)
  const repeated = reasonOf(new SaslError('not-authorized', 'was username'), account(''), 'words', hiding(['username']))
  t.match(
    repeated,
    /^not-authorized: was \[masked\]; check username at /,
    'of our own words none is masked, or it would tell',
  )
})

t.test('XEP-0078 where the server may not know it', async t => {
  const refusal = (condition: string): SaslError =>
    new SaslError('not-authorized', 'no', { cause: new StanzaError('auth', condition) })
  const hint = /; the server may not know XEP-0078, which usesasl at \/x\/c:5 asks for: usesasl=yes is the way then$/
  const unknown = [
    new StreamError('not-authorized', '', { by: 'peer' }),
    new StreamError('unsupported-stanza-type', '', { by: 'peer' }),
    retold(new StreamError('not-authorized', '', { by: 'peer' }), 'not-authorized; and more'),
    refusal('not-allowed'),
    new SaslError('invalid-mechanism', 'the server does no XEP-0078: usesasl=yes'),
  ]
  for (const error of unknown) {
    t.match(reasonOf(error, account('usesasl=no'), 'words', shown), hint, error.message)
    t.notMatch(reasonOf(error, account(''), 'words', shown), /XEP-0078, which/, 'not with SASL')
  }
  t.notMatch(reasonOf(unknown[0], account('usesasl=no'), 'session', shown), /;/, 'nor once logged in')
  const wrong = /; check username at \/x\/c:2 and secret at \/x\/c:3$/
  t.match(reasonOf(refusal('not-authorized'), account('usesasl=no'), 'words', shown), wrong, 'a wrong password')
})
