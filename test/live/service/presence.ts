/** Subscriptions that last as long as somebody is there (`pubsub#expire`, XEP-0060 §12.4 and §12.18). */
import type { Test } from 'tap'
import { fetchRoster, type Session, sendPing, subscription } from '../../../src/index.ts'
import { publish } from '../../../src/xep/0060-items.ts'
import { createNode, nodeSubscriptions } from '../../../src/xep/0060-nodes.ts'
import { subscribe } from '../../../src/xep/0060-subscriptions.ts'
import { Listener } from '../listener.ts'
import { eventually } from '../pbx.ts'
import type { LiveServer } from '../servers/servers.ts'
import { login, newUser, type User } from '../users.ts'
import { attach } from './attach.ts'
import { ServiceCommand } from './command.ts'
import { payloadOf } from './ledger.ts'
import { ServiceClient } from './peer.ts'

const NODE = 'feed'
const lease = { options: { expire: 'presence' } } as const

/** Those who are asked for their presence, and those who send it. */
export async function presences(t: Test, server: LiveServer): Promise<void> {
  const service = await attach(t, server, server.services.nodes)
  const { jid } = service
  const owner = await login(t, await newUser(t, server, 'owner'))
  await createNode(owner, jid, NODE)
  const count = (wanted: number) => subscribers(owner, jid, wanted)

  await t.test('who lets it see them', async t => {
    const other = await ServiceClient.start(t, 'slixmpp', await newUser(t, server, 'other'), jid)
    const asked = { node: NODE, options: { expire: 'presence' } }
    t.match(await other.ask('subscribe', asked), { subscription: 'subscribed' })
    t.match(await other.ask('options', { node: NODE }), { expire: 'presence' })
    // It says yes to whoever asks.
    await other.next('presence', { from: jid, type: 'subscribe' })
    await other.ask('ping')
    await publish(owner, jid, NODE, [{ id: 'one', payload: payloadOf('one', 0) }])
    t.match(await other.next('items'), { node: NODE, items: [['one', 'one']] }, 'is subscribed')
    await count(1)
    await other.quit()
    await count(0)
    t.pass('until he goes')
  })

  await t.test('who sends it presence', async t => {
    const { session, heard } = await online(t, await newUser(t, server, 'directing'))
    session.send(session.stanza('presence', { to: jid }))
    await subscribe(session, jid, NODE, { ...lease, jid: session.jid })
    await publish(owner, jid, NODE, [{ id: 'directed', payload: payloadOf('directed', 0) }])
    await heard.message(jid)
    await session.close()
    await count(0)
    t.pass('and is gone when he is')
  })

  await t.test('who has let it see him before', async t => {
    const user = await newUser(t, server, 'again')
    const { session } = await seen(t, user, jid)
    await count(1)
    await session.close()
    await count(0)
    // As res_xmpp does it, which subscribes before it sends presence.
    const late = await online(t, user)
    await subscribe(late.session, jid, NODE, lease)
    late.session.send(late.session.stanza('presence'))
    await publish(owner, jid, NODE, [{ id: 'two', payload: payloadOf('two', 0) }])
    await late.heard.message(jid)
    await count(1)
    await late.session.close()
    await count(0)
  })
}

/** What happens while the service is away. */
export async function absence(t: Test, server: LiveServer): Promise<void> {
  const service = new ServiceCommand(t, server, server.services.nodes)
  const { jid } = service
  await service.start()
  const owner = await login(t, await newUser(t, server, 'owner'))
  await createNode(owner, jid, NODE)
  const [going, staying] = [await newUser(t, server, 'going'), await newUser(t, server, 'staying')]
  const [one, two] = [await seen(t, going, jid), await seen(t, staying, jid)]
  await subscribers(owner, jid, 2)
  await service.kill()
  await one.session.close()
  await service.start()
  if (server.name === 'ejabberd') {
    // It does not answer who asks for somebody who is away: then he has to come and go once more.
    const { session } = await online(t, going)
    session.send(session.stanza('presence'))
    await sendPing(session, jid)
    await session.close()
  }
  await subscribers(owner, jid, 1)
  t.match(await nodeSubscriptions(owner, jid, NODE), [{ jid: staying.jid }], 'who went while it was away')
  await publish(owner, jid, NODE, [{ id: 'one', payload: payloadOf('one', 0) }])
  await two.heard.message(jid)
  await two.session.close()
  await subscribers(owner, jid, 0)
}

async function online(t: Test, user: User): Promise<{ session: Session; heard: Listener }> {
  const heard = new Listener()
  const session = await login(t, user, { xeps: [heard.xep] })
  // Who does not ask for it is asked for nothing.
  await fetchRoster(session)
  return { session, heard }
}

/** Subscribes, and lets the service see the presence. */
async function seen(t: Test, user: User, service: string): ReturnType<typeof online> {
  const { session, heard } = await online(t, user)
  session.send(session.stanza('presence'))
  await subscribe(session, service, NODE, lease)
  await heard.presence(service, 'subscribe')
  session.send(subscription(session, 'subscribed', service))
  // What follows from that is with the service before this is.
  await sendPing(session, service)
  return { session, heard }
}

async function subscribers(owner: Session, service: string, wanted: number): Promise<void> {
  const all = async () => (await nodeSubscriptions(owner, service, NODE)).length === wanted
  await eventually(all, `there are not ${wanted} subscribers`)
}
