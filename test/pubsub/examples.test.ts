/** XEP-0060's examples, as its service sees them. */
import t from 'tap'
import {
  answers,
  bernardo,
  EVENT,
  entry,
  form,
  francisco,
  hamlet,
  OWNER,
  Played,
  PUBSUB,
  SERVICE,
  said,
  wanted,
} from './service.ts'

const event = (to: string, inner: string, more = '') =>
  wanted(
    `<message type='headline' from='${SERVICE}' to='${to}'><event xmlns='${EVENT}'>${inner}</event>${more}</message>`,
  )

t.test('nodes are created: named, instant, configured (§8.1)', async t => {
  const it = new Played()
  answers(t, it.set(hamlet, "<create node='princely_musings'/>"), '', hamlet)
  answers(t, it.set(hamlet, '<create/>'), `<pubsub xmlns='${PUBSUB}'><create node='id1'/></pubsub>`, hamlet)
  const configure = form({ title: 'Princely Musings (Atom)', access_model: 'whitelist', max_items: '10' })
  answers(t, it.set(hamlet, `<create node='closed'/><configure>${configure}</configure>`), '', hamlet)
  t.equal(said(it.set(francisco, "<create node='princely_musings'/>")), 'cancel conflict')
  t.equal(
    said(it.set(hamlet, `<create node='x'/><configure node='x'>${configure}</configure>`)),
    'modify bad-request',
    'what is configured is what is created',
  )
  t.equal(
    said(it.set(hamlet, `<create node='x'/><configure>${form({ access_model: 'roster' })}</configure>`)),
    'modify not-acceptable unsupported-access-model',
  )
  const some = new Played({ creators: person => person === 'hamlet@denmark.lit' })
  t.equal(said(some.set(francisco, "<create node='x'/>")), 'auth forbidden')
  t.equal(said(some.set(hamlet, "<create node='x'/>")), 'result')
})

t.test('an error repeats what was asked, and has a code', async t => {
  const { answer } = new Played().set(hamlet, `<publish node='gone'><item id='1'>${entry()}</item></publish>`)
  t.equal(
    String(answer),
    String(
      `<iq xmlns="jabber:client" type="error" id="i1" from="${SERVICE}" to="${hamlet}">` +
        `<error code="404" type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>` +
        `<pubsub xmlns="${PUBSUB}"><publish node="gone"><item id="1"><entry xmlns="http://www.w3.org/2005/Atom">x</entry></item></publish></pubsub></iq>`,
    ).replaceAll('"', String(answer).includes('"') ? '"' : "'"),
  )
})

t.test('res_xmpp creates its node, with FORM_TYPE twice', async t => {
  const it = new Played()
  const twice = form({ deliver_payloads: '1', persist_items: '1', access_model: 'whitelist' }).replace(
    '</x>',
    `<field var='FORM_TYPE'><value>${PUBSUB}#owner</value></field></x>`,
  )
  t.equal(said(it.set('pbx@a.lit/astvoip', `<create node='device_state'/><configure>${twice}</configure>`)), 'result')
  const owners = "<affiliation jid='pbx@b.lit' affiliation='owner'/>"
  const made = it.set('pbx@a.lit/astvoip', `<affiliations node='device_state'>${owners}</affiliations>`, OWNER)
  t.equal(said(made), 'result')
  t.equal(said(it.set('pbx@b.lit/x', "<subscribe node='device_state' jid='pbx@b.lit'/>")), 'result')
  const state = "<state xmlns='http://asterisk.org' eid='02:00:00:00:00:01' cachable='1'>INUSE</state>"
  const item = `<item id='Custom:x'>${state}</item>`
  const { told } = it.done('pbx@a.lit/astvoip', `<publish node='device_state'>${item}</publish>`)
  t.strictSame(told, [
    event('pbx@b.lit', `<items node='device_state'><item id='Custom:x' publisher='pbx@a.lit'>${state}</item></items>`),
  ])
  t.equal(
    said(
      it.set(
        'pbx@a.lit/astvoip',
        `<publish node='device_state'>${item}</publish><publish-options>${form({ persist_items: '0' })}</publish-options>`,
      ),
    ),
    'cancel conflict precondition-not-met',
  )
})

t.test('publish, and who is told (§7.1)', async t => {
  const it = new Played().node('n').subscribe('n', francisco).subscribe('n', bernardo, bernardo)
  const result = it.set(hamlet, `<publish node='n'><item id='a'>${entry()}</item></publish>`)
  answers(t, result, `<pubsub xmlns='${PUBSUB}'><publish node='n'><item id='a'/></publish></pubsub>`, hamlet)
  const item = `<items node='n'><item id='a' publisher='hamlet@denmark.lit'>${entry()}</item></items>`
  t.strictSame(result.told, [event('francisco@denmark.lit', item), event(bernardo, item)])
  const [one, two] = result.notifications
  t.equal(one?.elements[0], two?.elements[0], 'one event for all')

  const generated = it.done(hamlet, `<publish node='n'><item>${entry()}</item><item id='c'>${entry()}</item></publish>`)
  answers(
    t,
    generated,
    `<pubsub xmlns='${PUBSUB}'><publish node='n'><item id='id3'/><item id='c'/></publish></pubsub>`,
    hamlet,
  )
  t.equal(generated.told.length, 2, 'several items are one event')
  for (const [payload, expected] of [
    ["<publish><item id='a'/></publish>", 'modify bad-request nodeid-required'],
    ["<publish node='n'/>", 'modify bad-request item-required'],
    ["<publish node='n'><item id='a'/></publish>", 'modify bad-request payload-required'],
    [`<publish node='n'><item>${entry()}${entry()}</item></publish>`, 'modify bad-request invalid-payload'],
    [`<publish node='n'><item>text</item></publish>`, 'modify bad-request invalid-payload'],
  ] as const) {
    t.equal(said(it.set(hamlet, payload)), expected, payload)
  }
  t.equal(said(it.set(francisco, `<publish node='n'><item>${entry()}</item></publish>`)), 'auth forbidden')
})

t.test('what a node is decides what is published (§4.3)', async t => {
  const it = new Played()
  it.node('notify', { deliver_payloads: '0' }).subscribe('notify', francisco)
  t.strictSame(it.publish('notify', 'a').told, [
    event('francisco@denmark.lit', "<items node='notify'><item id='a' publisher='hamlet@denmark.lit'/></items>"),
  ])
  it.node('bare', { deliver_payloads: '0', persist_items: '0' }).subscribe('bare', francisco)
  t.strictSame(it.done(hamlet, "<publish node='bare'/>").told, [event('francisco@denmark.lit', "<items node='bare'/>")])
  t.equal(said(it.set(hamlet, "<publish node='bare'><item/></publish>")), 'modify bad-request item-forbidden')
  it.node('passing', { persist_items: '0' }).subscribe('passing', francisco)
  t.equal(it.publish('passing', 'a').told.length, 1)
  const unkept = 'cancel feature-not-implemented unsupported persistent-items'
  t.equal(said(it.get(hamlet, "<items node='passing'/>")), unkept)
  t.equal(said(it.set(hamlet, "<retract node='passing'><item id='a'/></retract>")), unkept)
  t.equal(said(it.set(hamlet, "<purge node='passing'/>", OWNER)), unkept)
  it.node('typed', { type: 'urn:other' })
  t.equal(
    said(it.set(hamlet, `<publish node='typed'><item>${entry()}</item></publish>`)),
    'modify bad-request invalid-payload',
  )
  it.node('silent', { deliver_notifications: '0' }).subscribe('silent', francisco)
  t.strictSame(it.publish('silent', 'a').told, [])
  it.node('normal', { notification_type: 'normal' }).subscribe('normal', francisco)
  t.equal(it.publish('normal', 'a').notifications[0]?.attrs.type, undefined)
})

t.test('publishing creates a node where that is so, with what is taken for granted (§7.1.4, §7.1.5)', async t => {
  const it = new Played({ autoCreate: true })
  const options = `<publish-options>${form({ access_model: 'whitelist' }, 'submit', 'publish-options')}</publish-options>`
  const item = `<publish node='n'><item id='a'>${entry()}</item></publish>`
  t.equal(said(it.set(hamlet, item + options)), 'result')
  t.equal(
    said(it.set(francisco, "<subscribe node='n' jid='francisco@denmark.lit'/>")),
    'cancel not-allowed closed-node',
  )
  t.equal(said(it.set(hamlet, item + options)), 'result')
  for (const fields of [
    { access_model: 'open' },
    { access_model: 'presence' },
    { surprise: '1' },
    { item_expire: '5' },
  ]) {
    const wrong = `<publish-options>${form(fields as Record<string, string>)}</publish-options>`
    t.equal(said(it.set(hamlet, item + wrong)), 'cancel conflict precondition-not-met', JSON.stringify(fields))
  }
  const fits = form({ item_expire: 'max', max_items: 'max', tempsub: 'false', persist_items: 'true' })
  t.equal(said(it.set(hamlet, `${item}<publish-options>${fits}</publish-options>`)), 'result')
  const few = new Played({ autoCreate: true, creators: () => false })
  t.equal(said(few.set(hamlet, item)), 'auth forbidden')
  t.equal(few.engine.size, 0)
  t.match(String(it.ask(hamlet, 'get', "<query xmlns='http://jabber.org/protocol/disco#info'/>").answer), /auto-create/)
})

t.test('items are retrieved (§6.5)', async t => {
  const it = new Played().node('n', { max_items: '4' })
  for (const id of ['a', 'b', 'c', 'd', 'a', 'e']) it.publish('n', id)
  const ids = (inner: string) => {
    const { answer } = it.get(francisco, inner)
    const pubsub = answer.child('pubsub', PUBSUB)
    return pubsub?.child('items')?.elements.map(each => each.attrs.id)
  }
  t.strictSame(ids("<items node='n'/>"), ['c', 'd', 'a', 'e'], 'what was published again is new, the oldest goes')
  t.strictSame(ids("<items node='n' max_items='2'/>"), ['a', 'e'])
  t.strictSame(ids("<items node='n' max_items='0'/>"), [])
  t.strictSame(ids("<items node='n'><item id='d'/><item id='zz'/><item id='c'/></items>"), ['d', 'c'])
  t.strictSame(ids("<items node='n'><item id='zz'/></items>"), [])
  t.equal(said(it.get(francisco, "<items node='n' max_items='x'/>")), 'modify bad-request')
  t.equal(said(it.get(francisco, "<items node='n' subid='x'/>")), 'modify not-acceptable invalid-subid')
  const rsm = (inner: string) => `<items node='n'/><set xmlns='http://jabber.org/protocol/rsm'>${inner}</set>`
  t.strictSame(ids(rsm('<max>2</max>')), ['c', 'd'])
  t.strictSame(ids(rsm('<max>2</max><after>d</after>')), ['a', 'e'])
  t.strictSame(ids(rsm('<max>2</max><before/>')), ['a', 'e'])
  t.strictSame(ids(rsm('<max>2</max><before>e</before>')), ['d', 'a'])
  t.strictSame(ids(rsm('<max>2</max><index>3</index>')), ['e'])
  t.equal(said(it.get(francisco, rsm('<after>zz</after>'))), 'cancel item-not-found')
  t.equal(said(it.get(francisco, rsm('<max>x</max>'))), 'modify bad-request')
  const page = (first: string) =>
    `<pubsub xmlns='${PUBSUB}'><items node='n'/><set xmlns='http://jabber.org/protocol/rsm'>${first}</set></pubsub>`
  answers(t, it.get(francisco, rsm('<max>0</max>')), page('<count>4</count>'), francisco)
})

t.test('items are retracted, nodes purged and deleted, and subscribers hear of it', async t => {
  const it = new Played().node('n').subscribe('n', francisco)
  for (const id of ['a', 'b', 'c']) it.publish('n', id)
  const to = 'francisco@denmark.lit'
  const result = it.set(hamlet, "<retract node='n'><item id='a'/></retract>")
  answers(t, result, '', hamlet)
  t.strictSame(result.told, [event(to, "<items node='n'><retract id='a'/></items>")])
  for (const [payload, expected] of [
    ["<retract node='n'><item id='a'/></retract>", 'cancel item-not-found'],
    ["<retract><item id='a'/></retract>", 'modify bad-request nodeid-required'],
    ["<retract node='n'/>", 'modify bad-request item-required'],
    ["<retract node='n'><item/></retract>", 'modify bad-request item-required'],
    ["<retract node='n'><item id='b'/><item id='a'/></retract>", 'cancel item-not-found'],
  ] as const) {
    t.equal(said(it.set(hamlet, payload)), expected, payload)
  }
  t.strictSame(it.done(hamlet, "<purge node='n'/>", OWNER).told, [event(to, "<purge node='n'/>")])
  t.strictSame(it.get(hamlet, "<items node='n'/>").answer.child('pubsub', PUBSUB)?.child('items')?.elements, [])
  it.done(hamlet, `<configure node='n'>${form({ notify_retract: '0' })}</configure>`, OWNER)
  it.publish('n', 'd')
  it.publish('n', 'e')
  t.strictSame(it.done(hamlet, "<retract node='n'><item id='d'/></retract>").told, [])
  t.equal(it.done(hamlet, "<retract node='n' notify='1'><item id='e'/></retract>").told.length, 1)
  const gone = it.done(hamlet, "<delete node='n'><redirect uri='xmpp:hamlet@denmark.lit'/></delete>", OWNER)
  t.strictSame(gone.told, [event(to, "<delete node='n'><redirect uri='xmpp:hamlet@denmark.lit'/></delete>")])
  t.equal(said(it.set(hamlet, "<delete node='n'/>", OWNER)), 'cancel item-not-found')
  t.equal(said(it.set(hamlet, '<delete/>', OWNER)), 'cancel not-allowed', 'which is the root')
  answers(t, it.get(francisco, '<subscriptions/>'), `<pubsub xmlns='${PUBSUB}'><subscriptions/></pubsub>`, francisco)
})

t.test('what the service and a node are (§5)', async t => {
  const it = new Played().node('n', { title: 'Musings', description: 'of a prince' }).node('m')
  it.subscribe('n', francisco).affiliate('n', 'bernardo@denmark.lit', 'publisher').publish('n', 'a')
  const info = it.ask(francisco, 'get', "<query xmlns='http://jabber.org/protocol/disco#info'/>").answer
  t.match(String(info), /category=.pubsub. type=.service./)
  for (const feature of ['publish', 'create-nodes', 'retrieve-items', 'persistent-items']) {
    t.match(String(info), `pubsub#${feature}`)
  }
  t.notMatch(String(info), /auto-create|access-presence|presence-/)
  const node = String(
    it.ask(francisco, 'get', "<query xmlns='http://jabber.org/protocol/disco#info' node='n'/>").answer,
  )
  t.match(node, /category=.pubsub. type=.leaf. name=.Musings./)
  t.match(node, /num_subscribers.><value>1</)
  t.match(node, /pubsub#owner.><value>hamlet@denmark.lit</)
  t.match(node, /pubsub#publisher.><value>bernardo@denmark.lit</)
  t.match(node, /creation_date.><value>1970-01-01T00:16:40.000Z</)
  const items = (node = '') => `<query xmlns='http://jabber.org/protocol/disco#items'${node}/>`
  answers(
    t,
    it.ask(francisco, 'get', items()),
    `<query xmlns='http://jabber.org/protocol/disco#items'>
       <item jid='${SERVICE}' node='n' name='Musings'/><item jid='${SERVICE}' node='m'/></query>`,
    francisco,
  )
  answers(
    t,
    it.ask(francisco, 'get', items(" node='n'")),
    `<query xmlns='http://jabber.org/protocol/disco#items' node='n'><item jid='${SERVICE}' name='a'/></query>`,
    francisco,
  )
  const one = "<set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set>"
  const paged = it.ask(francisco, 'get', `<query xmlns='http://jabber.org/protocol/disco#items'>${one}</query>`).answer
  t.match(String(paged), /<first index=.0.>n<\/first><last>n<\/last><count>2<\/count>/)
  for (const what of ['info', 'items']) {
    const query = `<query xmlns='http://jabber.org/protocol/disco#${what}' node='gone'/>`
    t.equal(said(it.ask(francisco, 'get', query)), 'cancel item-not-found')
  }
})

t.test('what cannot be asked', async t => {
  const it = new Played().node('n')
  for (const [type, payload, expected] of [
    ['get', "<ping xmlns='urn:xmpp:ping'/>", 'cancel service-unavailable'],
    ['set', "<query xmlns='http://jabber.org/protocol/disco#info'/>", 'cancel service-unavailable'],
    ['get', `<subscriptions xmlns='${PUBSUB}'/>`, 'cancel service-unavailable'],
    ['get', `<pubsub xmlns='${PUBSUB}'/>`, 'modify bad-request'],
    ['get', `<pubsub xmlns='${PUBSUB}'><surprise/></pubsub>`, 'modify bad-request'],
    ['get', `<pubsub xmlns='${PUBSUB}'><query/></pubsub>`, 'modify bad-request'],
    ['get', `<pubsub xmlns='${PUBSUB}'><publish node='n'/></pubsub>`, 'modify bad-request'],
    ['get', '', 'modify bad-request'],
  ] as const) {
    t.equal(said(it.ask(francisco, type, payload)), expected, payload)
  }
})
