import t from 'tap'
import { Buddies, best } from '../../src/account/buddies.ts'
import { type Child, type Element, el } from '../../src/stream/element.ts'
import type { RosterItem } from '../../src/xep/roster.ts'
import { heap } from '../helper/heap.ts'

const NS = 'jabber:client'
const NS_CAPS = 'http://jabber.org/protocol/caps'

interface Shown {
  readonly type?: string
  readonly show?: string
  readonly status?: string
  readonly priority?: string
  readonly caps?: Record<string, string>
}

function presence({ type, show, status, priority, caps }: Shown = {}): Element {
  const children: Child[] = []
  if (show !== undefined) children.push(el('show', NS, {}, show))
  if (status !== undefined) children.push(el('status', NS, {}, status))
  if (priority !== undefined) children.push(el('priority', NS, {}, priority))
  if (caps !== undefined) children.push(el('c', NS_CAPS, caps))
  return el('presence', NS, { type }, ...children)
}

const gone = presence({ type: 'unavailable' })

function item(jid: string, subscription: RosterItem['subscription'] = 'both', asked = false): RosterItem {
  return { jid, name: '', subscription, asked }
}

const jids = (buddies: Buddies): string[] => buddies.list().map(({ jid }) => jid)

t.test('buddies are the buddy= lines, then the roster', async t => {
  const buddies = new Buddies()
  buddies.configure(['Zoe@X', 'bob@x/ignored'])
  buddies.roster([item('carol@x'), item('bob@x', 'to')])
  t.strictSame(jids(buddies), ['zoe@x', 'bob@x', 'carol@x'])
  t.match(buddies.get('zoe@x'), { configured: true, inRoster: false, subscription: 'none', asked: false })
  t.match(buddies.get('bob@x/any'), { configured: true, inRoster: true, subscription: 'to' })
  t.match(buddies.get('carol@x'), { configured: false, inRoster: true, subscription: 'both' })
  t.equal(buddies.get('dave@x'), undefined)
})

t.test('a removed buddy= line stays only as long as the roster has it', async t => {
  const buddies = new Buddies()
  buddies.configure(['bob@x', 'carol@x'])
  buddies.roster([item('carol@x')])
  buddies.configure([])
  t.strictSame(jids(buddies), ['carol@x'])
  t.equal(buddies.get('carol@x')?.configured, false)
  buddies.roster([])
  t.strictSame(jids(buddies), [])
})

t.test('a roster replaces the one before', async t => {
  const buddies = new Buddies()
  buddies.configure(['bob@x'])
  buddies.roster([item('bob@x'), item('carol@x')])
  buddies.presence('bob@x/r', presence())
  buddies.roster([item('dave@x', 'none', true)])
  t.strictSame(jids(buddies), ['bob@x', 'dave@x'])
  t.match(buddies.get('bob@x'), { configured: true, inRoster: false, subscription: 'none', asked: false })
  t.equal(buddies.status('bob@x'), 6, 'nobody tells us of bob any more')
  t.match(buddies.get('dave@x'), { subscription: 'none', asked: true })
})

t.test('roster pushes', async t => {
  const buddies = new Buddies()
  buddies.configure(['bob@x'])
  buddies.push(item('bob@x', 'none', true))
  t.match(buddies.get('bob@x'), { inRoster: true, asked: true, subscription: 'none' })
  buddies.push(item('bob@x', 'to'))
  t.match(buddies.get('bob@x'), { asked: false, subscription: 'to' })
  buddies.presence('bob@x/r', presence())
  t.equal(buddies.status('bob@x'), 1)
  buddies.push(item('bob@x', 'both'))
  t.equal(buddies.status('bob@x'), 1, 'presence outlives a change that leaves the subscription')
  for (const lost of ['from', 'none', 'remove'] as const) {
    buddies.push(item('bob@x', 'both'))
    buddies.presence('bob@x/r', presence())
    buddies.push(item('bob@x', lost))
    t.equal(buddies.status('bob@x'), 6, lost)
  }
  t.match(buddies.get('bob@x'), { configured: true, inRoster: false, subscription: 'none', asked: false })
  buddies.push(item('carol@x'))
  buddies.push(item('carol@x', 'remove'))
  buddies.push(item('nobody@x', 'remove'))
  t.strictSame(jids(buddies), ['bob@x'])
})

t.test('presence per resource', async t => {
  const buddies = new Buddies()
  buddies.configure(['bob@x'])
  const lunch = presence({ show: 'away', status: 'lunch', priority: '5' })
  t.equal(buddies.presence('bob@x/a', lunch), true)
  t.equal(buddies.presence('bob@x/a', lunch), false, 'the same again changes nothing')
  buddies.presence('bob@x/b', presence())
  t.strictSame(
    [...(buddies.get('bob@x')?.resources.values() ?? [])],
    [
      { name: 'a', show: 'away', status: 'lunch', priority: 5, caps: undefined },
      { name: 'b', show: undefined, status: '', priority: 0, caps: undefined },
    ],
  )
  t.equal(buddies.presence('bob@x/a', gone), true)
  t.equal(buddies.presence('bob@x/a', gone), false, 'gone twice is gone once')
  t.strictSame([...(buddies.get('bob@x')?.resources.keys() ?? [])], ['b'])
  buddies.presence('bob@x/A', presence())
  t.strictSame([...(buddies.get('bob@x')?.resources.keys() ?? [])], ['b', 'A'], 'resources have case')
  buddies.presence('bob@x', gone)
  t.equal(buddies.get('bob@x')?.resources.size, 0, 'the bare JID going takes all resources along')
})

t.test('odd presence is taken as its default', async t => {
  const buddies = new Buddies()
  buddies.configure(['bob@x'])
  for (const priority of ['128', '-129', '1.5', 'high', 'NaN', '']) {
    buddies.presence('bob@x/a', presence({ priority, show: 'dancing' }))
    t.match(buddies.get('bob@x')?.resources.get('a'), { priority: 0, show: undefined }, priority)
  }
  buddies.presence('bob@x/a', presence({ priority: '-128', show: ' xa\n' }))
  t.match(buddies.get('bob@x')?.resources.get('a'), { priority: -128, show: 'xa' })
})

t.test('the best resource has the highest priority, the latest among equals', async t => {
  const buddies = new Buddies()
  buddies.configure(['bob@x'])
  const name = (): string | undefined => best(buddies.get('bob@x') as never)?.name
  t.equal(name(), undefined)
  buddies.presence('bob@x/low', presence({ priority: '-5' }))
  t.equal(name(), 'low', 'a negative one is better than none')
  buddies.presence('bob@x/a', presence({ priority: '5' }))
  buddies.presence('bob@x/b', presence({ priority: '5' }))
  buddies.presence('bob@x/c', presence({ priority: '4' }))
  t.equal(name(), 'b')
  buddies.presence('bob@x/a', presence({ priority: '5', show: 'dnd' }))
  t.equal(name(), 'a', 'who changes its presence is the latest')
  buddies.presence('bob@x/a', gone)
  t.equal(name(), 'b')
})

t.test('the numbers of JABBER_STATUS', async t => {
  const buddies = new Buddies()
  buddies.configure(['bob@x'])
  t.equal(buddies.status('carol@x'), 7)
  t.equal(buddies.status('carol@x/r'), 7)
  t.equal(buddies.status('bob@x'), 6)
  for (const [show, number] of [
    [undefined, 1],
    ['chat', 2],
    ['away', 3],
    ['xa', 4],
    ['dnd', 5],
  ] as const) {
    buddies.presence('bob@x/r', presence(show === undefined ? {} : { show }))
    t.equal(buddies.status('bob@x'), number)
    t.equal(buddies.status('bob@x/r'), number)
    t.equal(buddies.status('bob@x/other'), 6)
  }
  t.equal(buddies.status('BOB@X/r'), 5, 'JIDs compare as JIDs')
  t.equal(buddies.status('bob@x/R'), 6)
  buddies.presence('bob@x', presence({ show: 'chat', priority: '9' }))
  t.equal(buddies.status('bob@x'), 2, 'presence from a bare JID counts')
  t.throws(() => buddies.status('not a jid'), { code: 'XMPP_JID_MALFORMED' })
})

t.test('when the connection ends nobody is known to be there, and the roster stays', async t => {
  const buddies = new Buddies()
  buddies.configure(['bob@x'])
  buddies.roster([item('carol@x')])
  buddies.presence('bob@x/r', presence())
  buddies.presence('carol@x/r', presence())
  buddies.clearPresence()
  t.equal(buddies.status('bob@x'), 6)
  t.equal(buddies.status('carol@x'), 6)
  t.match(buddies.get('carol@x'), { inRoster: true, subscription: 'both' })
})

t.test('strangers are ignored', async t => {
  const buddies = new Buddies()
  buddies.configure(['bob@x'])
  for (const from of ['carol@x/r', 'bob@x.y/r', 'x', 'bob', '__proto__', 'constructor@x']) {
    t.equal(buddies.presence(from, presence()), false, from)
    t.equal(buddies.presence(from, gone), false, from)
  }
  t.strictSame(jids(buddies), ['bob@x'])
})

t.test('what one buddy can make us hold is bounded', async t => {
  const buddies = new Buddies()
  buddies.configure(['bob@x'])
  for (let i = 0; i < 500; i++) buddies.presence(`bob@x/${i}`, presence())
  const size = buddies.get('bob@x')?.resources.size ?? 0
  t.ok(size > 0 && size <= 100, `${size} resources`)
  t.ok(buddies.presence('bob@x/0', presence({ show: 'away' })), 'a known resource may still change')
  t.equal(buddies.status('bob@x/0'), 3)

  const long = 'x'.repeat(100_000)
  buddies.presence('bob@x/0', presence({ status: long, caps: { node: long, ver: long, hash: long } }))
  const { status = '', caps } = buddies.get('bob@x')?.resources.get('0') ?? {}
  for (const text of [status, caps?.node, caps?.ver, caps?.hash]) t.ok(text && text.length <= 1000)
})

t.test('a status is never cut inside a character', async t => {
  const buddies = new Buddies()
  buddies.configure(['bob@x'])
  buddies.presence('bob@x/r', presence({ status: `x${'😀'.repeat(1000)}` }))
  const status = buddies.get('bob@x')?.resources.get('r')?.status ?? ''
  t.ok(status.length > 900)
  t.notMatch(status, /\p{Surrogate}/u)
})

t.test('caps are kept as announced', async t => {
  const buddies = new Buddies()
  buddies.configure(['bob@x'])
  buddies.presence('bob@x/r', presence({ caps: { node: 'http://psi-im.org', ver: 'VVV=', hash: 'sha-1' } }))
  t.strictSame(buddies.get('bob@x')?.resources.get('r')?.caps, {
    node: 'http://psi-im.org',
    ver: 'VVV=',
    hash: 'sha-1',
  })
  buddies.presence('bob@x/r', presence({ caps: {} }))
  const { caps } = buddies.get('bob@x')?.resources.get('r') ?? {}
  t.strictSame(caps, { node: '', ver: '', hash: undefined })
  buddies.presence('bob@x/r', presence({ show: 'away' }))
  t.equal(buddies.get('bob@x')?.resources.get('r')?.caps, caps, 'a server may leave out what it has told (§8.4)')
  buddies.presence('bob@x/r', presence({ caps: {} }))
  t.equal(buddies.get('bob@x')?.resources.get('r')?.caps, caps, 'the same again is the same')
  buddies.presence('bob@x/r', gone)
  buddies.presence('bob@x/r', presence())
  t.equal(buddies.get('bob@x')?.resources.get('r')?.caps, undefined, 'it has come back and told nothing yet')
})

t.test("a component's books: who lets us see its presence", async t => {
  const buddies = new Buddies()
  buddies.configure(['bob@x'])
  buddies.subscribed('bob@x', true)
  t.equal(buddies.get('bob@x')?.subscription, 'to')
  buddies.presence('bob@x/r', presence())
  buddies.subscribed('bob@x', false)
  t.equal(buddies.get('bob@x')?.subscription, 'none')
  t.equal(buddies.status('bob@x'), 6)
  buddies.subscribed('stranger@x', true)
  t.strictSame(jids(buddies), ['bob@x'])
})

t.test('what is kept of a presence does not keep alive what it was cut from', async t => {
  const buddies = new Buddies()
  buddies.configure(Array.from({ length: 200 }, (_, i) => `user${i}@example.com`))
  const before = heap()
  for (let i = 0; i < 200; i++) {
    const long = `of more than a few characters ${i}`
    const text = `user${i}@example.com/resource ${long}|status ${long}|node ${long}|ver ${long}|${'x'.repeat(100_000)}`
    const [from = '', status = '', node, ver] = Buffer.from(text).toString().split('|')
    buddies.presence(from, presence({ status, caps: { node: node ?? '', ver: ver ?? '' } }))
  }
  const growth = heap() - before
  t.equal(buddies.get('user9@example.com')?.resources.size, 1)
  t.ok(growth < 5_000_000, `${Math.round(growth / 1024)} KiB`)
})
