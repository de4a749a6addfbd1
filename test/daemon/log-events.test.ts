import t from 'tap'
import type { Account, AccountEvent } from '../../src/account/index.ts'
import { Log } from '../../src/daemon/log.ts'
import { logEvents } from '../../src/daemon/log-events.ts'
import { Emitter } from '../../src/emitter.ts'
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
  const flood = (count: number, type: string): string =>
    Array.from({ length: count }, (_, at) => `<message type='error' from='s${at}@example.com' id='${type}'/>`).join('')
  server.send(
    'juliet@example.com',
    `${flood(500, 'x')}<message type='chat' from='s@example.com'><body>last</body></message>`,
  )
  await next('message')
  const bounces = lines.filter(line => line.includes('was not delivered'))
  t.equal(bounces.length, 20)
  t.match(bounces[0], /^WARNING \[asterisk\] a message to s0@example\.com was not delivered: undefined-condition\n$/)
})

/** As much of an account as the log sees of it. */
class Speaker extends Emitter<AccountEvent> {
  readonly name = 'asterisk'
  say(event: AccountEvent): void {
    this.emit(event)
  }
}

t.test('neither a buddy that cannot make up its mind nor a server that misbehaves can fill it', t => {
  const speaker = new Speaker()
  const lines: string[] = []
  logEvents(speaker as unknown as Account, new Log({ write: text => void lines.push(text), timestamps: false }))
  const buddy = { from: 'bob@example.com/x', available: true, show: undefined, priority: 0 }
  for (let at = 0; at < 1000; at++) {
    speaker.say({ type: 'presence', ...buddy, status: `${at}` })
    speaker.say({ type: 'warning', text: `an <iq> could not be handled: ${at}` })
  }
  t.equal(lines.filter(line => line.includes('is available')).length, 200)
  t.equal(lines.filter(line => line.includes('could not be handled')).length, 20)
  t.end()
})
