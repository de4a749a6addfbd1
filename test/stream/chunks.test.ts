import t from 'tap'
import { Parser, type ParserEvent } from '../../src/stream/parser.ts'
import { cpuTime } from '../helper/cpu.ts'
import { throws } from '../helper/rejects.ts'

const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

function rest(parser: Parser): ParserEvent[] {
  const events: ParserEvent[] = []
  for (let event = parser.next(); event !== undefined; event = parser.next()) events.push(event)
  return events
}

const bodies = (events: readonly ParserEvent[]): string[] =>
  events.flatMap(event => (event.type === 'element' ? [event.element.text] : []))

t.test('a chunk of megabytes costs no more for each stanza than a small one', async t => {
  const stanza = "<message to='romeo@example.net'><body>Grüße \u{1f339}</body></message>"
  const cost = (count: number, interleaved: boolean): number => {
    const parsers = interleaved ? [new Parser(), new Parser()] : [new Parser()]
    const began = cpuTime()
    let read = 0
    for (const [at, parser] of parsers.entries()) {
      parser.push(Buffer.from(HEADER + ' '.repeat(at) + stanza.repeat(count / parsers.length)))
      parser.next()
    }
    for (let more = true; more; ) {
      more = false
      for (const parser of parsers) {
        if (parser.next() === undefined) continue
        more = true
        read++
      }
    }
    t.equal(read, count)
    return cpuTime() - began
  }
  for (const interleaved of [false, true]) {
    cost(4000, interleaved)
    const [short, long] = [cost(2000, interleaved), cost(32_000, interleaved)]
    const what = interleaved ? 'two streams by turns' : 'one stream'
    t.ok(long < 16 * 4 * short + 100, `${what}: ${short} ms for 2,000 stanzas, ${long} ms for 32,000`)
  }
})

t.test('characters are whole wherever a large chunk is divided', async t => {
  for (const char of ['é', '€', '\u{1f339}']) {
    for (let shift = 0; shift < 4; shift++) {
      const text = 'x'.repeat(shift) + char.repeat(70_000 / Buffer.byteLength(char))
      const parser = new Parser()
      parser.push(Buffer.from(`${HEADER}<a>${text}</a><b>${text}</b>`))
      t.ok(
        bodies(rest(parser)).every(body => body === text),
        `${char} at ${shift}`,
      )
    }
  }
})

t.test('what is pushed before the last chunk is read is read behind it', async t => {
  const parser = new Parser()
  const chunk = Buffer.from(`${HEADER}<a>1</a><b>`)
  parser.push(chunk)
  t.match(parser.next(), { type: 'open' })
  const second = Buffer.from('2\u00e9').subarray(0, 2)
  parser.push(second)
  second.fill(0x21)
  parser.push(Buffer.concat([Buffer.from('\u00e9').subarray(1), Buffer.from('</b><c>3</c>')]))
  t.notOk(parser.idle)
  t.match(parser.next(), { element: { name: 'a' } })
  t.equal(
    Buffer.from(parser.takeRest()).toString('latin1'),
    '<b>2\u00c3\u00a9</b><c>3</c>',
    'and is there for a stream that restarts',
  )
  t.equal(parser.takeRest().length, 0)
  parser.push(Buffer.from('<d>4'))
  parser.push(Buffer.from('</d>'))
  t.same(bodies(rest(parser)), ['4'])
  t.ok(parser.idle)
})

t.test('a waiting chunk makes a parser busy, and is looked at behind the end', async t => {
  const parser = new Parser()
  parser.push(Buffer.from(`${HEADER}<proceed/>`))
  parser.push(Buffer.from(' '))
  parser.next()
  parser.next()
  t.notOk(parser.idle)
  t.equal(parser.next(), undefined)
  t.ok(parser.idle)
  for (const [behind, condition] of [
    [Buffer.from('<x/>'), 'not-well-formed'],
    [Buffer.of(0xff), 'unsupported-encoding'],
  ] as const) {
    const closed = new Parser()
    closed.push(Buffer.from(`${HEADER}</stream:stream>`))
    closed.push(Buffer.from(' '))
    closed.push(behind)
    closed.next()
    t.match(closed.next(), { type: 'close' })
    throws(t, () => closed.next(), { condition })
    t.equal(closed.next(), undefined)
  }
})

t.test('bytes that are not UTF-8 are not lost when the stream restarts in front of them', async t => {
  for (const bad of [[0xff], [0xc3, 0x28], [0xe2, 0x82, 0x20], [0xf0, 0x9f, 0x98, 0x20], [0xed, 0xa0, 0x80]]) {
    for (const between of ['', HEADER, `${HEADER}<a>\u00e9`]) {
      const before = new Parser()
      before.push(Buffer.concat([Buffer.from(`${HEADER}<success/>${between}`), Buffer.from(bad), Buffer.from('</a>')]))
      before.next()
      t.match(before.next(), { element: { name: 'success' } })
      t.notOk(before.idle, 'something has come behind the element')
      const after = new Parser()
      after.push(before.takeRest())
      throws(t, () => rest(after), { condition: 'unsupported-encoding' }, `${bad} behind ${between}`)
    }
  }
})

t.test('bytes that cannot become UTF-8 are refused when they arrive', async t => {
  for (const bad of [
    [0xc0],
    [0xc1],
    [0xf5],
    [0xe0, 0x9f],
    [0xed, 0xa0],
    [0xf0, 0x8f],
    [0xf4, 0x90],
    [0xf0, 0x9f, 0x41],
  ]) {
    const parser = new Parser()
    parser.write(Buffer.from(`${HEADER}<a>`))
    throws(t, () => parser.write(Buffer.from(bad)), { condition: 'unsupported-encoding' }, `${bad}`)
  }
})

t.test('what onViolation throws ends the parser, and comes through as it is', async t => {
  for (const content of ['<a><!-- x --></a>', '<a/>text<b/>', '<a></b>', '</stream:stream>x', '<a x:y=""/>']) {
    let told = 0
    const mine = new TypeError('mine')
    const onViolation = (): never => {
      told++
      throw mine
    }
    const parser = new Parser({ onViolation })
    t.throws(() => parser.write(Buffer.from(HEADER + content)), mine, content)
    t.equal(told, 1, content)
    t.same(parser.write(Buffer.from('<c/>')), [])
  }
})

t.test('inside an element nothing is idle', async t => {
  const parser = new Parser()
  parser.write(Buffer.from(`${HEADER}<a>`))
  t.notOk(parser.idle)
  parser.write(Buffer.from('<b/>'))
  t.notOk(parser.idle)
  parser.write(Buffer.from('</a>'))
  t.ok(parser.idle)
  parser.write(Buffer.from('<a'))
  t.notOk(parser.idle)
})

t.test('names and namespaces that look alike to the tables of those seen lately are told apart', async t => {
  // The same length, first, middle and last character.
  const alike = Array.from({ length: 12 }, (_, at) => `u${String.fromCharCode(0x61 + at)}zzzzzy`)
  const stanzas = alike.map(name => `<${name} ${name}='1' xmlns='${name}' xmlns:p='${name}-' p:${name}='2'/>`)
  const parser = new Parser()
  parser.write(Buffer.from(HEADER))
  for (let round = 0; round < 3; round++) {
    for (const event of parser.write(Buffer.from(stanzas.join('')))) {
      const element = event.type === 'element' ? event.element : undefined
      const name = element?.name ?? ''
      t.match(element, { ns: name, attrs: { [name]: '1', [`{${name}-}${name}`]: '2' } })
      t.equal(name, alike.shift())
      alike.push(name)
    }
  }
})

t.test('other streams may be read while one is being read', async t => {
  const inner = (): string[] => {
    const parser = new Parser()
    const found: string[] = []
    for (const byte of Buffer.from(`${HEADER}<other:name a='b' xmlns:other='urn:o'>other &lt;text</other:name>`)) {
      found.push(...bodies(parser.write(Buffer.of(byte))))
    }
    return found
  }
  const content = "<one first='1'><!-- x -->text<!-- y --><two/></one><three/>&nbsp;<four>\u00e9</four>"
  const expected = JSON.stringify(new Parser({ onViolation: () => {} }).write(Buffer.from(HEADER + content)))
  for (const size of [1, 3, 1000]) {
    const onViolation = (): void => void t.same(inner(), ['other <text'])
    const parser = new Parser({ onViolation })
    const events: ParserEvent[] = []
    const bytes = Buffer.from(HEADER + content)
    for (let at = 0; at < bytes.length; at += size) {
      parser.push(bytes.subarray(at, at + size))
      for (let event = parser.next(); event !== undefined; event = parser.next()) {
        events.push(event)
        inner()
      }
    }
    t.equal(JSON.stringify(events), expected, `in chunks of ${size}`)
  }
})
