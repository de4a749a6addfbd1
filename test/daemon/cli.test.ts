import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { VERSION } from '../../src/version.ts'
import { account, daemon, place, SECRET, written } from './place.ts'
import { type Finished, run, start } from './program.ts'

t.test('help, version and mistakes in calling it', async t => {
  const cases: [args: string[], code: number, stream: 'out' | 'err', text: RegExp][] = [
    [[], 0, 'out', /^Usage: res-xmpp COMMAND/],
    [['--help'], 0, 'out', /^Usage: res-xmpp COMMAND/],
    [['--version'], 0, 'out', new RegExp(`^${VERSION.replaceAll('.', '\\.')}\n$`)],
    [['run', '--help'], 0, 'out', /^Usage: res-xmpp run/],
    [['rx', '--help'], 0, 'out', /^Usage: res-xmpp rx/],
    [['check', '-h'], 0, 'out', /^Usage: res-xmpp check/],
    [['sample', '--help'], 0, 'out', /^Usage: res-xmpp sample/],
    [['sample'], 0, 'out', /^; xmpp\.conf[\s\S]*\n\[account\]\(!\)\n[\s\S]*\n;secret = /],
    [['sample', 'word'], 2, 'err', /word[\s\S]*Usage: res-xmpp sample/],
    [['loopback', '--help'], 0, 'out', /^Usage: res-xmpp loopback/],
    [['dance'], 2, 'err', /no command dance\nUsage:/],
    [['constructor'], 2, 'err', /no command constructor/],
    [['run', '--nosuch'], 2, 'err', /--nosuch[\s\S]*Usage: res-xmpp run/],
    [['run', 'word'], 2, 'err', /word[\s\S]*Usage: res-xmpp run/],
    [['run', '--control'], 2, 'err', /Usage: res-xmpp run/],
    [['check', '--nosuch'], 2, 'err', /Usage: res-xmpp check/],
    [['check', '-c'], 2, 'err', /Usage: res-xmpp check/],
    [['rx'], 2, 'err', /needs a command\nUsage: res-xmpp rx/],
    [['rx', '--nosuch', 'x'], 2, 'err', /no option --nosuch[\s\S]*Usage: res-xmpp rx/],
    [['rx', '--control'], 2, 'err', /Usage: res-xmpp rx/],
  ]
  const results = await Promise.all(cases.map(([args]) => run(t, args)))
  for (const [at, [args, code, stream, text]] of cases.entries()) {
    const result = results[at] as Finished
    const what = `res-xmpp ${args.join(' ')}`
    t.equal(result.code, code, what)
    t.match(result[stream], text, what)
    t.equal(result[stream === 'out' ? 'err' : 'out'], '', what)
    t.notMatch(result.err, /\n {4}at /, `${what}: no stack`)
  }
})

t.test('check', async t => {
  const { dir, conf, write, server } = await place(t)
  const check = (...more: string[]): Promise<Finished> => run(t, ['check', '-c', conf, ...more])

  await t.test('nothing wrong', async t => {
    t.strictSame(await check(), { code: 0, signal: null, out: `${conf}: 1 account, nothing wrong\n`, err: '' })
  })
  await t.test('--print shows what is in effect, secrets masked', async t => {
    const { code, out } = await check('--print')
    t.equal(code, 0)
    t.match(out, /^\[general\]\n[\s\S]*\n\[asterisk\]\n/)
    for (const line of ['username = juliet@example.com/balcony', 'usetls = yes', `port = ${server.port}`]) {
      t.ok(out.split('\n').includes(line), line)
    }
    t.match(out, /^secret = \*+$/m)
    t.notMatch(out, SECRET)
  })
  await t.test('five different mistakes', async t => {
    write(`[general]
debug=no
[a]
username=a@example.com
secret=${written}
serverhost=127.0.0.1
usrname=b
port=70000
[b]
username=@example.com
secret=${written}
serverhost=127.0.0.1
status=dancing
[c]
username=c@example.com
serverhost=127.0.0.1
`)
    const { code, out } = await check()
    t.equal(code, 1)
    const errors = out.split('\n').filter(line => line.includes(': error: '))
    t.equal(errors.length, 5)
    t.strictSame(
      errors.map(line => line.slice(0, line.indexOf(': error'))),
      [7, 8, 10, 13, 14].map(line => `${conf}:${line}`),
    )
    for (const [at, text] of [/username/, /70000/, /username/, /dancing/, /secret/].entries()) t.match(errors[at], text)
    t.notMatch(out, SECRET)

    const printed = await check('--print')
    t.equal(printed.code, 1)
    t.notMatch(printed.out, SECRET)
  })
  await t.test('a warning is no error', async t => {
    write(account(server, 'sendtodialplan=yes'))
    const { code, out } = await check()
    t.equal(code, 0)
    t.match(out, `${conf}:7: warning: [asterisk] sendtodialplan: `)
  })
  await t.test('no such file', async t => {
    const missing = join(dir, 'none.conf')
    const { code, out, err } = await run(t, ['check', '-c', missing])
    t.equal(code, 1)
    t.ok(`${out}${err}`.startsWith(`${missing}: error: `), 'named')
  })
  await t.test('what stands in the file cannot forge lines or move the cursor', async t => {
    write(`${account(server)}[e\u001b[2J\u202e]\n`)
    const { code, out } = await check('--print')
    t.equal(code, 1)
    t.match(out, '\\x1b')
    t.match(out, '\\u{202e}')
    t.match(out, /^[\x20-\x7e\n]*$/)
  })
})

t.test('a secret from a file or the environment, and #exec, in the daemon', async t => {
  const here = await place(t)
  const { dir, conf, control, write, server, rx } = here
  const secret = join(dir, 'pw')
  writeFileSync(secret, `${SECRET}\n`, { mode: 0o600 })
  const text = account(server, "#exec echo 'secret_file = pw'").replace(/^secret=.*\n/m, '')
  write(text)
  const args = ['run', '-c', conf, '--control', control]
  await t.test('from a file that a program names', async t => {
    const program = start(t, [...args, '--execincludes'])
    await program.line(/Connected as/)
    t.match((await rx('xmpp', 'reload')).out, 'nothing has changed')
    writeFileSync(secret, 'another')
    t.match((await rx('xmpp', 'reload')).out, /^\[asterisk\] changed: secret_file \(connects again\)$/m)
    await program.line(/check username at .*:2 and secret_file at .*xmpp\.conf:\d+: #exec echo…:1/)
    program.child.kill('SIGTERM')
    t.equal((await program.finished).code, 0)
    t.notMatch(program.err, /another|pa55/)
  })
  await t.test('not without --execincludes', async t => {
    const { code, err } = await run(t, args)
    t.equal(code, 1)
    t.match(err, /WARNING .*"#exec" is ignored.*\n.*ERROR|ERROR .*\n.*"#exec" is ignored/)
  })
  await t.test('from the environment', async t => {
    write(text.replace(/#exec.*/, 'secret_env = XMPP_PW'))
    const program = start(t, args, { XMPP_PW: SECRET })
    await program.line(/Connected as/)
    program.child.kill('SIGTERM')
    t.equal((await program.finished).code, 0)
    t.match(await run(t, args), { code: 1, err: /secret_env: there is no environment variable XMPP_PW here/ })
  })
})

t.test('what keeps it from starting', async t => {
  const here = await place(t)
  const { dir, write, server, control, conf } = here
  const fails = async (pattern: RegExp, ...more: string[]): Promise<void> => {
    const { code, err } = await daemon(t, here, ...more).finished
    t.equal(code, 1, `${pattern}`)
    t.match(err, pattern)
    t.notMatch(err, /\n {4}at /)
    t.notOk(existsSync(control))
  }
  await t.test('--strict and any error', async t => {
    const mistake = `${account(server)}[bad]\nusername=b@example.com\n`
    write(mistake)
    await fails(/ERROR .*:8: \[bad\] secret: [\s\S]*ERROR .*not started because of errors/, '--strict')
    const program = daemon(t, here)
    await program.line(/ERROR .*\[bad\] secret: /)
    await program.line(/ERROR \[bad\] is left out/)
    await program.line(/Connected as/)
    program.child.kill('SIGTERM')
    t.match(await program.finished, { code: 0 })
  })
  await t.test('no account', async () => {
    write('[general]\n')
    await fails(/ERROR .*there is no account/)
  })
  await t.test('no file', async t => {
    const { code, err } = await run(t, ['run', '-c', join(dir, 'none'), '--control', control])
    t.equal(code, 1)
    t.match(err, `ERROR ${join(dir, 'none')}: `)
  })
  await t.test('a file where the socket belongs', async t => {
    write(account(server))
    writeFileSync(control, 'precious')
    const { code, err } = await daemon(t, here).finished
    t.equal(code, 1)
    t.match(err, /is there already and is no socket/)
    t.equal(readFileSync(control, 'utf8'), 'precious')
  })
  await t.test('settings that are missing or wrong', async t => {
    const settings = join(dir, 'res-xmpp.conf')
    t.match(await run(t, ['run', '-c', conf, '--settings', settings]), { code: 1, err: /settings cannot be read/ })
    writeFileSync(settings, '[limits]\nstanza_bytes=1\n[daemon]\nnosuch=1\n')
    const { code, err } = await run(t, ['run', '-c', conf, '--settings', settings])
    t.equal(code, 1)
    t.match(err, `${settings}:2: error: `)
    t.match(err, `${settings}:4: error: `)
  })
})

t.test('rx: a reader that takes its time gets all there is', async t => {
  const { dir } = await place(t)
  const out = 'x'.repeat(8_000_000)
  const control = join(dir, 'long.sock')
  const server = createServer(
    socket => void socket.on('error', () => {}).end(JSON.stringify({ exit: 5, out, err: '' })),
  )
  server.listen(control)
  t.teardown(() => server.close())
  const { child, finished } = start(t, ['rx', '--control', control, 'x'])
  child.stdout.pause()
  const [connection] = (await once(server, 'connection')) as [Socket]
  await once(connection.resume(), 'close')
  child.stdout.resume()
  const { code, out: got } = await finished
  t.equal(got.length, out.length)
  t.equal(code, 5)
})
