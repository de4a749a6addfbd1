/** XEP-0060 §5.1 to §5.5: what a service can do, and which nodes it has. */
import t from 'tap'
import { nodeInfo, nodesOf, pubsubFeatures } from '../../src/xep/0060-discovery.ts'
import { asking, error, exchange, form, service } from '../helper/pubsub.ts'
import { rejects } from '../helper/rejects.ts'

const info = (inside = '', node?: string): string =>
  `<query xmlns='http://jabber.org/protocol/disco#info'${node === undefined ? '' : ` node='${node}'`}>${inside}</query>`
const list = (inside = '', node?: string): string =>
  `<query xmlns='http://jabber.org/protocol/disco#items'${node === undefined ? '' : ` node='${node}'`}>${inside}</query>`
const set = (content: string): string => `<set xmlns='http://jabber.org/protocol/rsm'>${content}</set>`
const feature = (name: string): string => `<feature var='http://jabber.org/protocol/${name}'/>`

t.test('§5.1: what a service can do', async t => {
  const ask = (answer: string) => asking(session => pubsubFeatures(session, service), exchange('get', info(), answer))
  const identity = "<identity category='pubsub' type='service'/>"
  const features = feature('pubsub') + feature('pubsub#publish') + feature('pubsub#collections') + feature('shim')
  t.strictSame([...(await ask(info(identity + features)))], ['publish', 'collections'])
  t.strictSame([...(await ask(info(features)))], [], 'what has no such identity is none')
  t.strictSame([...(await ask(info(`<identity category='client' type='pc'/>${features}`)))], [])
  t.strictSame([...(await ask(''))], [])
  t.strictSame([...(await ask(info(`${identity}${feature('pubsub#')}<feature/><feature xmlns='odd' var='x'/>`)))], [])
  // XEP-0163 §6.1.
  const own = "<identity category='account' type='registered'/><identity category='pubsub' type='pep'/>"
  t.strictSame(
    [
      ...(await asking(
        session => pubsubFeatures(session, undefined),
        exchange('get', info(), info(own + feature('pubsub#publish-options')), { to: '' }),
      )),
    ],
    ['publish-options'],
  )
  await rejects(t, ask(error('cancel', 'service-unavailable')), { condition: 'service-unavailable' })
})

t.test('§5.3, §5.4: what a node is', async t => {
  const ask = (answer: string) =>
    asking(session => nodeInfo(session, service, 'blogs'), exchange('get', info('', 'blogs'), answer))
  const identity = (type: string): string => `<identity category='pubsub' type='${type}'/>`
  const fields = {
    creation_date: '2003-07-29T22:56Z',
    creator: 'hamlet@denmark.lit',
    language: 'en',
    contact: ['bard@shakespeare.lit', 'ghost@denmark.lit'],
    num_subscribers: '1066',
    max_items: 'max',
    title: 'Princely Musings (Atom).',
    access_model: 'sometimes',
    secret: 'x',
  }
  const { access_model: _, secret: __, ...values } = { ...fields, num_subscribers: 1066 }
  t.strictSame(await ask(info(identity('leaf') + feature('pubsub') + form('meta-data', fields, 'result'), 'blogs')), {
    type: 'leaf',
    metadata: values,
    features: new Set(),
  })
  t.equal((await ask(info(identity('collection')))).type, 'collection')
  t.equal((await ask(info(identity('leaf') + identity('collection')))).type, 'collection', 'XEP-0248 §7.2.4')
  t.strictSame(await ask(info(identity('service') + feature('pubsub#publish'))), {
    type: undefined,
    metadata: {},
    features: new Set(['publish']),
  })
  t.equal((await ask(info("<identity category='client' type='leaf'/>"))).type, undefined)
  t.equal((await ask('')).type, undefined)
  t.strictSame((await ask(info(form('metadata', { title: 'T' })))).metadata, { title: 'T' })
  t.strictSame((await ask(info(form('node_config', { title: 'T' })))).metadata, {}, 'another form')
  await rejects(t, ask(error('cancel', 'item-not-found')), { condition: 'item-not-found' })
})

t.test('§5.2: which nodes there are', async t => {
  const found = await asking(
    session => nodesOf(session, service),
    exchange(
      'get',
      list(),
      list(`<item jid='Pubsub.Shakespeare.lit' node='blogs' name='Weblog updates'/><item jid='${service}' node='news'/>
  <item jid='a@@b' node='odd'/><item node='odd'/><odd jid='${service}' node='odd'/>`),
    ),
  )
  t.strictSame(found, {
    nodes: [
      { jid: service, node: 'blogs', name: 'Weblog updates' },
      { jid: service, node: 'news', name: undefined },
    ],
    page: undefined,
  })
  const page = await asking(
    session => nodesOf(session, service, { node: 'blogs', page: { max: 1, after: 'a' } }),
    exchange(
      'get',
      list(set('<max>1</max><after>a</after>'), 'blogs'),
      list(
        `<item jid='${service}' node='b'/>${set('<first index="1">b</first><last>b</last><count>8</count>')}`,
        'blogs',
      ),
    ),
  )
  t.strictSame(page.page, { first: 'b', last: 'b', index: 1, count: 8 })
  t.equal(page.nodes.length, 1)
  t.strictSame(await asking(session => nodesOf(session, service), exchange('get', list())), {
    nodes: [],
    page: undefined,
  })
  await rejects(
    t,
    asking(session => nodesOf(session, service), exchange('get', list(), error('auth', 'forbidden'))),
    { condition: 'forbidden' },
  )
})
