import t from 'tap'
import { type Element, el } from '../../src/stream/element.ts'
import { availablePresence, type SubscriptionType, subscription } from '../../src/xep/presence.ts'
import { fetchRoster, NS_ROSTER } from '../../src/xep/roster.ts'
import { rejects } from '../helper/rejects.ts'
import { type Actor, settled, stage } from './loopback-actors.ts'

/** A roster push in one line. */
function pushed(stanza: Element): string {
  const item = stanza.child('query', NS_ROSTER)?.child('item')
  const { jid = '', subscription: sub = '', ask } = item?.attrs ?? {}
  return [jid, sub, ...(ask === undefined ? [] : [`ask=${ask}`])].join(' ')
}

/** What an actor has been sent since the last time, in lines: pushes and presence. */
function news(actor: Actor): string[] {
  const lines = actor.inbox.map(stanza => {
    if (stanza.name === 'iq') return `push ${pushed(stanza)}`
    return `${stanza.attrs.type ?? 'available'} ${stanza.attrs.from}`
  })
  actor.inbox.length = 0
  return lines
}

const tell = (actor: Actor, type: SubscriptionType, to: string) =>
  actor.session.send(subscription(actor.session, type, to))

const set = (actor: Actor, attrs: Record<string, string>, ...groups: string[]) => {
  const item = el('item', NS_ROSTER, attrs, ...groups.map(group => el('group', NS_ROSTER, {}, group)))
  return actor.session.iq('set', undefined, el('query', NS_ROSTER, {}, item))
}

const rosterOf = async (actor: Actor) =>
  (await fetchRoster(actor.session)).map(each =>
    [each.jid, each.subscription, ...(each.asked ? ['asked'] : [])].join(' '),
  )

/** Alice and carol see each other. */
async function friends(t: Parameters<typeof stage>[0]) {
  const on = await stage(t)
  const alice = await on.online('alice@one.example/a')
  const carol = await on.online('carol@two.example/c')
  for (const [from, to] of [
    [alice, carol],
    [carol, alice],
  ] as const) {
    tell(from, 'subscribe', to.jid)
    await to.next('presence', { type: 'subscribe' })
    tell(to, 'subscribed', from.jid)
    await from.next('presence', { type: 'subscribed' })
  }
  await settled(alice, carol)
  for (const each of [alice, carol]) each.inbox.length = 0
  return { on, alice, carol }
}

t.test('get, set, remove and push (RFC 6121 §2)', async t => {
  const on = await stage(t)
  const home = await on.online('alice@one.example/home')
  const phone = await on.online('alice@one.example/phone')
  const deaf = await on.client('alice@one.example/deaf')
  for (const each of [home, phone]) each.inbox.length = 0

  await set(home, { jid: 'Carol@two.example/x', name: 'Carol & Co', subscription: 'both' }, 'friends', 'work')
  for (const each of [home, phone]) {
    const push = await each.next('iq', { type: 'set' })
    t.equal(push.attrs.to, each.jid)
    t.equal(push.attrs.from, undefined)
    const item = push.child('query', NS_ROSTER)?.child('item')
    t.strictSame({ ...item?.attrs }, { jid: 'carol@two.example', name: 'Carol & Co', subscription: 'none' })
    t.strictSame(
      item?.elements.map(group => group.text),
      ['friends', 'work'],
    )
  }
  await set(home, { jid: 'carol@two.example' })
  t.strictSame(await fetchRoster(phone.session), [
    { jid: 'carol@two.example', name: '', subscription: 'none', asked: false },
  ])
  await set(phone, { jid: 'carol@two.example', subscription: 'remove' })
  await home.next('iq', { type: 'set' })
  t.equal(pushed(await home.next('iq', { type: 'set' })), 'carol@two.example remove')
  t.strictSame(await fetchRoster(phone.session), [])
  await deaf.settled()
  t.strictSame(news(deaf), [], 'who has not asked for the roster is not told of it')
})

t.test('what a roster refuses', async t => {
  const on = await stage(t)
  const alice = await on.client('alice@one.example/a')
  for (const [attrs, groups, condition] of [
    [{ jid: 'not a jid' }, [], 'bad-request'],
    [{}, [], 'bad-request'],
    [{ jid: 'alice@one.example' }, [], 'not-allowed'],
    [{ jid: 'x@y', name: 'n'.repeat(1024) }, [], 'not-acceptable'],
    [{ jid: 'x@y' }, [''], 'not-acceptable'],
    [{ jid: 'x@y' }, ['g', 'g'], 'bad-request'],
    [{ jid: 'x@y', subscription: 'remove' }, [], 'item-not-found'],
  ] as const) {
    await rejects(t, set(alice, attrs, ...groups), { condition }, condition)
  }
  const two = ['x@y', 'x@z'].map(jid => el('item', NS_ROSTER, { jid }))
  await rejects(t, alice.session.iq('set', undefined, el('query', NS_ROSTER, {}, ...two)), { condition: 'bad-request' })
  const foreign = el('query', NS_ROSTER, {}, el('item', NS_ROSTER, { jid: 'x@y' }))
  await rejects(t, alice.session.iq('set', 'bob@one.example', foreign), { condition: 'service-unavailable' })
  t.strictSame(await rosterOf(alice), [])

  await Promise.all(Array.from({ length: 1000 }, (_, n) => set(alice, { jid: `u${n}@y` })))
  await rejects(t, set(alice, { jid: 'one@too.many' }), { condition: 'resource-constraint' })
  tell(alice, 'subscribe', 'bob@one.example')
  const error = await alice.next('presence', { type: 'error' })
  t.equal(error.child('error')?.elements[0]?.name, 'resource-constraint')
  await set(alice, { jid: 'u7@y', name: 'still to be changed' })
})

t.test('the subscription dance, step by step (RFC 6121 §3)', async t => {
  const on = await stage(t)
  const alice = await on.online('alice@one.example/a')
  const carol = await on.online('carol@two.example/c')
  const both = async () => {
    await settled(alice, carol)
    return [news(alice), news(carol)]
  }

  alice.session.send(subscription(alice.session, 'subscribe', 'carol@two.example/anything', 'please'))
  const request = await carol.next('presence')
  t.strictSame({ ...request.attrs }, { type: 'subscribe', from: 'alice@one.example', to: 'carol@two.example' })
  t.equal(request.childText('status'), 'please')
  t.strictSame(await both(), [['push carol@two.example none ask=subscribe'], []])
  t.strictSame(await rosterOf(carol), [], 'who only asks is not in the roster')
  tell(alice, 'subscribe', 'carol@two.example')
  t.strictSame(await both(), [[], []], 'a request is shown once')

  tell(carol, 'subscribed', 'alice@one.example')
  t.strictSame(await both(), [
    ['subscribed carol@two.example', 'push carol@two.example to', 'available carol@two.example/c'],
    ['push alice@one.example from'],
  ])
  tell(alice, 'subscribe', 'carol@two.example')
  t.strictSame(await both(), [[], []], 'what is granted already is answered by the server')

  tell(carol, 'subscribe', 'alice@one.example')
  t.strictSame(await both(), [['subscribe carol@two.example'], ['push alice@one.example from ask=subscribe']])
  tell(alice, 'subscribed', 'carol@two.example')
  t.strictSame(await both(), [
    ['push carol@two.example both'],
    ['subscribed alice@one.example', 'push alice@one.example both', 'available alice@one.example/a'],
  ])

  tell(alice, 'unsubscribe', 'carol@two.example')
  t.strictSame(await both(), [
    ['push carol@two.example from', 'unavailable carol@two.example/c'],
    ['unsubscribe alice@one.example', 'push alice@one.example to'],
  ])
  tell(alice, 'unsubscribed', 'carol@two.example')
  t.strictSame(await both(), [
    ['push carol@two.example none'],
    ['unavailable alice@one.example/a', 'unsubscribed alice@one.example', 'push alice@one.example none'],
  ])
  t.strictSame(await rosterOf(alice), ['carol@two.example none'])

  tell(alice, 'subscribe', 'carol@two.example')
  await carol.next('presence', { type: 'subscribe' })
  tell(carol, 'unsubscribed', 'alice@one.example')
  t.strictSame(
    await both(),
    [
      ['push carol@two.example none ask=subscribe', 'unsubscribed carol@two.example', 'push carol@two.example none'],
      [],
    ],
    'a request refused',
  )
})

t.test('grants and cancellations nobody has asked for change nothing', async t => {
  const on = await stage(t)
  const alice = await on.online('alice@one.example/a')
  const carol = await on.online('carol@two.example/c')
  for (const type of ['subscribed', 'unsubscribe', 'unsubscribed'] as const) tell(alice, type, 'carol@two.example')
  for (const to of ['alice@one.example', 'nobody@one.example']) tell(alice, 'subscribe', to)
  await settled(alice, carol)
  t.strictSame([news(alice).filter(line => !line.includes('nobody')), news(carol)], [[], []])
  tell(alice, 'subscribe', 'x@three.example')
  const error = await alice.next('presence', { type: 'error' })
  t.equal(error.child('error')?.elements[0]?.name, 'remote-server-not-found')
})

t.test('a request waits for its answer', async t => {
  const on = await stage(t)
  const alice = await on.online('alice@one.example/a')
  alice.session.send(subscription(alice.session, 'subscribe', 'carol@two.example', 'it is me'))
  await alice.settled()
  for (let login = 0; login < 2; login++) {
    const carol = await on.client('carol@two.example/c')
    carol.session.send(availablePresence(carol.session))
    const request = await carol.next('presence', { type: 'subscribe' })
    t.equal(request.childText('status'), 'it is me')
    await carol.session.close()
    await on.server.waitFor('carol@two.example', false)
  }
  const carol = await on.client('carol@two.example/c')
  tell(carol, 'subscribed', 'alice@one.example')
  await alice.next('presence', { type: 'subscribed' })
  await carol.appear()
  t.match((await alice.next('presence')).attrs, { from: 'carol@two.example/c', type: undefined })
})

t.test('presence: to subscribers and to oneself, probes at login, and the end', async t => {
  const { on, alice, carol } = await friends(t)
  const status = (actor: Actor, text: string) =>
    actor.session.send(availablePresence(actor.session, { status: text, show: 'away', priority: 7 }))
  status(alice, 'tea')
  for (const each of [alice, carol]) {
    const seen = await each.next('presence', { from: alice.jid })
    t.strictSame([seen.childText('status'), seen.childText('show'), seen.childText('priority')], ['tea', 'away', '7'])
    t.equal(seen.attrs.to, each === alice ? alice.jid : 'carol@two.example')
  }

  const phone = await on.client('alice@one.example/phone')
  phone.session.send(availablePresence(phone.session, { status: 'walking' }))
  t.ok(await phone.next('presence', { from: alice.jid }), 'the other resource')
  t.equal((await phone.next('presence', { from: carol.jid })).attrs.to, phone.jid, 'the answer to a probe')
  t.ok(await phone.next('presence', { from: phone.jid }), 'itself')
  for (const each of [alice, carol]) await each.next('presence', { from: phone.jid })

  phone.session.send(
    phone.session.stanza('presence', { type: 'unavailable' }, el('status', 'jabber:client', {}, 'bye')),
  )
  for (const each of [alice, carol]) {
    const seen = await each.next('presence', { from: phone.jid })
    t.strictSame([seen.attrs.type, seen.childText('status')], ['unavailable', 'bye'])
  }
  t.equal(on.server.drop(alice.jid), 1)
  t.match((await carol.next('presence', { from: alice.jid })).attrs.type, 'unavailable', 'after a cut too')
  await settled(phone, carol)
  t.strictSame(news(carol), [])

  carol.send('presence', {}, el('priority', 'jabber:client', {}, '128'))
  t.equal((await carol.next('presence', { type: 'error' })).child('error')?.elements[0]?.name, 'bad-request')
})

t.test('what a probe tells, and whom', async t => {
  const { on, alice, carol } = await friends(t)
  const bob = await on.online('bob@one.example/b')
  bob.send('presence', { type: 'probe', to: 'alice@one.example' })
  await settled(bob)
  t.strictSame(news(bob), [], 'a stranger is told that there is no subscription, which changes nothing')
  carol.send('presence', { type: 'probe', to: 'alice@one.example' })
  t.match((await carol.next('presence')).attrs, { from: alice.jid, type: undefined })
  on.server.drop(alice.jid)
  await carol.next('presence', { type: 'unavailable', from: alice.jid })
  carol.send('presence', { type: 'probe', to: 'alice@one.example' })
  t.match((await carol.next('presence')).attrs, { from: 'alice@one.example', type: 'unavailable' })
})

t.test('removing a contact ends the subscriptions both ways (RFC 6121 §2.5.2)', async t => {
  const { alice, carol } = await friends(t)
  await set(alice, { jid: 'carol@two.example', subscription: 'remove' })
  await settled(alice, carol)
  t.strictSame(news(carol), [
    'unsubscribe alice@one.example',
    'push alice@one.example to',
    'unavailable alice@one.example/a',
    'unsubscribed alice@one.example',
    'push alice@one.example none',
  ])
  t.strictSame(news(alice), ['unavailable carol@two.example/c', 'push carol@two.example remove'])
  t.strictSame(await rosterOf(alice), [])
})

t.test("a component's addresses are contacts like any other", async t => {
  const on = await stage(t)
  const pbx = await on.component('pbx.example')
  const alice = await on.online('alice@one.example/a')
  tell(alice, 'subscribe', '100@pbx.example')
  t.match((await pbx.next('presence')).attrs, { type: 'subscribe', from: 'alice@one.example', to: '100@pbx.example' })
  pbx.send('presence', { type: 'subscribed', from: '100@pbx.example', to: 'alice@one.example' })
  pbx.send('presence', { from: '100@pbx.example/desk', to: 'alice@one.example' })
  t.equal((await alice.next('presence', { type: 'subscribed' })).attrs.from, '100@pbx.example')
  await alice.next('presence', { from: '100@pbx.example/desk' })

  pbx.send('presence', { type: 'subscribe', from: '100@pbx.example/desk', to: 'alice@one.example' })
  t.equal((await alice.next('presence', { type: 'subscribe' })).attrs.from, '100@pbx.example')
  tell(alice, 'subscribed', '100@pbx.example')
  await pbx.next('presence', { type: 'subscribed' })
  t.match((await pbx.next('presence')).attrs, { from: alice.jid, to: '100@pbx.example', type: undefined })
  t.strictSame(await rosterOf(alice), ['100@pbx.example both'])

  const phone = await on.client('alice@one.example/phone')
  phone.session.send(availablePresence(phone.session))
  await pbx.next('presence', { from: phone.jid, type: undefined })
  t.equal((await pbx.next('presence', { type: 'probe' })).attrs.to, '100@pbx.example')
  pbx.send('presence', { from: '100@pbx.example/desk', to: phone.jid })
  await phone.next('presence', { from: '100@pbx.example/desk' })

  pbx.send('presence', { type: 'probe', from: '100@pbx.example', to: 'alice@one.example' })
  for (const jid of [alice.jid, phone.jid]) t.ok(await pbx.next('presence', { from: jid, type: undefined }))
  pbx.send('presence', { type: 'probe', from: '200@pbx.example', to: 'alice@one.example' })
  t.equal((await pbx.next('presence', { to: '200@pbx.example' })).attrs.type, 'unsubscribed')
  on.server.drop()
  t.strictSame(on.server.connected, [])
})
