import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { XmppError } from '../../src/errors.ts'
import { partiesOf, readCertificate, shown } from '../../src/stream/certificate.ts'
import { DerReader } from '../../src/stream/der-reader.ts'
import { clientServices, listNames, matches, referenceOf } from '../../src/stream/identity.ts'
import { type CertificateOptions, makeCertificate } from '../../src/testing/certificate.ts'
import { constructed, der, ia5String, oid, sequence, utf8String } from '../../src/testing/der.ts'
import { dnsName, otherName, srvName, xmppAddr } from '../../src/testing/names.ts'
import { throws } from '../helper/rejects.ts'

const DOMAIN = 'im.example.com'
const NAMELESS = { names: [], commonName: 'nobody' }

const raw = (options: CertificateOptions): Buffer => new X509Certificate(makeCertificate(options).cert).raw

const withList = (subjectAltName: Uint8Array): Buffer => raw({ ...NAMELESS, subjectAltName })

t.test('what is read out of a certificate', async t => {
  const { names, notBefore, notAfter } = readCertificate(
    raw({
      names: ['bücher.example'],
      addresses: ['192.0.2.1', '2001:db8::1'],
      notBefore: new Date('1987-06-05T04:03:02Z'),
      notAfter: new Date('2061-02-03T04:05:06Z'),
    }),
  )
  t.strictSame(names, [
    { kind: 'DNS', value: 'xn--bcher-kva.example' },
    { kind: 'SRV', value: '_xmpp-client.xn--bcher-kva.example' },
    { kind: 'XMPP', value: 'bücher.example' },
    { kind: 'IP', value: '192.0.2.1' },
    { kind: 'IP', value: '2001:0db8:0000:0000:0000:0000:0000:0001' },
  ])
  t.equal(new Date(notBefore).toISOString(), '1987-06-05T04:03:02.000Z', 'UTCTime of the last century')
  t.equal(new Date(notAfter).toISOString(), '2061-02-03T04:05:06.000Z', 'GeneralizedTime')
  t.strictSame(partiesOf(raw({ names: ['a.example'] })), { issuer: 'test CA of a.example', subject: 'a.example' })
  t.strictSame(readCertificate(raw({ ...NAMELESS })).names, [], 'a common name is no name')
})

t.test('whom a certificate is for', async t => {
  const rows: readonly (readonly [domain: string, names: Partial<CertificateOptions>, fits: boolean, why: string])[] = [
    [DOMAIN, { dnsNames: [DOMAIN] }, true, 'DNS-ID'],
    [DOMAIN, { dnsNames: ['IM.Example.COM'] }, true, 'DNS-ID without case'],
    [DOMAIN, { dnsNames: ['a.example', DOMAIN] }, true, 'one of several'],
    [DOMAIN, { dnsNames: ['example.com'] }, false, 'the domain above'],
    [DOMAIN, { dnsNames: ['x.im.example.com'] }, false, 'a domain below'],
    [DOMAIN, { dnsNames: ['im.example.com.'] }, false, 'a final dot'],
    [DOMAIN, { dnsNames: [''] }, false, 'empty'],
    [DOMAIN, { dnsNames: ['im.example.com\0.evil.example'] }, false, 'NUL'],
    [DOMAIN, { dnsNames: ['im.example.com\0'] }, false, 'NUL at the end'],
    [DOMAIN, { dnsNames: ['im.example.com, DNS:im.example.com'] }, false, 'what a list would be taken for'],
    [DOMAIN, { dnsNames: [' im.example.com'] }, false, 'a blank'],
    [DOMAIN, { commonName: DOMAIN }, false, 'only the common name (RFC 9525 §2)'],
    // wildcards, RFC 9525 §6.3
    [DOMAIN, { dnsNames: ['*.example.com'] }, true, 'a wildcard'],
    [DOMAIN, { dnsNames: ['*.EXAMPLE.com'] }, true, 'a wildcard without case'],
    ['a.im.example.com', { dnsNames: ['*.example.com'] }, false, 'a wildcard for two labels'],
    ['example.com', { dnsNames: ['*.example.com'] }, false, 'a wildcard for none'],
    [DOMAIN, { dnsNames: ['*'] }, false, 'a wildcard alone'],
    [DOMAIN, { dnsNames: ['*.'] }, false, 'a wildcard and a dot'],
    ['localhost', { dnsNames: ['*'] }, false, 'a wildcard for a name of one label'],
    ['example.com', { dnsNames: ['*.com'] }, false, 'a wildcard for all of com'],
    [DOMAIN, { dnsNames: ['*.*.com'] }, false, 'two wildcards'],
    [DOMAIN, { dnsNames: ['im.*.com'] }, false, 'a wildcard that is not left-most'],
    [DOMAIN, { dnsNames: ['i*.example.com'] }, false, 'a label in part'],
    [DOMAIN, { dnsNames: ['*m.example.com'] }, false, 'a label in part'],
    [DOMAIN, { dnsNames: ['**.example.com'] }, false, 'two stars'],
    ['bücher.example.com', { dnsNames: ['*.example.com'] }, true, 'a wildcard for an A-label'],
    ['bücher.example.com', { dnsNames: ['xn--*.example.com'] }, false, 'a wildcard in an A-label'],
    ['bücher.example.com', { dnsNames: ['xn--b*-kva.example.com'] }, false, 'a wildcard in an A-label'],
    // IDNA
    ['bücher.example', { dnsNames: ['xn--bcher-kva.example'] }, true, 'the A-label of a U-label'],
    ['xn--bcher-kva.example', { dnsNames: ['XN--BCHER-KVA.example'] }, true, 'A-labels without case'],
    ['bücher.example', { xmppAddrs: ['bücher.example'] }, true, 'XmppAddr with a U-label'],
    ['bücher.example', { xmppAddrs: ['xn--bcher-kva.example'] }, true, 'XmppAddr with an A-label'],
    ['bücher.example', { dnsNames: ['bucher.example'] }, false, 'without its dots'],
    ['\u212am.example', { dnsNames: ['km.example'] }, true, 'a Kelvin sign, which IDNA takes for a k'],
    // SRVName, RFC 4985
    [DOMAIN, { srvNames: ['_xmpp-client.im.example.com'] }, true, 'SRV-ID'],
    [DOMAIN, { srvNames: ['_XMPP-client.IM.example.com'] }, true, 'SRV-ID without case'],
    [DOMAIN, { srvNames: ['_xmpps-client.im.example.com'] }, true, 'SRV-ID of direct TLS'],
    [DOMAIN, { srvNames: ['_xmpp-server.im.example.com'] }, false, 'another service'],
    [DOMAIN, { srvNames: ['_imap.im.example.com'] }, false, 'another service'],
    [DOMAIN, { srvNames: ['xmpp-client.im.example.com'] }, false, 'a service without underscore'],
    [DOMAIN, { srvNames: ['_xmpp-client._tcp.im.example.com'] }, false, 'a name of the DNS is no SRVName'],
    [DOMAIN, { srvNames: ['_xmpp-client.example.com'] }, false, 'the service of another domain'],
    [DOMAIN, { srvNames: ['_xmpp-client.*.example.com'] }, false, 'a wildcard in an SRV-ID'],
    [DOMAIN, { srvNames: ['im.example.com'] }, false, 'no service'],
    // XmppAddr, RFC 6120 §13.7.1.4
    [DOMAIN, { xmppAddrs: [DOMAIN] }, true, 'XmppAddr'],
    [DOMAIN, { xmppAddrs: ['IM.example.com'] }, true, 'XmppAddr without case'],
    [DOMAIN, { xmppAddrs: ['juliet@im.example.com'] }, false, 'XmppAddr of a user'],
    [DOMAIN, { xmppAddrs: ['im.example.com/server'] }, false, 'XmppAddr with a resource'],
    [DOMAIN, { xmppAddrs: ['*.example.com'] }, false, 'XmppAddr knows no wildcards'],
    [DOMAIN, { xmppAddrs: ['example.com'] }, false, 'XmppAddr of another domain'],
    [DOMAIN, { xmppAddrs: ['im.example.com\0'] }, false, 'XmppAddr with NUL'],
    [DOMAIN, { xmppAddrs: [`${'a'.repeat(2000)}.example`] }, false, 'XmppAddr beyond all measure'],
    // addresses
    ['192.0.2.1', { addresses: ['192.0.2.1'] }, true, 'an address'],
    ['192.0.2.1', { addresses: ['192.0.2.2'] }, false, 'another address'],
    ['192.0.2.1', { dnsNames: ['192.0.2.1'] }, false, 'an address as a DNS name'],
    ['192.0.2.1', { xmppAddrs: ['192.0.2.1'], srvNames: ['_xmpp-client.192.0.2.1'] }, false, 'or as another'],
    ['192.0.2.1', { dnsNames: ['*.0.2.1'] }, false, 'a wildcard for an address'],
    ['[2001:db8::1]', { addresses: ['2001:0DB8:0:0::1'] }, true, 'an address of IPv6, as a JID has it'],
    ['2001:db8::1', { addresses: ['2001:db8::1'] }, true, 'and without brackets'],
    ['[2001:db8::1]', { addresses: ['2001:db8::2'] }, false, 'another one'],
    ['[::ffff:192.0.2.1]', { addresses: ['192.0.2.1'] }, false, 'IPv4 in IPv6 is another address'],
    [DOMAIN, { addresses: ['192.0.2.1'] }, false, 'an address for a domain'],
  ]
  for (const [domain, options, fits, why] of rows) {
    const { names } = readCertificate(raw({ ...NAMELESS, ...options }))
    t.equal(matches(names, referenceOf(domain), clientServices), fits, `${domain}: ${why}`)
  }
  throws(t, () => referenceOf('*.example.com'), { code: 'XMPP_JID_MALFORMED' }, 'nobody wants to talk to a star')
  const server = readCertificate(raw({ ...NAMELESS, srvNames: ['_xmpp-server.im.example.com'] })).names
  t.ok(matches(server, referenceOf(DOMAIN), ['xmpp-server']), 'the service is the caller’s')
})

t.test('names in a message are bounded and printable', async t => {
  const list = (options: Partial<CertificateOptions>) =>
    listNames(readCertificate(raw({ ...NAMELESS, ...options })).names)
  t.match(list({}), /^nothing/)
  t.equal(
    list({ names: ['a.example'], addresses: ['192.0.2.1'] }),
    'a.example (DNS); _xmpp-client.a.example (SRVName); a.example (XmppAddr); 192.0.2.1 (address)',
  )
  const many = Array.from({ length: 500 }, (_, n) => `h${n}.example`)
  t.equal(list({ dnsNames: many }), `${many.slice(0, 6).join(', ')} and 494 more (DNS)`)
  t.ok(list({ dnsNames: many, xmppAddrs: many.map(name => name.repeat(100)) }).length < 1000)
  t.equal(list({ dnsNames: ['a\nb\x1b[2J\0.example'] }), 'a\\x0ab\\x1b[2J\\x00.example (DNS)')
  t.equal(shown('\u202e'.repeat(1000)).length, 100 * '\\u{202e}'.length + 1)
})

t.test('what is no certificate, or not a good one, is refused by an error of ours', async t => {
  const refused = { name: 'XmppError', code: 'XMPP_TLS_REFUSED', condition: 'bad_certificate' }
  const rows: readonly (readonly [what: string, der: Uint8Array, words: RegExp])[] = [
    ['nothing', Buffer.alloc(0), /ends too early/],
    ['junk', Buffer.from('hello'), /tag/],
    ['an empty SEQUENCE', sequence(), /ends too early/],
    ['a list that is no SEQUENCE', withList(Buffer.of(0x02, 1, 0)), /list of names.*tag/],
    ['a list of junk', withList(Buffer.from('junk')), /list of names/],
    ['a list that is longer than it is', withList(Buffer.of(0x30, 0x7f)), /longer than what it is in/],
    ['a list with something behind it', withList(Buffer.concat([sequence(), Buffer.of(0)])), /left behind/],
    ['an indefinite length', withList(Buffer.of(0x30, 0x80, 0, 0)), /indefinite/],
    ['a length that is not the shortest', withList(Buffer.of(0x30, 0x81, 0)), /shortest/],
    ['a length that is not the shortest', withList(Buffer.of(0x30, 0x82, 0, 0x90)), /shortest/],
    ['a length of 4 GiB', withList(Buffer.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff)), /longer/],
    ['a length of 127 octets', withList(Buffer.of(0x30, 0xff, 1)), /longer/],
    ['half a length', withList(Buffer.of(0x30, 0x82, 1)), /too early/],
    ['a tag of two octets', withList(sequence(Buffer.of(0x9f, 0x22, 0))), /several octets/],
    ['an address of three octets', withList(sequence(der(0x87, Buffer.of(1, 2, 3)))), /3 octets/],
    ['an address with a mask', withList(sequence(der(0x87, Buffer.alloc(8)))), /8 octets/],
    ['a DNS name that is not ASCII', withList(sequence(der(0x82, Buffer.from('bücher.example')))), /not ASCII/],
    ['an otherName without a type', withList(sequence(constructed(0))), /too early/],
    ['an otherName without a value', withList(sequence(constructed(0, oid('1.2.3')))), /too early/],
    [
      'an otherName with two',
      withList(sequence(constructed(0, oid('1.2.3'), constructed(0), constructed(0)))),
      /left behind/,
    ],
    ['a SRVName that is UTF-8', withList(sequence(otherName('1.3.6.1.5.5.7.8.7', utf8String('_x.y')))), /tag/],
    ['an XmppAddr that is ASCII', withList(sequence(otherName('1.3.6.1.5.5.7.8.5', ia5String('x.y')))), /tag/],
    [
      'an XmppAddr that is not UTF-8',
      withList(sequence(otherName('1.3.6.1.5.5.7.8.5', der(0x0c, Buffer.of(0xc3))))),
      /not UTF-8/,
    ],
  ]
  for (const [what, bytes, message] of rows) throws(t, () => readCertificate(bytes), { ...refused, message }, what)
  const other = withList(sequence(otherName('1.2.3.4', sequence()), der(0x81, Buffer.from('a@b')), dnsName(DOMAIN)))
  t.strictSame(readCertificate(other).names, [{ kind: 'DNS', value: DOMAIN }], 'names of other kinds are passed over')
})

t.test('two lists of names', async t => {
  const good = raw({ names: [DOMAIN] })
  // The extendedKeyUsage turned into a second list, of equal length.
  const twice = Buffer.from(good)
  const at = twice.indexOf(Buffer.from([0x55, 0x1d, 0x25]))
  t.ok(at > 0)
  twice[at + 2] = 0x11
  throws(t, () => readCertificate(twice), { code: 'XMPP_TLS_REFUSED', message: /there are two/ })
})

t.test('dates that are none', async t => {
  const good = raw({ names: [DOMAIN], notAfter: new Date('2061-02-03T04:05:06Z') })
  const at = good.indexOf('20610203040506Z')
  t.ok(at > 0)
  for (const text of ['20610203040506+', '2061020304050 Z', 'abcdefghijklmnZ']) {
    const bad = Buffer.from(good)
    bad.write(text, at, 'latin1')
    throws(t, () => readCertificate(bad), { code: 'XMPP_TLS_REFUSED', message: /a date/ }, text)
  }
})

t.test('parties without a name that can be read', async t => {
  t.equal(partiesOf(Buffer.from('junk')), undefined)
  const { issuer } = partiesOf(raw({ names: [], commonName: 'a\x1b[31m\nb', subjectAltName: sequence() })) ?? {}
  t.equal(issuer, 'test CA of a\\x1b[31m\\x0ab')
})

/** A small generator of numbers with a seed (xorshift): what fails here fails again. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return sides => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % sides
  }
}

t.test('mutations of good certificates: a result or an error of ours', async t => {
  const good = [
    raw({ names: [DOMAIN, 'bücher.example'], addresses: ['192.0.2.1', '::1'] }),
    withList(sequence(srvName('_xmpp-client.a.example'), xmppAddr('a.example'), otherName('1.2.3', sequence()))),
  ]
  const seen = { read: 0, refused: 0, matched: 0 }
  for (let seed = 1; seed <= 20_000; seed++) {
    const roll = dice(seed)
    const bytes = Buffer.from(good[roll(good.length)] as Buffer)
    // Most of them inside the list of names, where what is read is most.
    const from = roll(4) === 0 ? 0 : bytes.indexOf(Buffer.from([0x55, 0x1d, 0x11]))
    for (let n = roll(4); n >= 0; n--) {
      const at = from + roll(bytes.length - from)
      bytes[at] = [0, 0x30, 0x80, 0x82, 0xa0, 0xff, roll(256), (bytes[at] as number) ^ (1 << roll(8))][
        roll(8)
      ] as number
    }
    const cut = roll(5) === 0 ? bytes.subarray(0, roll(bytes.length)) : bytes
    try {
      const { names } = readCertificate(cut)
      seen.read++
      if (matches(names, referenceOf('im.example.com.evil'), clientServices)) seen.matched++
      listNames(names)
    } catch (error) {
      if (!(error instanceof XmppError) || error.code !== 'XMPP_TLS_REFUSED') t.fail(`seed ${seed}`, { error })
      seen.refused++
    }
    partiesOf(cut)
  }
  t.ok(seen.read > 1000 && seen.refused > 1000, JSON.stringify(seen))
  t.equal(seen.matched, 0)
})

t.test('the reader of DER', async t => {
  const reader = new DerReader(Buffer.concat([ia5String('a'), Buffer.of(0x05, 0)]), 'it')
  t.equal(reader.tag, 0x16)
  t.equal(Buffer.from(reader.next(0x16)).toString(), 'a')
  reader.skip(0x02)
  throws(t, () => reader.end(), { message: 'it cannot be read: something is left behind its end' })
  t.equal(reader.next().length, 0)
  t.equal(reader.tag, undefined)
  reader.skip(0x05)
  reader.end()
  throws(t, () => reader.next(), { message: /too early/ })
  t.equal(new DerReader(der(0x04, Buffer.alloc(70_000)), 'it').next().length, 70_000)
})
