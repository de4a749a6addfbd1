import t from 'tap'
import { el } from '../../src/stream/element.ts'
import { parseDateTime } from '../../src/xep/0082-datetime.ts'
import { type Delay, NS_DELAY, readDelay } from '../../src/xep/0203-delay.ts'
import { NS_CLIENT, openSession } from '../helper/session.ts'

t.test('XEP-0082 §3.2: the examples', async t => {
  t.equal(parseDateTime('1969-07-21T02:56:15Z'), Date.UTC(1969, 6, 21, 2, 56, 15))
  t.equal(parseDateTime('1969-07-20T21:56:15-05:00'), Date.UTC(1969, 6, 21, 2, 56, 15))
})

t.test('moments', async t => {
  const moments: [string, string][] = [
    ['2026-02-28T23:59:59Z', '2026-02-28T23:59:59.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2026-01-01T00:00:00.5Z', '2026-01-01T00:00:00.500Z'],
    ['2026-01-01T00:00:00.123456789123456789Z', '2026-01-01T00:00:00.123Z'],
    ['2026-01-01T00:00:00.9999Z', '2026-01-01T00:00:00.999Z'],
    ['1969-12-31T23:59:59.25Z', '1969-12-31T23:59:59.250Z'],
    ['2026-01-01T00:30:00+05:45', '2025-12-31T18:45:00.000Z'],
    ['2026-01-01T00:00:00-14:00', '2026-01-01T14:00:00.000Z'],
    ['2026-01-01T00:00:00-00:00', '2026-01-01T00:00:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['0099-12-31T00:00:00Z', '0099-12-31T00:00:00.000Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
    ['2026-12-31T24:00:00Z', '2027-01-01T00:00:00.000Z'],
    ['2026-12-31T24:00:00.00Z', '2027-01-01T00:00:00.000Z'],
    ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
    ['2016-12-31T23:59:60.75Z', '2017-01-01T00:00:00.000Z'],
    ['2017-01-01T00:59:60+01:00', '2017-01-01T00:00:00.000Z'],
  ]
  for (const [text, iso] of moments) t.equal(new Date(parseDateTime(text) ?? Number.NaN).toISOString(), iso, text)
})

t.test('what is no DateTime', async t => {
  const texts = [
    '',
    '2026-01-01',
    '2026-01-01T00:00:00',
    '2026-01-01T00:00Z',
    '2026-01-01 00:00:00Z',
    '2026-01-01t00:00:00z',
    '20260101T00:00:00',
    '20260101T00:00:00Z',
    ' 2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00Z\n',
    '2026-01-01T00:00:00.Z',
    '2026-01-01T00:00:00,5Z',
    '2026-01-01T00:00:00+0100',
    '2026-01-01T00:00:00+01',
    '2026-01-01T00:00:00+01:60',
    '2026-01-01T00:00:00+14:01',
    '2026-01-01T00:00:00+99:00',
    '2026-00-01T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-32T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-01-01T24:00:01Z',
    '2026-01-01T24:00:00.001Z',
    '2026-01-01T25:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:61Z',
    // No leap second is there.
    '2026-01-01T00:00:60Z',
    '2026-01-15T23:59:60Z',
    '2016-12-31T23:59:60+01:00',
    '0000-01-01T00:00:00Z',
    '-2026-01-01T00:00:00Z',
    '12026-01-01T00:00:00Z',
    '٢٠٢٦-01-01T00:00:00Z',
    'Thu, 01 Jan 2026 00:00:00 GMT',
  ]
  for (const text of texts) t.equal(parseDateTime(text), undefined, JSON.stringify(text))
})

t.test('XEP-0203: which delay counts, and who says so', async t => {
  const { session } = await openSession()
  const stamp = (hour: number): string => `2002-09-10T${`${hour}`.padStart(2, '0')}:00:00Z`
  const hour = (hour: number): number => Date.parse(stamp(hour))
  const read = (type: string | undefined, ...delays: (Record<string, string> | undefined)[]): Delay | undefined => {
    const children = delays.map(attrs => el('delay', NS_DELAY, attrs, 'Offline Storage'))
    return readDelay(el('message', NS_CLIENT, { from: 'room@muc.example.org/nick', type }, ...children), session)
  }
  const of = (from: string, at: number): Record<string, string> => ({ from, stamp: stamp(at) })
  t.equal(read('chat'), undefined)
  t.strictSame(read('chat', of('example.com', 1)), { stamp: hour(1), from: 'example.com' })
  t.strictSame(read('chat', { stamp: stamp(1) }), { stamp: hour(1), from: undefined })
  t.strictSame(read('chat', of('EXAMPLE.com/Home', 1)), { stamp: hour(1), from: 'example.com/Home' }, 'prepared')
  t.strictSame(read('chat', of('not a jid', 1)), { stamp: hour(1), from: undefined })
  t.strictSame(read('chat', of('a.org', 1), of('b.org', 2)), { stamp: hour(2), from: 'b.org' }, 'the last')
  t.strictSame(
    read('chat', of('a.org', 1), of('example.com', 2), of('example.com', 3), of('b.org', 4)),
    { stamp: hour(3), from: 'example.com' },
    "our own server's, of these the last",
  )
  t.strictSame(
    read('chat', of('juliet@example.com', 1), of('b.org', 2)),
    { stamp: hour(1), from: 'juliet@example.com' },
    'our own account is served by it',
  )
  t.strictSame(
    read('chat', of('juliet@example.com/balcony', 1), of('b.org', 2)),
    { stamp: hour(2), from: 'b.org' },
    'a resource is not',
  )
  const room = of('room@muc.example.org', 1)
  t.strictSame(read('groupchat', room, of('b.org', 2)), { stamp: hour(1), from: 'room@muc.example.org' })
  t.strictSame(read('chat', room, of('b.org', 2)), { stamp: hour(2), from: 'b.org' }, 'in a groupchat only')
  t.strictSame(read('groupchat', of('room@muc.example.org/nick', 1), of('b.org', 2)), {
    stamp: hour(2),
    from: 'b.org',
  })
  t.strictSame(read('groupchat', of('example.com', 3), room), { stamp: hour(3), from: 'example.com' })
  t.strictSame(
    read('chat', of('a.org', 1), { from: 'example.com' }, { from: 'example.com', stamp: 'yesterday' }),
    { stamp: hour(1), from: 'a.org' },
    'what cannot be read is none',
  )
  t.strictSame(read('chat', { stamp: stamp(2) }, of('a.org', 1)), { stamp: hour(1), from: 'a.org' })
})

t.test('only what stands in the stanza itself, in its namespace', async t => {
  const { session } = await openSession()
  const attrs = { stamp: '2002-09-10T23:08:25Z' }
  const delay = el('delay', NS_DELAY, attrs)
  const message = (child: ReturnType<typeof el>) => el('message', NS_CLIENT, { from: 'a@b' }, 'text', child)
  t.equal(readDelay(message(el('forwarded', 'urn:xmpp:forward:0', {}, delay)), session), undefined)
  t.equal(readDelay(message(el('x', 'jabber:x:delay', attrs)), session), undefined)
  t.equal(readDelay(message(el('delay', NS_CLIENT, attrs)), session), undefined)
  t.strictSame(readDelay(message(delay), session), { stamp: Date.UTC(2002, 8, 10, 23, 8, 25), from: undefined })
})

t.test('a component has no server of its own to name', async t => {
  const { session } = await openSession({ component: true })
  const delays = ['pbx.example.com', 'b.org'].map(from =>
    el('delay', NS_DELAY, { from, stamp: '2002-09-10T23:08:25Z' }),
  )
  t.equal(readDelay(el('message', session.stream.ns, { from: 'a@b' }, ...delays), session)?.from, 'b.org')
})
