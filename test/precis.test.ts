import t from 'tap'
import { opaqueString, usernameCaseMapped } from '../src/precis.ts'
import { throws } from './helper/rejects.ts'

const refused = { code: 'XMPP_JID_MALFORMED', condition: 'jid-malformed' }

t.test('usernames', async t => {
  for (const [text, prepared] of [
    // RFC 8265 §3.6, table 1.
    ['juliet@example.com', 'juliet@example.com'],
    ['fussball', 'fussball'],
    ['fu\u00dfball', 'fu\u00dfball'],
    ['\u03c0', '\u03c0'],
    ['\u03a3', '\u03c3'],
    ['\u03c3', '\u03c3'],
    ['\u03c2', '\u03c2'],
    // Case: titlecase and capitals that have no single lower-case letter; a sigma at the end (SpecialCasing, Final_Sigma).
    ['\u1e9e', '\u00df'],
    ['\u0130', 'i\u0307'],
    ['\u039f\u03a3', '\u03bf\u03c2'],
    ['\u13a0', '\uab70'],
    ['\u0410', '\u0430'],
    // Width, and what it leads to.
    ['\uff21\uff22', 'ab'],
    ['\uff76\uff9e', '\u30ac'],
    // Form.
    ['a\u030a', '\u00e5'],
    ['\u212b', '\u00e5'],
    ['\u2126', '\u03c9'],
    ['\u0158', '\u0159'],
    ['\u1100\u1161\u11a8', '\uac01'],
    // What is an exception, or fits its context.
    ['\u06fd\u06fe', '\u06fd\u06fe'],
    ['\u3007', '\u3007'],
    ['l\u00b7l', 'l\u00b7l'],
    ['\u0375\u03b1', '\u0375\u03b1'],
    ['\u05d0\u05f3\u05f4', '\u05d0\u05f3\u05f4'],
    ['\u30fb\u30a2', '\u30fb\u30a2'],
    ['\u4e00\u30fb', '\u4e00\u30fb'],
    ['\u0627\u0660\u0661', '\u0627\u0660\u0661'],
    ['\u0627\u06f0\u06f1', '\u0627\u06f0\u06f1'],
    ['\u0915\u094d\u200d\u0937', '\u0915\u094d\u200d\u0937'],
    ['\u0915\u094d\u200c\u0937', '\u0915\u094d\u200c\u0937'],
    ['\u0628\u200c\u0627', '\u0628\u200c\u0627'],
    ['\u0628\u064e\u200c\u064e\u0627', '\u0628\u064e\u200c\u064e\u0627'],
    // From right to left.
    ['\u05d0\u05d1', '\u05d0\u05d1'],
    ['\u05d0-1', '\u05d0-1'],
    ['\u05d0\u05d1\u05b0', '\u05d0\u05d1\u05b0'],
    ['\u{1e900}\u{1e901}', '\u{1e922}\u{1e923}'],
    // Marks and digits that go with letters, of several planes.
    ['\u0e01\u0e34', '\u0e01\u0e34'],
    ['\u{20000}', '\u{20000}'],
    ['!#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~"', '!#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~"'],
  ] as const) {
    t.equal(usernameCaseMapped(text), prepared, points(text))
    t.equal(usernameCaseMapped(prepared), prepared, 'and so it stays')
  }
})

t.test('no usernames', async t => {
  for (const [text, why] of [
    // RFC 8265 §3.6, table 2.
    ['foo bar', /U\+0020, a space, may not be in it/],
    ['', /it is empty/],
    ['henry\u2163', /U\+2163, a numeral/],
    ['\u265a', /U\+265A, a symbol/],
    ['\u221e', /U\+221E, a symbol/],
    // Compatibility characters.
    ['\u017f', /U\+017F/],
    ['\ufb01', /U\+FB01/],
    ['\u00aa', /U\+00AA/],
    ['\u01c5', /U\+01C5, a capital letter/],
    ['\u03d2', /U\+03D2/],
    ['\u2460', /U\+2460, a numeral/],
    ['\uffa1', /U\+FFA1/],
    ['\u{1d400}', /U\+1D400/],
    // Spaces, controls, what is not seen, what is none.
    ['\u3000', /U\+3000, a space/],
    ['\u1680', /U\+1680, a space/],
    ['a\tb', /U\+0009, a control character/],
    ['a\u0085', /U\+0085, a control character/],
    ['a\u00ad', /U\+00AD, an invisible character/],
    ['a\u200b', /U\+200B, an invisible character/],
    ['a\u200e', /U\+200E, an invisible character/],
    ['a\ufe0f', /U\+FE0F, an invisible character/],
    ['a\u034f', /U\+034F, an invisible character/],
    ['\u3164', /U\+3164, an invisible character/],
    ['\ufffe', /U\+FFFE, no character/],
    ['\u{1ffff}', /U\+1FFFF, no character/],
    ['\ue000', /U\+E000, a character for private use/],
    ['\ud800', /U\+D800, half a surrogate pair/],
    ['\udc00a', /U\+DC00, half a surrogate pair/],
    ['\u0378', /U\+0378, unassigned in Unicode \d+/],
    ['\u{e0001}', /U\+E0001/],
    // By hand, and by block.
    ['\u0640', /U\+0640/],
    ['\u302e', /U\+302E/],
    ['\u3031', /U\+3031/],
    ['\u1100', /U\+1100, a conjoining jamo/],
    ['\ua960', /U\+A960, a conjoining jamo/],
    ['\ud7b0', /U\+D7B0, a conjoining jamo/],
    // Punctuation and symbols beyond ASCII, letter numbers, enclosing marks.
    ['\u2019', /U\+2019, a punctuation mark/],
    ['\u00b4', /U\+00B4, a symbol/],
    ['\u16ee', /U\+16EE, a numeral/],
    ['a\u0488', /U\+0488, a combining mark/],
    // Out of context.
    ['l\u00b7', /U\+00B7, a punctuation mark, may stand only between two l/],
    ['L\u00b7l\u00b7', /U\+00B7/],
    ['a\u0375', /U\+0375, a symbol, may stand only before a Greek letter/],
    ['a\u05f3', /U\+05F3, a punctuation mark, may stand only behind a Hebrew letter/],
    ['\u05f4\u05d0', /U\+05F4, a punctuation mark, may stand only behind a Hebrew letter/],
    ['a\u30fb', /U\+30FB, a punctuation mark, may stand only beside Hiragana/],
    ['\u0627\u0660\u06f0', /U\+0660, a numeral, may stand only without/],
    ['a\u200d', /U\+200D, an invisible character, may stand only behind a virama/],
    ['a\u200c', /U\+200C, an invisible character, may stand only behind a virama or between letters that join/],
    ['\u0627\u200c\u0628', /U\+200C/],
    ['\u0628\u200c', /U\+200C/],
    // The Bidi Rule.
    ['\u05d0a', /it mixes left-to-right and right-to-left letters/],
    ['a\u05d0', /it mixes left-to-right and right-to-left letters/],
    ['1\u05d0', /has to begin with a letter/],
    ['-\u05d0', /has to begin with a letter/],
    ['\u05d0-', /has to end with a letter or a digit/],
    ['\u05d01\u0660', /it mixes European and Arabic numerals/],
    ['a\u0660', /it mixes left-to-right letters and Arabic numerals/],
    ['\u0660', /has to begin with a letter/],
  ] as const) {
    throws(t, () => usernameCaseMapped(text), { ...refused, message: why }, points(text))
  }
  throws(t, () => usernameCaseMapped('\u265a', 'nickname'), { message: /^the nickname is not valid: / })
})

t.test('opaque strings', async t => {
  for (const [text, prepared] of [
    // RFC 8265 §4.3, table 3.
    ['correct horse battery staple', 'correct horse battery staple'],
    ['Correct Horse Battery Staple', 'Correct Horse Battery Staple'],
    ['\u03c0\u00df\u00e5', '\u03c0\u00df\u00e5'],
    ['Jack of \u2666s', 'Jack of \u2666s'],
    ['foo\u1680bar', 'foo bar'],
    // Every space, case and width kept, compatibility characters kept, form composed.
    ['\u00a0a\u2000b\u202f\u3000', ' a b  '],
    ['\uff21A\u2163\ufb01', '\uff21A\u2163\ufb01'],
    ['A\u030a', '\u00c5'],
    ['\u212b', '\u00c5'],
    ['\u05d0a\u0660', '\u05d0a\u0660'],
    ['\u{1f600}\u2019\u00b4\u2460', '\u{1f600}\u2019\u00b4\u2460'],
    ['a\u0488\u16ee\u01c5', 'a\u0488\u16ee\u01c5'],
  ] as const) {
    t.equal(opaqueString(text), prepared, points(text))
    t.equal(opaqueString(prepared), prepared, 'and so it stays')
  }
})

t.test('no opaque strings', async t => {
  for (const [text, why] of [
    // RFC 8265 §4.3, table 4.
    ['', /it is empty/],
    ['my cat is a \tby', /U\+0009, a control character/],
    ['a\nb', /U\+000A/],
    ['a\u2028b', /U\+2028, a space/],
    ['\u200b', /U\+200B, an invisible character/],
    ['\u2764\ufe0f', /U\+FE0F, an invisible character/],
    ['\u{1f468}\u200d\u{1f469}', /U\+200D, an invisible character, may stand only behind a virama/],
    ['a \u00b7 b', /U\+00B7, a punctuation mark, may stand only between two l/],
    ['\u1100', /U\+1100, a conjoining jamo/],
    ['\u0640', /U\+0640/],
    ['\u0600\u0661', /U\+0600, an invisible character/],
    ['\ue000', /U\+E000, a character for private use/],
    ['\u0378', /U\+0378, unassigned/],
    ['\ufdd0', /U\+FDD0, no character/],
    ['\ud83d', /U\+D83D, half a surrogate pair/],
  ] as const) {
    throws(t, () => opaqueString(text), { ...refused, message: why }, points(text))
  }
})

/** What a text is made of, in ASCII: some of it would break the lines of a test's report. */
function points(text: string): string {
  return Array.from(text, char => (char.codePointAt(0) as number).toString(16)).join(' ')
}
