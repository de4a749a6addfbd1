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
import { clientConfig, type Watched, watch } from '../account/setting.ts'

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
