import t from 'tap'
import { StreamError, XmppError } from '../../src/errors.ts'
import { type Child, Element, emptyAttrs } from '../../src/stream/element.ts'
import { Parser, type ParserEvent, type ParserOptions } from '../../src/stream/parser.ts'
import { serialize } from '../../src/stream/serialize.ts'
import { cpuTime } from '../helper/cpu.ts'
import { byName, type Dialect, sample, type Tree } from '../helper/documents.ts'
import { heap } from '../helper/heap.ts'
import { Random } from '../helper/random.ts'

// Ten seconds of work, which on a busy machine is more than the usual limit.
t.setTimeout(120_000)

const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
const all: Dialect = { whiteSpace: true, astralNames: true }
/** What sax reads as we do. */
const common: Dialect = { whiteSpace: false, astralNames: false }

/** What a parser makes of a stream: trees, and how it ended. */
interface Reading {
  readonly trees: readonly Tree[]
  readonly end: string
}

function read(bytes: Uint8Array, cuts: readonly number[], options?: ParserOptions): Reading {
  const parser = new Parser(options)
  const trees: Tree[] = []
  let from = 0
  try {
    for (const cut of [...cuts, bytes.length]) {
      parser.push(bytes.subarray(from, cut))
      from = cut
      for (let event: ParserEvent | undefined = parser.next(); event !== undefined; event = parser.next()) {
        if (event.type === 'element') trees.push(tree(event.element))
      }
    }
    return { trees, end: parser.closed ? 'closed' : 'open' }
  } catch (error) {
    if (!(error instanceof StreamError)) throw error
    return { trees, end: error.condition }
  }
}

function tree({ name, ns, attrs, children }: Element): Tree {
  const pairs = Object.entries(attrs) as [string, string][]
  return {
    name,
    ns,
    attrs: pairs.sort(byName),
    children: children.map(child => (typeof child === 'string' ? child : tree(child))),
  }
}

const text = (value: unknown): string => JSON.stringify(value)

t.test('documents of every kind are read as they are meant', async t => {
  const random = new Random(1)
  for (let round = 0; round < 2000; round++) {
    const { xml, tree } = sample(random, all)
    const reading = read(Buffer.from(HEADER + xml), [])
    if (text(reading) !== text({ trees: [tree], end: 'open' })) return t.same(reading.trees, [tree], xml)
  }
  t.pass('2000 documents')
})

t.test('wherever they are cut', async t => {
  const random = new Random(2)
  for (let round = 0; round < 100; round++) {
    const { xml, tree } = sample(random, all)
    const bytes = Buffer.from(HEADER + xml)
    const meant = text({ trees: [tree], end: 'open' })
    for (let cut = HEADER.length; cut < bytes.length; cut++) {
      if (text(read(bytes, [cut])) !== meant) return t.fail(`${xml}\ncut at ${cut - HEADER.length}`)
    }
    const each = Array.from(bytes.keys()).slice(1)
    if (text(read(bytes, each)) !== meant) return t.fail(`${xml}\nbyte by byte`)
  }
  t.pass('100 documents, each at every byte')
})

t.test('sax, where it can read them, reads the same', async t => {
  const random = new Random(3)
  for (let round = 0; round < 2000; round++) {
    const { xml } = sample(random, common)
    const bytes = Buffer.from(HEADER + xml)
    const cuts = random.chance(0.5) ? [] : [random.under(bytes.length)]
    const [ours, sax] = [read(bytes, cuts), read(bytes, cuts, { tokenizer: 'sax' })]
    if (text(ours) !== text(sax)) return t.same(ours, sax, xml)
  }
  t.pass('2000 documents')
})

/** Pieces that break XML, or nearly. */
const splinters = [
  ...[
    '<',
    '>',
    '&',
    '"',
    "'",
    '/',
    '=',
    '!',
    '?',
    ';',
    '#',
    ':',
    ' ',
    '\n',
    '\r',
    ']',
    '-',
    '[',
    '\0',
    '\x01',
    '\x7f',
    '0',
    'x',
    'a',
  ],
  ...[
    ']]>',
    '<![CDATA[',
    '<!--',
    '-->',
    '<?',
    '?>',
    '<!DOCTYPE a [',
    '&lt;',
    '&#0;',
    '&#xD800;',
    '&#65;',
    '&foo;',
    '/>',
    '</',
    "=''",
  ],
  ...[
    ' xmlns=""',
    " xmlns:a='urn:a'",
    " xmlns:a=''",
    'xml:',
    'xmlns:',
    'a:',
    '</a>',
    '<a>',
    '\ufffe',
    '\uffff',
    '\u{10ffff}',
    'é',
    '\u0300',
  ],
]

/** A stream with something wrong in it, more often than not. */
function broken(random: Random, dialect: Dialect): Buffer {
  let stream = `${random.chance(0.3) ? "<?xml version='1.0'?>" : ''}${HEADER}`
  for (let left = 1 + random.under(3); left > 0; left--) stream += sample(random, dialect).xml
  if (random.chance(0.5)) stream += '</stream:stream>'
  for (let left = 1 + random.under(3); left > 0; left--) {
    const at = random.under(stream.length)
    const gone = random.chance(0.5) ? random.under(4) : 0
    const extra = random.chance(0.3) ? stream.slice(at, at + random.under(30)) : random.pick(splinters)
    stream = stream.slice(0, at) + extra + stream.slice(at + gone)
  }
  const bytes = Buffer.from(stream)
  if (random.chance(0.1)) bytes[random.under(bytes.length)] = random.under(256)
  return bytes
}

t.test('what sax refuses, we refuse', async t => {
  const random = new Random(4)
  let [refused, both] = [0, 0]
  for (let round = 0; round < 10_000; round++) {
    const bytes = broken(random, common)
    const ours = read(bytes, [])
    if (ours.end === 'open' || ours.end === 'closed') {
      const sax = read(bytes, [], { tokenizer: 'sax' })
      if (sax.end !== ours.end) return t.fail(`${sax.end}: ${bytes}`)
    } else {
      refused++
      if (random.chance(0.1) && read(bytes, [], { tokenizer: 'sax' }).end !== 'open') both++
    }
  }
  t.ok(refused > 5000 && refused < 9900, `${refused} of 10,000 refused`)
  t.ok(both > 100, 'and many of them by sax too')
})

t.test('what is refused does not depend on how it was cut', async t => {
  const random = new Random(5)
  for (let round = 0; round < 5000; round++) {
    const bytes = broken(random, all)
    const whole = text(read(bytes, []))
    const cuts = [random.under(bytes.length), random.under(bytes.length), random.under(bytes.length)].sort(
      (a, b) => a - b,
    )
    if (text(read(bytes, cuts)) !== whole) return t.fail(`${bytes}\ncut at ${cuts}: ${text(read(bytes, cuts))}`)
    if (round % 10 === 0 && text(read(bytes, Array.from(bytes.keys()))) !== whole)
      return t.fail(`${bytes}\nbyte by byte`)
  }
  t.pass('5000 streams')
})

t.test('a hundred thousand mutated chunks: no crash, no hang, no growth', async t => {
  const random = new Random(6)
  const round = (): void => {
    const parser = new Parser({ limits: { stanzaBytes: 2000 } })
    const bytes = broken(random, all)
    try {
      for (let from = 0; from < bytes.length; from += 40) parser.write(bytes.subarray(from, from + 40))
    } catch (error) {
      if (!(error instanceof StreamError)) throw error
    }
  }
  for (let n = 0; n < 2000; n++) round()
  const [before, began] = [heap(), cpuTime()]
  for (let n = 0; n < 10_000; n++) round()
  t.ok(heap() - before < 2_000_000, 'no growth')
  t.ok(cpuTime() - began < 20_000, 'no hang')
})

t.test('with violations reported, reading goes on and ends all the same', async t => {
  const random = new Random(7)
  for (let round = 0; round < 3000; round++) {
    const bytes = broken(random, all)
    let reported = 0
    const options = { onViolation: () => void reported++ }
    const { end } = read(bytes, [random.under(bytes.length)], options)
    if (end !== 'open' && end !== 'closed') return t.fail(`thrown: ${end} for ${bytes}`)
    if (read(bytes, []).end.includes('-') !== reported > 0) return t.fail(`${reported} reported for ${bytes}`)
  }
  t.pass('3000 streams')
})

t.test('tokens that come byte by byte cost as much for each byte at the end as at the beginning', async t => {
  const limits = { stanzaBytes: 10_000_000, nameLength: 10_000_000 }
  const filler: [what: string, before: string, unit: string][] = [
    ['a name', '<', 'a'],
    ['a name of an attribute', '<a ', 'a'],
    ['a value', "<a b='", 'x'],
    ['references in a value', "<a b='", '&lt;'],
    ['a long reference', '<a>&#x', '0'],
    ['text', '<a>', 'x'],
    ['references in text', '<a>', '&#65;'],
    ['white space in a tag', '<a ', ' '],
    ['CDATA', '<a><![CDATA[', ']'],
    ['CR', '<a>', '\r'],
    ['a comment', '<a><!--', '-'],
    ['an instruction', '<a><?x', '?'],
    ['a DTD', '<a><!DOCTYPE', '['],
    ['a close tag', '<a></a', ' '],
    ['keepalives', '', ' '],
  ]
  for (const [what, before, unit] of filler) {
    const cost = (count: number): number => {
      const parser = new Parser({ limits, onViolation: () => {} })
      parser.write(Buffer.from(HEADER + before))
      const bytes = Buffer.from(unit.repeat(count))
      const began = cpuTime()
      for (let at = 0; at < bytes.length; at++) parser.write(bytes.subarray(at, at + 1))
      return cpuTime() - began
    }
    cost(20_000)
    const [short, long] = [cost(20_000), cost(160_000)]
    t.ok(long < 8 * 3 * short + 100, `${what}: ${Math.round(short)} ms for 20,000, ${Math.round(long)} ms for 160,000`)
  }
})

t.test('whatever is serialized can be read, and reads the same', async t => {
  const random = new Random(8)
  const usually = <T>(good: readonly T[], bad: readonly T[]): T => random.pick(random.chance(0.97) ? good : bad)
  const name = (): string =>
    usually(
      ['a', 'b-c', 'été', '\u{20000}', '__proto__', 'xml', 'xmlns', 'stream', 'a\u0300'],
      ['1a', '', 'a:b', 'a b', '\ud800', '-', '\u0300', 'a>', '\u{f0000}', 'xmlns:a'],
    )
  const ns = (): string =>
    usually(
      [
        'jabber:client',
        'urn:a',
        '',
        'http://etherx.jabber.org/streams',
        'http://www.w3.org/XML/1998/namespace',
        '\'<&>"',
        'a}b',
        '\t\r\n',
      ],
      ['http://www.w3.org/2000/xmlns/', '\0'],
    )
  const value = (): string =>
    usually(
      ['', 'x', ' ', '\r\n\t', ']]>', '<&>\'"', '\u{1f339}', '\ufeff', '\x7f\x85'],
      ['\0', '\ufffe', '\ud800', '\udc00x'],
    )
  const make = (depth: number): Element => {
    const attrs = emptyAttrs()
    for (const local of random.some(3, name)) {
      const key = usually(
        [local === 'xmlns' ? 'a' : local, `xml:${local}`, `{${ns() || 'urn:b'}}${local}`],
        [`{${local}`, `xmlns:${local}`, `{}${local}`],
      )
      attrs[key] = value()
    }
    const children = random.some(depth > 2 ? 0 : 3, (): Child => (random.chance(0.5) ? make(depth + 1) : value()))
    return new Element(name(), ns(), attrs, children)
  }
  let [sent, refused] = [0, 0]
  for (let round = 0; round < 30_000; round++) {
    const element = make(0)
    let xml: string
    try {
      xml = serialize(element, 'jabber:client')
    } catch (error) {
      if (!(error instanceof XmppError) || !/^XMPP_XML_(?:NAME|CHARACTER)$/.test(error.code)) throw error
      refused++
      continue
    }
    sent++
    const { trees } = read(Buffer.from(HEADER + xml), [])
    if (text(trees) !== text([merged(tree(element))])) return t.same(trees, [merged(tree(element))], xml)
  }
  t.ok(sent > 5000 && refused > 5000, `${sent} sent, ${refused} refused`)
})

/** As it is read: texts side by side are one, empty ones are none, and the namespace of `xml` has its own prefix. */
function merged({ name, ns, attrs, children }: Tree): Tree {
  const joined: (Tree | string)[] = []
  for (const child of children) {
    if (typeof child !== 'string') joined.push(merged(child))
    else if (typeof joined.at(-1) === 'string') joined.push((joined.pop() as string) + child)
    else if (child !== '') joined.push(child)
  }
  // A prefix that was chosen for sending is not part of the name.
  const nameOf = (key: string): string =>
    key.replace('{http://www.w3.org/XML/1998/namespace}', 'xml:').replace(/^(\{[\s\S]*\})[^:}]*:([^:}]*)$/, '$1$2')
  const known = attrs.map(([key, value]) => [nameOf(key), value] as const)
  return { name, ns, attrs: known.sort(byName), children: joined }
}
