/** XEP-0060 1.27.0 §5, example by example: what there is at a service. */
import t from 'tap'
import type { Element } from '../../src/stream/element.ts'
import { answers, bernardo, entry, form, francisco, hamlet, Played, PUBSUB, SERVICE, said } from './service.ts'

const INFO = 'http://jabber.org/protocol/disco#info'
const ITEMS = 'http://jabber.org/protocol/disco#items'
const bare = 'francisco@denmark.lit'
const published = [
  '368866411b877c30064a5f62b917cffe',
  '3300659945416e274474e469a1f0154c',
  '4e30f35051b7b8b42abe083742187228',
  'ae890ac52d0df67ed7cfdf51b644e901',
]

const query = (ns: string, node?: string) => `<query xmlns='${ns}'${node === undefined ? '' : ` node='${node}'`}/>`
const info = (it: Played, node?: string, from = francisco): Element =>
  it.ask(from, 'get', query(INFO, node)).answer.child('query', INFO) as Element
const features = (it: Played): (string | undefined)[] =>
  info(it)
    .elements.filter(child => child.is('feature', INFO))
    .map(({ attrs }) => attrs.var)

t.test('§5.1 Discover Features', async t => {
  t.test('a service tells that it is one, and what it supports', async t => {
    const query = info(new Played())
    const identities = query.elements.filter(({ name }) => name === 'identity')
    t.strictSame(
      identities.map(({ attrs: { category, type } }) => [category, type]),
      [['pubsub', 'service']],
    )
    t.ok(features(new Played()).includes(PUBSUB), 'pubsub')
  })

  t.test('what every service has (§10)', async t => {
    for (const name of ['publish', 'subscribe']) t.ok(features(new Played()).includes(`${PUBSUB}#${name}`), name)
  })

  t.test('what is done has its feature (§10)', async t => {
    const told = features(new Played())
    for (const name of [
      'collections',
      'config-node',
      'config-node-max',
      'create-and-configure',
      'create-nodes',
      'delete-items',
      'delete-nodes',
      'get-pending',
      'instant-nodes',
      'item-ids',
      'leased-subscription',
      'manage-subscriptions',
      'member-affiliation',
      'meta-data',
      'modify-affiliations',
      'multi-items',
      'outcast-affiliation',
      'persistent-items',
      'publish-only-affiliation',
      'publish-options',
      'publisher-affiliation',
      'purge-nodes',
      'retract-items',
      'retrieve-affiliations',
      'retrieve-default',
      'retrieve-default-sub',
      'retrieve-items',
      'retrieve-subscriptions',
      'subscription-notifications',
      'subscription-options',
    ]) {
      t.ok(told.includes(`${PUBSUB}#${name}`), name)
    }
  })

  t.test('what is not done has none (§10)', async t => {
    const told = features(new Played())
    for (const name of [
      'auto-create',
      'auto-subscribe',
      'filtered-notifications',
      'presence-notifications',
      'presence-subscribe',
      'multi-subscribe',
    ]) {
      t.notOk(told.includes(`${PUBSUB}#${name}`), name)
    }
  })

  // §10 has the default alone; clients look for what there is, which is what services say.
  t.test('access-NAME says which access models there are (§10)', async t => {
    const told = (played: Played) => features(played).filter(name => name?.startsWith(`${PUBSUB}#access-`))
    const models = ['authorize', 'open', 'whitelist'].map(name => `${PUBSUB}#access-${name}`)
    t.strictSame(told(new Played()), models)
    t.ok(told(new Played({ sees: () => true })).includes(`${PUBSUB}#access-presence`))
  })
})

t.test('§5.2 Discover Nodes', async t => {
  t.test('entity requests nodes, service responds with them', async t => {
    const it = new Played()
      .node('Romeoance', { title: 'Letters to my Beloved' })
      .node('Julliennui', { title: 'A Rose by Another Name' })
    answers(
      t,
      it.ask(francisco, 'get', query(ITEMS)),
      `<query xmlns='${ITEMS}'>
         <item node='Romeoance' name='Letters to my Beloved' jid='${SERVICE}'/>
         <item node='Julliennui' name='A Rose by Another Name' jid='${SERVICE}'/>
       </query>`,
      francisco,
      'both',
    )
  })

  t.test('of a leaf items are told, without a node', async t => {
    const it = new Played().node('princely_musings')
    it.publish('princely_musings', 'one')
    const { answer } = it.ask(francisco, 'get', query(ITEMS, 'princely_musings'))
    for (const item of answer.child('query', ITEMS)?.elements ?? []) t.equal(item.attrs.node, undefined)
  })
})

t.test('§5.3 Discover Node Information', async t => {
  t.test('entity queries leaf, service responds with pubsub/leaf', async t => {
    const query = info(new Played().node('princely_musings'), 'princely_musings')
    t.equal(query.attrs.node, 'princely_musings')
    const identities = query.elements.filter(({ name }) => name === 'identity')
    t.strictSame(
      identities.map(({ attrs: { category, type } }) => [category, type]),
      [['pubsub', 'leaf']],
    )
  })

  t.test('a node that is not there', async t => {
    t.equal(said(new Played().ask(francisco, 'get', query(INFO, 'princely_musings'))), 'cancel item-not-found')
  })
})

t.test('§5.4 Discover Node Metadata', async t => {
  t.test('entity queries a node, service responds with information and metadata', async t => {
    const it = new Played()
    it.node('princely_musings', {
      type: 'urn:example:e2ee:bundle',
      title: 'Princely Musings (Atom)',
      description: "Updates for Hamlet's weblog",
      language: 'en',
      contact: 'bard@shakespeare.lit',
      access_model: 'open',
      publish_model: 'publishers',
      max_items: '120',
    })
    it.affiliate('princely_musings', 'horatio@denmark.lit', 'publisher')
    it.subscribe('princely_musings', francisco).subscribe('princely_musings', bernardo)
    const query = info(it, 'princely_musings')
    t.ok(query.elements.some(({ name, attrs }) => name === 'feature' && attrs.var === PUBSUB))
    const x = query.child('x', 'jabber:x:data') as Element
    t.equal(x.attrs.type, 'result')
    const fields = new Map(x.elements.map(({ attrs, elements }) => [attrs.var, elements.map(({ text }) => text)]))
    const formType = x.elements.find(({ attrs }) => attrs.var === 'FORM_TYPE')
    t.equal(formType?.attrs.type, 'hidden')
    t.strictSame(fields.get('FORM_TYPE'), [`${PUBSUB}#meta-data`])
    for (const [name, values] of Object.entries({
      type: ['urn:example:e2ee:bundle'],
      creator: ['hamlet@denmark.lit'],
      title: ['Princely Musings (Atom)'],
      description: ["Updates for Hamlet's weblog"],
      language: ['en'],
      contact: ['bard@shakespeare.lit'],
      access_model: ['open'],
      publish_model: ['publishers'],
      max_items: ['120'],
      owner: ['hamlet@denmark.lit'],
      publisher: ['horatio@denmark.lit'],
      num_subscribers: ['2'],
    })) {
      t.strictSame(fields.get(`pubsub#${name}`), values, name)
    }
    t.match(
      fields.get('pubsub#creation_date')?.[0],
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
      'a DateTime (XEP-0082)',
    )
  })
})

t.test('§5.5 Discover Items for a Node', async t => {
  t.test('entity requests the items of a node', async t => {
    const it = new Played().node('princely_musings')
    for (const id of published) it.publish('princely_musings', id)
    answers(
      t,
      it.ask(francisco, 'get', query(ITEMS, 'princely_musings')),
      `<query xmlns='${ITEMS}' node='princely_musings'>
         ${published.map(id => `<item jid='${SERVICE}' name='${id}'/>`).join('')}
       </query>`,
      francisco,
      'all four',
    )
  })
})

/** The one element in `<pubsub/>`, and what is in it: `node jid state` of each. */
function listed({ answer }: { answer: Element }, name: string): string[] {
  const list = answer.child('pubsub', PUBSUB)?.child(name)
  if (list === undefined) return [`${answer}`]
  return list.elements.map(({ attrs }) => [attrs.node, attrs.jid, attrs.subscription ?? attrs.affiliation].join(' '))
}

t.test('§5.6 Retrieve Subscriptions', async t => {
  const it = new Played()
  for (const node of ['node1', 'node2']) it.node(node).subscribe(node, francisco)
  it.node('node5', { access_model: 'authorize' }).subscribe('node5', francisco)
  it.node('node6', { node_type: 'collection' }).subscribe('node6', francisco)
  const options = form({ subscription_type: 'items' }, 'submit', 'subscribe_options')
  it.done(francisco, `<subscribe node='node6' jid='${bare}'/><options>${options}</options>`)
  it.subscribe('node1', francisco, francisco).subscribe('node1', bernardo)

  t.test('entity requests all, service returns all, of all its JIDs', async t => {
    const result = it.get(francisco, '<subscriptions/>')
    t.equal(said(result), 'result')
    t.strictSame(listed(result, 'subscriptions').sort(), [
      `node1 ${bare} subscribed`,
      `node1 ${francisco} subscribed`,
      `node2 ${bare} subscribed`,
      `node5 ${bare} pending`,
      `node6 ${bare} subscribed`,
      `node6 ${bare} subscribed`,
    ])
    const list = result.answer.child('pubsub', PUBSUB)?.child('subscriptions')
    const subids = list?.elements.map(({ attrs }) => attrs.subid)
    t.notOk(subids?.includes(undefined), 'each has a subid')
    t.equal(new Set(subids).size, 6, 'which are all different')
  })

  t.test('no subscriptions', async t => {
    const none = `<pubsub xmlns='${PUBSUB}'><subscriptions/></pubsub>`
    answers(t, it.get('bard@shakespeare.lit/globe', '<subscriptions/>'), none, 'bard@shakespeare.lit/globe')
  })

  t.test('entity requests those to one node, service returns these', async t => {
    const result = it.get(francisco, "<subscriptions node='node6'/>")
    t.strictSame(listed(result, 'subscriptions'), [`node6 ${bare} subscribed`, `node6 ${bare} subscribed`])
    t.equal(result.answer.child('pubsub', PUBSUB)?.child('subscriptions')?.attrs.node, 'node6')
  })
})

t.test('§5.7 Retrieve Affiliations', async t => {
  const it = new Played()
  it.done(francisco, "<create node='node1'/>")
  it.node('node2').affiliate('node2', bare, 'publisher')
  it.node('node3').subscribe('node3', francisco)
  it.node('node5').affiliate('node5', bare, 'outcast')
  it.done(francisco, "<create node='node6'/>")
  it.node('node7').affiliate('node7', bare, 'member')
  it.node('node8').affiliate('node8', bare, 'publish-only')

  t.test('entity requests all, service returns all', async t => {
    const result = it.get(francisco, '<affiliations/>')
    t.strictSame(listed(result, 'affiliations').sort(), [
      'node1  owner',
      'node2  publisher',
      'node5  outcast',
      'node6  owner',
      'node7  member',
      'node8  publish-only',
    ])
  })

  t.test('no affiliations', async t => {
    const none = `<pubsub xmlns='${PUBSUB}'><affiliations/></pubsub>`
    answers(t, it.get(bernardo, '<affiliations/>'), none, bernardo)
  })

  t.test('entity requests that with one node, service returns it', async t => {
    t.strictSame(listed(it.get(francisco, "<affiliations node='node6'/>"), 'affiliations'), ['node6  owner'])
    t.strictSame(listed(it.get(hamlet, "<affiliations node='node6'/>"), 'affiliations'), [], 'none is not listed')
  })
})

t.test('an error has what the XEP shows', async t => {
  const { answer } = new Played().set(hamlet, `<publish node='princely_musings'><item>${entry()}</item></publish>`)
  t.match(answer.attrs, { type: 'error', from: SERVICE, to: hamlet, id: 'i1' })
  t.equal(said({ answer }), 'cancel item-not-found')
})
