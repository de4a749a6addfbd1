/** XEP-0248: nodes of nodes. */
import t from 'tap'
import { pubsubCondition } from '../../src/xep/0060-pubsub.ts'
import {
  associate,
  childrenOf,
  createCollection,
  createLeaf,
  disassociate,
  isInCollection,
  subscribeCollection,
  supportsCollections,
} from '../../src/xep/0248-collections.ts'
import { asking, error, exchange, form, owner, pubsub, service } from '../helper/pubsub.ts'
import { rejects } from '../helper/rejects.ts'

const config = (fields: Record<string, string | readonly string[]>): string => form('node_config', fields)
const info = (inside: string, node?: string): string =>
  `<query xmlns='http://jabber.org/protocol/disco#info'${node === undefined ? '' : ` node='${node}'`}>${inside}</query>`
const list = (inside: string, node = 'blogs'): string =>
  `<query xmlns='http://jabber.org/protocol/disco#items' node='${node}'>${inside}</query>`

t.test('§5.1: whether there are any', async t => {
  const ask = (feature: string) =>
    asking(
      session => supportsCollections(session, service),
      exchange(
        'get',
        info(''),
        info(
          `<identity category='pubsub' type='service'/><feature var='http://jabber.org/protocol/pubsub#${feature}'/>`,
        ),
      ),
    )
  t.equal(await ask('collections'), true)
  t.equal(await ask('multi-collections'), false)
})

t.test('§7.1: creating a collection', async t => {
  const request = pubsub(`<create node='announcements'/><configure>${config({ node_type: 'collection' })}</configure>`)
  const ask = (answer = '') =>
    asking(session => createCollection(session, service, 'announcements'), exchange('set', request, answer))
  t.equal(await ask(), 'announcements')
  const thrown = await ask(error('cancel', 'feature-not-implemented', 'unsupported', 'collections')).catch(
    error => error,
  )
  t.strictSame(pubsubCondition(thrown), { condition: 'unsupported', feature: 'collections' }, '§7.1.3.1')
  await rejects(t, ask(error('cancel', 'not-allowed')), { condition: 'not-allowed' }, '§7.1.3.2')
  await rejects(t, ask(error('auth', 'forbidden')), { condition: 'forbidden' }, '§7.1.3.3')
  const more = config({ children_association_policy: 'owners', children_max: '10', node_type: 'collection' })
  await asking(
    session =>
      createCollection(session, service, undefined, {
        config: { children_max: 10, children_association_policy: 'owners' },
      }),
    exchange('set', pubsub(`<create/><configure>${more}</configure>`), pubsub("<create node='x'/>")),
  )
})

t.test('§7.2: creating a leaf in one, or in several', async t => {
  const ask = (into: string | readonly string[], values: string | readonly string[], answer = '') =>
    asking(
      session => createLeaf(session, service, 'plays', into, { config: { title: 'Plays' } }),
      exchange(
        'set',
        pubsub(`<create node='plays'/><configure>${config({ collection: values, title: 'Plays' })}</configure>`),
        answer,
      ),
    )
  t.equal(await ask('announcements', 'announcements'), 'plays')
  t.equal(await ask(['a', 'b'], ['a', 'b']), 'plays')
  for (const [by, type, condition, special] of [
    ['only one', 'modify', 'bad-request', undefined],
    ['§7.2.3.1', 'cancel', 'not-allowed', 'invalid-options'],
    ['§7.2.3.2', 'cancel', 'forbidden', undefined],
    ['§7.2.3.3', 'cancel', 'not-allowed', 'max-nodes-exceeded'],
  ] as const) {
    const thrown = await ask('a', 'a', error(type, condition, special)).catch(error => error)
    t.match(thrown, { condition }, by)
    t.equal(pubsubCondition(thrown)?.condition, special, by)
  }
})

t.test('§7.2, §7.4, §7.5: into a collection and out of it', async t => {
  const read = (node: string, fields: Record<string, string | readonly string[]>): string =>
    exchange(
      'get',
      owner(`<configure node='${node}'/>`),
      owner(`<configure node='${node}'>${form('node_config', fields, 'form')}</configure>`),
    )
  const write = (node: string, fields: Record<string, string | readonly string[]>): string =>
    exchange('set', owner(`<configure node='${node}'>${config(fields)}</configure>`))
  const into = (dialogue: string, by?: 'child' | 'collection' | 'request') =>
    asking(session => associate(session, service, 'leaf', 'blogs', { by }), dialogue)
  const out = (dialogue: string, by?: 'child' | 'collection' | 'request') =>
    asking(session => disassociate(session, service, 'leaf', 'blogs', { by }), dialogue)

  t.equal(await into(read('leaf', { title: 'T' }) + write('leaf', { collection: 'blogs' })), undefined)
  await into(read('leaf', { collection: '' }) + write('leaf', { collection: 'blogs' }))
  await into(read('leaf', { collection: ['news', 'blogs'] }) + write('leaf', { collection: ['news', 'blogs'] }))
  await into(read('blogs', { children: ['a'] }) + write('blogs', { children: ['a', 'leaf'] }), 'collection')
  await out(read('leaf', { collection: ['news', 'blogs'] }) + write('leaf', { collection: 'news' }))
  await out(read('leaf', { collection: 'blogs' }) + write('leaf', { collection: '' }))
  await out(read('leaf', {}) + write('leaf', { collection: '' }))
  await out(read('blogs', { children: ['a', 'leaf'] }) + write('blogs', { children: 'a' }), 'collection')

  const ask = (word: string, answer = ''): string =>
    exchange('set', owner(`<collection node='blogs'><${word} node='leaf'/></collection>`), answer)
  t.equal(await into(ask('associate'), 'request'), undefined, '§7.4')
  t.equal(await out(ask('dissociate'), 'request'), undefined, '§7.5')
  await rejects(t, into(ask('associate', error('cancel', 'forbidden')), 'request'), { condition: 'forbidden' })
  await rejects(t, out(ask('dissociate', error('modify', 'bad-request')), 'request'), { condition: 'bad-request' })
  for (const special of ['invalid-options', 'max-nodes-exceeded']) {
    const thrown = await into(ask('associate', error('cancel', 'not-allowed', special)), 'request').catch(e => e)
    t.equal(pubsubCondition(thrown)?.condition, special, '§7.4.3')
  }
  const refused = exchange('get', owner("<configure node='leaf'/>"), error('auth', 'forbidden'))
  await rejects(t, into(refused), { condition: 'forbidden' }, 'what cannot be read is not written')
})

t.test('§6.1, §8.1: subscribing to one', async t => {
  const jid = 'francisco@denmark.lit'
  const ask = (node: string | undefined, options: object, inside: string, answer = '') =>
    asking(
      session => subscribeCollection(session, service, node, options),
      exchange(
        'set',
        pubsub(`<subscribe jid='${jid}'${node === undefined ? '' : ` node='${node}'`}/>${inside}`),
        answer,
      ),
    )
  const options = (fields: Record<string, string>): string => `<options>${form('subscribe_options', fields)}</options>`
  t.match(await ask('blogs', {}, '', pubsub(`<subscription node='blogs' jid='${jid}' subscription='subscribed'/>`)), {
    node: 'blogs',
    subscription: 'subscribed',
  })
  await ask(
    'blogs',
    { type: 'items', depth: 'all' },
    options({ subscription_type: 'items', subscription_depth: 'all' }),
  )
  await ask('blogs', { depth: 0 }, options({ subscription_depth: '0' }))
  await ask('blogs', { type: 'all', options: { digest: true } }, options({ digest: '1', subscription_type: 'all' }))
  t.match(await ask(undefined, { type: 'nodes' }, options({ subscription_type: 'nodes' })), { node: undefined, jid })
  await rejects(t, ask('blogs', {}, '', error('cancel', 'conflict')), { condition: 'conflict' }, '§6.1.3')
  await rejects(t, ask('blogs', {}, '', error('cancel', 'not-allowed')), { condition: 'not-allowed' }, '§6.1.3')
})

t.test('§5.2: what is in one', async t => {
  const found = await asking(
    session => childrenOf(session, service, 'blogs', { page: { max: 10 } }),
    exchange(
      'get',
      list("<set xmlns='http://jabber.org/protocol/rsm'><max>10</max></set>"),
      list(`<item jid='${service}' node='princely_musings'/><item jid='${service}' node='kingly_ravings'/>`),
    ),
  )
  t.strictSame(
    found.nodes.map(({ node }) => node),
    ['princely_musings', 'kingly_ravings'],
  )
})

t.test('whether a node is in one: ejabberd and Prosody accept it and do nothing', async t => {
  const identity = (type: string): string =>
    exchange('get', info('', 'blogs'), info(`<identity category='pubsub' type='${type}'/>`, 'blogs'))
  const page = (inside: string, after = ''): string =>
    exchange(
      'get',
      list(`<set xmlns='http://jabber.org/protocol/rsm'><max>100</max>${after && `<after>${after}</after>`}</set>`),
      inside.startsWith('<error') ? inside : list(inside),
    )
  const read = (node: string, fields: Record<string, string | readonly string[]> | string): string =>
    exchange(
      'get',
      owner(`<configure node='${node}'/>`),
      typeof fields === 'string' ? fields : owner(`<configure>${form('node_config', fields, 'form')}</configure>`),
    )
  const ask = (dialogue: string) => asking(session => isInCollection(session, service, 'leaf', 'blogs'), dialogue)
  const item = (node: string, jid = service): string => `<item jid='${jid}' node='${node}'/>`

  t.equal(await ask(identity('collection') + page(item('other') + item('leaf'))), true, 'found')
  t.equal(
    await ask(
      identity('collection') +
        page(`${item('a')}<set xmlns='http://jabber.org/protocol/rsm'><first>a</first><last>a</last></set>`) +
        page(item('leaf'), 'a'),
    ),
    true,
    'found on the second page',
  )
  const forbidden = error('auth', 'forbidden')
  t.equal(
    await ask(
      identity('collection') +
        page(forbidden) +
        read('blogs', { children: ['leaf'] }) +
        read('leaf', { collection: ['blogs'] }),
    ),
    true,
    '§8.3: both are configured so',
  )
  t.equal(await ask(identity('leaf')), false, 'ejabberd: it is a leaf, whatever was accepted')
  t.equal(await ask(exchange('get', info('', 'blogs'), error('cancel', 'item-not-found'))), false, 'there is none')
  t.equal(await ask(identity('collection') + page(item('other')) + read('blogs', { children: [] })), false)
  t.equal(await ask(identity('collection') + page('') + read('blogs', {})), false)
  t.equal(await ask(identity('collection') + page('') + read('blogs', forbidden)), false)
  t.equal(
    await ask(
      identity('collection') + page('') + read('blogs', { children: 'leaf' }) + read('leaf', { collection: '' }),
    ),
    false,
    'the leaf knows nothing of it',
  )
  t.equal(
    await ask(identity('collection') + page('') + read('blogs', { children: 'leaf' }) + read('leaf', forbidden)),
    false,
  )
  t.equal(
    await ask(identity('collection') + page(item('leaf', 'other.example.com')) + read('blogs', {})),
    false,
    'a node of that name elsewhere',
  )
  await rejects(
    t,
    asking(
      session => isInCollection(session, service, 'leaf', 'blogs', { signal: AbortSignal.abort(new Error('no')) }),
      '',
    ),
    { message: 'no' },
  )
})
