import t from 'tap'
import { defaultLimits, type Limits, Parser, type ParserEvent } from '../../src/stream/parser.ts'
import { throws } from '../helper/rejects.ts'

const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

function opened(limits: Partial<Limits>): Parser {
  const parser = new Parser({ limits })
  parser.write(Buffer.from(HEADER))
  return parser
}

/** Feeds chunk by chunk and counts the bytes it took until the parser refused; undefined when it never did. */
function refusedAfter(parser: Parser, bytes: Uint8Array, size: number): number | undefined {
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size)
    try {
      parser.write(chunk)
    } catch (error) {
      t.match(error, { name: 'StreamError', condition: 'policy-violation' })
      return at + chunk.length
    }
  }
  return undefined
}

const tooMuch = { name: 'StreamError', condition: 'policy-violation' }

t.test('bytes of a stanza: as many as the limit, not one more', async t => {
  for (const filler of ['x', '\u00e9', '\u20ac', '\u{1f339}']) {
    const shell = Buffer.byteLength('<a></a>')
    const text = filler.repeat(100)
    const size = shell + Buffer.byteLength(text)
    const bytes = Buffer.from(`<a>${text}</a>`)
    for (const chunk of [1, 7, 1000]) {
      t.equal(refusedAfter(opened({ stanzaBytes: size }), bytes, chunk), undefined, `${size} of ${filler} by ${chunk}`)
      t.type(refusedAfter(opened({ stanzaBytes: size - 1 }), bytes, chunk), 'number', `${size - 1} of ${filler}`)
    }
  }
})

t.test('bytes are counted wherever they stand, and while they arrive', async t => {
  const long = 'x'.repeat(5000)
  for (const [where, xml] of [
    ['text', `<a>${long}`],
    ['an attribute', `<a b='${long}`],
    ['a tag name', `<${long}`],
    ['CDATA', `<a><![CDATA[${long}`],
    ['white space in a tag', `<a ${' '.repeat(5000)}`],
    ['white space in a stanza', `<a>${' '.repeat(5000)}`],
    ['many small children', `<a>${'<b/>'.repeat(1250)}`],
    ['an entity', `<a>&${long}`],
    ['a close tag', `<${long}></${long}`],
    ['white space in a close tag', `<a></a${' '.repeat(5000)}`],
  ] as const) {
    const parser = opened({ stanzaBytes: 1000, nameLength: 100_000 })
    let after: number | undefined
    try {
      after = refusedAfter(parser, Buffer.from(xml), 100)
    } catch (error) {
      t.fail(where, { error })
    }
    t.ok(after !== undefined && after <= 1100, `${where}: refused after ${after} bytes`)
  }
})

t.test('each stanza counts for itself, and so does the header', async t => {
  const parser = opened({ stanzaBytes: 150 })
  const stanza = `<a>${'x'.repeat(143)}</a>`
  t.equal(parser.write(Buffer.from(stanza.repeat(20))).length, 20)
  t.equal(parser.write(Buffer.from(`${' '.repeat(500)}${stanza}`)).length, 1, 'white space between them is free')
  throws(t, () => new Parser({ limits: { stanzaBytes: 1000 } }).write(Buffer.from(' '.repeat(1001))), tooMuch)
  throws(
    t,
    () =>
      new Parser({ limits: { stanzaBytes: 100 } }).write(Buffer.from(HEADER.replace('>', ` a='${'x'.repeat(99)}'>`))),
    { ...tooMuch, text: /stream header/ },
  )
})

t.test('a stanza within the limits may come in one chunk with others', async t => {
  const parser = opened({ stanzaBytes: 100 })
  const found: ParserEvent[] = []
  parser.push(Buffer.from(`<a/><b>${'x'.repeat(100)}</b>`))
  found.push(parser.next() as ParserEvent)
  t.match(found, [{ type: 'element', element: { name: 'a' } }])
  throws(t, () => parser.next(), tooMuch)
})

t.test('characters that were not read when the next chunk came are counted as bytes too', async t => {
  const b = `<b>${'\u20ac'.repeat(40)}</b>`
  for (const [limit, refused] of [
    [127, false],
    [126, true],
  ] as const) {
    const parser = opened({ stanzaBytes: limit })
    parser.push(Buffer.from(`<a/>${b.slice(0, -4)}`))
    t.match(parser.next(), { element: { name: 'a' } })
    parser.push(Buffer.from('</b>'))
    if (refused) throws(t, () => parser.next(), tooMuch)
    else t.match(parser.next(), { element: { name: 'b' } })
  }
})

t.test('depth: the root is the first', async t => {
  const nested = (levels: number): string => '<a>'.repeat(levels) + '</a>'.repeat(levels)
  t.equal(opened({ depth: 5 }).write(Buffer.from(nested(4))).length, 1)
  throws(t, () => opened({ depth: 5 }).write(Buffer.from(nested(5))), tooMuch)
  throws(t, () => opened({ depth: 5 }).write(Buffer.from('<a>'.repeat(5))), tooMuch, 'before the stanza is complete')
  t.equal(opened({ depth: 5 }).write(Buffer.from(nested(4).repeat(10))).length, 10, 'closed elements do not count')
})

t.test('attributes of one element, declarations included', async t => {
  const many = (count: number): string => Array.from({ length: count }, (_, at) => ` a${at}='1'`).join('')
  t.equal(opened({ attributes: 5 }).write(Buffer.from(`<a${many(5)}/><b${many(5)}/>`)).length, 2)
  throws(t, () => opened({ attributes: 5 }).write(Buffer.from(`<a${many(6)}/>`)), tooMuch)
  throws(t, () => opened({ attributes: 5 }).write(Buffer.from(`<a xmlns='urn:x'${many(5)}/>`)), tooMuch)
  throws(t, () => opened({ attributes: 5 }).write(Buffer.from(`<a${many(6)}`)), tooMuch, 'before the tag is complete')
})

t.test('names', async t => {
  const name = (length: number): string => 'n'.repeat(length)
  for (const xml of [
    (n: string) => `<${n}/>`,
    (n: string) => `<a ${n}='1'/>`,
    (n: string) => `<a xmlns:${n}='urn:x'/>`,
  ]) {
    const extra = xml('').includes('xmlns:') ? 6 : 0
    t.equal(opened({ nameLength: 20 }).write(Buffer.from(xml(name(20 - extra)))).length, 1, xml('n20'))
    throws(t, () => opened({ nameLength: 20 }).write(Buffer.from(xml(name(21 - extra)))), tooMuch, xml('n21'))
  }
  for (const half of [`<${name(21)}`, `<a ${name(21)}`]) {
    const parser = opened({ nameLength: 20 })
    t.ok((refusedAfter(parser, Buffer.from(half), 1) ?? Infinity) <= half.length, 'before the name is complete')
  }
})

t.test('references', async t => {
  for (const xml of [(n: string) => `<a>&#x${n}41;</a>`, (n: string) => `<a b='&#x${n}41;'/>`]) {
    for (const size of [1, 3, 1000]) {
      const fits = Buffer.from(xml('0'.repeat(16)))
      t.equal(refusedAfter(opened({ nameLength: 20 }), fits, size), undefined)
      const tooLong = Buffer.from(xml('0'.repeat(17)))
      t.type(refusedAfter(opened({ nameLength: 20 }), tooLong, size), 'number')
    }
  }
})

t.test('what passes a limit is reported once each time, and is read', async t => {
  const limits = { stanzaBytes: 300, depth: 4, attributes: 2, nameLength: 15 }
  const name = 'n'.repeat(16)
  for (const [xml, times] of [
    [`<${name}></${name}><${name}/>`, 2],
    [`<a ${name}='' ${name}x=''/>`, 2],
    [`<a>&#x0000000000000041;</a><a b='&#x0000000000000041;'/>`, 2],
    ["<a b='' c='' d='' e='' f=''/><a b='' c='' d=''/>", 2],
    [`<a>${'x'.repeat(900)}</a><b/><a>${'x'.repeat(900)}</a>`, 2],
    ['<a><a><a><a/></a><a/><a><a/></a></a></a>', 2],
    [`<${name} a='' b='' c=''>${'x'.repeat(300)}</${name}>`, 3],
  ] as const) {
    for (const size of [1, 2, 7, 100, 10_000]) {
      let reported = 0
      const parser = new Parser({ limits, onViolation: error => void (t.match(error, tooMuch) && reported++) })
      const bytes = Buffer.from(HEADER.replace('>', ` x='1'>`) + xml)
      // The header's own size and attributes are counted too.
      const events: ParserEvent[] = []
      for (let at = 0; at < bytes.length; at += size) events.push(...parser.write(bytes.subarray(at, at + size)))
      t.equal(reported, times + 1, `${xml.slice(0, 60)} by ${size}`)
      t.match(events.at(-1), { type: 'element' }, 'all is read')
      t.ok(parser.idle)
    }
  }
})

t.test('the limits that are there by default', async t => {
  t.same(defaultLimits, { stanzaBytes: 262_144, depth: 100, attributes: 100, nameLength: 1000 })
  const notGiven = { depth: undefined, stanzaBytes: undefined } as unknown as Partial<Limits>
  throws(t, () => opened(notGiven).write(Buffer.from('<a>'.repeat(100))), tooMuch)
  t.equal(opened(notGiven).stanzaBytes, 262_144)
  t.equal(opened({}).write(Buffer.from(`<a>${'x'.repeat(262_144 - 7)}</a>`)).length, 1)
  throws(t, () => opened({}).write(Buffer.from(`<a>${'x'.repeat(262_144 - 6)}</a>`)), tooMuch)
})

t.test('one huge chunk is refused as well as many small ones', async t => {
  const start = process.cpuUsage()
  throws(t, () => opened({}).write(Buffer.from(`<a>${'<b>'.repeat(500_000)}`)), tooMuch)
  throws(t, () => opened({}).write(Buffer.alloc(5_000_000, '<')), { name: 'StreamError' })
  throws(t, () => opened({}).write(Buffer.from(`<a b="${'>'.repeat(2_000_000)}`)), tooMuch)
  const { user } = process.cpuUsage(start)
  t.ok(user < 3_000_000, `${user} µs of CPU`)
})

t.test('a stanza of thousands of prefixes, some inside others, is read as quickly as another', async t => {
  const levels = Array.from({ length: 90 }, (_, level) => {
    const declarations = Array.from({ length: 90 }, (_, at) => ` xmlns:p${level}x${at}='u'`)
    return `<a${declarations.join('')}>`
  })
  const inner = "<p0x0:b xmlns:q='v' q:c='' p89x89:d=''/>".repeat(2500)
  const start = process.cpuUsage()
  const [event] = opened({}).write(Buffer.from(`${levels.join('')}${inner}${'</a>'.repeat(90)}`))
  const { user } = process.cpuUsage(start)
  let element = event?.type === 'element' ? event.element : undefined
  for (let level = 1; level < 90; level++) element = element?.child('a')
  t.match(element?.children[2499], { name: 'b', ns: 'u', attrs: { '{v}c': '', '{u}d': '' } })
  t.ok(user < 750_000, `${user} µs of CPU`)
})
