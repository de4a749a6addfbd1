import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { askControl } from '../../src/daemon/control.ts'
import { VERSION } from '../../src/version.ts'
import { login, script } from '../account/setting.ts'
import { listen } from '../helper/listen.ts'
import { account, daemon, place, SECRET, written } from './place.ts'
import { directory, run, start } from './program.ts'

t.test('a day in the life of a daemon', async t => {
  const here = await place(t, server => account(server, 'buddy=romeo@example.com\ndebug=yes\ntimeout=60'))
  const { server, rx, control, conf } = here
  const program = daemon(t, here)
  const first = await program.line(/NOTICE res-xmpp/)
  t.match(first, `res-xmpp ${VERSION}: 1 account from ${conf}, control socket ${control}`)
  t.match(
    await program.line(/Connected as/),
    `NOTICE [asterisk] Connected as juliet@example.com/balcony at 127.0.0.1 port ${server.port} (TLSv1.3, SCRAM-SHA-512)`,
  )
  t.equal(statSync(control).mode & 0o777, 0o600)

  await t.test('rx: commands, texts and exit codes', async t => {
    const connections = `Jabber Users and their status:\n       [asterisk] juliet@example.com/balcony     - Connected\n----\n   Number of clients: 1\n`
    const done = { code: 0, signal: null, out: connections, err: '' }
    t.strictSame(await rx('xmpp', 'show', 'connections'), done)
    t.strictSame(await rx('xmpp show connections'), done, 'in one argument')
    t.strictSame(await rx('xmpp status asterisk romeo@example.com'), { ...done, out: '6\n' })
    t.strictSame(await rx('xmpp', 'status', 'nosuch', 'romeo@example.com'), {
      code: 1,
      signal: null,
      out: '',
      err: "Unable to find client 'nosuch'!\n",
    })
    t.match(await rx('xmpp', 'show'), { code: 1, err: /^'xmpp show' is the beginning of xmpp show connections, / })
    t.match(await rx('xmpp', 'shows'), { code: 1, err: /^No such command/ })
    t.match(await rx('xmpp', 'set', 'debug'), { code: 2, err: /^Usage: / })
    const json = await rx('--json', 'xmpp', 'show', 'connections')
    t.match(JSON.parse(json.out), [
      {
        account: 'asterisk',
        jid: 'juliet@example.com/balcony',
        state: 'Connected',
        mechanism: 'SCRAM-SHA-512',
        tls: { version: 'TLSv1.3', verified: true },
        lastError: null,
      },
    ])
  })

  await t.test('messages both ways, argument boundaries and all', async t => {
    const sent: string[] = []
    const received = new Promise<void>(resolve => {
      server.onStanza = stanza => {
        if (stanza.name !== 'message') return undefined
        sent.push(stanza.childText('body') ?? '')
        resolve()
        return []
      }
    })
    t.match(await rx('xmpp', 'send', 'asterisk', 'romeo@example.com', ' two  blanks\n', '-c', ''), { code: 0, out: '' })
    await received
    server.onStanza = undefined
    t.strictSame(sent, [' two  blanks\n -c '])

    const waiting = rx('xmpp', 'receive', 'asterisk', 'romeo@example.com')
    const body = `  verbatim\t${'ü😀'.repeat(20_000)}&#10;\u009b31m `
    await here.server.waitFor('juliet@example.com')
    server.send('juliet@example.com', `<message from='romeo@example.com/r'><body>${body}</body></message>`)
    const { code, out, err } = await waiting
    t.strictSame([code, err], [0, ''])
    t.ok(out === `${body.replace('&#10;', '\n')}\n`, 'as it was sent, whole')
    t.match(await rx('xmpp', 'receive', 'asterisk', 'romeo@example.com', '0.01'), { code: 1, out: '', err: '' })
  })

  await t.test('what peers say cannot forge a line of the log', async t => {
    server.send(
      'juliet@example.com',
      `<presence from='romeo@example.com/r'><status>x&#10;2026-01-01T00:00:00.000Z NOTICE [asterisk] forged\u009b2J\u202e</status></presence>`,
    )
    const line = await program.line(/NOTICE \[asterisk\] romeo@example\.com\/r is available/)
    t.match(line, 'is available (x\\x0a2026-01-01T00:00:00.000Z NOTICE [asterisk] forged\\x9b2J\\u{202e})')
    t.notMatch(program.err, /^\S+ NOTICE \[asterisk\] forged/m)
  })

  await t.test('a lost connection is said and mended', async t => {
    t.equal(server.drop('juliet@example.com'), 1)
    t.match(
      await program.line(/WARNING \[asterisk\]/),
      /lost the connection to example\.com at 127\.0\.0\.1 port \d+: .*; trying again in \d\.\d s$/,
    )
    t.match(await program.line(/Connected as/), /SCRAM-SHA-512; session resumed\)$/)
  })

  await t.test('a second daemon on the same socket is refused, and the first stays', async t => {
    const { code, err } = await daemon(t, here).finished
    t.equal(code, 1)
    t.match(err, /ERROR another daemon is running/)
    t.match(await rx('xmpp', 'show', 'connections'), { code: 0 })
  })

  await t.test('SIGTERM: leaves politely, exits 0, takes its socket along', async t => {
    let polite = false
    server.onStanza = stanza => {
      polite ||= stanza.name === 'presence' && stanza.attrs.type === 'unavailable'
    }
    const argv = ['xmpp', 'receive', 'asterisk', 'romeo@example.com', '60']
    const waiting = askControl(control, { argv, json: false })
    // Asked later and answered: so the one before is being worked for.
    await rx('help')
    const began = performance.now()
    program.child.kill('SIGTERM')
    t.match(await program.finished, { code: 0, signal: null, out: '' })
    t.ok(performance.now() - began < 2000, 'and does not dawdle')
    t.ok(polite)
    t.notOk(existsSync(control))
    t.match(await waiting, { exit: 1, out: '', err: /account asterisk was stopped/ }, 'who waits is told')
    t.match(await rx('help'), { code: 3, out: '', err: /no daemon answers at/ })
  })

  await t.test('the log: a line an event, and no secret in it with debug on', async t => {
    t.match(program.err, /<--- XMPP sent to 'asterisk' --->\n<authenticate [\s\S]*\[masked\]/)
    t.match(program.err, /<--- XMPP received from 'asterisk' --->\n<success [\s\S]*\[masked\]/)
    const scram = /c=[a-z0-9+/=]+,r=|,p=|\bv=|biws/i
    for (const text of [SECRET, written, Buffer.from(SECRET).toString('base64')]) t.notMatch(program.err, text)
    t.notMatch(program.err, scram)
    for (const line of program.err.trimEnd().split('\n')) {
      if (/^(<|>)/.test(line)) continue
      t.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (NOTICE|WARNING|ERROR) /)
    }
  })
})

t.test('PLAIN in clear: no secret in the log either', async t => {
  const { port, accept } = await script(t)
  const dir = directory(t)
  const conf = join(dir, 'xmpp.conf')
  writeFileSync(
    conf,
    `[general]\ndebug=yes\n[a]\nusername=juliet@example.com/balcony\nsecret=secret\nserverhost=127.0.0.1\nport=${port}\nusetls=no\n`,
  )
  const program = start(t, ['run', '-c', conf, '--control', join(dir, 's')])
  const { play, socket } = await accept()
  await play(login())
  await program.line(/Connected as/)
  t.match(program.err, /WARNING \[a\] the password was sent in clear/)
  t.match(program.err, "mechanism='PLAIN'>[masked]</auth>")
  t.notMatch(program.err, 'AGp1bGlldABzZWNyZXQ=')

  // This server answers nothing more: the daemon must not wait for it for ever.
  const began = performance.now()
  program.child.kill('SIGTERM')
  await program.line(/leaving/)
  // Some wrappers send it once more; that is no reason to leave the socket behind.
  program.child.kill('SIGTERM')
  program.child.kill('SIGINT')
  t.match(await program.finished, { code: 0 })
  t.ok(performance.now() - began < 5000, `${Math.round(performance.now() - began)} ms`)
  t.notOk(existsSync(join(dir, 's')))
  socket.destroy()
})

t.test('a refused login is said with its condition and where to look, never with the secret', async t => {
  const here = await place(t, server => account(server).replace(written, 'wr0ng-secret'))
  const program = daemon(t, here)
  const line = await program.line(/WARNING/)
  t.match(line, /refused the login as juliet@example\.com\/balcony: not-authorized/)
  t.match(line, `check username at ${here.conf}:2 and secret at ${here.conf}:3`)
  const seconds = Number(/trying again in (\d+) s/.exec(line)?.[1])
  t.ok(seconds >= 60, 'and it does not try again soon')
  t.notMatch(program.err, 'wr0ng-secret')
  // In the middle of its long wait it still leaves at once.
  program.child.kill('SIGINT')
  t.match(await program.finished, { code: 0 })
})

t.test('the socket in $XDG_RUNTIME_DIR, found by both', async t => {
  const { dir, conf } = await place(t)
  const env = { XDG_RUNTIME_DIR: dir }
  const program = start(t, ['run', '-c', conf], env)
  await program.line(/Connected as/)
  t.ok(existsSync(join(dir, 'res-xmpp.sock')))
  t.match(await run(t, ['rx', 'xmpp', 'show', 'connections'], env), { code: 0, out: /Connected/ })
  program.child.kill('SIGTERM')
  await program.finished
})

t.test('SIGTERM while nothing is connected yet', async t => {
  // A listener that never says a word.
  const { port } = await listen(t, () => {})
  const dir = directory(t)
  const conf = join(dir, 'xmpp.conf')
  writeFileSync(conf, `[a]\nusername=a@example.com\nsecret=s3cr3t-word\nserverhost=127.0.0.1\nport=${port}\n`)
  const program = start(t, ['run', '-c', conf, '--control', join(dir, 's')])
  await program.line(/NOTICE res-xmpp/)
  const began = performance.now()
  program.child.kill('SIGTERM')
  t.match(await program.finished, { code: 0 })
  t.ok(performance.now() - began < 3000)
  t.notOk(existsSync(join(dir, 's')))
})
