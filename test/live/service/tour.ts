/** What there is to be had of a service, by a library that shares no code with ours; what the library cannot is left out. */
import type { Test } from 'tap'
import type { LiveServer } from '../servers/servers.ts'
import { newUser } from '../users.ts'
import { attach } from './attach.ts'
import { type Library, ServiceClient } from './peer.ts'

/** An owner and somebody else, of one library, and the node names of theirs. */
interface Guests {
  readonly owner: ServiceClient
  readonly other: ServiceClient
  readonly name: (word: string) => string
}

/** Goes through all of it. */
export async function tour(t: Test, server: LiveServer, library: Library): Promise<void> {
  const { jid: service } = await attach(t, server, server.services.clients)
  const [owner, other] = await Promise.all([
    ServiceClient.start(t, library, await newUser(t, server, 'owner'), service),
    ServiceClient.start(t, library, await newUser(t, server, 'other'), service),
  ])
  const guests = { owner, other, name: (word: string) => `${library} ${word} & <ä>` }
  await t.test('a leaf', t => leaf(t, guests))
  await t.test('items and events', t => items(t, guests))
  await t.test('owners and others', t => people(t, guests))
  await t.test('who has to be let in', t => authorization(t, guests))
  await t.test('a collection', t => collection(t, guests))
  await t.test('what is refused', t => refusals(t, guests))
  await t.test('the end', t => ends(t, guests))
}

const word = (name: string) => `http://jabber.org/protocol/pubsub#${name}`

async function leaf(t: Test, { owner, other, name }: Guests): Promise<void> {
  const node = name('feed')
  const { identities, features } = await owner.ask<Info>('info')
  t.strictSame(identities, [['pubsub', 'service']])
  for (const each of ['publish', 'subscribe', 'retrieve-items', 'collections', 'config-node']) {
    t.ok(features.includes(word(each)), each)
  }
  t.equal(await owner.ask('create', { node, config: { title: 'A feed', max_items: '5', notify_config: true } }), node)
  t.ok((await owner.ask<Listed>('nodes')).some(([, each, title]) => each === node && title === 'A feed'))
  const info = await other.ask<Info>('info', { node })
  t.strictSame(info.identities, [['pubsub', 'leaf']])
  t.match(info.meta, { title: 'A feed', creator: owner.user.jid })
  t.match(await owner.ask('config', { node }), { title: 'A feed', max_items: '5', node_type: 'leaf' })
  if (other.can.has('subscribe')) await other.ask('subscribe', { node })
  await owner.ask('configure', { node, config: { title: 'Another', max_items: '3' } })
  if (other.can.has('subscribe')) await other.next('configuration', { node })
  t.match(await owner.ask('config', { node }), { title: 'Another', max_items: '3', notify_config: true })
  t.ok(Object.keys(await owner.ask<object>('defaults')).length > 0)
  const instant = await owner.ask<string>('create')
  t.match(instant, /^\S{10,}$/, 'an instant node')
  await owner.ask('delete', { node: instant })
}

async function items(t: Test, { owner, other, name }: Guests): Promise<void> {
  const node = name('feed')
  t.equal(await owner.ask('publish', { node, id: 'one', text: 'grüße <&>' }), 'one')
  t.match(await other.next('items', { node }), { items: [['one', 'grüße <&>']] })
  const made = await owner.ask<string>('publish', { node, text: 'two' })
  t.match(made, /^\S{10,}$/, 'an id is made')
  t.match(await other.next('items', { node }), { items: [[made, 'two']] })
  for (const id of ['three', 'four']) await owner.ask('publish', { node, id, text: id })
  for (const id of ['three', 'four']) t.match(await other.next('items', { node }), { items: [[id, id]] })
  const kept = [
    [made, 'two'],
    ['three', 'three'],
    ['four', 'four'],
  ] // prettier-ignore
  t.strictSame(await other.ask('items', { node }), kept, 'the last three')
  t.strictSame(await other.ask('items', { node, ids: ['three'] }), [['three', 'three']])
  t.strictSame(await other.ask('items', { node, max: 1 }), [['four', 'four']])
  if (other.can.has('pages')) {
    t.strictSame(await other.ask('pages', { node, size: 2 }), [kept.slice(0, 2), kept.slice(2)])
  }
  await owner.ask('retract', { node, id: 'three', notify: true })
  t.match(await other.next('items', { node }), { retracted: ['three'] })
  if (owner.can.has('purge')) {
    await owner.ask('purge', { node })
    await other.next('purge', { node })
    t.strictSame(await other.ask('items', { node }), [])
  }
  const wish = { node, id: 'x', text: 'x', options: { access_model: 'whitelist' } }
  t.equal(await owner.refusal('publish', wish), 'conflict precondition-not-met')
  t.equal(await owner.refusal('publish', { ...wish, options: { access_model: 'open' } }), 'done')
  await other.next('items', { node })
}

async function people(t: Test, { owner, other, name }: Guests): Promise<void> {
  const node = name('closed')
  const { jid } = other.user
  await owner.ask('create', { node, config: { access_model: 'whitelist', notify_sub: true } })
  t.equal(await other.refusal('subscribe', { node }), 'not-allowed closed-node')
  await owner.ask('affiliate', { node, who: [[jid, 'member']] })
  t.strictSame(await owner.ask('affiliated', { node }), [
    [owner.user.jid, 'owner'],
    [jid, 'member'],
  ])
  if (other.can.has('affiliations')) t.strictSame(await other.ask('affiliations', { node }), [[node, 'member']])
  t.match(await other.ask('subscribe', { node }), { node, jid, subscription: 'subscribed', subid: /./ })
  if (owner.hears.has('subscription')) {
    t.match(await owner.next('subscription', { node }), { subscription: 'subscribed' })
  }
  t.strictSame(await other.ask('subscriptions', { node }), [[node, 'subscribed']])
  t.strictSame(await owner.ask('subscribed', { node }), [[jid, 'subscribed']])
  t.equal(await other.refusal('publish', { node, id: 'x', text: 'x' }), 'forbidden')
  await owner.ask('affiliate', { node, who: [[jid, 'publisher']] })
  t.equal(await other.refusal('publish', { node, id: 'x', text: 'x' }), 'done')
  await other.next('items', { node })
  t.match(await other.ask('options', { node }), { deliver: /^(true|1)$/ })
  await other.ask('choose', { node, options: { deliver: false } })
  await owner.ask('publish', { node, id: 'quiet', text: 'x' })
  await other.ask('choose', { node, options: { deliver: true } })
  await owner.ask('publish', { node, id: 'loud', text: 'x' })
  t.match(await other.next('items', { node }), { items: [['loud', 'x']] }, 'nothing of the one before')
  await owner.ask('enrol', { node, who: [[jid, 'none']] })
  if (other.hears.has('subscription')) t.match(await other.next('subscription', { node }), { subscription: 'none' })
  await owner.ask('enrol', { node, who: [[jid, 'subscribed']] })
  if (other.hears.has('subscription'))
    t.match(await other.next('subscription', { node }), { subscription: 'subscribed' })
  t.match(await other.next('items', { node }), { items: [['loud', 'x']] }, 'and the last item')
  await other.ask('unsubscribe', { node })
  t.strictSame(await other.ask('subscriptions', { node }), [])
  await owner.ask('affiliate', { node, who: [[jid, 'outcast']] })
  t.equal(await other.refusal('items', { node }), 'forbidden')
}

/** XEP-0060 §8.6 and §8.7. */
async function authorization(t: Test, { owner, other, name }: Guests): Promise<void> {
  if (!owner.can.has('decide')) return
  const { jid } = other.user
  for (const [node, allow] of [
    [name('asks'), true],
    [name('asks again'), false],
  ] as const) {
    await owner.ask('create', { node, config: { access_model: 'authorize' } })
    await owner.ask('publish', { node, id: 'secret', text: 'secret' })
    t.equal(await other.refusal('items', { node }), 'not-authorized not-subscribed')
    t.match(await other.ask('subscribe', { node }), { subscription: 'pending' })
    const { form } = await owner.next('authorization')
    t.match(form, { node, subscriber_jid: jid })
    t.equal(await other.refusal('subscribe', { node }), 'not-authorized pending-subscription')
    if (owner.can.has('pending')) {
      t.strictSame(await owner.ask('pending', { node }), [node])
      t.match(await owner.next('authorization'), { form }, 'asked for once more')
    }
    await owner.ask('decide', { form, allow })
    t.match(await other.next('subscription', { node }), { subscription: allow ? 'subscribed' : 'none' })
    t.equal(await other.refusal('items', { node }), allow ? 'done' : 'not-authorized not-subscribed')
    if (allow) t.match(await other.next('items', { node }), { items: [['secret', 'secret']] }, 'and what there was')
  }
}

/** XEP-0248. */
async function collection(t: Test, { owner, other, name }: Guests): Promise<void> {
  const [root, early, late] = [name('all'), name('early'), name('late')]
  await owner.ask('create', { node: root, config: { node_type: 'collection' } })
  await owner.ask('create', { node: early, config: { collection: root } })
  const options = { subscription_type: 'all', subscription_depth: 'all' }
  t.match(await other.ask('subscribe', { node: root, options }), { subscription: 'subscribed' })
  t.match(await other.ask('options', { node: root }), options)
  t.strictSame((await other.ask<Info>('info', { node: root })).identities, [['pubsub', 'collection']])
  await owner.ask('create', { node: late, config: { collection: root } })
  if (other.hears.has('create')) t.ok(await other.next('create', { node: late }), 'a leaf has come into it')
  t.strictSame(
    (await other.ask<Listed>('nodes', { node: root })).map(([, node]) => node),
    [early, late],
  )
  for (const node of [early, late]) {
    await owner.ask('publish', { node, id: 'x', text: 'x' })
    const { headers, ...event } = await other.next('items', { node })
    t.match(event, { node, items: [['x', 'x']] }, 'told of the leaf')
    if (headers !== undefined) t.strictSame(headers, [['Collection', root]])
  }
  await owner.ask('configure', { node: early, config: { collection: '' } })
  await owner.ask('publish', { node: early, id: 'y', text: 'y' })
  await owner.ask('publish', { node: late, id: 'y', text: 'y' })
  t.match(await other.next('items'), { node: late }, 'nothing of what is no longer in it')
  t.equal(
    await owner.refusal('publish', { node: root, id: 'x', text: 'x' }),
    'feature-not-implemented unsupported publish',
  )
  t.equal(await other.refusal('create', { node: name('intruder'), config: { collection: root } }), 'forbidden')
  await owner.ask('delete', { node: root })
  await other.next('delete', { node: root })
  t.ok(
    (await owner.ask<Listed>('nodes')).some(([, node]) => node === late),
    'what was in it is in none',
  )
}

async function refusals(t: Test, { owner, other, name }: Guests): Promise<void> {
  const [node, missing] = [name('feed'), name('nothing')]
  const seen = {
    again: await owner.refusal('create', { node }),
    missing: await owner.refusal('items', { node: missing }),
    nowhere: await owner.refusal('publish', { node: missing, id: 'x', text: 'x' }),
    publish: await other.refusal('publish', { node, id: 'x', text: 'x' }),
    empty: await owner.refusal('publish', { node, id: 'x' }),
    configure: await other.refusal('config', { node }),
    delete: await other.refusal('delete', { node }),
    elsewhere: await other.refusal('subscribe', { node, jid: owner.user.jid }),
    unsubscribed: await owner.refusal('unsubscribe', { node }),
    subid: await other.refusal('unsubscribe', { node, subid: 'none' }),
    gone: await owner.refusal('retract', { node, id: 'nothing' }),
    model: await owner.refusal('configure', { node, config: { access_model: 'roster' } }),
    affiliated: await other.refusal('affiliated', { node }),
    last: await owner.refusal('affiliate', { node, who: [[owner.user.jid, 'none']] }),
    payload: await owner.refusal('publish', { node, id: 'x', text: 'x'.repeat(70_000) }),
  }
  t.strictSame(seen, {
    again: 'conflict',
    missing: 'item-not-found',
    nowhere: 'item-not-found',
    publish: 'forbidden',
    empty: 'bad-request payload-required',
    configure: 'forbidden',
    delete: 'forbidden',
    elsewhere: 'bad-request invalid-jid',
    unsubscribed: 'unexpected-request not-subscribed',
    subid: 'not-acceptable invalid-subid',
    gone: 'item-not-found',
    model: 'not-acceptable unsupported-access-model',
    affiliated: 'forbidden',
    last: 'not-acceptable',
    payload: 'not-acceptable payload-too-big',
  })
}

async function ends(t: Test, { owner, other, name }: Guests): Promise<void> {
  const [node, redirect] = [name('feed'), 'xmpp:elsewhere.example?;node=feed']
  await owner.ask('delete', { node, redirect })
  t.match(await other.next('delete', { node }), { redirect })
  t.equal(await other.refusal('subscribe', { node }), 'gone')
  t.equal(await other.refusal('items', { node }), 'item-not-found')
}

interface Info {
  readonly identities: readonly (readonly string[])[]
  readonly features: readonly string[]
  readonly meta: Readonly<Record<string, unknown>> | null
}

type Listed = readonly (readonly [jid: string, node: string, name: string])[]
