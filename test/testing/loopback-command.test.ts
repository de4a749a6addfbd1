import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { connectClient } from '../../src/client.ts'
import { connectComponent } from '../../src/component.ts'
import { loopback } from '../../src/daemon/loopback.ts'
import { discoInfo, discoItems } from '../../src/xep/0030-disco.ts'

const zero = ['--port=0', '--direct-port=0', '--component-port', '0', '--component-tls-port=0']

/** Runs the subcommand; `ready` has the line it says, or undefined when it ended without one. */
function run(...argv: string[]) {
  const said = { out: '', err: '' }
  const controller = new AbortController()
  let heard = (_line: string | undefined): void => {}
  const ready = new Promise<string | undefined>(resolve => {
    heard = resolve
  })
  const stdout = (text: string) => {
    said.out += text
    heard(text)
  }
  const stderr = (text: string) => {
    said.err += text
  }
  const code = loopback(argv, { stdout, stderr, signal: controller.signal })
  void code.then(() => heard(undefined))
  return { said, code, ready, stop: () => controller.abort() }
}

t.test('it serves until it is told to end', async t => {
  const file = join(t.testdir(), 'ca.pem')
  const users = ['--user', 'alice@x.example:pass:word', '--user=bob@x.example:p2']
  const it = run(
    ...zero,
    ...users,
    '--component',
    'pbx.example:se:cret',
    '--component=im.example:cret',
    '--cert-out',
    file,
  )
  const line = await it.ready
  const form = /^READY host=127\.0\.0\.1 port=(\d+) direct-port=(\d+) component-port=(\d+) component-tls-port=(\d+)\n$/
  const ports = form.exec(line ?? '')
  t.ok(ports)
  const [port, direct, component, tls] = (ports ?? []).slice(1).map(Number) as [number, number, number, number]
  const ca = await readFile(file, 'utf8')
  const host = '127.0.0.1'
  const alice = await connectClient({ host, port, ca, jid: 'alice@x.example/a', password: 'pass:word' })
  const bob = await connectClient({ host, port: direct, tls: 'direct', ca, jid: 'bob@x.example', password: 'p2' })
  const pbx = await connectComponent({ host, port: component, domain: 'pbx.example', secret: 'se:cret' })
  const im = await connectComponent({ host, port: tls, tls: 'direct', ca, domain: 'im.example', secret: 'cret' })
  await t.rejects(connectClient({ host, port, ca, jid: 'alice@x.example', password: 'pass' }))
  const ended = Promise.allSettled([alice, bob, pbx, im].map(session => session.run()))
  it.stop()
  t.equal(await it.code, 0)
  for (const { status } of await ended) t.equal(status, 'rejected', 'system-shutdown')
  t.match(it.said.err, /alice@x\.example\/a is connected/)
  t.notMatch(it.said.out + it.said.err, /pass|word|p2|cret/)
})

t.test('a PubSub service for each --pubsub', async t => {
  const it = run(...zero, '--user', 'alice@x.example:pw', '--pubsub', 'a.example', '--pubsub=b.example')
  const port = Number(/ port=(\d+)/.exec((await it.ready) ?? '')?.[1])
  const session = await connectClient({
    host: '127.0.0.1',
    port,
    jid: 'alice@x.example/a',
    password: 'pw',
    verify: false,
  })
  const running = session.run().catch(() => {})
  t.strictSame(
    (await discoItems(session, 'x.example')).map(({ jid }) => jid),
    ['a.example', 'b.example'],
  )
  t.match(await discoInfo(session, 'b.example'), { identities: [{ category: 'pubsub', type: 'service' }] })
  it.stop()
  t.equal(await it.code, 0)
  await running
})

t.test('what makes no sense is said, with the usage and exit 2, and never with a password', async t => {
  for (const [argv, message] of [
    [['--port', '65536'], /--port takes a number from 0 to 65535/],
    [['--direct-port', 'x'], /--direct-port takes a number/],
    [['--component-port='], /--component-port takes a number/],
    [['--component-tls-port=-1'], /--component-tls-port takes a number/],
    [['--nonsense'], /nonsense/],
    [['--nonsense=a@x:hush'], /nonsense/],
    [['--user'], /--user/],
    [['--user', '--port'], /--user/],
    [['--user', 'alice@x.example'], /--user takes JID:PASSWORD/],
    [['--user', ':hush'], /--user takes JID:PASSWORD/],
    [['--user', 'alice@x.example:'], /--user takes JID:PASSWORD/],
    [['--user', 'alice@x.example', 'hush'], /belongs to no option/],
    [['--user', 'alice:hush'], /a user is local@domain/],
    [['--user', 'alice@@x:hush'], /malformed JID/],
    [['--user', 'a@x:hush', '--user', 'a@x:hush2'], /names a@x twice/],
    [['--user', 'a@x:hush', '--user', 'A@x:hush2'], /given twice/],
    [['--component', 'a@x:hush'], /a component is a domain/],
    [['--component', 'x'], /--component takes DOMAIN:SECRET/],
    [['--user', 'a@x:hush', '--component', 'x:hush'], /x has users/],
    [['--pubsub'], /--pubsub/],
    [['--pubsub', 'a@x'], /a PubSub service is a domain/],
    [['--pubsub', 'x', '--pubsub', 'x'], /x is given twice/],
    [['--component', 'x:hush', '--pubsub', 'x'], /x is a component/],
  ] as const) {
    const it = run(...argv)
    t.equal(await it.code, 2, argv.join(' '))
    t.match(it.said.err, message)
    t.match(it.said.err, /Usage: res-xmpp loopback/)
    t.notMatch(it.said.err, /hush/)
    t.equal(it.said.out, '')
  }
})

t.test('a port that is taken, a file that cannot be written', async t => {
  const first = run(...zero)
  const port = /port=(\d+)/.exec((await first.ready) ?? '')?.[1] ?? ''
  const second = run(...zero, `--port=${port}`)
  t.equal(await second.code, 1)
  t.match(second.said.err, /EADDRINUSE/)
  const third = run(...zero, '--cert-out', join(t.testdir(), 'none', 'ca.pem'))
  t.equal(await third.code, 1)
  t.match(third.said.err, /ENOENT/)
  t.equal(third.said.out, '')
  first.stop()
  t.equal(await first.code, 0)
})
