import t from 'tap'
import { error, exchange, form, pubsub } from '../../helper/pubsub.ts'
import { login } from '../setting.ts'
import {
  ask,
  buddy,
  configure,
  create,
  event,
  items,
  mailbox,
  notFound,
  OWN,
  owners,
  publish,
  rest,
  SERVICE,
  setUp,
  sharedOfOld,
  state,
  subscribed,
  together,
  told,
} from './stage.ts'

const INFO = 'http://jabber.org/protocol/disco#info'
const ITEMS = 'http://jabber.org/protocol/disco#items'

/** What res_xmpp asks for, and what makes it a collection, or a leaf of one. */
const asCollection = { access_model: 'whitelist', deliver_payloads: '1', node_type: 'collection', persist_items: '1' }
const asLeaf = (collection: string) => ({
  access_model: 'whitelist',
  collection,
  deliver_payloads: '1',
  node_type: 'leaf',
  persist_items: '1',
})

const features = (...names: string[]): string =>
  ask(
    'get',
    `<query xmlns='${INFO}'/>`,
    `<query xmlns='${INFO}'><identity category='pubsub' type='service'/>${['publish', ...names].map(name => `<feature var='http://jabber.org/protocol/pubsub#${name}'/>`).join('')}</query>`,
  )
const isA = (node: string, type: string): string =>
  ask(
    'get',
    `<query xmlns='${INFO}' node='${node}'/>`,
    `<query xmlns='${INFO}' node='${node}'><identity category='pubsub' type='${type}'/></query>`,
  )
const children = (node: string | undefined, max: number, ...found: string[]): string =>
  exchange(
    'get',
    `<query xmlns='${ITEMS}'${node === undefined ? '' : ` node='${node}'`}><set xmlns='http://jabber.org/protocol/rsm'><max>${max}</max></set></query>`,
    `<query xmlns='${ITEMS}'>${found.map(name => `<item jid='${SERVICE}' node='${name}'/>`).join('')}</query>`,
    { to: SERVICE },
  )
const options = form('subscribe_options', { expire: 'presence', subscription_type: 'items', subscription_depth: 'all' })
const subscribeAll = (node: string, answer = subscribed(node)): string =>
  ask('set', pubsub(`<subscribe node='${node}' jid='juliet@example.com'/><options>${options}</options>`), answer)
const subscribeLeaf = (node: string): string =>
  ask('set', pubsub(`<subscribe node='${node}' jid='juliet@example.com'/>`), subscribed(node))
/** Both collections are there. */
const enterCollections = ['device_state', 'message_waiting']
  .map(node => subscribeAll(node) + isA(node, 'collection'))
  .join('')
const general = { collection_nodes: true }

t.test('leaves in collections: how they are created, subscribed to and told of', async t => {
  const { account, accept, bus, warnings, device, mailbox: counts } = await setUp(t, { ...buddy, general })
  bus.setDevice('Custom:x', 'INUSE')
  account.start()
  const { play } = await accept()
  const leaf = publish('Custom:x', state('Custom:x', 'INUSE', OWN), notFound)
  await play(
    login() +
      features('collections') +
      subscribeAll('device_state', notFound) +
      create('device_state', asCollection) +
      owners('device_state') +
      subscribeAll('device_state') +
      isA('device_state', 'collection') +
      subscribeAll('message_waiting') +
      isA('message_waiting', 'collection') +
      // What others say of the same device.
      items('Custom:x', notFound) +
      // Nobody knows yet whether leaves are told of; what is ours does not wait for that.
      together(leaf, children(undefined, 500, 'device_state', 'message_waiting', 'SIP/100')) +
      together(create('Custom:x', asLeaf('device_state')), items('SIP/100', state('SIP/100', 'BUSY'))) +
      together(owners('Custom:x'), isA('device_state', 'collection')) +
      together(isA('device_state', 'collection'), children('device_state', 100, 'SIP/100', 'Custom:x')) +
      children('device_state', 100, 'SIP/100', 'Custom:x') +
      publish('Custom:x', state('Custom:x', 'INUSE', OWN)) +
      rest,
  )
  await device('SIP/100', 'BUSY')
  await play(told('SIP/7', state('SIP/7', 'RINGING')) + told('6001@default', mailbox('6001@default', 2, 1)) + rest)
  await device('SIP/7', 'RINGING')
  await counts('6001@default', { new: 2, old: 1 })
  await play(event("<collection node='device_state'><disassociate node='SIP/7'/></collection>") + rest)
  t.equal(bus.device('SIP/7'), undefined)
  await play(event("<delete node='SIP/100'/>") + rest)
  t.equal(bus.device('SIP/100'), undefined)
  bus.setMailbox('6002@default', { new: 1, old: 0 })
  const box = mailbox('6002@default', 1, 0, OWN)
  await play(
    publish('6002@default', box, notFound) +
      create('6002@default', asLeaf('message_waiting')) +
      owners('6002@default') +
      publish('6002@default', box) +
      rest,
  )
  t.strictSame(warnings(), [])
})

t.test('what others have in their nodes at the service is nothing of ours', async t => {
  const { account, accept, bus, skipped } = await setUp(t, { general })
  account.start()
  const { play } = await accept()
  await play(
    login() +
      features('collections') +
      enterCollections +
      children(undefined, 500, 'blog') +
      items('blog', "<item id='1'><entry xmlns='http://www.w3.org/2005/Atom'/></item><item id='2'/>") +
      told('blog', "<item id='1'><entry xmlns='http://www.w3.org/2005/Atom'/></item>") +
      rest,
  )
  t.strictSame([...bus.devices(), ...skipped()], [])
})

t.test('a service without collections is told of once, and the leaves are looked for', async t => {
  const { account, accept, bus, warnings, device, clock } = await setUp(t, { general })
  bus.setDevice('Custom:x', 'INUSE')
  account.start()
  const { play } = await accept()
  const root = (node: string): string => ask('set', pubsub(`<subscribe node='${node}' jid='juliet@example.com'/>`))
  const announced = publish('device_state', state('Custom:x', 'INUSE', OWN))
  await play(
    login() +
      features() +
      root('device_state') +
      root('message_waiting') +
      // What others say of the same device.
      items('Custom:x', notFound) +
      // What is ours does not wait for the search.
      together(
        publish('Custom:x', state('Custom:x', 'INUSE', OWN), notFound),
        children(undefined, 500, 'device_state', 'SIP/100'),
      ) +
      together(create('Custom:x', asLeaf('device_state')), items('SIP/100', state('SIP/100', 'RINGING'))) +
      together(publish('Custom:x', state('Custom:x', 'INUSE', OWN)), subscribeLeaf('SIP/100')) +
      // What was published before we were subscribed, and after it was read.
      together(announced, items('SIP/100', state('SIP/100', 'BUSY'))) +
      rest,
  )
  t.equal(bus.device('SIP/100')?.state, 'BUSY')
  t.equal(warnings().length, 1)
  t.match(warnings()[0], /pubsub\.example\.com has no collection nodes \(XEP-0248\)/)
  // A leaf that nobody has told of, and one that is announced at once.
  await play(
    told('device_state', state('SIP/7', 'INUSE')) +
      items('SIP/7', state('SIP/7', 'INUSE')) +
      subscribeLeaf('SIP/7') +
      items('SIP/7', state('SIP/7', 'INUSE')) +
      rest,
  )
  await device('SIP/7', 'INUSE')
  await clock.advance(29_999)
  await play(rest)
  await clock.advance(1)
  await play(
    children(undefined, 500, 'device_state', 'SIP/100', 'SIP/7', 'SIP/8') +
      items('SIP/8', state('SIP/8', 'RINGING')) +
      subscribeLeaf('SIP/8') +
      items('SIP/8', state('SIP/8', 'RINGING')) +
      rest,
  )
  await device('SIP/8', 'RINGING')
  await play(told('SIP/8', state('SIP/8', 'ONHOLD')) + rest)
  t.equal(bus.device('SIP/8')?.state, 'ONHOLD')
  t.equal(warnings().length, 1)
})

t.test('a service that will not have what makes a collection or a leaf has it without', async t => {
  const { account, accept, bus, warnings } = await setUp(t, { general })
  account.start()
  const { play } = await accept()
  const refused = error('modify', 'not-acceptable')
  await play(
    login() +
      features('collections') +
      subscribeAll('device_state', notFound) +
      create('device_state', asCollection, refused) +
      create('device_state', sharedOfOld) +
      subscribeAll('device_state') +
      isA('device_state', 'collection') +
      subscribeAll('message_waiting') +
      isA('message_waiting', 'collection') +
      children(undefined, 500) +
      rest,
  )
  bus.setDevice('Custom:x', 'INUSE')
  const item = (answer?: string): string => publish('Custom:x', state('Custom:x', 'INUSE', OWN), answer)
  await play(
    item(notFound) +
      create('Custom:x', asLeaf('device_state'), error('cancel', 'feature-not-implemented')) +
      create('Custom:x', sharedOfOld) +
      isA('device_state', 'collection') +
      children('device_state', 100, 'Custom:x') +
      item() +
      rest,
  )
  t.strictSame(warnings(), [])
  // Who may not create may not create otherwise either.
  bus.setDevice('Custom:y', 'INUSE')
  await play(
    publish('Custom:y', state('Custom:y', 'INUSE', OWN), notFound) +
      create('Custom:y', asLeaf('device_state'), error('auth', 'forbidden')) +
      rest,
  )
})

t.test('in a leaf nothing counts but what the leaf is named after', async t => {
  const { account, accept, bus, skipped } = await setUp(t, { general })
  account.start()
  const { play } = await accept()
  await play(
    login() +
      features('collections') +
      enterCollections +
      children(undefined, 500, 'SIP/100') +
      items('SIP/100', state('SIP/100', 'BUSY') + state('SIP/200', 'INUSE')) +
      isA('device_state', 'collection') +
      children('device_state', 100, 'SIP/100') +
      told('SIP/100', state('SIP/300', 'INUSE') + state('SIP/100', 'RINGING')) +
      told('SIP/100', "<retract id='SIP/100x'/>") +
      rest,
  )
  t.strictSame(
    bus.devices().map(({ device, state }) => `${device} ${state}`),
    ['SIP/100 RINGING'],
  )
  t.strictSame(skipped(), [
    'SIP/100 SIP/200: it is not what the node is named after',
    'SIP/100 SIP/300: it is not what the node is named after',
  ])
})

t.test('who no longer distributes events leaves the leaves too, and says goodbye in them', async t => {
  const { account, accept, bus, config, clock } = await setUp(t, { general })
  account.start()
  const { play } = await accept()
  const root = (node: string): string => ask('set', pubsub(`<subscribe node='${node}' jid='juliet@example.com'/>`))
  const there = state('SIP/100', 'BUSY')
  await play(
    login() +
      features() +
      root('device_state') +
      root('message_waiting') +
      children(undefined, 500, 'SIP/100') +
      items('SIP/100', there) +
      subscribeLeaf('SIP/100') +
      items('SIP/100', there) +
      rest,
  )
  bus.setDevice('Custom:x', 'INUSE')
  const item = (): string => state('Custom:x', 'INUSE', OWN)
  await play(publish('Custom:x', item()) + publish('device_state', item()) + rest)
  const updated = account.update({ ...config, distribute_events: false }, new Set())
  const unsubscribe = (node: string): string =>
    ask('set', pubsub(`<unsubscribe node='${node}' jid='juliet@example.com'/>`))
  await play(
    publish('Custom:x', state('Custom:x', 'UNAVAILABLE', OWN)) +
      together(unsubscribe('device_state'), unsubscribe('message_waiting'), unsubscribe('SIP/100')) +
      rest,
  )
  await updated
  t.strictSame(
    bus.devices().map(({ device }) => device),
    ['Custom:x'],
  )
  await clock.advance(600_000)
  await play(told('SIP/100', state('SIP/100', 'INUSE')) + told('device_state', state('SIP/7', 'INUSE')) + rest)
  t.strictSame(
    bus.devices().map(({ device }) => device),
    ['Custom:x'],
    'nothing is searched for, and nobody is heard',
  )
})

t.test('a service that says it has collections, and has none, is found out by the first leaf', async t => {
  const { account, accept, warned, warnings, bus } = await setUp(t, { general })
  account.start()
  const { play } = await accept()
  await play(login() + features('collections') + enterCollections + children(undefined, 500) + rest)
  t.strictSame(warnings(), [])
  bus.setDevice('Custom:x', 'INUSE')
  const item = state('Custom:x', 'INUSE', OWN)
  const found = play(
    publish('Custom:x', item, notFound) +
      create('Custom:x', asLeaf('device_state')) +
      isA('device_state', 'collection') +
      children('device_state', 100) +
      configure('device_state', error('auth', 'forbidden')),
  ).catch((error: Error) => t.match(error.message, 'the other side sent more'))
  await warned(/has no collection nodes/)
  await found
  t.equal(warnings().length, 1)
})
