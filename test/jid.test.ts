import t from 'tap'
import { bareJid, formatJid, hasJidParts, parseJid, prepareJid, resourceOf } from '../src/jid.ts'
import { cpuTime } from './helper/cpu.ts'
import { throws } from './helper/rejects.ts'

const refused = { code: 'XMPP_JID_MALFORMED', condition: 'jid-malformed' }

// RFC 7622 §3.5, table 1.
t.test('what the RFC calls a JID', async t => {
  for (const [text, local, domain, resource] of [
    ['juliet@example.com', 'juliet', 'example.com', ''],
    ['juliet@example.com/foo', 'juliet', 'example.com', 'foo'],
    ['juliet@example.com/foo bar', 'juliet', 'example.com', 'foo bar'],
    ['juliet@example.com/foo@bar', 'juliet', 'example.com', 'foo@bar'],
    ['foo\\20bar@example.com', 'foo\\20bar', 'example.com', ''],
    ['fussball@example.com', 'fussball', 'example.com', ''],
    ['fu\u00dfball@example.com', 'fu\u00dfball', 'example.com', ''],
    ['\u03c0@example.com', '\u03c0', 'example.com', ''],
    ['\u03c3@example.com/foo', '\u03c3', 'example.com', 'foo'],
    ['\u03c2@example.com/foo', '\u03c2', 'example.com', 'foo'],
    ['king@example.com/\u265a', 'king', 'example.com', '\u265a'],
    ['example.com', '', 'example.com', ''],
    ['example.com/foobar', '', 'example.com', 'foobar'],
    ['a.example.com/b@example.net', '', 'a.example.com', 'b@example.net'],
    // Table 2 has this one; errata 4560 takes it out again.
    ['juliet@example.com/ foo', 'juliet', 'example.com', ' foo'],
  ] as const) {
    t.same(parseJid(text), { local, domain, resource }, text)
    t.equal(formatJid(parseJid(text)), text)
  }
  t.same(parseJid('\u03a3@example.com/foo'), { local: '\u03c3', domain: 'example.com', resource: 'foo' })
})

// RFC 7622 §3.5, table 2.
t.test('what the RFC calls none', async t => {
  for (const [text, why] of [
    ['"juliet"@example.com', /localpart may not hold " \(U\+0022/],
    ['foo bar@example.com', /localpart is not valid: U\+0020, a space/],
    ['@example.com/', /nothing before the @/],
    ['henry\u2163@example.com', /localpart is not valid: U\+2163, a numeral/],
    ['\u265a@example.com', /localpart is not valid: U\+265A, a symbol/],
    ['juliet@', /no domain/],
    ['/foobar', /no domain/],
  ] as const) {
    throws(t, () => parseJid(text), { ...refused, message: why }, text)
    t.equal(prepareJid(text), undefined)
  }
})

t.test('where the parts begin and end', async t => {
  for (const [text, local, domain, resource] of [
    ['a@b/c/d', 'a', 'b', 'c/d'],
    ['a@b//', 'a', 'b', '/'],
    ['a@b/@', 'a', 'b', '@'],
    ['a@b//@//', 'a', 'b', '/@//'],
    ['b/c@d/e', '', 'b', 'c@d/e'],
    ['localhost', '', 'localhost', ''],
    ['pbx1', '', 'pbx1', ''],
    ['a@pbx-1.example', 'a', 'pbx-1.example', ''],
    ['a@1.2', 'a', '1.2', ''],
    ['a@127.0.0.1', 'a', '127.0.0.1', ''],
    ['a@[::1]/x', 'a', '[::1]', 'x'],
    ['a@my_host._sub.example', 'a', 'my_host._sub.example', ''],
    ['a!#$%()*+,-.;=?[\\]^_`{|}~@b', 'a!#$%()*+,-.;=?[\\]^_`{|}~', 'b', ''],
    ['a@b/ !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~', 'a', 'b', ' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'],
  ] as const) {
    t.same(parseJid(text), { local, domain, resource }, text)
    t.equal(prepareJid(text), text)
  }
})

t.test('prepared', async t => {
  for (const [text, prepared] of [
    ['Juliet@Example.COM/Balcony', 'juliet@example.com/Balcony'],
    ['a@example.com.', 'a@example.com'],
    ['a@example.com./r.', 'a@example.com/r.'],
    ['a@EXAMPLE.com./\u00e9', 'a@example.com/\u00e9'],
    ['B\u00dcCHER@B\u00fccher.example', 'b\u00fccher@b\u00fccher.example'],
    ['a@XN--bcher-kva.example', 'a@b\u00fccher.example'],
    ['e\u0301@example.com/e\u0301', '\u00e9@example.com/\u00e9'],
    ['\u212b@example.com', '\u00e5@example.com'],
    ['J\u030c@example.com', '\u01f0@example.com'],
    ['a@J\u030c.example', 'a@\u01f0.example'],
    ['\u03a3@example.com', '\u03c3@example.com'],
    ['\uff21\uff22@\uff25xample\uff0ecom/\uff21', 'ab@example.com/\uff21'],
    ['a@example\u3002com', 'a@example.com'],
    ['a@b/x\u00a0y\u3000z', 'a@b/x y z'],
    ['a@[2001:DB8:0:0::1]', 'a@[2001:db8::1]'],
    ['a@[::FFFF:127.0.0.1].', 'a@[::ffff:127.0.0.1]'],
    ['\u05d0\u05d1@b/\u05d0a', '\u05d0\u05d1@b/\u05d0a'],
  ] as const) {
    t.equal(prepareJid(text), prepared, text)
    t.equal(prepareJid(prepared), prepared, `${prepared} stays as it is`)
  }
})

t.test('the same, and not the same', async t => {
  const same = (a: string, b: string): boolean => prepareJid(a) === prepareJid(b) && prepareJid(a) !== undefined
  for (const [a, b] of [
    ['JULIET@example.com', 'juliet@EXAMPLE.COM.'],
    ['a@b\u00fccher.example', 'a@xn--bcher-kva.example'],
    ['a@b\u00fccher.example', 'a@BU\u0308CHER.example'],
    ['a@[::1]', 'a@[0:0:0:0:0:0:0:1]'],
    ['a@[::ffff:7f00:1]', 'a@[::ffff:127.0.0.1]'],
    ['\u30ac@b', '\uff76\uff9e@b'],
    ['\uac00@b', '\u1100\u1161@b'],
    ['a@b/\u00e5', 'a@b/a\u030a'],
  ] as const) {
    t.ok(same(a, b), `${a} = ${b}`)
  }
  for (const [a, b] of [
    ['a@b/X', 'a@b/x'],
    ['a@b/\uff38', 'a@b/X'],
    ['a@b/x ', 'a@b/x'],
    ['fussball@b', 'fu\u00dfball@b'],
    ['a@fussball.example', 'a@fu\u00dfball.example'],
    ['\u03c3@b', '\u03c2@b'],
    ['a@b', '\u0430@b'],
    ['a@b', 'a.b'],
    ['i@b', '\u0131@b'],
    ['\\20a@b', '\\40a@b'],
  ] as const) {
    t.notOk(same(a, b), `${a} is not ${b}`)
  }
})

t.test('not a JID', async t => {
  for (const [text, why] of [
    ['', /no domain/],
    ['@', /before the @/],
    ['/', /behind the \//],
    ['@/', /before the @/],
    ['@/x', /before the @/],
    ['juliet@/x', /no domain/],
    ['juliet@example.com/', /behind the \//],
    ['example.com/', /behind the \//],
    ['a&b@example.com', /may not hold &/],
    ["a'b@example.com", /may not hold '/],
    ['a:b@example.com', /may not hold :/],
    ['a<b@example.com', /may not hold </],
    ['a>b@example.com', /may not hold >/],
    ['a\u00a0b@example.com', /U\+00A0, a space/],
    // What is mapped to a separator is none.
    ['a\uff20b@example.com', /may not hold \uff20 \(U\+FF20/],
    ['a\uff0fb@example.com', /may not hold \uff0f \(U\+FF0F/],
    ['a@b\uff0fc', /U\+FF0F/],
    ['a@b\uff20c', /U\+FF20/],
    ['\u05d0a@b', /localpart is not valid: it mixes/],
    ['\u00b7@b', /U\+00B7, a punctuation mark, may stand only between two l/],
    ['a@b@c', /"b@c" is no domain: U\+0040/],
    ['a@@c', /is no domain: U\+0040/],
    ['a@b c', /U\+0020, a space/],
    ['a@b..c', /a label is empty/],
    ['a@.', /a label is empty/],
    ['a@b..', /a label is empty/],
    ['a@.b', /a label is empty/],
    ['a@-b', /hyphen/],
    ['a@b-', /hyphen/],
    ['a@b-.c', /hyphen/],
    ['a@ab--c', /hyphens in the third/],
    ['a@xn--a', /U\+0080/],
    ['a@b!c', /U\+0021/],
    ['a@b_\u00fc', /U\+005F/],
    ['a@256.0.0.1', /neither a name nor an IPv4 address/],
    ['a@127.0.0.01', /neither a name nor an IPv4 address/],
    ['a@[zz]', /U\+005B/],
    ['a@[::1', /U\+005B/],
    ['a@[1.2.3.4]', /U\+005B/],
    ['a@::1', /U\+003A/],
    [`a@${long(64)}`, /longer than 63 octets/],
    [`a@${`${long(63)}.`.repeat(4)}x`, /longer than 253 octets/],
    ['a\u0000@b', /localpart is not valid: U\+0000, a control character/],
    ['a@b\n', /U\+000A, a control character/],
    ['a@b/\u007f', /resourcepart is not valid: U\+007F, a control character/],
    ['a@b/\ufffe', /resourcepart is not valid: U\+FFFE, no character/],
    ['a@b/\ud800', /resourcepart is not valid: U\+D800, half a surrogate pair/],
    ['\udc00@b', /localpart is not valid: U\+DC00, half a surrogate pair/],
    ['a@b\ud800', /U\+D800, half a surrogate pair/],
    ['a@b/\u200b', /U\+200B, an invisible character/],
    [`${long(1024)}@b`, /localpart is longer than 1023/],
    [`a@${long(1024)}`, /is longer than 1023/],
    [`a@b/${long(1024)}`, /resourcepart is longer than 1023/],
    [`a@b/${'\u20ac'.repeat(342)}`, /resourcepart is longer than 1023/],
  ] as const) {
    throws(t, () => parseJid(text), { ...refused, message: why }, JSON.stringify(text.slice(0, 40)))
    t.equal(prepareJid(text), undefined)
  }
  t.match(parseJid(`${long(1023)}@b/${'\u20ac'.repeat(341)}`), { domain: 'b' }, 'the limits themselves')
  t.match(parseJid(`a@b/${'e\u0301'.repeat(511)}`), { resource: '\u00e9'.repeat(511) }, 'counted when prepared')
})

t.test('messages are short, and safe to print', async t => {
  for (const text of [`${long(5000)} @b`, `a@${long(5000)} `, `a@b/${long(5000)}\u200b`, `${long(99)}\u{1f600} @b`]) {
    throws(t, () => parseJid(text), { message: /^.{1,300}$/ })
  }
  throws(t, () => parseJid('a\u001b[31m@\u202eb/\nx'), { message: /^[^\p{C}]+$/u })
})

t.test('parts of prepared ones', async t => {
  t.equal(bareJid('a@b/c/d@e'), 'a@b')
  t.equal(bareJid('a@b'), 'a@b')
  t.equal(bareJid('b/c@d'), 'b')
  t.equal(resourceOf('a@b/c/d'), 'c/d')
  t.equal(resourceOf('a@b'), '')
  t.equal(formatJid({ local: '', domain: 'b', resource: '' }), 'b')
})

t.test('whatever comes is a JID that stays as it is, or is refused', async t => {
  const random = generator(7622)
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T
  const alphabets = [
    () => pick([...'abcXYZ019.-_@/\\ "&:[]']),
    () => pick([...'\u00df\u00e9\u0130\u0131\u03a3\u03c2\u0345\u1e9e\u212a\u212b\u2126\u01c5\u1f80\u1fb3\u0390\u00b7']),
    () => pick([...'\u05d0\u05b0\u05f3\u0627\u064e\u0660\u06f1\u200c\u200d\u0915\u094d\u30fb\u30ab\u3099\uff76\uff9e']),
    () =>
      pick([
        '\u3002',
        '\uff0e',
        '\uff61',
        '\uff21',
        '\uff0f',
        '\uffa1',
        '\u1100',
        '\u1161',
        '\uac00',
        'xn--',
        'l',
        '\ud800',
      ]),
    () => String.fromCodePoint(Math.floor(random() * 0x3000)),
    () => String.fromCodePoint(Math.floor(random() * 0x110000)),
  ]
  const start = cpuTime()
  let prepared = 0
  for (let round = 0; round < 30_000; round++) {
    const alphabet = pick(alphabets)
    const other = pick(alphabets)
    const length = 1 + Math.floor(random() * 8)
    const noise = Array.from({ length }, () => (random() < 0.7 ? alphabet() : other())).join('')
    const text = pick([noise, `${noise}@b`, `a@${noise}.b`, `a@b/${noise}`])
    try {
      const jid = parseJid(text)
      prepared++
      const again = parseJid(formatJid(jid))
      if (formatJid(again) !== formatJid(jid)) t.same(again, jid, JSON.stringify(text))
    } catch (error) {
      if ((error as { code?: string }).code !== 'XMPP_JID_MALFORMED') t.error(error as Error, JSON.stringify(text))
    }
  }
  t.ok(prepared > 3000, 'among them are many good ones', { prepared })
  t.ok(cpuTime() - start < 6000)
})

t.test('what has the parts of a JID, whether or not RFC 7622 lets it be one', async t => {
  for (const text of ['example.com', 'a@example.com', 'a@example.com/b', '♥@example.com', 'a@[::1]/b c@d/e', 'A@B/ '])
    t.ok(hasJidParts(text), text)
  for (const text of [
    '',
    '@',
    '/',
    '@b',
    'a@',
    'a@/c',
    '@b/c',
    'b/',
    'a@b/',
    'a@@b',
    'a@b@c',
    'a b@c',
    ' a',
    'a ',
    '<@b',
    'a\n@b',
  ])
    t.notOk(hasJidParts(text), JSON.stringify(text))
  t.notOk(hasJidParts(`a/${long(7000)}`), 'longer than any')
})

t.test('none takes long to refuse', async t => {
  const times = (text: string, count: number): string => text.repeat(count)
  for (const text of [
    times('a.', 500),
    times('a-', 500),
    times('a', 1023),
    times('a@', 511),
    `a@${times('\u00fc', 1000)}`,
    `a@xn--${times('9', 1000)}`,
    `a@${times('xn--9.', 170)}`,
    `${times('\u0660', 500)}\u06f0@b`,
    `${times('\u30fb', 340)}@b`,
    `\u0628${times('\u064e\u200c', 250)}@b`,
    `${times('\u0301', 1000)}@b`,
    `a@b/${times('\u0345\u0301\u0327', 600)}`,
    times('\u{1f600}', 1_000_000),
    `a@${times('\u{1f600}', 1_000_000)}`,
    `a@b/${times('\u{1f600}', 1_000_000)}`,
  ]) {
    const start = cpuTime()
    for (let round = 0; round < 10; round++) {
      prepareJid(text)
      hasJidParts(text)
    }
    t.ok(cpuTime() - start < 1000, `${text.slice(0, 12)}\u2026 of ${text.length}`)
  }
})

function long(count: number): string {
  return 'x'.repeat(count)
}

/** Numbers from 0 to 1 that are the same in every run. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
