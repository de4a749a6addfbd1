import { createPrivateKey } from 'node:crypto'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import {
  type AccountConfig,
  describeAccount,
  formatProblem,
  type LoadOptions,
  loadConfig,
} from '../../src/config/index.ts'
import { mechanismNames } from '../../src/config/mechanisms.ts'
import { mechanisms } from '../../src/sasl/index.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'
import { cpuTime } from '../helper/cpu.ts'
import { certificate, memory } from './memory.ts'

const top = '/etc/asterisk/xmpp.conf'

const load = (text: string, files: Readonly<Record<string, string>> = {}, options: LoadOptions = {}) =>
  loadConfig(top, memory({ ...files, [top]: text }), options)

/** The account of a file whose first four lines are a good client, and `severity code@line option` of every problem. */
function client(lines: string, files: Readonly<Record<string, string>> = {}) {
  const { accounts, problems } = load(
    `[a]\nusername=alice@example.com\nsecret=s\nserverhost=127.0.0.1\n${lines}`,
    files,
  )
  return { account: accounts[0], problems: problems.map(short) }
}

/** Likewise a component, on this machine unless a line says otherwise. */
function component(lines: string) {
  const { accounts, problems } = load(
    `[c]\ntype=component\nusername=comp.example.com\nsecret=s\nserverhost=127.0.0.1\n${lines}`,
  )
  return { account: accounts[0], problems: problems.map(short) }
}

const short = (problem: ReturnType<typeof load>['problems'][number]): string =>
  `${problem.severity} ${problem.code}@${problem.line}${problem.option === undefined ? '' : ` ${problem.option}`}`

/** `t.match`, but lists must be as long as wanted: for `t.match` every list fits an empty one. */
function fits(t: Test, found: unknown, want: unknown, message = 'fits'): void {
  t.match(found, want, message)
  t.strictSame(lengths(found, want), lengths(want, want), `${message}: length of lists`)
}

function lengths(found: unknown, want: unknown): unknown {
  if (typeof want !== 'object' || want === null || want instanceof RegExp) return 0
  const parts = Object.entries(want).map(([key, value]) => lengths((found as Record<string, unknown>)?.[key], value))
  return Array.isArray(want) ? [(found as unknown[])?.length, parts] : parts
}

t.test('defaults of a client', async t => {
  const { accounts, general, problems, fatal } = load(
    '[a]\nusername=alice@example.com\nsecret=s\nserverhost=xmpp.example.com\n',
  )
  t.strictSame(problems, [])
  t.equal(fatal, false)
  t.strictSame(general, {
    autoregister: true,
    auth_policy: 'accept',
    autoprune: false,
    collection_nodes: false,
    pubsub_autocreate: false,
    debug: false,
  })
  t.strictSame(accounts, [
    {
      name: 'a',
      file: top,
      line: 1,
      places: {
        username: { file: top, line: 2 },
        secret: { file: top, line: 3 },
        serverhost: { file: top, line: 4 },
      },
      jid: { local: 'alice', domain: 'example.com', resource: 'asterisk-xmpp' },
      mechanisms: undefined,
      tls: 'starttls',
      tls_ca: undefined,
      tls_certificate: undefined,
      pubsub: undefined,
      type: 'client',
      username: 'alice@example.com',
      secret: 's',
      refresh_token: undefined,
      oauth_clientid: undefined,
      oauth_secret: undefined,
      serverhost: 'xmpp.example.com',
      port: 5222,
      usetls: true,
      forceoldssl: false,
      usesasl: true,
      status: 'available',
      statusmessage: 'Online and Available',
      priority: 1,
      buddy: [],
      autoregister: true,
      auth_policy: 'accept',
      autoprune: false,
      timeout: 5,
      context: 'default',
      sendtodialplan: false,
      distribute_events: false,
      pubsub_node: undefined,
      collection_nodes: false,
      pubsub_autocreate: false,
      keepalive: true,
      debug: false,
      secret_env: undefined,
      secret_file: undefined,
      oauth_token_url: 'https://oauth2.googleapis.com/token',
      sasl_mechanisms: undefined,
      channel_binding: 'auto',
      stream_management: true,
      tls_verify: true,
      tls_cafile: undefined,
      tls_servername: undefined,
      tls_certfile: undefined,
      tls_keyfile: undefined,
    },
  ])
})

t.test('values', async t => {
  const yes = ['yes', 'YES', 'true', 'True', 'y', 'Y', 't', '1', 'on', 'ON']
  const no = ['no', 'No', 'false', 'n', 'N', 'f', 'F', '0', 'off', 'OFF']
  type Name = keyof AccountConfig
  const good: [line: string, name: Name, want: unknown][] = [
    ...yes.map(word => [`debug=${word}`, 'debug', true] as [string, Name, unknown]),
    ...no.map(word => [`keepalive=${word}`, 'keepalive', false] as [string, Name, unknown]),
    ['port=1', 'port', 1],
    ['port=65535', 'port', 65535],
    ['port=0x1466', 'port', 5222],
    ['port=0X1466', 'port', 5222],
    ['port=012146', 'port', 5222],
    ['timeout=0', 'timeout', 0],
    ['timeout=2147483', 'timeout', 2147483],
    ['priority=-128', 'priority', -128],
    ['priority=127', 'priority', 127],
    ['priority=-0x10', 'priority', -16],
    ['priority=-0', 'priority', 0],
    ['status=chat', 'status', 'chat'],
    ['status=Chatty', 'status', 'chat'],
    ['status=available', 'status', 'available'],
    ['status=ONLINE', 'status', 'available'],
    ['status=away', 'status', 'away'],
    ['status=xa', 'status', 'xa'],
    ['status=xaway', 'status', 'xa'],
    ['status=dnd', 'status', 'dnd'],
    ['status=invisible', 'status', 'dnd'],
    ['status=unavailable', 'status', 'unavailable'],
    ['statusmessage=', 'statusmessage', ''],
    ['statusmessage="At work"', 'statusmessage', 'At work'],
    ['statusmessage=""At work""', 'statusmessage', '"At work"'],
    ['statusmessage="At work', 'statusmessage', '"At work'],
    ['statusmessage="', 'statusmessage', '"'],
    ['statusmessage="a" and "b"', 'statusmessage', 'a" and "b'],
    ["statusmessage='x'", 'statusmessage', "'x'"],
    ['statusmessage=Größe\t😀', 'statusmessage', 'Größe\t😀'],
    ['secret=00123', 'secret', '00123'],
    ['secret=true', 'secret', 'true'],
    ['secret=#a"b"[c]=d\\;e', 'secret', '#a"b"[c]=d;e'],
    ['secret="quoted"', 'secret', '"quoted"'],
    ['secret=\u00a0пароль\u00a0', 'secret', '\u00a0пароль\u00a0'],
    ['secret=__proto__', 'secret', '__proto__'],
    ['secret=first\nsecret=second', 'secret', 'second'],
    ['SeCrEt=x', 'secret', 'x'],
    ['serverhost=[::1]', 'serverhost', '::1'],
    ['serverhost=xmpp.exämple.com', 'serverhost', 'xmpp.exämple.com'],
    ['forceoldssl=yes', 'port', 5223],
    ['forceoldssl=yes', 'tls', 'direct'],
    ['forceoldssl=yes\nport=5555', 'port', 5555],
    ['buddy=Bob@Example.COM\nbuddy=carol@example.com', 'buddy', ['bob@example.com', 'carol@example.com']],
    ['buddy=example.com', 'buddy', ['example.com']],
  ]
  for (const [lines, name, want] of good) {
    const { account, problems } = client(lines)
    t.strictSame([account?.[name], problems], [want, []], lines)
  }
})

t.test('values in error leave the account out', async t => {
  const bad: [lines: string, problem: string][] = [
    ['type=server', 'error bad-value@5 type'],
    ['port=0', 'error bad-value@5 port'],
    ['port=65536', 'error bad-value@5 port'],
    ['port=5222x', 'error bad-value@5 port'],
    ['port=-1', 'error bad-value@5 port'],
    ['port=', 'error bad-value@5 port'],
    ['port=08', 'error bad-value@5 port'],
    ['port=0x', 'error bad-value@5 port'],
    ['port=5e3', 'error bad-value@5 port'],
    ['port=5222.0', 'error bad-value@5 port'],
    ['port=99999999999999999999999', 'error bad-value@5 port'],
    ['timeout=08', 'error bad-value@5 timeout'],
    ['timeout=-5', 'error bad-value@5 timeout'],
    ['timeout=2147484', 'error bad-value@5 timeout'],
    ['priority=128', 'error bad-value@5 priority'],
    ['priority=-129', 'error bad-value@5 priority'],
    ['priority=high', 'error bad-value@5 priority'],
    ['priority=--1', 'error bad-value@5 priority'],
    ['status=busy', 'error bad-value@5 status'],
    ['status=constructor', 'error bad-value@5 status'],
    ['status=', 'error bad-value@5 status'],
    ['statusmessage=a\x01b', 'error bad-value@5 statusmessage'],
    ['secret=', 'error bad-value@5 secret'],
    ['username=', 'error bad-value@5 username'],
    ['username=@example.com', 'error bad-value@5 username'],
    ['username=alice@', 'error bad-value@5 username'],
    ['username=al ice@example.com', 'error bad-value@5 username'],
    ['username=example.com', 'error bad-value@5 username'],
    ['serverhost=', 'error bad-value@5 serverhost'],
    ['serverhost=xmpp.example.com:5222', 'error bad-value@5 serverhost'],
    ['serverhost=alice@example.com', 'error bad-value@5 serverhost'],
    ['serverhost=a b', 'error bad-value@5 serverhost'],
    ['serverhost=10.0.0.256', 'error bad-value@5 serverhost'],
    ['serverhost=*.example.com', 'error bad-value@5 serverhost'],
    ['usetls=maybe', 'error bad-value@5 usetls'],
    ['usetls=', 'error bad-value@5 usetls'],
    ['tls_verify=yess', 'error bad-value@5 tls_verify'],
    ['channel_binding=yes', 'error bad-value@5 channel_binding'],
    ['sasl_mechanisms=', 'error bad-value@5 sasl_mechanisms'],
    ['sasl_mechanisms=SCRAM-SHA-1 SCRAM-SHA-2', 'error bad-value@5 sasl_mechanisms'],
    ['sasl_mechanisms=X-OAUTH2', 'error contradiction@5 sasl_mechanisms'],
    ['sasl_mechanisms=EXTERNAL ANONYMOUS', 'error contradiction@5 sasl_mechanisms'],
    ['oauth_token_url=http://example.com/', 'error bad-value@5 oauth_token_url'],
    ['oauth_token_url=ftp://127.0.0.1/', 'error bad-value@5 oauth_token_url'],
    ['oauth_token_url=x', 'error bad-value@5 oauth_token_url'],
    ['oauth_token_url=https://u:p@example.com/', 'error bad-value@5 oauth_token_url'],
    ['buddy=', 'error bad-value@5 buddy'],
    ['buddy=bob@@example.com', 'error bad-value@5 buddy'],
    ['usetsl=no', 'error unknown-option@5 usetsl'],
    ['__proto__=no', 'error unknown-option@5 __proto__'],
    ['collection_nodes=yes', 'error wrong-scope@5 collection_nodes'],
    ['pubsub_autocreate=yes', 'error wrong-scope@5 pubsub_autocreate'],
  ]
  for (const [lines, problem] of bad) {
    const { account, problems } = client(lines)
    t.strictSame([account, problems], [undefined, [problem]], lines)
  }
})

t.test('only the value that counts is looked at', async t => {
  fits(t, client('port=x\nport=5555'), { account: { port: 5555 }, problems: [] })
})

t.test('odd boolean words are no, with a warning', async t => {
  for (const name of ['forceoldssl', 'keepalive', 'debug', 'autoregister'] as const) {
    for (const word of ['enabled', 'yes please', '']) {
      const { account, problems } = client(`${name}=${word}`)
      t.strictSame([account?.[name], problems], [false, [`warning bad-value@5 ${name}`]], `${name}=${word}`)
    }
  }
  const { account, problems } = client('usesasl=plain')
  t.strictSame([account?.usesasl, problems], [false, ['warning bad-value@5 usesasl']])
})

t.test('of a long value a message shows the beginning', async t => {
  const long = '😀'.repeat(300)
  for (const option of ['keepalive', 'status', 'serverhost', 'port']) {
    const [problem] = load(`[a]\nusername=a@x\nsecret=s\nserverhost=h\n${option}=${long}/`).problems
    t.match(problem?.message, `"${'😀'.repeat(60)}…"`, option)
    t.ok((problem?.message.length ?? 0) < 300, option)
  }
})

t.test('usernames', async t => {
  t.strictSame(client('username=Alice@Example.com/Desk').account?.jid, {
    local: 'alice',
    domain: 'example.com',
    resource: 'Desk',
  })
  t.equal(client('username=Alice@Example.com/Desk').account?.username, 'Alice@Example.com/Desk', 'kept as written')
  t.strictSame(component('').account?.jid, { local: '', domain: 'comp.example.com', resource: '' })
  for (const username of ['asterisk@comp.example.com', 'comp.example.com/x']) {
    const { accounts, problems } = load(`[c]\ntype=component\nusername=${username}\nsecret=s\nserverhost=::1\n`)
    t.strictSame([accounts.length, problems.map(short)], [0, ['error bad-value@3 username']], username)
    t.match(problems[0]?.message, /write username=comp\.example\.com/, 'the message teaches')
  }
  t.match(load('[a]\nusername=comp.example.com\nsecret=s\nserverhost=h').problems[0]?.message, /type=component/)
  t.match(load('[a]\nusername=a b@x\nsecret=s\nserverhost=h').problems[0]?.message, /malformed JID/)
})

t.test('required options', async t => {
  const missing: [text: string, want: string[]][] = [
    ['[a]\nserverhost=h', ['error missing@1 username', 'error missing@1 secret']],
    ['[a]\nserverhost=h\nusername=a@x', ['error missing@1 secret']],
    ['[a]\nserverhost=h\nsecret=s', ['error missing@1 username']],
    [
      '[a]\nserverhost=h\nusername=a@x\nrefresh_token=r',
      ['error missing@1 oauth_clientid', 'error missing@1 oauth_secret'],
    ],
    ['[a]\nserverhost=h\nusername=a@x\nsasl_mechanisms=ANONYMOUS', ['error missing@1 secret']],
    [
      '[c]\nserverhost=::1\ntype=component\nusername=c.x\nrefresh_token=r\noauth_clientid=i\noauth_secret=s',
      ['error missing@1 secret', 'error contradiction@5 refresh_token'],
    ],
  ]
  for (const [text, want] of missing) {
    const { accounts, problems } = load(text)
    t.strictSame([accounts.length, problems.map(short)], [0, want], text)
  }
})

t.test('TLS of a client', async t => {
  fits(t, client('usetls=no'), { account: { tls: 'none' }, problems: ['warning risk@5 usetls'] })
  fits(t, client('tls_verify=no'), {
    account: { tls: 'starttls', tls_verify: false },
    problems: ['warning risk@5 tls_verify'],
  })
  fits(t, client('usetls=no\nforceoldssl=yes'), {
    account: { tls: 'direct' },
    problems: ['warning contradiction@5 usetls'],
  })
})

t.test('a component without serverhost is told of both ways out', async t => {
  const [problem] = load('[c]\ntype=component\nusername=comp.example.com\nsecret=s').problems.filter(
    ({ code }) => code === 'component-tls',
  )
  t.match(
    problem?.message,
    /usetls=no \(unencrypted\); if the server runs on this machine, say serverhost=127\.0\.0\.1$/,
  )
})

t.test('TLS of a component', async t => {
  fits(t, component(''), { account: { tls: 'none', port: 5347 }, problems: [] })
  fits(t, component('forceoldssl=yes'), { account: { tls: 'direct', port: 5347 }, problems: [] })
  fits(t, component('usetls=no'), { account: { tls: 'none' }, problems: [] })
  fits(t, component('usetls=yes'), { account: { tls: 'none' }, problems: ['warning no-effect@6 usetls'] })
  for (const host of [
    '127.8.9.1',
    '::1',
    '[::1]',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    'localhost',
    'LocalHost.',
    'x.localhost',
  ]) {
    fits(t, component(`serverhost=${host}`), { account: { tls: 'none' }, problems: [] }, host)
  }
  for (const host of [
    'xmpp.example.com',
    '10.0.0.1',
    '::2',
    'localhost.example.com',
    'notlocalhost',
    '127.1',
    '128.0.0.1',
  ]) {
    const bare = component(`serverhost=${host}`)
    t.strictSame([bare.account, bare.problems], [undefined, ['error component-tls@1 usetls']], host)
    const explicit = component(`serverhost=${host}\nusetls=yes`)
    t.strictSame(
      [explicit.account, explicit.problems],
      [undefined, ['error component-tls@7 usetls']],
      `${host} usetls=yes`,
    )
    fits(
      t,
      component(`serverhost=${host}\nusetls=no`),
      { account: { tls: 'none' }, problems: ['warning risk@7 usetls'] },
      `${host} usetls=no`,
    )
    fits(
      t,
      component(`serverhost=${host}\nforceoldssl=yes`),
      { account: { tls: 'direct' }, problems: [] },
      `${host} forceoldssl`,
    )
  }
})

t.test('without serverhost a client asks the DNS, and a component connects to its domain', async t => {
  for (const lines of ['', 'forceoldssl=yes', 'usetls=yes']) {
    const client = load(`[a]\nusername=a@example.com\nsecret=s\n${lines}`)
    fits(t, client.accounts, [{ serverhost: undefined, port: undefined }])
    t.strictSame(client.problems, [], 'which is nothing to warn of')
  }
  const given = load('[a]\nusername=a@example.com\nsecret=s\nport=5222')
  fits(t, given.accounts, [{ serverhost: undefined, port: 5222 }])
  t.strictSame(given.problems, [])

  const component = (domain: string) => load(`[a]\ntype=component\nusername=${domain}\nsecret=s`)
  t.strictSame(component('comp.example.com').accounts, [], 'the rule of components holds for the domain')
  t.strictSame(component('comp.example.com').problems.map(short), [
    'warning no-serverhost@1 serverhost',
    'error component-tls@1 usetls',
  ])
  fits(t, component('comp.localhost').accounts, [{ serverhost: undefined, tls: 'none' }])
})

t.test('tls_cafile', async t => {
  const two = `a comment\n${certificate}\n-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----\n${certificate}`
  const files = {
    '/etc/asterisk/ca.pem': certificate,
    '/srv/two.pem': two,
    '/srv/empty.pem': '',
    '/srv/text.pem': 'hello',
    '/srv/bad.pem': certificate.replace('MII', 'AAA'),
    '/srv/big.pem': ' '.repeat(5_000_000) + certificate,
  }
  fits(t, client('tls_cafile=ca.pem', files), { account: { tls_cafile: 'ca.pem', tls_ca: certificate }, problems: [] })
  fits(t, client('tls_cafile=/etc/asterisk/ca.pem', files), { account: { tls_ca: certificate }, problems: [] })
  const both = client('tls_cafile=/srv/two.pem', files).account?.tls_ca ?? ''
  t.equal(both.split('BEGIN CERTIFICATE').length, 3)
  t.notMatch(both, /hidden|comment/, 'nothing but certificates is handed on')
  const bad = {
    '/srv/none.pem': 'does not exist',
    '/srv/empty.pem': 'is empty',
    '/srv/text.pem': 'not a PEM file',
    '/srv/bad.pem': 'certificate 1',
    '/srv/big.pem': 'too large',
    '': 'no file',
  }
  for (const [path, words] of Object.entries(bad)) {
    const { accounts, problems } = load(`[a]\nusername=a@x\nsecret=s\nserverhost=h\ntls_cafile=${path}`, files)
    t.strictSame([accounts, problems.map(short)], [[], ['error bad-cafile@5 tls_cafile']], path)
    t.ok(problems[0]?.message.includes(words) && problems[0].message.includes(path), `${path}: ${problems[0]?.message}`)
  }
  const source = memory({
    ...files,
    [top]: '[t](!)\nsecret=s\ntls_cafile=ca.pem\nserverhost=h\n[a](t)\nusername=a@x\n[b](t)\nusername=b@x\n',
  })
  t.equal(loadConfig(top, source).accounts.length, 2)
  t.strictSame(source.asked, [top, '/etc/asterisk/ca.pem'], 'read once for all accounts')
})

t.test('tls_servername', async t => {
  fits(t, client('tls_servername=xmpp.provider.example'), {
    account: { tls_servername: 'xmpp.provider.example' },
    problems: [],
  })
  for (const name of ['bücher.example', '192.0.2.1', '[2001:db8::1]']) {
    fits(t, client(`tls_servername=${name}`), { account: { tls_servername: name }, problems: [] }, name)
  }
  for (const name of ['', 'a b', 'user@a.example', 'a.example:5222', '*.example', 'a..example']) {
    t.strictSame(client(`tls_servername=${name}`).problems, ['error bad-value@5 tls_servername'], name)
  }
  t.strictSame(client('usetls=no\ntls_servername=a.example').problems, [
    'warning risk@5 usetls',
    'warning no-effect@6 tls_servername',
  ])
})

t.test('tls_certfile and tls_keyfile', async t => {
  const own = makeCertificate({ names: ['pbx.example'], purpose: 'client', intermediates: 1 })
  const other = makeCertificate({ names: ['other.example'], purpose: 'client' })
  const encrypted = createPrivateKey(own.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'p',
  })
  const files: Readonly<Record<string, string>> = {
    '/etc/asterisk/own.pem': own.cert,
    '/etc/asterisk/own.key': own.key,
    '/srv/both.pem': `a comment\n${own.key}${own.cert}`,
    '/srv/other.key': other.key,
    '/srv/both-wrong.pem': own.cert + other.key,
    '/srv/order.pem': own.ca + own.cert,
    '/srv/sec1.key': createPrivateKey(own.key).export({ type: 'sec1', format: 'pem' }).toString(),
    '/srv/encrypted.key': `${encrypted}`,
    '/srv/old.key':
      '-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n',
    '/srv/keys.key': own.key + other.key,
    '/srv/bad.key': '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
    '/srv/bad.pem': own.cert.replace('MII', 'AAA'),
    '/srv/text': 'hello',
    '/srv/big': ' '.repeat(2_000_000),
  }
  const good = [
    'tls_certfile=own.pem\ntls_keyfile=own.key',
    'tls_certfile=/etc/asterisk/own.pem\ntls_keyfile=/srv/sec1.key',
    'tls_certfile=/srv/both.pem',
  ]
  for (const lines of good) {
    const { account, problems } = client(lines, files)
    t.strictSame(problems, [], lines)
    t.equal(account?.tls_certificate?.cert, own.cert.replaceAll('-----\n-----', '-----\n-----'), lines)
    t.ok(createPrivateKey(account?.tls_certificate?.key ?? '').equals(createPrivateKey(own.key)), lines)
    const body = own.key.split('\n')[1] as string
    for (const shown of [JSON.stringify(account), inspect(account, { depth: 9, showHidden: true })]) {
      t.notOk(shown.includes(body), 'the key is not shown')
    }
    const described = JSON.stringify(describeAccount(account as AccountConfig))
    t.notOk(described.includes(body))
    t.match(described, /tls_certfile/)
  }
  const bad: readonly (readonly [lines: string, problem: string, words: RegExp])[] = [
    ['tls_keyfile=own.key', 'missing@5 tls_keyfile', /there is no tls_certfile/],
    ['tls_certfile=own.pem', 'bad-certfile@5 tls_certfile', /own\.pem" holds no private key: tls_keyfile has to say/],
    ['tls_certfile=', 'bad-certfile@5 tls_certfile', /names no file/],
    ['tls_certfile=none.pem', 'bad-certfile@5 tls_certfile', /asterisk\/none\.pem" cannot be read/],
    ['tls_certfile=/srv/text', 'bad-certfile@5 tls_certfile', /not a PEM file with a certificate/],
    ['tls_certfile=/srv/bad.pem', 'bad-certfile@5 tls_certfile', /certificate 1 in .*damaged/],
    ['tls_certfile=/srv/big', 'bad-certfile@5 tls_certfile', /too large/],
    ['tls_certfile=/srv/both-wrong.pem', 'bad-certfile@5 tls_certfile', /is not the one of the certificate/],
    [
      'tls_certfile=/srv/order.pem\ntls_keyfile=own.key',
      'bad-certfile@5 tls_certfile',
      /fits certificate 2 .* come first/,
    ],
    ['tls_certfile=own.pem\ntls_keyfile=', 'bad-keyfile@6 tls_keyfile', /names no file/],
    ['tls_certfile=own.pem\ntls_keyfile=no.key', 'bad-keyfile@6 tls_keyfile', /cannot be read/],
    ['tls_certfile=own.pem\ntls_keyfile=own.pem', 'bad-keyfile@6 tls_keyfile', /holds no private key/],
    ['tls_certfile=own.pem\ntls_keyfile=/srv/other.key', 'bad-keyfile@6 tls_keyfile', /is not the one of the cert/],
    ['tls_certfile=own.pem\ntls_keyfile=/srv/encrypted.key', 'bad-keyfile@6 tls_keyfile', /is encrypted.*openssl pkey/],
    ['tls_certfile=own.pem\ntls_keyfile=/srv/old.key', 'bad-keyfile@6 tls_keyfile', /is encrypted/],
    ['tls_certfile=own.pem\ntls_keyfile=/srv/keys.key', 'bad-keyfile@6 tls_keyfile', /2 private keys/],
    ['tls_certfile=own.pem\ntls_keyfile=/srv/bad.key', 'bad-keyfile@6 tls_keyfile', /damaged/],
  ]
  for (const [lines, problem, words] of bad) {
    const { accounts, problems } = load(`[a]\nusername=a@x.example\nsecret=s\nserverhost=h\n${lines}`, files)
    t.strictSame([accounts, problems.map(short)], [[], [`error ${problem}`]], lines)
    t.match(problems[0]?.message, words, lines)
    t.notOk(problems[0]?.message.includes('\n'), 'one line')
  }
  t.strictSame(client('usetls=no\ntls_certfile=/srv/both.pem', files).problems, [
    'warning risk@5 usetls',
    'warning no-effect@6 tls_certfile',
  ])
})

t.test('a private key that everyone can read', async t => {
  const { cert, key } = makeCertificate({ names: ['pbx.example'], purpose: 'client' })
  const read = (mode: number | undefined, lines: string) => {
    const files = memory({
      '/x/own.pem': cert,
      '/x/own.key': key,
      '/x/both.pem': cert + key,
      '/x/xmpp.conf': `[a]\nusername=a@x.example\nsecret=s\nserverhost=h\n${lines}`,
    })
    const asked: string[] = []
    const source = {
      ...files,
      mode(path: string) {
        if (path.endsWith('.conf')) return 0o600
        asked.push(path)
        return mode
      },
    }
    return { problems: loadConfig('/x/xmpp.conf', source).problems, asked }
  }
  const two = 'tls_certfile=own.pem\ntls_keyfile=own.key'
  for (const mode of [0o600, 0o640, 0o400, undefined]) t.strictSame(read(mode, two).problems, [], String(mode))
  const { problems, asked } = read(0o644, two)
  t.strictSame(problems.map(short), ['warning risk@6 tls_keyfile'])
  t.match(problems[0]?.message, /everyone on this machine can read the private key.*mode 644/)
  t.strictSame(asked, ['/x/own.key'], 'everyone may read the certificate')
  t.strictSame(read(0o604, 'tls_certfile=both.pem').problems.map(short), ['warning risk@5 tls_certfile'])
})

t.test('buddies', async t => {
  const twice = client('buddy=bob@example.com\nbuddy=BOB@example.com')
  fits(t, twice, { account: { buddy: ['bob@example.com'] }, problems: ['warning buddy-twice@6 buddy'] })
  const full = client('buddy=bob@example.com/home')
  fits(t, full, { account: { buddy: ['bob@example.com'] }, problems: ['warning buddy-resource@5 buddy'] })
  const two = client('buddy=bob@@x\nbuddy=bob@x\nbuddy=@x')
  t.strictSame(two.problems, ['error bad-value@5 buddy', 'error bad-value@7 buddy'], 'each at its line')
})

t.test('auth_policy', async t => {
  for (const [word, want] of [
    ['accept', 'accept'],
    ['ACCEPT', 'accept'],
    ['deny', 'deny'],
  ]) {
    const { account, problems } = client(`auth_policy=${word}`)
    t.strictSame([account?.auth_policy, problems], [want, []], `${word}`)
  }
  for (const word of ['yes', '', 'acept']) {
    const { account, problems } = client(`auth_policy=${word}`)
    t.strictSame([account?.auth_policy, problems], ['deny', ['warning bad-value@5 auth_policy']], word)
  }
  const good = '[a]\nusername=a@x\nsecret=s\nserverhost=h\n'
  fits(
    t,
    load(
      `[general]\nauth_policy=maybe\nautoprune=yes\n${good}buddy=c@x\n[b]\nusername=b@x\nbuddy=c@x\nsecret=s\nauth_policy=accept\n`,
    ),
    {
      general: { auth_policy: 'deny' },
      accounts: [
        { auth_policy: 'deny', autoprune: true },
        { auth_policy: 'accept', autoprune: true },
      ],
      problems: [
        { severity: 'warning', line: 2, message: /^"maybe" is not one of accept, deny, and is taken for deny$/ },
      ],
    },
  )
})

t.test('events and the dialplan', async t => {
  fits(t, client('distribute_events=yes\npubsub_node=PubSub.Example.com'), {
    account: {
      distribute_events: true,
      pubsub_node: 'PubSub.Example.com',
      pubsub: { local: '', domain: 'pubsub.example.com', resource: '' },
    },
    problems: [],
  })
  fits(t, client('pubsub_node=p.x\ndistribute_events=no\nsendtodialplan=no\ncontext=xmpp'), {
    account: { pubsub_node: 'p.x', context: 'xmpp' },
    problems: [],
  })
  fits(t, client('sendtodialplan=yes'), {
    account: { sendtodialplan: true },
    problems: ['warning not-built@5 sendtodialplan'],
  })
  fits(t, client('context='), { account: { context: '' }, problems: ['warning bad-value@5 context'] })
  t.strictSame(client('distribute_events=yes').problems, ['error missing@5 pubsub_node'])
  t.strictSame(client('pubsub_node=p@@x').problems, ['error bad-value@5 pubsub_node'])
  t.strictSame(client('pubsub_node=').problems, ['error bad-value@5 pubsub_node'])
  const general = load(
    '[general]\ncollection_nodes=yes\npubsub_autocreate=on\n[a]\nusername=a@x\nsecret=s\nserverhost=h',
  )
  fits(t, general, {
    general: { collection_nodes: true, pubsub_autocreate: true },
    accounts: [{ collection_nodes: true, pubsub_autocreate: true }],
    problems: [],
  })
})

t.test('autoprune that would remove everyone', async t => {
  t.strictSame(client('autoprune=yes').problems, ['warning risk@5 autoprune'])
  t.strictSame(client('autoprune=yes\nbuddy=b@x').problems, [])
  t.strictSame(component('autoprune=yes').problems, ['warning no-effect@6 autoprune'], 'it has no roster')
})

t.test('what an account logs in with', async t => {
  const logins: [lines: string, account: object, problems: string[]][] = [
    ['usesasl=no', { usesasl: false, secret: 's' }, []],
    ['usesasl=no\nsasl_mechanisms=PLAIN', { usesasl: false }, ['warning no-effect@6 sasl_mechanisms']],
    ['sasl_mechanisms=scram-sha-256, PLAIN', { mechanisms: ['SCRAM-SHA-256', 'PLAIN'] }, []],
    ['channel_binding=required', { channel_binding: 'required' }, []],
    ['stream_management=no', { stream_management: false }, []],
    [
      'refresh_token=r\noauth_clientid=i\noauth_secret=o',
      { refresh_token: 'r', oauth_clientid: 'i', oauth_secret: 'o' },
      ['warning token-wins@5 refresh_token'],
    ],
    [
      'oauth_token_url=http://[::1]:8080/token',
      { oauth_token_url: 'http://[::1]:8080/token' },
      ['warning no-effect@5 oauth_token_url'],
    ],
    ['oauth_clientid=i', { oauth_clientid: 'i' }, ['warning no-effect@5 oauth_clientid']],
  ]
  for (const [lines, account, problems] of logins) fits(t, client(lines), { account, problems })
  const anonymous = load('[a]\nusername=anon.example.com\nserverhost=h\n')
  t.match(anonymous.accounts, [{ jid: { local: '', domain: 'anon.example.com' }, secret: undefined }])
  const contradictions: [lines: string, problem: string][] = [
    ['channel_binding=required\nusetls=no', 'error contradiction@5 channel_binding'],
    ['channel_binding=required\nusesasl=no', 'error contradiction@5 channel_binding'],
    [
      'channel_binding=required\nrefresh_token=r\noauth_clientid=i\noauth_secret=o',
      'error contradiction@5 channel_binding',
    ],
    ['usesasl=no\nrefresh_token=r\noauth_clientid=i\noauth_secret=o', 'error contradiction@5 usesasl'],
  ]
  for (const [lines, problem] of contradictions) {
    const { account, problems } = client(lines)
    t.equal(account, undefined, lines)
    t.ok(problems.includes(problem), lines)
  }
  t.match(
    load('[a]\nusername=a@x\nsecret=s\nserverhost=h\nsasl_mechanisms=SCRAM-SHA-257').problems[0]?.message,
    /did you mean "SCRAM-SHA-256"/,
  )
})

t.test('an account that could never log in', async t => {
  const { cert, key } = makeCertificate({ names: ['example.com'], purpose: 'client' })
  const files = { '/etc/asterisk/own.pem': cert + key }
  const certificateOnly = '[a]\nusername=alice@example.com\nserverhost=h\ntls_certfile=own.pem\n'
  const withSecret = '[a]\nusername=alice@example.com\nserverhost=h\nsecret=s\n'
  const anonymous = '[a]\n\nusername=example.com\nserverhost=h\n'
  const rows: [text: string, problem: string, words: RegExp][] = [
    [
      `${withSecret}channel_binding=required\nsasl_mechanisms=PLAIN DIGEST-MD5 SCRAM-SHA-1`,
      'sasl_mechanisms@6',
      /^channel_binding=required leaves none of them: name one that ends in -PLUS$/,
    ],
    [
      `${withSecret}channel_binding=no\nsasl_mechanisms=SCRAM-SHA-1-PLUS`,
      'sasl_mechanisms@6',
      /^channel_binding=no leaves none of them: name one without -PLUS$/,
    ],
    [
      `${withSecret}sasl_mechanisms=SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS\nusetls=no`,
      'sasl_mechanisms@5',
      /^usetls=no leaves none of them: EXTERNAL and all that ends in -PLUS need TLS$/,
    ],
    [
      `${withSecret}sasl_mechanisms=EXTERNAL SCRAM-SHA-1-PLUS\nusetls=no\ntls_certfile=own.pem`,
      'sasl_mechanisms@5',
      /^usetls=no leaves none of them: EXTERNAL and all that ends in -PLUS need TLS$/,
    ],
    [
      `${withSecret}channel_binding=no\nsasl_mechanisms=SCRAM-SHA-1-PLUS\nusetls=no`,
      'sasl_mechanisms@6',
      /^usetls=no leaves/,
    ],
    [
      `${anonymous}channel_binding=required`,
      'channel_binding@5',
      /^it cannot be required: an anonymous login is bound to nothing$/,
    ],
    [
      `${certificateOnly}usetls=no`,
      'usetls@5',
      /^a certificate \(tls_certfile\) is all the account logs in with, .* TLS/,
    ],
    [`${certificateOnly}usetls=no\nsasl_mechanisms=EXTERNAL`, 'usetls@5', /^a certificate/],
  ]
  for (const [text, problem, words] of rows) {
    const { accounts, problems } = load(text, files)
    const errors = problems.filter(({ severity }) => severity === 'error')
    const [option, line] = problem.split('@')
    t.strictSame([accounts, errors.map(short)], [[], [`error contradiction@${line} ${option}`]], text)
    t.match(errors[0]?.message, words, text)
  }
  const fine = [
    `${certificateOnly}channel_binding=required`,
    `${certificateOnly}channel_binding=required\nsasl_mechanisms=EXTERNAL`,
    `${certificateOnly}channel_binding=no`,
    `${certificateOnly}channel_binding=required\nrefresh_token=r\noauth_clientid=i\noauth_secret=o`,
    `${withSecret}channel_binding=required\nsasl_mechanisms=PLAIN SCRAM-SHA-1-PLUS`,
    `${withSecret}channel_binding=required\nsasl_mechanisms=EXTERNAL\ntls_certfile=own.pem`,
    `${withSecret}channel_binding=no\nsasl_mechanisms=SCRAM-SHA-1-PLUS PLAIN`,
    `${withSecret}sasl_mechanisms=SCRAM-SHA-1-PLUS\nusetls=no\nforceoldssl=yes`,
    `${withSecret}usetls=no\ntls_certfile=own.pem`,
    `${anonymous}channel_binding=no\nusetls=no`,
  ]
  for (const text of fine) t.equal(load(text, files).accounts.length, 1, text)
})

t.test('the mechanisms that may be named are those that there are', async t => {
  const proofs = {
    secret: 'password',
    refresh_token: 'token',
    tls_certfile: 'certificate',
    nothing: 'nothing',
  } as const
  for (const [option, names] of Object.entries(mechanismNames)) {
    const built = mechanisms.filter(({ needs }) => needs === proofs[option as keyof typeof proofs])
    t.same([...names].sort(), built.map(({ name }) => name).sort(), option)
  }
})

t.test('quotes and blanks that somebody means for nothing', async t => {
  const told = (lines: string): string[] =>
    load(`[a]\nusername=a@b\nsecret=s\nserverhost=h\n${lines}`).problems.map(({ message }) => message)
  t.match(told('port="5222"'), [/quotes are part of a value, so leave them out$/])
  t.match(told("keepalive='no'"), [/taken for no; quotes are part of a value/])
  t.match(told('tls_verify="no"'), [/; quotes are part of a value/])
  t.notMatch(told('port="x"').join(), /quotes/)
  const { problems } = load('[ general ]\nusername=a@b\nsecret=s\n[a ]\nusername=c@d\nsecret=s\n')
  t.match(problems, [
    { code: 'name-with-blanks', section: ' general ', message: /an account and not \[general\]: write \[general\]/ },
    { code: 'name-with-blanks', section: 'a ', message: /of the name: write \[a\]$/ },
  ])
})

t.test('a section that continues another, and names a user as if it were an account of its own', async t => {
  const account = (name: string, user: string): string => `[${name}]\nusername=${user}@b\nsecret=s\nserverhost=h\n`
  const { accounts, problems } = load(`${account('a', 'u')}${account('A', 'v')}[a]\nport=5223\n`)
  t.match(accounts, [{ name: 'a', jid: { local: 'v' }, port: 5223 }])
  t.match(problems, [
    { code: 'same-section', severity: 'warning', line: 5, section: 'A', message: /one account with \[a\] \(.*:1\)/ },
  ])
  t.equal(problems.length, 1)
  t.strictSame(load(`[t](!)\nusername=u@b\nsecret=s\nserverhost=h\n[a](t)\n[a]\nport=5223\n`).problems, [])
})

t.test('unknown options', async t => {
  const hints: [typed: string, meant: string | undefined][] = [
    ['usetsl', 'usetls'],
    ['UseTSL', 'usetls'],
    ['user', undefined],
    ['user_name', 'username'],
    ['pasword', undefined],
    ['secrt', 'secret'],
    ['budy', 'buddy'],
    ['statusmesage', 'statusmessage'],
    ['tlsverify', 'tls_verify'],
    ['prot', 'port'],
    ['xyz', undefined],
  ]
  const other = load('[general]\nusrname=a\n[a]\ncolection_nodes=yes\n')
    .problems.filter(({ code }) => code === 'unknown-option')
    .map(({ message }) => message)
  t.match(other, [
    /did you mean "username"\? It belongs into the section of an account/,
    /did you mean "collection_nodes"\? It belongs into \[general\]/,
  ])
  for (const [typed, meant] of hints) {
    const message = load(`[a]\n${typed}=1`).problems.find(problem => problem.code === 'unknown-option')?.message
    t.equal(/did you mean "(\w+)"/.exec(message ?? '')?.[1], meant, typed)
  }
})

t.test('[general]', async t => {
  const good = '[a]\nusername=a@x\nsecret=s\nserverhost=h\n'
  fits(t, load(`[general]\ndebug=yes\nautoregister=no\n${good}`), {
    general: { debug: true, autoregister: false },
    accounts: [{ debug: true, autoregister: false }],
    problems: [],
  })
  fits(
    t,
    load(`${good}debug=no\n[GENERAL]\ndebug=yes\n`),
    { general: { debug: true }, accounts: [{ debug: false }], problems: [] },
    'anywhere in the file',
  )
  fits(t, load(`[general]\nDEBUG=yes\n[general]\nautoregister=no\n${good}`).general, {
    debug: true,
    autoregister: false,
  })
  fits(t, load(`[general]\ndebug=maybe\n${good}`), {
    general: { debug: false },
    problems: [{ code: 'bad-value', line: 2, section: 'general' }],
  })
  for (const line of ['username=a@x', 'secret=s', 'buddy=b@x', 'usetls=no', 'tls_verify=no', 'context=c']) {
    const { accounts, problems } = load(`[general]\n${line}\n${good}`)
    t.strictSame(problems.map(short), [`error wrong-scope@2 ${line.split('=')[0]}`], line)
    t.equal(accounts.length, 1, 'and the accounts live')
  }
  const unknown = load(`[general]\ndebgu=1\n${good}`)
  fits(t, unknown, { accounts: [{}], problems: [{ code: 'unknown-option', section: 'general', message: /debug/ }] })
  fits(t, load(`[general](!)\ndebug=yes\n${good}`).general, { debug: false }, 'a template is not it')
})

t.test('where options stand', async t => {
  const { accounts } = load(
    '[t](!)\nsecret=s\n#include "x"\n[a](t)\nusername=b@x\nusername=a@x\n[general]\ndebug=yes',
    { '/etc/asterisk/x': '\nServerHost=h\n' },
  )
  t.strictSame(accounts[0]?.places, {
    username: { file: top, line: 6 },
    secret: { file: top, line: 2 },
    serverhost: { file: '/etc/asterisk/x', line: 2 },
  })
})

t.test('[global]', async t => {
  const good = '[a]\nusername=a@x\nsecret=s\nserverhost=h\n'
  fits(t, load(`[global]\ndebug=yes\n${good}`), {
    general: { debug: true },
    accounts: [{ name: 'a', debug: true }],
    problems: [],
  })
  fits(t, load(`[Global]\ndebug=yes\nUserName=g@x\nsecret=s\nserverhost=h\n${good}`), {
    general: { debug: false },
    accounts: [
      { name: 'Global', debug: true },
      { name: 'a', debug: false },
    ],
    problems: [],
  })
})

t.test('accounts', async t => {
  const good = 'secret=s\nserverhost=h\n'
  const { accounts, problems } = load(
    `[t](!)\n${good}port=1\nbuddy=x@x\n[Zed](t)\nusername=z@x\n[a](t)\nusername=a@x\nport=2\n[zed]\nport=3\nbuddy=y@x\n`,
  )
  t.strictSame(problems, [])
  t.strictSame(
    accounts.map(({ name, line, port, buddy }) => [name, line, port, ...buddy]),
    [
      ['Zed', 6, 3, 'x@x', 'y@x'],
      ['a', 8, 2, 'x@x'],
    ],
    'in file order, templates applied, a later section of the name adds to the first',
  )
  fits(t, load('[__proto__]\nusername=a@x\nsecret=s\nserverhost=h\n').accounts, [{ name: '__proto__' }])
  fits(t, load('[]\nusername=a@x\nsecret=s\nserverhost=h\n'), {
    accounts: [],
    problems: [{ code: 'no-account-name', line: 1 }],
  })
  fits(t, load('[general]\n'), {
    accounts: [],
    problems: [{ severity: 'error', code: 'no-account', line: 0 }],
    fatal: false,
  })
})

t.test('one bad account does not take the others down', async t => {
  const text = '[a]\nusername=a@x\nsecret=s\nserverhost=h\nport=x\n[b]\nusername=b@x\nsecret=s\nserverhost=h\n'
  fits(t, load(text), { accounts: [{ name: 'b' }], fatal: false, problems: [{ section: 'a' }] })
  t.equal(load(text).accounts.length, 1)
  t.equal(load(text, {}, { strict: true }).fatal, true, 'unless strict')
  t.equal(load(text.replace('port=x', 'debug=x'), {}, { strict: true }).fatal, false, 'a warning is no error')
})

t.test('a line that cannot be read leaves the account out, and its heirs', async t => {
  const text = Buffer.from(
    '[t](!)\nsecret=\xe9\n[a](t)\nusername=a@x\nserverhost=h\n[b]\nusername=b@x\nsecret=s\nserverhost=h\n',
    'latin1',
  )
  const { accounts, problems, fatal } = loadConfig(top, memory({ [top]: text }))
  t.strictSame(
    [accounts.map(account => account.name), problems.map(short), fatal],
    [['b'], ['error not-utf8@2'], false],
  )
})

t.test('a rejected file', async t => {
  const { accounts, problems, fatal } = load(
    '[a]\nusername=a@x\nsecret=s\nserverhost=h\nport=x\n[b\nusername=b@x\n[c]\nusetsl=1\n',
  )
  t.strictSame([accounts, fatal], [[], true])
  t.strictSame(
    problems.map(short),
    [
      'error bad-value@5 port',
      'error file-rejected@6',
      'error missing@8 username',
      'error missing@8 secret',
      'error unknown-option@9 usetsl',
    ],
    'everything that is wrong is told in one run',
  )
  fits(t, load('[a]\nusername=a@x\nsecret=s\nserverhost=h\n[b'), { accounts: [], fatal: true, problems: [{ line: 5 }] })
  fits(t, loadConfig('/none', memory({})), { accounts: [], fatal: true, problems: [{ code: 'file-rejected' }] })
})

t.test('problems are in order of file and line, and name the place', async t => {
  const { problems, files } = load(
    '[a]\nusername=@\n#include x\nport=0\n[b]\n#exec y\nusername=b@x\nstatus=?\nsecret=s\nserverhost=h',
    {
      '/etc/asterisk/x': 'secret=s\nserverhost=\nkeepalive=?\n',
    },
  )
  t.strictSame(files, [top, '/etc/asterisk/x'])
  t.strictSame(
    problems.map(({ file, line, section, option, code }) => [file, line, section, option, code]),
    [
      [top, 2, 'a', 'username', 'bad-value'],
      [top, 4, 'a', 'port', 'bad-value'],
      [top, 6, 'b', undefined, 'exec-refused'],
      [top, 8, 'b', 'status', 'bad-value'],
      ['/etc/asterisk/x', 2, 'a', 'serverhost', 'bad-value'],
      ['/etc/asterisk/x', 3, 'a', 'keepalive', 'bad-value'],
    ],
  )
})

t.test('two accounts with one JID', async t => {
  const { accounts, problems } = load(
    '[a]\nusername=A@x\nsecret=s\nserverhost=h\n[b]\nusername=a@x\nsecret=s\nserverhost=h\n[c]\nusername=a@x/c\nsecret=s\nserverhost=h\n',
  )
  t.equal(accounts.length, 3)
  t.strictSame(problems.map(short), ['warning same-jid@5 username'])
})

t.test('secrets are in no message', async t => {
  const text = [
    '[general]\nsecret=hunter2\n',
    '[a]\nusername=a@x\nsecret=hunter2\nserverhost=h\nrefresh_token=hunter2\noauth_secret=hunter2\nsecrett=hunter2\n',
    'secret: hunter2=x\nsecret hunter2=x\nsecret->hunter2=x\nsecret:hunter2\n+hunter2=x\n#hunter2\n\\;hunter2=x\n',
    '[b]\nsecret=\nusername=b@x\n',
  ].join('')
  const { problems } = load(text)
  t.equal(problems.length, 12)
  t.notMatch(JSON.stringify(problems), /hunter2/)
})

t.test('formatProblem', async t => {
  const problem = {
    severity: 'error',
    code: 'x',
    file: 'f.conf',
    line: 3,
    section: 'a\x1b[1m',
    option: 'port',
    message: 'no\ngood',
  } as const
  t.equal(formatProblem(problem), 'f.conf:3: error: [a\\x1b[1m] port: no\\x0agood')
  t.equal(
    formatProblem({ severity: 'warning', code: 'x', file: 'f.conf', line: 0, message: 'm' }),
    'f.conf: warning: m',
  )
})

t.test('a thousand accounts', async t => {
  const accounts = Array.from(
    { length: 1000 },
    (_, i) => `[account-${i}](t)\nusername=user${i}@example.com\nbuddy=b${i}@x\n`,
  )
  const started = cpuTime()
  const config = load(`[t](!)\nsecret=s\nserverhost=h\ntls_cafile=ca\n${accounts.join('')}`, {
    '/etc/asterisk/ca': certificate,
  })
  t.equal(config.accounts.length, 1000)
  t.ok(cpuTime() - started < 1000, 'in less than a second')
})

t.test('a secret that a comment cuts short is worth a word', async t => {
  const cut = ['warning cut-by-comment@5 secret']
  t.strictSame(client('secret=abc;def\n').problems, cut)
  t.strictSame(client('secret=abc;def').problems, cut, 'at the very end of a file')
  t.strictSame(client('secret=abc').problems, [])
  t.strictSame(client('secret=abc;def\nsecret+=ghi\n').problems, cut, 'what is added behind it makes it no whole')
  t.strictSame(client('secret=abc ;def\n').problems, [], 'an ordinary comment')
  t.strictSame(client('secret=abc\\;def\n').problems, [])
  t.strictSame(client('secret=abc;def\nsecret=abc\n').problems, [], 'only the value that counts')
  t.strictSame(client('status=away;def\n').problems, [], 'nobody means it elsewhere')
  const message = ['warning cut-by-comment@5 statusmessage']
  t.strictSame(client('statusmessage="away; back soon"\n').problems, message, 'but in quotes')
  t.strictSame(client('statusmessage="away\\; back soon"\n').problems, [])
  t.strictSame(client('statusmessage="away" ; back soon\n').problems, [])
})

t.test('so are tokens', async t => {
  const { problems } = client('refresh_token=r;x\noauth_clientid=i;x\noauth_secret=o;x\n')
  t.strictSame(problems, [
    'warning token-wins@5 refresh_token',
    'warning cut-by-comment@5 refresh_token',
    'warning cut-by-comment@7 oauth_secret',
  ])
})

t.test('options without effect', async t => {
  const files = { '/etc/asterisk/ca.pem': certificate }
  const component = '[c]\ntype=component\nusername=comp.example.com\nsecret=s\nserverhost=127.0.0.1\n'
  const rows: [text: string, warnings: string[]][] = [
    [`${component}usesasl=yes`, ['usesasl@6']],
    [`${component}usesasl=no\nsasl_mechanisms=SCRAM-SHA-1-PLUS`, ['usesasl@6', 'sasl_mechanisms@7']],
    [`${component}sasl_mechanisms=EXTERNAL\nchannel_binding=no`, ['sasl_mechanisms@6', 'channel_binding@7']],
    [`${component}stream_management=yes`, ['stream_management@6']],
    [
      `${component}tls_cafile=ca.pem\ntls_verify=no\ntls_servername=a.example`,
      ['tls_cafile@6', 'tls_verify@7', 'tls_servername@8'],
    ],
    [`${component}forceoldssl=yes\ntls_cafile=ca.pem\ntls_verify=yes\ntls_servername=a.example`, []],
    ['[a]\nusername=a@x\nsecret=s\nserverhost=h\nusesasl=no\nchannel_binding=no', ['channel_binding@6']],
  ]
  for (const [text, warnings] of rows) {
    const { accounts, problems } = load(text, files)
    const want = warnings.map(each => `warning no-effect@${each.split('@')[1]} ${each.split('@')[0]}`)
    t.strictSame([accounts.length, problems.map(short)], [1, want], text)
  }
  const clear = '[a]\nusername=a@x\nsecret=s\nserverhost=h\nusetls=no\n'
  t.strictSame(load(`${clear}tls_cafile=ca.pem\ntls_verify=no`, files).problems.map(short), [
    'warning risk@5 usetls',
    'warning no-effect@6 tls_cafile',
    'warning no-effect@7 tls_verify',
  ])
  const token = 'refresh_token=r\noauth_clientid=i\noauth_secret=o'
  t.strictSame(load(`${component}${token}\nsasl_mechanisms=PLAIN`).problems.map(short), [
    'error contradiction@6 refresh_token',
    'warning no-effect@9 sasl_mechanisms',
  ])
  t.strictSame(load(`${component}channel_binding=required`).problems.map(short), [
    'error contradiction@6 channel_binding',
  ])
})

t.test('what is printed for a component is what is done', async t => {
  const print = (config: AccountConfig | undefined) => config && new Map(describeAccount(config)).get('usetls')
  t.equal(print(component('').account), 'no')
  t.equal(print(component('forceoldssl=yes\n').account), 'yes')
  t.equal(print(client('').account), 'yes')
})

t.test('a secret that SASLprep takes from nobody', async t => {
  const bad: [secret: string, words: RegExp][] = [
    [
      'hun\u0007ter2',
      /^U\+0007, a control character, may not be in it \(SASLprep, RFC 4013 §2\.3\): it is character 4$/,
    ],
    ['hunter2\u007fx', /^U\+007F, a control character, .* character 8$/],
    ['😀hunter2\u200e', /^U\+200E, an invisible character, .* character 9$/],
    ['hunter2\ue000x', /^U\+E000, a character for private use, /],
    ['hunter2\u{1fffe}x', /^U\+1FFFE, no character, /],
    ['\u00ad', /^U\+00AD, an invisible character, .* nothing is left$/],
    ['\u00ad\u200d', /^U\+00AD, .* nothing is left$/],
    ['hunter2\u05d0', /^it has letters that are written from right to left, .* \(SASLprep, RFC 3454 §6\)$/],
    ['\u05d02', /^it has letters that are written from right to left/],
  ]
  for (const [secret, words] of bad) {
    const { accounts, problems } = load(`[a]\nusername=a@x\nserverhost=h\nsecret=${secret}`)
    t.strictSame([accounts, problems.map(short)], [[], ['error bad-value@4 secret']], JSON.stringify(secret))
    t.match(problems[0]?.message, words, JSON.stringify(secret))
    t.notMatch(JSON.stringify(problems), /hun|ter2/, 'not the secret')
  }
  const rest = 'hun\u0007ter2'
  for (const secret of ['pässwort', '😀', '\u0221x', 'a\u00adb', 'a\u00a0b', '\u05d0\u05d1', 'ﬁ']) {
    t.strictSame(client(`secret=${secret}`).problems, [], JSON.stringify(secret))
  }
  t.strictSame(client(`usesasl=no\nsecret=${rest}`).problems, [], 'XEP-0078 sends it as it is')
  t.strictSame(component(`secret=${rest}`).problems, [], 'so does a component')
  t.strictSame(
    client(`refresh_token=r\noauth_clientid=i\noauth_secret=o\nsecret=${rest}`).problems,
    ['warning token-wins@5 refresh_token'],
    'one that is not used',
  )
})
