import t, { type Test } from 'tap'
import { Buddies } from '../../src/account/buddies.ts'
import { Watch } from '../../src/account/distribution/watch.ts'
import { Inbox } from '../../src/account/inbox.ts'
import { StateBus } from '../../src/bus/index.ts'
import { prepareJid } from '../../src/jid.ts'
import type { Route } from '../../src/routes.ts'
import { Session } from '../../src/session.ts'
import type { Element } from '../../src/stream/element.ts'
import { type RosterItem, rosterPushes } from '../../src/xep/roster.ts'
import { HandClock } from '../helper/clock.ts'
import { heap } from '../helper/heap.ts'
import { received } from '../helper/received.ts'
import { openSession, openStream } from '../helper/session.ts'

const CHUNK = 60_000
const COUNT = 200

/** What came in a chunk. */
const arrived = (xml: string): Element => received(xml, CHUNK)

/** Whatever `keep` keeps of each stanza, it is not the chunk around it. */
function keepsLittle(t: Test, what: string, keep: (n: number) => void): void {
  keep(0)
  const before = heap()
  for (let n = 1; n <= COUNT; n++) keep(n)
  const growth = Math.round((heap() - before) / COUNT)
  t.ok(growth < CHUNK / 4, `${what}: ${growth} bytes for each, of chunks of ${2 * CHUNK}`)
}

const text = (n: number): string => `more than a few characters of it, ${n}`
const jid = (stanza: Element): string => prepareJid(stanza.attrs.from ?? '') ?? ''

t.test('a chunk is kept alive by what is cut from it', async t => {
  const kept: (string | undefined)[] = []
  const before = heap()
  for (let n = 0; n < COUNT; n++) kept.push(arrived(`<message id='${text(n)}'/>`).attrs.id)
  const each = (heap() - before) / COUNT
  t.ok(each > CHUNK, `${Math.round(each)} bytes for each of ${kept.length}: else the other tests here could not fail`)
})

t.test('messages', async t => {
  const inbox = new Inbox({ hold: () => 5000, clock: new HandClock() })
  keepsLittle(t, 'message', n => {
    const stanza = arrived(
      `<message from='sender-of-it-${n}.example.com' id='id-${text(n)}'><body>${text(n)}</body><delay from='delayer-of-it-${n}.example.com'/></message>`,
    )
    inbox.put({
      from: jid(stanza),
      body: stanza.text || stanza.childText('body') || '',
      id: stanza.attrs.id,
      type: 'chat',
      received: 0,
      delayed: { stamp: 0, from: stanza.child('delay')?.attrs.from },
    })
  })
  t.equal(inbox.size, COUNT + 1)
})

t.test('roster and presence', async t => {
  const buddies = new Buddies()
  keepsLittle(t, 'buddy', n => {
    const item = arrived(`<item from='contact-number-${n}.example.com' name='${text(n)}' subscription='both'/>`)
    buddies.push({ jid: jid(item), name: item.attrs.name ?? '', subscription: 'both', asked: false })
    const caps = `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='node ${text(n)}' ver='ver ${text(n)}'/>`
    const from = `contact-number-${n}.example.com/resource ${text(n)}`
    const presence = arrived(`<presence from='${from}'><show>away</show><status>${text(n)}</status>${caps}</presence>`)
    buddies.presence(jid(presence), presence)
  })
  t.equal(buddies.list().length, COUNT + 1)
})

t.test('items of the roster, for whoever keeps them', async t => {
  const { session } = await openSession()
  for (const [what, of] of [
    ['JID', ({ jid }: RosterItem) => jid],
    ['name', ({ name }: RosterItem) => name],
  ] as const) {
    const kept: string[] = []
    const [push] = rosterPushes(
      item => void kept.push(of(item)),
      () => {},
    ).routes as [Route]
    keepsLittle(t, what, n => {
      const item = `<item jid='contact-number-${n}.example.com' name='${text(n)}'/>`
      push.handler(received(`<iq type='set'><query xmlns='jabber:iq:roster'>${item}</query></iq>`), session)
    })
    t.equal(kept.length, COUNT + 1)
  }
})

t.test('states of other PBXes, and whose they are', async t => {
  const clock = new HandClock()
  const bus = new StateBus({ eid: '02:00:00:00:00:01', clock })
  const watch = new Watch({ bus, clock, skipped() {}, onGone() {} })
  const item = (n: number, state = 'INUSE') => {
    const element = arrived(
      `<item id='Custom:${text(n)}'><state xmlns='http://asterisk.org' eid='02:00:00:00:01:${(n % 256).toString(16).padStart(2, '0')}'>${state}</state></item>`,
    )
    return { id: element.attrs.id, publisher: undefined, payload: element.elements[0] }
  }
  keepsLittle(t, 'item', n => void watch.item('device_state', item(n), 'device'))
  keepsLittle(t, 'the same item again', n => void watch.item('device_state', item(n, 'BUSY'), 'device'))
  keepsLittle(t, 'item that is taken back', n => watch.retracted(item(n).id ?? '', 'device'))
  t.equal(bus.devices().length, COUNT + 1)
  clock.skip(1000)
  t.equal(bus.devices().length, 0)
})

t.test('the JID of a session', async t => {
  const { stream } = await openStream()
  const sessions: Session[] = []
  keepsLittle(t, 'JID', n => {
    const bound = arrived(`<jid>juliet-capulet@example.com/balcony-number-${n}</jid>`)
    sessions.push(new Session(stream, { jid: bound.text, streamId: 's1', mechanism: 'PLAIN' }, { xeps: [] }))
  })
  t.equal(sessions.length, COUNT + 1)
})
