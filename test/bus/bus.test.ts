import t, { type Test } from 'tap'
import type { DeviceState, MailboxCounts, Report } from '../../src/bus/index.ts'
import {
  type BusEvent,
  type BusOptions,
  defaultBusLimits,
  hardwareEid,
  readEid,
  StateBus,
} from '../../src/bus/index.ts'
import type { XmppError } from '../../src/errors.ts'
import { HandClock } from '../helper/clock.ts'
import { heap } from '../helper/heap.ts'
import { received } from '../helper/received.ts'
import { throws } from '../helper/rejects.ts'

const OWN = '02:00:00:00:00:01'
const TWO = '02:00:00:00:00:02'
const THREE = '02:00:00:00:00:03'
const FOUR = '02:00:00:00:00:04'

/** By one way, or by another. */
const way = { a: {}, b: {} }

const device = (eid: string, name: string, state: DeviceState, cachable = true): Report => ({
  kind: 'device',
  eid,
  name,
  state,
  cachable,
})
const mailbox = (eid: string, name: string, counts: MailboxCounts): Report => ({ kind: 'mailbox', eid, name, counts })

function setUp(t: Test, options: Partial<BusOptions> = {}) {
  const clock = new HandClock()
  const bus = new StateBus({ eid: OWN, clock, ...options })
  t.teardown(() => bus.stop())
  let events: BusEvent[] = []
  for (const type of ['device', 'mailbox', 'expired', 'returned'] as const)
    bus.on(type, event => void events.push(event))
  return {
    bus,
    clock,
    /** What was told since the last call. */
    told(): BusEvent[] {
      const all = events
      events = []
      return all
    },
  }
}

t.test('one state for each PBX, and what they come to', async t => {
  const { bus, told } = setUp(t)
  t.equal(bus.device('d'), undefined)
  t.strictSame(bus.devices(), [])
  bus.setDevice('d', 'INUSE')
  t.strictSame(told(), [{ type: 'device', device: 'd', eid: OWN, state: 'INUSE', cachable: true, combined: 'INUSE' }])
  t.equal(bus.report(device(TWO, 'd', 'RINGING'), way.a), 'taken')
  t.strictSame(told(), [
    { type: 'device', device: 'd', eid: TWO, state: 'RINGING', cachable: true, combined: 'RINGINUSE' },
  ])
  bus.report(device(TWO, 'd', 'NOT_INUSE'), way.a)
  t.strictSame(told(), [
    { type: 'device', device: 'd', eid: TWO, state: 'NOT_INUSE', cachable: true, combined: 'INUSE' },
  ])
  t.strictSame(bus.device('d'), {
    device: 'd',
    state: 'INUSE',
    states: [
      { eid: OWN, state: 'INUSE' },
      { eid: TWO, state: 'NOT_INUSE' },
    ],
  })
  t.ok(bus.clearDevice('d'))
  t.strictSame(told(), [
    { type: 'device', device: 'd', eid: OWN, state: undefined, cachable: true, combined: 'NOT_INUSE' },
  ])
  t.notOk(bus.clearDevice('d'), 'it is not there any more')
  t.notOk(bus.clearDevice('other'))
  bus.withdraw('device', TWO, 'd', way.a)
  t.strictSame(told(), [
    { type: 'device', device: 'd', eid: TWO, state: undefined, cachable: true, combined: undefined },
  ])
  t.equal(bus.device('d'), undefined)
  t.strictSame(bus.devices(), [])
})

t.test('nothing is told when nothing changes', async t => {
  const { bus, told } = setUp(t)
  bus.setDevice('d', 'INUSE')
  bus.setMailbox('m', { new: 1, old: 2 })
  bus.report(device(TWO, 'd', 'BUSY'), way.a)
  bus.report(mailbox(TWO, 'm', { new: 3, old: 4 }), way.a)
  t.equal(told().length, 4)
  bus.setDevice('d', 'INUSE')
  bus.setMailbox('m', { new: 1, old: 2 })
  bus.report(device(TWO, 'd', 'BUSY'), way.b)
  bus.report(mailbox(TWO, 'm', { new: 3, old: 4 }), way.b)
  bus.withdraw('device', THREE, 'd', way.a)
  bus.withdraw('device', TWO, 'nothing', way.a)
  bus.withdraw('mailbox', TWO, 'd', way.a)
  t.strictSame(told(), [])
  bus.setMailbox('m', { new: 1, old: 0 })
  bus.setMailbox('m', { new: 0, old: 0 })
  t.equal(told().length, 2, 'either number is a change')
})

t.test('devices and mailboxes of one name are two', async t => {
  const { bus } = setUp(t)
  bus.setDevice('x', 'BUSY')
  bus.setMailbox('x', { new: 1, old: 0 })
  bus.clearDevice('x')
  t.strictSame(bus.mailbox('x')?.counts, { new: 1, old: 0 })
  t.equal(bus.device('x'), undefined)
})

t.test('lists are by name, and own() has what is ours', async t => {
  const { bus } = setUp(t)
  for (const name of ['b', 'a', 'C']) bus.setDevice(name, 'INUSE')
  bus.report(device(TWO, 'aa', 'BUSY'), way.a)
  bus.setMailbox('z', { new: 0, old: 0 })
  bus.report(mailbox(TWO, 'm', { new: 0, old: 1 }), way.a)
  t.strictSame(
    bus.devices().map(({ device }) => device),
    ['C', 'a', 'aa', 'b'],
  )
  t.strictSame(
    bus.mailboxes().map(({ mailbox }) => mailbox),
    ['m', 'z'],
  )
  t.strictSame(
    [...bus.own()],
    [...['b', 'a', 'C'].map(name => device(OWN, name, 'INUSE')), mailbox(OWN, 'z', { new: 0, old: 0 })],
  )
  t.strictSame(bus.ownReport('device', 'a'), device(OWN, 'a', 'INUSE'))
  t.equal(bus.ownReport('device', 'aa'), undefined, 'another’s')
  t.strictSame(bus.ownReport('mailbox', 'z'), mailbox(OWN, 'z', { new: 0, old: 0 }))
  t.equal(bus.ownReport('mailbox', 'm'), undefined)
})

t.test('a state that is not to be kept is told each time, and nobody can ask for it', async t => {
  const { bus, told } = setUp(t)
  bus.report(device(TWO, 'd', 'RINGING'), way.a)
  told()
  bus.setDevice('d', 'INUSE', false)
  const event = { type: 'device', device: 'd', eid: OWN, state: 'INUSE', cachable: false, combined: 'RINGINUSE' }
  t.strictSame(told(), [event])
  bus.setDevice('d', 'INUSE', false)
  t.strictSame(told(), [event], 'again')
  t.strictSame(bus.device('d')?.states, [{ eid: TWO, state: 'RINGING' }])
  t.strictSame([...bus.own()], [])
  bus.setDevice('d', 'BUSY')
  bus.setDevice('d', 'ONHOLD', false)
  t.strictSame(bus.device('d')?.states, [{ eid: TWO, state: 'RINGING' }], 'what was kept is no longer so')
  told()
  bus.report(device(TWO, 'd', 'BUSY', false), way.a)
  t.strictSame(told(), [{ type: 'device', device: 'd', eid: TWO, state: 'BUSY', cachable: false, combined: 'BUSY' }])
  t.equal(bus.device('d'), undefined)
})

t.test('of a mailbox our own counts count, else those reported last', async t => {
  const { bus, told } = setUp(t)
  const [one, two, three, own] = [1, 2, 3, 4].map(count => ({ new: count, old: 0 })) as [
    MailboxCounts,
    MailboxCounts,
    MailboxCounts,
    MailboxCounts,
  ]
  const combined = (): (MailboxCounts | undefined)[] => {
    const counted = bus.mailbox('m')?.counts
    const events = told().map(event => event.type === 'mailbox' && event.combined)
    t.strictSame(events.at(-1) || undefined, counted, 'as the event has it')
    return [counted]
  }
  bus.report(mailbox(TWO, 'm', one), way.a)
  t.strictSame(combined(), [one])
  bus.report(mailbox(THREE, 'm', two), way.a)
  t.strictSame(combined(), [two])
  bus.report(mailbox(TWO, 'm', three), way.a)
  t.strictSame(combined(), [three])
  t.strictSame(
    bus.mailbox('m')?.reports.map(({ eid }) => eid),
    [THREE, TWO],
    'the latest last',
  )
  bus.setMailbox('m', own)
  bus.report(mailbox(FOUR, 'm', one), way.a)
  t.strictSame(combined(), [own])
  bus.clearMailbox('m')
  t.strictSame(combined(), [one])
  bus.withdraw('mailbox', FOUR, 'm', way.a)
  t.strictSame(combined(), [three])
  bus.withdraw('mailbox', undefined, 'm', way.a)
  t.strictSame(combined(), [undefined], 'whosever it is')
})

t.test('of two with the same counts the one reported last is last too', async t => {
  const { bus } = setUp(t)
  bus.report(mailbox(TWO, 'm', { new: 1, old: 0 }), way.a)
  bus.report(mailbox(THREE, 'm', { new: 2, old: 0 }), way.a)
  bus.report(mailbox(TWO, 'm', { new: 1, old: 0 }), way.a)
  t.strictSame(bus.mailbox('m')?.counts, { new: 1, old: 0 })
})

t.test('nobody else speaks for us', async t => {
  const { bus, told } = setUp(t)
  bus.setDevice('d', 'INUSE')
  bus.setMailbox('m', { new: 1, old: 0 })
  told()
  t.equal(bus.report(device(OWN, 'd', 'BUSY'), way.a), 'own')
  t.equal(bus.report(mailbox(OWN, 'm', { new: 9, old: 0 }), way.a), 'own')
  bus.withdraw('device', OWN, 'd', way.a)
  bus.withdraw('device', undefined, 'd', way.a)
  bus.withdraw('mailbox', undefined, 'm', way.a)
  bus.forget(way.a)
  bus.heard(OWN)
  t.strictSame(told(), [])
  t.equal(bus.device('d')?.state, 'INUSE')
  t.strictSame(bus.mailbox('m')?.counts, { new: 1, old: 0 })
})

t.test('what came by one way is taken back by that way alone', async t => {
  const { bus, told } = setUp(t)
  bus.report(device(TWO, 'both', 'INUSE'), way.a)
  bus.report(device(TWO, 'both', 'INUSE'), way.b)
  bus.report(device(TWO, 'a', 'BUSY'), way.a)
  bus.report(mailbox(THREE, 'a', { new: 1, old: 1 }), way.a)
  bus.report(mailbox(THREE, 'b', { new: 1, old: 1 }), way.b)
  told()
  bus.withdraw('device', TWO, 'both', way.a)
  t.strictSame(told(), [], 'it came by another too')
  bus.forget(way.a, kind => kind === 'mailbox')
  t.match(told(), [{ type: 'mailbox', mailbox: 'a', eid: THREE, counts: undefined }])
  bus.forget(way.a, (_, name) => name === 'nothing')
  bus.forget(way.a, (_, __, eid) => eid === THREE)
  t.strictSame(told(), [])
  bus.forget(way.a)
  t.match(told(), [{ type: 'device', device: 'a', eid: TWO, state: undefined }])
  t.strictSame([bus.devices().length, bus.mailboxes().length], [1, 1])
  bus.forget(way.b)
  t.equal(told().length, 2)
  t.strictSame([...bus.devices(), ...bus.mailboxes()], [])
})

t.test('what came by two ways stays until both take it back, whichever was last', async t => {
  for (const [first, second] of [
    [way.a, way.b],
    [way.b, way.a],
  ] as const) {
    const { bus, told } = setUp(t)
    bus.report(device(TWO, 'd', 'INUSE'), way.a)
    bus.report(device(TWO, 'd', 'BUSY'), way.b)
    bus.report(mailbox(TWO, 'm', { new: 1, old: 0 }), way.a)
    bus.report(mailbox(TWO, 'm', { new: 1, old: 0 }), way.b)
    told()
    bus.withdraw('device', TWO, 'd', first)
    bus.withdraw('device', TWO, 'd', first)
    bus.forget(first)
    t.strictSame(told(), [])
    t.equal(bus.device('d')?.state, 'BUSY')
    bus.withdraw('device', TWO, 'd', second)
    t.match(told(), [{ type: 'device', device: 'd', state: undefined }])
    bus.forget(second)
    t.match(told(), [{ type: 'mailbox', mailbox: 'm', counts: undefined }])
    bus.report(device(TWO, 'd', 'INUSE'), first)
    told()
    bus.withdraw('device', TWO, 'd', second)
    t.strictSame(told(), [], 'it is not remembered who said so before')
  }
})

t.test('there are only so many PBXes', async t => {
  const { bus } = setUp(t, { limits: { peers: 2 } })
  t.equal(bus.report(device(TWO, 'd', 'INUSE'), way.a), 'taken')
  t.equal(bus.report(device(THREE, 'd', 'INUSE'), way.a), 'taken')
  t.equal(bus.report(device(FOUR, 'd', 'INUSE'), way.a), 'full')
  t.equal(bus.report(mailbox(FOUR, 'd', { new: 0, old: 0 }), way.a), 'full')
  t.equal(bus.report(device(TWO, 'e', 'INUSE'), way.a), 'taken', 'those that are known may say more')
  t.equal(bus.device('d')?.states.length, 2)
  t.equal(bus.mailbox('d'), undefined)
  bus.setDevice('d', 'BUSY')
  t.equal(bus.device('d')?.state, 'BUSY', 'and we may')
})

t.test('there are only so many reports', async t => {
  const { bus, told } = setUp(t, { limits: { reports: 3 } })
  t.equal(bus.report(device(TWO, 'd', 'INUSE'), way.a), 'taken')
  t.equal(bus.report(device(THREE, 'd', 'INUSE'), way.a), 'taken')
  t.equal(bus.report(mailbox(TWO, 'd', { new: 0, old: 0 }), way.a), 'taken')
  told()
  t.equal(bus.report(device(TWO, 'e', 'INUSE'), way.a), 'full')
  t.equal(bus.report(mailbox(THREE, 'd', { new: 0, old: 0 }), way.a), 'full')
  t.strictSame(told(), [])
  t.equal(bus.device('e'), undefined)
  t.equal(bus.report(device(TWO, 'd', 'BUSY'), way.a), 'taken', 'what is there may change')
  bus.setDevice('own', 'INUSE')
  bus.setDevice('own too', 'INUSE')
  t.equal(bus.devices().length, 3, 'our own are not counted')
  bus.withdraw('device', TWO, 'd', way.a)
  t.equal(bus.report(device(TWO, 'e', 'INUSE'), way.a), 'taken', 'there is room again')
  bus.report(device(TWO, 'e', 'INUSE', false), way.a)
  t.equal(bus.report(device(TWO, 'f', 'INUSE'), way.a), 'taken', 'and again')
  t.equal(bus.report(device(TWO, 'g', 'INUSE'), way.a), 'full')
  t.equal(bus.report(device(TWO, 'g', 'INUSE', false), way.a), 'taken', 'what is not kept takes none')
})

t.test('the limits are as documented', async t => {
  t.strictSame(defaultBusLimits, { peers: 1000, reports: 200_000 })
})

t.test('who is silent for too long no longer counts, until he is heard again', async t => {
  const { bus, clock, told } = setUp(t, { expire: 60_000 })
  bus.setDevice('own', 'INUSE')
  bus.setDevice('d', 'NOT_INUSE')
  bus.report(device(TWO, 'd', 'INUSE'), way.a)
  bus.report(device(TWO, 'e', 'BUSY'), way.a)
  bus.report(mailbox(TWO, 'm', { new: 2, old: 1 }), way.a)
  await clock.advance(30_000)
  bus.report(device(THREE, 'd', 'RINGING'), way.a)
  told()
  await clock.advance(29_999)
  t.strictSame(told(), [])
  await clock.advance(1)
  t.strictSame(told(), [
    { type: 'expired', eid: TWO },
    { type: 'device', device: 'd', eid: TWO, state: undefined, cachable: true, combined: 'RINGING' },
    { type: 'device', device: 'e', eid: TWO, state: undefined, cachable: true, combined: undefined },
    { type: 'mailbox', mailbox: 'm', eid: TWO, counts: undefined, combined: undefined },
  ])
  t.equal(bus.device('e'), undefined)
  t.equal(bus.mailbox('m'), undefined)
  t.strictSame(
    bus.devices().map(({ device }) => device),
    ['d', 'own'],
  )
  await clock.advance(10_000)
  t.strictSame(told(), [], 'once')
  bus.heard(TWO)
  t.strictSame(told(), [
    { type: 'returned', eid: TWO },
    { type: 'device', device: 'd', eid: TWO, state: 'INUSE', cachable: true, combined: 'RINGINUSE' },
    { type: 'device', device: 'e', eid: TWO, state: 'BUSY', cachable: true, combined: 'BUSY' },
    { type: 'mailbox', mailbox: 'm', eid: TWO, counts: { new: 2, old: 1 }, combined: { new: 2, old: 1 } },
  ])
  await clock.advance(20_000)
  t.match(told(), [
    { type: 'expired', eid: THREE },
    { type: 'device', eid: THREE, combined: 'INUSE' },
  ])
  await clock.advance(40_000)
  t.match(told()[0], { type: 'expired', eid: TWO })
  bus.report(device(TWO, 'e', 'BUSY'), way.a)
  t.strictSame(
    told().map(event => `${event.type} ${event.type === 'device' ? event.device : ''}`),
    ['returned ', 'device d', 'device e', 'mailbox '],
    'by a report all comes back, each told once',
  )
  t.equal(bus.device('own')?.state, 'INUSE', 'ours does not expire')
})

t.test('what is withdrawn of somebody who has expired does not come back', async t => {
  const { bus, clock, told } = setUp(t, { expire: 1000 })
  bus.report(device(TWO, 'd', 'INUSE'), way.a)
  bus.report(device(TWO, 'e', 'INUSE'), way.a)
  await clock.advance(1000)
  told()
  bus.withdraw('device', TWO, 'd', way.a)
  t.strictSame(told(), [], 'it did not count')
  bus.heard(TWO)
  t.equal(bus.device('d'), undefined)
  t.equal(bus.device('e')?.state, 'INUSE')
})

t.test('whoever is heard goes on counting', async t => {
  const { bus, clock, told } = setUp(t, { expire: 1000 })
  bus.report(device(TWO, 'd', 'INUSE'), way.a)
  told()
  for (let count = 0; count < 5; count++) {
    await clock.advance(900)
    bus.heard(TWO)
    await clock.advance(900)
    bus.report(device(TWO, 'd', 'INUSE'), way.a)
  }
  t.strictSame(told(), [])
  bus.heard(THREE)
  t.strictSame(told(), [], 'of whom nothing is known nothing is told')
  await clock.advance(1000)
  t.match(told(), [{ type: 'expired' }, {}])
})

t.test('whoever is known is not heard of by what was said at some time before', async t => {
  const { bus, clock, told } = setUp(t, { expire: 1000 })
  bus.report(device(TWO, 'd', 'INUSE'), way.a, false)
  await clock.advance(999)
  t.equal(bus.device('d')?.state, 'INUSE', 'whoever was not known is given a chance')
  t.equal(bus.report(device(TWO, 'd', 'BUSY'), way.a, false), 'taken')
  t.equal(bus.device('d')?.state, 'BUSY')
  told()
  await clock.advance(1)
  t.match(told(), [
    { type: 'expired', eid: TWO },
    { device: 'd', state: undefined },
  ])
  bus.report(device(TWO, 'd', 'INUSE'), way.a, false)
  bus.report(device(TWO, 'e', 'INUSE'), way.a, false)
  bus.report(mailbox(TWO, 'm', { new: 1, old: 0 }), way.a, false)
  t.strictSame([...told(), ...bus.devices(), ...bus.mailboxes()], [], 'the dead are not called back')
  bus.heard(TWO)
  t.match(told(), [
    { type: 'returned', eid: TWO },
    { device: 'd', state: 'INUSE' },
    { device: 'e', state: 'INUSE' },
    { mailbox: 'm', counts: { new: 1, old: 0 } },
  ])
})

t.test('without expiry nobody expires, and no timer runs', async t => {
  const { bus, clock, told } = setUp(t)
  bus.report(device(TWO, 'd', 'INUSE'), way.a)
  bus.heard(TWO)
  told()
  t.equal(clock.pending, 0)
  await clock.advance(10_000_000)
  t.strictSame(told(), [])
  t.equal(bus.expire, 0)
})

t.test('who has expired makes room for another', async t => {
  const { bus, clock, told } = setUp(t, { expire: 1000, limits: { peers: 2, reports: 3 } })
  bus.report(device(TWO, 'd', 'INUSE'), way.a)
  bus.report(mailbox(TWO, 'm', { new: 1, old: 0 }), way.a)
  await clock.advance(500)
  bus.report(device(THREE, 'd', 'BUSY'), way.a)
  t.equal(bus.report(device(FOUR, 'd', 'INUSE'), way.a), 'full')
  await clock.advance(500)
  told()
  t.equal(bus.report(device(FOUR, 'd', 'RINGING'), way.a), 'taken')
  t.match(told(), [{ type: 'device', eid: FOUR, combined: 'RINGINUSE' }])
  t.equal(bus.report(device(FOUR, 'e', 'RINGING'), way.a), 'taken', 'its reports have made room too')
  t.equal(bus.report(device(FOUR, 'f', 'RINGING'), way.a), 'full')
  t.equal(bus.report(device(TWO, 'd', 'INUSE'), way.a), 'full', 'it is unknown now')
  told()
  await clock.advance(500)
  t.match(told()[0], { type: 'expired', eid: THREE })
  t.equal(bus.report(device(TWO, 'd', 'INUSE'), way.a), 'taken')
  t.notOk(
    told().some(({ type }) => type === 'returned'),
    'whoever was dropped comes as a new one',
  )
})

t.test('who says nothing any more makes room for another', async t => {
  const { bus, told } = setUp(t, { limits: { peers: 2, reports: 2 } })
  bus.report(device(TWO, 'd', 'INUSE'), way.a)
  bus.report(device(THREE, 'd', 'INUSE', false), way.a)
  t.equal(bus.report(device(FOUR, 'd', 'BUSY'), way.a), 'taken', 'in the place of one whose states nobody keeps')
  t.equal(bus.report(device(THREE, 'd', 'INUSE'), way.a), 'full')
  bus.forget(way.a)
  told()
  t.equal(bus.report(device(THREE, 'd', 'INUSE'), way.a), 'taken')
  t.equal(bus.report(device(FOUR, 'd', 'INUSE'), way.a), 'taken')
  t.strictSame(
    told().map(({ type }) => type),
    ['device', 'device'],
  )
  bus.setDevice('own', 'INUSE')
  bus.clearDevice('own')
  t.equal(bus.report(device(TWO, 'd', 'INUSE'), way.a), 'full')
  bus.setDevice('own', 'INUSE')
  t.equal(bus.device('own')?.state, 'INUSE', 'we are not among those')
})

t.test('many expire at once, in their order', async t => {
  const { bus, clock, told } = setUp(t, { expire: 1000 })
  const eids = Array.from({ length: 200 }, (_, at) => `02:00:00:00:01:${at.toString(16).padStart(2, '0')}`)
  for (const eid of eids) bus.report(device(eid, 'd', 'INUSE'), way.a)
  told()
  await clock.advance(1000)
  const expired = told().flatMap(event => (event.type === 'expired' ? event.eid : []))
  t.strictSame(expired, eids)
  t.equal(bus.device('d'), undefined)
  t.equal(clock.pending, 0, 'nobody is left to wait for')
})

t.test('stop() leaves no timer', async t => {
  const { bus, clock, told } = setUp(t, { expire: 1000 })
  bus.report(device(TWO, 'd', 'INUSE'), way.a)
  t.equal(clock.pending, 1)
  for (let count = 0; count < 10; count++) bus.report(device(THREE, `${count}`, 'INUSE'), way.a)
  t.equal(clock.pending, 1, 'one for all')
  told()
  bus.stop()
  t.equal(clock.pending, 0)
  await clock.advance(5000)
  t.strictSame(told(), [])
})

t.test('names that cannot be', async t => {
  const { bus, told } = setUp(t)
  const wrong = [
    '',
    ' ',
    ' a',
    'a ',
    'a\nb',
    'a\0',
    '\u007f',
    '\u0085x',
    'a\ud800',
    '\ufffe',
    '\uffff',
    'x'.repeat(257),
  ]
  for (const name of wrong) {
    const error: Partial<XmppError> = { name: 'XmppError', code: 'XMPP_STATE' }
    throws(t, () => bus.setDevice(name, 'INUSE'), { ...error, message: /is no name of a device/ }, JSON.stringify(name))
    throws(t, () => bus.setDevice(name, 'INUSE', false), error)
    throws(t, () => bus.setMailbox(name, { new: 0, old: 0 }), { ...error, message: /is no name of a mailbox/ })
  }
  t.strictSame(told(), [])
  throws(
    t,
    () => bus.setDevice('a\nb\u009b', 'INUSE'),
    { message: /^"a\\x0ab\\x9b" is no name/ },
    'as it may be printed',
  )
  for (const name of [
    'x'.repeat(256),
    '6001@default',
    'Custom:Grüße 😀',
    'SIP/100',
    '__proto__',
    'constructor',
    '<&\'">',
  ]) {
    bus.setDevice(name, 'INUSE')
    t.equal(bus.device(name)?.state, 'INUSE', name)
  }
})

t.test('counts that cannot be', async t => {
  const { bus, told } = setUp(t)
  for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '1' as unknown as number]) {
    throws(t, () => bus.setMailbox('m', { new: wrong, old: 0 }), { code: 'XMPP_STATE' }, `${wrong}`)
    throws(t, () => bus.setMailbox('m', { new: 0, old: wrong }), { code: 'XMPP_STATE' }, `${wrong}`)
  }
  t.strictSame(told(), [])
  const most = { new: 2 ** 31 - 1, old: 0 }
  bus.setMailbox('m', most)
  most.new = 0
  t.strictSame(bus.mailbox('m')?.counts, { new: 2 ** 31 - 1, old: 0 }, 'as it was when it was set')
})

t.test('EIDs', async t => {
  t.equal(readEid('02:00:00:00:00:01'), '02:00:00:00:00:01')
  t.equal(readEid(' AA:bb:CC:dd:EE:0f\n'), 'aa:bb:cc:dd:ee:0f')
  const wrong = [
    ...['', '02', '02:00:00:00:00', '02:00:00:00:00:01:02', '2:0:0:0:0:1', '02-00-00-00-00-01', '020000000001'],
    ...[
      '02:00:00:00:00:0g',
      '02:00:00:00:00:01 x',
      '00:00:00:00:00:00',
      '02:00:00:00:00:01\0',
      '\uff10\uff12:00:00:00:00:01',
    ],
    '02:'.repeat(1_000_000),
  ]
  for (const text of wrong) {
    t.equal(readEid(text), undefined, text.slice(0, 30))
    throws(t, () => new StateBus({ eid: text }), { code: 'XMPP_STATE', message: /is no EID/ })
  }
  t.equal(new StateBus({ eid: 'AA:BB:CC:DD:EE:FF' }).eid, 'aa:bb:cc:dd:ee:ff')
})

t.test('the EID of a machine is its first hardware address', async t => {
  const info = (mac: string, internal = false) => ({ mac, internal })
  t.equal(hardwareEid({}), undefined)
  t.equal(hardwareEid({ lo: [info('00:00:00:00:00:00', true)], x: undefined, y: [] }), undefined)
  t.equal(hardwareEid({ tun: [info('00:00:00:00:00:00')], odd: [info('')] }), undefined)
  t.equal(
    hardwareEid({
      lo: [info('02:00:00:00:00:09', true)],
      tun: [info('00:00:00:00:00:00')],
      eth1: [info('02:00:00:00:00:0A'), info('02:00:00:00:00:0B')],
      eth0: [info('02:00:00:00:00:0C')],
    }),
    '02:00:00:00:00:0a',
  )
})

t.test('a listener that throws keeps nobody from hearing', async t => {
  const { bus, told } = setUp(t)
  const warned = new Promise(resolve => process.once('warning', resolve))
  const other = new StateBus({ eid: OWN })
  other.on('device', () => {
    throw new Error('oops')
  })
  other.on('device', () => bus.setDevice('d', 'BUSY'))
  other.setDevice('d', 'INUSE')
  t.match(told(), [{ type: 'device', state: 'BUSY' }])
  t.match(await warned, { message: /oops/ })
})

t.test('what is kept of a report does not hold the chunk it came in', async t => {
  const { bus } = setUp(t)
  const [chunk, count] = [60_000, 200]
  const keepsLittle = (what: string, keep: (n: number) => void): void => {
    keep(0)
    const before = heap()
    for (let n = 1; n <= count; n++) keep(n)
    const each = Math.round((heap() - before) / count)
    t.ok(each < chunk / 4, `${what}: ${each} bytes for each, of chunks of ${2 * chunk}`)
  }
  const arrived = (n: number) =>
    received(`<item id='a name long enough to be cut from the chunk ${n}' eid='${eidOf(n)}'/>`, chunk).attrs
  const eidOf = (n: number): string => `02:00:00:00:02:${(n % 256).toString(16).padStart(2, '0')}`
  const kept: unknown[] = []
  const before = heap()
  for (let n = 0; n < count; n++) kept.push(arrived(n).id)
  t.ok((heap() - before) / kept.length > chunk, 'what is cut from a chunk holds it: else this could not fail')
  keepsLittle('device', n => {
    const { id = '', eid = '' } = arrived(n)
    bus.report(device(eid, id, 'INUSE'), way.a)
  })
  keepsLittle('mailbox', n => {
    const { id = '', eid = '' } = arrived(n)
    bus.report(mailbox(eid, id, { new: n, old: 0 }), way.a)
  })
  keepsLittle('the same again', n => {
    const { id = '', eid = '' } = arrived(n)
    bus.report(device(eid, id, 'BUSY'), way.a)
  })
  keepsLittle('heard of', n => bus.heard(arrived(n).eid ?? ''))
  t.strictSame([bus.devices().length, bus.mailboxes().length], [count + 1, count + 1])
})
