import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { connect as netConnect, type Socket } from 'node:net'
import { createSecureContext, TLSSocket, connect as tlsConnect } from 'node:tls'
import t, { type Test } from 'tap'
import { connectClient } from '../../src/client.ts'
import { describe, type XmppError } from '../../src/errors.ts'
import { dial } from '../../src/stream/dial.ts'
import { secure } from '../../src/stream/tls.ts'
import { TlsSessions } from '../../src/stream/tls-sessions.ts'
import { transport } from '../../src/stream/transport.ts'
import { type Certificate, type CertificateOptions, makeCertificate } from '../../src/testing/certificate.ts'
import { boolean, sequence } from '../../src/testing/der.ts'
import { alternativeNames, dnsName } from '../../src/testing/names.ts'
import { startLoopback } from '../../src/testing/server.ts'
import { extension, issue } from '../../src/testing/x509.ts'
import { listen } from '../helper/listen.ts'
import { rejects } from '../helper/rejects.ts'

const DOMAIN = 'im.example.com'
const YEAR = 365 * 86_400_000
const inYears = (years: number): Date => new Date(Date.now() + years * YEAR)

/** Logs in, both ways there are, at a server that shows a certificate; what comes of it, which is the same for both. */
async function login(
  t: Test,
  certificate: Certificate,
  domain: string,
  ca: string | undefined,
  verify?: boolean,
): Promise<XmppError | boolean> {
  const server = await startLoopback({ users: { [`juliet@${domain}`]: 'secret' }, certificate, mechanisms: ['PLAIN'] })
  const outcomes = []
  for (const tls of ['starttls', 'direct'] as const) {
    const port = tls === 'direct' ? server.directPort : server.port
    const common = { jid: `juliet@${domain}`, password: 'secret', host: '127.0.0.1', port, tls, ca }
    try {
      const session = await connectClient({ ...common, ...(verify === undefined ? {} : { verify }) })
      outcomes.push(session.stream.transport.tls?.verified === true)
      await session.close()
    } catch (error) {
      outcomes.push(error as XmppError)
    }
  }
  await server.stop()
  const [one, other] = outcomes
  if (typeof one === 'object') t.equal(describe(other), describe(one), 'STARTTLS and direct TLS alike')
  else t.equal(one, other, 'STARTTLS and direct TLS alike')
  return one as XmppError | boolean
}

t.test('certificates that are taken', async t => {
  const rows: readonly (readonly [what: string, domain: string, options: CertificateOptions])[] = [
    ['all three forms of a name', DOMAIN, { names: [DOMAIN] }],
    ['a DNS-ID', DOMAIN, { names: [], commonName: 'x', dnsNames: [DOMAIN] }],
    ['a wildcard', DOMAIN, { names: [], commonName: 'x', dnsNames: ['*.example.com'] }],
    ['an SRV-ID and nothing else', DOMAIN, { names: [], commonName: 'x', srvNames: [`_xmpp-client.${DOMAIN}`] }],
    ['an XmppAddr and nothing else', DOMAIN, { names: [], commonName: 'x', xmppAddrs: [DOMAIN] }],
    ['an IDNA domain', 'bücher.example', { names: ['bücher.example'] }],
    ['an address', '127.0.0.1', { names: [], commonName: 'x', addresses: ['127.0.0.1'] }],
    ['self-signed and trusted', DOMAIN, { names: [DOMAIN], selfSigned: true }],
    ['three CAs, one above the other', DOMAIN, { names: [DOMAIN], intermediates: 2 }],
    ['without the CA that is trusted', DOMAIN, { names: [DOMAIN], chain: 'leaf' }],
    ['RSA', DOMAIN, { names: [DOMAIN], rsa: 2048 }],
    [
      'hundreds of names',
      DOMAIN,
      { names: [], commonName: 'x', dnsNames: [...Array.from({ length: 900 }, (_, n) => `h${n}.example`), DOMAIN] },
    ],
  ]
  for (const [what, domain, options] of rows) {
    const certificate = makeCertificate(options)
    t.equal(await login(t, certificate, domain, certificate.ca), true, what)
  }
  const certificate = makeCertificate({ names: [DOMAIN] })
  const both = `${makeCertificate({ names: ['other'] }).ca}\n${certificate.ca}`
  t.equal(await login(t, certificate, DOMAIN, both), true, 'one of several CAs')
  const own = homeMade()
  t.equal(await login(t, own, DOMAIN, own.ca), true, "a CA's own, as `openssl req -x509` makes them")
})

/** Self-signed, a CA, and without a word on what its key is for. */
function homeMade(): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const party = { name: DOMAIN, key: publicKey, signer: privateKey }
  const extensions = [
    extension('2.5.29.19', sequence(boolean(true)), true),
    extension('2.5.29.17', alternativeNames(dnsName(DOMAIN))),
  ]
  const cert = issue({ ...party, notBefore: inYears(-1), notAfter: inYears(1), extensions }, party)
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert, ca: cert }
}

t.test('certificates that are refused, in words', async t => {
  const rows: readonly (readonly [CertificateOptions, condition: string, words: RegExp, trust?: 'nobody'])[] = [
    [
      { names: [DOMAIN], notBefore: inYears(-2), notAfter: inYears(-1) },
      'certificate_expired',
      /it has expired, on \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \(CERT_HAS_EXPIRED\)$/,
    ],
    [
      { names: [DOMAIN], notBefore: inYears(1), notAfter: inYears(2) },
      'certificate_expired',
      /it is not valid before 2\d{3}-.*; is the clock right\? It says 2.*\(CERT_NOT_YET_VALID\)$/,
    ],
    [
      { names: ['other.example'], addresses: ['192.0.2.1'] },
      'bad_certificate',
      /^the server's certificate is not for im\.example\.com, it names other\.example \(DNS\); _xmpp-client\.other\.example \(SRVName\); other\.example \(XmppAddr\); 192\.0\.2\.1 \(address\)$/,
    ],
    [{ names: [], commonName: DOMAIN }, 'bad_certificate', /names nothing \(a common name does not count\)/],
    [
      { names: [], commonName: 'x', dnsNames: ['*'] },
      'bad_certificate',
      /not for im\.example\.com, it names \* \(DNS\)$/,
    ],
    [
      { names: [], commonName: 'x', dnsNames: ['im.example.com\0.evil.example'] },
      'bad_certificate',
      /im\.example\.com\\x00\.evil\.example/,
    ],
    [
      { names: [], commonName: 'x', srvNames: ['_xmpp-server.im.example.com'] },
      'bad_certificate',
      /names _xmpp-server\.im\.example\.com \(SRVName\)/,
    ],
    [
      { names: [], commonName: 'x', dnsNames: Array.from({ length: 900 }, (_, n) => `h${n}.example`) },
      'bad_certificate',
      /and 894 more/,
    ],
    [
      { names: [DOMAIN], selfSigned: true },
      'unknown_ca',
      /it is self-signed.*\(DEPTH_ZERO_SELF_SIGNED_CERT\)$/,
      'nobody',
    ],
    [
      { names: [DOMAIN] },
      'unknown_ca',
      /it was issued by "test CA of im\.example\.com", a CA that is not trusted here \(SELF_SIGNED_CERT_IN_CHAIN\)$/,
      'nobody',
    ],
    [
      { names: [DOMAIN], chain: 'leaf' },
      'unknown_ca',
      /issued by "test CA of im\.example\.com", an unknown CA.*\(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)$/,
      'nobody',
    ],
    [
      { names: [DOMAIN], intermediates: 1, chain: 'leaf' },
      'unknown_ca',
      /issued by "test CA 1 of im\.example\.com".*intermediate one, the server has to send its certificate too/,
    ],
    [{ names: [DOMAIN], purpose: 'client' }, 'unsupported_certificate', /not made for servers.*\(INVALID_PURPOSE\)$/],
    [{ names: [DOMAIN], purpose: 'ca' }, 'unsupported_certificate', /not made for servers.*\(INVALID_PURPOSE\)$/],
    [
      { names: [], commonName: DOMAIN, subjectAltName: Buffer.from('junk') },
      'bad_certificate',
      /the certificate's list of names cannot be read: /,
    ],
    [
      { names: [], commonName: DOMAIN, subjectAltName: sequence(Buffer.of(0x82, 0x7f, 0x41)) },
      'bad_certificate',
      /the certificate's list of names cannot be read: a value is longer/,
    ],
  ]
  for (const [options, condition, words, trust] of rows) {
    const certificate = makeCertificate(options)
    const ca = trust === 'nobody' ? undefined : certificate.ca
    const error = await login(t, certificate, DOMAIN, ca)
    t.match(error, { name: 'XmppError', code: 'XMPP_TLS_REFUSED', condition, message: words }, String(words))
    t.ok(typeof error === 'object' && error.message.length < 1500)
  }
})

t.test('what is refused is taken with verify: false, and said to be not verified', async t => {
  for (const options of [
    { names: ['other.example'] },
    { names: [DOMAIN], notBefore: inYears(-2), notAfter: inYears(-1) },
    { names: [DOMAIN], selfSigned: true },
    { names: [], commonName: DOMAIN, subjectAltName: Buffer.from('junk') },
  ]) {
    const certificate = makeCertificate(options)
    t.equal(await login(t, certificate, DOMAIN, undefined, false), false, JSON.stringify(options))
  }
  const good = makeCertificate({ names: [DOMAIN] })
  t.equal(await login(t, good, DOMAIN, good.ca, false), true, 'and a good one is verified all the same')
})

/** What startTls() says of a server whose side is Node's, with options that ours would not take. */
async function against(
  t: Test,
  server: object,
  { key, cert }: Certificate,
  ca: string,
): Promise<XmppError | undefined> {
  const { port } = await listen(t, socket => {
    const secureContext = createSecureContext({ key, cert, ...server })
    new TLSSocket(socket, { isServer: true, secureContext, ...server }).on('error', () => {})
  })
  const clear = await dial({ host: '127.0.0.1', port })
  t.teardown(() => clear.destroy())
  return clear.startTls({ domain: DOMAIN, ca, alpn: 'xmpp-client' }).then(
    secure => void secure.destroy(),
    error => error,
  )
}

t.test('a server with other ideas of TLS', async t => {
  const lax = { ciphers: 'DEFAULT@SECLEVEL=0' }
  const usual: CertificateOptions = { names: [DOMAIN] }
  const rows: readonly (readonly [
    what: string,
    server: object,
    CertificateOptions,
    condition: string,
    words: RegExp,
  ])[] = [
    [
      'TLS 1.1',
      { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ...lax },
      usual,
      'protocol_version',
      /nothing newer than TLS 1\.1/,
    ],
    [
      'no cipher',
      { ciphers: 'ECDHE-RSA-AES128-SHA', maxVersion: 'TLSv1.2' },
      usual,
      'handshake_failure',
      /no cipher, key/,
    ],
    ['another ALPN', { ALPNProtocols: ['http/1.1'] }, usual, 'no_application_protocol', /is not XMPP \(ALPN\)/],
    ['a short key', lax, { ...usual, rsa: 768 }, 'bad_certificate', /key too weak \(UNSPECIFIED\)$/],
    ['SHA-1', lax, { ...usual, digest: 'sha1' }, 'bad_certificate', /digest algorithm too weak \(UNSPECIFIED\)$/],
    [
      'an endless certificate',
      {},
      { ...usual, dnsNames: Array.from({ length: 9000 }, (_, n) => `h${n}.example`) },
      'illegal_parameter',
      /too large/,
    ],
  ]
  for (const [what, server, options, condition, message] of rows) {
    const certificate = makeCertificate(options)
    const error = await against(t, server, certificate, certificate.ca)
    t.match(error, { code: 'XMPP_TLS_REFUSED', condition, message }, what)
  }
  const certificate = makeCertificate(usual)
  t.equal(await against(t, {}, certificate, certificate.ca), undefined, 'one that has never heard of ALPN will do')
  t.equal(await against(t, { ALPNProtocols: ['xmpp-client'] }, certificate, certificate.ca), undefined)
})

t.test('a signature that is wrong', async t => {
  // A CA of the same name and key identifier, but another key: the real one, with a bit of the leaf's signature turned.
  const { key, cert, ca } = makeCertificate({ names: [DOMAIN], chain: 'leaf' })
  const der = Buffer.from(cert.replace(/-----.*-----|\n/g, ''), 'base64')
  der[der.length - 1] = (der[der.length - 1] as number) ^ 1
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  const forged = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
  const error = await against(t, {}, { key, cert: forged, ca }, ca)
  t.match(error, { code: 'XMPP_TLS_REFUSED', condition: 'bad_certificate', message: /its signature is wrong/ })
})

t.test('what is no TLS at all', async t => {
  const oldHello = `16030200310200002d0302${'00'.repeat(32)}00c013000005ff01000100`
  const rows: readonly (readonly [what: string, answer: string | Buffer, condition: string | undefined, RegExp])[] = [
    ['HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(9), 'unexpected_message', /something that is not TLS/],
    ['a stream in clear', "<?xml version='1.0'?><stream:stream>", 'unexpected_message', /something that is not TLS/],
    ['an alert', Buffer.of(0x15, 3, 0, 0, 2, 2, 40), 'handshake_failure', /ends the TLS handshake: there is no cipher/],
    ['TLS 1.1', Buffer.from(oldHello, 'hex'), 'protocol_version', /nothing newer than TLS 1\.1/],
    ['a word, and the end', 'hi', undefined, /the peer closed the connection during the handshake/],
  ]
  for (const [what, answer, condition, message] of rows) {
    const { port } = await listen(t, socket => void socket.once('data', () => socket.end(answer)))
    const clear = await dial({ host: '127.0.0.1', port })
    await rejects(t, clear.startTls({ domain: DOMAIN }), { code: 'XMPP_TLS_REFUSED', condition, message }, what)
    clear.destroy()
  }
})

t.test('a client certificate: wanted, shown, and refused', async t => {
  const server = makeCertificate({ names: [DOMAIN] })
  const own = makeCertificate({ names: ['juliet.example'], purpose: 'client' })
  const seen: (Uint8Array | undefined)[] = []
  const acceptor = { role: 'acceptor', cert: server.cert, key: server.key, ca: own.ca } as const
  for (const clientCertificate of ['request', 'require'] as const) {
    const options = { ...acceptor, clientCertificate }
    const { port } = await listen(t, async socket => {
      const secure = await transport(socket)
        .startTls(options)
        .catch(() => undefined)
      seen.push(secure?.tls?.peerCertificate())
      secure?.write('hello')
    })
    for (const identity of [{}, { cert: own.cert, key: own.key }]) {
      const clear = await dial({ host: '127.0.0.1', port })
      const secure = await clear.startTls({ domain: DOMAIN, ca: server.ca, ...identity })
      const certified = 'cert' in identity
      if (certified || clientCertificate === 'request') t.equal(`${await secure.read()}`, 'hello')
      else {
        // In TLS 1.3 we are done before the server has seen that there is none.
        const message = /it wants a certificate of ours/
        await rejects(t, secure.read(), { code: 'XMPP_CONNECTION_LOST', condition: 'certificate_required', message })
      }
      secure.destroy()
      const shown = seen.pop()
      t.equal(shown === undefined, !certified, 'the server sees what is shown')
      if (shown) t.ok(own.cert.replace(/\n/g, '').includes(Buffer.from(shown).toString('base64').slice(0, 200)))
    }
  }
  const mismatched = { cert: own.cert, key: server.key }
  const { port } = await listen(t, () => {})
  const clear = await dial({ host: '127.0.0.1', port })
  await rejects(t, clear.startTls({ domain: DOMAIN, ...mismatched }), {
    code: 'XMPP_TLS_REFUSED',
    message: /key values mismatch/,
  })
  clear.destroy()
})

t.test('TLS 1.2 is not negotiated anew, whoever asks for it', async t => {
  const { cert, key, ca } = makeCertificate({ names: [DOMAIN] })
  const old = { maxVersion: 'TLSv1.2' } as const
  const ours = await listen(t, async socket => {
    const secure = await transport(socket).startTls({ role: 'acceptor', cert, key, ...old })
    secure.read().catch(() => {})
  })
  const client = tlsConnect({ port: ours.port, host: '127.0.0.1', ca, servername: DOMAIN })
  await once(client, 'secureConnect')
  const refused = await new Promise(resolve => {
    client.on('error', resolve)
    client.renegotiate({}, error => resolve(error))
  })
  t.match(refused, { message: /renegotiation/ }, 'we are the server')
  client.destroy()

  let handshakes = 0
  const theirs = await listen(t, socket => {
    const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ cert, key, ...old }) })
    secure
      .on('error', () => {})
      .on('secure', () => {
        if (++handshakes === 1) secure.renegotiate({}, () => {})
        // The request goes out with what is said next.
        secure.write('x')
      })
  })
  const secure = await (await dial({ host: '127.0.0.1', port: theirs.port })).startTls({ domain: DOMAIN, ca })
  t.equal(`${await secure.read()}`, 'x')
  // We decline, and a server of OpenSSL's does not take that well.
  await rejects(t, secure.read(), { condition: 'handshake_failure' }, 'we are the client')
  t.equal(handshakes, 1)
  secure.destroy()
})

t.test('a handshake leaves no listener behind but two: one for errors, one for sessions', async t => {
  const { cert, key, ca } = makeCertificate({ names: [DOMAIN] })
  const { port } = await listen(t, socket => {
    transport(socket)
      .startTls({ role: 'acceptor', cert, key })
      .catch(() => {})
  })
  const counts = (emitter: Socket) =>
    new Map(emitter.eventNames().map(name => [String(name), emitter.listenerCount(name)]))
  const bare = tlsConnect({ socket: netConnect(port, '127.0.0.1'), ca, servername: DOMAIN })
  await once(bare, 'secureConnect')
  const expected = counts(bare)
  for (const sessions of [undefined, new TlsSessions()]) {
    const below = netConnect(port, '127.0.0.1')
    await once(below, 'connect')
    const { socket } = await secure(below, { domain: DOMAIN, ca, sessions }, () => {})
    const found = counts(socket)
    t.equal(found.get('error'), (expected.get('error') ?? 0) + 1)
    t.equal(found.get('session'), sessions === undefined ? undefined : 1)
    for (const [name, count] of found) {
      if (!['error', 'session', 'newListener'].includes(name)) t.equal(count, expected.get(name), name)
    }
    socket.destroy()
  }
  bare.destroy()
})
