import t from 'tap'
import type { StreamError } from '../../src/errors.ts'
import type { Element } from '../../src/stream/element.ts'
import { Parser, type ParserEvent, type ParserOptions } from '../../src/stream/parser.ts'
import { serialize } from '../../src/stream/serialize.ts'
import { heap } from '../helper/heap.ts'
import { throws } from '../helper/rejects.ts'

const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

function parse(text: string | Uint8Array, options?: ParserOptions): ParserEvent[] {
  return new Parser(options).write(typeof text === 'string' ? Buffer.from(text) : text)
}

/** The elements of a stream with this content. */
function elements(content: string): Element[] {
  return parse(`${HEADER}${content}`).flatMap(event => (event.type === 'element' ? [event.element] : []))
}

/** The only element of a stream. */
function one(content: string): Element {
  const found = elements(content)
  if (found.length !== 1) throw new Error(`${found.length} elements in ${content}`)
  return found[0] as Element
}

/** A tree to compare: nothing of ours decides what is equal. */
function tree(element: Element): unknown {
  return {
    name: element.name,
    ns: element.ns,
    attrs: Object.entries(element.attrs).sort(),
    children: element.children.map(child => (typeof child === 'string' ? child : tree(child))),
  }
}

const events = (found: ParserEvent[]): unknown[] =>
  found.map(event => {
    if (event.type === 'close') return 'close'
    return event.type === 'open' ? ['open', event.ns, tree(event.header)] : tree(event.element)
  })

// Under this name an ordinary object shows its prototype.
const proto = '__proto__'

const stanza = [
  '<message to="romeo@montague.lit" xml:lang=\'en\'><body>Grüße, ',
  '\u{1f339} &lt;&#228;&#x1F339;&gt; \u20ac</body><x xmlns="urn:x" a="&quot;é&quot;"><![CDATA[<raw> & ]]>text</x></message>',
].join('')

/** A line separator in the name of a test is the end of its line. */
const shown = (xml: string): string => encodeURI(xml).replaceAll('%3C', '<').replaceAll('%3E', '>')

t.test('header, elements, close', async t => {
  const found = parse(
    `<?xml version='1.0' encoding="UTF-8"?>\n${HEADER.replace('>', " id='s1' xml:lang='de'>")}<a/> <b>x</b>\n</stream:stream>`,
  )
  t.same(events(found), [
    [
      'open',
      'jabber:client',
      {
        name: 'stream',
        ns: 'http://etherx.jabber.org/streams',
        attrs: [
          ['id', 's1'],
          ['xml:lang', 'de'],
        ],
        children: [],
      },
    ],
    { name: 'a', ns: 'jabber:client', attrs: [], children: [] },
    { name: 'b', ns: 'jabber:client', attrs: [], children: ['x'] },
    'close',
  ])
})

t.test('every split of a multi-byte document in two gives the same events', async t => {
  const bytes = Buffer.from(`<?xml version='1.0'?>${HEADER}${stanza} ${stanza}</stream:stream>`)
  const whole = events(parse(bytes))
  t.equal(whole.length, 4)
  for (let cut = 0; cut <= bytes.length; cut++) {
    const parser = new Parser()
    const found = [...parser.write(bytes.subarray(0, cut)), ...parser.write(bytes.subarray(cut))]
    if (!t.same(events(found), whole, `cut at ${cut}`)) return
  }
})

t.test('so does every size of chunk', async t => {
  const bytes = Buffer.from(`${HEADER}${stanza}${stanza}</stream:stream>`)
  const whole = events(parse(bytes))
  for (let size = 1; size <= 40; size++) {
    const parser = new Parser()
    const found: ParserEvent[] = []
    for (let at = 0; at < bytes.length; at += size) found.push(...parser.write(bytes.subarray(at, at + size)))
    t.same(events(found), whole, `chunks of ${size}`)
  }
})

t.test('a chunk may be overwritten by its owner once it is taken', async t => {
  const parser = new Parser()
  const bytes = Buffer.from(`${HEADER}<a>\u00e9`)
  const head = Buffer.from(bytes.subarray(0, bytes.length - 1))
  parser.write(head)
  head.fill(0x21)
  t.same(events(parser.write(Buffer.concat([bytes.subarray(-1), Buffer.from('</a>')]))), [
    { name: 'a', ns: 'jabber:client', attrs: [], children: ['\u00e9'] },
  ])
})

t.test('U+FEFF is an ordinary character inside a stream (RFC 6120 §11.6)', async t => {
  const parser = new Parser()
  parser.write(Buffer.from(`${HEADER}<a>`))
  parser.write(Buffer.from('\ufeff'))
  t.match(parser.write(Buffer.from('</a>')), [{ element: { children: ['\ufeff'] } }])
})

t.test('bytes that are not UTF-8', async t => {
  const wrong: [what: string, bytes: number[]][] = [
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['an overlong NUL', [0xc0, 0x80]],
    ['an overlong of three', [0xe0, 0x80, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['0xFF', [0xff]],
    ['a character that is never finished', [0xe2, 0x82, 0x20]],
    ['latin1', [0xe9, 0x74, 0xe9]],
  ]
  for (const [what, bytes] of wrong) {
    const document = Buffer.concat([Buffer.from(`${HEADER}<a>`), Buffer.from(bytes), Buffer.from('</a>')])
    const error = { name: 'StreamError', condition: 'unsupported-encoding' }
    for (let cut = 0; cut <= bytes.length; cut++) {
      const at = HEADER.length + 3 + cut
      throws(
        t,
        () => {
          const parser = new Parser()
          return [...parser.write(document.subarray(0, at)), ...parser.write(document.subarray(at))]
        },
        error,
        `${what}, cut at ${cut}`,
      )
    }
  }
})

t.test('UTF-16 is not XMPP', async t => {
  const little = Buffer.from(HEADER, 'utf16le')
  const big = Buffer.from(little).swap16()
  const marks = [Buffer.of(), Buffer.of(0xff, 0xfe), Buffer.of(0xfe, 0xff)]
  for (const mark of marks) {
    for (const bytes of [little, big]) {
      throws(t, () => parse(Buffer.concat([mark, bytes])), { condition: 'unsupported-encoding' })
    }
  }
  throws(t, () => parse(`<?xml version='1.0' encoding='UTF-16'?>${HEADER}`), { condition: 'unsupported-encoding' })
  throws(t, () => parse(`<?xml version='1.0' encoding='ISO-8859-1'?>${HEADER}`), { condition: 'unsupported-encoding' })
})

t.test('XML that XMPP forbids', async t => {
  for (const [xml, text] of [
    ['<!-- x -->', 'comment'],
    ['<!---->', 'comment'],
    ['<a><!-- x --></a>', 'comment'],
    ['<a><!----></a>', 'comment'],
    ['<?php x?>', 'processing instruction'],
    ['<a><?x?></a>', 'processing instruction'],
    ["<?xml version='1.0'?>", 'processing instruction'],
    ['<!DOCTYPE a>', 'DTD'],
    ['<!DOCTYPE a [<!ENTITY b "c">]>', 'DTD'],
    ['<a><!ELEMENT b></a>', 'DTD'],
    ['<a><!ENTITY b "c"></a>', 'DTD'],
    ['<a>&nbsp;</a>', 'entity'],
    ['<a>&constructor;</a>', 'entity'],
    ["<a b='&nbsp;'/>", 'entity'],
  ] as const) {
    for (const size of [1, 1000]) {
      throws(
        t,
        () => {
          const parser = new Parser()
          const bytes = Buffer.from(`${HEADER}${xml}<after/>`)
          for (let at = 0; at < bytes.length; at += size) parser.write(bytes.subarray(at, at + size))
        },
        { name: 'StreamError', condition: 'restricted-xml', text: new RegExp(text) },
        `${xml} in chunks of ${size}`,
      )
    }
  }
  throws(t, () => parse(`<!DOCTYPE x>${HEADER}`), { condition: 'restricted-xml' })
  throws(t, () => parse(`<!-- x -->${HEADER}`), { condition: 'restricted-xml' })
  throws(t, () => parse(`<!---->${HEADER}`), { condition: 'restricted-xml' })
  throws(t, () => parse(`<?x y?>${HEADER}`), { condition: 'restricted-xml' })
})

t.test('what is not well-formed', async t => {
  for (const xml of [
    '<a></b>',
    '</a>',
    '<a b=c/>',
    '<a b/>',
    "<a b='1' b='2'/>",
    "<a hasOwnProperty='1' hasOwnProperty='2'/>",
    "<a __proto__='1' __proto__='2'/>",
    "<a xmlns:x='urn:1' xmlns:y='urn:1' x:b='1' y:b='2'/>",
    '<a>&amp</a>',
    '<a>& b</a>',
    '<1/>',
    '<x:a/>',
    "<a x:b='1'/>",
    '<xmlns:a/>',
    "<a><b xmlns:x='urn:x'/><x:c/></a>",
    "<a xmlns:x=''/>",
    "<a xmlns:xml='urn:x'/>",
    "<a xmlns:x='http://www.w3.org/XML/1998/namespace'/>",
    "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
    "<a xmlns:xmlns='urn:x'/>",
    "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
    "<a:b:c xmlns:a='urn:a'/>",
    '<:a/>',
    '<a:/>',
    "<a :b='1'/>",
    "<a:1b xmlns:a='urn:a'/>",
    "<a:-b xmlns:a='urn:a'/>",
    "<a xmlns:1x='urn:x'/>",
    "<a xmlns:x='urn:x' x:.b='1'/>",
    "<a:\u00b7b xmlns:a='urn:a'/>",
  ]) {
    // Both tokenizers.
    for (const tokenizer of ['strict', 'sax'] as const) {
      throws(
        t,
        () => parse(`${HEADER}${xml}<after/>`, { tokenizer }),
        { name: 'StreamError', condition: 'not-well-formed', by: 'us' },
        `${tokenizer}: ${xml}`,
      )
    }
  }
})

t.test('what is not well-formed in smaller ways', async t => {
  const nul = '\0'
  for (const xml of [
    "<a b='<'/>",
    "<a b='c<d'/>",
    "<a b='1'c='2'/>",
    "<a xmlns='urn:a' xmlns='urn:a'/>",
    "<a xmlns:x='urn:a' xmlns:x='urn:a'/>",
    '<a>]]></a>',
    '<a>x]]>y</a>',
    '<a>]]]></a>',
    '<a>\u0001</a>',
    "<a b='\u0001'/>",
    `<a>${nul}</a>`,
    `<a${nul}/>`,
    '<a>\u001f</a>',
    '<a>\ufffe</a>',
    '<a>\uffff</a>',
    "<a b='\uffff'/>",
    '<a><![CDATA[\u0002]]></a>',
    '<a>&#0;</a>',
    '<a>&#x1F;</a>',
    '<a>&#xD800;</a>',
    '<a>&#xFFFE;</a>',
    '<a>&#x110000;</a>',
    '<a>&#99999999999;</a>',
    '<a>&#X41;</a>',
    '<a>&#x;</a>',
    '<a>&#;</a>',
    '<a>&#65</a>',
    '<a>&#6a;</a>',
    '<a>&;</a>',
    '<a>&1;</a>',
    '<a>& amp;</a>',
    "<a b='&'/>",
    "<a b='&lt'/>",
    "<a></a b='1'>",
    '<a></a/>',
    '<a></ a>',
    '<a></aa>',
    '<aa></a>',
    '< a/>',
    '<a/ >',
    '<a / >',
    '<>',
    '</>',
    '<a b= />',
    "<a 'b'/>",
    "<a b=='c'/>",
    '<-a/>',
    '<.a/>',
    '<\u0300a/>',
    '<\u00b7/>',
    '<a\u00d7/>',
    '<a\u2028/>',
    '<a><![CDAT[x]]></a>',
    '<a><![cdata[x]]></a>',
    '<a><!- x --></a>',
    '<a><!></a>',
    '<a><! DOCTYPE x></a>',
    '<a><![INCLUDE[]]></a>',
    "<a xml:='1'/>",
    '<xml:/>',
    "<a xmlns:a:b='urn:x'/>",
    "<a xmlns:='urn:x'/>",
    "<a xmlns:x='http://www.w3.org/2000/xmlns/'/>",
    "<a xmlns:xml=''/>",
    "<x:a xmlns:x='urn:x'></y:a>",
    "<a xmlns:x='urn:x' xmlns:y='urn:x'><b x:c='1' y:c='1'/></a>",
    "<a xml:lang='en' xml:lang='en'/>",
  ]) {
    for (const size of [1, 1000]) {
      throws(
        t,
        () => {
          const parser = new Parser()
          const bytes = Buffer.from(`${HEADER}${xml}<after/>`)
          for (let at = 0; at < bytes.length; at += size) parser.write(bytes.subarray(at, at + size))
        },
        { name: 'StreamError', condition: 'not-well-formed', by: 'us' },
        `${shown(xml)} in chunks of ${size}`,
      )
    }
  }
})

t.test('unusual, and well-formed', async t => {
  for (const [xml, read] of [
    ['<a  b = \'1\'\n\tc\r=\r\n"2" />', "<a b='1' c='2'/>"],
    ['<a ></a\n>', '<a/>'],
    ['<a>></a>', '<a>&gt;</a>'],
    ['<a>]]&gt;</a>', '<a>]]&gt;</a>'],
    ['<a>]]&#62;]>]] ></a>', '<a>]]&gt;]&gt;]] &gt;</a>'],
    ['<a>&#93;]></a>', '<a>]]&gt;</a>'],
    ['<a>]<![CDATA[]>]]></a>', '<a>]]&gt;</a>'],
    ['<a><![CDATA[]]]]></a>', '<a>]]</a>'],
    ['<a><![CDATA[<b>&amp;</b>]]></a>', '<a>&lt;b&gt;&amp;amp;&lt;/b&gt;</a>'],
    ["<a b='>'/>", "<a b='&gt;'/>"],
    [`<a b='"' c="'"/>`, "<a b='&quot;' c='&apos;'/>"],
    ['<a>1\r\n2\r3\n4\r\r\n5</a>', '<a>1\n2\n3\n4\n\n5</a>'],
    ["<a b='1\r\n2\r3\n4\t5'/>", "<a b='1 2 3 4 5'/>"],
    ["<a b='&#13;&#10;&#9;'/>", "<a b='&#13;&#10;&#9;'/>"],
    ['<a>&#0000000065;&#x0000041;</a>', '<a>AA</a>'],
    ['<a>&#x10FFFF;\u007f\u0085\u{1ffff}</a>', '<a>\u{10ffff}\u007f\u0085\u{1ffff}</a>'],
    ['<été 名="1"/>', "<été 名='1'/>"],
    ['<a·b/>', '<a·b/>'],
    ['<\u{10400}/>', '<\u{10400}/>'],
    ["<xml xmlnsx='1'/>", "<xml xmlnsx='1'/>"],
    ['<xml:a/>', '<xml:a/>'],
    ["<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:id='1'/>", "<a xml:id='1'/>"],
    ["<x:a xmlns:x='jabber:client'/>", '<a/>'],
  ] as const) {
    t.equal(serialize(one(xml), 'jabber:client'), read, JSON.stringify(xml))
    const parser = new Parser()
    parser.write(Buffer.from(HEADER))
    const found = [...Buffer.from(xml)].flatMap(byte => parser.write(Buffer.of(byte)))
    t.match(found, [{ type: 'element' }])
    if (found[0]?.type === 'element') t.equal(serialize(found[0].element, 'jabber:client'), read, 'byte by byte')
  }
})

t.test('a parser that has refused a stream reads no more of it', async t => {
  const parser = new Parser()
  parser.write(Buffer.from(HEADER))
  throws(t, () => parser.write(Buffer.from('<a/><b></c><d/>')), { condition: 'not-well-formed' })
  t.same(parser.write(Buffer.from('<e/>')), [])
})

t.test('what came before the fault is not lost', async t => {
  const parser = new Parser()
  parser.push(Buffer.from(`${HEADER}<a/><b></c>`))
  t.equal(parser.next()?.type, 'open')
  t.match(parser.next(), { type: 'element', element: { name: 'a' } })
  throws(t, () => parser.next(), { condition: 'not-well-formed' })
  t.equal(parser.next(), undefined)
})

t.test('namespaces of elements', async t => {
  const a = one("<a><b xmlns='urn:b'><c/><d xmlns=''><e/></d></b><f/></a>")
  t.same(tree(a), {
    name: 'a',
    ns: 'jabber:client',
    attrs: [],
    children: [
      {
        name: 'b',
        ns: 'urn:b',
        attrs: [],
        children: [
          { name: 'c', ns: 'urn:b', attrs: [], children: [] },
          { name: 'd', ns: '', attrs: [], children: [{ name: 'e', ns: '', attrs: [], children: [] }] },
        ],
      },
      { name: 'f', ns: 'jabber:client', attrs: [], children: [] },
    ],
  })
})

t.test('prefixes, shadowed and out of scope again', async t => {
  const a = one("<p:a xmlns:p='urn:1'><p:b xmlns:p='urn:2'><p:c/></p:b><p:d/></p:a>")
  t.equal(a.ns, 'urn:1')
  const [b, d] = a.elements as [Element, Element]
  t.same([b.ns, b.elements[0]?.ns, d.ns], ['urn:2', 'urn:2', 'urn:1'])
  t.equal(one("<p:a p:x='1' xmlns:p='urn:late'/>").attrs['{urn:late}x'], '1', 'declared behind its use in one tag')
})

t.test('prefixes of the root are visible in stanzas', async t => {
  const [, first] = parse(`${HEADER.replace('>', " xmlns:ack='urn:xmpp:ack'>")}<ack:r ack:n='1'/>`)
  t.match(first, { type: 'element', element: { name: 'r', ns: 'urn:xmpp:ack', attrs: { '{urn:xmpp:ack}n': '1' } } })
  const [open] = parse("<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' s:x='1'>")
  t.match(open, { type: 'open', ns: 'jabber:client', header: { name: 'stream' } }, 'whatever the prefix is called')
  const [bare] = parse("<stream xmlns='http://etherx.jabber.org/streams'>")
  t.match(bare, { type: 'open', ns: 'http://etherx.jabber.org/streams' }, 'or when there is none')
})

t.test('attributes in namespaces', async t => {
  const a = one("<a x='0' p:x='1' q:x='2' xml:lang='en' xmlns:p='urn:p' xmlns:q='urn:q' xmlns='urn:a'/>")
  t.same(Object.entries(a.attrs).sort(), [
    ['x', '0'],
    ['xml:lang', 'en'],
    ['{urn:p}x', '1'],
    ['{urn:q}x', '2'],
  ])
  const again = one(serialize(a, 'jabber:client'))
  t.same(tree(again), tree(a), 'and back through text')
})

t.test("names of Object's own properties are ordinary names", async t => {
  for (const name of ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf', '__defineGetter__']) {
    const a = one(`<${name} ${name}='1'><${name}/></${name}>`)
    t.equal(a.name, name)
    t.same(Object.entries(a.attrs), [[name, '1']])
    t.equal(a.child(name)?.name, name)
    t.equal(serialize(a, 'jabber:client'), `<${name} ${name}='1'><${name}/></${name}>`)
    const prefixed = one(`<${name}:a xmlns:${name}='urn:x' ${name}:b='2'/>`)
    t.equal(prefixed.ns, 'urn:x')
    t.equal(prefixed.attrs['{urn:x}b'], '2')
    throws(t, () => one(`<${name}:a/>`), { condition: 'not-well-formed' })
  }
  const bare = one('<a/>')
  t.equal(bare.attrs.constructor, undefined)
  t.equal(bare.attrs[proto], undefined)
})

t.test('text and CDATA make one run', async t => {
  t.same(one('<a>1<![CDATA[2]]><![CDATA[]]>3&#52;</a>').children, ['1234'])
  t.equal(one('<a>1<b/>2<c>no</c>3</a>').text, '123')
  t.same(one('<a> \n </a>').children, [' \n '], 'white space inside a stanza is text')
})

t.test('white space between stanzas', async t => {
  t.equal(elements(' \r\n\t<a/> \n <b/> ').length, 2)
  t.test('ten million keepalives leave nothing behind', async t => {
    const parser = new Parser()
    parser.write(Buffer.from(HEADER))
    const spaces = Buffer.alloc(1000, ' ')
    t.same(parser.write(spaces), [])
    const before = heap()
    for (let round = 0; round < 10_000; round++) parser.write(spaces)
    t.ok(heap() - before < 2_000_000)
    t.ok(parser.idle)
    t.equal(parser.write(Buffer.from('<a/>')).length, 1)
  })
})

t.test('text between stanzas', async t => {
  for (const content of ['x', '<a/>x', ' x <a/>', '&#32;', '&amp;', '<![CDATA[x]]>', '\u00a0', '<a/>\u2003']) {
    throws(t, () => elements(content), { name: 'StreamError', condition: 'bad-format' }, content)
  }
})

t.test('a stream that begins wrongly', async t => {
  const wrong: [string, string][] = [
    ["<stream xmlns='jabber:client'>", 'invalid-namespace'],
    ["<stream:stream xmlns:stream='http://etherx.jabber.org/stream'>", 'invalid-namespace'],
    ["<stream:iq xmlns:stream='http://etherx.jabber.org/streams'>", 'bad-format'],
    ['<stream:stream>', 'not-well-formed'],
    ["<iq xmlns='jabber:client'/>", 'invalid-namespace'],
    ['hello', 'not-well-formed'],
    ['</stream:stream>', 'not-well-formed'],
    [' <?xml version="1.0"?>', 'restricted-xml'],
    ['<?xml?>', 'not-well-formed'],
    ["<?xml version='2.0'?>", 'not-well-formed'],
    ["<?xml version='1.0' encoding='utf-8' x='y'?>", 'not-well-formed'],
    ["<?xml encoding='utf-8' version='1.0'?>", 'not-well-formed'],
    ["<?xml version='1.0'?><?xml version='1.0'?>", 'restricted-xml'],
    ['<?xmlx?>', 'restricted-xml'],
    ['<?XML version="1.0"?>', 'restricted-xml'],
    [`\ufeff${HEADER}`, 'not-well-formed'],
    [`&#32;${HEADER}`, 'not-well-formed'],
    [`<![CDATA[ ]]>${HEADER}`, 'not-well-formed'],
    [HEADER.replaceAll('stream:stream', 'stream'), 'invalid-namespace'],
    ...['2.0', '10.0', '01.0.0', '1', '', 'x', '1.', '-1.0', '1.0 ', ' 1.0'].map((version): [string, string] => [
      HEADER.replace('>', ` version='${version}'>`),
      'unsupported-version',
    ]),
  ]
  for (const [text, condition] of wrong) throws(t, () => parse(text), { name: 'StreamError', condition }, text)
  for (const version of ['1.0', '1.9', '01.0', '0.9', '1.10']) {
    t.match(parse(HEADER.replace('>', ` version='${version}'>`)), [{ type: 'open' }], version)
  }
})

t.test('after the close tag', async t => {
  const parser = new Parser()
  t.equal(parser.write(Buffer.from(`${HEADER}<a/></stream:stream>`)).length, 3)
  t.ok(parser.closed)
  t.same(parser.write(Buffer.from(' \r\n\t')), [], 'white space is nothing')
  throws(t, () => parser.write(Buffer.from('<b/> & more')), { condition: 'not-well-formed' })
  t.same(parser.write(Buffer.from('<c/>')), [], 'once')
  throws(t, () => parse(`${HEADER}</stream:stream>${HEADER}`), { condition: 'not-well-formed' }, 'a second root')
})

t.test('reading stops behind each event, for a stream may restart there', async t => {
  const parser = new Parser()
  parser.push(Buffer.from(`${HEADER}<proceed/><half `))
  t.equal(parser.next()?.type, 'open')
  t.notOk(parser.idle)
  t.match(parser.next(), { element: { name: 'proceed' } })
  t.notOk(parser.idle, 'half a tag behind it is seen, though nobody has read it')
  t.equal(Buffer.from(parser.takeRest()).toString(), '<half ')
  t.ok(parser.idle)
})

t.test('idle means: nothing at all has come behind the last event', async t => {
  for (const [behind, idle] of [
    ['', true],
    [' ', false],
    ['<', false],
    ['<a', false],
    ['x', false],
  ] as const) {
    const parser = new Parser()
    parser.push(Buffer.from(`${HEADER}<proceed/>${behind}`))
    parser.next()
    parser.next()
    t.equal(parser.idle, idle, JSON.stringify(behind))
    parser.push(Buffer.from('<'))
    t.notOk(parser.idle)
  }
  const parser = new Parser()
  parser.write(Buffer.from(HEADER))
  parser.push(Buffer.of(0xe2))
  t.notOk(parser.idle, 'half a character')
  parser.next()
  t.notOk(parser.idle, 'still half a character')
  t.same(parser.takeRest(), Buffer.of(0xe2), 'which is kept for the stream that follows')
})

t.test('violations may be reported instead of thrown', async t => {
  const seen: string[] = []
  const onViolation = (error: StreamError): void => void seen.push(error.condition)
  const read = (text: string): string[] => {
    seen.length = 0
    return parse(text, { onViolation, limits: { depth: 3, attributes: 2, nameLength: 13 } }).map(event =>
      event.type === 'element' ? event.element.name : event.type,
    )
  }
  t.same(read(`${HEADER}<a><!-- x --><?pi y?></a>text<b/>`), ['open', 'a', 'b'])
  t.same(seen, ['restricted-xml', 'restricted-xml', 'bad-format'])
  t.same(read(`${HEADER}<a><b><c/></b></a><d x='1' y='2' z='3'/><muchtoolongname/>`), [
    'open',
    'a',
    'd',
    'muchtoolongname',
  ])
  t.same(seen, ['policy-violation', 'policy-violation', 'policy-violation'])
  t.same(read("<x xmlns='urn:y'><a/>"), ['open', 'a'])
  t.same(seen, ['invalid-namespace'])
  t.same(read(`${HEADER}<a/><b></c><d/>`), ['open', 'a'], 'what is not well-formed cannot be followed')
  t.same(seen, ['not-well-formed'])
})
