import t from 'tap'
import { bidiFault, isRightToLeft } from '../../src/unicode/bidi.ts'
import { isTransparent, joinsNext, joinsPrevious } from '../../src/unicode/joining.ts'
import { isVirama, nameOf, originOf, unassigned } from '../../src/unicode/properties.ts'
import { decodePunycode, encodePunycode } from '../../src/unicode/punycode.ts'
import { mapWidth } from '../../src/unicode/width.ts'

/** Characters given as hexadecimal code points and ranges. */
function chars(list: string): string[] {
  return list.split(' ').flatMap(item => {
    const [from = 0, to = from] = item.split('-').map(point => Number.parseInt(point, 16))
    return Array.from({ length: to - from + 1 }, (_, at) => String.fromCodePoint(from + at))
  })
}

/** All characters outside the CJK ideographs and beyond, where there are none of those asked for. */
const all = chars('0-2fff a000-abff fb00-ffff 10000-11fff 16000-1f0ff')

t.test('Canonical_Combining_Class=Virama, as Unicode 17 has it', async t => {
  const viramas = chars(
    '94d 9cd a4d acd b4d bcd c4d ccd d3b d3c d4d dca e3a eba f84 1039 103a 1714 1715 1734 17d2 1a60 1b44 1baa 1bab 1bf2 1bf3 2d7f a806 a82c a8c4 a953 a9c0 aaf6 abed 10a3f 11046 11070 1107f 110b9 11133 11134 111c0 11235 112ea 1134d 113ce 113cf 113d0 11442 114c2 115bf 1163f 116b6 1172b 11839 1193d 1193e 119e0 11a34 11a47 11a99 11c3f 11d44 11d45 11d97 11f41 11f42 1612f',
  )
  for (const char of viramas) {
    if (!unassigned.test(char)) t.ok(isVirama(char), nameOf(char))
  }
  const found = all.filter(isVirama)
  const later = Number.parseFloat(process.versions.unicode ?? '0') > 17
  if (!later)
    t.same(
      found,
      viramas.filter(char => !unassigned.test(char)),
    )
  // Nukta, voicing marks, sheva, acute: classes 7, 8, 10 and 230. And letters.
  for (const char of chars('93c 3099 309a 5b0 301 915 61')) t.notOk(isVirama(char), nameOf(char))
})

t.test('Bidi_Class: letters and digits of right-to-left scripts, and no others', async t => {
  const scripts = `Adlam Arabic Avestan Chorasmian Cypriot Elymaic Hatran Hebrew Imperial_Aramaic Inscriptional_Pahlavi
    Inscriptional_Parthian Kharoshthi Lydian Mandaic Manichaean Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Nabataean
    Nko Old_Hungarian Old_North_Arabian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Palmyrene Phoenician
    Psalter_Pahlavi Hanifi_Rohingya Samaritan Sogdian Syriac Thaana Yezidi`
  const known = new RegExp(`^(?=[\\p{L}\\p{Nd}])[${scripts.replace(/\s*(\w+)\s*/g, '\\p{Script=$1}')}]$`, 'u')
  const inScripts = all.filter(char => known.test(char) && !/[\u06f0-\u06f9]/.test(char))
  t.ok(inScripts.length > 1800)
  t.same(inScripts.filter(char => !isRightToLeft(char)).map(nameOf), [])
  const others = all.filter(char =>
    /[\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}\p{sc=Deva}\p{sc=Thai}\p{sc=Hang}\p{sc=Linb}]/u.test(char),
  )
  t.same(others.filter(isRightToLeft).map(nameOf), [])
  // AN makes a text right-to-left as well (RFC 5893 §2); EN, marks, and Arabic punctuation do not.
  for (const char of chars('660 669 10d30 10d40')) t.equal(isRightToLeft(char), !unassigned.test(char), nameOf(char))
  for (const char of chars('30 6f0 5b0 64e 60c 61')) t.notOk(isRightToLeft(char), nameOf(char))
})

t.test('the Bidi Rule, condition by condition', async t => {
  for (const good of [
    '\u05d0',
    '\u05d0\u05b0',
    '\u05d01',
    '\u05d0\u06f1',
    '\u0627\u0661',
    '\u05d0-\u05d1',
    '\u05d0+1\u0301',
    'a',
    'a1',
    'a-b\u0301',
    '\u0cb5\u0cbf',
  ])
    t.equal(bidiFault(good), undefined, good)
  for (const [bad, why] of [
    ['1', /begin/],
    ['\u0661', /begin/],
    ['\u05b0\u05d0', /begin/],
    ['\u05d0a', /mixes left-to-right and/],
    ['\u05d0\u0cbf', /mixes left-to-right and/],
    ['a\u05d0', /mixes left-to-right and/],
    ['\u05d0-', /end/],
    ['\u05d0-\u05b0', /end/],
    ['\u05d01\u0661', /European and Arabic/],
    ['\u0627\u06f1\u0661', /European and Arabic/],
    ['a\u0661', /Arabic numerals/],
    ['a-', /end/],
  ] as const) {
    t.match(bidiFault(bad), why, bad)
  }
})

t.test('Joining_Type', async t => {
  const types = (char: string): string =>
    isTransparent(char) ? 'T' : `${joinsNext(char) ? 'next' : ''}${joinsPrevious(char) ? 'previous' : ''}`
  for (const [list, type] of [
    ['628 64a 6cc 712 7ca 841 1820 a840 10ac0 10d01 10f30 1e900', 'nextprevious'],
    ['622-625 627 62f 648 6d2 710 840 10ac5 10d22', 'previous'],
    ['a872 10acd 10d00', 'next'],
    ['64e 670 300 5b0 1e94b 1885', 'T'],
    ['61 5d0 621 674 200c 915', ''],
  ] as const) {
    for (const char of chars(list)) t.equal(types(char), type, nameOf(char))
  }
})

t.test('Punycode', async t => {
  for (const [label, encoded] of [
    ['', ''],
    ['abc', 'abc-'],
    ['\u00fc', 'tda'],
    ['b\u00fccher', 'bcher-kva'],
    ['a-\u00fc', 'a--yka'],
    ['\u{10ffff}', 'dn32g'],
  ] as const) {
    t.equal(encodePunycode(label), encoded, label)
    t.equal(decodePunycode(encoded), label, encoded)
  }
  for (const bad of ['9', 'abc-9', 'abc-!', 'ABC-KVA', '99999999', 'z'.repeat(59), 'dn32h', '\u00fc'])
    t.equal(decodePunycode(bad), undefined, bad)
})

t.test('width', async t => {
  t.equal(
    mapWidth('\uff21\uff3a\uff01\uff5e\uff5f\uff61\uff66\uff9d\uffe0\uffe8'),
    'AZ!~\u2985\u3002\u30f2\u30f3\u00a2\u2502',
  )
  t.equal(mapWidth('\uff76\uff9e'), '\u30ab\u3099')
  for (const char of chars('ffa0 ffa1 ffdc ffe3 3000 fb01 2163 41'))
    t.equal(mapWidth(char), char, 'left, and refused later')
})

t.test('names for messages', async t => {
  t.equal(nameOf('\u265a'), 'U+265A, a symbol')
  t.equal(nameOf('\n'), 'U+000A, a control character')
  t.equal(nameOf('\u{1f4a9}'), 'U+1F4A9, a symbol')
  t.match(nameOf('\u0378'), /^U\+0378, unassigned in Unicode \d+\.\d+$/)
  const lower = (text: string): string => text.toLowerCase()
  t.equal(originOf('\u2173', 'a\u2163', lower), '\u2163', 'what was typed')
  t.equal(originOf('b', 'ab', lower), 'b')
  t.equal(originOf('c', 'ab', lower), 'c')
})
