import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import * as tls from 'node:tls'
import t from 'tap'
import { type Certificate, type CertificateOptions, makeCertificate } from '../../src/testing/certificate.ts'

const HOUR = 3_600_000
const names = ['chat.example', 'conference.chat.example']
const addresses = ['127.0.0.1', '::1', '2001:db8::ff00:1']

t.test('what the certificate says', async t => {
  const { key, cert, ca } = makeCertificate({ names, addresses, notAfter: new Date('2061-02-03T04:05:06Z') })
  const leaf = new X509Certificate(cert)
  const root = new X509Certificate(ca)
  t.equal(leaf.ca, false)
  t.equal(root.ca, true)
  t.ok(leaf.verify(root.publicKey))
  t.ok(leaf.checkIssued(root))
  t.ok(root.verify(root.publicKey))
  t.ok(leaf.checkPrivateKey(createPrivateKey(key)))
  t.ok(cert.endsWith(ca), 'the chain is complete')
  t.equal(leaf.subject, 'CN=chat.example')
  for (const name of names) t.equal(leaf.checkHost(name), name)
  for (const address of addresses) t.ok(leaf.checkIP(address), address)
  t.notOk(leaf.checkHost('other.example'))
  t.notOk(leaf.checkIP('127.0.0.2'))
  t.equal(leaf.validTo, 'Feb  3 04:05:06 2061 GMT')
  t.match(leaf.serialNumber, /^[4-7][0-9A-F]{31}$/)
  t.strictSame(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'])
})

t.test('the XMPP forms of a name (RFC 6120 §13.7.1.2)', async t => {
  const { cert } = makeCertificate({ names: ['bücher.example'] })
  const leaf = new X509Certificate(cert)
  t.equal(leaf.checkHost('xn--bcher-kva.example'), 'xn--bcher-kva.example')
  t.ok(leaf.raw.includes('_xmpp-client.xn--bcher-kva.example'), 'SRVName')
  t.ok(leaf.raw.includes(Buffer.from('\x0c\x0fbücher.example', 'utf8')), 'XmppAddr')
})

t.test('names as they stand, and none', async t => {
  const own = { names: [], commonName: 'nobody' }
  const some = new X509Certificate(
    makeCertificate({ ...own, dnsNames: ['*.chat.example'], srvNames: ['_x.y'], xmppAddrs: ['a@b'] }).cert,
  )
  t.equal(some.subject, 'CN=nobody')
  t.equal(some.checkHost('a.chat.example'), '*.chat.example')
  t.ok(some.raw.includes(Buffer.from('\x16\x04_x.y')), 'SRVName')
  t.ok(some.raw.includes(Buffer.from('\x0c\x03a@b')), 'XmppAddr')
  t.equal(new X509Certificate(makeCertificate(own).cert).subjectAltName, undefined)
  const raw = makeCertificate({ ...own, subjectAltName: Buffer.from('junk') }).cert
  t.ok(new X509Certificate(raw).raw.includes(Buffer.from('\x04\x04junk')))
})

t.test('CAs between the root and the leaf', async t => {
  const blocks = (pem: string) => pem.split(/(?<=-----END CERTIFICATE-----\n)/).map(one => new X509Certificate(one))
  const { cert, ca } = makeCertificate({ names, intermediates: 2 })
  const chain = blocks(cert)
  t.equal(chain.length, 4)
  for (const [at, one] of chain.entries()) {
    const issuer = chain[at + 1] ?? one
    t.ok(one.checkIssued(issuer) && one.verify(issuer.publicKey), `${one.subject} by ${issuer.subject}`)
    t.equal(one.ca, at > 0)
  }
  t.equal(chain.at(-1)?.toString().trim(), ca.trim(), 'the root is the one to trust')
  t.equal(blocks(makeCertificate({ names, intermediates: 2, chain: 'leaf' }).cert).length, 1)
})

t.test('what a leaf is for, and how it is signed', async t => {
  const leaf = (options: Partial<CertificateOptions>) =>
    new X509Certificate(makeCertificate({ names, ...options }).cert)
  t.strictSame(leaf({ purpose: 'client' }).keyUsage, ['1.3.6.1.5.5.7.3.2'])
  t.equal(leaf({ purpose: 'ca' }).ca, true)
  t.match(leaf({ rsa: 1024 }).publicKey, { asymmetricKeyType: 'rsa', asymmetricKeyDetails: { modulusLength: 1024 } })
  const sha1 = Buffer.from('06072a8648ce3d0401', 'hex')
  t.ok(leaf({ digest: 'sha1' }).raw.includes(sha1))
  t.notOk(leaf({}).raw.includes(sha1))
  const { cert, ca } = makeCertificate({ names, digest: 'sha1' })
  t.ok(new X509Certificate(cert).verify(new X509Certificate(ca).publicKey), 'the signature is good all the same')
})

t.test('impossible requests', async t => {
  t.throws(() => makeCertificate({ names: [] }), RangeError)
  t.throws(() => makeCertificate({ names, addresses: ['localhost'] }), RangeError)
})

t.test('a name longer than a common name may be', async t => {
  const name = `${'a'.repeat(60)}.${'b'.repeat(60)}.example`
  t.match(await handshake(makeCertificate({ names: [name] }), { servername: name }), { authorized: true })
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`${version} handshake, verified`, async t => {
    const versions = { minVersion: version, maxVersion: version }
    const result = await handshake(makeCertificate({ names }), { servername: 'chat.example', ...versions })
    t.strictSame(result, { authorized: true, protocol: version })
  })
}

t.test('a self-signed leaf is trusted by itself', async t => {
  const certificate = makeCertificate({ names, selfSigned: true })
  t.equal(certificate.ca, certificate.cert)
  t.match(await handshake(certificate, { servername: 'chat.example' }), { authorized: true })
  const stranger = makeCertificate({ names }).ca
  await t.rejects(handshake(certificate, { servername: 'chat.example', ca: stranger }), {
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  })
})

t.test('what a client must refuse', async t => {
  const past = { notBefore: new Date(Date.now() - 2 * HOUR), notAfter: new Date(Date.now() - HOUR) }
  const future = { notBefore: new Date(Date.now() + HOUR) }
  const servername = 'chat.example'
  const refused = (certificate: Certificate, options: tls.ConnectionOptions, code: string | RegExp) =>
    t.rejects(handshake(certificate, options), { code }, String(code))
  await refused(makeCertificate({ names }), { servername: 'other.example' }, 'ERR_TLS_CERT_ALTNAME_INVALID')
  await refused(makeCertificate({ names, ...past }), { servername }, 'CERT_HAS_EXPIRED')
  await refused(makeCertificate({ names, ...future }), { servername }, 'CERT_NOT_YET_VALID')
  // A CA of the same name is still another CA.
  const { ca } = makeCertificate({ names })
  await refused(makeCertificate({ names }), { servername, ca }, /SELF_SIGNED_CERT_IN_CHAIN|SIGNATURE_FAILURE/)
})

async function handshake(certificate: Certificate, options: tls.ConnectionOptions) {
  const server = tls.createServer({ key: certificate.key, cert: certificate.cert })
  server.on('tlsClientError', () => {}) // the client's half of a refusal is what the tests look at
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = tls.connect({ host: '127.0.0.1', port, ca: certificate.ca, rejectUnauthorized: true, ...options })
  try {
    await once(socket, 'secureConnect')
    return { authorized: socket.authorized, protocol: socket.getProtocol() }
  } finally {
    socket.destroy()
    server.close()
  }
}
