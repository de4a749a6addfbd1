import t from 'tap'
import { toAscii, toUnicode } from '../src/idna.ts'
import { throws } from './helper/rejects.ts'

const refused = { code: 'XMPP_JID_MALFORMED', condition: 'jid-malformed' }

t.test('names in both forms', async t => {
  for (const [unicode, ascii] of [
    ['example.com', 'example.com'],
    ['localhost', 'localhost'],
    ['a-b.c_d.e', 'a-b.c_d.e'],
    ['_xmpp-client._tcp.example.net', '_xmpp-client._tcp.example.net'],
    ['1.2', '1.2'],
    ['b\u00fccher.example', 'xn--bcher-kva.example'],
    // The four that IDNA2003 did otherwise (RFC 5894 §7.2), as Unicode's own table of deviations has them.
    ['fa\u00df.de', 'xn--fa-hia.de'],
    ['\u03b2\u03cc\u03bb\u03bf\u03c2.com', 'xn--nxasmm1c.com'],
    ['\u0dc1\u0dca\u200d\u0dbb\u0dd3.com', 'xn--10cl1a0b660p.com'],
    ['\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.com', 'xn--mgba3gch31f060k.com'],
    // RFC 3492 §7.1: B, E and L.
    ['\u4ed6\u4eec\u4e3a\u4ec0\u4e48\u4e0d\u8bf4\u4e2d\u6587', 'xn--ihqwcrb4cv8a8dqg056pqjye'],
    [
      '\u05dc\u05de\u05d4\u05d4\u05dd\u05e4\u05e9\u05d5\u05d8\u05dc\u05d0\u05de\u05d3\u05d1\u05e8\u05d9\u05dd\u05e2\u05d1\u05e8\u05d9\u05ea',
      'xn--4dbcagdahymbxekheh6e0a7fei0b',
    ],
    ['3\u5e74b\u7d44\u91d1\u516b\u5148\u751f', 'xn--3b-ww4c5e180e575a65lsy2b'],
    ['\u{10428}', 'xn--hj8c'],
    ['l\u00b7l.es', 'xn--ll-0ea.es'],
    ['\u05d0\u05d1\u05d2.example', 'xn--4dbcd.example'],
    ['\u05d01.a1.example', 'xn--1-zhc.a1.example'],
    ['127.0.0.1', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['[fe80::1%25eth0]', '[fe80::1%25eth0]'],
  ] as const) {
    t.equal(toAscii(unicode), ascii, unicode)
    t.equal(toUnicode(ascii), unicode, ascii)
    t.equal(toUnicode(unicode), unicode)
    t.equal(toAscii(ascii), ascii)
  }
})

t.test('mapped', async t => {
  for (const [domain, prepared] of [
    ['Example.COM', 'example.com'],
    ['example.com.', 'example.com'],
    ['XN--BCHER-KVA.Example.', 'b\u00fccher.example'],
    ['B\u00dcCHER.example', 'b\u00fccher.example'],
    ['bu\u0308cher.example', 'b\u00fccher.example'],
    ['\uff45xample\uff0ecom', 'example.com'],
    ['a\u3002b\uff61c', 'a.b.c'],
    ['\uff11\uff12\uff17.0.0.1', '127.0.0.1'],
    ['\uff58\uff4e--bcher-kva', 'b\u00fccher'],
    ['\u212aelvin.example', 'kelvin.example'],
    ['\u1e9e.example', '\u00df.example'],
    ['\u0130.example', 'i\u0307.example'],
    // Each label by itself: in front of `.gr` too this sigma is a final one.
    ['\u039f\u03a3.gr', '\u03bf\u03c2.gr'],
    ['\uff76\uff9e.example', '\u30ac.example'],
  ] as const) {
    t.equal(toUnicode(domain), prepared, JSON.stringify(domain))
    t.equal(toUnicode(prepared), prepared)
  }
})

t.test('IPv6 addresses that are the same look the same', async t => {
  for (const [domain, prepared] of [
    ['[0:0:0:0:0:0:0:0]', '[::]'],
    ['[0:0:0:0:0:0:0:1]', '[::1]'],
    ['[1:0:0:0:0:0:0:0]', '[1::]'],
    ['[2001:DB8::0:1]', '[2001:db8::1]'],
    // RFC 5952 §4.2: the first of the longest runs, and no single zero.
    ['[2001:db8:0:0:1:0:0:1]', '[2001:db8::1:0:0:1]'],
    ['[2001:0:0:1:0:0:0:1]', '[2001:0:0:1::1]'],
    ['[2001:db8:0:1:1:1:1:1]', '[2001:db8:0:1:1:1:1:1]'],
    ['[2001:db8::1:1:1:1:1]', '[2001:db8:0:1:1:1:1:1]'],
    ['[::ffff:7f00:1]', '[::ffff:127.0.0.1]'],
    ['[0:0:0:0:0:FFFF:127.0.0.1]', '[::ffff:127.0.0.1]'],
    ['[64:ff9b::192.0.2.33]', '[64:ff9b::c000:221]'],
    ['[1:2:3:4:5:6:1.2.3.4]', '[1:2:3:4:5:6:102:304]'],
    ['[FE80::1%25eth0].', '[fe80::1%25eth0]'],
  ] as const) {
    t.equal(toUnicode(domain), prepared, domain)
    t.equal(toAscii(prepared), prepared)
  }
})

t.test('no domains', async t => {
  const long = (count: number): string => 'x'.repeat(count)
  for (const [domain, why] of [
    ['', /a label is empty/],
    ['.', /a label is empty/],
    ['.a', /a label is empty/],
    ['a..b', /a label is empty/],
    ['a.\u3002', /a label is empty/],
    ['a b', /U\+0020, a space/],
    ['a/b', /U\+002F/],
    ['a*b', /U\+002A/],
    ['-a', /"-a" begins or ends with a hyphen/],
    ['a-', /begins or ends with a hyphen/],
    ['-\u00fc', /begins or ends with a hyphen/],
    ['\u00fc-.b', /begins or ends with a hyphen/],
    ['ab--c', /hyphens in the third and fourth place/],
    ['\u00fcb--c', /hyphens in the third and fourth place/],
    // A-labels: of nothing, of ASCII, badly written, too large, not the only one, and of what is no U-label.
    ['xn--', /is no A-label/],
    ['xn--abc-', /is no A-label/],
    ['xn--\u00fc', /hyphens in the third/],
    ['xn--!', /is no A-label/],
    ['xn--9', /is no A-label/],
    ['xn--zzzzzzzzzzz', /is no A-label/],
    ['xn--99999999999999999999999999', /is no A-label/],
    ['xn--a', /U\+0080, a control character/],
    ['xn--b\u0301cher-kva', /hyphens in the third/],
    ['xn--bcher-2pa', /U\+00DC, a capital letter/],
    ['xn--u-ccb', /not in normalization form C/],
    ['xn----eha', /begins or ends with a hyphen/],
    ['xn--a-wbb', /begins with a combining mark/],
    ['xn--a-ugn', /only behind a virama/],
    ['xn--ls8h', /U\+1F4A9, a symbol/],
    ['xn--xn---3ra', /hyphens in the third/],
    // Code points.
    ['a\u265a', /U\+265A, a symbol/],
    ['\ufb01', /U\+FB01/],
    ['\u00aa', /U\+00AA/],
    ['\u1f80', /U\+1F80/],
    ['\u13a0\u00e9', /U\+13A0/],
    ['\u2163', /U\+2163, a numeral/],
    ['\u0640', /U\+0640/],
    ['a\u00ad', /U\+00AD, an invisible character/],
    ['a\ufe0f', /U\+FE0F, an invisible character/],
    ['\u1100', /U\+1100, a conjoining jamo/],
    ['a\u20d0', /U\+20D0/],
    ['\u0378', /U\+0378, unassigned/],
    ['\ue000', /U\+E000, a character for private use/],
    ['\ud800', /U\+D800, half a surrogate pair/],
    ['\ufffe', /U\+FFFE, no character/],
    ['b_\u00fc', /U\+005F/],
    ['\u0301a', /begins with a combining mark/],
    ['a.\u0915\u094d.\u094d', /begins with a combining mark/],
    // In context.
    ['a\u00b7l', /may stand only between two l/],
    ['a\u0375b', /may stand only before a Greek letter/],
    ['a\u05f3', /may stand only behind a Hebrew letter/],
    ['a\u30fb', /may stand only beside/],
    ['\u0915\u200d', /may stand only behind a virama/],
    ['\u0627\u200c\u0628', /only behind a virama or between letters that join/],
    ['\u0627\u0660\u06f1', /only without numerals of the other/],
    // From right to left, and beside that.
    ['\u05d0a', /it mixes/],
    ['\u05d0.1a', /has to begin with a letter/],
    ['_a.\u05d0', /has to begin with a letter/],
    ['1\u05d0', /has to begin with a letter/],
    ['\u05d01\u0660', /European and Arabic numerals/],
    // Length: as an A-label too.
    [long(64), /longer than 63 octets/],
    ['\u00fc'.repeat(60), /longer than 63 octets as an A-label/],
    [`\u00fc${long(56)}`, /longer than 63 octets as an A-label/],
    [`${`${long(49)}.`.repeat(5)}abcd`, /longer than 253 octets/],
    [`${`\u00fc${long(40)}.`.repeat(5)}${long(20)}`, /longer than 253 octets/],
    [long(2000), /longer than 1023 octets/],
    // Numbers and brackets.
    ['1.2.3.256', /neither a name nor an IPv4 address/],
    ['01.2.3.4', /neither a name nor an IPv4 address/],
    ['\uff10\uff11.2.3.4', /neither a name nor an IPv4 address/],
    ['::1', /U\+003A/],
    ['[]', /U\+005B/],
    ['[1]', /U\+005B/],
    ['[1::2::3]', /U\+005B/],
    ['[::1.2.3.256]', /U\+005B/],
    ['[::1%eth0]', /U\+005B/],
    ['[::1%25]', /U\+005B/],
    ['[::1]x', /U\+005B/],
    ['[v1.x]', /U\+005B/],
  ] as const) {
    for (const convert of [toUnicode, toAscii]) {
      throws(t, () => convert(domain), { ...refused, message: why }, JSON.stringify(domain.slice(0, 40)))
    }
  }
  t.equal(toAscii(`${`${long(49)}.`.repeat(5)}abc`).length, 253)
  t.equal(toAscii(`\u00fc${'x'.repeat(55)}`).length, 63)
})

t.test('no address, however it is written, is taken for another', async t => {
  for (const domain of ['1.2', '0x7f.1', '2130706433', '017700000001', '0x7f000001']) {
    t.equal(toAscii(domain), domain, 'a name, as DNS has it')
  }
  throws(t, () => toAscii('%31.example'), refused)
})
