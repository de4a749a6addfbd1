import { getEventListeners, setMaxListeners } from 'node:events'
import t, { type Test } from 'tap'
import { Inbox, type InboxLimits, type IncomingMessage } from '../../src/account/inbox.ts'
import type { Clock } from '../../src/clock.ts'
import { bareJid } from '../../src/jid.ts'
import { HandClock } from '../helper/clock.ts'
import { cpuTime } from '../helper/cpu.ts'
import { heap } from '../helper/heap.ts'
import { settled } from '../helper/pair.ts'
import { rejects } from '../helper/rejects.ts'

interface Setup {
  readonly hold?: number
  readonly limits?: Partial<InboxLimits>
}

/** An inbox with a hand-driven clock, and a short way to put messages into it. */
function setUp({ hold = 5000, limits = {} }: Setup = {}) {
  const clock = new HandClock()
  const dropped: string[] = []
  const settings = { hold }
  const inbox = new Inbox({
    hold: () => settings.hold,
    clock,
    limits,
    onDrop: ({ body }) => dropped.push(body),
  })
  const put = (from: string, ...bodies: string[]): void => {
    for (const body of bodies) inbox.put(message(from, body, clock.now()))
  }
  return { clock, dropped, settings, inbox, put }
}

function message(from: string, body: string, received: number, more: Partial<IncomingMessage> = {}): IncomingMessage {
  return { from, body, type: 'chat', id: undefined, received, delayed: undefined, ...more }
}

/** The bodies that come out for a JID when nobody waits. */
async function bodies(inbox: Inbox, jid: string, count: number): Promise<(string | undefined)[]> {
  const found = []
  for (let i = 0; i < count; i++) found.push(await body(inbox.receive(jid, 0)))
  return found
}

async function body(receiving: Promise<IncomingMessage | undefined>): Promise<string | undefined> {
  return (await receiving)?.body
}

t.test('held messages come oldest first, each once', async t => {
  const { inbox, put, clock } = setUp()
  put('bob@x/a', 'one')
  put('carol@x/a', 'not his')
  put('bob@x/b', 'two')
  put('bob@x/a', 'three')
  t.equal(inbox.size, 4)
  t.strictSame(await bodies(inbox, 'bob@x', 3), ['one', 'two', 'three'])
  t.equal(inbox.size, 1)
  const none = inbox.receive('bob@x', 1000)
  await clock.advance(1000)
  t.equal(await none, undefined)
  t.strictSame(await bodies(inbox, 'carol@x/a', 1), ['not his'])
})

t.test('the whole message is handed over, its body exact', async t => {
  const { inbox } = setUp()
  const whole = {
    from: 'bob@x/a',
    body: ' \t two\n lines\r ',
    type: 'groupchat',
    id: 'i1',
    received: 1_000_000,
    delayed: { stamp: 5, from: 'x' },
  } as const
  inbox.put(whole)
  t.strictSame(await inbox.receive('bob@x', 0), whole)
})

t.test('a full JID matches exactly, a bare one any resource', async t => {
  const { inbox, put } = setUp()
  put('bob@x/a', 'from a')
  put('bob@x/b', 'from b')
  put('bob@x/ab', 'from ab')
  put('bob@x', 'from bare')
  put('bob@x.y/a', 'another domain')
  put('bo@x/a', 'another user')
  t.strictSame(await bodies(inbox, 'bob@x/b', 1), ['from b'])
  t.strictSame(await bodies(inbox, 'bob@x', 3), ['from a', 'from ab', 'from bare'])
  t.equal(inbox.size, 2, "others' are still there")
})

t.test('a message from a bare JID is not one from a resource', async t => {
  const { inbox, put, clock } = setUp()
  put('bob@x', 'from bare')
  const waiting = inbox.receive('bob@x/a', 100)
  await clock.advance(100)
  t.equal(await waiting, undefined)
})

t.test('groupchat is had by the JID of its room, and by no other', async t => {
  const { inbox, put, clock } = setUp()
  const said = (from: string, body: string): void => {
    inbox.put(message(from, body, clock.now(), { type: 'groupchat' }))
  }
  await t.test('held', async t => {
    said('room@muc.x/bob', 'to all')
    put('room@muc.x/bob', 'in private')
    said('room@muc.x', 'the room itself')
    t.strictSame(await bodies(inbox, 'room@muc.x/bob', 1), ['in private'])
    const none = inbox.receive('room@muc.x/bob', 100)
    await clock.advance(100)
    t.equal(await none, undefined)
    t.strictSame(await bodies(inbox, 'room@muc.x', 2), ['to all', 'the room itself'])
  })
  await t.test('both in order', async t => {
    put('room@muc.x/bob', 'one')
    said('room@muc.x/bob', 'two')
    put('room@muc.x/bob', 'three')
    t.strictSame(await bodies(inbox, 'room@muc.x', 3), ['one', 'two', 'three'])
  })
  await t.test('waited for', async t => {
    const [exact, any] = [inbox.receive('room@muc.x/bob', 1000), inbox.receive('room@muc.x', 1000)]
    await settled()
    said('room@muc.x/bob', 'to all')
    t.equal(await body(any), 'to all', 'though the other came earlier')
    put('room@muc.x/bob', 'in private')
    t.equal(await body(exact), 'in private')
  })
  t.equal(inbox.size, 0)
})

t.test('JIDs compare prepared; a resource keeps its case', async t => {
  const { inbox, put, clock } = setUp()
  put('bob@example.com/Home', 'hello')
  t.strictSame(await bodies(inbox, 'BOB@Example.COM/Home', 1), ['hello'])
  put('bob@example.com/Home', 'hello')
  const other = inbox.receive('bob@example.com/home', 100)
  await clock.advance(100)
  t.equal(await other, undefined)
  t.strictSame(await bodies(inbox, 'Bob@example.com.', 1), ['hello'])
})

t.test('what is no JID is refused', async t => {
  const { inbox, clock } = setUp()
  for (const jid of ['', '@x', 'bob@', 'bob@x/', 'b b@x', 'bob@x\n']) {
    await rejects(t, inbox.receive(jid, 1000), { code: 'XMPP_JID_MALFORMED' }, JSON.stringify(jid))
  }
  t.equal(clock.pending, 0)
})

t.test('waits the full time whatever else arrives', async t => {
  const { inbox, put, clock } = setUp()
  let got: unknown = 'nothing yet'
  const waiting = inbox.receive('bob@x/a', 20_000).then(message => {
    got = message
  })
  for (let second = 0; second < 19; second++) {
    put('carol@x/a', 'noise')
    put('bob@x/b', 'another resource')
    await clock.advance(1000)
  }
  await clock.advance(999)
  t.equal(got, 'nothing yet')
  await clock.advance(1)
  await waiting
  t.equal(got, undefined)
})

t.test('a message ends the wait at once', async t => {
  const { inbox, put, clock } = setUp()
  const waiting = inbox.receive('bob@x', 20_000)
  await settled()
  put('bob@x/a', 'here')
  t.equal(await body(waiting), 'here')
  t.equal(inbox.size, 0, 'what was handed over is not held')
  t.equal(clock.pending, 0)
})

t.test('several waiters are served in order, each message to one', async t => {
  const { inbox, put } = setUp()
  const order: string[] = []
  const wait = (who: string, jid: string): Promise<void> =>
    inbox.receive(jid, 20_000).then(message => void order.push(`${who} ${message?.body}`))
  const all = [wait('1', 'bob@x'), wait('2', 'bob@x/b'), wait('3', 'bob@x'), wait('4', 'bob@x/b'), wait('5', 'bob@x/a')]
  await settled()
  put('bob@x/b', 'b1')
  put('bob@x/b', 'b2')
  put('bob@x/a', 'a1')
  put('bob@x/b', 'b3')
  put('bob@x/a', 'a2')
  put('bob@x/b', 'b4')
  await Promise.all(all)
  t.strictSame(order, ['1 b1', '2 b2', '3 a1', '4 b3', '5 a2'])
  t.equal(inbox.size, 1, 'and one is held')
})

t.test('a waiter that has gone is passed over', async t => {
  const { inbox, put, clock } = setUp()
  const first = inbox.receive('bob@x', 100)
  const second = inbox.receive('bob@x', 10_000)
  await clock.advance(100)
  t.equal(await first, undefined)
  put('bob@x/a', 'late')
  t.equal(await body(second), 'late')
})

t.test('expires at exactly hold ms', async t => {
  const { inbox, put, clock } = setUp({ hold: 5000 })
  put('bob@x/a', 'one')
  await clock.advance(4999)
  t.equal(inbox.size, 1)
  t.strictSame(await bodies(inbox, 'bob@x', 1), ['one'], 'a ms before it can be had')

  put('bob@x/a', 'two')
  await clock.advance(1)
  put('bob@x/a', 'three')
  await clock.advance(4999)
  t.equal(inbox.size, 1, 'the older one has gone')
  t.strictSame(await bodies(inbox, 'bob@x', 1), ['three'])
})

t.test('expiry needs nobody to ask, and its timer does not stay behind', async t => {
  const { inbox, put, clock } = setUp({ hold: 5000 })
  put('bob@x/a', 'one')
  await clock.advance(2500)
  put('bob@x/a', 'two')
  await clock.advance(2500)
  t.equal(inbox.size, 1)
  await clock.advance(2500)
  t.equal(inbox.size, 0)
  t.equal(clock.pending, 0)
})

t.test('no timer is left when the last message has been received', async t => {
  const { inbox, put, clock } = setUp({ hold: 5000 })
  put('bob@x/a', 'one', 'two')
  await bodies(inbox, 'bob@x', 2)
  t.equal(clock.pending, 0)
})

t.test('a message never expires early because of one before it', async t => {
  const { inbox, put, clock } = setUp({ hold: 5000 })
  put('bob@x/a', 'one')
  await clock.advance(3000)
  await bodies(inbox, 'bob@x', 1)
  put('bob@x/a', 'two')
  await clock.advance(4999)
  t.equal(inbox.size, 1)
  await clock.advance(1)
  t.equal(inbox.size, 0)
})

t.test('the time for which messages are held may change', async t => {
  await t.test('longer', async t => {
    const { inbox, put, clock, settings } = setUp({ hold: 5000 })
    put('bob@x/a', 'one')
    settings.hold = 10_000
    await clock.advance(9999)
    t.equal(inbox.size, 1)
    await clock.advance(1)
    t.equal(inbox.size, 0)
    t.equal(clock.pending, 0)
  })
  await t.test('shorter', async t => {
    const { inbox, put, clock, settings } = setUp({ hold: 10_000 })
    put('bob@x/a', 'one')
    settings.hold = 1000
    await clock.advance(1000)
    const waiting = inbox.receive('bob@x', 10)
    await clock.advance(10)
    t.equal(await waiting, undefined, 'too old by the new measure')
    t.equal(inbox.size, 0)
    t.equal(clock.pending, 0)
  })
  await t.test('to nothing', async t => {
    const { inbox, put, clock, settings } = setUp({ hold: 10_000 })
    put('bob@x/a', 'one')
    settings.hold = 0
    const waiting = inbox.receive('bob@x', 10)
    await clock.advance(10)
    t.equal(await waiting, undefined)
  })
})

t.test('hold 0 holds nothing, but serves who waits', async t => {
  const { inbox, put, clock, dropped } = setUp({ hold: 0 })
  put('bob@x/a', 'lost')
  t.equal(inbox.size, 0)
  t.equal(clock.pending, 0)
  t.strictSame(dropped, [], 'that is no drop at a limit')
  const waiting = inbox.receive('bob@x', 1000)
  await settled()
  put('bob@x/a', 'seen')
  t.equal(await body(waiting), 'seen')
})

t.test('at the limit of messages the oldest is dropped, and said so', async t => {
  const { inbox, put, dropped } = setUp({ limits: { messages: 3 } })
  put('bob@x/a', 'one')
  put('carol@x/a', 'two', 'three', 'four', 'five')
  t.equal(inbox.size, 3)
  t.strictSame(dropped, ['one', 'two'])
  t.strictSame(await bodies(inbox, 'carol@x', 3), ['three', 'four', 'five'])
})

t.test('the limit of bytes is one of memory', async t => {
  await t.test('two for each character beyond Latin-1, as in V8', async t => {
    const { inbox, put, dropped } = setUp({ limits: { bytes: 100_000 } })
    put('bob@x/a', 'ä'.repeat(48_000), 'b'.repeat(48_000))
    t.equal(dropped.length, 0)
    inbox.close(new Error('next'))
    put('bob@x/a', '€'.repeat(24_000), '€'.repeat(24_000))
    t.equal(dropped.length, 0)
    put('carol@x/a', `€${'c'.repeat(2000)}`)
    t.equal(dropped.length, 1)
    await bodies(inbox, 'bob@x', 1)
    put('carol@x/a', 'c'.repeat(48_000))
    t.equal(dropped.length, 1, 'what was taken makes room')
  })
  await t.test('all that others can make long', async t => {
    const { inbox, put, dropped, clock } = setUp({ limits: { bytes: 100_000 } })
    const long = 'r'.repeat(30_000)
    for (let i = 0; i < 10; i++) put(`bob@x/${i}${long}`, `${i}`)
    t.equal(inbox.size, 3)
    t.equal(dropped.length, 7)
    inbox.close(new Error('next'))
    for (const more of [{ id: long }, { delayed: { stamp: 0, from: long } }]) {
      for (let i = 0; i < 10; i++) inbox.put(message('bob@x/a', `${i}`, clock.now(), more))
      t.equal(inbox.size, 3)
      t.strictSame(await bodies(inbox, 'bob@x', 3), ['7', '8', '9'])
      t.equal(inbox.size, 0)
    }
    for (let i = 0; i < 10; i++) {
      inbox.put(message(`room@x/${i}${long}`, `${i}`, clock.now(), { type: 'groupchat' }))
    }
    t.equal(inbox.size, 3)
  })
  await t.test('and what goes is counted as it came', async t => {
    const { inbox, put, clock, dropped } = setUp({ limits: { bytes: 10_000 } })
    for (let i = 0; i < 200; i++) {
      put('bob@x/a', 'one')
      inbox.put(message('bob@x/b', 'two', clock.now(), { id: 'i', delayed: { stamp: 0, from: 'x' } }))
      inbox.put(message('bob@x/c', 'three', clock.now(), { type: 'groupchat' }))
      put('bob@x', 'four')
      if (i % 2 === 0) await bodies(inbox, 'bob@x', 4)
      else await clock.advance(5000)
      t.equal(inbox.size, 0)
    }
    t.strictSame(dropped, [])
    put('bob@x/a', 'y'.repeat(8000))
    t.equal(inbox.size, 1)
  })
})

t.test('a message too big to be held does not cost the others', async t => {
  const { inbox, put, dropped } = setUp({ limits: { bytes: 10_000 } })
  const large = 'larger than all there is'.padEnd(9900)
  put('bob@x/a', 'small')
  put('carol@x/a', 'hers')
  put('carol@x/a', large)
  t.strictSame(dropped, [large])
  t.equal(inbox.size, 2)
  const waiting = inbox.receive('carol@x/b', 1000)
  await settled()
  put('carol@x/b', large)
  t.equal(await body(waiting), large, 'who waits gets it all the same')
  t.strictSame(await bodies(inbox, 'bob@x', 1), ['small'])
  t.strictSame(await bodies(inbox, 'carol@x', 1), ['hers'])
})

t.test('one sender cannot push out what others sent', async t => {
  await t.test('with many messages, from whatever resource', async t => {
    const { inbox, put, dropped } = setUp({ limits: { perSender: 2 } })
    put('carol@x/a', 'hers')
    for (let i = 1; i <= 5; i++) put(`bob@x/${i}`, `his ${i}`)
    t.strictSame(dropped, ['his 1', 'his 2', 'his 3'])
    t.strictSame(await bodies(inbox, 'carol@x', 1), ['hers'])
    t.strictSame(await bodies(inbox, 'bob@x', 2), ['his 4', 'his 5'])
  })
  await t.test('with large ones', async t => {
    const { inbox, put, dropped } = setUp({ limits: { bytes: 1_000_000 } })
    put('carol@x/a', 'hers')
    for (let i = 0; i < 100; i++) put('bob@x/a', `${i}`.padEnd(262_144))
    t.equal(inbox.size, 4)
    t.notOk(dropped.includes('hers'))
    t.strictSame(await bodies(inbox, 'carol@x', 1), ['hers'])
  })
})

t.test('a message with an empty body is one', async t => {
  const { inbox, put } = setUp()
  put('bob@x/a', '')
  t.strictSame(await bodies(inbox, 'bob@x', 1), [''])
})

t.test('a message expires by when it came, whatever it says of its delay', async t => {
  const { inbox, clock } = setUp({ hold: 5000 })
  for (const stamp of [0, 9e15]) {
    inbox.put(message('bob@x/a', 'b', clock.now(), { delayed: { stamp, from: undefined } }))
    await clock.advance(4999)
    t.equal(inbox.size, 1)
    await clock.advance(1)
    t.equal(inbox.size, 0)
  }
})

t.test('dropping at a limit does not cut the life of others', async t => {
  const { inbox, put, clock } = setUp({ hold: 5000, limits: { messages: 1 } })
  put('bob@x/a', 'one')
  await clock.advance(4000)
  put('bob@x/a', 'two')
  await clock.advance(4999)
  t.equal(inbox.size, 1)
  await clock.advance(1)
  t.equal(inbox.size, 0)
  t.equal(clock.pending, 0)
})

t.test('waiters are bounded', async t => {
  const { inbox, put, clock } = setUp({ limits: { waiters: 2 } })
  const first = inbox.receive('bob@x', 1000)
  const second = inbox.receive('carol@x', 1000)
  await rejects(t, inbox.receive('dave@x', 1000), { code: 'XMPP_TOO_MANY_WAITERS' })
  put('erin@x/a', 'hello')
  t.equal(await body(inbox.receive('erin@x', 1000)), 'hello', 'nobody waits for what is there')
  put('bob@x/a', 'hello')
  t.equal(await body(first), 'hello')
  const third = inbox.receive('dave@x', 1000)
  await rejects(t, inbox.receive('dave@x', 1000), { code: 'XMPP_TOO_MANY_WAITERS' }, 'one went, one came')
  await clock.advance(1000)
  t.strictSame([await second, await third], [undefined, undefined])
  const fourth = inbox.receive('dave@x', 1000)
  const fifth = inbox.receive('dave@x', 1000)
  await clock.advance(1000)
  t.strictSame([await fourth, await fifth], [undefined, undefined], 'those whose time is up make room')
  t.equal(clock.pending, 0)
})

t.test('abort', async t => {
  await t.test('before', async t => {
    const { inbox, put, clock } = setUp()
    put('bob@x/a', 'kept')
    await rejects(t, inbox.receive('bob@x', 1000, AbortSignal.abort(new Error('gone'))), { message: 'gone' })
    t.equal(inbox.size, 1, 'who has gone takes nothing')
    await bodies(inbox, 'bob@x', 1)
    t.equal(clock.pending, 0)
  })
  await t.test('while waiting', async t => {
    const { inbox, put, clock } = setUp({ limits: { waiters: 1 } })
    const controller = new AbortController()
    const waiting = inbox.receive('bob@x', 1000, controller.signal)
    await settled()
    controller.abort(new Error('gone'))
    await rejects(t, waiting, { message: 'gone' })
    t.equal(clock.pending, 0)
    put('bob@x/a', 'for the next')
    t.strictSame(await bodies(inbox, 'bob@x', 1), ['for the next'], 'and there is room to wait again')
  })
  await t.test('in the same turn as the message: it is not lost', async t => {
    const { inbox, put } = setUp()
    const controller = new AbortController()
    const waiting = inbox.receive('bob@x', 1000, controller.signal)
    await settled()
    put('bob@x/a', 'in time')
    controller.abort(new Error('gone'))
    t.equal(await body(waiting), 'in time')
  })
})

t.test('a signal that lives longer than a wait is not listened to any more', async t => {
  const { inbox, put, clock } = setUp()
  const { signal } = new AbortController()
  const [first, second] = [inbox.receive('bob@x', 1000, signal), inbox.receive('bob@x', 1000, signal)]
  await settled()
  t.equal(getEventListeners(signal, 'abort').length, 2)
  put('bob@x/a', 'one')
  t.equal(await body(first), 'one')
  await clock.advance(1000)
  t.equal(await body(second), undefined)
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('close forgets what is held, its timer, and lets go of those who wait', async t => {
  const { inbox, put, clock, dropped } = setUp()
  put('bob@x/a', 'one')
  put('carol@x/a', 'two')
  const waiting = Promise.allSettled([inbox.receive('dave@x', 1000), inbox.receive('dave@x/a', 1000)])
  await settled()
  const reason = new Error('over')
  inbox.close(reason)
  t.equal(inbox.size, 0)
  t.equal(clock.pending, 0)
  t.strictSame(dropped, [])
  for (const result of await waiting) t.match(result, { status: 'rejected', reason })
  put('dave@x/a', 'three')
  t.strictSame(await bodies(inbox, 'dave@x', 1), ['three'], 'it may be used again')
  put('bob@x/a', 'four')
  t.strictSame(await bodies(inbox, 'bob@x', 1), ['four'])
})

// ── scale ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A clock whose timers cost nothing to set and to cancel, so that what is measured is the inbox. */
class IdleClock implements Clock {
  time = 1_000_000
  readonly timers = new Map<number, () => void>()
  #last = 0

  now(): number {
    return this.time
  }

  after(_ms: number, fn: () => void): () => void {
    const id = ++this.#last
    this.timers.set(id, fn)
    return () => void this.timers.delete(id)
  }
}

/** An inbox without limits. */
function wideOpen(hold = 5000): { inbox: Inbox; clock: IdleClock } {
  const clock = new IdleClock()
  const none = Number.POSITIVE_INFINITY
  const limits = { messages: none, bytes: none, perSender: none, waiters: none }
  return { inbox: new Inbox({ hold: () => hold, clock, limits }), clock }
}

const COUNT = 20_000

/**
 * Runs the same operations COUNT times, with little and with much in the inbox. Caches are smaller than memory, so what costs the same in steps takes up to four
 * times as long; to look through half of what is there takes twelve times. Should something else have disturbed it, it may try again.
 */
async function costsTheSame(t: Test, little: () => Promise<void>, much: () => Promise<void>): Promise<void> {
  const cpu = async (work: () => Promise<void>): Promise<number> => {
    const before = cpuTime()
    await work()
    return cpuTime() - before
  }
  const first = await cpu(little)
  let [few, many] = [first, await cpu(much)]
  for (let again = 0; again < 2 && many > 7 * few; again++) {
    few = Math.max(few, await cpu(little))
    many = Math.min(many, await cpu(much))
  }
  t.ok(many <= 7 * few, `${many.toFixed(1)} ms, ${(many / few).toFixed(1)} times ${few.toFixed(1)} ms`)
}

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
    if (least === 10_000) t.strictSame(await bodies(inbox, 'carol@x', 1), ['hers'])
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
    inbox.put(message(`user${i}@x/r`, `${i}`, clock.now()))
    await inbox.receive(`user${i}@x`, 0)
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
