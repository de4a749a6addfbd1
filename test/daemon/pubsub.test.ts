/** `res-xmpp pubsub` and `[pubsub]`: the service as somebody runs it. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { connectClient } from '../../src/client.ts'
import type { Session } from '../../src/session.ts'
import { el } from '../../src/stream/element.ts'
import { type Loopback, startLoopback } from '../../src/testing/index.ts'
import { publish } from '../../src/xep/0060-items.ts'
import { createNode } from '../../src/xep/0060-nodes.ts'
import { createCollection, createLeaf } from '../../src/xep/0248-collections.ts'
import { account, SECRET } from './place.ts'
import { directory, run, start } from './program.ts'

const SERVICE = 'nodes.example.com'
/** A secret, and nobody's. */
const HUSH = 'hush "hush;'

async function setUp(t: Test): Promise<{ server: Loopback; dir: string; secret: string; control: string }> {
  const server = await startLoopback({ users: { 'juliet@example.com': SECRET }, components: { [SERVICE]: HUSH } })
  t.teardown(() => server.stop())
  const dir = directory(t)
  const secret = join(dir, 'secret')
  writeFileSync(secret, `${HUSH}\n`, { mode: 0o600 })
  return { server, dir, secret, control: join(dir, 's') }
}

async function juliet(t: Test, { port, ca }: Loopback): Promise<Session> {
  const jid = 'juliet@example.com/balcony'
  const session = await connectClient({ jid, password: SECRET, host: '127.0.0.1', port, ca })
  t.teardown(() => session.close())
  session.run().catch(() => {})
  return session
}

t.test('a service, its console, and a second life', async t => {
  const { server, dir, secret, control } = await setUp(t)
  const store = join(dir, 'store')
  const place = ['--domain', SERVICE, '--port', `${server.componentPort}`, '--control', control]
  const args = ['pubsub', ...place, '--secret-file', secret, '--store', store]
  const rx = (...argv: string[]) => run(t, ['rx', '--control', control, ...argv])
  const first = start(t, args)
  t.match(
    await first.line(/keeps its nodes in/),
    `[${SERVICE}] the PubSub service keeps its nodes in ${store}: there are none yet`,
  )
  t.match(await first.line(/attached/), `attached to 127.0.0.1 port ${server.componentPort} (no TLS)`)
  const session = await juliet(t, server)
  await createCollection(session, SERVICE, 'device_state')
  await createLeaf(session, SERVICE, 'Custom:lobby', 'device_state')
  await publish(session, SERVICE, 'Custom:lobby', [{ payload: el('state', 'http://asterisk.org', {}, 'INUSE') }])
  await createNode(session, SERVICE, 'alone\u009b2J')
  const done = { code: 0, signal: null, err: '' }
  t.strictSame(await rx('pubsub', 'list'), {
    ...done,
    out: `device_state  (collection, 1 node, 0 subscriptions)\nCustom:lobby  (leaf, 1 item, 0 subscriptions)\nalone\\x9b2J  (leaf, 0 items, 0 subscriptions)\n3 nodes\n`,
  })
  t.match(await rx('pubsub list device_state'), { ...done, out: /^Custom:lobby .*\n1 node\n$/ })
  t.match(await rx('pubsub', 'list', 'Custom:lobby'), { code: 1, err: "the node 'Custom:lobby' is no collection\n" })
  t.match(await rx('pubsub', 'show', 'nosuch'), { code: 1, err: "there is no node 'nosuch'\n" })
  const shown = await rx('pubsub', 'show', 'Custom:lobby')
  t.match(
    shown.out,
    /^Node: Custom:lobby\nType: leaf\nCreated: \S+ by juliet@example.com\nIn: device_state\nItems: 1, \d+ bytes\n/,
  )
  t.match(shown.out, /\n {4}juliet@example.com {2}owner\n/)
  t.notMatch(shown.out, /children/)
  const json = JSON.parse((await rx('--json', 'pubsub', 'show', 'device_state')).out)
  t.match(json, { name: 'device_state', children: ['Custom:lobby'], affiliations: { 'juliet@example.com': 'owner' } })
  t.match(JSON.parse((await rx('--json', 'pubsub stats')).out), {
    service: SERVICE,
    attached: true,
    nodes: 3,
    items: 1,
  })
  t.match(await rx('xmpp', 'show', 'connections'), { code: 1, err: /^No such command/ })
  t.strictSame(await rx('pubsub', 'delete', 'alone\u009b2J'), { ...done, out: '' })
  first.child.kill('SIGTERM')
  t.match(await first.finished, { code: 0, signal: null })
  await server.waitFor(SERVICE, false)

  const second = start(t, args, { RES_XMPP_PUBSUB_SECRET: 'another one' })
  await second.line(/keeps its nodes in .*: 2 nodes, 1 items, 0 subscriptions/)
  await second.line(/attached/)
  const other = await run(t, [...args, '--control', join(dir, 's2')])
  t.match(other, { code: 1, err: /another process|in use|has it/i }, 'one at a time')
  second.child.kill('SIGKILL')
  await second.finished
  const third = start(t, args)
  await third.line(/attached/)
  t.notMatch(first.err + second.err + other.err + third.err, 'hush')
  t.notOk(readdirSync(store).some(name => name.endsWith('.damaged')))
})

t.test('options that make no sense', async t => {
  const { secret } = await setUp(t)
  const domain = ['--domain', SERVICE]
  for (const [args, message] of [
    [[], /--domain is missing/],
    [[...domain, '--port', '0', '--secret-file', secret], /--port takes a number from 1 to 65535/],
    [[...domain, '--tls', 'starttls', '--secret-file', secret], /--tls takes direct or never/],
    [[...domain, 'word'], /an argument that belongs to no option/],
    [domain, /the secret that it shares with its server is missing/],
    [[...domain, '--secret', HUSH, '--secret-file', secret], /which one is it/],
    [[...domain, '--secret-file', `${secret}.not`], /secret\.not.* cannot be read: there is no such file/],
    [[...domain, '--secret-file', secret, '--host', 'xmpp.example.com'], /is not this machine: choose TLS/],
    [[...domain, '--secret-file', secret, '--admin', 'a@b@c'], /admins: /],
    [['--domain', 'juliet@example.com', '--secret-file', secret], /is no domain/],
    [[...domain, '--secret-file', secret, '--nodes-per-owner', 'many'], /--nodes-per-owner takes a number/],
  ] as const) {
    const { code, err } = await run(t, ['pubsub', ...args])
    t.equal(code, 2, args.join(' '))
    t.match(err, message)
    t.notMatch(err, 'hush')
  }
})

t.test('what the server says of a wrong secret', async t => {
  const { server, control } = await setUp(t)
  const place = ['--domain', SERVICE, '--port', `${server.componentPort}`, '--control', control]
  const program = start(t, ['pubsub', ...place], { RES_XMPP_PUBSUB_SECRET: 'not the one' })
  t.match(await program.line(/WARNING/), /not attached: the server refuses the secret; trying again in \d+ s/)
  program.child.kill('SIGTERM')
  t.match(await program.finished, { code: 0 })
})

t.test('over TLS, with a certificate that is its domain’s', async t => {
  const { server, dir, secret, control } = await setUp(t)
  const ca = join(dir, 'ca.pem')
  writeFileSync(ca, server.ca)
  const place = ['--domain', SERVICE, '--port', `${server.componentTlsPort}`, '--control', control, '--tls', 'direct']
  const trusting = start(t, ['pubsub', ...place, '--secret-file', secret, '--tls-cafile', ca])
  await trusting.line(/attached to 127\.0\.0\.1 port \d+ \(TLSv1\.3\)/)
  trusting.child.kill('SIGTERM')
  await trusting.finished
  const doubting = start(t, ['pubsub', ...place, '--secret-file', secret])
  t.match(await doubting.line(/not attached/), /certificate/)
})

t.test('in the daemon, whose account uses it', async t => {
  const { server, dir, control } = await setUp(t)
  writeFileSync(join(dir, 'ca.pem'), server.ca)
  const conf = join(dir, 'xmpp.conf')
  const general = '[general]\ncollection_nodes=yes\npubsub_autocreate=yes\n'
  const lines = `distribute_events=yes\npubsub_node=${SERVICE}`
  writeFileSync(conf, `${general}${account(server, lines)}`, { mode: 0o600 })
  const settings = join(dir, 'res-xmpp.conf')
  const pubsub = `[pubsub]\ndomain=${SERVICE}\nport=${server.componentPort}\nsecret_file=secret\nstore=nodes\n`
  writeFileSync(settings, `[events]\neid=02:00:00:00:00:01\n${pubsub}`)
  const program = start(t, ['run', '-c', conf, '--settings', settings, '--control', control])
  await program.line(/keeps its nodes in .*\/nodes: there are none yet/)
  await program.line(/states are shared at nodes\.example\.com/)
  const rx = (...argv: string[]) => run(t, ['rx', '--control', control, ...argv])
  t.match(await rx('xmpp', 'device', 'set', 'Custom:lobby', 'INUSE'), { code: 0 })
  t.match(await rx('pubsub', 'show', 'device_state'), { code: 0, out: /Type: collection/ })
  program.child.kill('SIGTERM')
  t.match(await program.finished, { code: 0 })
  const again = start(t, ['run', '-c', conf, '--settings', settings, '--control', control])
  // What its account has said when it left is kept.
  t.match(await again.line(/keeps its nodes in/), /: 3 nodes, 1 items, \d subscriptions/)
  again.child.kill('SIGTERM')
  t.match(await again.finished, { code: 0 })

  writeFileSync(settings, `[pubsub]\ndomain=${SERVICE}\n`)
  t.match(await run(t, ['run', '-c', conf, '--settings', settings, '--control', control]), {
    code: 1,
    err: /ERROR \[pubsub\] in the settings: the secret that it shares with its server is missing/,
  })
})
