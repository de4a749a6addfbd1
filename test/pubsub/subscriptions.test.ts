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

const bare = 'francisco@denmark.lit'
const options = (fields: Record<string, string | string[]>) => form(fields, 'submit', 'subscribe_options')
const headline = (to: string, inner: string) =>
  wanted(`<message type='headline' from='${SERVICE}' to='${to}'>${inner}</message>`)

t.test('to subscribe and to unsubscribe (§6.1, §6.2)', async t => {
  const it = new Played().node('n')
  const subscription = (state: string, subid = 'id1', jid = bare) =>
    `<pubsub xmlns='${PUBSUB}'><subscription node='n' jid='${jid}' subid='${subid}' subscription='${state}'/></pubsub>`
  const one = `<subscribe node='n' jid='${bare}'/>`
  answers(t, it.set(francisco, one), subscription('subscribed'), francisco)
  answers(t, it.set(francisco, one), subscription('subscribed'), francisco, 'the same again')
  answers(
    t,
    it.set(francisco, `<subscribe node='n' jid='${francisco}'/>`),
    subscription('subscribed', 'id2', francisco),
    francisco,
  )
  for (const [inner, expected] of [
    ["<subscribe node='n' jid='bard@shakespeare.lit'/>", 'modify bad-request invalid-jid'],
    ["<subscribe node='n' jid='fran cisco@@'/>", 'modify bad-request invalid-jid'],
    ["<subscribe node='n'/>", 'modify bad-request invalid-jid'],
    [`<subscribe node='gone' jid='${bare}'/>`, 'cancel item-not-found'],
    ["<unsubscribe node='n' jid='bard@shakespeare.lit'/>", 'auth forbidden'],
    ["<unsubscribe node='n'/>", 'modify bad-request jid-required'],
    [`<unsubscribe node='n' jid='${bare}' subid='x'/>`, 'modify not-acceptable invalid-subid'],
    [`<unsubscribe node='n' jid='${bare}/other'/>`, 'cancel unexpected-request not-subscribed'],
    [`<unsubscribe node='gone' jid='${bare}'/>`, 'cancel item-not-found'],
  ] as const) {
    t.equal(said(it.set(francisco, inner)), expected, inner)
  }
  const told = it.publish('n', 'a').told
  t.equal(told.length, 2, 'a resource is told by itself')
  answers(t, it.set(francisco, `<unsubscribe node='n' jid='${bare}'/>`), subscription('none'), francisco)
  t.notMatch(it.publish('n', 'b').told[0], /shim/, 'one needs no telling which one')
  it.node('closed', { subscribe: '0' })
  t.equal(
    said(it.set(francisco, `<subscribe node='closed' jid='${bare}'/>`)),
    'cancel feature-not-implemented unsupported subscribe',
  )
  const component = `<subscribe node='n' jid='pbx.lit'/>`
  t.equal(said(it.set('pbx.lit', component)), 'result', 'a component is its domain')
})

t.test('a new subscriber is sent what came last (§6.1.7)', async t => {
  const it = new Played().node('n').node('never', { send_last_published_item: 'never' })
  for (const node of ['n', 'never']) for (const id of ['a', 'b']) it.publish(node, id)
  const { told } = it.done(francisco, `<subscribe node='n' jid='${bare}'/>`)
  t.strictSame(told, [
    headline(
      bare,
      `<event xmlns='${EVENT}'><items node='n'><item id='b' publisher='hamlet@denmark.lit'>${entry('b')}</item></items></event>
       <delay xmlns='urn:xmpp:delay' stamp='1970-01-01T00:16:40.000Z'/>`,
    ),
  ])
  t.strictSame(it.done(francisco, `<subscribe node='n' jid='${bare}'/>`).told, [], 'once')
  t.strictSame(it.done(francisco, `<subscribe node='never' jid='${bare}'/>`).told, [])
  it.done(hamlet, "<retract node='n'><item id='b'/></retract>")
  const { told: left } = it.done(bernardo, `<subscribe node='n' jid='${bernardo}'/>`)
  t.match(left.join(), /<[^<]*item id='a'/, 'what is gone is not sent')
  t.equal(left.length, 1)
})

t.test('options (§6.3, §6.4)', async t => {
  const it = new Played().node('n')
  const expiring = options({ expire: 'presence', subscription_type: 'items', subscription_depth: 'all' })
  it.done(francisco, `<subscribe node='n' jid='${bare}'/><options>${expiring}</options>`)
  const get = () => String(it.get(francisco, `<options node='n' jid='${bare}'/>`).answer)
  t.match(get(), /deliver. type=.boolean.><value>1</)
  t.match(get(), /expire. type=.text-single.><value>presence</)
  const set = (fields: Record<string, string | string[]>, subid = '') =>
    it.set(francisco, `<options node='n' jid='${bare}'${subid}>${options(fields)}</options>`)
  answers(t, set({ deliver: '0' }), '', francisco)
  t.match(get(), /deliver. type=.boolean.><value>0</)
  t.match(get(), /><value>presence</, 'what is not said stays')
  t.strictSame(it.publish('n', 'a').told, [])
  set({ deliver: 'true', expire: '', digest: '0', 'show-values': ['chat', 'away'] })
  t.equal(it.publish('n', 'a').told.length, 1)
  for (const [fields, expected] of [
    [{ digest: '1' }, 'modify bad-request invalid-options'],
    [{ deliver: 'perhaps' }, 'modify bad-request invalid-options'],
    [{ subscription_type: 'nodes' }, 'modify bad-request invalid-options'],
    [{ 'show-values': 'busy' }, 'modify bad-request invalid-options'],
    [{ include_body: '1' }, 'modify bad-request invalid-options'],
    [{ expire: '1970-01-01T00:00:01Z' }, 'modify bad-request invalid-options'],
    [{ expire: 'soon' }, 'modify bad-request invalid-options'],
  ] as const) {
    t.equal(said(set(fields)), expected)
  }
  t.equal(said(set({}, " subid='x'")), 'modify not-acceptable invalid-subid')
  for (const [inner, expected] of [
    ["<options node='n'/>", 'modify bad-request jid-required'],
    [`<options node='n' jid='${bernardo}'/>`, 'auth forbidden'],
    [`<options node='n' jid='${francisco}'/>`, 'modify unexpected-request not-subscribed'],
    [`<options node='gone' jid='${bare}'/>`, 'cancel item-not-found'],
  ] as const) {
    t.equal(said(it.get(francisco, inner)), expected, inner)
  }
  t.match(String(it.get(francisco, '<default/>').answer), /subscribe_options/)
  t.equal(said(it.get(francisco, "<default node='gone'/>")), 'cancel item-not-found')
})

t.test('what somebody is told of their own (§5.6, §5.7)', async t => {
  const it = new Played().node('a').node('b')
  it.subscribe('a', francisco).subscribe('a', francisco, francisco).subscribe('b', francisco)
  const pubsub = (inner: string) => `<pubsub xmlns='${PUBSUB}'>${inner}</pubsub>`
  const one = `<subscription node='b' jid='${bare}' subid='id3' subscription='subscribed'/>`
  const two = `<subscription node='a' jid='${bare}' subid='id1' subscription='subscribed'/>
    <subscription node='a' jid='${francisco}' subid='id2' subscription='subscribed'/>`
  answers(t, it.get(francisco, '<subscriptions/>'), pubsub(`<subscriptions>${two}${one}</subscriptions>`), francisco)
  answers(
    t,
    it.get(francisco, "<subscriptions node='b'/>"),
    pubsub(`<subscriptions node='b'>${one}</subscriptions>`),
    francisco,
  )
  answers(t, it.get(bernardo, '<subscriptions/>'), pubsub('<subscriptions/>'), bernardo)
  t.equal(said(it.get(francisco, "<subscriptions node='gone'/>")), 'cancel item-not-found')
  it.affiliate('b', bare, 'member')
  const member = "<affiliation node='b' affiliation='member'/>"
  answers(t, it.get(francisco, '<affiliations/>'), pubsub(`<affiliations>${member}</affiliations>`), francisco)
  answers(t, it.get(francisco, "<affiliations node='a'/>"), pubsub("<affiliations node='a'/>"), francisco)
  const owned = "<affiliation node='a' affiliation='owner'/><affiliation node='b' affiliation='owner'/>"
  answers(t, it.get(hamlet, '<affiliations/>'), pubsub(`<affiliations>${owned}</affiliations>`), hamlet)
  it.affiliate('b', bare, 'none').done(francisco, `<unsubscribe node='b' jid='${bare}'/>`)
  answers(t, it.get(francisco, '<affiliations/>'), pubsub('<affiliations/>'), francisco)
  answers(t, it.get(francisco, '<subscriptions/>'), pubsub(`<subscriptions>${two}</subscriptions>`), francisco)
})

t.test('owners see and change subscriptions (§8.8)', async t => {
  const it = new Played().node('n', { notify_sub: '1' }).affiliate('n', 'bernardo@denmark.lit', 'owner')
  const { told: owners } = it.done(francisco, `<subscribe node='n' jid='${bare}'/>`)
  const state = (word: string, subid: string, jid = bare) =>
    `<event xmlns='${EVENT}'><subscription node='n' jid='${jid}' subid='${subid}' subscription='${word}'/></event>`
  t.strictSame(owners, [
    headline('hamlet@denmark.lit', state('subscribed', 'id1')),
    headline('bernardo@denmark.lit', state('subscribed', 'id1')),
  ])
  const set = (...entries: string[]) =>
    it.set(hamlet, `<subscriptions node='n'>${entries.join('')}</subscriptions>`, OWNER)
  const added = set("<subscription jid='bard@shakespeare.lit' subscription='subscribed'/>")
  answers(t, added, '', hamlet)
  t.strictSame(added.told, [
    headline('bard@shakespeare.lit', state('subscribed', 'id2', 'bard@shakespeare.lit')),
    headline('bernardo@denmark.lit', state('subscribed', 'id2', 'bard@shakespeare.lit')),
  ])
  answers(
    t,
    it.get(hamlet, "<subscriptions node='n'/>", OWNER),
    `<pubsub xmlns='${OWNER}'><subscriptions node='n'>
       <subscription jid='${bare}' subid='id1' subscription='subscribed'/>
       <subscription jid='bard@shakespeare.lit' subid='id2' subscription='subscribed'/></subscriptions></pubsub>`,
    hamlet,
  )
  t.strictSame(set(`<subscription jid='${bare}' subscription='none'/>`).told, [
    headline('bernardo@denmark.lit', state('none', 'id1')),
    headline(bare, state('none', 'id1')),
  ])
  const partly = set(
    "<subscription jid='bard@shakespeare.lit' subscription='pending'/>",
    `<subscription jid='${bare}' subscription='subscribed'/>`,
    "<subscription jid='polonius@denmark.lit'/>",
  )
  t.equal(said(partly), 'modify not-acceptable')
  t.match(String(partly.answer), /jid=.bard@shakespeare.lit. subid=.id2. subscription=.subscribed./)
  t.notMatch(String(partly.answer), /francisco/)
  t.equal(partly.told.length, 2, 'what can be done is done')
  it.affiliate('n', 'polonius@denmark.lit', 'outcast')
  t.equal(said(set("<subscription jid='polonius@denmark.lit' subscription='subscribed'/>")), 'modify not-acceptable')
  t.equal(said(set('<subscription/>')), 'modify bad-request invalid-jid')
})

t.test('owners see and change affiliations (§8.9)', async t => {
  const it = new Played().node('n')
  const set = (...entries: [string, string | undefined][]) => {
    const written = entries.map(
      ([jid, what]) => `<affiliation jid='${jid}'${what === undefined ? '' : ` affiliation='${what}'`}/>`,
    )
    return it.set(hamlet, `<affiliations node='n'>${written.join('')}</affiliations>`, OWNER)
  }
  const made = set(['bard@shakespeare.lit/x', 'publisher'], ['polonius@denmark.lit', undefined])
  answers(t, made, '', hamlet)
  t.strictSame(made.told, [
    headline(
      'bard@shakespeare.lit',
      `<pubsub xmlns='${PUBSUB}'><affiliations node='n'><affiliation jid='bard@shakespeare.lit' affiliation='publisher'/></affiliations></pubsub>`,
    ),
  ])
  answers(
    t,
    it.get(hamlet, "<affiliations node='n'/>", OWNER),
    `<pubsub xmlns='${OWNER}'><affiliations node='n'>
       <affiliation jid='hamlet@denmark.lit' affiliation='owner'/>
       <affiliation jid='bard@shakespeare.lit' affiliation='publisher'/></affiliations></pubsub>`,
    hamlet,
  )
  const last = set(['hamlet@denmark.lit', 'none'], ['bard@shakespeare.lit', 'outcast'], ['x.lit', 'emperor'])
  t.equal(said(last), 'modify not-acceptable')
  t.match(String(last.answer), /jid=.hamlet@denmark.lit. affiliation=.owner.\/>/)
  t.match(String(last.answer), /jid=.x.lit. affiliation=.none.\/>/)
  t.notMatch(String(last.answer), /bard/)
  t.match(String(it.get('bard@shakespeare.lit', '<affiliations/>').answer), /outcast/)
  t.equal(said(set(['a.lit', 'member'], ['a.lit/x', 'owner'])), 'modify bad-request')
  t.equal(said(set(['a b@', 'member'])), 'modify bad-request invalid-jid')
  t.equal(said(set(['bard@shakespeare.lit', 'owner'], ['hamlet@denmark.lit', 'none'])), 'result', 'an owner resigns')
  t.equal(said(set(['hamlet@denmark.lit', 'owner'])), 'auth forbidden')
})

t.test('the configuration (§8.2, §8.3)', async t => {
  const it = new Played().node('n').subscribe('n', francisco)
  const shown = String(it.get(hamlet, "<configure node='n'/>", OWNER).answer)
  t.match(shown, /<x xmlns=.jabber:x:data. type=.form.>/)
  t.match(shown, /access_model. type=.list-single.><option><value>authorize<\/value><\/option><option><value>open/)
  t.notMatch(shown, /roster|children/)
  t.match(String(it.get(hamlet, '<default/>', OWNER).answer), /max_items. type=.text-single.><value>max</)
  const set = (fields: Record<string, string>, type = 'submit') =>
    it.set(hamlet, `<configure node='n'>${form(fields, type)}</configure>`, OWNER)
  for (const id of ['a', 'b', 'c']) it.publish('n', id)
  const changed = set({ max_items: '2', notify_config: '1', title: 'T', body_xslt: 'http://x', tempsub: '0' })
  answers(t, changed, '', hamlet)
  t.match(changed.told[0], /configuration node='n'><\{jabber:x:data\}x type='result'>/)
  t.match(String(it.get(hamlet, "<items node='n'/>").answer), /<items node=.n.><item id=.b.*<item id=.c./)
  t.strictSame(set({ title: 'Other' }, 'cancel').told, [])
  t.match(String(it.get(hamlet, "<configure node='n'/>", OWNER).answer), /title. type=.text-single.><value>T</)
  set({ deliver_payloads: '0' })
  t.match(set({ title: 'x' }).told[0], /configuration node='n'><\/>/)
  for (const fields of [
    { max_items: '0' },
    { max_items: 'many' },
    { max_items: '999999999' },
    { max_payload_size: '999999999' },
    { item_expire: '0' },
    { presence_based_delivery: '1' },
    { send_last_published_item: 'sometimes' },
    { access_model: 'presence' },
    { access_model: 'anarchy' },
    { title: 'x'.repeat(2000) },
  ]) {
    t.match(said(set(fields as Record<string, string>)), /^modify not-acceptable/, JSON.stringify(fields).slice(0, 50))
  }
  t.equal(said(it.set(hamlet, "<configure node='n'/>", OWNER)), 'modify bad-request')
  t.equal(said(it.set(hamlet, '<configure/>', OWNER)), 'modify bad-request nodeid-required')
  set({ persist_items: '0' })
  set({ persist_items: '1' })
  t.notMatch(String(it.get(hamlet, "<items node='n'/>").answer), /<item /, 'what is not kept is gone')
})

t.test('what one is about decides whether one is told (show-values, §16.4.2)', async t => {
  const it = new Played().node('n')
  const asked = it.done(
    francisco,
    `<subscribe node='n' jid='${bare}'/><options>${options({ 'show-values': ['chat', 'online'] })}</options>`,
  )
  t.match(asked.told.join(), /presence.*type='subscribe'/, 'the service asks to see it')
  const told = () => it.publish('n', 'a').told.length
  const show = (resource: string, inner: string, type = '') =>
    it.tell(`<presence from='${bare}/${resource}' to='${SERVICE}'${type}>${inner}</presence>`)
  t.equal(told(), 1, 'of whom nothing is known')
  show('1', '<show>dnd</show>')
  t.equal(told(), 0)
  show('2', '')
  t.equal(told(), 1, 'one of the resources will do')
  show('2', '', " type='unavailable'")
  t.equal(told(), 0)
  show('1', '<show>chat</show>')
  t.equal(told(), 1)
})

t.test('what becomes of the oldest item (publish_node_full)', async t => {
  for (const [choice, heard] of [
    ['discard-oldest', 1],
    ['retract-oldest', 2],
  ] as const) {
    const it = new Played().node('n', { max_items: '1', publish_node_full: choice }).subscribe('n', francisco)
    it.publish('n', 'a')
    const { told } = it.publish('n', 'b')
    t.equal(told.length, heard, choice)
    if (heard === 2) t.match(told[1], /items node='n'><[^<]*retract id='a'/)
    t.equal(it.engine.describe('n')?.items, 1)
    t.equal(it.publish('n', 'b').told.length, 1, 'in its own place it needs no room')
  }
})
