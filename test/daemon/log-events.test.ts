import t from 'tap'
import { Log } from '../../src/daemon/log.ts'
import { logEvents } from '../../src/daemon/log-events.ts'
import { SaslError } from '../../src/errors.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { clientConfig, componentConfig, watched } from '../account/setting.ts'

t.test('strangers cannot fill the log', async t => {
  const users = { 'juliet@example.com': 'secret' }
  const server = await startLoopback({ users, starttls: 'none' })
  t.teardown(() => server.stop())
  const { account, next } = watched(t, clientConfig(server.port))
  const lines: string[] = []
  logEvents(account, new Log({ write: text => void lines.push(text), timestamps: false }))
  account.start()
  await next('connected')
  const requests = Array.from({ length: 500 }, (_, at) => `<presence type='subscribe' from='s${at}@example.com'/>`)
  server.send(
    'juliet@example.com',
    `${requests.join('')}<message type='chat' from='s@example.com'><body>x</body></message>`,
  )
  await next('message')
  const told = lines.filter(line => line.includes('asked to see our presence'))
  t.equal(told.length, 20)
  t.match(told[0], /^NOTICE \[asterisk\] s0@example\.com asked to see our presence, which auth_policy=accept allows\n$/)
})

t.test('an item that is left out is one line, and there are only so many a minute', async t => {
  const { account } = watched(t, clientConfig(1))
  const lines: string[] = []
  logEvents(account, new Log({ write: text => void lines.push(text), timestamps: false }))
  const { emit } = account as unknown as { emit(event: object): void }
  const skip = (node: string, item: string | undefined, reason = 'it has no payload'): void =>
    emit.call(account, { type: 'skipped', node, item, reason })
  skip('device_state', 'Custom:x')
  skip('device_state', undefined)
  skip('n'.repeat(1000), 'i'.repeat(1_000_000))
  skip('a\nERROR b\u009b', 'c\r\nd')
  t.strictSame(lines.splice(0), [
    'WARNING [asterisk] the item "Custom:x" of the node device_state is left out: it has no payload\n',
    'WARNING [asterisk] an item of the node device_state is left out: it has no payload\n',
    `WARNING [asterisk] the item "${'i'.repeat(100)}…" of the node ${'n'.repeat(100)} is left out: it has no payload\n`,
    'WARNING [asterisk] the item "c\\x0d\\x0ad" of the node a\\x0aERROR b\\x9b is left out: it has no payload\n',
  ])
  for (let count = 0; count < 500; count++) skip('device_state', `${count}`)
  t.equal(lines.length, 16, '20 a minute')
})

t.test('a server that repeats the secret does not get it written down', async t => {
  const server = await startLoopback({ users: { 'juliet@example.com': 'other' }, starttls: 'none' })
  t.teardown(() => server.stop())
  const { account, next } = watched(t, clientConfig(server.port, 'secret=sésame 42\ndebug=yes'))
  const lines: string[] = []
  logEvents(account, new Log({ write: text => void lines.push(text), timestamps: false }))
  account.start()
  await next('offline')
  lines.length = 0
  account.buddies.configure([])
  const { emit } = account as unknown as { emit(event: object): void }
  emit.call(account, {
    type: 'offline',
    error: new SaslError('not-authorized', 'no user has sésame 42'),
    retryIn: 1,
    targets: [],
  })
  t.match(
    lines.join(''),
    /not-authorized: no user has \[masked\]; check username at .*xmpp\.conf:2 and secret at .*xmpp\.conf:7; trying again/,
  )
})

t.test('our own words are never masked: that would show what the secret is', async t => {
  const server = await startLoopback({ users: { 'juliet@example.com': 'juliet' }, starttls: 'none' })
  t.teardown(() => server.stop())
  const { account, next } = watched(t, clientConfig(server.port, 'secret=juliet'))
  const lines: string[] = []
  logEvents(account, new Log({ write: text => void lines.push(text), timestamps: false }))
  account.start()
  await next('connected')
  t.match(lines.join(''), /Connected as juliet@example\.com\/balcony/)
})

t.test('a session that could not be resumed is told', async t => {
  const server = await startLoopback({ users: { 'juliet@example.com': 'secret' }, starttls: 'none' })
  t.teardown(() => server.stop())
  const { account, next } = watched(t, clientConfig(server.port), { random: () => 0 })
  const lines: string[] = []
  logEvents(account, new Log({ write: text => void lines.push(text), timestamps: false }))
  const connections = (): string[] => lines.filter(line => line.includes('Connected as'))
  account.start()
  await next('connected')
  server.drop('juliet@example.com')
  t.match(await next('connected'), { resumed: true })
  server.drop('juliet@example.com')
  server.forgetSessions()
  t.match(await next('connected'), { resumed: false })
  t.equal(connections().length, 3)
  t.notMatch(connections()[0], /could not/)
  t.match(connections()[1], /; session resumed\)\n$/)
  t.match(connections()[2], /\); the session before could not be resumed\n$/)
  server.drop('juliet@example.com')
  await next('offline', ({ resumable }) => resumable)
  await account.stop()
  account.start()
  await next('connected')
  t.match(connections()[3], /\)\n$/, 'one that was given up on purpose')
})

t.test('a component that is not let in is told so in words', async t => {
  const server = await startLoopback({ components: { 'pbx.example.com': 'secret', 'other.example.com': 'secret' } })
  t.teardown(() => server.stop())
  const first = watched(t, componentConfig(server.componentPort))
  first.account.start()
  await first.next('connected')
  const cases: [lines: string, words: RegExp][] = [
    ['', /refused the login as pbx\.example\.com: conflict: .*; another component is attached as pbx\.example\.com: /],
    [
      'username=other.example.com\nsecret=wrong',
      /refused the login as other\.example\.com: not-authorized; check secret/,
    ],
    ['username=third.example.com', /refused the login as third\.example\.com: host-unknown; the server's own config/],
  ]
  for (const [lines, words] of cases) {
    const { account, next } = watched(t, componentConfig(server.componentPort, lines))
    const log: string[] = []
    logEvents(account, new Log({ write: text => void log.push(text), timestamps: false }))
    account.start()
    await next('offline')
    const [line = ''] = log
    t.match(line, new RegExp(`^WARNING \\[asterisk\\] the server at 127\\.0\\.0\\.1 port ${server.componentPort} `))
    t.match(line, words)
    await account.stop()
  }
})
