import { setMaxListeners } from 'node:events'
import t, { type Test } from 'tap'
import { Inbox, type IncomingMessage } from '../../src/account/inbox.ts'
import { bareJid } from '../../src/jid.ts'
import { cpuTime } from '../helper/cpu.ts'
import { rejects } from '../helper/rejects.ts'
import { IdleClock, message } from './inbox-setting.ts'

/** An inbox without limits. */
function wideOpen(hold = 5000): { inbox: Inbox; clock: IdleClock } {
  const clock = new IdleClock()
  const none = Number.POSITIVE_INFINITY
  const limits = { messages: none, bytes: none, perSender: none, waiters: none }
  return { inbox: new Inbox({ hold: () => hold, clock, limits }), clock }
}

const COUNT = 20_000

/**
 * Runs the same operations COUNT times, with little and with much in the inbox. Caches are smaller than memory, so what costs the same in steps takes up to five
 * times as long; to look through half of what is there takes twelve times. Should something else have disturbed it, it may try again.
 */
async function costsTheSame(t: Test, little: () => Promise<void>, much: () => Promise<void>): Promise<void> {
  const few = known.get(little) ?? (await warm(little))
  known.set(little, few)
  let many = await cpu(much)
  for (let again = 0; again < 2 && many > 8 * few; again++) many = Math.min(many, await cpu(much))
  t.ok(many <= 8 * few, `${many.toFixed(1)} ms, ${(many / few).toFixed(1)} times ${few.toFixed(1)} ms`)
}

/** ms that it took with little in the inbox. */
const known = new WeakMap<() => Promise<void>, number>()

/** V8 has to compile it first, which is no cost of the inbox. */
async function warm(work: () => Promise<void>): Promise<number> {
  await cpu(work)
  return cpu(work)
}

async function cpu(work: () => Promise<void>): Promise<number> {
  const before = cpuTime()
  await work()
  return cpuTime() - before
}

t.test('100,000 messages of 1,000 senders', async t => {
  const clock = new IdleClock()
  const inbox = new Inbox({ hold: () => 5000, clock })
  for (let i = 0; i < 100_000; i++) inbox.put(message(`user${i % 1000}@x/r`, `${i}`, clock.now()))
  t.equal(inbox.size, 100_000)
  let wrong = 0
  for (let i = 0; i < 100_000; i++) if ((await inbox.receive(`user${i % 1000}@x`, 0))?.body !== `${i}`) wrong++
  t.equal(wrong, 0)
  t.equal(inbox.size, 0)
  t.equal(clock.timers.size, 0)
})

/** One message at a time comes and is taken. */
async function oneByOne(): Promise<void> {
  const { inbox, clock } = wideOpen()
  for (let i = 0; i < COUNT; i++) {
    inbox.put(message(`user${i % 50}@x/r`, `${i}`, clock.now()))
    await inbox.receive(`user${i % 50}@x`, 0)
  }
}

t.test('taking a message costs the same however many are held', async t => {
  const orders: [string, (i: number) => string, (jid: string) => string][] = [
    ['by bare JID', i => `user${i % 100}@x/r`, bareJid],
    ['by full JID', i => `user${i % 100}@x/${i % 10}`, jid => jid],
    ['one sender, each resource once', i => `bob@x/${i}`, jid => jid],
    ['each sender once', i => `user${i}@x/r`, jid => jid],
  ]
  for (const [name, from, by] of orders) {
    await t.test(name, t =>
      costsTheSame(t, oneByOne, async () => {
        const { inbox, clock } = wideOpen()
        for (let i = 0; i < COUNT; i++) inbox.put(message(from(i), `${i}`, clock.now()))
        // The newest first: the worst order for whoever looks from the front.
        for (let i = COUNT - 1; i >= 0; i--) await inbox.receive(by(from(i)), 0)
        if (inbox.size > 0) throw new Error(`${inbox.size} are left`)
      }),
    )
  }
})

t.test('so does expiring, and dropping at a limit', async t => {
  await t.test('all at once, as unevenly spread as can be', t =>
    costsTheSame(t, oneByOne, async () => {
      const { inbox, clock } = wideOpen()
      const uneven = (i: number): number => (i < COUNT * 0.9 ? i % 2 : i)
      for (let i = 0; i < COUNT; i++) inbox.put(message(`user${uneven(i)}@x/r`, 'x', clock.now()))
      clock.time += 5000
      for (const [id, fn] of [...clock.timers]) {
        clock.timers.delete(id)
        fn()
      }
      if (inbox.size > 0 || clock.timers.size > 0) throw new Error('something is left')
    }),
  )
  await t.test('one for each that comes', t =>
    costsTheSame(t, oneByOne, async () => {
      const clock = new IdleClock()
      const inbox = new Inbox({ hold: () => 5000, clock, limits: { perSender: COUNT } })
      for (let i = 0; i < COUNT * 2; i++) inbox.put(message('bob@x/r', 'x', clock.now()))
      if (inbox.size !== COUNT) throw new Error(`${inbox.size} are held`)
    }),
  )
})

t.test('a waiter costs the same however many wait', async t => {
  const alone = async (): Promise<void> => {
    const { inbox, clock } = wideOpen()
    for (let i = 0; i < COUNT; i++) {
      const waiting = inbox.receive(`user${i}@x`, 20_000)
      inbox.put(message(`user${i}@x/r`, `${i}`, clock.now()))
      await waiting
    }
  }
  const scenarios: [string, (i: number) => string][] = [
    ['for as many senders', i => `user${i}@x`],
    ['for one sender', () => 'bob@x'],
    ['for as many resources of one sender', i => `bob@x/${i}`],
  ]
  for (const [name, jid] of scenarios) {
    const full = (i: number): string => (jid(i).includes('/') ? jid(i) : `${jid(i)}/r`)
    const waiting = (inbox: Inbox): Promise<IncomingMessage | undefined>[] =>
      Array.from({ length: COUNT }, (_, i) => inbox.receive(jid(i), 20_000))
    await t.test(`${name}, served`, t =>
      costsTheSame(t, alone, async () => {
        const { inbox, clock } = wideOpen()
        const all = waiting(inbox)
        // The last comes first: the worst order for whoever looks for its waiter from the front.
        for (let i = COUNT - 1; i >= 0; i--) inbox.put(message(full(i), `${i}`, clock.now()))
        const received = await Promise.all(all)
        if (received.includes(undefined) || clock.timers.size > 0) throw new Error('not all were served')
      }),
    )
    await t.test(`${name}, leaving, the last first`, t =>
      costsTheSame(t, alone, async () => {
        const { inbox, clock } = wideOpen()
        const all = waiting(inbox)
        for (const fn of [...clock.timers.values()].reverse()) fn()
        await Promise.all(all)
        if (clock.timers.size > 0) throw new Error('timers are left')
      }),
    )
  }
  await t.test("while another's messages come and go", t =>
    costsTheSame(t, alone, async () => {
      const { inbox, clock } = wideOpen()
      const all = Array.from({ length: COUNT }, (_, i) => inbox.receive(`bob@x/${i}`, 20_000))
      for (let i = 0; i < COUNT; i++) {
        inbox.put(message('carol@x/r', 'x', clock.now()))
        await inbox.receive('carol@x', 0)
      }
      inbox.close(new Error('over'))
      await Promise.allSettled(all)
    }),
  )
})

t.test('10,000 waiters with the limits as they are', async t => {
  const clock = new IdleClock()
  const inbox = new Inbox({ hold: () => 5000, clock })
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  const all = Array.from({ length: 10_000 }, (_, i) => inbox.receive(`bob@x/${i}`, 20_000, controller.signal))
  await rejects(t, inbox.receive('bob@x', 1), { code: 'XMPP_TOO_MANY_WAITERS' })
  controller.abort(new Error('gone'))
  t.ok((await Promise.allSettled(all)).every(({ status }) => status === 'rejected'))
  t.equal(clock.timers.size, 0)
})
