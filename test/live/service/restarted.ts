import type { Test } from 'tap'
import type { Session } from '../../../src/index.ts'
import { allItems, publish } from '../../../src/xep/0060-items.ts'
import { createNode } from '../../../src/xep/0060-nodes.ts'
import { subscribe } from '../../../src/xep/0060-subscriptions.ts'
import { Listener } from '../listener.ts'
import { kill, type LiveServer, start, stop } from '../servers/servers.ts'
import { login, newUser, type User } from '../users.ts'
import { ServiceCommand } from './command.ts'
import { payloadOf } from './ledger.ts'

const NODE = 'feed'

/** What the loss of its server, which is all ours, does to `res-xmpp pubsub`. */
export async function serviceRestarted(t: Test, server: LiveServer): Promise<void> {
  const { nodes: jid } = server.services
  const service = new ServiceCommand(t, server, jid)
  await service.start()
  const [user, other] = [await newUser(t, server, 'publisher'), await newUser(t, server, 'subscriber')]
  const first = await login(t, user)
  await createNode(first, jid, NODE)
  await subscribe(await login(t, other), jid, NODE)
  await publish(first, jid, NODE, [{ id: '0', payload: payloadOf('0', 0) }])

  const ends = server.name === 'prosody' ? [stop, kill] : [kill]
  for (const [times, end] of ends.entries()) {
    await end(server)
    await service.logged(/not attached: .*; trying again/, times + 1)
    await start(server)
    await service.attached(times + 2)
    const { session, heard } = await come(t, other)
    const publisher = await login(t, user)
    const id = `${times + 1}`
    await publish(publisher, jid, NODE, [{ id, payload: payloadOf(id, 0) }])
    const event = await heard.message(jid)
    t.match(event.elements[0]?.elements[0]?.elements[0], { attrs: { id } }, 'the subscriber still is one')
    const kept: unknown[] = []
    for await (const item of allItems(session, jid, NODE)) kept.push(item.id)
    t.strictSame(kept, ['0', '1', '2'].slice(0, times + 2))
  }
  t.match(await service.terminate(), { code: 0 })
}

async function come(t: Test, user: User): Promise<{ session: Session; heard: Listener }> {
  const heard = new Listener()
  const session = await login(t, user, { xeps: [heard.xep] })
  session.send(session.stanza('presence'))
  return { session, heard }
}
