/** What is too much is refused, and what is kept holds nothing else alive. */
import t from 'tap'
import { type EngineLimits, PubsubEngine } from '../../src/pubsub/index.ts'
import { type Element, el } from '../../src/stream/element.ts'
import { HandClock } from '../helper/clock.ts'
import { heap } from '../helper/heap.ts'
import { received } from '../helper/received.ts'
import { bernardo, entry, form, francisco, hamlet, OWNER, Played, PUBSUB, SERVICE, said } from './service.ts'

const limited = (limits: Partial<EngineLimits>): Played => new Played({ limits })
const create = (name: string) => `<create node='${name}'/>`
const item = (id: string, text = 'x') => `<item id='${id}'>${entry(text)}</item>`
const publish = (...items: string[]) => `<publish node='n'>${items.join('')}</publish>`

t.test('nodes', async t => {
  const full = 'wait resource-constraint max-nodes-exceeded'
  const few = limited({ nodes: 2 }).node('a').node('b')
  t.equal(said(few.set(francisco, create('c'))), full)
  few.done(hamlet, "<delete node='a'/>", OWNER)
  t.equal(said(few.set(francisco, create('c'))), 'result')
  const each = limited({ nodesPerOwner: 1 }).node('a')
  t.equal(said(each.set(hamlet, create('b'))), full)
  t.equal(said(each.set(francisco, create('b'))), 'result')
  each.done(
    francisco,
    "<affiliations node='b'><affiliation jid='bernardo@denmark.lit' affiliation='owner'/></affiliations>",
    OWNER,
  )
  t.equal(said(each.set(bernardo, create('c'))), 'result', 'to be made an owner costs nothing')
  each.done(bernardo, "<delete node='b'/>", OWNER)
  t.equal(said(each.set(francisco, create('d'))), 'result', 'who created it has room again')
  t.equal(said(limited({ nameBytes: 3 }).set(hamlet, create('éé'))), 'modify not-acceptable')
})

t.test('items', async t => {
  const it = limited({
    itemsPerNode: 3,
    itemsPerRequest: 2,
    itemBytes: 200,
    idBytes: 3,
    itemDepth: 3,
    storedBytes: 1200,
  }).node('n')
  for (const id of ['a', 'b', 'c', 'd']) it.publish('n', id)
  t.match(String(it.get(hamlet, "<items node='n'/>").answer), /<items node=.n.><item id=.b./, 'the oldest goes')
  const deep = "<item><a xmlns='urn:a'><b><c><d/></c></b></a></item>"
  for (const [inner, expected] of [
    [publish(item('aa', 'x'.repeat(200))), 'modify not-acceptable payload-too-big'],
    [publish(item('aaaa')), 'modify not-acceptable'],
    [publish(item('a'), item('b'), item('c')), 'modify not-acceptable'],
    [publish(deep), 'modify bad-request invalid-payload'],
    [publish("<item><a xmlns='urn:a'><b><c/></b></a></item>"), 'result'],
    [`<retract node='n'>${'<item id="a"/>'.repeat(3)}</retract>`, 'modify not-acceptable'],
  ] as const) {
    t.equal(said(it.set(hamlet, inner)), expected, inner.slice(0, 60))
  }
  it.done(hamlet, "<purge node='n'/>", OWNER)
  for (const id of ['a', 'b', 'c']) it.set(hamlet, publish(item(id, 'x'.repeat(120))))
  t.equal(said(it.set(hamlet, publish(item('d', 'x'.repeat(120))))), 'wait resource-constraint')
  t.equal(said(it.set(hamlet, publish(item('c', 'y'.repeat(120))))), 'result', 'in the place of what is there')
  it.done(hamlet, "<delete node='n'/>", OWNER)
  it.node('n')
  t.equal(said(it.set(hamlet, publish(item('d', 'x'.repeat(120))))), 'result', 'what is deleted makes room')
  it.done(hamlet, `<configure node='n'>${form({ max_items: '1', max_payload_size: '100' })}</configure>`, OWNER)
  t.equal(said(it.set(hamlet, publish(item('d', 'x'.repeat(120))))), 'modify not-acceptable payload-too-big')
  t.equal(said(it.set(hamlet, publish(item('a'), item('b')))), 'cancel not-allowed max-items-exceeded')
})

t.test('subscriptions and affiliations', async t => {
  const it = limited({ subscriptionsPerNode: 3, subscriptionsPerSubscriber: 2, affiliationsPerNode: 2 }).node('n')
  const subscribe = (from: string, jid: string) => said(it.set(from, `<subscribe node='n' jid='${jid}'/>`))
  const tooMany = 'wait policy-violation too-many-subscriptions'
  t.strictSame(
    ['francisco@denmark.lit', francisco, `${francisco}2`].map(jid => subscribe(francisco, jid)),
    ['result', 'result', tooMany],
  )
  t.equal(subscribe(bernardo, bernardo), 'result')
  t.equal(subscribe('bard@shakespeare.lit', 'bard@shakespeare.lit'), tooMany)
  const owned = "<subscriptions node='n'><subscription jid='a.lit' subscription='subscribed'/></subscriptions>"
  t.equal(said(it.set(hamlet, owned, OWNER)), 'modify not-acceptable')
  it.affiliate('n', 'a.lit', 'member').affiliate('n', 'a.lit', 'publisher')
  const third = "<affiliations node='n'><affiliation jid='b.lit' affiliation='member'/></affiliations>"
  t.equal(said(it.set(hamlet, third, OWNER)), 'modify not-acceptable')
})

t.test('what one request can have told', async t => {
  const it = limited({ notificationsPerRequest: 5 })
  const names = ['a', 'b', 'c', 'd'].map(name => it.node(name) && name)
  it.node('c0', { node_type: 'collection' }).subscribe('c0', francisco).subscribe('c0', bernardo)
  const { sent, cut } = it.done(hamlet, `<configure node='c0'>${form({ children: names })}</configure>`, OWNER)
  t.equal(sent.length, 5)
  t.ok(cut)
  t.equal(it.engine.describe('c0')?.children.length, 4, 'what was asked for is done')
  t.notOk(it.publish('a', 'x').cut)
})

t.test('a long answer comes in pages', async t => {
  const it = limited({ pageSize: 3, pageBytes: 900 }).node('n')
  for (let n = 0; n < 5; n++) it.publish('n', `i${n}`)
  const first = String(it.get(hamlet, "<items node='n'/>").answer)
  t.match(first, /<first index=.0.>i0<\/first><last>i2<\/last><count>5<\/count>/)
  it.set(hamlet, publish(item('big', 'x'.repeat(1000)), item('i5')))
  const last = "<items node='n'/><set xmlns='http://jabber.org/protocol/rsm'><after>i4</after></set>"
  t.match(String(it.get(hamlet, last).answer), /<first index=.5.>big<\/first><last>big<\/last><count>7<\/count>/)
})

t.test('memory', async t => {
  const engine = new PubsubEngine({ jid: SERVICE, clock: new HandClock() })
  const ask = (inner: Element) => {
    const iq = el(
      'iq',
      'jabber:client',
      { type: 'set', from: hamlet, to: SERVICE, id: 'i' },
      el('pubsub', PUBSUB, {}, inner),
    )
    return engine.handle(iq).answer.attrs.type
  }

  t.equal(ask(el('create', PUBSUB, { node: 'device-0' })), 'result')
  const before = heap()
  let failed = 0
  for (let n = 1; n <= 5000; n++) if (ask(el('create', PUBSUB, { node: `device-${n}` })) !== 'result') failed++
  const each = (heap() - before) / 5000
  t.equal(failed, 0)
  t.ok(each < 1024, `${Math.round(each)} bytes for an empty node`)

  const chunk = 60_000
  const start = heap()
  for (let n = 1; n <= 200; n++) {
    const text = `more than a few characters of it, ${n}`
    const inner = `<publish node='device-${n}'><item id='${text}'>
      <state xmlns='urn:asterisk:of:some:length:${n}' eid='${text}'>${text}</state></item></publish>`
    const payload = `<pubsub xmlns='${PUBSUB}'>${inner}</pubsub>`
    const iq = received(`<iq type='set' id='i' from='${hamlet}' to='${SERVICE}'>${payload}</iq>`, chunk)
    if (engine.handle(iq).answer.attrs.type !== 'result') failed++
    const jid = `subscriber-of-some-length-${n}@denmark.lit`
    const subscription = `<pubsub xmlns='${PUBSUB}'><subscribe node='device-${n}' jid='${jid}'/></pubsub>`
    const asked = received(`<iq type='set' id='i' from='${jid}/x' to='${SERVICE}'>${subscription}</iq>`, chunk)
    if (engine.handle(asked).answer.attrs.type !== 'result') failed++
    const title = `<field var='pubsub#title'><value>${text}</value></field>`
    const configured = `<pubsub xmlns='${OWNER}'><configure node='device-${n}'><x xmlns='jabber:x:data' type='submit'>${title}</x></configure></pubsub>`
    const config = received(`<iq type='set' id='i' from='${hamlet}' to='${SERVICE}'>${configured}</iq>`, chunk)
    if (engine.handle(config).answer.attrs.type !== 'result') failed++
  }
  const growth = Math.round((heap() - start) / 200)
  t.equal(failed, 0)
  t.ok(growth < chunk / 4, `${growth} bytes for an item, a subscriber and a title, of chunks of ${2 * chunk}`)
  t.equal(engine.size, 5001)
})
