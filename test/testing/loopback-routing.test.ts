import t from 'tap'
import { availablePresence } from '../../src/index.ts'
import { NS_CLIENT, NS_COMPONENT } from '../../src/negotiate.ts'
import { type Element, el } from '../../src/stream/element.ts'
import { rejects } from '../helper/rejects.ts'
import { type Actor, settled, stage } from './loopback-actors.ts'

const NS_STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas'
const condition = (stanza: Element) => stanza.child('error')?.elements.find(each => each.ns === NS_STANZAS)?.name
const bodies = (actor: Actor) => actor.inbox.filter(each => each.name === 'message').map(each => each.childText('body'))

t.test('messages between users (RFC 6121 §8.5)', async t => {
  const on = await stage(t)
  const alice = await on.online('alice@one.example/home')
  const phone = await on.online('carol@two.example/phone', 5)
  const desk = await on.online('carol@two.example/desk', 0)
  const silent = await on.online('carol@two.example/silent', -1)
  const absent = await on.client('carol@two.example/absent')
  const carols = [phone, desk, silent, absent]
  const all = [alice, ...carols]
  const seen = async () => {
    await settled(...all)
    const names = carols.filter(each => each.inbox.some(({ name }) => name === 'message'))
    const errors = alice.inbox.map(condition)
    for (const each of all) each.inbox.length = 0
    return [...names.map(each => each.session.jid.replace(/.*\//, '')), ...errors]
  }
  const bare = 'carol@two.example'
  for (const [to, type, expected] of [
    [bare, 'chat', ['phone', 'desk']],
    [bare, 'normal', ['phone', 'desk']],
    [bare, 'strange', ['phone', 'desk']],
    [bare, 'headline', ['phone', 'desk']],
    [bare, 'groupchat', ['service-unavailable']],
    [bare, 'error', []],
    [`${bare}/silent`, 'chat', ['silent']],
    [`${bare}/absent`, 'groupchat', ['absent']],
    [`${bare}/desk`, 'error', ['desk']],
    [`${bare}/gone`, 'chat', ['phone', 'desk']],
    [`${bare}/gone`, 'normal', ['service-unavailable']],
    [`${bare}/gone`, 'groupchat', ['service-unavailable']],
    [`${bare}/gone`, 'headline', []],
    [`${bare}/gone`, 'error', []],
    ['nobody@two.example', 'chat', ['service-unavailable']],
    ['carol@three.example', 'chat', ['remote-server-not-found']],
    ['carol@three.example', 'error', []],
    ['two.example', 'chat', []],
    ['car ol@two.example', 'chat', ['jid-malformed']],
    ['other.example', 'chat', ['service-unavailable']],
  ] as const) {
    alice.say(to, 'hi', { type })
    t.strictSame(await seen(), expected, `${type} to ${to}`)
  }
  alice.say('CAROL@two.example/phone', 'hi', { id: 'm1', from: 'bob@one.example/forged' })
  const got = await phone.next('message')
  t.strictSame({ ...got.attrs }, { type: 'chat', to: 'carol@two.example/phone', from: alice.jid, id: 'm1' })

  for (const each of [phone, desk]) each.send('presence', { type: 'unavailable' })
  await settled(...all)
  for (const each of all) each.inbox.length = 0
  alice.say(bare, 'anyone?')
  t.strictSame(await seen(), ['service-unavailable'])
  alice.say(bare, 'news', { type: 'headline' })
  t.strictSame(await seen(), [])
  alice.say(undefined, 'note to self')
  t.equal((await alice.next('message')).childText('body'), 'note to self')
})

t.test('what a message holds arrives as it was', async t => {
  const on = await stage(t)
  const alice = await on.client('alice@one.example/a')
  const bob = await on.client('bob@one.example/b')
  const pbx = await on.component('pbx.example')
  const forwarded = el(
    'forwarded',
    'urn:xmpp:forward:0',
    {},
    el('message', NS_CLIENT, {}, el('body', NS_CLIENT, {}, 'x')),
  )
  for (const to of [bob, pbx]) {
    alice.send('message', { to: to.jid }, el('body', NS_CLIENT, { 'xml:lang': 'de' }, ' <Grüße> &\n😀 '), forwarded)
    const got = await to.next('message')
    const [body, other] = got.elements
    t.equal(got.ns, to.session.stream.ns)
    t.ok(body?.is('body', to.session.stream.ns))
    t.equal(body?.text, ' <Grüße> &\n😀 ')
    t.equal(body?.attrs['xml:lang'], 'de')
    t.equal(`${other}`, `${forwarded}`, 'a jabber:client inside something else stays one')
  }
})

t.test('iq', async t => {
  const on = await stage(t)
  const alice = await on.client('alice@one.example/a')
  const bob = await on.client('bob@one.example/b')
  const ask = (to: string | undefined, ns: string, name = 'query', type: 'get' | 'set' = 'get') =>
    alice.session.iq(type, to, el(name, ns), { timeout: 5000 })
  const version = (stanza: Element) => stanza.elements[0]?.childText('name')

  t.equal((await ask(undefined, 'urn:xmpp:ping', 'ping')).attrs.from, 'alice@one.example')
  await ask('one.example', 'urn:xmpp:ping', 'ping')
  t.equal(version(await ask('one.example', 'jabber:iq:version')), 'res-xmpp loopback')
  t.equal(version(await ask(bob.jid, 'jabber:iq:version')), 'res-xmpp', 'routed to the other client')
  const info = (await ask('one.example', 'http://jabber.org/protocol/disco#info')).elements[0]
  t.equal(info?.child('identity')?.attrs.category, 'server')
  t.ok(info?.elements.some(each => each.attrs.var === 'jabber:iq:roster'))
  const items = (await ask('one.example', 'http://jabber.org/protocol/disco#items')).elements[0]
  t.strictSame(
    items?.elements.map(each => each.attrs.jid),
    ['pbx.example', 'other.example'],
  )
  const own = (await ask(undefined, 'http://jabber.org/protocol/disco#info')).elements[0]
  t.equal(own?.child('identity')?.attrs.category, 'account')
  await ask(undefined, 'urn:ietf:params:xml:ns:xmpp-session', 'session', 'set')

  for (const [to, wanted] of [
    ['bob@one.example', 'service-unavailable'],
    ['bob@one.example/gone', 'service-unavailable'],
    ['nobody@one.example', 'service-unavailable'],
    ['one.example', 'service-unavailable'],
    [undefined, 'service-unavailable'],
    ['pbx.example', 'service-unavailable'],
    ['three.example', 'remote-server-not-found'],
  ] as const) {
    await rejects(t, ask(to, 'urn:unknown'), { condition: wanted }, `${to}`)
  }
  await rejects(t, ask('bob@one.example', 'jabber:iq:roster'), { condition: 'service-unavailable' })
  const node = el('query', 'http://jabber.org/protocol/disco#info', { node: 'x' })
  await rejects(t, alice.session.iq('get', 'one.example', node), { condition: 'item-not-found' })

  alice.send('iq', { type: 'get', to: bob.jid, id: 'two' }, el('a', 'x'), el('b', 'x'))
  t.equal(condition(await alice.next('iq', { id: 'two' })), 'bad-request')
  alice.send('iq', { type: 'odd', to: bob.jid, id: 'odd' })
  t.equal(condition(await alice.next('iq', { id: 'odd' })), 'bad-request')
  // Answers that nobody waits for vanish; none is answered.
  for (const to of ['bob@one.example', 'one.example', 'three.example', 'bob@one.example/gone', undefined]) {
    alice.send('iq', { type: 'result', id: 'r', to })
    alice.send('iq', { type: 'error', id: 'r', to })
  }
  await settled(alice, bob)
  t.strictSame([...alice.inbox, ...bob.inbox].map(String), [])
})

t.test('components: both ways, from every address of theirs', async t => {
  const on = await stage(t)
  const alice = await on.client('alice@one.example/a')
  const pbx = await on.component('pbx.example')
  const other = await on.component('other.example')

  alice.say('100@pbx.example/x', 'to the component', { id: '1' })
  t.match((await pbx.next('message')).attrs, { from: alice.jid, to: '100@pbx.example/x', id: '1' })
  pbx.say(alice.jid, 'and back', { from: '100@pbx.example' })
  t.match((await alice.next('message')).attrs, { from: '100@pbx.example', to: alice.jid })
  other.say('200@pbx.example', 'among components', { from: 'other.example' })
  t.equal((await pbx.next('message')).attrs.from, 'other.example')

  const ping = el('ping', 'urn:xmpp:ping')
  await pbx.session.iq('get', 'one.example', ping, { from: '100@pbx.example' })
  await pbx.session.iq('get', alice.jid, ping, { from: '100@pbx.example/desk' })
  await alice.session.iq('get', 'pbx.example', ping)
  await pbx.session.iq('get', 'pbx.example', ping)
  await rejects(t, pbx.session.iq('get', 'nobody@one.example', ping), { condition: 'service-unavailable' })
  await rejects(t, pbx.session.iq('get', 'one.example', el('query', 'jabber:iq:roster')), {
    condition: 'service-unavailable',
  })
  await rejects(t, pbx.session.iq('get', 'three.example', ping), { condition: 'remote-server-not-found' })
  pbx.say('a b@one.example', 'x', { id: 'bad' })
  t.equal(condition(await pbx.next('message', { id: 'bad' })), 'jid-malformed')
  await settled(alice, pbx, other)
  t.strictSame(bodies(other), [])
})

t.test('what ends a stream', async t => {
  const on = await stage(t)
  const bob = await on.online('bob@one.example/b')
  const to = bob.jid
  for (const [stanza, wanted] of [
    [el('message', NS_COMPONENT, { to }), 'improper-addressing'],
    [el('message', NS_COMPONENT, { from: 'pbx.example' }), 'improper-addressing'],
    [el('message', NS_COMPONENT, { to, from: 'other.example' }), 'invalid-from'],
    [el('message', NS_COMPONENT, { to, from: 'x@sub.pbx.example' }), 'invalid-from'],
    [el('message', NS_COMPONENT, { to, from: 'bob@one.example' }), 'invalid-from'],
    [el('message', NS_COMPONENT, { to, from: 'a b@pbx.example' }), 'invalid-from'],
    [el('stanza', NS_COMPONENT, { to, from: 'pbx.example' }), 'unsupported-stanza-type'],
    [el('message', NS_CLIENT, { to, from: 'pbx.example' }), 'unsupported-stanza-type'],
  ] as const) {
    const pbx = await on.component('pbx.example')
    pbx.session.stream.send(stanza)
    t.match(await pbx.ended, { condition: wanted, by: 'peer' }, wanted)
    await on.server.waitFor('pbx.example', false)
  }
  const alice = await on.client('alice@one.example/a')
  alice.session.stream.write(Buffer.from('<a><b></a>'))
  t.match(await alice.ended, { condition: 'not-well-formed' })
  await bob.settled()
  t.strictSame(bob.inbox.map(String), [], 'nobody else has noticed')
})

t.test('directed presence', async t => {
  const on = await stage(t)
  const alice = await on.client('alice@one.example/a')
  const bob = await on.online('bob@one.example/b')
  const pbx = await on.component('pbx.example')
  alice.session.send(availablePresence(alice.session, { status: 'only for you' }, { to: bob.jid }))
  alice.session.send(availablePresence(alice.session, {}, { to: 'room@pbx.example/nick' }))
  alice.session.send(availablePresence(alice.session, {}, { to: 'room@other.example/nick' }))
  t.equal((await bob.next('presence', { from: alice.jid })).childText('status'), 'only for you')
  t.equal((await pbx.next('presence')).attrs.to, 'room@pbx.example/nick')
  t.equal(condition(await alice.next('presence', { type: 'error' })), 'service-unavailable', 'no such room')
  t.equal(on.server.drop('alice@one.example'), 1)
  t.match((await bob.next('presence')).attrs, { type: 'unavailable', from: alice.jid })
  t.match((await pbx.next('presence')).attrs, { type: 'unavailable', to: 'room@pbx.example/nick' })
})

t.test('ten thousand messages, both ways at once, all in order', async t => {
  const on = await stage(t)
  const alice = await on.client('alice@one.example/a')
  const bob = await on.client('bob@one.example/b', { tls: 'direct' })
  const count = 10_000
  const flood = async (from: Actor, to: Actor) => {
    for (let n = 0; n < count; n++) {
      await from.session.send(from.session.stanza('message', { to: to.jid }, el('body', NS_CLIENT, {}, `${n}`)))
    }
    await from.settled()
  }
  await Promise.all([flood(alice, bob), flood(bob, alice)])
  await settled(alice, bob)
  const numbers = Array.from({ length: count }, (_, n) => `${n}`)
  t.strictSame(bodies(alice), numbers)
  t.strictSame(bodies(bob), numbers)
})
