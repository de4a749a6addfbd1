/** Nodes of single devices, and connections that are lost. */
import t, { type Test } from 'tap'
import { connectClient } from '../../../src/client.ts'
import { deleteNode } from '../../../src/xep/0060-nodes.ts'
import { pbx, SERVICE, service } from './pbx.ts'

const config = { collection_nodes: true }

/** Two PBXes, each of which knows a device of the other. */
async function shared(t: Test) {
  const server = await service(t)
  const [one, two] = [pbx(t, server, 'one', { config, farewell: 'retract' }), pbx(t, server, 'two', { config })]
  for (const each of [one, two]) {
    each.account.start()
    await each.next('connected')
  }
  one.bus.setDevice('Custom:one', 'INUSE')
  await two.device('Custom:one', 'INUSE')
  two.bus.setDevice('Custom:two', 'BUSY')
  await one.device('Custom:two', 'BUSY')
  return { server, one, two }
}

t.test('a new leaf is heard of while the connection is lost: the session that is resumed enters it', async t => {
  const { server, one, two } = await shared(t)
  server.drop('two@example.com')
  await two.next('offline')
  one.bus.setDevice('Custom:new', 'RINGING')
  t.equal((await two.next('connected', ({ resumed }) => resumed)).resumed, true)
  await two.device('Custom:new', 'RINGING')
})

t.test('what was taken back while the session was lost does not count', async t => {
  const { server, one, two } = await shared(t)
  server.drop('two@example.com')
  server.forgetSessions('two@example.com')
  await two.next('offline')
  one.bus.clearDevice('Custom:one')
  await two.device('Custom:one', undefined)
})

t.test(
  'a leaf that was deleted while sessions were lost is made again by whoever has something to say there',
  async t => {
    const { server, one, two } = await shared(t)
    for (const name of ['one', 'two']) {
      server.drop(`${name}@example.com`)
      server.forgetSessions(`${name}@example.com`)
    }
    const admin = await connectClient({
      jid: 'three@example.com/admin',
      password: 'secret',
      host: '127.0.0.1',
      port: server.port,
      tls: 'never',
    })
    const run = admin.run()
    await deleteNode(admin, SERVICE, 'Custom:two')
    await admin.close()
    await run
    await one.next('connected', ({ resumed }) => !resumed)
    const three = pbx(t, server, 'three', { config })
    three.account.start()
    await three.device('Custom:two', 'BUSY')
    await two.device('Custom:one', 'INUSE')
  },
)
