import t from 'tap'
import { Inbox, type IncomingMessage } from '../../src/account/inbox.ts'
import { heap } from '../helper/heap.ts'
import { IdleClock, message } from './inbox-setting.ts'

t.test('bookkeeping does not grow behind one message that nobody fetches', async t => {
  const clock = new IdleClock()
  const inbox = new Inbox({ hold: () => 1_000_000_000, clock })
  inbox.put(message('bob@x/r', 'left lying', clock.now()))
  const flow = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      inbox.put(message('carol@x/r', 'x', clock.now()))
      await inbox.receive('carol@x', 0)
    }
  }
  await flow(1000)
  const before = heap()
  await flow(100_000)
  const growth = heap() - before
  t.equal(inbox.size, 1)
  t.ok(growth < 2_000_000, `${Math.round(growth / 1024)} KiB`)
})

t.test('who may not wait leaves nothing behind', async t => {
  const inbox = new Inbox({ hold: () => 5000, clock: new IdleClock(), limits: { waiters: 0 } })
  const refused = async (count: number, part: string): Promise<void> => {
    for (let i = 0; i < count; i++) await inbox.receive(`${part}${i}@example.com`, 1000).catch(() => {})
  }
  await refused(3000, 'a')
  const before = heap()
  await refused(30_000, 'b')
  const growth = heap() - before
  t.ok(growth < 4_000_000, `${Math.round(growth / 1024)} KiB`)
})

t.test('a held message does not keep alive what it was cut from', async t => {
  const inbox = new Inbox({ hold: () => 5000, clock: new IdleClock() })
  const before = heap()
  for (let i = 0; i < 200; i++) {
    const chunk = `a body of more than a few characters ${i}|an id of more than a few characters|${'x'.repeat(100_000)}`
    const [body = '', id] = Buffer.from(chunk).toString().split('|')
    inbox.put({ from: `user${i}@x/r`, body, id, type: 'chat', received: 1_000_000, delayed: undefined })
  }
  const growth = heap() - before
  t.equal(inbox.size, 200)
  t.ok(growth < 5_000_000, `${Math.round(growth / 1024)} KiB`)
})

t.test('what is counted is what is needed', async t => {
  const senders: [string, (i: number) => Partial<IncomingMessage>][] = [
    ['one resource', () => ({})],
    ['as many resources', i => ({ from: `bob@example.com/${i}` })],
    ['as many senders', i => ({ from: `user${i}@example.com/r` })],
    ['as many bare JIDs', i => ({ from: `user${i}@example.com` })],
    ['a room', i => ({ from: `room@example.com/nick number ${i}`, type: 'groupchat' })],
    ['delays', i => ({ delayed: { stamp: 1e12 + i + 0.5, from: `delay${i}.example.com` } })],
    ['other scripts', i => ({ body: `сообщение номер ${i}`, id: `№ ${i}` })],
    ['no texts', () => ({ body: '', id: undefined })],
  ]
  for (const [name, more] of senders) {
    const bytes = 8_388_608
    const clock = new IdleClock()
    const inbox = new Inbox({ hold: () => 5000, clock, limits: { bytes, perSender: 1e6 } })
    const before = heap()
    for (let i = 0; i < 30_000; i++) {
      inbox.put(message('bob@example.com/r', `body ${i}`, 1e12 + i + 0.5, { id: `id ${i}`, ...more(i) }))
    }
    const share = (heap() - before) / bytes
    t.ok(inbox.size < 30_000, name)
    t.ok(share < 1.05, `${name}: ${share.toFixed(2)} of the limit`)
    t.ok(share > 0.5, `${name}: no less than half of it: ${share.toFixed(2)}`)
    inbox.close(new Error('next'))
  }
})

t.test('floods are bounded, whoever they come from', async t => {
  const floods: [string, (i: number) => string, number][] = [
    ['one sender under as many resources', i => `mallory@x/${i}`, 10_000],
    ['as many senders', i => `mallory${i}@x/r`, 60_000],
  ]
  for (const [name, from, least] of floods) {
    const clock = new IdleClock()
    let dropped = 0
    const inbox = new Inbox({ hold: () => 5000, clock, onDrop: () => void dropped++ })
    inbox.put(message('carol@x/r', 'hers', clock.now()))
    for (let i = 0; i < 100_000; i++) inbox.put(message(from(i), '', clock.now()))
    t.ok(inbox.size >= least && inbox.size <= 100_000, `${name}: ${inbox.size}`)
    t.equal(inbox.size + dropped, 100_001)
    t.equal(clock.timers.size, 1)
    if (least === 10_000) t.equal((await inbox.receive('carol@x', 0))?.body, 'hers')
  }
})

t.test('bodies of 256 KiB', async t => {
  const clock = new IdleClock()
  const inbox = new Inbox({ hold: () => 5000, clock, limits: { bytes: 16_777_216 } })
  const before = heap()
  for (let i = 0; i < 500; i++) inbox.put(message(`user${i}@x/r`, `${i}`.padEnd(262_144), clock.now()))
  t.equal(inbox.size, 63)
  t.ok(heap() - before < 18_000_000)
})
