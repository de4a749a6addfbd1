import t from 'tap'
import { describeAccount, formatProblem, loadConfig, mask } from '../../src/config/index.ts'
import { reasonOf } from '../../src/daemon/hints.ts'
import { XmppError } from '../../src/errors.ts'
import { memory } from './memory.ts'

const top = '/etc/asterisk/xmpp.conf'
const start = '[a]\nusername=a@x\nserverhost=h\n'

function load(
  lines: string,
  files: Readonly<Record<string, string | Uint8Array>> = {},
  modes: Record<string, number> = {},
) {
  const source = { ...memory({ ...files, [top]: lines }), mode: (path: string) => modes[path] }
  const env = { PW: 'from the environment', EMPTY: '', BELL: 'hunter\u0007' }
  const { accounts, problems } = loadConfig(top, source, { env })
  const found = problems.map(({ severity, code, line, option }) => `${severity} ${code}@${line} ${option}`)
  return { accounts, account: accounts[0], found, text: problems.map(formatProblem).join('\n') }
}

t.test('secret_file', async t => {
  const cases: [content: string | Uint8Array, secret: string][] = [
    ['tick', 'tick'],
    ['tick\n', 'tick'],
    ['tick\r\n', 'tick'],
    [' #"tick;tock\\; \n', ' #"tick;tock\\; '],
    ['grüße 😀\n', 'grüße 😀'],
    ['x'.repeat(65_536), 'x'.repeat(65_536)],
  ]
  for (const [content, secret] of cases) {
    const { account, found } = load(`${start}secret_file=pw`, { '/etc/asterisk/pw': content })
    t.strictSame(
      [account?.secret, account?.secret_file, found],
      [secret, 'pw', []],
      JSON.stringify(secret).slice(0, 40),
    )
  }
  const absolute = load(`${start}secret_file=/run/pw`, { '/run/pw': 's' })
  t.equal(absolute.account?.secret, 's')
  // Of a component the secret is anything; a client's must suit SASLprep.
  const component = '[a]\nusername=c.x\ntype=component\nserverhost=127.0.0.1\nsecret_file=/pw'
  for (const [content, secret] of [
    ['a\n\n', 'a\n'],
    ['a\n\r\n', 'a\n'],
    ['a\r', 'a\r'],
    ['\n\n', '\n'],
  ]) {
    t.equal(load(component, { '/pw': content as string }).account?.secret, secret, 'one line end goes and no more')
  }
})

t.test('a secret_file that is none', async t => {
  const bad: [content: string | Uint8Array | undefined, words: RegExp][] = [
    [undefined, /"\/etc\/asterisk\/pw" cannot be read: it does not exist/],
    ['', /"\/etc\/asterisk\/pw" is empty/],
    ['\n', /is empty/],
    ['\r\n', /is empty/],
    [`hunter${'2'.repeat(65_536)}`, /too large/],
    ['hunter\x002', /NUL/],
    [Buffer.from('hunter\xe9', 'latin1'), /not UTF-8/],
    [Buffer.from('hunter\xc3', 'latin1'), /not UTF-8/],
  ]
  for (const [content, words] of bad) {
    const files = content === undefined ? undefined : { '/etc/asterisk/pw': content }
    const { accounts, found, text } = load(`${start}secret_file=pw`, files)
    t.strictSame([accounts, found], [[], ['error bad-secret-file@4 secret_file']], `${words}`)
    t.match(text, words)
    t.notMatch(text, /hunter/)
  }
  t.match(load(`${start}secret_file=`).text, /secret_file: it names no file/)
  const bell = load(`${start}secret_file=pw`, { '/etc/asterisk/pw': 'hunter\u0007\n' })
  t.strictSame(bell.found, ['error bad-value@4 secret_file'])
  t.match(bell.text, /secret_file: U\+0007/)
})

t.test('secret_env', async t => {
  const { account, found } = load(`${start}secret_env=PW`)
  t.strictSame([account?.secret, account?.secret_env, found], ['from the environment', 'PW', []])
  const bad: [name: string, code: string, words: RegExp][] = [
    ['NONE', 'bad-secret-env', /there is no environment variable NONE here/],
    ['EMPTY', 'bad-secret-env', /the environment variable EMPTY is empty/],
    ['', 'bad-secret-env', /names no environment variable/],
    ['toString', 'bad-secret-env', /there is no environment variable/],
    ['__proto__', 'bad-secret-env', /there is no environment variable/],
    ['hunter2!', 'bad-secret-env', /there is no environment variable of that name/],
    ['BELL', 'bad-value', /secret_env: U\+0007/],
  ]
  for (const [name, code, words] of bad) {
    const { accounts, found, text } = load(`${start}secret_env=${name}`)
    t.strictSame([accounts, found], [[], [`error ${code}@4 secret_env`]], name)
    t.match(text, words, name)
    t.notMatch(text, /hunter/, name)
  }
  t.strictSame(
    loadConfig(top, memory({ [top]: `${start}secret_env=PATH` })).accounts,
    [],
    'the environment is an argument',
  )
})

t.test('one place for a secret', async t => {
  const files = { '/etc/asterisk/pw': 's' }
  const rows: [lines: string, want: string[]][] = [
    ['secret=s\nsecret_file=pw', ['error contradiction@5 secret_file']],
    ['secret_file=pw\nsecret_env=PW', ['error contradiction@4 secret_file']],
    ['secret_env=PW\nsecret=s', ['error contradiction@4 secret_env']],
    [
      'secret=s\nsecret_env=PW\nsecret_file=pw',
      ['error contradiction@5 secret_env', 'error contradiction@6 secret_file'],
    ],
  ]
  for (const [lines, want] of rows) {
    const { accounts, found } = load(`${start}${lines}`, files)
    t.strictSame([accounts, found], [[], want], lines)
  }
})

t.test('a secret from elsewhere is one', async t => {
  const files = { '/etc/asterisk/pw': 's' }
  for (const line of ['secret_file=pw', 'secret_env=PW']) {
    const option = line.split('=')[0] as string
    t.equal(load(`${start}${line}\nsasl_mechanisms=SCRAM-SHA-1`, files).accounts.length, 1, 'for mechanisms')
    t.equal(load(`${start}${line}\nusesasl=no`, files).accounts.length, 1, 'for XEP-0078')
    const component = `[c]\ntype=component\nusername=c.x\nserverhost=127.0.0.1\n${line}`
    t.equal(load(component, files).accounts.length, 1, 'for a component')
    const token = load(`${start}${line}\nrefresh_token=r\noauth_clientid=i\noauth_secret=o`, files)
    t.match(token.text, `${option} is given as well and is not used`)
    const { account } = load(`${start}${line}`, files)
    if (account === undefined) return t.fail('no account')
    const described = describeAccount(account)
    t.strictSame(
      described.filter(([name]) => name.startsWith('secret')),
      [[option, line.split('=')[1]]],
      'what is printed is where it is',
    )
    t.notMatch(JSON.stringify(described), /from the environment/)
    const refused = new XmppError('XMPP_SASL', 'no', { condition: 'not-authorized' })
    const text = reasonOf(refused, account, 'words', text => text)
    t.match(text, `; check username at ${top}:2 and ${option} at ${top}:4`, 'the hint names it')
  }
  const { account } = load(`${start}secret=s`)
  t.ok(account && describeAccount(account).some(([name, value]) => name === 'secret' && value === mask))
})

t.test('files with secrets that everyone can read', async t => {
  const files = {
    '/etc/asterisk/pw': 's',
    '/etc/asterisk/x': 'oauth_secret=o\n',
    '/etc/asterisk/y': 'buddy=b@x\nsecret=\n',
  }
  const text = `[t](!)\nstatus=away\nsecret=s\n[a](t)\nusername=a@x\nserverhost=h\n[b](t)\nusername=b@x\nserverhost=h\nsecret=t\n`
  const open = (mode: number, ...paths: string[]) => Object.fromEntries(paths.map(path => [path, mode]))
  for (const mode of [0o600, 0o640, 0o660, 0o751]) t.strictSame(load(text, {}, open(mode, top)).found, [], `${mode}`)
  const once = load(text, {}, open(0o644, top))
  t.strictSame(once.found, ['warning risk@3 secret'], 'once, where the first secret is')
  t.match(
    once.text,
    /warning: \[t\] secret: everyone on this machine can read the secrets in it \(mode 644\), .*chmod o=/,
  )
  t.equal(once.accounts.length, 2)
  const empty = load(`[t](!)\nsecret=\n${start}secret_file=pw`, files, open(0o644, top))
  t.strictSame(empty.found, [], 'an empty one is none')
  const apart = load(`${start}secret_file=pw\n`, files, open(0o604, top, '/etc/asterisk/pw'))
  t.strictSame(apart.found, ['warning risk@4 secret_file'], 'the configuration itself holds none')
  const included = load(
    `${start}refresh_token=r\noauth_clientid=i\n#include x\n`,
    files,
    open(0o644, top, '/etc/asterisk/x'),
  )
  t.strictSame(included.found, ['warning risk@4 refresh_token', 'warning risk@1 oauth_secret'], 'each file of several')
})
