import t, { type Test } from 'tap'
import type { Account } from '../../src/account/account.ts'
import { connectClient } from '../../src/client.ts'
import type { AccountConfig } from '../../src/config/index.ts'
import { AccountSet } from '../../src/daemon/accounts.ts'
import type { Session } from '../../src/session.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { NS_DISCO_INFO } from '../../src/xep/0030-disco.ts'
import { sendPing } from '../../src/xep/0199-ping.ts'
import { availablePresence } from '../../src/xep/presence.ts'
import { accounts, clientConfig, type Watched, watch } from '../account/setting.ts'
import { HandClock } from '../helper/clock.ts'

const users = ['juliet', 'romeo', 'nurse'].map(name => `${name}@example.com`)

/** A server, and a set that is stopped when the test is over. */
async function setUp(t: Test) {
  const server = await startLoopback({
    users: Object.fromEntries(users.map(user => [user, 'secret'])),
    starttls: 'none',
  })
  const added: Watched[] = []
  const set = new AccountSet({}, account => void added.push(watch(account)))
  t.teardown(async () => {
    await set.stop()
    await server.stop()
  })
  const config = (name: string, user: string, lines = ''): AccountConfig =>
    clientConfig(server.port, `username=${user}@example.com/r\n${lines}`, name)
  const of = (account: Account | undefined): Watched => added.find(each => each.account === account) as Watched
  return { server, set, added, config, of }
}

t.test('names have no case', async t => {
  const { set, config } = await setUp(t)
  await set.apply([config('Asterisk', 'juliet')])
  const account = set.find('ASTERISK')
  t.ok(account)
  t.equal(set.find('asterisk'), account)
  t.equal(set.find('aster'), undefined)
  t.equal(set.find('__proto__'), undefined)
  t.equal(account?.name, 'Asterisk')
  t.strictSame(await set.apply([config('asterisk', 'juliet')]), [], 'another case is no change')
  t.equal(set.find('Asterisk'), account)
})

t.test('adds, changes and removes; what has not changed does not blink', async t => {
  const { server, set, added, config, of } = await setUp(t)
  t.strictSame(await set.apply([config('a', 'juliet'), config('b', 'romeo')]), ['[a] added', '[b] added'])
  t.equal(added.length, 2)
  await Promise.all(added.map(({ next }) => next('connected')))
  const [a, b] = set.list()
  t.strictSame(
    set.list().map(({ name }) => name),
    ['a', 'b'],
  )
  const session = a?.session

  t.strictSame(await set.apply([config('a', 'juliet'), config('b', 'romeo')]), [])

  const lines = await set.apply([config('c', 'nurse'), config('a', 'juliet')])
  t.strictSame([...lines].sort(), ['[b] removed', '[c] added'])
  t.strictSame(
    set.list().map(({ name }) => name),
    ['c', 'a'],
    'in the order of the file',
  )
  t.equal(set.find('b'), undefined)
  t.equal(b?.state, 'Disconnected')
  await server.waitFor('romeo@example.com', false)
  await of(set.find('c')).next('connected')

  t.strictSame(await set.apply([config('c', 'nurse'), config('a', 'juliet', 'status=away\ntimeout=9')]), [
    '[a] changed: status, timeout',
  ])
  t.equal(set.find('a'), a)
  t.equal(a?.config.status, 'away')
  t.equal(a?.session, session, 'the session is still the same')
  t.strictSame(
    of(a).states.filter(state => state === 'Connected'),
    ['Connected'],
  )
  t.equal(added.length, 3, 'told of each account once')
})

t.test('a change that needs it reconnects that account only', async t => {
  const { set, added, config, of } = await setUp(t)
  await set.apply([config('a', 'juliet'), config('b', 'romeo')])
  await Promise.all(added.map(({ next }) => next('connected')))
  const b = set.find('b')
  const session = b?.session
  t.strictSame(await set.apply([config('a', 'juliet', 'username=nurse@example.com/r'), config('b', 'romeo')]), [
    '[a] changed: username (connects again)',
  ])
  const { jid } = await of(set.find('a')).next('connected')
  t.equal(jid, 'nurse@example.com/r')
  t.equal(b?.session, session)
})

t.test('who waits for its next attempt makes it, though nothing has changed', async t => {
  const { server, set, added, config } = await setUp(t)
  const configs = [config('a', 'juliet', 'secret=wrong'), config('b', 'romeo')]
  await set.apply(configs)
  const [a, b] = added as [Watched, Watched]
  const { retryIn } = await a.next('offline')
  t.ok(retryIn >= 60_000)
  await b.next('connected')
  t.strictSame(await set.apply(configs), ['[a] tries now to connect'])
  // Whoever hears of it can say so at once.
  let asked = 0
  const off = a.account.on('offline', () => {
    if (asked++ < 2) t.ok(a.account.retry())
    else t.notOk(a.account.retry() && a.account.retry(), 'once')
  })
  for (let n = 0; n < 3; n++) await a.next('offline')
  off()
  t.strictSame(await set.apply(configs), [], 'it was asked to already')
  t.ok((await a.next('offline')).retryIn < 90_000, 'from the beginning')
  t.strictSame(await set.apply([config('a', 'juliet', 'secret=secret'), config('b', 'romeo')]), [
    '[a] changed: secret (connects again)',
  ])
  await a.next('connected')
  t.strictSame(await set.apply([config('a', 'juliet', 'secret=secret'), config('b', 'romeo')]), [])
  t.equal(b.states.filter(state => state === 'Connecting').length, 1)
  t.equal(server.connected.length, 2)
})

t.test('a removed account that comes back is a new one', async t => {
  const { set, added, config } = await setUp(t)
  await set.apply([config('a', 'juliet')])
  const first = set.find('a')
  await added[0]?.next('connected')
  await set.apply([])
  t.strictSame(set.list(), [])
  await set.apply([config('a', 'juliet')])
  t.not(set.find('a'), first)
  await added[1]?.next('connected')
})

t.test(
  'others are added, changed and removed under load, and an account that has not changed does not blink',
  async t => {
    const { server, set, added, config, of } = await setUp(t)
    const quiet = config('quiet', 'juliet', 'buddy=nurse@example.com')
    await set.apply([quiet, config('busy', 'romeo')])
    await Promise.all(added.map(({ next }) => next('connected')))
    const account = set.find('quiet')
    const { states, events } = of(account)
    const session = account?.session
    const [told, seen] = [states.length, events.length]
    const count = 2000
    const bodies: string[] = []
    const all = new Promise<void>(resolve => {
      account?.on('message', ({ message }) => {
        bodies.push(message.body)
        if (bodies.length === count) resolve()
      })
    })
    let sending = true
    const load = (async () => {
      for (let number = 0; number < count; number++) {
        const body = `<message to='juliet@example.com/r' from='x@example.com/y'><body>${number}</body></message>`
        server.send('juliet@example.com/r', body)
        if (number % 20 === 0) await new Promise(resolve => setImmediate(resolve))
      }
      sending = false
    })()
    let reloads = 0
    for (; sending || reloads < 8; reloads++) {
      const changed = config('busy', reloads % 2 === 0 ? 'nurse' : 'romeo', `priority=${reloads % 100}`)
      const more = reloads % 3 === 0 ? [config('third', 'romeo', 'username=romeo@example.com/third')] : []
      await set.apply([...more, config('QUIET', 'juliet', 'buddy=nurse@example.com'), changed])
      // A change that comes before the last one has got anywhere waits for nothing.
      await new Promise(resolve => setImmediate(resolve))
    }
    await Promise.all([load, all])
    t.ok(reloads >= 8)
    t.strictSame(
      bodies,
      Array.from({ length: count }, (_, number) => `${number}`),
      'all of them, in order',
    )
    t.equal(account?.session, session)
    t.equal(set.find('quiet'), account)
    t.strictSame(states.slice(told), [])
    t.strictSame(
      events.slice(seen).filter(({ type }) => type !== 'message'),
      [],
      'nothing else has happened to it',
    )
  },
)

t.test('a thousand accounts of one file: all connect, and no more at one time than have their turn', async t => {
  const count = 1000
  const names = Array.from({ length: count }, (_, at) => `u${at}`)
  const server = await startLoopback({
    users: Object.fromEntries(names.map(name => [`${name}@example.com`, 'secret'])),
    starttls: 'none',
    connections: count,
  })
  const template = `[t](!)\nsecret=secret\nserverhost=127.0.0.1\nport=${server.port}\nusetls=no\nautoregister=no\nsasl_mechanisms=PLAIN\n`
  const text = template + names.map(name => `[${name}](t)\nusername=${name}@example.com/r\n`).join('')
  const counts = { connecting: 0, most: 0, offline: 0 }
  const connected: Promise<unknown>[] = []
  // A clock that stands still, for a turn may be handed on when it lasts too long.
  const set = new AccountSet({ clock: new HandClock() }, account => {
    let connecting = false
    account.on('state', ({ state }) => {
      const now = state !== 'Disconnected' && state !== 'Retrieving roster' && state !== 'Connected'
      if (now !== connecting) counts.connecting += now ? 1 : -1
      connecting = now
      counts.most = Math.max(counts.most, counts.connecting)
    })
    account.on('offline', () => counts.offline++)
    connected.push(new Promise(resolve => account.on('connected', resolve)))
  })
  t.teardown(async () => {
    await set.stop()
    await server.stop()
  })
  const read = accounts(text)
  t.equal(read.length, count)
  await set.apply(read)
  await Promise.all(connected)
  t.equal(server.connected.length, count)
  t.equal(counts.offline, 0, 'none was lost')
  // A turn is over a moment before the account says so.
  t.ok(counts.most >= 16 && counts.most < 32, `${counts.most} at one time`)
})

t.test('stop() leaves everywhere', async t => {
  const { server, set, added, config } = await setUp(t)
  await set.apply([config('a', 'juliet'), config('b', 'romeo')])
  await Promise.all(added.map(({ next }) => next('connected')))
  t.equal(server.connected.length, 2)
  await set.stop()
  for (const user of ['juliet@example.com', 'romeo@example.com']) await server.waitFor(user, false)
  t.strictSame(
    set.list().map(({ state }) => state),
    ['Disconnected', 'Disconnected'],
  )
})

t.test('what one account has looked up the others need not', async t => {
  const { server, set, added, config } = await setUp(t)
  const lines = 'buddy=romeo@example.com\nautoregister=no'
  await set.apply([config('a', 'juliet', lines), config('b', 'nurse', lines)])
  for (const { next } of added) await next('connected')
  const romeo = await connectClient({
    jid: 'romeo@example.com/r',
    password: 'secret',
    host: server.host,
    port: server.port,
    tls: 'never',
  })
  romeo.run().catch(() => {})
  t.teardown(() => romeo.close())
  let questions = 0
  romeo.stream.trace = (direction, element) => {
    if (direction === 'in' && element.elements[0]?.is('query', NS_DISCO_INFO)) questions++
  }
  for (const [at, user] of ['juliet@example.com', 'nurse@example.com'].entries()) {
    const { account, next } = added[at] as Watched
    server.send(user, availablePresence(romeo, {}, { from: romeo.jid }))
    await next('presence')
    // He answers in the order in which he is asked.
    await sendPing(account.session as Session, romeo.jid)
    const resource = account.buddies.get('romeo@example.com')?.resources.get('r')
    t.ok(resource && account.capabilities(resource)?.verified, user)
  }
  t.equal(questions, 1)
})
