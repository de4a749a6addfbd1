import t, { type Test } from 'tap'
import { startLoopback } from '../../src/testing/index.ts'
import { clientConfig, componentConfig, type Watched, watched } from './setting.ts'

/** A server with juliet, romeo and the component pbx.example.com. */
async function server(t: Test) {
  const server = await startLoopback({
    users: { 'juliet@example.com': 'secret', 'romeo@example.com': 'secret' },
    components: { 'pbx.example.com': 'secret' },
    starttls: 'none',
  })
  t.teardown(() => server.stop())
  return server
}

/** Resolves once the account gives that status for a JID. */
async function status({ account, next }: Watched, jid: string, wanted: number): Promise<void> {
  while (account.status(jid) !== wanted) await next('presence', ({ from }) => from.startsWith(jid))
}

t.test('two accounts that are buddies of one another', async t => {
  const { port } = await server(t)
  const juliet = watched(t, clientConfig(port, 'buddy=romeo@example.com'), { random: () => 0 })
  const lines = 'username=romeo@example.com/orchard\nbuddy=juliet@example.com\nstatus=dnd'
  const romeo = watched(t, clientConfig(port, lines))
  juliet.account.start()
  await juliet.next('connected')
  romeo.account.start()
  await romeo.next('connected')
  await status(juliet, 'romeo@example.com', 5)
  await status(romeo, 'juliet@example.com', 1)

  const waiting = romeo.account.receive('juliet@example.com/balcony', 5000)
  await juliet.account.send('romeo@example.com', 'wherefore art thou?')
  t.match(await waiting, { body: 'wherefore art thou?', from: 'juliet@example.com/balcony', type: 'chat' })

  const id = await juliet.account.send('nobody@example.com', 'hello?')
  t.match(await juliet.next('bounce'), { to: 'nobody@example.com', id })

  await romeo.account.stop()
  await status(juliet, 'romeo@example.com', 6)
  await romeo.account.update({ ...romeo.account.config, status: 'away' }, new Set(['presence']))
  romeo.account.start()
  await status(juliet, 'romeo@example.com', 3)
})

t.test('cut off, both come back and see one another again', async t => {
  const loopback = await server(t)
  const juliet = watched(t, clientConfig(loopback.port, 'buddy=romeo@example.com'), { random: () => 0 })
  const lines = 'username=romeo@example.com/orchard\nbuddy=juliet@example.com'
  const romeo = watched(t, clientConfig(loopback.port, lines), { random: () => 0 })
  for (const { account } of [juliet, romeo]) account.start()
  for (const { next } of [juliet, romeo]) await next('connected')
  await status(juliet, 'romeo@example.com', 1)
  await status(romeo, 'juliet@example.com', 1)
  t.equal(loopback.drop(), 2)
  for (const { next, account } of [juliet, romeo]) {
    await next('offline')
    t.equal(account.state, 'Disconnected')
  }
  for (const { next } of [juliet, romeo]) await next('connected')
  await status(juliet, 'romeo@example.com', 1)
  await status(romeo, 'juliet@example.com', 1)
})

t.test('a component and a client', async t => {
  const loopback = await server(t)
  const pbx = watched(t, componentConfig(loopback.componentPort, 'buddy=juliet@example.com\nstatus=chat'), {
    random: () => 0,
  })
  const juliet = watched(t, clientConfig(loopback.port, 'buddy=sales@pbx.example.com'))
  pbx.account.start()
  t.match(await pbx.next('connected'), { jid: 'pbx.example.com', mechanism: 'handshake', tls: undefined })
  juliet.account.start()
  await juliet.next('connected')
  await status(juliet, 'sales@pbx.example.com', 2)
  await status(pbx, 'juliet@example.com', 1)

  await juliet.account.send('6001@pbx.example.com', 'ring')
  t.equal((await pbx.account.receive('juliet@example.com', 5000))?.body, 'ring')
  const waiting = juliet.account.receive('pbx.example.com', 5000)
  await pbx.account.send('juliet@example.com', 'rang')
  t.equal((await waiting)?.body, 'rang')

  t.equal(loopback.drop('pbx.example.com'), 1)
  await pbx.next('offline')
  t.equal(pbx.account.status('juliet@example.com'), 6)
  await pbx.next('connected')
  await status(pbx, 'juliet@example.com', 1)
})
