import { getEventListeners } from 'node:events'
import t from 'tap'
import { Inbox, type InboxLimits, type IncomingMessage } from '../../src/account/inbox.ts'
import { HandClock } from '../helper/clock.ts'
import { settled } from '../helper/pair.ts'
import { rejects } from '../helper/rejects.ts'
import { message } from './inbox-setting.ts'

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
