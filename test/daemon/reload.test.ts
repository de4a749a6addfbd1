import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { account, daemon, place } from './place.ts'
import { type Finished, run, start } from './program.ts'

t.test('reload', async t => {
  const here = await place(t)
  const { server, write, conf, rx } = here
  const program = daemon(t, here)
  await program.line(/Connected as/)
  const shown = async (): Promise<string> => (await rx('xmpp', 'show', 'connections')).out

  await t.test('SIGHUP with an error: the old configuration stays, and it says so', async t => {
    write(`${account(server, 'priority=1000')}\n${account(server, 'username=romeo@example.com\nsecret=love', 'new')}`)
    program.child.kill('SIGHUP')
    t.match(await program.line(/ERROR/), `${conf}:7: [asterisk] priority: `)
    t.match(await program.line(/ERROR/), /not reloaded because of errors; the running configuration stays/)
    t.match(await shown(), 'Number of clients: 1')
    const { code, out } = await rx('xmpp', 'reload')
    t.equal(code, 1)
    t.match(out, `${conf}:7: error: [asterisk] priority: `)
    t.match(out, 'the running configuration stays')
  })
  await t.test('a file that has gone', async t => {
    write(account(server))
    renameSync(conf, `${conf}.away`)
    t.match(await rx('xmpp', 'reload'), { code: 1, out: /the running configuration stays/ })
    renameSync(`${conf}.away`, conf)
    t.match(await shown(), 'Connected')
  })
  await t.test('SIGHUP: added, changed, removed', async t => {
    write(account(server, 'status=away') + account(server, 'username=romeo@example.com\nsecret=love', 'new'))
    program.child.kill('SIGHUP')
    await program.line(/NOTICE reload: \[asterisk\] changed: status$/)
    await program.line(/\[new\] Connected as romeo@example.com/)
    t.match(await shown(), 'Number of clients: 2')
    write(account(server, 'status=away'))
    t.match(await rx('xmpp', 'reload'), { code: 0, out: '[new] removed\n' })
    t.match(await shown(), 'Number of clients: 1')
    t.match(await rx('xmpp', 'reload'), { code: 0, out: 'nothing has changed\n' })
  })
  await t.test('several at once', async t => {
    write(account(server, 'status=dnd') + account(server, 'username=romeo@example.com\nsecret=love', 'new'))
    const replies = await Promise.all([rx('xmpp', 'reload'), rx('xmpp', 'reload'), rx('xmpp', 'reload')])
    for (const { code } of replies) t.equal(code, 0)
    t.equal(replies.filter(({ out }) => out.includes('[new] added')).length, 1)
  })
  program.child.kill('SIGTERM')
  t.match(await program.finished, { code: 0 })
})

t.test('the settings file: each setting has its effect', async t => {
  const here = await place(t, server => account(server, 'timeout=600'))
  const { dir, server } = here
  const settings = join(dir, 'res-xmpp.conf')
  writeFileSync(
    settings,
    '[daemon]\nconfig = xmpp.conf\ncontrol = other.sock\ntimestamps = no\n[limits]\nstanza_bytes = 70000\ninbox_messages = 3\ninbox_bytes = 65536\n',
  )
  const program = start(t, ['run', '--settings', settings])
  const rx = (...argv: string[]): Promise<Finished> => run(t, ['rx', `--control=${join(dir, 'other.sock')}`, ...argv])
  const receive = (...more: string[]): Promise<Finished> =>
    rx('xmpp', 'receive', 'asterisk', 'romeo@example.com', ...more)
  t.match(await program.line(/NOTICE/), /^NOTICE res-xmpp/, 'timestamps, config, control')
  await program.line(/^NOTICE \[asterisk\] Connected/)
  /** All in one piece, so that they arrive together. */
  const say = (...bodies: string[]): number => {
    const messages = bodies.map(body => `<message from='romeo@example.com/r'><body>${body}</body></message>`)
    return server.send('juliet@example.com', messages.join(''))
  }

  await t.test('inbox_messages', async t => {
    say('1', '2', '3', '4', '5')
    await program.line(/too many messages are held/)
    const bodies = [(await receive('5')).out, (await receive('5')).out, (await receive('5')).out]
    t.strictSame(bodies, ['3\n', '4\n', '5\n'])
    t.match(await receive('0'), { code: 1 })
  })
  await t.test('inbox_bytes', async t => {
    const large = 'x'.repeat(40_000)
    say(`a${large}`, `b${large}`, 'end')
    t.match(await receive('5'), { out: /^b/ })
    t.match(await receive('5'), { out: 'end\n' })
  })
  await t.test('stanza_bytes', async t => {
    say('x'.repeat(60_000))
    t.match(await receive('5'), { code: 0 })
    say('x'.repeat(71_000))
    t.match(await program.line(/lost the connection/), /policy-violation/)
  })
  program.child.kill('SIGTERM')
  t.match(await program.finished, { code: 0 })
})
