import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { connectClient } from '../../src/client.ts'
import { check } from '../../src/daemon/check.ts'
import { files } from '../../src/daemon/files.ts'
import type { Io } from '../../src/daemon/io.ts'
import { el } from '../../src/stream/element.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { NS_ROSTER } from '../../src/xep/roster.ts'

t.test('a private key on the disk that everyone can read', async t => {
  const { cert, key } = makeCertificate({ names: ['pbx.example'], purpose: 'client' })
  const lines = 'username=a@example.com\nsecret=hunter2\nserverhost=h\ntls_certfile=own.pem\ntls_keyfile=own.key\n'
  const directory = t.testdir({ 'own.pem': cert, 'own.key': key, 'xmpp.conf': `[a]\n${lines}` })
  const run = async (): Promise<{ code: number; text: string }> => {
    let text = ''
    const io = {
      env: {},
      stdout: (more: string) => {
        text += more
      },
    } as Io
    const code = await check([join(directory, 'xmpp.conf'), '--print'], io)
    return { code, text }
  }
  chmodSync(join(directory, 'xmpp.conf'), 0o600)
  chmodSync(join(directory, 'own.key'), 0o640)
  t.equal(files.mode?.(join(directory, 'own.key')), 0o640)
  const good = await run()
  t.equal(good.code, 0)
  t.notMatch(good.text, /warning/)
  t.match(good.text, /\ntls_certfile = own\.pem\ntls_keyfile = own\.key\n/)
  t.notOk(good.text.includes(key.split('\n')[1] as string), 'the key itself is not printed')
  t.notMatch(good.text, /hunter2/)

  chmodSync(join(directory, 'own.key'), 0o644)
  const bad = await run()
  t.equal(bad.code, 0)
  t.match(bad.text, /xmpp\.conf:6: warning: \[a\] tls_keyfile: everyone on this machine can read the private key/)
  t.equal(files.mode?.(join(directory, 'none')), undefined)
})

/** What a check of files in a directory prints, the first of them; and its exit code. */
async function checked(
  t: Test,
  contents: Record<string, string>,
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
) {
  const directory = t.testdir(contents)
  for (const name of Object.keys(contents)) chmodSync(join(directory, name), 0o600)
  const path = join(directory, Object.keys(contents)[0] as string)
  let out = ''
  const io = { env, stdout: (more: string) => (out += more), stderr: () => {} } as unknown as Io
  const code = await check([path, ...argv], io)
  return { code, out, path, directory }
}

t.test('--print --json: the file as it is read, what it comes to, and what is wrong', async t => {
  const text = `[general]
debug=yes
[t](!)
secret=hunter\\;2
priority=0x10
[a](t)
username=a@example.com
buddy=b@example.com
buddy=c@example.com
[b]
usrname = x
username=b@example.com
__proto__="true"
secret=s
secret_env=S
`
  const { code, out, path } = await checked(t, { 'xmpp.conf': text }, ['--print', '--json'])
  t.equal(code, 1)
  t.equal(out.indexOf('\n'), out.length - 1, 'one line')
  const { sections, accounts, problems, ...more } = JSON.parse(out)
  t.strictSame(more, {})
  t.strictSame(sections, [
    { name: 'general', template: false, entries: [['debug', 'yes', path, 2]] },
    {
      name: 't',
      template: true,
      entries: [
        ['secret', 'hunter;2', path, 4],
        ['priority', '0x10', path, 5],
      ],
    },
    {
      name: 'a',
      template: false,
      entries: [
        ['secret', 'hunter;2', path, 4],
        ['priority', '0x10', path, 5],
        ['username', 'a@example.com', path, 7],
        ['buddy', 'b@example.com', path, 8],
        ['buddy', 'c@example.com', path, 9],
      ],
    },
    {
      name: 'b',
      template: false,
      entries: [
        ['usrname', 'x', path, 11],
        ['username', 'b@example.com', path, 12],
        ['__proto__', '"true"', path, 13],
        ['secret', 's', path, 14],
        ['secret_env', 'S', path, 15],
      ],
    },
  ])
  t.strictSame(Object.keys(accounts), ['a'], 'one with an error is left out')
  t.match(accounts.a, { username: 'a@example.com', secret: '********', priority: 16, usetls: true, debug: true })
  t.strictSame(accounts.a.buddy, ['b@example.com', 'c@example.com'])
  t.strictSame(
    problems.map((problem: Record<string, unknown>) => [problem.severity, problem.code, problem.line, problem.option]),
    [
      ['error', 'unknown-option', 11, 'usrname'],
      ['error', 'unknown-option', 13, '__proto__'],
      ['error', 'contradiction', 15, 'secret_env'],
    ],
  )
  t.strictSame(Object.keys(problems[0]), ['severity', 'code', 'file', 'line', 'section', 'option', 'message'])
  t.notMatch(JSON.stringify([accounts, problems]), /hunter/)
})

t.test('--json of a file that is rejected, and of one without any account', async t => {
  const rejected = await checked(t, { 'xmpp.conf': 'a=1\n[b]\nusername=b@x\nsecret=s\n' }, ['--json', '--print'])
  t.equal(rejected.code, 1)
  t.match(JSON.parse(rejected.out), {
    sections: { length: 0 },
    accounts: {},
    problems: [{ code: 'file-rejected', line: 1, section: null, option: null }],
  })
  const empty = await checked(t, { 'xmpp.conf': '[general]\n' }, ['--json'])
  t.equal(empty.code, 1)
  t.strictSame(Object.keys(JSON.parse(empty.out)), ['problems'])
  t.match(JSON.parse(empty.out), { problems: [{ code: 'no-account' }] })
})

t.test('--syntax-only is for any file of Asterisk', async t => {
  const text = '[transport-udp](!)\ntype=transport\n[udp](transport-udp)\nbind=0.0.0.0 ; x\n'
  const { code, out, path } = await checked(t, { 'pjsip.conf': text }, ['--syntax-only', '--print', '--json'])
  t.equal(code, 0)
  t.strictSame(JSON.parse(out), {
    sections: [
      { name: 'transport-udp', template: true, entries: [['type', 'transport', path, 2]] },
      {
        name: 'udp',
        template: false,
        entries: [
          ['type', 'transport', path, 2],
          ['bind', '0.0.0.0', path, 4],
        ],
      },
    ],
    accounts: {},
    problems: [],
  })
  const plain = await checked(t, { 'pjsip.conf': text }, ['--syntax-only'])
  t.strictSame([plain.code, plain.out], [0, `${plain.path}: the syntax, nothing wrong\n`])
  const printed = await checked(t, { 'pjsip.conf': text }, ['--syntax-only', '--print'])
  t.equal(printed.out, '[transport-udp](!)\ntype = transport\n\n[udp]\ntype = transport\nbind = 0.0.0.0\n')
  t.equal((await checked(t, { 'x.conf': '[a' }, ['--syntax-only'])).code, 1)
})

t.test('#exec runs only when it is asked for', async t => {
  const line = "#exec echo username=a@example.com; echo 'secret=it works' >&2; echo $((40 + 2))=x\n"
  const text = `[a]\n${line.replaceAll(';', '\\;')}serverhost=h\n`
  const refused = await checked(t, { 'xmpp.conf': text }, ['--json', '--print', '--syntax-only'])
  t.equal(refused.code, 0)
  t.match(JSON.parse(refused.out), {
    sections: [{ entries: [['serverhost']] }],
    problems: [{ code: 'exec-refused', line: 2 }],
  })
  const run = await checked(t, { 'xmpp.conf': text }, ['--json', '--print', '--syntax-only', '--execincludes'])
  const { sections, problems } = JSON.parse(run.out)
  t.strictSame(problems, [])
  t.match(sections[0].entries, [
    ['username', 'a@example.com', /^#exec echo/, 1],
    ['secret', 'it works', /^#exec echo/, 2],
    ['42', 'x', /^#exec echo/, 3],
    ['serverhost', 'h', run.path, 3],
  ])
  const failed = await checked(t, { 'xmpp.conf': '[a]\n#exec echo b=1\\; exit 3\n#exec\n' }, [
    '--json',
    '--syntax-only',
    '--execincludes',
  ])
  t.match(JSON.parse(failed.out).problems, [
    { code: 'exec', line: 2, message: /ended with status 3/ },
    { code: 'no-argument', line: 3 },
  ])
  const large = await checked(t, { 'xmpp.conf': '[a]\n#exec yes\n' }, ['--json', '--syntax-only', '--execincludes'])
  t.equal(large.code, 1)
  t.match(JSON.parse(large.out).problems, [
    { code: 'file-rejected', line: 2, message: /"yes" could not be run: it printed more than 1048576 bytes/ },
  ])
})

t.test('secret_env is looked up in the environment', async t => {
  const contents = { 'xmpp.conf': '[a]\nusername=a@example.com\nsecret_env=PW\n' }
  t.equal((await checked(t, contents, [], { PW: 'x' })).code, 0)
  const { code, out } = await checked(t, contents, [])
  t.equal(code, 1)
  t.match(out, /:3: error: \[a\] secret_env: the environment variable PW is not set/)
})

t.test('what does not go together', async t => {
  await t.rejects(checked(t, { x: '' }, ['--roster', 'a', '--print']), { message: '--roster goes with --json alone' })
  await t.rejects(checked(t, { x: '' }, ['y']), { message: 'one file at a time' })
})

t.test('--roster shows whom autoprune would remove, beside a daemon that is connected', async t => {
  const server = await startLoopback({ users: { 'juliet@example.com': 'secret' }, starttls: 'none' })
  t.teardown(() => server.stop())
  const other = await connectClient({
    jid: 'juliet@example.com/balcony',
    password: 'secret',
    host: '127.0.0.1',
    port: server.port,
    tls: 'never',
  })
  const running = other.run()
  for (const jid of ['romeo@example.com', 'nurse@example.com']) {
    await other.iq(
      'set',
      undefined,
      el('query', NS_ROSTER, {}, el('item', NS_ROSTER, { jid, name: jid.split('@')[0] })),
    )
  }
  const lines = `username=juliet@example.com/balcony\nsecret=secret\nserverhost=127.0.0.1\nport=${server.port}\nusetls=no\n`
  const contents = {
    'xmpp.conf': `[a]\n${lines}buddy=Romeo@example.com\n[b]\ntype=component\nusername=b.x\nsecret=x\nserverhost=127.0.0.1\n`,
  }
  const text = await checked(t, contents, ['--roster', 'A'])
  t.strictSame(
    [text.code, text.out],
    [
      0,
      `[a] contacts in the roster: 2
autoprune=yes would remove: 1
  nurse@example.com (subscription none, "nurse")
named by buddy and kept: 1
  romeo@example.com (subscription none, "romeo")
`,
    ],
  )
  const json = await checked(t, contents, ['--roster', 'a', '--json'])
  t.match(JSON.parse(json.out), {
    account: 'a',
    autoprune: false,
    remove: [{ jid: 'nurse@example.com' }],
    keep: [{ jid: 'romeo@example.com' }],
  })
  t.strictSame(server.connected, ['juliet@example.com/balcony'], 'the other one is there still, and the check is gone')
  t.equal((await checked(t, contents, ['--roster', 'b'])).code, 1)
  t.equal((await checked(t, contents, ['--roster', 'nosuch'])).code, 1)
  const wrong = { 'xmpp.conf': contents['xmpp.conf'].replace('=secret', '=hunter2') }
  const refused = await checked(t, wrong, ['--roster', 'a', '--json'])
  t.equal(refused.code, 1)
  t.match(JSON.parse(refused.out), { account: 'a', error: /not-authorized/ })
  await other.close()
  await running
})
