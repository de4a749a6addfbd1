/** What is kept makes the same service again: by the changes one after the other, by a snapshot, and by a snapshot that was read while things changed. */
import t from 'tap'
import { type Entry, PubsubEngine } from '../../src/pubsub/index.ts'
import { Random } from '../helper/random.ts'
import { entry, form, OWNER, Played, PUBSUB, SERVICE } from './service.ts'

const people = ['hamlet', 'francisco', 'bernardo', 'ophelia'].map(name => `${name}@denmark.lit/x`)
const names = ['a', 'b', 'c', 'd', 'e', 'f']

/** Something that somebody asks for, be it possible or not. */
function act(it: Played, random: Random, kept: Entry[]): void {
  const from = random.pick(people)
  const bare = from.replace(/\/.*/, '')
  const [node, other] = [random.pick(names), random.pick(names)]
  const options = (fields: Record<string, string>) =>
    `<options>${form(fields, 'submit', 'subscribe_options')}</options>`
  const owned = (inner: string) => it.set(from, inner, OWNER)
  const config = random.pick<Record<string, string | string[]>>([
    {},
    { node_type: 'collection', children_association_policy: 'all' },
    { collection: other },
    { collection: [other, random.pick(names)] },
    { max_items: '2', publish_model: 'open' },
    { publish_model: 'open' },
    { access_model: 'authorize' },
    { item_expire: '30' },
    { children: [other] },
  ])
  const actions = [
    () => it.set(from, `<create node='${node}'/><configure>${form(config)}</configure>`),
    () => owned(`<configure node='${node}'>${form(config)}</configure>`),
    () => owned(`<delete node='${node}'><redirect uri='xmpp:x?${other}'/></delete>`),
    () => owned(`<collection node='${node}'><associate node='${other}'/></collection>`),
    () => owned(`<collection node='${node}'><dissociate node='${other}'/></collection>`),
    () => owned(`<purge node='${node}'/>`),
    () => it.set(from, `<publish node='${node}'><item id='${random.pick(names)}'>${entry(bare)}</item></publish>`),
    () => it.set(from, `<retract node='${node}'><item id='${random.pick(names)}'/></retract>`),
    () => it.set(from, `<subscribe node='${node}' jid='${random.chance(0.5) ? bare : from}'/>`),
    () => it.set(from, `<subscribe jid='${bare}'/>${options({ subscription_type: 'all', subscription_depth: 'all' })}`),
    () => it.set(from, `<subscribe node='${node}' jid='${bare}'/>${options({ expire: 'presence' })}`),
    () => it.set(from, `<subscribe node='${node}' jid='${bare}'/>${options({ expire: '1970-01-01T00:17:00Z' })}`),
    () => it.set(from, `<unsubscribe node='${node}' jid='${bare}'/>`),
    () => {
      const affiliation = random.pick(['owner', 'publisher', 'member', 'outcast', 'none'])
      const jid = random.pick(people).replace(/\/.*/, '')
      return owned(
        `<affiliations node='${node}'><affiliation jid='${jid}' affiliation='${affiliation}'/></affiliations>`,
      )
    },
    () => {
      const word = random.pick(['subscribed', 'none'])
      return owned(`<subscriptions node='${node}'><subscription jid='${bare}' subscription='${word}'/></subscriptions>`)
    },
    () => it.tell(`<presence from='${from}' to='${SERVICE}'/>`),
    () => it.tell(`<presence from='${from}' to='${SERVICE}' type='unavailable'/>`),
  ]
  const { entry: changes } = random.pick(actions)()
  // As a store has it.
  if (changes.length > 0) kept.push(JSON.parse(JSON.stringify(changes)))
}

/** All that anybody could be told. */
function everything(engine: PubsubEngine): string {
  const nodes = [...engine.names()].sort().map(name => {
    const node = engine.describe(name)
    return {
      ...node,
      affiliations: [...(node?.affiliations ?? [])].sort(),
      children: [...(node?.children ?? [])].sort(),
    }
  })
  // Of a snapshot the order of items counts, and of nodes and people it does not.
  const kept = [...engine.snapshot()].flat()
  const items = kept.flatMap(change => (change.op === 'publish' ? JSON.stringify(change) : []))
  const byNode = names.map(name => items.filter(text => text.includes(`"node":"${name}"`)))
  const rest = kept.flatMap(change => (change.op === 'publish' ? [] : JSON.stringify(change))).sort()
  return JSON.stringify([engine.counts, nodes, byNode, rest], undefined, 1)
}

function restored(it: Played, entries: Iterable<Entry>): PubsubEngine {
  const engine = new PubsubEngine({ jid: SERVICE, clock: it.clock })
  for (const changes of entries) engine.restore(changes)
  return engine
}

t.test('whatever was done', async t => {
  const done = new Map<string, number>()
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed)
    const it = new Played()
    const kept: Entry[] = []
    let snapshot: Iterator<Entry> | undefined
    const read: Entry[] = []
    let since = 0
    for (let n = 0; n < 400; n++) {
      act(it, random, kept)
      if (random.chance(0.02)) {
        const { entry: changes } = await it.pass(10_000)
        if (changes.length > 0) kept.push(changes)
      }
      // A snapshot begins somewhere, and is read bit by bit while things go on.
      if (n === 200) {
        snapshot = it.engine.snapshot()[Symbol.iterator]()
        since = kept.length
      }
      if (snapshot !== undefined && random.chance(0.3)) {
        const { value, done } = snapshot.next()
        if (done) snapshot = undefined
        else read.push(JSON.parse(JSON.stringify(value)))
      }
    }
    for (let next = snapshot?.next(); next !== undefined && !next.done; next = snapshot?.next()) read.push(next.value)
    for (const { op } of kept.flat()) done.set(op, (done.get(op) ?? 0) + 1)
    const wanted = everything(it.engine)
    const ways = {
      'one after the other': kept,
      'each of them twice': kept.flatMap(each => [each, each]),
      'by a snapshot': it.engine.snapshot(),
      'by one that was read meanwhile': [...read, ...kept.slice(since)],
    }
    for (const [name, entries] of Object.entries(ways)) {
      const found = everything(restored(it, entries))
      if (found !== wanted) t.equal(found, wanted, `seed ${seed}, ${name}`)
    }
  }
  const ops = ['affiliate', 'configure', 'create', 'delete', 'publish', 'retract', 'subscribe', 'unsubscribe']
  for (const op of ops) t.ok((done.get(op) ?? 0) > 20, `${op}: ${done.get(op)}`)
})

t.test('who is who is known again', async t => {
  const it = new Played({ limits: { nodesPerOwner: 2, subscriptionsPerPerson: 1 } })
  const [hamlet = '', francisco = ''] = people
  const made = ['a', 'b'].map(node => it.done(hamlet, `<create node='${node}'/>`).entry)
  const subscribed = it.done(francisco, "<subscribe node='a' jid='francisco@denmark.lit'/>").entry
  const again = new Played({ limits: { nodesPerOwner: 2, subscriptionsPerPerson: 1 } })
  for (const changes of [...made, subscribed]) again.engine.restore(changes)
  const said = (from: string, inner: string) =>
    again.set(from, inner).answer.child('error')?.elements[0]?.name ?? 'result'
  t.equal(said(hamlet, "<create node='c'/>"), 'resource-constraint')
  t.equal(said(francisco, "<subscribe node='b' jid='francisco@denmark.lit'/>"), 'policy-violation')
  t.match(String(again.get(francisco, '<subscriptions/>').answer), /<subscriptions><subscription node=.a./)
  t.equal(
    again.get(hamlet, '<affiliations/>').answer.child('pubsub', PUBSUB)?.child('affiliations')?.elements.length,
    2,
  )
})
