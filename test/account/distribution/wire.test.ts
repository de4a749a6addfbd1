import t from 'tap'
import { diffAccounts } from '../../../src/config/index.ts'
import { quiet } from '../../helper/clock.ts'
import { heap } from '../../helper/heap.ts'
import { settled } from '../../helper/pair.ts'
import { error, form, pubsub } from '../../helper/pubsub.ts'
import { login } from '../setting.ts'
import {
  ask,
  buddy,
  configure,
  connected,
  create,
  enter,
  enterBoth,
  event,
  goodbye,
  items,
  limited,
  mailbox,
  notFound,
  OWN,
  owners,
  page,
  publish,
  publishDevice,
  rest,
  retract,
  SERVICE,
  setUp,
  shared,
  sharedOfOld,
  state,
  subscribe,
  subscribed,
  TWO,
  together,
  told,
} from './stage.ts'

// ── coming in ────────────────────────────────────────────────────────────────────────────────────────────────────────────

t.test('subscribes without unsubscribing first, reads what is there, and then publishes', async t => {
  const { account, bus, accept, device, mailbox: counts, warnings, skipped } = await setUp(t, buddy)
  bus.setDevice('Custom:b', 'INUSE')
  bus.setDevice('Custom:a', 'RINGING')
  bus.setMailbox('6001@default', { new: 2, old: 1 })
  bus.setDevice('Custom:b', 'BUSY')
  account.start()
  const { play, peer } = await accept()
  await play(
    login() +
      enter('device_state', state('SIP/100', 'ONHOLD') + state('Custom:b', 'RINGING')) +
      enter('message_waiting', mailbox('6002@default', 3, 4)) +
      publishDevice('Custom:b', 'BUSY') +
      publishDevice('Custom:a', 'RINGING') +
      publish('message_waiting', mailbox('6001@default', 2, 1, OWN)),
  )
  await device('SIP/100', 'ONHOLD')
  await counts('6002@default', { new: 3, old: 4 })
  await device('Custom:b', 'RINGINUSE')
  const wire = Buffer.concat(peer.chunks).toString()
  t.notMatch(wire, 'unsubscribe')
  t.match(
    wire,
    "<item id='Custom:b'><state xmlns='http://asterisk.org' eid='02:00:00:00:00:01' cachable='1'>BUSY</state></item>",
    'to the letter',
  )
  t.match(
    wire,
    "<item id='6001@default'><mailbox xmlns='http://asterisk.org' eid='02:00:00:00:00:01'><NEWMSGS>2</NEWMSGS><OLDMSGS>1</OLDMSGS></mailbox></item>",
  )
  t.strictSame([...warnings(), ...skipped()], [])
  bus.setDevice('Custom:a', 'RINGING')
  bus.setDevice('Custom:c', 'INUSE')
  await play(publishDevice('Custom:c', 'INUSE') + rest)
  bus.clearDevice('Custom:c')
  await play(publishDevice('Custom:c', 'UNAVAILABLE') + rest)
})

t.test('a node that is not there is created, for the buddies too, and subscribed to', async t => {
  const { account, accept, warnings } = await setUp(t, buddy)
  account.start()
  const { play, peer } = await accept()
  const both = ['device_state', 'message_waiting'].map(
    node =>
      subscribe(node, notFound) +
      create(node, shared) +
      owners(node) +
      subscribe(node) +
      limited(node, 'max') +
      items(node, ''),
  )
  await play(login() + both.join('') + rest)
  const wire = Buffer.concat(peer.chunks).toString()
  t.equal(wire.split('FORM_TYPE').length - 1, 2, 'once in each form')
  t.strictSame(warnings(), [])
})

t.test('`max` items are too new for some services, and somebody else may have been faster', async t => {
  const { account, accept, warnings, bus } = await setUp(t, buddy)
  account.start()
  const { play } = await accept()
  await play(
    login() +
      subscribe('device_state', notFound) +
      create('device_state', shared, error('modify', 'not-acceptable')) +
      create('device_state', sharedOfOld) +
      owners('device_state') +
      enter('device_state') +
      subscribe('message_waiting', notFound) +
      create('message_waiting', shared, error('cancel', 'conflict')) +
      enter('message_waiting') +
      rest,
  )
  t.strictSame(warnings(), [])
  bus.setDevice('d', 'INUSE')
  await play(publishDevice('d', 'INUSE') + rest)
})

t.test('a node that has gone since is created when something is published, once for all', async t => {
  const { play, bus, peer } = await connected(t, buddy)
  bus.setDevice('a', 'INUSE')
  await play(
    publishDevice('a', 'INUSE', notFound) +
      create('device_state', shared) +
      owners('device_state') +
      publishDevice('a', 'INUSE') +
      rest,
  )
  bus.setDevice('b', 'INUSE')
  await play(publishDevice('b', 'INUSE') + rest)
  t.equal(Buffer.concat(peer.chunks).toString().split('<create ').length, 2)
})

t.test('pubsub_autocreate: before it is used, and once', async t => {
  const { account, accept, bus, warnings } = await setUp(t, { ...buddy, general: { pubsub_autocreate: true } })
  bus.setDevice('a', 'INUSE')
  account.start()
  const { play } = await accept()
  await play(
    login() +
      create('device_state', shared) +
      owners('device_state') +
      enter('device_state') +
      create('message_waiting', shared, error('cancel', 'conflict')) +
      enter('message_waiting') +
      publishDevice('a', 'INUSE') +
      rest,
  )
  t.strictSame(warnings(), [])
})

t.test('buddies who cannot be made owners are told of once, and change nothing else', async t => {
  const { account, accept, warnings } = await setUp(t, buddy)
  account.start()
  const { play } = await accept()
  await play(
    login() +
      subscribe('device_state', notFound) +
      create('device_state', shared) +
      owners('device_state', error('auth', 'forbidden')) +
      enter('device_state') +
      enter('message_waiting') +
      rest,
  )
  t.equal(warnings().length, 1)
  t.match(warnings()[0], /buddies could not be made owners of device_state at pubsub\.example\.com: .*forbidden/)
})

t.test('items are read page by page', async t => {
  const { account, accept, bus, device } = await setUp(t)
  account.start()
  const { play } = await accept()
  const set = (first: string, last: string): string =>
    page(`<first index='0'>${first}</first><last>${last}</last><count>3</count>`)
  await play(
    login() +
      subscribe('device_state') +
      configure('device_state') +
      items('device_state', state('a', 'INUSE') + state('b', 'INUSE'), set('a', 'b')) +
      items('device_state', state('c', 'BUSY'), set('c', 'c'), '<after>b</after>') +
      items('device_state', '', page('<count>3</count>'), '<after>c</after>') +
      enter('message_waiting') +
      rest,
  )
  await device('c', 'BUSY')
  t.strictSame(
    bus.devices().map(({ device }) => device),
    ['a', 'b', 'c'],
  )
})

t.test('what cannot be read is told, and the rest goes on', async t => {
  const { account, accept, bus, warnings } = await setUp(t)
  bus.setDevice('a', 'INUSE')
  account.start()
  const { play } = await accept()
  await play(
    login() +
      subscribe('device_state') +
      configure('device_state') +
      items('device_state', error('cancel', 'feature-not-implemented')) +
      enter('message_waiting') +
      publishDevice('a', 'INUSE') +
      rest,
  )
  t.equal(warnings().length, 1)
  t.match(warnings()[0], /what others have published in device_state.*cannot be read: .*feature-not-implemented/)
})

t.test('a subscription that waits for the owner is told of', async t => {
  const { account, accept, warnings } = await setUp(t)
  account.start()
  const { play } = await accept()
  await play(
    login() +
      subscribe('device_state', subscribed('device_state', 'pending')) +
      configure('device_state') +
      items('device_state', error('auth', 'forbidden')) +
      enter('message_waiting') +
      rest,
  )
  t.match(warnings().join('\n'), /device_state at pubsub\.example\.com: its owner has to approve of our subscription/)
})

t.test('a node that keeps few items is told of when it is full', async t => {
  const { account, accept, warnings } = await setUp(t)
  account.start()
  const { play } = await accept()
  await play(
    login() +
      subscribe('device_state') +
      limited('device_state', '2') +
      items('device_state', state('a', 'INUSE') + state('b', 'INUSE')) +
      enter('message_waiting') +
      rest,
  )
  t.equal(warnings().length, 1)
  t.match(warnings()[0], /device_state at .* keeps 2 items.*raise its pubsub#max_items/)
})

// ── publishing ───────────────────────────────────────────────────────────────────────────────────────────────────────────

t.test('a state that is not to be kept is published on that condition, or else without', async t => {
  const { play, bus, warnings } = await connected(t)
  const passing = (word: string, answer?: string): string =>
    ask(
      'set',
      pubsub(
        `<publish node='device_state'>${state('d', word, OWN, '0')}</publish><publish-options>${form('publish-options', { persist_items: '0' })}</publish-options>`,
      ),
      answer,
    )
  const plain = (word: string): string => publish('device_state', state('d', word, OWN, '0'))
  bus.setDevice('d', 'INUSE', false)
  await play(passing('INUSE') + rest)
  bus.setDevice('d', 'INUSE', false)
  await play(passing('INUSE', error('cancel', 'conflict', 'precondition-not-met')) + plain('INUSE') + rest)
  bus.setDevice('d', 'BUSY', false)
  await play(passing('BUSY') + rest)
  bus.setDevice('d', 'RINGING', false)
  await play(
    passing('RINGING', error('cancel', 'feature-not-implemented', 'unsupported', 'publish-options')) +
      plain('RINGING') +
      rest,
  )
  bus.setDevice('d', 'INUSE', false)
  await play(plain('INUSE') + rest)
  bus.setDevice('d', 'INUSE')
  await play(publishDevice('d', 'INUSE') + rest)
  t.strictSame(warnings(), [])
})

t.test('a burst is coalesced, and no more than 16 are under way', async t => {
  const { peer, bus } = await connected(t)
  for (let round = 0; round < 3; round++)
    for (let n = 0; n < 30; n++) bus.setDevice(`d${n}`, round === 2 ? 'INUSE' : 'RINGING')
  await settled()
  const got: string[] = []
  const ids: string[] = []
  for (let n = 0; n < 16; n++) {
    const each = await peer.next()
    if (each.type !== 'element') throw new Error(each.type)
    ids.push(each.node.attrs.id ?? '')
    got.push(JSON.stringify(each.node))
  }
  t.equal(peer.unread, undefined)
  for (const [n, text] of got.entries()) t.match(text, `"id":"d${n}"`)
  t.match(got[0], 'RINGING', 'the first was on its way')
  for (const id of ids) peer.write(`<iq type='result' id='${id}' from='${SERVICE}'/>`)
  const last: string[] = []
  while (last.length < 30) {
    const each = await peer.next()
    if (each.type !== 'element') throw new Error(each.type)
    peer.write(`<iq type='result' id='${each.node.attrs.id}' from='${SERVICE}'/>`)
    last.push(JSON.stringify(each.node))
  }
  for (let n = 0; n < 30; n++) t.equal(last.filter(text => text.includes(`"id":"d${n}"`)).length, 1, `d${n} once`)
  t.notOk(last.some(text => text.includes('RINGING')))
  await settled()
  t.equal(peer.unread, undefined)
})

// ── what is told ─────────────────────────────────────────────────────────────────────────────────────────────────────────

t.test('every item of an event counts, and every list of items', async t => {
  const { play, bus, skipped } = await connected(t)
  await play(
    event(
      `<items node='device_state'>${state('a', 'INUSE')}${state('b', 'BUSY')}</items><items node='device_state'>${state('c', 'ONHOLD')}</items><items node='message_waiting'>${mailbox('m', 1, 2)}</items>`,
    ) + rest,
  )
  t.strictSame(
    bus.devices().map(({ device, state }) => `${device} ${state}`),
    ['a INUSE', 'b BUSY', 'c ONHOLD'],
  )
  t.strictSame(bus.mailbox('m')?.counts, { new: 1, old: 2 })
  t.strictSame(skipped(), [])
})

t.test('an item that is taken back is gone after a second, unless it is published again', async t => {
  const { play, bus, clock } = await connected(t, {}, state('a', 'INUSE') + state('b', 'BUSY'))
  await play(told('device_state', "<retract id='a'/><retract id='b'/><retract id='nothing'/>") + rest)
  t.equal(bus.device('a')?.state, 'INUSE', 'another may take its place')
  await clock.advance(999)
  await play(told('device_state', state('b', 'ONHOLD')) + rest)
  t.equal(bus.device('a')?.state, 'INUSE')
  await clock.advance(1)
  t.equal(bus.device('a'), undefined)
  await clock.advance(5000)
  t.equal(bus.device('b')?.state, 'ONHOLD')
})

t.test('a purge takes all of a node back; what is ours is published again', async t => {
  const { play, bus } = await connected(t, {}, state('a', 'INUSE'), mailbox('m', 1, 0))
  bus.setDevice('own', 'BUSY')
  await play(publishDevice('own', 'BUSY') + event("<purge node='device_state'/>") + publishDevice('own', 'BUSY') + rest)
  t.equal(bus.device('a'), undefined)
  t.ok(bus.mailbox('m'), 'of the other node nothing')
  await play(event("<purge node='elsewhere'/>") + rest)
  t.ok(bus.mailbox('m'))
})

t.test('a node that is deleted is created and entered again after a second', async t => {
  const { play, bus, clock, warnings } = await connected(t, {}, state('a', 'INUSE'), mailbox('m', 1, 0))
  bus.setDevice('own', 'BUSY')
  await play(publishDevice('own', 'BUSY') + event("<delete node='device_state'/>") + rest)
  t.equal(bus.device('a'), undefined)
  t.equal(bus.device('own')?.state, 'BUSY')
  await clock.advance(999)
  await play(rest)
  await clock.advance(1)
  // Both find it missing, and it is created once.
  await play(
    together(publishDevice('own', 'BUSY', notFound), subscribe('device_state', notFound)) +
      create('device_state', shared) +
      together(subscribe('device_state'), publishDevice('own', 'BUSY')) +
      configure('device_state') +
      items('device_state', state('own', 'BUSY', OWN) + state('a', 'ONHOLD')) +
      rest,
  )
  t.equal(bus.device('a')?.state, 'ONHOLD')
  await clock.advance(600_000)
  await play(rest)
  t.strictSame(warnings(), [])
})

t.test('configuration, and what is no event of ours, changes nothing', async t => {
  const { play, bus, events } = await connected(t, {}, state('a', 'INUSE'))
  const before = events.length
  await play(
    event("<configuration node='device_state'/>") +
      event(`<configuration node='device_state'>${form('node_config', { max_items: '7' }, 'result')}</configuration>`) +
      told('other_node', `${state('x', 'INUSE')}<retract id='a'/>`) +
      event("<collection node='device_state'><associate node='x'/></collection>") +
      event("<items><item id='a'/></items><unknown node='device_state'/>") +
      event('') +
      told('device_state', '') +
      rest,
  )
  t.strictSame(bus.devices(), [{ device: 'a', state: 'INUSE', states: [{ eid: TWO, state: 'INUSE' }] }])
  t.equal(events.length, before)
})

t.test('items in which something is missing are skipped with a reason, and nothing else', async t => {
  const { play, bus, skipped, events, account } = await connected(t)
  const before = events.length
  const content = (inside: string): string => `<item id='d'>${inside}</item>`
  const payload = (attrs: string, text = 'INUSE'): string =>
    content(`<state xmlns='http://asterisk.org' ${attrs}>${text}</state>`)
  const wrong: [item: string, reason: RegExp][] = [
    ["<item id='d'/>", /^device_state d: it has no payload/],
    ['<item/>', /^device_state undefined: it has no id/],
    [`<item id=''>${payload(`eid='${TWO}'`)}</item>`, /no id/],
    [payload(''), /no eid/],
    [payload("eid='x'"), /eid is ".*", which is none/],
    [payload(`eid='${TWO}'`, ''), /no state/],
    [payload(`eid='${TWO}'`, 'DANCING'), /Asterisk does not know/],
    [content(`<state xmlns='urn:x' eid='${TWO}'>INUSE</state>`), /neither/],
    // A child without a namespace is in that of the event.
    [content(`<state eid='${TWO}'>INUSE</state>`), /neither/],
    [content(`<x xmlns='urn:x'/><state xmlns='http://asterisk.org' eid='${TWO}'>INUSE</state>`), /<x\/>/],
    [mailbox('m', 1, 2), /of a mailbox, which is shared elsewhere/],
    [mailbox('m', -1, 2), /numbers of messages/],
    [state('a&#9;b', 'INUSE'), /no name/],
    [state('a&#x9b;b', 'INUSE'), /no name/],
    [state('x'.repeat(100_000), 'INUSE'), /no name/],
    [payload(`eid='${TWO}'`, 'x'.repeat(100_000)), /Asterisk does not know/],
  ]
  for (const [item, reason] of wrong) {
    await play(told('device_state', item + state('good', 'INUSE')) + rest)
    t.match(skipped().at(-1), reason)
  }
  t.equal(skipped().length, wrong.length)
  t.equal(events.length, before + wrong.length)
  t.strictSame(
    bus.devices().map(({ device }) => device),
    ['good'],
    'the item behind it is read',
  )
  t.strictSame(bus.mailboxes(), [])
  t.equal(account.state, 'Connected')
})

t.test('the same among what was there before', async t => {
  const { bus, skipped, play } = await connected(t, {}, `<item id='d'/>${state('good', 'INUSE')}<item/>`)
  await play(rest)
  t.match(skipped(), [/no payload/, /no id/])
  t.equal(bus.device('good')?.state, 'INUSE')
})

t.test('nobody but the service is listened to', async t => {
  const { play, bus, events, clock } = await connected(t, buddy, state('a', 'INUSE'))
  const before = events.length
  const says = [
    `<items node='device_state'>${state('d', 'INUSE')}<item/></items>`,
    "<items node='device_state'><retract id='a'/></items>",
    "<purge node='device_state'/>",
    "<delete node='device_state'/>",
  ]
  for (const from of [
    '',
    "from='juliet@example.com'",
    "from='example.com'",
    "from='romeo@example.net'",
    "from='pubsub.example.com/x'",
    "from='x@pubsub.example.com'",
    "from='pubsub.example.com.evil'",
    "from='pubsub.ex\u0430mple.com'",
    "type='error' from='pubsub.example.com'",
  ]) {
    await play(says.map(content => event(content, from)).join('') + rest)
    await clock.advance(1000)
    t.strictSame(bus.devices(), [{ device: 'a', state: 'INUSE', states: [{ eid: TWO, state: 'INUSE' }] }], from)
  }
  t.equal(events.length, before)
  const service = "from='PubSub.Example.COM' type='headline'"
  await play(event(says[0] ?? '', service) + event(says[1] ?? '', service) + rest)
  await clock.advance(1000)
  t.strictSame(
    bus.devices().map(({ device }) => device),
    ['d'],
  )
  t.equal(events.length, before + 1, 'the item that says nothing')
  await play(event(says[2] ?? '', service) + rest)
  t.strictSame(bus.devices(), [])
})

t.test('our own EID is ours: an echo is nothing', async t => {
  const { play, bus, warnings } = await connected(t)
  bus.setDevice('d', 'INUSE')
  await play(publishDevice('d', 'INUSE') + told('device_state', state('d', 'INUSE', OWN)) + rest)
  bus.clearDevice('d')
  await play(publishDevice('d', 'UNAVAILABLE') + told('device_state', state('d', 'UNAVAILABLE', OWN)) + rest)
  bus.setDevice('late', 'INUSE')
  bus.setDevice('late', 'BUSY')
  // What was said first comes back while the second is on its way.
  await play(
    publishDevice('late', 'INUSE') +
      (publishDevice('late', 'BUSY').split('\n')[0] ?? '') +
      `\n${told('device_state', state('late', 'INUSE', OWN))}${rest}`,
  )
  t.equal(bus.device('late')?.state, 'BUSY')
  t.strictSame(warnings(), [])
})

t.test('what others are told under our EID is put right, once a minute for each', async t => {
  const { play, bus, warnings, clock } = await connected(t)
  bus.setDevice('d', 'INUSE')
  bus.setMailbox('m', { new: 1, old: 0 })
  const ours = (): string => publish('message_waiting', mailbox('m', 1, 0, OWN))
  await play(publishDevice('d', 'INUSE') + ours() + rest)
  const wrong = told('device_state', state('d', 'BUSY', OWN))
  const wrongCounts = told('message_waiting', mailbox('m', 7, 0, OWN))
  await play(wrong + publishDevice('d', 'INUSE') + wrongCounts + ours() + rest)
  t.equal(bus.device('d')?.state, 'INUSE')
  t.strictSame(bus.mailbox('m')?.counts, { new: 1, old: 0 })
  await clock.advance(59_999)
  await play(wrong + wrongCounts + rest)
  await clock.advance(1)
  await play(wrong + publishDevice('d', 'INUSE') + wrongCounts + ours() + rest)
  t.strictSame(warnings(), [], 'four times may be by mistake')
  await clock.advance(60_000)
  await play(wrong + publishDevice('d', 'INUSE') + rest)
  t.equal(warnings().length, 1)
  t.match(warnings()[0], /somebody else at pubsub\.example\.com publishes with our EID 02:00:00:00:00:01 \(d\)/)
  await clock.advance(60_000)
  await play(wrong + publishDevice('d', 'INUSE') + rest)
  t.equal(warnings().length, 1, 'once')
})

t.test('a twin who speaks of what we have never spoken of is told of at once, and once', async t => {
  const { play, bus, warnings } = await connected(t)
  await play(told('device_state', state('other', 'INUSE', OWN) + state('more', 'BUSY', OWN)) + rest)
  await play(told('device_state', state('other', 'BUSY', OWN)) + rest)
  t.equal(warnings().length, 1)
  t.match(warnings()[0], /somebody else at pubsub\.example\.com publishes with our EID 02:00:00:00:00:01 \(other\)/)
  t.equal(bus.device('other'), undefined)
})

// ── another connection ───────────────────────────────────────────────────────────────────────────────────────────────────

t.test('after a reconnect what has changed is published, and what was told is not', async t => {
  const { play, socket, bus, clock, next, accept } = await connected(t)
  bus.setDevice('same', 'INUSE')
  bus.setDevice('changed', 'INUSE')
  bus.setDevice('to and fro', 'INUSE')
  await play(
    publishDevice('same', 'INUSE') + publishDevice('changed', 'INUSE') + publishDevice('to and fro', 'INUSE') + rest,
  )
  socket.destroy()
  await next('offline')
  bus.setDevice('changed', 'BUSY')
  bus.setDevice('new', 'RINGING')
  bus.setDevice('to and fro', 'BUSY')
  bus.setDevice('to and fro', 'INUSE')
  await clock.advance(2000)
  const there = ['same', 'changed', 'to and fro'].map(name => state(name, 'INUSE', OWN)).join('')
  const again = await accept()
  await again.play(
    login() + enterBoth(there) + publishDevice('changed', 'BUSY') + publishDevice('new', 'RINGING') + rest,
  )
})

t.test('after a reconnect what others say is read anew, and counts until then', async t => {
  const { socket, bus, clock, next, accept } = await connected(t, {}, state('a', 'INUSE') + state('gone', 'INUSE'))
  socket.destroy()
  await next('offline')
  t.equal(bus.device('a')?.state, 'INUSE')
  await clock.advance(2000)
  const again = await accept()
  t.equal(bus.device('a')?.state, 'INUSE')
  await again.play(
    login() +
      subscribe('device_state') +
      limited('device_state', 'max') +
      items('device_state', state('a', 'BUSY')) +
      enter('message_waiting') +
      rest,
  )
  t.equal(bus.device('a')?.state, 'BUSY')
  t.equal(bus.device('gone'), undefined)
})

t.test('what was under way when the connection was lost is told again', async t => {
  const { play, socket, bus, clock, next, accept } = await connected(t)
  bus.setDevice('d', 'INUSE')
  await play(publishDevice('d', 'INUSE') + rest)
  bus.setDevice('d', 'BUSY')
  await play(publishDevice('d', 'BUSY').split('\n')[0] ?? '')
  socket.destroy()
  await next('offline')
  bus.setDevice('d', 'INUSE')
  await clock.advance(2000)
  const again = await accept()
  // The service has taken it, and only the answer was lost.
  await again.play(login() + enterBoth(state('d', 'BUSY', OWN)) + publishDevice('d', 'INUSE') + rest)
})

// ── leaving ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

t.test('leaving marks devices, takes all back, or leaves it as it is', async t => {
  for (const farewell of [undefined, 'mark', 'retract', 'keep'] as const) {
    const { play, bus, account, clock } = await connected(t, { farewell }, state('theirs', 'INUSE'))
    bus.setDevice('a', 'INUSE')
    bus.setDevice('gone', 'UNAVAILABLE')
    bus.setMailbox('m', { new: 1, old: 0 })
    const ours = mailbox('m', 1, 0, OWN)
    await play(
      publishDevice('a', 'INUSE') + publishDevice('gone', 'UNAVAILABLE') + publish('message_waiting', ours) + rest,
    )
    const stopped = account.stop()
    const said = {
      mark: publishDevice('a', 'UNAVAILABLE'),
      retract: retract('device_state', 'a') + retract('device_state', 'gone') + retract('message_waiting', 'm'),
      keep: '',
    }[farewell ?? 'mark']
    await play(said + goodbye)
    await stopped
    t.equal(bus.device('theirs'), undefined, 'what others said is no longer heard')
    t.equal(bus.device('a')?.state, 'INUSE', 'ours is still so')
    t.ok(await quiet(clock), `${farewell}: no timer is left`)
  }
})

t.test('a farewell takes no longer than it may', async t => {
  const { play, bus, account, clock, warned } = await connected(t)
  bus.setDevice('a', 'INUSE')
  await play(publishDevice('a', 'INUSE') + rest)
  const stopped = account.stop()
  const [request = '', refusal] = publishDevice('a', 'UNAVAILABLE', error('wait', 'resource-constraint')).split('\n')
  await play(request)
  await clock.advance(1500)
  await warned(/1 states could not be taken leave of at pubsub\.example\.com in time/)
  // What is refused now is too late to be tried again.
  await play(`${refusal}\n${goodbye}`)
  await stopped
  t.ok(await quiet(clock), 'no timer is left')
})

t.test('what is left of our own from an earlier run is taken leave of', async t => {
  const left = state('old', 'INUSE', OWN) + state('off', 'UNAVAILABLE', OWN) + state('theirs', 'INUSE')
  const said = {
    mark: publishDevice('old', 'UNAVAILABLE'),
    retract: together(retract('device_state', 'old'), retract('device_state', 'off'), retract('message_waiting', 'm')),
    keep: '',
  }
  for (const farewell of ['mark', 'retract', 'keep'] as const) {
    const { bus, warnings } = await connected(t, { farewell }, left, mailbox('m', 1, 0, OWN), said[farewell] + rest)
    t.strictSame(
      bus.devices().map(({ device }) => device),
      ['theirs'],
    )
    t.strictSame(warnings(), [])
  }
})

t.test('what is left of our own and still so is not published again', async t => {
  const { account, accept, bus } = await setUp(t)
  bus.setDevice('same', 'INUSE')
  bus.setDevice('other', 'INUSE')
  account.start()
  const { play } = await accept()
  await play(
    login() +
      enterBoth(state('same', 'INUSE', OWN) + state('other', 'BUSY', OWN)) +
      publishDevice('other', 'INUSE') +
      rest,
  )
})

t.test('who no longer distributes events leaves the nodes too', async t => {
  const { play, account, bus, config } = await connected(t, {}, state('theirs', 'INUSE'))
  bus.setDevice('a', 'INUSE')
  await play(publishDevice('a', 'INUSE') + rest)
  const without = { ...config, distribute_events: false }
  const [change] = diffAccounts([config], [without])
  const updated = account.update(without, new Set(change?.kind === 'changed' ? change.effects : []))
  const unsubscribe = (node: string): string =>
    ask('set', pubsub(`<unsubscribe node='${node}' jid='juliet@example.com'/>`))
  await play(publishDevice('a', 'UNAVAILABLE') + unsubscribe('device_state') + unsubscribe('message_waiting'))
  await updated
  t.equal(bus.device('theirs'), undefined)
  bus.setDevice('a', 'BUSY')
  await play(told('device_state', state('d', 'INUSE')) + rest)
  t.equal(bus.device('d'), undefined)
  t.equal(account.state, 'Connected')
})

// ── how much ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

t.test('an answer with all items may be large, an event not quite so much, and nothing may be more', async t => {
  const { account, accept, bus, device, next } = await setUp(t)
  account.start()
  const { play, peer } = await accept()
  const count = 30_000
  const all = Array.from({ length: count }, (_, n) => state(`Custom:device-${n}`, 'INUSE')).join('')
  t.ok(all.length > 3_500_000, `${all.length} bytes`)
  const padding = ' '.repeat(5_000_000 - all.length)
  await play(
    login() + subscribe('device_state') + configure('device_state') + items('device_state', all + padding),
  ).catch((error: Error) => {
    // The question for the mailboxes comes sooner than the dialogue ends.
    if (!error.message.includes('sent more')) throw error
  })
  await device(`Custom:device-${count - 1}`, 'INUSE')
  t.equal(bus.devices().length, count)
  await play(enter('message_waiting') + rest)
  const blanks = (bytes: number): string => event(`<purge node='x'/>${' '.repeat(bytes)}`).slice(3)
  peer.write(blanks(1_040_000))
  await play(rest)
  peer.write(blanks(1_050_000))
  t.match(await next('offline'), { error: { condition: 'policy-violation' } })
})

// ── being there ──────────────────────────────────────────────────────────────────────────────────────────────────────────

t.test('who lets others expire says something in time, even when nothing changes', async t => {
  const { play, bus, clock } = await connected(t, { expire: 60_000 })
  bus.setDevice('a', 'INUSE')
  await play(publishDevice('a', 'INUSE') + rest)
  for (let beat = 0; beat < 3; beat++) {
    await clock.advance(19_999)
    await play(rest)
    await clock.advance(1)
    await play(publishDevice('a', 'INUSE') + rest)
  }
})

t.test('without expiry nothing is said when nothing changes', async t => {
  const { play, bus, clock } = await connected(t)
  bus.setDevice('a', 'INUSE')
  await play(publishDevice('a', 'INUSE') + rest)
  await clock.advance(3_600_000)
  await play(rest)
})

t.test('a buddy who comes later owns what is there', async t => {
  const { account, accept, config, warnings } = await setUp(t)
  account.start()
  const { play } = await accept()
  await play(
    login() +
      subscribe('device_state', notFound) +
      create('device_state', shared) +
      enter('device_state') +
      enter('message_waiting') +
      rest,
  )
  const more = { ...config, buddy: ['romeo@example.net'] }
  await account.update(more, new Set(['buddies']))
  await play(
    together(
      owners('device_state', error('auth', 'forbidden')),
      owners('message_waiting', error('auth', 'forbidden')),
    ) + rest,
  )
  t.equal(warnings().length, 1, 'what is somebody else’s has his buddies')
})

t.test('ejabberd: who has the item of another PBX takes it back to publish his own, and nobody is told', async t => {
  const { play, bus, warnings, clock } = await connected(t, {}, state('d', 'RINGING'))
  bus.setDevice('d', 'INUSE')
  const silently = ask('set', pubsub("<retract node='device_state' notify='false'><item id='d'/></retract>"))
  const forbidden = error('auth', 'forbidden')
  await play(publishDevice('d', 'INUSE', forbidden) + silently + publishDevice('d', 'INUSE') + rest)
  t.equal(bus.device('d')?.state, 'RINGINUSE', 'the other state still holds')
  bus.setDevice('mine', 'INUSE')
  await play(publishDevice('mine', 'INUSE', forbidden) + rest)
  t.strictSame(warnings(), [])
  await clock.advance(1000)
  await play(publishDevice('mine', 'INUSE', forbidden) + rest)
  t.equal(warnings().length, 1, 'of what nobody else has nothing is taken back')
  t.match(warnings()[0], /"mine" cannot be published in device_state/)
  bus.setDevice('other', 'INUSE')
  await play(publishDevice('other', 'INUSE') + rest)
})

t.test('a connection that is lost over the items three times is not lost over them again', async t => {
  const { account, accept, clock, warnings, next, bus } = await setUp(t)
  account.start()
  for (let time = 0; time < 3; time++) {
    const { play, socket } = await accept()
    await play(
      `${login()}${subscribe('device_state')}${configure('device_state')}${items('device_state', '').split('\n')[0]}`,
    )
    socket.destroy()
    const { retryIn } = await next('offline')
    t.strictSame(warnings(), [])
    await clock.advance(retryIn)
  }
  const { play } = await accept()
  await play(login() + subscribe('device_state') + subscribe('message_waiting') + rest)
  t.match(warnings(), [
    /^what others have published in device_state at pubsub\.example\.com is not read: the connection was lost over it 3 times/,
    /^what others have published in message_waiting at pubsub\.example\.com is not read/,
  ])
  await clock.advance(59_999)
  await play(rest)
  await clock.advance(1)
  await play(enterBoth(state('a', 'INUSE')) + rest)
  t.equal(bus.device('a')?.state, 'INUSE', 'the connection has lasted')
})

t.test('what is left of our own does not hold the chunks it came in', async t => {
  const { account, accept, bus } = await setUp(t)
  account.start()
  const { play } = await accept()
  const [count, bytes] = [60, 100_000]
  const name = (n: number): string => `a name that is long enough to be cut out, number ${n}`
  const dialogue = (): string =>
    login() +
    subscribe('device_state') +
    configure('device_state') +
    Array.from({ length: count }, (_, n) =>
      items(
        'device_state',
        state(name(n), 'INUSE', OWN) + ' '.repeat(bytes),
        page(`<last>${name(n)}</last>`),
        n === 0 ? '' : `<after>${name(n - 1)}</after>`,
      ),
    ).join('') +
    items('device_state', '', '', `<after>${name(count - 1)}</after>`) +
    enter('message_waiting') +
    Array.from({ length: count }, (_, n) => publishDevice(name(n), 'UNAVAILABLE')).join('') +
    rest
  const before = heap()
  await play(dialogue())
  const each = Math.round((heap() - before) / count)
  t.ok(each < 16_000, `${each} bytes for each`)
  t.strictSame(bus.devices(), [])
})
