/** XEP-0060 and XEP-0163 by the library against real services, with nodes that nobody else has. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { StanzaError } from '../../src/errors.ts'
import { availablePresence, fetchRoster, type Session, subscription } from '../../src/index.ts'
import { el } from '../../src/stream/element.ts'
import { nodeInfo, nodesOf, pubsubFeatures } from '../../src/xep/0060-discovery.ts'
import { type PubsubEvent, pubsubEvents } from '../../src/xep/0060-events.ts'
import { allItems, items, publish, retract } from '../../src/xep/0060-items.ts'
import {
  configureNode,
  createNode,
  defaultNodeConfig,
  deleteNode,
  nodeAffiliations,
  nodeConfig,
  nodeSubscriptions,
  purgeNode,
  setAffiliations,
  setNodeSubscriptions,
} from '../../src/xep/0060-nodes.ts'
import { pubsubCondition } from '../../src/xep/0060-pubsub.ts'
import { affiliationsOf, subscribe, subscriptions, unsubscribe } from '../../src/xep/0060-subscriptions.ts'
import { pep } from '../../src/xep/0163-pep.ts'
import { rejects } from '../helper/rejects.ts'
import { Waiters } from '../helper/waiters.ts'
import { Listener } from './listener.ts'
import { creator, eventually, type PubsubServer, pubsubServers } from './pbx.ts'
import { skip } from './servers/servers.ts'
import { login, newUser } from './users.ts'

t.setTimeout(120_000)

const NS = 'urn:example:state'

for (const server of pubsubServers) {
  t.test(server.name, { skip }, async t => {
    t.test('nodes, items and subscriptions', t => nodes(t, server))
    t.test('owners and others', t => others(t, server))
    t.test('what is refused', t => refusals(t, server))
    t.test('personal eventing', t => personal(t, server))
  })
}

/** A name that no other test has. */
const unique = (word: string): string => `${word}-${randomBytes(6).toString('hex')}`

const entry = (text: string) => el('entry', NS, {}, text)
const item = (id: string) => ({ id, payload: entry(id) })
const ids = (page: { readonly items: readonly { readonly id: string | undefined }[] }) => page.items.map(({ id }) => id)

/** Logs in, and takes note of the events that come. */
class Subscriber {
  readonly session: Session
  readonly #events: PubsubEvent[]
  readonly #news: Waiters

  static async start(t: Test, server: PubsubServer): Promise<Subscriber> {
    const events: PubsubEvent[] = []
    const news = new Waiters()
    const onEvent = (event: PubsubEvent): void => {
      events.push(event)
      news.wake()
    }
    const xeps = [pubsubEvents({ from: jid => jid === server.pubsub, onEvent })]
    const session = await login(t, await newUser(t, server, 'reader'), { xeps })
    session.send(availablePresence(session))
    return new Subscriber(session, events, news)
  }

  private constructor(session: Session, events: PubsubEvent[], news: Waiters) {
    this.session = session
    this.#events = events
    this.#news = news
  }

  /** The first event of that kind that was not asked for yet. */
  next<T extends PubsubEvent['type']>(type: T): Promise<Extract<PubsubEvent, { type: T }>> {
    return this.#news.until(
      () => {
        const index = this.#events.findIndex(event => event.type === type)
        return index < 0 ? undefined : (this.#events.splice(index, 1)[0] as Extract<PubsubEvent, { type: T }>)
      },
      () => `${JSON.stringify(this.#events)}, but no ${type}`,
      15_000,
    )
  }
}

async function nodes(t: Test, server: PubsubServer): Promise<void> {
  const { pubsub } = server
  const owner = await login(t, creator(server))
  const reader = await Subscriber.start(t, server)
  const node = unique('feed')
  t.teardown(() => deleteNode(owner, pubsub, node).catch(() => {}))

  await t.test('a node', async t => {
    const features = await pubsubFeatures(owner, pubsub)
    for (const feature of ['publish', 'subscribe', 'retrieve-items']) t.ok(features.has(feature), feature)
    // ejabberd says that it has some (README.md).
    t.equal(features.has('collections'), server.name === 'ejabberd')
    t.ok(Object.keys(await defaultNodeConfig(owner, pubsub)).length > 5, 'how nodes are at first')
    const config = { title: 'A feed', max_items: 50, access_model: 'open', persist_items: true } as const
    t.equal(await createNode(owner, pubsub, node, { config }), node)
    t.match(await nodeConfig(owner, pubsub, node), config)
    await configureNode(owner, pubsub, node, { title: 'Another', notify_delete: true, notify_retract: true })
    t.match(await nodeConfig(owner, pubsub, node), { ...config, title: 'Another' })
    t.equal((await nodeInfo(owner, pubsub, node)).type, 'leaf')
    t.ok(
      (await nodesOf(owner, pubsub)).nodes.some(each => each.node === node),
      'it is listed',
    )
    const instant = await createNode(owner, pubsub, undefined)
    t.match(instant, /./, 'an instant node')
    await deleteNode(owner, pubsub, instant)
  })

  await t.test('events', async t => {
    const { session } = reader
    const subscribed = await subscribe(session, pubsub, node)
    t.equal(subscribed.subscription, 'subscribed')
    const [mine] = await subscriptions(session, pubsub, { node })
    t.match(mine, { node, subscription: 'subscribed' })
    t.match(await nodeSubscriptions(owner, pubsub, node), [{ jid: subscribed.jid, subscription: 'subscribed' }])

    t.strictSame(await publish(owner, pubsub, node, [item('first')]), ['first'])
    const event = await reader.next('items')
    t.match(event, { from: pubsub, node, items: [{ id: 'first', payload: { name: 'entry', ns: NS } }] })
    t.equal(event.items[0]?.payload?.text, 'first')
    const [made] = await publish(owner, pubsub, node, [{ payload: entry('no id') }])
    t.match(made, /./, 'the service makes an id')
    t.equal((await reader.next('items')).items[0]?.id, made)
    await retract(owner, pubsub, node, ['first'], { notify: true })
    t.match(await reader.next('items'), { node, items: [], retracted: ['first'] })
    await configureNode(owner, pubsub, node, { title: 'Once more', notify_config: true })
    await purgeNode(owner, pubsub, node)
    t.match(await reader.next('purge'), { node })
    t.strictSame((await items(session, pubsub, node)).items, [])
  })

  await t.test('items', async t => {
    for (let index = 0; index < 12; index++) await publish(owner, pubsub, node, [item(`item${index}`)])
    const { session } = reader
    t.strictSame(ids(await items(session, pubsub, node, { ids: ['item3'] })), ['item3'], 'by id')
    const latest = ids(await items(session, pubsub, node, { max: 2 }))
    t.strictSame([...latest].sort(), ['item10', 'item11'], 'the latest')
    const all = new Set<string | undefined>()
    for await (const { id } of allItems(session, pubsub, node, { pageSize: 5 })) all.add(id)
    t.equal(all.size, 12, 'all, by pages where the service has some')
  })

  await t.test('the end', async t => {
    const { session } = reader
    await unsubscribe(session, pubsub, node, { subid: (await subscriptions(session, pubsub, { node }))[0]?.subid })
    t.strictSame(await subscriptions(session, pubsub, { node }), [])
    await subscribe(session, pubsub, node)
    const redirect = `xmpp:${pubsub}?;node=elsewhere`
    await deleteNode(owner, pubsub, node, { redirect })
    const event = await reader.next('delete')
    t.equal(event.node, node)
    // Neither passes it on.
    t.equal(event.redirect, undefined)
    await rejects(t, items(session, pubsub, node), { condition: 'item-not-found' })
  })
}

async function others(t: Test, server: PubsubServer): Promise<void> {
  const { pubsub } = server
  const owner = await login(t, creator(server))
  const reader = await Subscriber.start(t, server)
  const { session } = reader
  const jid = session.jid.replace(/\/.*/, '')
  const node = unique('closed')
  await createNode(owner, pubsub, node, { config: { access_model: 'whitelist' } })
  t.teardown(() => deleteNode(owner, pubsub, node).catch(() => {}))
  await rejects(t, subscribe(session, pubsub, node), { name: 'StanzaError' }, 'not for everyone')
  await setAffiliations(owner, pubsub, node, [{ jid, affiliation: 'member' }])
  t.ok((await nodeAffiliations(owner, pubsub, node)).some(each => each.jid === jid && each.affiliation === 'member'))
  const mine = affiliationsOf(session, pubsub, { node })
  if (server.name === 'prosody') await rejects(t, mine, { condition: 'service-unavailable' }, 'it does not tell')
  else t.match(await mine, [{ node, affiliation: 'member' }])
  t.equal((await subscribe(session, pubsub, node)).subscription, 'subscribed')
  await rejects(t, publish(session, pubsub, node, [item('mine')]), { condition: 'forbidden' })
  await setAffiliations(owner, pubsub, node, [{ jid, affiliation: 'publisher' }])
  t.strictSame(await publish(session, pubsub, node, [item('mine')]), ['mine'])
  const [told] = (await reader.next('items')).items
  t.equal(told?.id, 'mine')
  const [kept] = (await items(session, pubsub, node)).items
  t.equal(kept?.payload?.text, 'mine')
  const [theirs] = await nodeSubscriptions(owner, pubsub, node)
  await setNodeSubscriptions(owner, pubsub, node, [{ jid, subscription: 'none', subid: theirs?.subid }])
  await eventually(async () => (await nodeSubscriptions(owner, pubsub, node)).length === 0, 'it is still subscribed')
  await setAffiliations(owner, pubsub, node, [{ jid, affiliation: 'owner' }])
  await deleteNode(session, pubsub, node)
  t.pass('an owner may delete it')
}

async function refusals(t: Test, server: PubsubServer): Promise<void> {
  const { pubsub, name } = server
  const owner = await login(t, creator(server))
  const stranger = await login(t, await newUser(t, server, 'stranger'))
  const [node, theirs] = [unique('closed'), unique('theirs')]
  await createNode(owner, pubsub, node, { config: { access_model: 'whitelist' } })
  t.teardown(() => deleteNode(owner, pubsub, node).catch(() => {}))
  t.teardown(() => deleteNode(stranger, pubsub, theirs).catch(() => {}))
  /** The condition, and what is special to PubSub. */
  const refusal = async (promise: Promise<unknown>): Promise<string> => {
    try {
      await promise
      return 'done'
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      const special = pubsubCondition(error)
      return [error.condition, special?.condition, special?.feature].filter(word => word !== undefined).join(' ')
    }
  }
  const seen = {
    again: await refusal(createNode(owner, pubsub, node)),
    missing: await refusal(items(owner, pubsub, unique('missing'))),
    closed: await refusal(subscribe(stranger, pubsub, node)),
    read: await refusal(items(stranger, pubsub, node)),
    publish: await refusal(publish(stranger, pubsub, node, [item('x')])),
    configure: await refusal(nodeConfig(stranger, pubsub, node)),
    delete: await refusal(deleteNode(stranger, pubsub, node)),
    create: await refusal(createNode(stranger, pubsub, theirs)),
    elsewhere: await refusal(subscribe(stranger, pubsub, node, { jid: `admin@${server.domain}` })),
    unsubscribed: await refusal(unsubscribe(owner, pubsub, node)),
    condition: await refusal(publish(owner, pubsub, node, [item('x')], { options: { access_model: 'open' } })),
    empty: await refusal(publish(owner, pubsub, node, [{ id: 'x' }])),
    gone: await refusal(retract(owner, pubsub, node, ['nothing'])),
  }
  t.strictSame(seen, refused[name as 'prosody' | 'ejabberd'])
}

/** What the services answer. */
const refused = {
  prosody: {
    again: 'conflict',
    missing: 'item-not-found',
    closed: 'forbidden',
    read: 'forbidden',
    publish: 'forbidden',
    configure: 'forbidden',
    delete: 'forbidden',
    create: 'forbidden',
    elsewhere: 'forbidden',
    unsubscribed: 'unexpected-request not-subscribed',
    condition: 'conflict precondition-not-met',
    empty: 'bad-request',
    gone: 'item-not-found',
  },
  ejabberd: {
    again: 'conflict',
    missing: 'item-not-found',
    closed: 'not-allowed closed-node',
    read: 'not-allowed closed-node',
    publish: 'forbidden',
    configure: 'forbidden',
    delete: 'forbidden',
    create: 'done',
    elsewhere: 'bad-request invalid-jid',
    unsubscribed: 'unexpected-request not-subscribed',
    condition: 'conflict precondition-not-met',
    empty: 'bad-request item-required',
    gone: 'item-not-found',
  },
}

async function personal(t: Test, server: PubsubServer): Promise<void> {
  const [one, two] = [await newUser(t, server, 'one'), await newUser(t, server, 'two')]
  const node = unique('urn:example:tune')
  const heard: PubsubEvent[] = []
  const news = new Waiters()
  const listening = pep({
    [node]: event => {
      heard.push(event)
      news.wake()
    },
  })
  const next = (): Promise<PubsubEvent> =>
    news.until(
      () => heard.shift(),
      () => 'no event',
      15_000,
    )
  const [ears, otherEars] = [new Listener(), new Listener()]
  const first = await login(t, one, { xeps: [ears.xep] })
  const second = await login(t, two, { xeps: [otherEars.xep, listening] })
  for (const session of [first, second]) {
    // Who asks for no roster is told of no subscriptions.
    await fetchRoster(session)
    session.send(availablePresence(session))
  }
  for (const [asking, asked, heard, jid] of [
    [second, one, ears, two.jid],
    [first, two, otherEars, one.jid],
  ] as const) {
    asking.send(subscription(asking, 'subscribe', asked.jid))
    await heard.presence(jid, 'subscribe')
    const answering = asking === first ? second : first
    answering.send(subscription(answering, 'subscribed', jid))
  }
  // Not before the server has asked what the other one's client can do.
  await eventually(async () => {
    await publish(first, undefined, node, [{ id: 'current', payload: entry('a tune') }])
    await sleep(100)
    return heard.length > 0
  }, 'no event')
  const [event] = heard.splice(0)
  t.match(event, { type: 'items', from: one.jid, node, items: [{ id: 'current' }] })
  t.equal(event?.type === 'items' && event.items[0]?.payload?.text, 'a tune')
  t.equal((await items(second, one.jid, node)).items[0]?.id, 'current', 'a contact may read it')
  await configureNode(first, undefined, node, { notify_retract: true })
  await retract(first, undefined, node, ['current'], { notify: true })
  // ejabberd tells nobody, whatever it is asked to.
  if (server.name !== 'ejabberd') t.match(await next(), { type: 'items', from: one.jid, retracted: ['current'] })
  await publish(first, undefined, node, [{ id: 'current', payload: entry('another') }])
  await next()
  const late = await login(t, { ...two, jid: `${two.jid}/late` }, { xeps: [listening] })
  late.send(availablePresence(late))
  t.match(await next(), { type: 'items', from: one.jid, items: [{ id: 'current' }] }, 'the last one on coming')
  await deleteNode(first, undefined, node)
}
