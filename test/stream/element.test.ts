import t from 'tap'
import { type Attrs, attributeKey, Element, el, emptyAttrs } from '../../src/stream/element.ts'
import { escapeXml, sendable } from '../../src/stream/escape.ts'
import { NS_STREAM, NS_XML } from '../../src/stream/namespaces.ts'
import { Parser } from '../../src/stream/parser.ts'
import { serialize, streamHeader } from '../../src/stream/serialize.ts'
import { readXml, show } from '../helper/peer.ts'
import { throws } from '../helper/rejects.ts'

t.test('building', async t => {
  const a = el('a', 'urn:a', { x: '1', y: undefined }, 'one', el('b', 'urn:a'), 'two', el('b', 'urn:b', {}, 'three'))
  t.same(Object.entries(a.attrs), [['x', '1']])
  t.equal(a.text, 'onetwo')
  t.same(
    a.elements.map(child => child.ns),
    ['urn:a', 'urn:b'],
  )
  t.equal(a.child('b')?.ns, 'urn:a')
  t.equal(a.child('b', 'urn:b')?.text, 'three')
  t.equal(a.childText('b'), '')
  t.equal(a.childText('b', 'urn:b'), 'three')
  t.equal(a.childText('c'), undefined)
  t.ok(a.is('a', 'urn:a'))
  t.notOk(a.is('a', 'urn:b'))
  t.notOk(a.is('b', 'urn:a'))
  t.equal(el('a', '').text, '')
})

t.test('attributes without a prototype', async t => {
  const proto = '__proto__'
  const attrs = emptyAttrs()
  t.equal(attrs.constructor, undefined)
  t.equal(attrs[proto], undefined)
  attrs[proto] = 'x'
  t.same(Object.entries(attrs), [['__proto__', 'x']])
  t.equal(attributeKey(NS_XML, 'lang'), 'xml:lang')
  t.equal(attributeKey('urn:x', 'lang'), '{urn:x}lang')
})

t.test('as text', async t => {
  const cases: [Element, defaultNs: string, text: string][] = [
    [el('a', 'urn:a'), '', "<a xmlns='urn:a'/>"],
    [el('a', 'urn:a'), 'urn:a', '<a/>'],
    [el('a', ''), '', '<a/>'],
    [el('a', ''), 'urn:a', "<a xmlns=''/>"],
    [
      el('a', 'urn:a', {}, el('b', 'urn:a'), el('c', 'urn:c', {}, el('d', 'urn:a'))),
      'urn:a',
      "<a><b/><c xmlns='urn:c'><d xmlns='urn:a'/></c></a>",
    ],
    [el('error', NS_STREAM, {}, el('x', 'urn:x')), 'jabber:client', "<stream:error><x xmlns='urn:x'/></stream:error>"],
    [el('error', NS_STREAM), '', `<stream:error xmlns:stream='${NS_STREAM}'/>`],
    [
      el('features', NS_STREAM, {}, el('a', 'urn:a', {}, el('error', NS_STREAM))),
      '',
      `<stream:features xmlns:stream='${NS_STREAM}'><a xmlns='urn:a'><stream:error/></a></stream:features>`,
    ],
    [el('a', 'n', { 'xml:lang': 'en', '{urn:x}y': '1' }), 'n', "<a xml:lang='en' xmlns:ns0='urn:x' ns0:y='1'/>"],
    [el('a', 'n', {}, ''), 'n', '<a></a>'],
    [el('a', "it's <&>"), '', "<a xmlns='it&apos;s &lt;&amp;&gt;'/>"],
  ]
  for (const [element, defaultNs, text] of cases) t.equal(serialize(element, defaultNs), text)
  t.equal(String(el('a', 'urn:a')), "<a xmlns='urn:a'/>")
})

t.test('escaping', async t => {
  t.equal(escapeXml(`<a b="c" d='e'> & ]]>`), '&lt;a b=&quot;c&quot; d=&apos;e&apos;&gt; &amp; ]]&gt;')
  t.equal(escapeXml('plain\ttext\n'), 'plain\ttext\n')
  t.equal(escapeXml('a\r\nb'), 'a&#13;\nb', 'XML would drop a CR that is not escaped (§2.11)')
  t.equal(escapeXml('\u{1f339}\ufffd\ue000'), '\u{1f339}\ufffd\ue000')
})

t.test('white space in attributes survives', async t => {
  // XML 1.0 §3.3.3: an attribute's TAB, CR and LF are read as spaces unless they are character references.
  t.equal(serialize(el('a', 'n', { b: 'x\ty\nz\r' }), 'n'), "<a b='x&#9;y&#10;z&#13;'/>")
  t.equal(serialize(el('a', 'n', {}, 'x\ty\nz'), 'n'), '<a>x\ty\nz</a>')
})

t.test('characters that XML cannot carry are refused, where they are found', async t => {
  const bad = [
    '\0',
    '\u0001',
    '\u0008',
    '\u000b',
    '\u000c',
    '\u001f',
    '\ufffe',
    '\uffff',
    '\ud83c',
    '\udf39',
    '\udf39\ud83c',
  ]
  for (const char of bad) {
    const name = JSON.stringify(char)
    throws(t, () => escapeXml(`ab${char}c`), { code: 'XMPP_XML_CHARACTER', message: /offset 2/ }, name)
    throws(t, () => serialize(el('a', 'n', {}, char)), { code: 'XMPP_XML_CHARACTER' }, `${name} in text`)
    throws(t, () => serialize(el('a', 'n', { b: char })), { code: 'XMPP_XML_CHARACTER' }, `${name} in an attribute`)
    throws(t, () => serialize(el('a', char)), { code: 'XMPP_XML_CHARACTER' }, `${name} in a namespace`)
    t.equal(sendable(`ab${char}c`), `ab${char.length === 2 ? '\ufffd\ufffd' : '\ufffd'}c`)
  }
  throws(t, () => escapeXml('\u0001'), { message: /U\+0001/ })
  throws(t, () => escapeXml('\ud83c'), { message: /U\+D83C/ })
  t.equal(sendable('\u{1f339} fine'), '\u{1f339} fine')
})

t.test('what is written is read back, by us and by another reader', async t => {
  const element = el(
    'message',
    'jabber:client',
    { to: 'a@b', x: undefined, '{urn:q}k': `"'<&>\t`, 'xml:lang': 'fr' },
    el('body', 'jabber:client', {}, ` <![CDATA[&amp;]]> \r\n\t\u{1f339}`),
    el('x', '', {}, el('y', 'urn:y', { y: 'z' }), 'tail'),
    'loose',
  )
  const header = `<stream:stream xmlns='jabber:client' xmlns:stream='${NS_STREAM}'>`
  const [, read] = new Parser().write(Buffer.from(header + serialize(element, 'jabber:client')))
  t.equal(read?.type, 'element')
  if (read?.type === 'element') t.equal(serialize(read.element, 'jabber:client'), serialize(element, 'jabber:client'))
  t.equal(
    show(readXml(serialize(element, 'jabber:client'), 'jabber:client')),
    show(readXml(serialize(element), 'urn:another')),
    'in a stream and on its own',
  )
})

t.test('an attribute may choose the prefix it is written with', async t => {
  const auth = 'http://www.google.com/talk/protocol/auth'
  const rows: readonly (readonly [attrs: Attrs, text: string])[] = [
    [
      { mechanism: 'X', [`{${auth}}auth:service`]: 'oauth2' },
      `mechanism='X' xmlns:auth='${auth}' auth:service='oauth2'`,
    ],
    [{ '{urn:a}p:x': '1', '{urn:a}p:y': '2' }, "xmlns:p='urn:a' p:x='1' p:y='2'"],
    [{ '{urn:a}p:x': '1', '{urn:b}q:x': '2' }, "xmlns:p='urn:a' p:x='1' xmlns:q='urn:b' q:x='2'"],
    [{ '{urn:a}x': '1', '{urn:b}ns0:x': '2' }, "xmlns:ns1='urn:a' ns1:x='1' xmlns:ns0='urn:b' ns0:x='2'"],
    [{ '{urn:}b}p:x': '1' }, "xmlns:p='urn:}b' p:x='1'"],
    [{ "{urn:'}p:x": `<'"` }, "xmlns:p='urn:&apos;' p:x='&lt;&apos;&quot;'"],
    [{ '{urn:a}p:x': undefined, '{urn:b}p:x': '2' }, "xmlns:p='urn:b' p:x='2'"],
  ]
  for (const [attrs, text] of rows) {
    t.equal(serialize(new Element('a', 'n', attrs), 'n'), `<a ${text}/>`)
    const read = readXml(serialize(new Element('a', 'n', attrs)), '')
    const count = Object.values(attrs).filter(value => value !== undefined).length
    t.equal(read.type === 'element' && Object.keys(read.node.attrs).length, count, 'another reader sees as many')
  }
  for (const attrs of [
    { '{urn:a}p:x': '1', '{urn:b}p:y': '2' },
    { '{urn:a}p:x': '1', '{urn:a}q:x': '2' },
    { '{urn:a}p:x': '1', '{urn:a}x': '2' },
    { '{urn:a}:x': '1' },
    { '{urn:a}p:': '1' },
    { '{urn:a}p:q:x': '1' },
    { '{urn:a}1:x': '1' },
    { "{urn:a}p='':x": '1' },
    { '{urn:a}xml:x': '1' },
    { '{urn:a}xmlns:x': '1' },
    { '{urn:a}stream:x': '1' },
    { '{}p:x': '1' },
    { [`{${NS_XML}}p:lang`]: 'en' },
    { '{http://www.w3.org/2000/xmlns/}p:x': '1' },
  ]) {
    throws(t, () => serialize(new Element('a', 'n', attrs)), { code: 'XMPP_XML_NAME' }, JSON.stringify(attrs))
  }
  t.match(
    streamHeader('n', { 'xmlns:p': 'urn:a', '{urn:a}p:x': '1' }),
    / xmlns:p='urn:a' p:x='1'>$/,
    'declared already',
  )
  throws(t, () => streamHeader('n', { 'xmlns:p': 'urn:b', '{urn:a}p:x': '1' }), { code: 'XMPP_XML_NAME' })
})

t.test('an element is not changed by sending it', async t => {
  const children = ['x']
  const element = new Element('a', 'n', emptyAttrs(), children)
  serialize(element)
  t.same(element.children, ['x'])
})
