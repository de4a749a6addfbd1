/** How many leaves are looked at, and how often. */
import t from 'tap'
import { Leaves } from '../../../src/account/distribution/leaves.ts'
import { StanzaError, XmppError } from '../../../src/errors.ts'
import type { Session } from '../../../src/session.ts'
import { el } from '../../../src/stream/element.ts'
import { HandClock } from '../../helper/clock.ts'
import { settled } from '../../helper/pair.ts'
import { SERVICE } from './stage.ts'

const ITEMS = 'http://jabber.org/protocol/disco#items'

/** A search at a service that has `nodes`, in which `enter` says what is ours. */
function setUp(enter: (leaf: string) => boolean | Promise<boolean> = () => true) {
  const clock = new HandClock()
  const nodes: string[] = []
  const entered: string[] = []
  let searched = true
  const session = {
    stream: { stanzaBytes: 0, writable: true },
    iq: async () =>
      el(
        'iq',
        'jabber:client',
        {},
        el('query', ITEMS, {}, ...nodes.map(node => el('item', ITEMS, { jid: SERVICE, node }))),
      ),
  } as unknown as Session
  let current: Session | undefined = session
  let [underway, most] = [0, 0]
  const leaves = new Leaves(SERVICE, {
    clock,
    session: () => current,
    searched: () => searched,
    enter: async (_, leaf) => {
      entered.push(leaf)
      most = Math.max(most, ++underway)
      try {
        return await enter(leaf)
      } finally {
        underway--
      }
    },
  })
  return {
    clock,
    leaves,
    nodes,
    session,
    entered: (): string[] => entered.splice(0),
    most: (): number => most,
    verify(): void {
      searched = false
    },
    lose(): void {
      current = undefined
    },
    find(): void {
      current = session
    },
  }
}
const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `SIP/${n}`)

t.test('new leaves are searched for each 30 s, and those that are known are not entered again', async t => {
  const { leaves, session, nodes, entered, clock } = setUp()
  nodes.push('device_state', 'message_waiting', 'a')
  await leaves.search(session, undefined)
  t.strictSame(entered(), ['a'], 'the collections are no leaves')
  t.equal(clock.next, 30_000)
  nodes.push('b')
  await clock.advance(30_000)
  t.strictSame(entered(), ['b'])
  t.strictSame(leaves.names, ['a', 'b'])
  leaves.gone('a')
  await clock.advance(30_000)
  t.strictSame(entered(), ['a'])
  leaves.stop()
  t.equal(clock.pending, 0)
})

t.test('with 2000 nodes or more each 300 s', async t => {
  const { leaves, session, nodes, clock, most } = setUp()
  nodes.push(...names(1999))
  await leaves.search(session, undefined)
  t.equal(clock.next, 30_000)
  t.equal(most(), 16, 'no more are under way')
  nodes.push('one more')
  await clock.advance(30_000)
  t.equal(clock.next, 300_000)
})

t.test('no more than 20,000 are looked at, whoever tells of them', async t => {
  for (const ours of [true, false]) {
    const { leaves, session, nodes, entered, clock } = setUp(() => ours)
    nodes.push(...names(21_000))
    await leaves.search(session, undefined)
    t.equal(entered().length, 20_000)
    for (let n = 0; n < 100; n++) leaves.found(`more-${n}`)
    await clock.advance(300_000)
    t.notOk(entered().some(name => name.startsWith('more')))
    leaves.stop()
  }
})

t.test('what is nothing of ours is looked at after 1, 2, 4 … searches', async t => {
  const { leaves, session, nodes, entered, clock } = setUp(() => false)
  nodes.push('blog')
  await leaves.search(session, undefined)
  const looks: number[] = entered().length === 1 ? [1] : []
  for (let search = 2; search <= 20; search++) {
    await clock.advance(30_000)
    if (entered().length > 0) looks.push(search)
  }
  t.strictSame(looks, [1, 2, 4, 8, 16])
  nodes.length = 0
  await clock.advance(30_000)
  nodes.push('blog')
  await clock.advance(30_000)
  t.strictSame(entered(), ['blog'], 'one that was deleted and made anew is another one')
})

t.test('who is told of leaves looks at 16 at a time, and three times at one in which nothing is', async t => {
  const waiting: (() => void)[] = []
  const { leaves, entered, most } = setUp(() => new Promise(resolve => waiting.push(() => resolve(false))))
  const looks = new Map<string, number>()
  for (let round = 0; round < 6; round++) {
    for (let time = 0; time < 5; time++) for (const name of names(500)) leaves.found(name)
    await settled()
    while (waiting.length > 0) {
      for (const end of waiting.splice(0)) end()
      await settled()
    }
    for (const name of entered()) looks.set(name, (looks.get(name) ?? 0) + 1)
  }
  t.equal(most(), 16)
  t.equal(looks.size, 500)
  t.strictSame([...new Set(looks.values())], [3])
})

t.test('what is told of meanwhile is looked at afterwards, once', async t => {
  let [looks, end] = [0, (_: boolean): void => {}]
  const { leaves, entered } = setUp(() => (looks++ === 0 ? new Promise(resolve => (end = resolve)) : true))
  leaves.found('a')
  await settled()
  leaves.found('b')
  leaves.found('b')
  end(false)
  await settled()
  t.strictSame(entered(), ['a', 'b'])
  leaves.found('a')
  await settled()
  t.strictSame(entered(), ['a'])
  t.strictSame(leaves.names, ['b', 'a'])
})

t.test('a leaf that is refused is looked at again; when the connection is lost nothing is', async t => {
  let error: Error = new StanzaError('auth', 'forbidden')
  const { leaves, session, nodes, entered, clock, lose } = setUp(() => Promise.reject(error))
  nodes.push('a')
  await leaves.search(session, undefined)
  t.strictSame(leaves.names, [])
  await clock.advance(30_000)
  t.strictSame(entered(), ['a', 'a'])
  error = new XmppError('XMPP_CONNECTION_LOST', 'lost')
  leaves.found('b')
  leaves.found('c')
  await settled()
  t.strictSame(leaves.names, [])
  entered()
  lose()
  leaves.found('d')
  await settled()
  t.strictSame(entered(), [])
  await t.rejects(leaves.search(session, undefined), { code: 'XMPP_CONNECTION_LOST' })
  t.equal(clock.pending, 0, 'the next connection searches')
})

t.test('once collections tell of their leaves nothing is searched for', async t => {
  const { leaves, session, nodes, entered, clock, verify } = setUp()
  nodes.push('a')
  await leaves.search(session, undefined)
  verify()
  nodes.push('b')
  await clock.advance(30_000)
  t.strictSame(entered(), ['a'])
  t.equal(clock.pending, 0)
  await leaves.search(session, ['device_state'])
  t.strictSame(entered(), ['a', 'b'], 'whoever comes anew reads all')
  t.equal(clock.pending, 0)
})

t.test('a session that is resumed enters what it was told of, and goes on searching', async t => {
  const { clock, leaves, nodes, session, entered, lose, find } = setUp()
  nodes.push('SIP/1')
  await leaves.search(session, undefined)
  t.strictSame(entered(), ['SIP/1'])
  lose()
  leaves.stop()
  // Before the account knows of the connection.
  leaves.found('SIP/2')
  await settled()
  t.strictSame(entered(), [])
  find()
  leaves.resume(session)
  await settled()
  t.strictSame(entered(), ['SIP/2'])
  nodes.push('SIP/2', 'SIP/3')
  await clock.advance(30_000)
  t.strictSame(entered(), ['SIP/3'])
  leaves.resume(session)
  leaves.stop()
  t.equal(clock.pending, 0)
})
