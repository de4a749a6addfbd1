/**
 * What the loss of its server does to a daemon, and to a session that is to be resumed. Each kind of server runs here a second time, on ports of its own: other tests,
 * which tap runs at the same time, and whoever else is talking to the first one, keep theirs.
 */
import t, { type Test } from 'tap'
import { el, type Session, sendPing } from '../../src/index.ts'
import { TcpProxy } from '../helper/proxy.ts'
import { rejects } from '../helper/rejects.ts'
import { clientSection, componentSection, Daemon, type Reply } from './daemon.ts'
import { KeptClient } from './kept.ts'
import { Peer } from './peer.ts'
import { kill, type LiveServer, second, servers, skip, start, stop, wipe } from './servers/servers.ts'
import { serviceRestarted } from './service/restarted.ts'
import { login, newUser, type User } from './users.ts'

t.setTimeout(120_000)

const notConnected = /^account [a-z]+ is not connected \(.+\): the message was not sent\n$/

for (const server of servers.map(second)) {
  t.test(server.name, { skip }, async t => {
    t.teardown(() => stop(server))
    await wipe(server)
    await start(server)
    await t.test('restarted', t => restarted(t, server))
    await t.test('killed while messages flow', t => killed(t, server))
    await t.test('under a PubSub service', t => serviceRestarted(t, server))
    if (server.resumeTimeout === undefined) return
    await t.test('killed and forgotten', t => forgotten(t, server))
    await t.test('shut down politely', t => shutDown(t, server))
  })
}

function config(user: User, options: Parameters<typeof clientSection>[2]): string {
  const { server } = user
  const gateway = { ...options, debug: 'no' }
  return clientSection('desk', user, options) + componentSection('gateway', server, server.component, gateway)
}

async function restarted(t: Test, server: LiveServer): Promise<void> {
  const [user, other] = [await newUser(t, server, 'desk'), await newUser(t, server, 'peer')]
  const daemon = new Daemon(t, config(user, { buddy: other.jid, timeout: 60 }))
  const status = (wanted: string) => daemon.until(wanted, 'xmpp', 'status', 'desk', other.jid)
  const accounts = ['desk', 'gateway']
  const before = await Peer.start(t, other)
  for (const account of accounts) await daemon.logged(new RegExp(`\\[${account}\\] Connected`))
  t.equal((await status('1\n')).out, '1\n', 'the buddy is there')

  await stop(server)
  for (const account of accounts) await daemon.logged(new RegExp(`\\[${account}\\] lost the connection to `))
  await before.next({ event: 'offline' })
  t.equal((await status('6\n')).out, '6\n', 'nobody is there without a server')
  const sent = await daemon.rx('xmpp', 'send', 'desk', other.jid, 'lost')
  t.match(sent, { exit: 1, out: '', err: notConnected })
  for (const account of accounts) {
    await daemon.logged(new RegExp(`\\[${account}\\] no connection to .*ECONNREFUSED.*; trying again in [0-9.]+ s$`))
  }

  await start(server)
  for (const account of accounts) await daemon.logged(new RegExp(`\\[${account}\\] Connected`), 2)
  t.pass('both are back by themselves')
  const peer = await Peer.start(t, other)
  t.equal((await status('1\n')).out, '1\n', 'the buddy is back')
  for (const [account, from] of [
    ['desk', `${user.jid}/desk`],
    ['gateway', server.component],
  ] as const) {
    await daemon.rx('xmpp', 'send', account, peer.jid, 'out again')
    t.equal((await peer.next({ event: 'message', from })).body, 'out again', `from ${account}`)
    peer.tell({ do: 'send', to: from, body: 'in again' })
    t.equal((await daemon.rx('xmpp', 'receive', account, other.jid, '10')).out, 'in again\n', `to ${account}`)
  }
  await leaves(t, daemon)
}

async function killed(t: Test, server: LiveServer): Promise<void> {
  const [user, other] = [await newUser(t, server, 'desk'), await newUser(t, server, 'flood')]
  const daemon = new Daemon(t, config(user, { timeout: 60, debug: 'yes' }))
  const accounts = ['desk', 'gateway']
  for (const account of accounts) await daemon.logged(new RegExp(`\\[${account}\\] Connected`))

  const session = await login(t, other)
  const floods = [`${user.jid}/desk`, server.component].map(to => flood(session, to))
  const writing = accounts.map(account => write(t, daemon, account, other.jid))
  for (const account of accounts) {
    const received = await daemon.rx('xmpp', 'receive', account, other.jid, '10')
    t.match(received, { exit: 0, out: /^grüße 日本 🙂 x+\n$/ }, `${account} is in the midst of it`)
  }
  await kill(server)
  await Promise.all(floods)
  for (const account of accounts) await daemon.logged(new RegExp(`\\[${account}\\] lost the connection to `))
  t.ok(daemon.alive)

  await start(server)
  for (const account of accounts) await daemon.logged(new RegExp(`\\[${account}\\] Connected`), 2)
  t.pass('both are back by themselves')
  for (const replies of await Promise.all(writing.map(({ stop }) => stop()))) {
    const odd = replies.filter(({ exit, err }) => exit !== 0 && !notConnected.test(err))
    t.strictSame(odd, [], 'whoever wrote meanwhile was told')
    t.ok(replies.length > 0)
  }
  await leaves(t, daemon)
}

/**
 * A session that cannot be resumed, since its server has forgotten it: what was not acknowledged is sent again in the next one, under the
 * same id, and whoever waits for an answer is told that there will be none.
 */
async function forgotten(t: Test, server: LiveServer): Promise<void> {
  const [user, other] = [await newUser(t, server, 'kept'), await newUser(t, server, 'other')]
  const proxy = await TcpProxy.start(t, server)
  const client = new KeptClient(t, user, { port: proxy.port })
  await client.until('online')
  // Only now it is sure to be enabled.
  client.say('before')
  await client.hears(t, 'before')
  const first = client.session
  const to = `${other.jid}/same`
  proxy.blackhole(true)
  const ids = Array.from({ length: 50 }, (_, number) => `lost ${number}`)
  for (const id of ids) client.say(id, to)
  const asked = sendPing(first, undefined)
  asked.catch(() => {})
  await kill(server)
  await start(server)
  const listener = new KeptClient(t, other)
  await listener.until('online')

  proxy.cut()
  proxy.blackhole(false)
  const [, again] = await client.until('online', 2)
  const [lost] = client.all('offline')
  t.match(lost?.error, { code: 'XMPP_CONNECTION_LOST' })
  t.ok(lost?.kept === first, 'it was to be resumed')
  t.equal(again?.resumed, false)
  t.ok(client.session !== first, 'and is another one')
  await rejects(t, asked, { code: 'XMPP_STREAM_ENDED' }, 'there is no answer')
  const heard = await listener.until('message', ids.length)
  t.strictSame(
    heard.map(({ stanza }) => stanza.attrs.id),
    ids,
    'all has arrived, under the ids it had',
  )
  t.strictSame(client.all('failed'), [])
}

/** A server that goes and comes back: what is said meanwhile arrives. */
async function shutDown(t: Test, server: LiveServer): Promise<void> {
  const client = new KeptClient(t, await newUser(t, server, 'kept'))
  await client.until('online')
  client.say('before')
  await client.hears(t, 'before')
  await stop(server)
  const [lost] = await client.until('offline')
  // Prosody ends its connections without a word.
  const last = { name: 'StreamError', condition: 'system-shutdown', by: 'peer' }
  t.match(lost?.error, server.name === 'prosody' ? { code: 'XMPP_CONNECTION_LOST' } : last)
  t.ok(lost?.kept === client.session)
  t.ok((lost?.retryIn ?? 0) <= 1000, 'it tries again soon')
  client.say('meanwhile')
  await start(server)
  await client.until('online', 2)
  client.say('after')
  // What was not acknowledged before the end comes again.
  const ids = (await client.until('message', events => events.some(({ stanza }) => stanza.attrs.id === 'after'))).map(
    ({ stanza }) => stanza.attrs.id,
  )
  t.strictSame([...new Set(ids)], ['before', 'meanwhile', 'after'])
  t.strictSame(client.all('failed'), [])
}

/** Writes messages for as long as there is a connection. */
async function flood(session: Session, to: string): Promise<void> {
  const { stream } = session
  const body = `grüße 日本 🙂 ${'x'.repeat(1000)}`
  while (stream.writable) {
    await session.send(session.stanza('message', { to, type: 'chat' }, el('body', stream.ns, {}, body)))
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** Has the daemon send one message after the other until it is stopped. */
function write(t: Test, daemon: Daemon, account: string, to: string): { stop: () => Promise<Reply[]> } {
  let going = true
  const replies: Reply[] = []
  const work = (async () => {
    while (going) replies.push(await daemon.rx('xmpp', 'send', account, to, 'grüße 日本 🙂'))
  })()
  const stop = async () => {
    going = false
    await work
    return replies
  }
  t.teardown(stop)
  return { stop }
}

/** It ends as it should, and nothing went wrong that nobody expected. */
async function leaves(t: Test, daemon: Daemon): Promise<void> {
  daemon.signal('SIGTERM')
  t.strictSame(await daemon.ended, { code: 0, signal: null })
  t.equal(daemon.out, '')
  t.notMatch(daemon.log, /^\s+at |unhandled|node:internal|(Type|Range|Reference)Error|\(node:\d+\)/im)
  t.equal(daemon.count(/ ERROR /), 0)
}
