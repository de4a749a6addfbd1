/** Our PubSub service at real servers, as the command that users run: who may create, who is there, and how it ends. */
import t, { type Test } from 'tap'
import { connectComponent, type Session } from '../../src/index.ts'
import { allItems, publish } from '../../src/xep/0060-items.ts'
import { createNode } from '../../src/xep/0060-nodes.ts'
import { rejects } from '../helper/rejects.ts'
import { type LiveServer, servers, skip } from './servers/servers.ts'
import { ServiceCommand } from './service/command.ts'
import { payloadOf } from './service/ledger.ts'
import { overhear } from './service/overheard.ts'
import { absence, presences } from './service/presence.ts'
import { login, newUser } from './users.ts'

t.setTimeout(120_000)

for (const server of servers) {
  t.test(server.name, { skip }, async t => {
    t.test('who may create nodes', t => creators(t, server))
    t.test('subscriptions as long as somebody is there', t => presences(t, server))
    t.test('who goes while it is away', t => absence(t, server))
    t.test('SIGTERM', t => termination(t, server))
  })
}

async function creators(t: Test, server: LiveServer): Promise<void> {
  const { domain, services, componentSecret: secret, componentPort: port } = server
  const { nodes, switch: pbx } = services
  const own = await login(t, await newUser(t, server, 'own'))
  const other = server.hosts.find(({ users, domain: host }) => users && host !== domain)?.domain
  const strangers: Session[] = []
  const component = await connectComponent({ domain: pbx, secret, host: '127.0.0.1', port })
  t.teardown(() => component.close())
  component.run().catch(() => {})
  strangers.push(component)
  if (other !== undefined) {
    strangers.push(await login(t, { server, jid: `alice@${other}`, password: 'secret-alice' }))
  }

  const usual = new ServiceCommand(t, server, nodes)
  await usual.start()
  t.equal(await createNode(own, nodes, 'own'), 'own', 'a user of the domain that it is part of')
  for (const stranger of strangers) {
    await rejects(t, createNode(stranger, nodes, 'theirs'), { condition: 'forbidden' }, stranger.jid)
  }
  t.equal((await usual.terminate()).code, 0)

  const open = new ServiceCommand(t, server, nodes, { creators: [pbx] })
  await open.start()
  t.equal(await createNode(component, nodes, 'theirs'), 'theirs', 'a PBX that is named')
  t.strictSame(await publish(component, nodes, 'theirs', [{ id: 'x', payload: payloadOf('x', 0) }]), ['x'])
  for (const session of [own, ...strangers.slice(1)]) {
    await rejects(t, createNode(session, nodes, 'own'), { condition: 'forbidden' }, `not ${session.jid}`)
  }
  t.equal((await open.terminate()).code, 0)
}

async function termination(t: Test, server: LiveServer): Promise<void> {
  const { nodes } = server.services
  const way = await overhear(t, server.componentPort)
  const service = new ServiceCommand(t, server, nodes, { port: way.port })
  await service.start()
  const owner = await login(t, await newUser(t, server, 'owner'))
  await createNode(owner, nodes, 'feed')
  const asked = Array.from({ length: 50 }, (_, i) =>
    publish(owner, nodes, 'feed', [{ id: `${i}`, payload: payloadOf('x', 1000) }], { timeout: 2000 }),
  )
  // Those that it does not come to are refused, by it or by the server, or lost on the way.
  const answers = Promise.allSettled(asked)
  await asked[0]
  const before = performance.now()
  const { code, signal, out } = await service.terminate()
  t.ok(performance.now() - before < 5000, 'within 5 s')
  t.strictSame({ code, signal, out }, { code: 0, signal: null, out: '' })
  t.match(way.said, /<\/stream:stream>$/, 'it says goodbye')
  await service.start()
  const done = (await answers).flatMap(({ status }, i) => (status === 'fulfilled' ? `${i}` : []))
  const kept = new Set<string | undefined>()
  for await (const { id } of allItems(owner, nodes, 'feed')) kept.add(id)
  t.ok(done.length > 0 && done.every(id => kept.has(id)), `${done.length} were answered, ${kept.size} are there`)
  t.equal((await service.terminate()).code, 0)
}
