import t from 'tap'
import { prepareJid } from '../../src/jid.ts'
import { escapeNode, jidEscaping, unescapeNode } from '../../src/xep/0106-jid-escaping.ts'
import { throws } from '../helper/rejects.ts'

t.test('there and back', async t => {
  for (const [name, localpart] of [
    // XEP-0106 §5.1.
    ['space cadet', 'space\\20cadet'],
    ['call me "ishmael"', 'call\\20me\\20\\22ishmael\\22'],
    ['at&t guy', 'at\\26t\\20guy'],
    ["d'artagnan", 'd\\27artagnan'],
    ['/.fanboy', '\\2f.fanboy'],
    ['::foo::', '\\3a\\3afoo\\3a\\3a'],
    ['<foo>', '\\3cfoo\\3e'],
    ['user@host', 'user\\40host'],
    ['c:\\net', 'c\\3a\\net'],
    ['c:\\\\net', 'c\\3a\\\\net'],
    ['c:\\cool stuff', 'c\\3a\\cool\\20stuff'],
    ['c:\\5commas', 'c\\3a\\5c5commas'],
    // §4.2, and §5.2 to §5.5.
    ['\\3and\\2is\\5cool', '\\5c3and\\2is\\5c5cool'],
    ["here's_a_wild_&_/cr%zy/_address", 'here\\27s_a_wild_\\26_\\2fcr%zy\\2f_address'],
    ['address_for:<wv>("IMPS")', 'address_for\\3a\\3cwv\\3e(\\22IMPS\\22)'],
    ['tr\u00e9ville@musketeers.lit', 'tr\u00e9ville\\40musketeers.lit'],
    // A backslash by itself, of each kind.
    ['\\', '\\'],
    ['\\5c', '\\5c5c'],
    ['\\5c5c', '\\5c5c5c'],
    ['\\\\27', '\\\\5c27'],
    ['\\20a\\20', '\\5c20a\\5c20'],
    ['call\\20me', 'call\\5c20me'],
    ['', ''],
  ] as const) {
    t.equal(escapeNode(name), localpart, name)
    t.equal(unescapeNode(localpart), name, localpart)
    if (localpart !== '') t.type(prepareJid(`${localpart}@example.com`), 'string')
  }
})

t.test('what is no escape sequence stays', async t => {
  // §4.3.
  for (const text of [
    '\\2plus\\2is\\4',
    'foo\\bar',
    'foob\\41r',
    '\\2F',
    '\\3A',
    '\\5C',
    '\\',
    '\\2',
    '\\c3',
    '%20',
    '\\u0020',
  ])
    t.equal(unescapeNode(text), text)
  for (const text of ['\\2plus\\2is\\4', 'foo\\bar', 'foob\\41r']) t.equal(escapeNode(text), text)
  t.equal(unescapeNode('\\5c5c'), '\\5c', 'once is enough')
  t.equal(unescapeNode('\\5c20'), '\\20')
})

t.test('capitals of hexadecimal digits do not become an escape sequence when a localpart loses its case', async t => {
  for (const name of ['\\2F', '\\3A', '\\5C20']) {
    const localpart = escapeNode(name).toLowerCase()
    t.equal(unescapeNode(localpart), name.toLowerCase(), name)
  }
})

t.test('no space at either end', async t => {
  for (const name of [' a', 'a ', ' '])
    throws(
      t,
      () => escapeNode(name),
      { code: 'XMPP_JID_MALFORMED', condition: 'jid-malformed', message: /trim/ },
      `"${name}"`,
    )
  for (const localpart of ['\\20a', 'a\\20', '\\20']) t.equal(unescapeNode(localpart), localpart)
  t.equal(unescapeNode('\\20a\\20b\\20'), '\\20a b\\20')
})

t.test('the feature is written escaped', async t => {
  t.same(jidEscaping.features, ['jid\\20escaping'])
})
