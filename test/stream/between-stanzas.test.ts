import t from 'tap'
import { Parser, type ParserOptions } from '../../src/stream/parser.ts'

const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

/** What a stream of this content is read as, in chunks of this many bytes: names of its elements, and the condition it ends with. */
function read(content: string, size: number, options: ParserOptions = {}): string[] {
  const parser = new Parser(options)
  parser.write(Buffer.from(HEADER))
  const bytes = Buffer.from(content)
  const seen: string[] = []
  try {
    for (let at = 0; at < bytes.length; at += size) {
      parser.push(bytes.subarray(at, at + size))
      for (let event = parser.next(); event !== undefined; event = parser.next()) {
        seen.push(event.type === 'element' ? event.element.name : event.type)
      }
    }
  } catch (error) {
    seen.push((error as { condition: string }).condition)
  }
  return seen
}

t.test('what is wrong between stanzas is told by its first character, however it is cut', async t => {
  for (const [between, condition] of [
    ['x', 'bad-format'],
    ['x]]>', 'bad-format'],
    [']]>', 'bad-format'],
    ['>', 'bad-format'],
    ['x\u0001', 'bad-format'],
    ['x&foo;', 'bad-format'],
    ['\u00a0', 'bad-format'],
    ['\u{1f339}]]>', 'bad-format'],
    ['\ufeff', 'bad-format'],
    ['\u0001', 'not-well-formed'],
    ['\0', 'not-well-formed'],
    ['\ufffe', 'not-well-formed'],
    ['& ', 'not-well-formed'],
    ['&;', 'not-well-formed'],
    ['&#0;', 'not-well-formed'],
    ['&#xD800;', 'not-well-formed'],
    ['&foo;', 'restricted-xml'],
    // Text, but nothing that production 3 (S) calls white space.
    ['&#32;', 'bad-format'],
    ['&amp;', 'bad-format'],
    ['<![CDATA[ ]]>', 'bad-format'],
    ['<![CDATA[x]]>', 'bad-format'],
    ['<![CDATA[]]>x]]>', 'bad-format'],
    ['<![CDATA[]]>\u0001', 'not-well-formed'],
    ['<![CDATA[]]>&#32;', 'bad-format'],
    ['<![CDATA[]]>&foo;', 'restricted-xml'],
  ] as const) {
    for (const space of ['', ' \r\n']) {
      for (const size of [1, 2, 3, 7, 1000]) {
        const content = `<a/>${space}${between}<b/>`
        t.same(read(content, size), ['a', condition], `${JSON.stringify(content)} by ${size}`)
      }
    }
  }
  for (const size of [1, 1000])
    t.same(read('<a/><![CDATA[]]>\r\n<b/>', size), ['a', 'b'], 'an empty section is nothing')
})

t.test('it is reported once, and what is ill-formed in it as well', async t => {
  for (const [content, names, reported] of [
    ['<a/>hello big world<b/>', ['a', 'b'], ['bad-format']],
    ['<a/>one<b/>two <![CDATA[three]]> &#52; five<c/>', ['a', 'b', 'c'], ['bad-format', 'bad-format']],
    ['<a/>1 <!-- x --> 2<b/>', ['a', 'b'], ['bad-format', 'restricted-xml']],
    ['<a/>&foo;<b/>', ['a', 'b'], ['restricted-xml', 'bad-format']],
    ['<a/>hello & world<b/>', ['a'], ['bad-format', 'not-well-formed']],
    ['<a/>hello\u0001<b/>', ['a'], ['bad-format', 'not-well-formed']],
    ['<a/><!-- a -> b --> <!----><b/>', ['a', 'b'], ['restricted-xml', 'restricted-xml']],
    ['<a/><?x > y ? > z?><b/>', ['a', 'b'], ['restricted-xml']],
    ['<a/>x</stream:stream>', ['a', 'close'], ['bad-format']],
  ] as const) {
    for (const tokenizer of ['strict', 'sax'] as const) {
      // sax lets control characters pass, and gives up at any reference that it does not know.
      if (tokenizer === 'sax' && content !== content.replace(/[^ -~]|&/g, '')) continue
      for (const size of [1, 2, 3, 7, 1000]) {
        const seen: string[] = []
        const onViolation = (error: { condition: string }): void => void seen.push(error.condition)
        const what = `${tokenizer}: ${JSON.stringify(content)} by ${size}`
        t.same(read(content, size, { onViolation, tokenizer }), names, what)
        t.same(seen, reported, what)
      }
    }
  }
})

t.test('what is forbidden in front of the header is reported once', async t => {
  for (const before of [
    '<?x?>',
    '<?x y?>',
    '<?xmlx?>',
    '<?xm?>',
    '<!-- x -->',
    '<!DOCTYPE a>',
    '<!DOCTYPE a [<!ENTITY b "]>">]>',
    '<!DOCTYPE a SYSTEM ">">',
    "<!DOCTYPE a [<!-- don't ]> --> <?x don't ]> ?> <!---->]>",
    '<!DOCTYPE a [<!ENTITY b "<!--">]>',
  ]) {
    for (const size of [1, 2, 3, 7, 1000]) {
      const seen: string[] = []
      const parser = new Parser({ onViolation: error => void seen.push(error.condition) })
      const bytes = Buffer.from(`${before}${HEADER}<a/>`)
      const events: string[] = []
      for (let at = 0; at < bytes.length; at += size) {
        events.push(...parser.write(bytes.subarray(at, at + size)).map(event => event.type))
      }
      t.same([events, seen], [['open', 'element'], ['restricted-xml']], `${before} by ${size}`)
    }
  }
})
