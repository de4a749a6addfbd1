import t from 'tap'
import { Log } from '../../src/daemon/log.ts'
import { logEvents } from '../../src/daemon/log-events.ts'
import { SaslError } from '../../src/errors.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { clientConfig, watched } from '../account/setting.ts'

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
  t.match(told[0], /^NOTICE \[asterisk\] s0@example\.com asked to see our presence, which autoregister=yes allows\n$/)
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
