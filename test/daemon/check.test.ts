import { chmodSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { check } from '../../src/daemon/check.ts'
import { files, runProgram } from '../../src/daemon/files.ts'
import type { Io } from '../../src/daemon/io.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'

t.test('a private key on the disk that everyone can read', async t => {
  const { cert, key } = makeCertificate({ names: ['pbx.example'], purpose: 'client' })
  const lines = 'username=a@example.com\nsecret=hunter2\nserverhost=h\ntls_certfile=own.pem\ntls_keyfile=own.key\n'
  const directory = t.testdir({ 'own.pem': cert, 'own.key': key, 'xmpp.conf': `[a]\n${lines}` })
  const run = async (): Promise<{ code: number; text: string }> => {
    let text = ''
    const io = {
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

/** Runs `check` on an xmpp.conf and files beside it. */
async function checked(t: Test, contents: Record<string, string>, ...argv: string[]) {
  const directory = t.testdir(contents)
  for (const name of Object.keys(contents)) chmodSync(join(directory, name), 0o600)
  const printed: string[] = []
  const stdout = (more: string): void => void printed.push(more)
  const io = { env: { PW: 'from the environment' }, stdout } as unknown as Io
  const code = await check([join(directory, 'xmpp.conf'), ...argv], io)
  const out = printed.join('').replaceAll(directory, '')
  return { code, out, json: () => JSON.parse(out) }
}

const good = 'username=a@example.com\nserverhost=h\nsecret_file=pw\n'

t.test('--print --json: what the file says and what is in effect', async t => {
  const text = `[t](!)\nbuddy=b@x\nx\n[a](t)\n${good}Priority=0x10\nbuddy=b\u001b@x\n[b](t)\n${good}`
  const { code, out, json } = await checked(t, { 'xmpp.conf': text, pw: 'hunter2\n' }, '--print', '--json')
  t.equal(code, 1, 'an error does not keep it from being printed')
  t.match(out, /^[\x20-\x7e]+\n$/, 'one line')
  t.notMatch(out, /hunter2/)
  const own = (line: number) => [
    ['username', 'a@example.com', '/xmpp.conf', line],
    ['serverhost', 'h', '/xmpp.conf', line + 1],
    ['secret_file', 'pw', '/xmpp.conf', line + 2],
  ]
  const inherited = ['buddy', 'b@x', '/xmpp.conf', 2]
  const { sections, accounts, problems, ...rest } = json()
  t.strictSame(rest, {})
  t.strictSame(sections, [
    { name: 't', template: true, entries: [inherited] },
    {
      name: 'a',
      template: false,
      entries: [inherited, ...own(5), ['Priority', '0x10', '/xmpp.conf', 8], ['buddy', 'b\u001b@x', '/xmpp.conf', 9]],
    },
    { name: 'b', template: false, entries: [inherited, ...own(11)] },
  ])
  t.strictSame(Object.keys(accounts), ['b'], 'accounts in error are left out')
  t.match(accounts.b, {
    type: 'client',
    priority: 1,
    usetls: true,
    autoprune: false,
    buddy: ['b@x'],
    secret_file: 'pw',
  })
  t.notOk('secret' in accounts.b)
  const { message, ...first } = problems[0]
  t.strictSame(first, {
    severity: 'warning',
    code: 'no-equals',
    file: '/xmpp.conf',
    line: 3,
    section: 't',
    option: null,
  })
  t.type(message, 'string')
  t.match(problems, [{}, { severity: 'error', code: 'bad-value', line: 9, section: 'a', option: 'buddy' }])
  t.equal(problems.length, 2)
})

t.test('--json: secrets are masked in "accounts", and exact in "sections"', async t => {
  const text = '[__proto__]\nusername=a@example.com\nserverhost=h\nsecret= #"hunter\\;2 \n'
  const { code, out, json } = await checked(t, { 'xmpp.conf': text }, '--print', '--json')
  t.equal(code, 0)
  t.equal(out.match(/hunter/g)?.length, 1)
  const { sections, accounts, problems } = json()
  t.strictSame(sections[0].entries[2], ['secret', '#"hunter;2', '/xmpp.conf', 4])
  t.strictSame([Object.keys(accounts), problems], [['__proto__'], []])
  t.equal(accounts['__proto__' as string].secret, '********')
})

t.test('--json of a file that is rejected, or not there', async t => {
  const rejected = await checked(t, { 'xmpp.conf': `[a]\n${good}[b\n`, pw: 's' }, '--print', '--json')
  t.equal(rejected.code, 1)
  t.match(rejected.json(), {
    sections: [],
    accounts: {},
    problems: [{ code: 'file-rejected', line: 5, section: null }],
  })
  t.strictSame([rejected.json().sections, Object.keys(rejected.json().accounts)], [[], []])
  const none = await checked(t, { other: '' }, '--json')
  t.match([none.code, none.json()], [1, { problems: [{ code: 'file-rejected', file: '/xmpp.conf', line: 0 }] }])
  t.strictSame(Object.keys(none.json()), ['problems'], 'without --print the problems alone')
})

t.test('--syntax-only is for any file of Asterisk', async t => {
  const text = '[transport](!)\ntype = transport\n[udp](transport)\nbind=0.0.0.0\nx\n'
  const printed = await checked(t, { 'xmpp.conf': text }, '--syntax-only', '--print')
  t.strictSame(printed.code, 0)
  t.match(printed.out, /^\/xmpp.conf:5: warning: \[udp\] /)
  t.match(printed.out, '\n[transport](!)\ntype = transport\n\n[udp]\ntype = transport\nbind = 0.0.0.0\n')
  const { code, json } = await checked(t, { 'xmpp.conf': text }, '--syntax-only', '--print', '--json')
  t.strictSame([code, json().accounts, json().sections.length, json().problems.length], [0, {}, 2, 1])
  const clean = await checked(t, { 'xmpp.conf': '[a]\nb=c\n' }, '--syntax-only')
  t.strictSame([clean.code, clean.out], [0, '/xmpp.conf: 1 section, nothing wrong\n'])
  t.equal((await checked(t, { 'xmpp.conf': '[a\n' }, '--syntax-only')).code, 1)
})

t.test('a secret in the environment of whoever checks', async t => {
  const text = '[a]\nusername=a@example.com\nserverhost=h\nsecret_env='
  t.equal((await checked(t, { 'xmpp.conf': `${text}PW` })).code, 0)
  t.match(await checked(t, { 'xmpp.conf': `${text}QW` }), { code: 1, out: /secret_env: .*QW/ })
})

t.test('#exec is run with --execincludes alone', async t => {
  const text = `[a]\n${good}#exec printf 'priority=%s\\n' 7\n`
  const off = await checked(t, { 'xmpp.conf': text, pw: 's' }, '--print')
  t.match(off, {
    code: 0,
    out: /^\/xmpp.conf:5: warning: \[a\] "#exec" is ignored.*--execincludes\n[\s\S]*\npriority = 1\n/,
  })
  const on = await checked(t, { 'xmpp.conf': text, pw: 's' }, '--print', '--execincludes')
  t.match(on, { code: 0, out: /^\[general\]\n[\s\S]*\npriority = 7\n/ })
  const failing = await checked(t, { 'xmpp.conf': text.replace(/printf.*/, 'exit 3 ; x'), pw: 's' }, '--execincludes')
  t.match(failing, {
    code: 1,
    out: /^\/xmpp.conf:5: warning: \[a\] #exec exit…: it has printed nothing\n\/xmpp.conf:5: error: \[a\] #exec exit…: it has failed with exit code 3\n$/,
  })
  const killed = await checked(t, { 'xmpp.conf': text.replace(/printf.*/, 'kill -9 $$$$'), pw: 's' }, '--execincludes')
  t.match(killed, {
    code: 1,
    out: /^\/xmpp.conf:5: error: .*#exec kill… prints cannot be included: it was ended by SIGKILL/,
  })
})

t.test('what a command prints', async t => {
  const printed = (command: string, time?: number) => {
    const result = runProgram(command, time)
    if ('failure' in result) return result.failure
    const said = [result.error, result.warning].filter(text => text !== undefined)
    return `${Buffer.from(result.output)}|${said.join('; ')}`
  }
  t.equal(printed('echo a=1; printf "%s" "c=\u00e9"'), 'a=1\nc=\u00e9|')
  const errors = 'it has written 8 bytes to its standard error, which are not read'
  t.equal(printed('echo a=1; echo hunter2 >&2'), `a=1\n|${errors}`)
  t.equal(printed('true'), '|it has printed nothing')
  t.equal(printed('echo a=1; exit 3'), 'a=1\n|it has failed with exit code 3')
  t.match(
    printed('/nonexistent/program'),
    /exit code 127, which a shell gives for what it does not find; it has written/,
  )
  t.equal(printed('kill -9 $$'), 'it was ended by SIGKILL')
  t.match(printed('while :; do echo 0123456789; done'), /^it prints more than 1048576 bytes$/)
  t.match(printed('while :; do echo 0123456789 >&2; done'), /^it prints more than 1048576 bytes$/)
  t.equal(printed('cat'), '|it has printed nothing', 'nobody types anything into it')
})

t.test('a command that takes too long is ended, with all it has started', async t => {
  const directory = t.testdir({})
  const result = runProgram(`(echo $$ > ${join(directory, 'pid')}; exec sleep 60) & sleep 60`, 300)
  t.strictSame(result, { failure: 'it has not ended after 0.3 s' })
  const group = Number(readFileSync(join(directory, 'pid'), 'utf8'))
  // Killed they are, but the system may take a moment over it.
  while (running(group)) await setTimeout(5)
  t.pass('nobody of its group runs any more')
})

t.test('only regular files are read', async t => {
  const directory = t.testdir({ file: 'x', link: t.fixture('symlink', 'file') })
  t.equal(`${files.read(join(directory, 'link'))}`, 'x')
  for (const path of [directory, '/dev/null', '/dev/zero']) t.equal(files.read(path), undefined, path)
  t.equal(files.whyNot?.('/dev/zero'), 'it is no regular file')
  t.equal(files.whyNot?.(directory), 'it is a directory')
  t.equal(files.whyNot?.(join(directory, 'none')), 'there is no such file')
})

/** Whether a process of the group is more than a zombie. */
function running(group: number): boolean {
  const left = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        return [
          readFileSync(`/proc/${pid}/stat`, 'latin1')
            .replace(/^.*\) /s, '')
            .split(' '),
        ]
      } catch {
        return []
      }
    })
  return left.some(([state, , pgrp]) => Number(pgrp) === group && state !== 'Z')
}
