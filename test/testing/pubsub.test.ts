import t from 'tap'
import { discoItems } from '../../src/index.ts'
import { type Element, el } from '../../src/stream/element.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { NS_PUBSUB, NS_PUBSUB_EVENT } from '../../src/xep/0060-pubsub.ts'
import { rejects } from '../helper/rejects.ts'
import { type Actor, settled, stage } from './loopback-actors.ts'

const SERVICE = 'pubsub.one.example'

const ask = (actor: Actor, type: 'get' | 'set', ...children: Element[]): Promise<Element> =>
  actor.session.iq(type, SERVICE, el('pubsub', NS_PUBSUB, {}, ...children))

const publication = (id: string, text: string): Element =>
  el(
    'publish',
    NS_PUBSUB,
    { node: 'device_state' },
    el('item', NS_PUBSUB, { id }, el('state', 'http://asterisk.org', { eid: '02:00:00:00:00:01' }, text)),
  )

t.test('two users share what they publish', async t => {
  const on = await stage(t, { pubsub: [SERVICE, 'other.pubsub.example'] })
  const alice = await on.online('alice@one.example/pbx')
  const phone = await on.online('carol@two.example/phone')
  const silent = await on.online('carol@two.example/silent', -1)
  const found = await discoItems(alice.session, 'one.example')
  t.ok(found.some(({ jid }) => jid === SERVICE))
  await ask(alice, 'set', el('create', NS_PUBSUB, { node: 'device_state' }))
  await ask(alice, 'set', publication('Custom:before', 'INUSE'))
  await ask(phone, 'set', el('subscribe', NS_PUBSUB, { node: 'device_state', jid: 'carol@two.example' }))
  const last = await phone.next('message', { from: SERVICE })
  t.match(String(last), /Custom:before/)
  t.equal(last.attrs.type, 'headline')
  await ask(alice, 'set', publication('Custom:lobby', 'RINGING'))
  const event = (await phone.next('message', { from: SERVICE })).child('event', NS_PUBSUB_EVENT)
  const item = event?.child('items')?.child('item')
  t.strictSame({ ...item?.attrs }, { id: 'Custom:lobby', publisher: 'alice@one.example' })
  t.equal(item?.childText('state', 'http://asterisk.org'), 'RINGING')
  await settled(alice, phone, silent)
  t.notOk(
    silent.inbox.some(({ name }) => name === 'message'),
    'a bare JID is who wants messages',
  )
  await rejects(t, ask(phone, 'set', publication('Custom:lobby', 'INUSE')), { condition: 'forbidden' })
  const items = await ask(phone, 'get', el('items', NS_PUBSUB, { node: 'device_state' }))
  t.equal(items.child('pubsub', NS_PUBSUB)?.child('items')?.elements.length, 2)
})

t.test('components publish and subscribe too, and nobody who is gone holds anything up', async t => {
  const on = await stage(t, { pubsub: [SERVICE] })
  const pbx = await on.component('pbx.example')
  const bob = await on.client('bob@one.example/desk')
  await ask(pbx, 'set', el('create', NS_PUBSUB, { node: 'device_state' }))
  await ask(bob, 'set', el('subscribe', NS_PUBSUB, { node: 'device_state', jid: 'bob@one.example' }))
  await ask(pbx, 'set', el('subscribe', NS_PUBSUB, { node: 'device_state', jid: 'pbx.example' }))
  await ask(pbx, 'set', publication('Custom:lobby', 'INUSE'))
  const event = await pbx.next('message', { from: SERVICE })
  t.match(String(event), /publisher=.pbx\.example./)
  await settled(bob, pbx)
  t.notOk(
    bob.inbox.some(({ name }) => name === 'message'),
    'bob has sent no presence',
  )
  t.notOk(pbx.inbox.some(({ attrs }) => attrs.type === 'error'))
})

t.test('what is no request is left alone, and below the service there is nobody', async t => {
  const on = await stage(t, { pubsub: [SERVICE] })
  const alice = await on.online('alice@one.example/a')
  for (const type of [undefined, 'subscribe', 'probe', 'unavailable']) alice.send('presence', { type, to: SERVICE })
  alice.say(SERVICE, 'hello')
  alice.say(SERVICE, 'no', { type: 'error' })
  alice.send('iq', { type: 'result', id: 'x', to: SERVICE })
  await settled(alice)
  const heard = alice.inbox.filter(({ attrs }) => attrs.from === SERVICE || attrs.type === 'error')
  t.strictSame(
    heard.map(({ name, attrs }) => `${name} ${attrs.type}`),
    ['presence unsubscribed'],
    'nobody has it for a contact',
  )
  const info = el('query', 'http://jabber.org/protocol/disco#info')
  await rejects(t, alice.session.iq('get', `x@${SERVICE}`, info), { condition: 'item-not-found' })
  await rejects(t, alice.session.iq('get', SERVICE, el('ping', 'urn:xmpp:ping')), { condition: 'service-unavailable' })
  t.ok(await alice.session.iq('get', SERVICE, info))
})

t.test('a service is a domain of its own', async t => {
  const users = { 'alice@one.example': 'pw' }
  const components = { 'pbx.example': 'hush' }
  for (const [pubsub, message] of [
    [['x@pubsub.example'], /is a domain/],
    [['pubsub.example/x'], /is a domain/],
    [['One.example'], /has users/],
    [['pbx.example'], /is a component/],
    [['a.example', 'A.example'], /given twice/],
    [['a..example'], /malformed JID/],
  ] as const) {
    await t.rejects(startLoopback({ users, components, pubsub }), { message })
  }
})
