/** The service as a component: what it says, in which order, and what becomes of it when its store or its server fails. */
import t, { type Test } from 'tap'
import { XmppError } from '../../src/errors.ts'
import {
  type Entry,
  PubsubComponent,
  type PubsubComponentOptions,
  type Store,
  type StoreUser,
} from '../../src/pubsub-component/index.ts'
import { type Element, el } from '../../src/stream/element.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { NS_DISCO_INFO } from '../../src/xep/0030-disco.ts'
import { NS_PUBSUB, NS_PUBSUB_EVENT } from '../../src/xep/0060-pubsub.ts'
import { HandClock } from '../helper/clock.ts'
import { rejects } from '../helper/rejects.ts'
import { type Actor, Stage, settled } from '../testing/loopback-actors.ts'

const SERVICE = 'nodes.one.example'

/** A store that saves when it is told to, and fails when it is told to. */
class HandStore implements Store {
  readonly saved_: Entry[] = []
  #appended: Entry[] = []
  #user: StoreUser | undefined
  #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = []
  /** Saves at once. */
  quick = true
  failing = false
  opened = 0

  async open(user: StoreUser) {
    if (this.failing) throw new XmppError('PUBSUB_STORE', 'the disk is full')
    this.opened++
    this.#user = user
    this.#appended = []
    for (const entry of this.saved_) user.restore(entry)
    return { entries: this.saved_.length, bytes: 0, damage: [] }
  }

  append(entry: Entry): void {
    this.#appended.push(JSON.parse(JSON.stringify(entry)))
  }

  saved(): Promise<void> {
    if (this.failing) return Promise.reject(new XmppError('PUBSUB_STORE', 'the disk is full'))
    if (this.quick || this.#appended.length === 0) return Promise.resolve(this.save())
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  save(): void {
    this.saved_.push(...this.#appended.splice(0))
    for (const { resolve } of this.#waiting.splice(0)) resolve()
  }

  fail(): void {
    this.failing = true
    this.#appended = []
    for (const { reject } of this.#waiting.splice(0)) reject(new XmppError('PUBSUB_STORE', 'the disk is full'))
  }

  async close(): Promise<void> {
    this.save()
  }

  get snapshot(): Entry[] {
    return [...(this.#user?.snapshot() ?? [])]
  }
}

async function setUp(t: Test, options: Partial<PubsubComponentOptions> = {}) {
  const server = await startLoopback({
    users: { 'alice@one.example': 'alice:pw', 'bob@one.example': 'bob pw', 'carol@two.example': 'caröl' },
    components: { 'pbx.example': 'hush', [SERVICE]: 'secret' },
  })
  const service = new PubsubComponent({
    domain: SERVICE,
    secret: 'secret',
    host: server.host,
    port: server.componentPort,
    random: () => 0,
    ...options,
  })
  const online = new Promise<void>(resolve => service.on('online', () => resolve()))
  t.teardown(async () => {
    await service.stop()
    await server.stop()
  })
  await service.start()
  await online
  return { server, service, on: new Stage(server) }
}

const ask = (actor: Actor, type: 'get' | 'set', ...children: Element[]): Promise<Element> =>
  actor.session.iq(type, SERVICE, el('pubsub', NS_PUBSUB, {}, ...children))
const create = (node: string): Element => el('create', NS_PUBSUB, { node })
const publish = (node: string, id: string): Element =>
  el('publish', NS_PUBSUB, { node }, el('item', NS_PUBSUB, { id }, el('state', 'http://asterisk.org', {}, 'INUSE')))
const subscribe = (node: string, jid: string): Element => el('subscribe', NS_PUBSUB, { node, jid })

t.test('users of a server use it', async t => {
  const { on, service } = await setUp(t)
  const [alice, bob, carol] = [
    await on.online('alice@one.example/a'),
    await on.online('bob@one.example/b'),
    await on.online('carol@two.example/c'),
  ] as const
  await ask(alice, 'set', create('n'))
  await ask(bob, 'set', subscribe('n', 'bob@one.example'))
  await ask(alice, 'set', publish('n', 'x'))
  const event = (await bob.next('message', { from: SERVICE })).child('event', NS_PUBSUB_EVENT)
  t.equal(event?.child('items')?.child('item')?.attrs.publisher, 'alice@one.example')
  await rejects(t, ask(carol, 'set', create('m')), { condition: 'forbidden' })
  await rejects(t, ask(bob, 'set', publish('n', 'y')), { condition: 'forbidden' })
  const info = await alice.session.iq('get', SERVICE, el('query', NS_DISCO_INFO))
  t.match(String(info), /<identity category='pubsub' type='service'\/>/)
  t.match(String(info), /urn:xmpp:ping/)
  t.ok(await alice.session.iq('get', SERVICE, el('ping', 'urn:xmpp:ping')))
  await rejects(t, alice.session.iq('get', `x@${SERVICE}`, el('query', NS_DISCO_INFO)), { condition: 'item-not-found' })
  await rejects(t, alice.session.iq('get', SERVICE, el('vCard', 'vcard-temp')), { condition: 'service-unavailable' })
  t.strictSame(service.counts, { nodes: 1, items: 1, bytes: service.counts.bytes, subscriptions: 1 })
  t.ok(await service.delete('n'))
  t.match(String(await bob.next('message', { from: SERVICE })), /<delete node='n'\/>/)
  t.notOk(await service.delete('n'))
})

t.test('an error repeats what was asked, and has a code', async t => {
  const { on } = await setUp(t)
  const alice = await on.online('alice@one.example/a')
  const asked = el('pubsub', NS_PUBSUB, {}, publish('gone', 'x'))
  alice.send('iq', { type: 'set', to: SERVICE, id: 'q' }, asked)
  const answer = await alice.next('iq', { id: 'q' })
  t.equal(String(answer.child('pubsub', NS_PUBSUB)), String(asked))
  t.equal(answer.child('error')?.attrs.code, '404')
})

t.test('who may create, and who is an admin', async t => {
  const { on } = await setUp(t, { creators: ['two.example', 'pbx.example'], admins: ['bob@one.example'] })
  const [alice, bob] = [await on.online('alice@one.example/a'), await on.online('bob@one.example/b')]
  const [carol, pbx] = [await on.online('carol@two.example/c'), await on.component('pbx.example')]
  await rejects(t, ask(alice, 'set', create('a')), { condition: 'forbidden' })
  for (const [at, actor] of [bob, carol, pbx].entries()) t.ok(await ask(actor, 'set', create(`n${at}`)))
  await ask(bob, 'set', publish('n1', 'x'))
  const wrong = { code: 'PUBSUB_OPTION', message: /^admins: / }
  t.throws(() => new PubsubComponent({ domain: SERVICE, secret: 'x', admins: ['a@b@c'] }), wrong)
})

t.test('nothing is said before it is kept, and what is said is in order', async t => {
  const store = new HandStore()
  const { on } = await setUp(t, { store })
  const alice = await on.online('alice@one.example/a')
  await ask(alice, 'set', create('n'))
  await ask(alice, 'set', subscribe('n', 'alice@one.example'))
  store.quick = false
  alice.inbox.length = 0
  const heard: string[] = []
  const first = ask(alice, 'set', publish('n', '1')).then(() => heard.push('first'))
  const second = ask(alice, 'get', el('items', NS_PUBSUB, { node: 'n' })).then(answer => heard.push(String(answer)))
  await settled(alice)
  t.strictSame(heard, [], 'what is only asked waits too: it would tell of what may never have been')
  t.notOk(alice.inbox.some(({ name }) => name === 'message'))
  store.save()
  await Promise.all([first, second])
  t.equal(heard[0], 'first')
  t.match(heard[1], /<item id='1'/)
  await alice.next('message', { from: SERVICE })
  const names = alice.inbox.map(({ name }) => name)
  t.strictSame(names.slice(0, 1), ['iq'], 'the answer comes first')
})

t.test('a store that fails takes back what it has not kept, and is tried again', async t => {
  const store = new HandStore()
  const clock = new HandClock()
  const { on, service } = await setUp(t, { store, stream: { clock } })
  const troubles: number[] = []
  const restored = new Promise<void>(resolve => service.on('restored', () => resolve()))
  service.on('store', ({ retryIn }) => troubles.push(retryIn))
  const alice = await on.online('alice@one.example/a')
  await ask(alice, 'set', create('n'))
  await ask(alice, 'set', subscribe('n', 'alice@one.example'))
  store.quick = false
  const lost = ask(alice, 'set', publish('n', 'lost'))
  const after = ask(alice, 'get', el('items', NS_PUBSUB, { node: 'n' }))
  await settled(alice)
  store.fail()
  await rejects(t, lost, { condition: 'internal-server-error', type: 'wait' })
  await rejects(t, after, { condition: 'internal-server-error' })
  await rejects(t, ask(alice, 'set', publish('n', 'no')), { condition: 'internal-server-error' })
  await clock.advance(1000)
  await clock.advance(2000)
  t.strictSame(troubles, [1000, 2000, 4000])
  store.failing = false
  store.quick = true
  await clock.advance(4000)
  await restored
  const items = await ask(alice, 'get', el('items', NS_PUBSUB, { node: 'n' }))
  t.notMatch(String(items), /lost/)
  await ask(alice, 'set', publish('n', 'again'))
  await settled(alice)
  t.equal(alice.inbox.filter(({ name }) => name === 'message').length, 1, 'nobody was told of what was lost')
  t.match(JSON.stringify(store.snapshot), /again/)
})

t.test('what it has still to say leaves by the next connection', async t => {
  const store = new HandStore()
  const { on, server, service } = await setUp(t, { store })
  const bob = await on.online('bob@one.example/b')
  await ask(bob, 'set', create('n'))
  await ask(bob, 'set', subscribe('n', 'bob@one.example'))
  store.quick = false
  ask(bob, 'set', publish('n', 'x')).catch(() => {})
  await settled(bob)
  const offline = new Promise<void>(resolve => service.on('offline', () => resolve()))
  const online = new Promise<void>(resolve => service.on('online', () => resolve()))
  server.drop(SERVICE)
  await offline
  store.save()
  await online
  t.match(String(await bob.next('message', { from: SERVICE })), /<item id='x'/)
})

t.test('another one begins with what the first one has kept', async t => {
  const store = new HandStore()
  const first = await setUp(t, { store })
  const alice = await first.on.online('alice@one.example/a')
  await ask(alice, 'set', create('n'))
  await ask(alice, 'set', publish('n', 'x'))
  await first.service.stop()
  const second = await setUp(t, { store })
  t.strictSame([...second.service.names()], ['n'])
  t.equal(second.service.describe('n')?.items, 1)
})

t.test('what one sends does not end the connection of all', async t => {
  const { on, server, service } = await setUp(t)
  const alice = await on.online('alice@one.example/a')
  service.on('offline', ({ error }) => t.fail(String(error)))
  const ends = `from='mallory@far.example/x' to='${SERVICE}'`
  const deep = `${'<a>'.repeat(20_000)}${'</a>'.repeat(20_000)}`
  const wide = Array.from({ length: 500 }, (_, at) => `a${at}='x'`).join(' ')
  const long = 'x'.repeat(600_000)
  for (const inner of [deep, `<a ${wide}/>`, `<body>${long}</body>`]) {
    server.send(SERVICE, `<message ${ends}>${inner}</message>`)
    server.send(SERVICE, `<presence ${ends}>${inner}</presence>`)
    server.send(SERVICE, `<iq ${ends} type='set' id='x'><pubsub xmlns='${NS_PUBSUB}'>${inner}</pubsub></iq>`)
  }
  await ask(alice, 'set', create('n'))
  t.equal(service.counts.nodes, 1)
})

t.test('who is no address, and what is for none of ours', async t => {
  const { on, server, service } = await setUp(t)
  const alice = await on.online('alice@one.example/a')
  const create = `<pubsub xmlns='${NS_PUBSUB}'><create node='n'/></pubsub>`
  server.send(SERVICE, `<iq to='${SERVICE}' type='set' id='x'>${create}</iq>`)
  server.send(SERVICE, `<iq from='@@' to='${SERVICE}' type='set' id='x'>${create}</iq>`)
  const asked = el('pubsub', NS_PUBSUB, {}, el('create', NS_PUBSUB, { node: 'n' }))
  await rejects(t, alice.session.iq('set', `${SERVICE}/x`, asked), { condition: 'item-not-found' })
  t.equal(service.counts.nodes, 0)
})

t.test('what lasts as long as somebody is there', async t => {
  const { on, service } = await setUp(t)
  const [alice, bob] = [await on.online('alice@one.example/a'), await on.online('bob@one.example/b')]
  await ask(alice, 'set', create('n'))
  const options = el(
    'options',
    NS_PUBSUB,
    {},
    el(
      'x',
      'jabber:x:data',
      { type: 'submit' },
      el('field', 'jabber:x:data', { var: 'pubsub#expire' }, el('value', 'jabber:x:data', {}, 'presence')),
    ),
  )
  await ask(bob, 'set', subscribe('n', 'bob@one.example'), options)
  t.ok(await bob.next('presence', { from: SERVICE, type: 'subscribe' }))
  bob.send('presence', { to: SERVICE, type: 'subscribed' })
  await settled(bob)
  t.equal(service.counts.subscriptions, 1)
  bob.send('presence', { type: 'unavailable' })
  await settled(bob, alice)
  t.equal(service.counts.subscriptions, 0)
})
