import t from 'tap'
import { isOurs, NS_ASTERISK, payloadOf, readItem } from '../../../src/account/distribution/payload.ts'
import { deviceStates, type Report } from '../../../src/bus/index.ts'
import { type Attrs, type Child, Element, el } from '../../../src/stream/element.ts'
import { Random } from '../../helper/random.ts'
import { received } from '../../helper/received.ts'

const EID = '02:00:00:00:00:01'
/** Written apart from the code: the one that res_xmpp has. */
const NS = 'http://asterisk.org'

const state = (attrs: Attrs, ...children: Child[]): Element => el('state', NS, attrs, ...children)
const counts = (fresh: string, old: string, eid: string | undefined = EID): Element =>
  el('mailbox', NS, { eid }, el('NEWMSGS', NS, {}, fresh), el('OLDMSGS', NS, {}, old))

t.test('written as res_xmpp writes it', async t => {
  t.equal(NS_ASTERISK, NS)
  t.equal(
    payloadOf({ kind: 'device', eid: EID, name: 'Custom:x', state: 'INUSE', cachable: true }).toString(),
    "<state xmlns='http://asterisk.org' eid='02:00:00:00:00:01' cachable='1'>INUSE</state>",
  )
  t.equal(
    payloadOf({ kind: 'device', eid: EID, name: 'Custom:x', state: 'NOT_INUSE', cachable: false }).toString(),
    "<state xmlns='http://asterisk.org' eid='02:00:00:00:00:01' cachable='0'>NOT_INUSE</state>",
  )
  t.equal(
    payloadOf({ kind: 'mailbox', eid: EID, name: '6001@default', counts: { new: 2, old: 1 } }).toString(),
    "<mailbox xmlns='http://asterisk.org' eid='02:00:00:00:00:01'><NEWMSGS>2</NEWMSGS><OLDMSGS>1</OLDMSGS></mailbox>",
  )
})

t.test('what is written is read', async t => {
  for (const state of deviceStates) {
    for (const cachable of [true, false]) {
      const report: Report = { kind: 'device', eid: EID, name: 'Custom:x', state, cachable }
      t.strictSame(readItem('Custom:x', payloadOf(report)), report)
      t.strictSame(readItem('Custom:x', received(payloadOf(report).toString())), report, 'off the wire')
    }
  }
  for (const number of [0, 1, 2 ** 31 - 1]) {
    const report: Report = { kind: 'mailbox', eid: EID, name: 'm@c', counts: { new: number, old: 7 } }
    t.strictSame(readItem('m@c', payloadOf(report)), report)
    t.strictSame(readItem('m@c', received(payloadOf(report).toString())), report, 'off the wire')
  }
})

t.test('what others may write differently is read all the same', async t => {
  const device = (payload: Element): unknown => readItem('d', payload)
  const inuse = { kind: 'device', eid: EID, name: 'd', state: 'INUSE', cachable: true }
  t.strictSame(device(state({ eid: EID }, 'INUSE')), inuse, 'without cachable')
  for (const word of ['1', '', 'yes', 'false', '00', 'x'.repeat(1_000_000)])
    t.strictSame(device(state({ eid: EID, cachable: word }, 'INUSE')), inuse, word.slice(0, 20))
  t.strictSame(device(state({ eid: EID, cachable: ' 0' }, 'INUSE')), { ...inuse, cachable: false })
  t.strictSame(device(state({ eid: ' 02:00:00:00:00:01 ' }, '\n  inuse\n')), inuse)
  t.strictSame(device(state({ eid: EID }, 'IN', 'USE')), inuse, 'in two pieces')
  t.strictSame(device(state({ eid: EID, '{urn:x}a': 'b', more: 'c' }, 'INUSE', el('x', 'urn:x'))), inuse, 'with more')
  t.match(device(state({ eid: '02:AA:00:00:00:0F' }, 'INUSE')), { eid: '02:aa:00:00:00:0f' })
  t.match(readItem('m', counts(' 2 ', '\n1\n')), { counts: { new: 2, old: 1 } })
  t.match(readItem('m', counts('0000000002', '01')), { counts: { new: 2, old: 1 } })
  const twice = el(
    'mailbox',
    NS,
    { eid: EID },
    ...['1', '2'].map(n => el('OLDMSGS', NS, {}, n)),
    el('NEWMSGS', NS, {}, '3'),
  )
  t.match(readItem('m', twice), { counts: { new: 3, old: 1 } }, 'in any order; of two the first')
})

const MANY = 'x'.repeat(1_000_000)
const good = state({ eid: EID, cachable: '1' }, 'INUSE')

/** What a publisher may put in, and what is wrong with it. */
const cases: readonly (readonly [what: string, id: string | undefined, payload: Element | undefined, why: RegExp])[] = [
  ['no id', undefined, good, /no id/],
  ['empty id', '', good, /no id/],
  ['blank id', ' ', good, /no name/],
  ['blanks around the id', ' d', good, /no name/],
  ['a line in the id', 'd\ne', good, /"d\\x0ae" is no name/],
  ['a bell in the id', 'd\u0007', good, /"d\\x07" is no name/],
  ['a control of Latin 1 in the id', '\u009bd', good, /"\\x9bd" is no name/],
  ['half a character in the id', '\ud83d', good, /no name/],
  ['long id', 'x'.repeat(257), good, /^"x{60}…" is no name of a device or mailbox$/],
  ['huge id', MANY, good, /^"x{60}…" is no name of a device or mailbox$/],
  ['no payload', 'd', undefined, /no payload/],
  ['neither id nor payload', undefined, undefined, /no id/],
  ['another payload', 'd', el('entry', 'http://www.w3.org/2005/Atom'), /<entry\/>, neither/],
  ['no namespace', 'd', el('state', '', { eid: EID }, 'INUSE'), /<state\/>, neither/],
  ['like the namespace', 'd', el('state', 'http://asterisk.org/', { eid: EID }, 'INUSE'), /neither/],
  ['the namespace in capitals', 'd', el('state', 'HTTP://asterisk.org', { eid: EID }, 'INUSE'), /neither/],
  ['another name', 'd', el('status', NS, { eid: EID }, 'INUSE'), /<status\/>, neither/],
  ['a name in capitals', 'd', el('STATE', NS, { eid: EID }, 'INUSE'), /neither/],
  ['a name of every object’s', 'd', el('constructor', NS, { eid: EID }), /neither/],
  ['a huge name', 'd', el(MANY, NS), /^its payload is <x{60}\/>, neither/],
  ['a name that a terminal obeys', 'd', el('a\u009b2J', NS), /<a\\x9b2J\/>/],
  ['no eid', 'd', state({}, 'INUSE'), /no eid/],
  ['an eid in another namespace', 'd', state({ '{urn:x}eid': EID }, 'INUSE'), /no eid/],
  ['empty eid', 'd', state({ eid: '' }, 'INUSE'), /eid is ".*", which is none/],
  ['short eid', 'd', state({ eid: '02:00:00:00:00' }, 'INUSE'), /eid is ".*", which is none/],
  ['long eid', 'd', state({ eid: `${EID}:01` }, 'INUSE'), /eid is ".*", which is none/],
  ['eid of zeros', 'd', state({ eid: '00:00:00:00:00:00' }, 'INUSE'), /eid is ".*", which is none/],
  ['eid of words', 'd', state({ eid: 'asterisk' }, 'INUSE'), /eid is ".*", which is none/],
  ['huge eid', 'd', state({ eid: '02:'.repeat(350_000) }, 'INUSE'), /eid is ".*", which is none/],
  ['eid as an element', 'd', state({}, el('eid', NS, {}, EID), 'INUSE'), /no eid/],
  ['no state', 'd', state({ eid: EID }), /no state/],
  ['blank state', 'd', state({ eid: EID }, '  '), /Asterisk does not know/],
  ['another state', 'd', state({ eid: EID }, 'AWAY'), /Asterisk does not know/],
  ['two states', 'd', state({ eid: EID }, 'INUSE BUSY'), /Asterisk does not know/],
  ['a number', 'd', state({ eid: EID }, '2'), /Asterisk does not know/],
  ['huge state', 'd', state({ eid: EID }, MANY), /Asterisk does not know/],
  ['huge blanks before a state', 'd', state({ eid: EID }, ' '.repeat(1_000_000), 'x'), /Asterisk does not know/],
  ['a state of every object’s', 'd', state({ eid: EID }, '__proto__'), /Asterisk does not know/],
  ['a nested state', 'd', state({ eid: EID }, good), /no state/],
  ['a state in an element', 'd', state({ eid: EID }, el('b', NS, {}, 'INUSE')), /no state/],
  ['no counts', 'm', el('mailbox', NS, { eid: EID }), /numbers of messages/],
  ['no old ones', 'm', el('mailbox', NS, { eid: EID }, el('NEWMSGS', NS, {}, '1')), /numbers of messages/],
  ['no new ones', 'm', el('mailbox', NS, { eid: EID }, el('OLDMSGS', NS, {}, '1')), /numbers of messages/],
  ['no eid at a mailbox', 'm', el('mailbox', NS, {}, ...counts('1', '1').elements), /no eid/],
  [
    'counts in another namespace',
    'm',
    el('mailbox', NS, { eid: EID }, el('NEWMSGS', 'urn:x', {}, '1'), el('OLDMSGS', 'urn:x', {}, '1')),
    /numbers of messages/,
  ],
  [
    'counts in small letters',
    'm',
    el('mailbox', NS, { eid: EID }, el('newmsgs', NS, {}, '1'), el('oldmsgs', NS, {}, '1')),
    /numbers of messages/,
  ],
  ['nested mailboxes', 'm', el('mailbox', NS, { eid: EID }, counts('1', '1')), /numbers of messages/],
  [
    'nested counts',
    'm',
    el('mailbox', NS, { eid: EID }, el('NEWMSGS', NS, {}, el('NEWMSGS', NS, {}, '1')), el('OLDMSGS', NS, {}, '1')),
    /numbers of messages/,
  ],
  ...[
    '',
    ' ',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    '2147483648',
    '9999999999',
    '00000000001',
    'NaN',
    'Infinity',
    '1 2',
  ].flatMap(
    number =>
      [
        [`"${number}" new ones`, 'm', counts(number, '1'), /numbers of messages/],
        [`"${number}" old ones`, 'm', counts('1', number), /numbers of messages/],
      ] as const,
  ),
  ['digits of another script', 'm', counts('\u0661', '1'), /numbers of messages/],
  ['a huge number', 'm', counts('9'.repeat(1_000_000), '1'), /numbers of messages/],
]

t.test('what a publisher gets wrong is told in words, and in few', async t => {
  for (const [what, id, payload, why] of cases) {
    const found = readItem(id, payload)
    t.type(found, 'string', what)
    t.match(found, why, what)
    t.ok(String(found).length <= 200, `${what}: ${String(found).length} characters`)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    t.notMatch(found, /[\u0000-\u001f\u007f-\u009f]/, what)
  }
})

t.test('whether it is meant for PBXes', async t => {
  t.ok(isOurs(good))
  t.ok(isOurs(el('anything', NS)))
  t.notOk(isOurs(undefined))
  t.notOk(isOurs(el('state', 'urn:x')))
})

t.test('neither depth nor width is too much', async t => {
  let deep = state({ eid: EID }, 'INUSE')
  for (let depth = 0; depth < 20_000; depth++) deep = state({ eid: EID }, deep)
  t.match(readItem('d', deep), /no state/)
  const wide = new Element('state', NS, { eid: EID }, new Array(200_000).fill('INUSE'))
  t.match(readItem('d', wide), /Asterisk does not know/)
})

t.test('whatever it is made into, it is a report or a reason', async t => {
  const random = new Random(60)
  const texts = [
    '',
    ' ',
    'INUSE',
    'busy',
    '1',
    '-1',
    '2147483647',
    '1e9',
    EID,
    '\0',
    '\ud800',
    '\u009b',
    '__proto__',
    '…',
  ]
  const names = ['state', 'mailbox', 'NEWMSGS', 'OLDMSGS', 'eid', 'toString', '__proto__', '']
  const spaces = [NS, NS, NS, '', 'urn:x']
  const keys = ['eid', 'cachable', '{urn:x}eid', '__proto__', 'constructor']
  const text = (): string => random.pick(texts).repeat(1 + random.under(3))
  const make = (depth: number): Element => {
    const attrs: Attrs = {}
    for (const key of random.some(2, () => random.pick(keys))) attrs[key] = random.chance(0.5) ? EID : text()
    const child = (): Child => (depth > 0 && random.chance(0.6) ? make(depth - 1) : text())
    return new Element(random.pick(names), random.pick(spaces), attrs, random.some(3, child))
  }
  const seeds = [good, counts('1', '2')]
  /** One that is right, with something about it changed. */
  const bent = ({ name, ns, attrs, children }: Element): Element =>
    new Element(
      random.chance(0.1) ? random.pick(names) : name,
      random.chance(0.1) ? random.pick(spaces) : ns,
      random.chance(0.3) ? { ...attrs, [random.pick(keys)]: text() } : attrs,
      children.map(child => (random.chance(0.7) ? child : typeof child === 'string' ? text() : bent(child))),
    )
  let [reports, reasons] = [0, 0]
  const odd: string[] = []
  for (let count = 0; count < 50_000; count++) {
    const id = random.chance(0.9) ? 'Custom:x' : random.chance(0.5) ? text() : undefined
    const payload = random.chance(0.5) ? make(2) : bent(random.pick(seeds))
    try {
      const found = readItem(id, random.chance(0.99) ? payload : undefined)
      if (typeof found === 'string') {
        reasons++
        if (found === '' || found.length > 500) odd.push(found)
      } else {
        reports++
        const fits =
          /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(found.eid) &&
          found.name === id &&
          (found.kind === 'device'
            ? deviceStates.includes(found.state) && typeof found.cachable === 'boolean'
            : Number.isInteger(found.counts.new + found.counts.old) && found.counts.new >= 0 && found.counts.old >= 0)
        if (!fits) odd.push(JSON.stringify(found))
      }
    } catch (error) {
      odd.push(`${payload.name} ${error}`)
    }
  }
  t.strictSame(odd.slice(0, 5), [])
  t.ok(reports > 5000 && reasons > 5000, `${reports} reports, ${reasons} reasons`)
})
