import t from 'tap'
import { connectComponent } from '../../src/component.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { clientConfig, componentConfig, watched } from './setting.ts'

t.test('nobody can make the roster too large for us to log in', async t => {
  const users = { 'juliet@example.com': 'secret' }
  const server = await startLoopback({ users, components: { 'evil.example.com': 's' }, starttls: 'none' })
  t.teardown(() => server.stop())
  // A session that is resumed reads no roster.
  const { account, next } = watched(t, clientConfig(server.port, 'stream_management=no\nautoregister=no'))
  account.start()
  await next('connected')
  const evil = await connectComponent({
    domain: 'evil.example.com',
    secret: 's',
    host: server.host,
    port: server.componentPort,
    xeps: [],
  })
  evil.run().catch(() => {})
  const long = 'x'.repeat(900)
  for (let at = 0; at < 400; at++) {
    const from = `${long}${at}@evil.example.com`
    await evil.send(evil.stanza('presence', { type: 'subscribe', from, to: 'juliet@example.com' }))
  }
  await next('subscription', ({ from }) => from.includes('x399@'))
  await evil.close()
  server.drop('juliet@example.com')
  await next('offline')
  t.match(await next('connected'), { resumed: false })
  t.ok(account.buddies.size > 300, `${account.buddies.size} strangers of a kilobyte each are on the roster`)
})

t.test('only so many strangers are granted what they ask for', async t => {
  const server = await startLoopback({ users: { 'juliet@example.com': 'secret' }, starttls: 'none' })
  t.teardown(() => server.stop())
  const { account, events, next } = watched(t, clientConfig(server.port, 'buddy=friend@example.com'))
  account.start()
  await next('connected')
  const ask = (from: string): string => `<presence type='subscribe' from='${from}'/>`
  const strangers = Array.from({ length: 2500 }, (_, at) => ask(`s${at}@example.net`)).join('')
  server.send('juliet@example.com', `${strangers}${ask('friend@example.com')}`)
  await next('subscription', ({ from }) => from === 'friend@example.com')
  const actions = events.flatMap(event => (event.type === 'subscription' ? [event.action] : []))
  t.equal(actions.filter(action => action === 'granted').length, 2000)
  t.equal(actions.at(-1), 'granted', 'a buddy always may')
})

t.test('a component has no roster that they could fill', async t => {
  const server = await startLoopback({ components: { 'pbx.example.com': 'secret' } })
  t.teardown(() => server.stop())
  const { account, events, next } = watched(t, componentConfig(server.componentPort))
  account.start()
  await next('connected')
  const ask = (at: number): string => `<presence type='subscribe' from='s${at}@example.net' to='pbx.example.com'/>`
  server.send('pbx.example.com', Array.from({ length: 2500 }, (_, at) => ask(at)).join(''))
  await next('subscription', ({ from }) => from === 's2499@example.net')
  t.equal(events.filter(event => event.type === 'subscription' && event.action === 'granted').length, 2500)
})
