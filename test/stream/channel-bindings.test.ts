import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket, connect as tlsConnect } from 'node:tls'
import t, { type Test } from 'tap'
import { signatureHash } from '../../src/stream/certificate-hash.ts'
import { dial } from '../../src/stream/dial.ts'
import type { TlsClientOptions, TlsFacts, TlsServerOptions } from '../../src/stream/tls.ts'
import { TlsSessions } from '../../src/stream/tls-sessions.ts'
import { transport } from '../../src/stream/transport.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'
import { bitString, constructed, der, integer, oid, sequence } from '../../src/testing/der.ts'
import { listen } from '../helper/listen.ts'

const DOMAIN = 'im.example.com'
const certificate = makeCertificate({ names: [DOMAIN] })
const { cert, key, ca } = certificate

/** Both sides' facts of one connection after another to one server. */
async function channel(t: Test, more: Partial<TlsServerOptions>) {
  const options: TlsServerOptions = { role: 'acceptor', cert, key, ...more }
  const facts: TlsFacts[] = []
  const { port } = await listen(t, async socket => {
    const secure = await transport(socket).startTls(options)
    if (secure.tls !== undefined) facts.push(secure.tls)
    if ((await secure.read()) !== undefined) secure.write('hello')
  })
  return async (client: Partial<TlsClientOptions> = {}): Promise<{ ours: TlsFacts; theirs: TlsFacts }> => {
    const clear = await dial({ host: '127.0.0.1', port })
    const secure = await clear.startTls({ domain: DOMAIN, ca, ...client })
    t.teardown(() => secure.destroy())
    secure.write('hi')
    t.equal(`${await secure.read()}`, 'hello')
    return { ours: secure.tls as TlsFacts, theirs: facts.at(-1) as TlsFacts }
  }
}

const data = (facts: TlsFacts, type: string): Uint8Array | undefined =>
  [...facts.bindings()].find(([each]) => each === type)?.[1]()

for (const [version, unique] of [
  ['TLSv1.2', 'tls-unique'],
  ['TLSv1.3', 'tls-exporter'],
] as const) {
  t.test(`${version}: both sides see the same channel, on a resumed session too`, async t => {
    const connect = await channel(t, { maxVersion: version })
    const sessions = new TlsSessions()
    const seen = new Set<string>()
    for (const resumed of [false, true, true]) {
      const { ours, theirs } = await connect({ sessions })
      t.strictSame([ours.version, ours.resumed, theirs.resumed], [version, resumed, resumed])
      t.strictSame([...ours.bindings().keys()], [unique, 'tls-server-end-point'])
      t.strictSame([...theirs.bindings().keys()], [unique, 'tls-server-end-point'])
      for (const type of [unique, 'tls-server-end-point']) {
        t.ok(data(ours, type)?.length)
        t.same(data(ours, type), data(theirs, type), `${type}, ${resumed ? 'resumed' : 'full'}`)
      }
      seen.add(Buffer.from(data(ours, unique) ?? []).toString('hex'))
    }
    t.equal(seen.size, 3, 'no two connections are the same channel')
  })
}

t.test('what the types are, by RFC 9266 §4.2 and RFC 5929 §4', async t => {
  const { ours } = await (await channel(t, {}))()
  t.same(data(ours, 'tls-exporter'), ours.exporter(32, 'EXPORTER-Channel-Binding'))
  t.same(
    data(ours, 'tls-server-end-point'),
    createHash('sha256')
      .update(ours.peerCertificate() ?? '')
      .digest(),
  )
})

t.test('tls-unique is the first Finished message, as sockets of Node alone have it', async t => {
  const server = createServer({ cert, key, maxVersion: 'TLSv1.2' })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  let session: Buffer | undefined
  for (const resumed of [false, true]) {
    const accepted = once(server, 'secureConnection')
    const socket = tlsConnect({ host: '127.0.0.1', port, servername: DOMAIN, ca, ...(session && { session }) })
    t.teardown(() => socket.destroy())
    const [peer] = (await accepted) as [TLSSocket]
    t.teardown(() => peer.destroy())
    if (!socket.authorized) await once(socket, 'secureConnect')
    session = socket.getSession()
    t.equal(socket.isSessionReused(), resumed)
    // The client's on a full handshake, the server's on a resumed one, for there the server is first (RFC 5246 §7.3).
    const first = resumed ? peer.getFinished() : socket.getFinished()
    t.ok(first?.length)
    // Whoever hands in a TLS socket of his own does not say which side it is.
    for (const end of [socket, peer]) t.same(data(transport(end).tls as TlsFacts, 'tls-unique'), first)
  }
})

t.test('a session of TLS 1.2 is left alone where a login may be bound', async t => {
  const old = await channel(t, { maxVersion: 'TLSv1.2' })
  const sessions = new TlsSessions()
  for (const [resume, resumed] of [
    ['tls1.3', false],
    ['tls1.3', false],
    ['all', true],
    [undefined, true],
    ['tls1.3', false],
  ] as const) {
    t.equal((await old({ sessions, resume })).ours.resumed, resumed, `${resume}`)
  }
  const current = await channel(t, {})
  const fresh = new TlsSessions()
  await current({ sessions: fresh, resume: 'tls1.3' })
  t.equal((await current({ sessions: fresh, resume: 'tls1.3' })).ours.resumed, true, 'TLS 1.3 goes on')
})

/** So much of a certificate as has a signature. */
const signed = (...algorithm: Buffer[]): Buffer =>
  sequence(sequence(integer(Buffer.of(1))), sequence(...algorithm), bitString(Buffer.of(1)))

const SHA256 = oid('2.16.840.1.101.3.4.2.1')
const PSS = oid('1.2.840.113549.1.1.10')
const NULL = der(0x05)
const mask = (hash: Buffer): Buffer => constructed(1, sequence(oid('1.2.840.113549.1.1.8'), sequence(hash)))

t.test('the hash of a certificate for tls-server-end-point', async t => {
  const rows: readonly (readonly [what: string, der: Uint8Array, hash: string | undefined])[] = [
    ['md5WithRSAEncryption', signed(oid('1.2.840.113549.1.1.4'), NULL), 'sha256'],
    ['sha1WithRSAEncryption', signed(oid('1.2.840.113549.1.1.5'), NULL), 'sha256'],
    ['sha256WithRSAEncryption', signed(oid('1.2.840.113549.1.1.11'), NULL), 'sha256'],
    ['sha384WithRSAEncryption', signed(oid('1.2.840.113549.1.1.12'), NULL), 'sha384'],
    ['sha512WithRSAEncryption', signed(oid('1.2.840.113549.1.1.13'), NULL), 'sha512'],
    ['sha224WithRSAEncryption', signed(oid('1.2.840.113549.1.1.14'), NULL), 'sha224'],
    ['ecdsa-with-SHA1', signed(oid('1.2.840.10045.4.1')), 'sha256'],
    ['ecdsa-with-SHA224', signed(oid('1.2.840.10045.4.3.1')), 'sha224'],
    ['ecdsa-with-SHA256', signed(oid('1.2.840.10045.4.3.2')), 'sha256'],
    ['ecdsa-with-SHA384', signed(oid('1.2.840.10045.4.3.3')), 'sha384'],
    ['ecdsa-with-SHA512', signed(oid('1.2.840.10045.4.3.4')), 'sha512'],
    ['dsa-with-sha256', signed(oid('2.16.840.1.101.3.4.3.2')), 'sha256'],
    ['RSASSA-PSS, SHA-256', signed(PSS, sequence(constructed(0, sequence(SHA256, NULL)), mask(SHA256))), 'sha256'],
    ['RSASSA-PSS by default', signed(PSS, sequence()), 'sha256'],
    ['RSASSA-PSS with two hashes', signed(PSS, sequence(constructed(0, sequence(SHA256)))), undefined],
    ['RSASSA-PSS with two hashes', signed(PSS, sequence(mask(SHA256))), undefined],
    [
      'RSASSA-PSS, SHAKE128',
      signed(PSS, sequence(constructed(0, sequence(oid('2.16.840.1.101.3.4.2.11'))))),
      undefined,
    ],
    ['RSASSA-PSS without parameters', signed(PSS), undefined],
    ['Ed25519', signed(oid('1.3.101.112')), undefined],
    ['an unknown one', signed(oid('1.2.3.4')), undefined],
    ['nothing', Buffer.alloc(0), undefined],
    ['junk', Buffer.from('junk'), undefined],
    ['no algorithm', sequence(sequence()), undefined],
  ]
  for (const [what, bytes, hash] of rows) t.equal(signatureHash(bytes), hash, what)
  const old = makeCertificate({ names: [DOMAIN], digest: 'sha1' })
  t.equal(signatureHash(Buffer.from(old.cert.split('-----')[2] ?? '', 'base64')), 'sha256', 'a real one')
})
