import t from 'tap'
import { el } from '../src/stream/element.ts'
import { readEnabled, readHandled, StreamManagement } from '../src/stream-management.ts'
import { throws } from './helper/rejects.ts'

const NS = 'urn:xmpp:sm:3'
const stanza = (id: number) => el('message', 'jabber:client', { id: `${id}` })
const ids = (books: StreamManagement) => books.unacknowledged().map(({ attrs }) => Number(attrs.id))

function filled(count: number, books = new StreamManagement()): StreamManagement {
  for (let n = 0; n < count; n++) books.sent(stanza(n), 10)
  return books
}

t.test('what is acknowledged is forgotten, oldest first', async t => {
  const books = filled(5)
  t.equal(books.pending, 5)
  books.acknowledge(0)
  t.same(ids(books), [0, 1, 2, 3, 4])
  books.acknowledge(3)
  t.same(ids(books), [3, 4])
  books.acknowledge(3)
  t.same(ids(books), [3, 4], 'twice is once')
  books.acknowledge(5)
  t.same(ids(books), [])
  t.equal(books.pending, 0)
})

t.test('many, acknowledged in pieces', async t => {
  const books = new StreamManagement()
  let sent = 0
  for (let round = 0; round < 50; round++) {
    for (let n = 0; n < 200; n++) books.sent(stanza(sent++), 1)
    books.acknowledge(sent - 150)
    t.equal(books.pending, 150)
    t.equal(ids(books)[0], sent - 150)
  }
})

t.test('a server that has handled more than it was sent', async t => {
  for (const h of [3, 100, 2 ** 32 - 1]) {
    const books = filled(2)
    throws(t, () => books.acknowledge(h), {
      name: 'StreamError',
      condition: 'undefined-condition',
      by: 'us',
      detail: { name: 'handled-count-too-high', ns: NS, attrs: { h: `${h}`, 'send-count': '2' } },
    })
    t.equal(books.pending, 2, 'nothing is taken for arrived')
  }
  const books = filled(2)
  books.acknowledge(2)
  const message = /h='1' acknowledges fewer stanzas than h='2' has before/
  throws(t, () => books.acknowledge(1), { condition: 'undefined-condition', message, detail: undefined })
})

t.test('both counters wrap at 2^32', async t => {
  const books = filled(4, new StreamManagement({}, { handled: 2 ** 32 - 2, acknowledged: 2 ** 32 - 2 }))
  books.acknowledge(2 ** 32 - 1)
  t.same(ids(books), [1, 2, 3])
  books.acknowledge(0)
  t.same(ids(books), [2, 3])
  books.acknowledge(2)
  t.equal(books.pending, 0)
  const handled: number[] = []
  for (let n = 0; n < 3; n++) {
    books.received()
    handled.push(books.handled)
  }
  t.same(handled, [2 ** 32 - 1, 0, 1])
})

t.test('the bounds, by count and by size', async t => {
  t.equal(filled(9, new StreamManagement({ stanzas: 10 })).full, false)
  const full = filled(10, new StreamManagement({ stanzas: 10 }))
  t.equal(full.full, true)
  full.acknowledge(1)
  t.equal(full.full, false)
  t.equal(filled(3, new StreamManagement({ characters: 30 })).full, true)
  t.equal(filled(2, new StreamManagement({ characters: 30 })).full, false)
})

t.test('room is made by acknowledgements, or when there will be none', async t => {
  const books = filled(3, new StreamManagement({ stanzas: 32 }))
  t.equal(books.crowded, true)
  let made = 0
  for (let n = 0; n < 2; n++) void books.room().then(() => made++)
  books.acknowledge(0)
  await Promise.resolve()
  t.equal(made, 0)
  books.acknowledge(1)
  await Promise.resolve()
  await Promise.resolve()
  t.equal(made, 2)
  filled(3, books)
  const room = books.room()
  t.same(books.takeUnacknowledged().length, 5)
  await room
  t.equal(books.pending, 0)
})

t.test('what the elements say', async t => {
  const a = (h: string | undefined) => el('a', NS, { h })
  for (const [text, value] of [
    ['0', 0],
    ['007', 7],
    ['4294967295', 2 ** 32 - 1],
  ] as const) {
    t.equal(readHandled(a(text)), value)
  }
  for (const text of [undefined, '', '-1', '1.0', '4294967296', '99999999999', '1 ', '0x1', '١']) {
    throws(t, () => readHandled(a(text)), { name: 'StreamError', condition: 'bad-format' }, `${text}`)
  }
  const enabled = (attrs: Record<string, string>) => readEnabled(el('enabled', NS, attrs))
  t.strictSame(enabled({ id: 'x', resume: 'true', max: '60', location: 'h:1' }), { id: 'x', location: 'h:1', max: 60 })
  t.strictSame(enabled({ id: 'x', resume: '1' }), { id: 'x', location: undefined, max: undefined })
  for (const max of ['', 'x', '-5', '0', '1e3', '9999999999'])
    t.equal(enabled({ id: 'x', resume: 'true', max })?.max, undefined)
  for (const attrs of [{}, { id: 'x' }, { resume: 'true' }, { id: '', resume: 'true' }, { id: 'x', resume: 'false' }]) {
    t.equal(enabled(attrs as Record<string, string>), undefined)
  }
  t.equal(enabled({ id: 'x'.repeat(4001), resume: 'true' }), undefined, 'what is too long to be held')
})
