/** XEP-0248 0.4.0, example by example: nodes in collections. */
import t, { type Test } from 'tap'
import type { Element } from '../../src/stream/element.ts'
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

const INFO = 'http://jabber.org/protocol/disco#info'
const ITEMS = 'http://jabber.org/protocol/disco#items'
const SHIM = 'http://jabber.org/protocol/shim'
const DATA = 'jabber:x:data'
const bare = 'francisco@denmark.lit'
const collection = { node_type: 'collection' }

/** A node of francisco's, who owns them in this XEP. */
function made(it: Played, name: string, fields: Record<string, string | string[]> = {}, from = francisco): Played {
  it.done(from, `<create node='${name}'/><configure>${form(fields)}</configure>`)
  return it
}
/** `blogs`, and `princely_musings` in it. */
const blogs = (fields: Record<string, string> = {}, leaf: Record<string, string> = {}): Played =>
  made(made(new Played(), 'blogs', { ...collection, ...fields }), 'princely_musings', { collection: 'blogs', ...leaf })

const options = (fields: Record<string, string>) => `<options>${form(fields, 'submit', 'subscribe_options')}</options>`
const subscribe = (it: Played, node: string, fields?: Record<string, string>, jid = bare, from = francisco) =>
  it.set(from, `<subscribe node='${node}' jid='${jid}'/>${fields === undefined ? '' : options(fields)}`)
const configure = (it: Played, node: string, fields: Record<string, string | string[]>, from = francisco) =>
  it.set(from, `<configure node='${node}'>${form(fields)}</configure>`, OWNER)
const relate = (it: Played, word: 'associate' | 'dissociate', parent: string, child: string, from = francisco) =>
  it.set(from, `<collection node='${parent}'><${word} node='${child}'/></collection>`, OWNER)
const publish = (it: Played, node: string, id = 'one', from = francisco) => it.publish(node, id, from)

/** What the form of a node has in a field. */
function configOf(it: Played, node: string, name: string, from = francisco): string[] | undefined {
  const { answer } = it.get(from, `<configure node='${node}'/>`, OWNER)
  const x = answer.child('pubsub', OWNER)?.child('configure')?.child('x', DATA)
  const field = x?.elements.find(({ attrs }) => attrs.var === `pubsub#${name}`)
  return field?.elements.filter(child => child.name === 'value').map(({ text }) => text)
}
const sorted = (values: string[] | undefined): string[] | undefined => values && [...values].sort()
const childrenOf = (it: Played, node?: string): (string | undefined)[] | undefined =>
  it
    .ask(francisco, 'get', `<query xmlns='${ITEMS}'${node === undefined ? '' : ` node='${node}'`}/>`)
    .answer.child('query', ITEMS)
    ?.elements.map(({ attrs }) => attrs.node)

/** A notification that came by a collection; `headers` are `name value`. */
const through = (inner: string, ...headers: string[]): string => {
  const written = headers.map(header => {
    const [name, value] = header.split(' ')
    return `<header name='${name}'>${value}</header>`
  })
  const shim = headers.length === 0 ? '' : `<headers xmlns='${SHIM}'>${written.join('')}</headers>`
  return wanted(
    `<message type='headline' from='${SERVICE}' to='${bare}'><event xmlns='${EVENT}'>${inner}</event>${shim}</message>`,
  )
}
const itemsOf = (node: string, id = 'one', payload = entry(id)) =>
  `<items node='${node}'><item id='${id}' publisher='${bare}'>${payload}</item></items>`

const INVALID = 'cancel not-allowed invalid-options'
const FULL = 'cancel not-allowed max-nodes-exceeded'
// The examples have type cancel; RFC 6120 §8.3.3.4 has auth with forbidden, and so has XEP-0060.
const FORBIDDEN = /^(auth|cancel) forbidden$/

t.test('§5.1 Discovering Support: service responds with support for collections', async t => {
  const { answer } = new Played().ask(francisco, 'get', `<query xmlns='${INFO}'/>`)
  const vars = answer.child('query', INFO)?.elements.map(({ attrs }) => attrs.var) ?? []
  for (const name of ['collections', 'multi-collections']) t.ok(vars.includes(`${PUBSUB}#${name}`), name)
})

t.test('§5.2 Discover Nodes', async t => {
  const it = new Played()
  made(it, 'blogs', { ...collection, title: 'Weblog updates' })
  made(it, 'news', { ...collection, title: 'News and announcements' })
  const second = ['princely_musings', 'kingly_ravings', 'starcrossed_stories', 'moorish_meanderings']
  for (const node of second) made(it, node, { collection: 'blogs' })

  t.test('entity asks for first-level nodes, service returns these', async t => {
    answers(
      t,
      it.ask(francisco, 'get', `<query xmlns='${ITEMS}'/>`),
      `<query xmlns='${ITEMS}'>
         <item jid='${SERVICE}' node='blogs' name='Weblog updates'/>
         <item jid='${SERVICE}' node='news' name='News and announcements'/>
       </query>`,
      francisco,
      'both',
    )
  })

  t.test('entity requests second-level nodes, service returns these', async t => {
    answers(
      t,
      it.ask(francisco, 'get', `<query xmlns='${ITEMS}' node='blogs'/>`),
      `<query xmlns='${ITEMS}' node='blogs'>
         ${second.map(node => `<item jid='${SERVICE}' node='${node}'/>`).join('')}
       </query>`,
      francisco,
      'all four',
    )
  })

  t.test('its identity is pubsub/collection (§12.4)', async t => {
    const { answer } = it.ask(francisco, 'get', `<query xmlns='${INFO}' node='blogs'/>`)
    const identities = answer.child('query', INFO)?.elements.filter(({ name }) => name === 'identity')
    t.strictSame(
      identities?.map(({ attrs: { category, type } }) => [category, type]),
      [['pubsub', 'collection']],
    )
  })
})

t.test('§5.3.1.1 Notifications about Items', async t => {
  const listened = (fields: Record<string, string> = {}, leaf: Record<string, string> = {}): Played => {
    const it = blogs(fields, leaf)
    t.equal(said(subscribe(it, 'blogs', { subscription_type: 'items' })), 'result')
    return it
  }

  t.test('subscriber receives a publish notification from a collection', async t => {
    const { told } = publish(listened(), 'princely_musings')
    t.strictSame(told, [through(itemsOf('princely_musings'), 'Collection blogs')])
  })

  t.test('of a retract, and of a purge', async t => {
    const it = listened()
    publish(it, 'princely_musings')
    publish(it, 'princely_musings', 'two')
    t.strictSame(it.done(francisco, "<retract node='princely_musings' notify='1'><item id='one'/></retract>").told, [
      through("<items node='princely_musings'><retract id='one'/></items>", 'Collection blogs'),
    ])
    t.strictSame(it.done(francisco, "<purge node='princely_musings'/>", OWNER).told, [
      through("<purge node='princely_musings'/>", 'Collection blogs'),
    ])
  })

  t.test('how it is delivered is the affair of the leaf', async t => {
    const it = listened({ deliver_payloads: '1' }, { deliver_payloads: '0' })
    t.strictSame(publish(it, 'princely_musings').told, [
      through(itemsOf('princely_musings', 'one', ''), 'Collection blogs'),
    ])
    t.equal(publish(listened({ deliver_payloads: '0', deliver_notifications: '0' }), 'princely_musings').told.length, 1)
  })
})

t.test('§5.3.1.2 Notifications about Nodes', async t => {
  const listened = (fields: Record<string, string> = {}): Played => {
    const it = made(new Played(), 'blogs', { ...collection, ...fields })
    t.equal(said(subscribe(it, 'blogs', { subscription_type: 'nodes' })), 'result')
    return it
  }
  const leaf = (it: Played, fields: Record<string, string> = {}) =>
    it.done(
      francisco,
      `<create node='princely_musings'/><configure>${form({ collection: 'blogs', ...fields })}</configure>`,
    )

  t.test('subscriber receives a creation notification from a collection', async t => {
    const { told } = leaf(listened())
    t.ok(told.includes(through("<create node='princely_musings'/>", 'Collection blogs')), told.join('\n'))
  })

  t.test('of a deletion', async t => {
    const it = listened()
    leaf(it)
    const { told } = it.done(francisco, "<delete node='princely_musings'/>", OWNER)
    t.ok(told.includes(through("<delete node='princely_musings'/>", 'Collection blogs')), told.join('\n'))
  })

  t.test('of a configuration', async t => {
    const it = listened()
    leaf(it, { notify_config: '1', deliver_payloads: '0' })
    const { told } = configure(it, 'princely_musings', { title: 'two' })
    t.strictSame(told, [through("<configuration node='princely_musings'/>", 'Collection blogs')])
  })
})

t.test('§5.3.2 Node Association and Dissociation', async t => {
  const associated = (fields: Record<string, string> = {}): Played => {
    const it = made(new Played(), 'some-collection', { ...collection, notify_config: '1', ...fields })
    made(made(it, 'new-node-id'), 'old-node-id', { collection: 'some-collection' })
    t.equal(said(subscribe(it, 'some-collection')), 'result')
    return it
  }
  /** Whether that is among what is told; metadata may be in it (§5.3.2.1). */
  const told = (t: Test, result: { told: string[] }, word: string, node: string) => {
    const event = `<{${EVENT}}collection node='some-collection'><{${EVENT}}${word} node='${node}'>`
    t.equal(result.told.filter(text => text.includes(event)).length, 1, result.told.join('\n'))
  }

  t.test('notification of node association', async t => {
    told(t, relate(associated(), 'associate', 'some-collection', 'new-node-id'), 'associate', 'new-node-id')
    told(t, configure(associated(), 'new-node-id', { collection: 'some-collection' }), 'associate', 'new-node-id')
    const children = ['old-node-id', 'new-node-id']
    told(t, configure(associated(), 'some-collection', { children }), 'associate', 'new-node-id')
  })

  t.test('notification of node dissociation', async t => {
    told(t, relate(associated(), 'dissociate', 'some-collection', 'old-node-id'), 'dissociate', 'old-node-id')
    told(t, configure(associated(), 'old-node-id', { collection: '' }), 'dissociate', 'old-node-id')
  })

  t.test('only where it is configured', async t => {
    const it = associated({ notify_config: '0' })
    t.strictSame(relate(it, 'associate', 'some-collection', 'new-node-id').told, [])
  })
})

const subidOf = ({ answer }: { answer: Element }): string =>
  answer.child('pubsub', PUBSUB)?.child('subscription')?.attrs.subid ?? ''
function subscribed(t: Test, result: { answer: Element }, node: string | undefined): void {
  const found = result.answer.child('pubsub', PUBSUB)?.child('subscription')?.attrs
  t.match(found, { jid: bare, subscription: 'subscribed' })
  t.equal(found?.node || undefined, node)
  t.ok(found?.subid)
}

t.test('§6.1 Subscribe to a Collection Node', async t => {
  /** `blogs` with a leaf, and `plays` in it with another. */
  const deep = (): Played => {
    const it = made(blogs(), 'plays', { ...collection, collection: 'blogs' })
    return made(it, 'kingly_ravings', { collection: 'plays' })
  }
  const created = (it: Played, parent: string) =>
    it
      .done(francisco, `<create node='new'/><configure>${form({ collection: parent })}</configure>`)
      .told.filter(text => text.includes(`<{${EVENT}}create node='new'>`)).length

  const subscribedTo = (t: Test, it: Played, fields: Record<string, string>): Played => {
    subscribed(t, subscribe(it, 'blogs', fields), 'blogs')
    return it
  }

  t.test('1, 2: entity subscribes (no configuration), service responds with success', async t => {
    const it = deep()
    subscribed(t, subscribe(it, 'blogs'), 'blogs')
    t.equal(created(it, 'blogs'), 1, 'type is nodes')
    t.strictSame(publish(it, 'princely_musings').told, [], 'and not items')
    t.equal(created(subscribedTo(t, deep(), {}), 'plays'), 0, 'depth is 1')
  })

  t.test('1, 2: entity subscribes (with configuration), service responds with success', async t => {
    const it = subscribedTo(t, deep(), { subscription_type: 'items', subscription_depth: 'all' })
    t.strictSame(publish(it, 'princely_musings').told, [through(itemsOf('princely_musings'), 'Collection blogs')])
    t.strictSame(publish(it, 'kingly_ravings').told, [through(itemsOf('kingly_ravings'), 'Collection blogs')])
    t.equal(created(it, 'blogs'), 0)
  })

  t.test('depth is a number, or all', async t => {
    for (const [depth, heard] of [
      ['0', [0, 0]],
      ['1', [1, 0]],
      ['2', [1, 1]],
      ['all', [1, 1]],
    ] as const) {
      const it = subscribedTo(t, deep(), { subscription_type: 'items', subscription_depth: depth })
      const counts = ['princely_musings', 'kingly_ravings'].map(node => publish(it, node).told.length)
      t.strictSame(counts, heard, depth)
      const nodes = ['blogs', 'plays'].map(parent =>
        created(subscribedTo(t, deep(), { subscription_type: 'nodes', subscription_depth: depth }), parent),
      )
      t.strictSame(nodes, heard, `${depth}, of nodes`)
    }
  })

  t.test('type all is both', async t => {
    const it = subscribedTo(t, deep(), { subscription_type: 'all' })
    t.equal(created(it, 'blogs'), 1)
    t.equal(publish(it, 'princely_musings').told.length, 1)
  })

  t.test('3: once for nodes and once for items, told apart by subid', async t => {
    const it = deep()
    const subids = ['nodes', 'items'].map(type => subidOf(subscribe(it, 'blogs', { subscription_type: type })))
    t.not(subids[0], subids[1])
    t.strictSame(publish(it, 'princely_musings').told, [
      through(itemsOf('princely_musings'), 'Collection blogs', `SubID ${subids[1]}`),
    ])
    t.equal(created(it, 'blogs'), 1)
  })

  t.test('3: service does not allow two of one type with different depths', async t => {
    for (const type of ['nodes', 'items']) {
      const it = subscribedTo(t, deep(), { subscription_type: type, subscription_depth: '1' })
      const again = subscribe(it, 'blogs', { subscription_type: type, subscription_depth: 'all' })
      t.equal(said(again), 'cancel conflict', type)
      const same = subscribe(it, 'blogs', { subscription_type: type, subscription_depth: '1' })
      subscribed(t, same, 'blogs')
    }
  })
})

t.test('§6.2 Retrieving Items on Collection Nodes', async t => {
  const filled = (fields: Record<string, string> = {}, leaf: Record<string, string> = {}): Played => {
    const it = made(new Played(), 'blogs', { ...collection, ...fields })
    for (const node of ['Romeoance', 'Julliennui']) {
      made(it, node, { collection: 'blogs', ...leaf })
      publish(it, node)
    }
    return it
  }
  const both = ['Romeoance', 'Julliennui'].map(node => itemsOf(node)).join('')

  t.test('1, 2: subscriber requests all items, service returns those of the leaves', async t => {
    answers(
      t,
      filled().get(bernardo, "<items node='blogs'/>"),
      `<pubsub xmlns='${PUBSUB}'>${both}</pubsub>`,
      bernardo,
      'both',
    )
  })

  t.test('subject to the access model of the collection', async t => {
    const closed = filled({ access_model: 'whitelist' })
    t.equal(said(closed.get(bernardo, "<items node='blogs'/>")), 'cancel not-allowed closed-node')
    const { answer } = filled({}, { access_model: 'whitelist' }).get(bernardo, "<items node='blogs'/>")
    t.equal(answer.child('pubsub', PUBSUB)?.elements.length, 2, 'and not of the leaves (§10.1)')
  })
})

const created = (it: Played, name: string, fields: Record<string, string | string[]>, from = francisco) =>
  it.set(from, `<create node='${name}'/><configure>${form(fields)}</configure>`)

t.test('§7.1 Create a New Collection Node', async t => {
  t.test('1, 2: entity requests a new collection node, service responds with success', async t => {
    const it = new Played()
    answers(t, created(it, 'announcements', collection), '', francisco, 'the result')
    t.strictSame(configOf(it, 'announcements', 'node_type'), ['collection'])
  })

  t.test('leaf is the default', async t => {
    t.strictSame(configOf(made(new Played(), 'leaf'), 'leaf', 'node_type'), ['leaf'])
  })

  t.test('3.3: requesting entity has insufficient privileges', async t => {
    t.equal(said(created(new Played({ creators: () => false }), 'announcements', collection)), 'auth forbidden')
  })

  t.test('nothing is published to it, and nothing is kept (§4.1)', async t => {
    const it = blogs()
    const item = `<publish node='blogs'><item id='one'>${entry()}</item></publish>`
    t.equal(said(it.set(francisco, item)), 'cancel feature-not-implemented unsupported publish')
  })
})

/** Two leaves of francisco's beside `blogs`. */
const apart = (fields: Record<string, string> = {}): Played =>
  made(made(made(new Played(), 'blogs', { ...collection, ...fields }), 'Romeoance'), 'Julliennui')

t.test('§7.1.3.1 a service that has no collections', async t => {
  const it = new Played({ collections: false }).node('leaf')
  const unsupported = 'cancel feature-not-implemented unsupported collections'
  for (const fields of [{ node_type: 'collection' }, { collection: 'blogs' }, { children: ['leaf'] }]) {
    t.equal(said(it.set(hamlet, `<create node='x'/><configure>${form(fields)}</configure>`)), unsupported)
  }
  t.equal(said(it.set(hamlet, "<collection node='a'><associate node='leaf'/></collection>", OWNER)), unsupported)
  t.equal(said(it.set(hamlet, "<subscribe jid='hamlet@denmark.lit'/>")), 'modify bad-request nodeid-required')
  t.notMatch(
    String(it.ask(hamlet, 'get', "<query xmlns='http://jabber.org/protocol/disco#info'/>").answer),
    /collection/,
  )
})

t.test('§7.2 Configuring a Collection Node', async t => {
  t.test('1: what a form has to have', async t => {
    const it = blogs()
    t.strictSame(configOf(it, 'blogs', 'children'), ['princely_musings'])
    t.strictSame(configOf(it, 'blogs', 'collection'), [''], 'the root')
    t.strictSame(configOf(it, 'princely_musings', 'collection'), ['blogs'])
    for (const name of [
      'notify_config',
      'children_association_policy',
      'children_association_whitelist',
      'children_max',
    ]) {
      t.not(configOf(it, 'blogs', name), undefined, name)
    }
    for (const name of ['children_association_policy', 'children_association_whitelist', 'children_max']) {
      t.equal(configOf(it, 'princely_musings', name), undefined, `a leaf has no ${name}`)
    }
  })

  t.test('1: subscribers are told of a configuration (notify_config)', async t => {
    const it = blogs({ notify_config: '1' })
    subscribe(it, 'blogs')
    const { told } = configure(it, 'blogs', { title: 'two' })
    t.equal(told.length, 1)
    t.match(told[0], `<{${EVENT}}configuration node='blogs'>`)
    t.notMatch(told[0], SHIM)
  })

  t.test('1, 2: entity configures a collection node, service updates it', async t => {
    const it = apart()
    const fields = { ...collection, children: ['Romeoance', 'Julliennui'], collection: '' }
    answers(t, configure(it, 'blogs', fields), '', francisco, 'the result')
    t.strictSame(sorted(configOf(it, 'blogs', 'children')), ['Julliennui', 'Romeoance'])
    for (const node of fields.children) t.strictSame(configOf(it, node, 'collection'), ['blogs'], node)
    t.strictSame(childrenOf(it), ['blogs'])
  })

  t.test('3.1: attempt to add a leaf as the parent of another node', async t => {
    const it = apart()
    t.equal(said(configure(it, 'Romeoance', { children: ['Julliennui'] })), INVALID)
    t.equal(said(configure(it, 'Julliennui', { collection: 'Romeoance' })), INVALID)
    t.equal(said(created(it, 'new', { collection: 'Romeoance' })), INVALID)
    t.strictSame(configOf(it, 'Julliennui', 'collection'), [''])
  })

  t.test('3.2: entity is not authorized to add node to a collection', async t => {
    const it = made(apart(), 'princely_musings', {}, hamlet)
    t.match(said(configure(it, 'princely_musings', { collection: 'blogs' }, hamlet)), FORBIDDEN)
    t.match(said(created(it, 'new', { collection: 'blogs' }, hamlet)), FORBIDDEN)
    t.match(said(configure(it, 'blogs', { children: ['Romeoance'] }, hamlet)), FORBIDDEN)
    t.match(said(configure(it, 'blogs', { children: ['princely_musings'] })), FORBIDDEN, "somebody else's node")
  })

  t.test('3.2: the policy says who is', async t => {
    const list = { children_association_policy: 'whitelist', children_association_whitelist: 'hamlet@denmark.lit' }
    for (const [fields, result] of [
      [{ children_association_policy: 'owners' }, FORBIDDEN],
      [{ children_association_policy: 'whitelist' }, FORBIDDEN],
      [list, /^result$/],
      [{ children_association_policy: 'all' }, /^result$/],
    ] as const) {
      const it = made(apart(fields), 'princely_musings', {}, hamlet)
      t.match(said(configure(it, 'princely_musings', { collection: 'blogs' }, hamlet)), result, JSON.stringify(fields))
    }
  })

  t.test('3.3: node would contain too many children', async t => {
    const it = apart({ children_max: '1' })
    t.equal(said(configure(it, 'blogs', { children: ['Romeoance', 'Julliennui'] })), FULL, 'its own children')
    t.equal(said(configure(it, 'Romeoance', { collection: 'blogs' })), 'result')
    t.equal(said(configure(it, 'Julliennui', { collection: 'blogs' })), FULL, "another one's collection")
    t.equal(said(created(it, 'new', { collection: 'blogs' })), FULL, 'a new one')
    t.strictSame(configOf(it, 'blogs', 'children'), ['Romeoance'])
  })

  t.test('3.4: attempt to change node type to leaf', async t => {
    const it = blogs()
    t.equal(said(configure(it, 'blogs', { node_type: 'leaf' })), INVALID)
    t.strictSame(configOf(it, 'blogs', 'node_type'), ['collection'])
  })

  t.test('3.5: cycle created in node graph', async t => {
    const it = made(new Played(), 'a', collection)
    made(made(it, 'b', { ...collection, collection: 'a' }), 'c', { ...collection, collection: 'b' })
    for (const node of ['a', 'b', 'c']) {
      t.equal(said(configure(it, 'a', { collection: node })), INVALID, `a in ${node}`)
      t.equal(said(configure(it, node, { children: [...(configOf(it, node, 'children') ?? []), 'a'] })), INVALID)
    }
    t.strictSame(configOf(it, 'a', 'collection'), [''])
  })

  t.test('4: a leaf becomes a collection, and has no items any more', async t => {
    const it = made(new Played(), 'blogs')
    publish(it, 'blogs')
    t.equal(said(configure(it, 'blogs', collection)), 'result')
    t.strictSame(configOf(it, 'blogs', 'node_type'), ['collection'])
    const pubsub = it.get(francisco, "<items node='blogs'/>").answer.child('pubsub', PUBSUB)
    t.equal(pubsub?.elements.flatMap(({ elements }) => elements).length, 0)
  })
})

t.test('§7.3 Deleting a Collection Node', async t => {
  const remove = (it: Played, attrs: string) => it.set(francisco, `<delete${attrs}/>`, OWNER)

  t.test('1, 2: owner deletes a collection node', async t => {
    const it = blogs()
    answers(t, remove(it, " node='blogs'"), '', francisco, 'the result')
    t.equal(said(it.ask(francisco, 'get', `<query xmlns='${INFO}' node='blogs'/>`)), 'cancel item-not-found')
  })

  t.test('1: subscribers of either type are told (XEP-0060 §8.4.2)', async t => {
    for (const type of ['nodes', 'items', 'all']) {
      const it = blogs()
      subscribe(it, 'blogs', { subscription_type: type })
      t.ok(remove(it, " node='blogs'").told.includes(through("<delete node='blogs'/>")), type)
    }
  })

  t.test('3.1: node is the root', async t => {
    for (const attrs of ['', " node=''"]) t.equal(said(remove(blogs(), attrs)), 'cancel not-allowed', attrs)
  })
})

/** As in the examples: one node in a collection, and one beside it. */
function some(fields: Record<string, string> = {}): Played {
  const it = made(new Played(), 'some-collection', { ...collection, ...fields })
  return made(made(it, 'new-child-node'), 'old-child-node', { collection: 'some-collection' })
}

t.test('§7.4 Associating a Node to a Collection', async t => {
  t.test('1, 2: entity requests node association, service associates the node', async t => {
    const it = some()
    answers(t, relate(it, 'associate', 'some-collection', 'new-child-node'), '', francisco, 'the result')
    t.strictSame(sorted(configOf(it, 'some-collection', 'children')), ['new-child-node', 'old-child-node'])
    t.strictSame(configOf(it, 'new-child-node', 'collection'), ['some-collection'])
  })

  t.test('3.1: entity is not authorized', async t => {
    t.match(said(relate(some(), 'associate', 'some-collection', 'new-child-node', bernardo)), FORBIDDEN)
    const it = made(some(), 'mine', {}, hamlet)
    t.match(said(relate(it, 'associate', 'some-collection', 'mine', hamlet)), FORBIDDEN, "somebody else's collection")
    t.match(said(relate(it, 'associate', 'some-collection', 'mine')), FORBIDDEN, "somebody else's node")
  })

  t.test('3.2: node would contain too many children', async t => {
    t.equal(said(relate(some({ children_max: '1' }), 'associate', 'some-collection', 'new-child-node')), FULL)
  })

  t.test('3.3: cycle created in node graph', async t => {
    const it = made(some(), 'below', { ...collection, collection: 'some-collection' })
    t.equal(said(relate(it, 'associate', 'below', 'some-collection')), INVALID)
    t.equal(said(relate(it, 'associate', 'below', 'below')), INVALID)
  })

  t.test('a leaf has no children (§7.2.3.1)', async t => {
    t.equal(said(relate(some(), 'associate', 'old-child-node', 'new-child-node')), INVALID)
  })

  t.test('what is not there', async t => {
    t.equal(said(relate(some(), 'associate', 'some-collection', 'gone')), 'cancel item-not-found')
    t.equal(said(relate(some(), 'associate', 'gone', 'new-child-node')), 'cancel item-not-found')
  })
})

t.test('§7.5 Dissociating a Node from a Collection', async t => {
  t.test('1, 2: entity requests node dissociation, service dissociates the node', async t => {
    const it = some()
    answers(t, relate(it, 'dissociate', 'some-collection', 'old-child-node'), '', francisco, 'the result')
    t.strictSame(configOf(it, 'some-collection', 'children') ?? [], [])
    t.strictSame(configOf(it, 'old-child-node', 'collection'), [''])
    t.strictSame(childrenOf(it), ['some-collection', 'new-child-node', 'old-child-node'])
  })

  t.test('3.1: node is not associated', async t => {
    t.match(said(relate(some(), 'dissociate', 'some-collection', 'new-child-node')), /^modify bad-request/)
  })

  t.test('3.2: entity is not authorized', async t => {
    t.match(said(relate(some(), 'dissociate', 'some-collection', 'old-child-node', bernardo)), FORBIDDEN)
  })
})

t.test('§8.1 Root Node', async t => {
  const root = (it: Played, fields?: Record<string, string>) =>
    it.set(francisco, `<subscribe jid='${bare}'/>${fields === undefined ? '' : options(fields)}`)

  t.test('entity subscribes to the root node', async t => {
    const it = new Played()
    subscribed(t, root(it), undefined)
    const { told } = created(it, 'princely_musings', {}, hamlet)
    t.equal(told.length, 1)
    t.match(told[0], `<{${EVENT}}create node='princely_musings'>`)
  })

  t.test('and unsubscribes from it', async t => {
    const it = new Played()
    root(it)
    t.equal(said(it.set(francisco, `<unsubscribe jid='${bare}'/>`)), 'result')
    t.strictSame(created(it, 'princely_musings', {}, hamlet).told, [])
  })

  t.test('its subscribers are told only of what they may retrieve', async t => {
    const it = new Played().node('open').node('closed', { access_model: 'whitelist' })
    subscribed(t, root(it, { subscription_type: 'items', subscription_depth: 'all' }), undefined)
    t.equal(it.publish('open', 'one').told.length, 1)
    t.strictSame(it.publish('closed', 'one').told, [])
  })

  t.test('nobody configures it', async t => {
    for (const attrs of ['', " node=''"]) {
      t.not(said(it().set(francisco, `<configure${attrs}>${form({ title: 'x' })}</configure>`, OWNER)), 'result')
    }
    function it(): Played {
      return blogs()
    }
  })

  t.test('what is in no collection is in the root, and its configuration says so', async t => {
    const it = blogs()
    t.strictSame(childrenOf(it), ['blogs'])
    t.strictSame(configOf(it, 'blogs', 'collection'), [''])
  })
})

t.test('§8.2 Handling Collection Node Deletion', async t => {
  t.test('a child that is nowhere else is in the root', async t => {
    const it = blogs()
    publish(it, 'princely_musings')
    it.done(francisco, "<delete node='blogs'/>", OWNER)
    t.strictSame(childrenOf(it), ['princely_musings'])
    t.strictSame(configOf(it, 'princely_musings', 'collection'), [''])
    const { answer } = it.get(francisco, "<items node='princely_musings'/>")
    t.equal(answer.child('pubsub', PUBSUB)?.child('items')?.elements.length, 1, 'with all its items')
  })

  t.test('a child that is somewhere else remains there', async t => {
    const it = made(blogs(), 'news', collection)
    configure(it, 'princely_musings', { collection: ['blogs', 'news'] })
    it.done(francisco, "<delete node='blogs'/>", OWNER)
    t.strictSame(configOf(it, 'princely_musings', 'collection'), ['news'])
    t.strictSame(childrenOf(it), ['news'])
  })
})

t.test('§8.3 the configuration reflects the graph', async t => {
  const it = made(blogs(), 'news', collection)
  configure(it, 'princely_musings', { collection: ['blogs', 'news'] })
  for (const node of ['blogs', 'news']) t.strictSame(configOf(it, node, 'children'), ['princely_musings'], node)
  configure(it, 'blogs', { children: [] as string[] })
  t.strictSame(configOf(it, 'princely_musings', 'collection'), ['news'])
  it.done(francisco, "<delete node='princely_musings'/>", OWNER)
  t.strictSame(configOf(it, 'news', 'children') ?? [], [])
})

t.test('§5.1 a node in several collections: one notification for each JID, with all of them', async t => {
  const it = made(blogs(), 'news', collection)
  configure(it, 'princely_musings', { collection: ['blogs', 'news'] })
  const subids = ['blogs', 'news'].map(node => subidOf(subscribe(it, node, { subscription_type: 'items' })))
  const { told } = publish(it, 'princely_musings')
  t.equal(told.length, 1)
  for (const node of ['blogs', 'news']) t.match(told[0], `header name='Collection'>${node}<`)
  for (const subid of subids) t.match(told[0], `header name='SubID'>${subid}<`)
})
