/** What somebody might try, and what it cost once. */
import t from 'tap'
import { NS_CLIENT } from '../../src/negotiate.ts'
import { el } from '../../src/stream/element.ts'
import { bernardo, entry, form, francisco, hamlet, OWNER, Played, PUBSUB, SERVICE, said } from './service.ts'

const bare = 'francisco@denmark.lit'
const everything = `<options>${form({ subscription_type: 'all', subscription_depth: 'all' }, 'submit', 'subscribe_options')}</options>`

t.test('what is long is not repeated, and is refused before it is written', async t => {
  const { engine } = new Played().node('n')
  const namespace = `urn:${'x'.repeat(20_000)}`
  // As it comes, `<p:a/>` each; written, each with its namespace.
  const many = Array.from({ length: 20_000 }, () => el('a', namespace))
  const ask = (node: string) => {
    const payload = el('p', 'urn:p', {}, ...many)
    const inner = el('publish', PUBSUB, { node }, el('item', PUBSUB, { id: 'x' }, payload))
    const attrs = { type: 'set', from: hamlet, to: SERVICE, id: 'i' }
    return engine.handle(el('iq', NS_CLIENT, attrs, el('pubsub', PUBSUB, {}, inner))).answer
  }
  for (const [node, condition] of [
    ['gone', 'cancel item-not-found'],
    ['n', 'modify not-acceptable payload-too-big'],
  ] as const) {
    const answer = ask(node)
    t.equal(said({ answer }), condition)
    t.strictSame(
      answer.elements.map(({ name }) => name),
      ['error'],
    )
  }
})

t.test('one publication is one message that a server takes', async t => {
  const it = new Played({ limits: { publicationBytes: 2000 } }).node('n')
  const items = (count: number, size: number) =>
    Array.from({ length: count }, (_, at) => `<item id='${at}'>${entry('x'.repeat(size))}</item>`).join('')
  t.equal(said(it.set(hamlet, `<publish node='n'>${items(3, 10)}</publish>`)), 'result')
  t.equal(said(it.set(hamlet, `<publish node='n'>${items(10, 10)}</publish>`)), 'modify not-acceptable payload-too-big')
  t.equal(said(it.set(hamlet, `<publish node='n'>${items(1, 5000)}</publish>`)), 'result', 'one always may')
})

t.test('the root tells nobody what is in a closed collection', async t => {
  const it = new Played()
  it.node('closed', { node_type: 'collection', access_model: 'whitelist' })
  it.done(francisco, `<subscribe jid='${bare}'/>${everything}`)
  const secret = form({ collection: 'closed', access_model: 'whitelist' })
  t.strictSame(it.done(hamlet, `<create node='secret'/><configure>${secret}</configure>`).told, [])
  it.node('other')
  t.strictSame(it.done(hamlet, "<collection node='closed'><associate node='other'/></collection>", OWNER).told, [])
  const gone = it.done(hamlet, "<delete node='secret'><redirect uri='xmpp:very-secret'/></delete>", OWNER)
  t.strictSame(gone.told, [])
  t.equal(it.done(hamlet, "<create node='open'/>").told.length, 1)
})

t.test('an outcast hears nothing of a node, not by a collection either', async t => {
  const it = new Played().node('c', { node_type: 'collection' }).node('n', { collection: 'c' })
  it.done(francisco, `<subscribe node='c' jid='${bare}'/>${everything}`)
  it.affiliate('n', bare, 'outcast')
  t.strictSame(it.publish('n', 'x').told, [])
  t.strictSame(it.done(hamlet, "<delete node='n'/>", OWNER).told, [])
})

t.test('who is sent away is not told first what the node has become', async t => {
  const it = new Played().node('n', { notify_config: '1' }).subscribe('n', francisco).affiliate('n', bare, 'none')
  const { told } = it.done(
    hamlet,
    `<configure node='n'>${form({ access_model: 'whitelist', title: 'secret' })}</configure>`,
    OWNER,
  )
  t.equal(told.length, 1)
  t.match(told[0], /subscription='none'/)
})

t.test('subscribers of a collection are not told who may put what into it', async t => {
  const it = new Played().node('n').node('c', { node_type: 'collection' })
  it.done(francisco, `<subscribe node='c' jid='${bare}'/>${everything}`)
  const fields = { children_association_whitelist: ['bernardo@denmark.lit'], children: ['n'], title: 'x' }
  const { told } = it.done(hamlet, `<configure node='c'>${form(fields)}</configure>`, OWNER)
  t.match(told.join(), /title/)
  t.notMatch(told.join(), /bernardo|#children'|_whitelist/)
})

t.test('who comes and goes, or comes with many resources, is brought what there is once', async t => {
  const it = new Played({ limits: { greetingBytes: 1000 } })
  for (const node of ['a', 'b', 'c', 'd', 'e']) {
    it.node(node).publish(node, 'x')
    it.subscribe(node, francisco)
  }
  const come = (resource: string) => it.tell(`<presence from='${bare}/${resource}' to='${SERVICE}'/>`).told.length
  const leave = (resource: string) =>
    it.tell(`<presence from='${bare}/${resource}' to='${SERVICE}' type='unavailable'/>`)
  t.equal(come('1'), 3, 'so many bytes')
  for (const resource of ['2', '3']) t.equal(come(resource), 0)
  for (const resource of ['1', '2', '3']) leave(resource)
  t.equal(come('4'), 0)
  await it.pass(31_000)
  leave('4')
  t.equal(come('5'), 3)
})

t.test('what others are made to be and to hear is counted by whose nodes it is', async t => {
  const it = new Played({ limits: { affiliationsPerOwner: 3, subscribersPerOwner: 2, bytesPerOwner: 100 } })
  it.node('a').affiliate('a', 'x.lit', 'member').node('b')
  const member = "<affiliations node='b'><affiliation jid='y.lit' affiliation='member'/></affiliations>"
  t.equal(said(it.set(hamlet, member, OWNER)), 'modify not-acceptable')
  it.subscribe('a', francisco).subscribe('a', bernardo)
  t.equal(
    said(it.set(francisco, `<subscribe node='b' jid='${bare}'/>`)),
    'wait policy-violation too-many-subscriptions',
  )
  it.done(hamlet, "<delete node='a'/>", OWNER)
  t.equal(said(it.set(hamlet, member, OWNER)), 'result')
  t.equal(said(it.set(francisco, `<subscribe node='b' jid='${bare}'/>`)), 'result')
  const listed = Array.from({ length: 20 }, (_, at) => `x${at}@denmark.lit`)
  const fields = { node_type: 'collection', children_association_whitelist: listed }
  t.equal(said(it.set(hamlet, `<create node='c'/><configure>${form(fields)}</configure>`)), 'wait resource-constraint')
})

t.test('a wide and deep graph is walked once', async t => {
  const it = new Played({ limits: { collectionsTold: 10 } })
  const layers = 60
  for (let layer = 0; layer < layers; layer++) {
    for (let at = 0; at < 20; at++) {
      const collection = layer === 0 ? [] : Array.from({ length: 20 }, (_, up) => `${layer - 1}-${up}`)
      it.node(`${layer}-${at}`, { node_type: 'collection', collection })
    }
  }
  it.node('leaf', { collection: Array.from({ length: 20 }, (_, up) => `${layers - 1}-${up}`) })
  it.done(francisco, `<subscribe node='${layers - 1}-0' jid='${bare}'/>${everything}`)
  it.done(bernardo, `<subscribe node='0-0' jid='bernardo@denmark.lit'/>${everything}`)
  t.equal(it.publish('leaf', 'x').told.length, 1, 'the nearest are told, as many as may')
  const cycle = "<collection node='leaf'><associate node='0-0'/></collection>"
  t.match(said(it.set(hamlet, cycle, OWNER)), /not-allowed invalid-options/)
  const around = `<collection node='${layers - 1}-0'><associate node='0-0'/></collection>`
  t.equal(said(it.set(hamlet, around, OWNER)), 'cancel not-allowed invalid-options')
})

t.test('what is configured keeps its place', async t => {
  const it = new Played().node('c', { node_type: 'collection' })
  for (const name of ['a', 'b', 'd']) it.node(name, { collection: 'c' })
  it.done(hamlet, `<configure node='a'>${form({ title: 'x' })}</configure>`, OWNER)
  t.strictSame(it.engine.describe('c')?.children, ['a', 'b', 'd'])
})

t.test('the owner of a node of the same name is asked too', async t => {
  const it = new Played().node('n', { access_model: 'authorize' })
  t.equal(it.done(francisco, `<subscribe node='n' jid='${bare}'/>`).told.length, 1)
  it.done(francisco, `<unsubscribe node='n' jid='${bare}'/>`)
  t.equal(it.done(francisco, `<subscribe node='n' jid='${bare}'/>`).told.length, 0, 'not again so soon')
  it.done(hamlet, "<delete node='n'/>", OWNER)
  await it.pass(1)
  it.done(bernardo, `<create node='n'/><configure>${form({ access_model: 'authorize' })}</configure>`)
  t.equal(it.done(francisco, `<subscribe node='n' jid='${bare}'/>`).told.length, 1)
})
