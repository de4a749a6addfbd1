import t from 'tap'
import { bareJid, formatJid, parseJid, prepareJid, resourceOf } from '../src/jid.ts'
import { throws } from './helper/rejects.ts'

t.test('valid', async t => {
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
    ['king@example.com/\u265a', 'king', 'example.com', '\u265a'],
    ['example.com', '', 'example.com', ''],
    ['example.com/foobar', '', 'example.com', 'foobar'],
    ['a.example.com/b@example.net', '', 'a.example.com', 'b@example.net'],
    ['a@b/c/d', 'a', 'b', 'c/d'],
    ['a@b//', 'a', 'b', '/'],
    ['localhost', '', 'localhost', ''],
    ['a@127.0.0.1', 'a', '127.0.0.1', ''],
    ['a@[::1]/x', 'a', '[::1]', 'x'],
    ['a!#$%*+-._=?^`{|}~@b', 'a!#$%*+-._=?^`{|}~', 'b', ''],
  ] as const) {
    t.same(parseJid(text), { local, domain, resource }, text)
    t.equal(formatJid(parseJid(text)), text)
  }
})

t.test('prepared', async t => {
  for (const [text, prepared] of [
    ['Juliet@Example.COM/Balcony', 'juliet@example.com/Balcony'],
    ['a@example.com.', 'a@example.com'],
    ['a@example.com./r.', 'a@example.com/r.'],
    ['B\u00dcCHER@B\u00fccher.example', 'b\u00fccher@b\u00fccher.example'],
    ['e\u0301@example.com/e\u0301', '\u00e9@example.com/\u00e9'],
    ['\u212b@example.com', '\u00e5@example.com'],
    ['J\u030c@example.com', '\u01f0@example.com'],
    ['a@J\u030c.example', 'a@\u01f0.example'],
    ['\u03a3@example.com', '\u03c3@example.com'],
  ] as const) {
    t.equal(prepareJid(text), prepared, text)
    t.equal(prepareJid(prepared), prepared, `${prepared} stays as it is`)
  }
})

t.test('not a JID', async t => {
  const long = (count: number): string => 'x'.repeat(count)
  for (const [text, why] of [
    ['', /no domain/],
    ['@example.com', /before the @/],
    ['@/x', /before the @/],
    ['juliet@', /no domain/],
    ['/x', /no domain/],
    ['juliet@/x', /no domain/],
    ['juliet@example.com/', /behind the \//],
    ['example.com/', /behind the \//],
    ['"juliet"@example.com', /localpart/],
    ['foo bar@example.com', /localpart/],
    ['a&b@example.com', /localpart/],
    ["a'b@example.com", /localpart/],
    ['a:b@example.com', /localpart/],
    ['a<b@example.com', /localpart/],
    ['a>b@example.com', /localpart/],
    ['a\u00a0b@example.com', /localpart/],
    ['a@b@c', /domain name/],
    ['a@b c', /domain name/],
    ['a@b..c', /domain name/],
    ['a@.', /no domain|domain name/],
    ['a@b..', /domain name/],
    ['a@.b', /domain name/],
    ['a@[zz]', /domain name/],
    ['a@[::1', /domain name/],
    ['a\u0000@b', /control character in the localpart/],
    ['a@b\n', /control character in the domainpart/],
    ['a@b/\u007f', /control character in the resourcepart/],
    ['a@b/\ufffe', /resourcepart/],
    [`${long(1024)}@b`, /localpart longer than 1023/],
    [`a@${long(1024)}`, /domainpart longer than 1023/],
    [`a@b/${long(1024)}`, /resourcepart longer than 1023/],
    [`a@b/${'\u20ac'.repeat(342)}`, /resourcepart longer than 1023/],
  ] as const) {
    throws(
      t,
      () => parseJid(text),
      { code: 'XMPP_JID_MALFORMED', condition: 'jid-malformed', message: why },
      text.slice(0, 40),
    )
    t.equal(prepareJid(text), undefined)
  }
  t.match(parseJid(`${long(1023)}@b/${'\u20ac'.repeat(341)}`), { domain: 'b' }, 'the limits themselves')
  throws(t, () => parseJid(`${long(5000)} @b`), { message: /^.{1,300}$/ }, 'the message does not repeat all of it')
})

t.test('parts of prepared ones', async t => {
  t.equal(bareJid('a@b/c/d@e'), 'a@b')
  t.equal(bareJid('a@b'), 'a@b')
  t.equal(bareJid('b/c@d'), 'b')
  t.equal(resourceOf('a@b/c/d'), 'c/d')
  t.equal(resourceOf('a@b'), '')
  t.equal(formatJid({ local: '', domain: 'b', resource: '' }), 'b')
})
