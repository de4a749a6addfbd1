import { readFileSync } from 'node:fs'
import t from 'tap'
import { Parser, type ParserOptions } from '../../src/stream/parser.ts'

const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
const SIZES = [1, 2, 3, 7, Infinity]

interface Line {
  readonly condition: string
  readonly xml: string
  readonly written: string
}

/** The lines of grammar.txt: a condition, and the XML that deserves it. */
const lines = readFileSync(new URL('grammar.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter(line => line !== '' && !line.startsWith('#'))
  .map((line): Line => {
    const [, condition = '', written = ''] = /^(\S+) +(.*)$/.exec(line) ?? []
    const xml = written.replace(/\\(?:u\{([0-9a-f]+)\}|\\)/g, (_, code?: string) =>
      code === undefined ? '\\' : String.fromCodePoint(Number.parseInt(code, 16)),
    )
    return { condition, xml, written }
  })

/** What was read, as text to compare, and what it ended with. */
function read(xml: string, size: number, options?: ParserOptions): { events: string; end: string } {
  const parser = new Parser(options)
  const bytes = Buffer.from(HEADER + xml)
  const events: unknown[] = []
  try {
    for (let at = 0; at < bytes.length; at += size) {
      parser.push(bytes.subarray(at, at + size))
      for (let event = parser.next(); event !== undefined; event = parser.next()) events.push(event)
    }
    return { events: JSON.stringify(events), end: 'ok' }
  } catch (error) {
    return { events: JSON.stringify(events), end: (error as { condition?: string }).condition ?? String(error) }
  }
}

t.test('each production, kept and broken, in chunks of every kind', async t => {
  t.ok(lines.length > 350)
  for (const { xml, condition, written } of lines) {
    const whole = read(xml, Infinity)
    t.equal(whole.end, condition, written)
    for (const size of SIZES) {
      const cut = read(xml, size)
      if (cut.end !== whole.end || cut.events !== whole.events) t.same(cut, whole, `${written} by ${size}`)
    }
  }
})

t.test('what would be thrown is what is reported first, and nothing else is', async t => {
  for (const { xml, condition, written } of lines) {
    for (const size of SIZES) {
      const reported: string[] = []
      const { end } = read(xml, size, { onViolation: error => void reported.push(error.condition) })
      if (end !== 'ok' || (reported[0] ?? 'ok') !== condition) t.same([end, ...reported], ['ok', condition], written)
    }
  }
  t.pass(`${lines.length} lines`)
})

t.test('inside a stanza it is the same, but for what may stand only there', async t => {
  for (const { xml, condition, written } of lines) {
    if (condition === 'bad-format' || xml.startsWith('</')) continue
    t.equal(read(`<w k='v'>${xml}`, 3).end, condition, written)
  }
})
