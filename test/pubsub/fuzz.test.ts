/** Whatever comes in, one answer goes out. */
import t from 'tap'
import { Element, emptyAttrs } from '../../src/stream/element.ts'
import { Random } from '../helper/random.ts'
import { received } from '../helper/received.ts'
import { bernardo, EVENT, entry, form, francisco, hamlet, OWNER, Played, PUBSUB, SERVICE } from './service.ts'

const inPubsub = (inner: string, ns = PUBSUB) => `<pubsub xmlns='${ns}'>${inner}</pubsub>`
const seeds = [
  inPubsub(
    `<create node='n'/><configure>${form({ access_model: 'whitelist', max_items: '3', title: 'x' })}</configure>`,
  ),
  inPubsub('<create/>'),
  inPubsub(`<publish node='n'><item id='a'>${entry()}</item><item>${entry()}</item></publish>`),
  inPubsub(
    `<publish node='n'><item id='b'>${entry()}</item></publish><publish-options>${form({ max_items: '3' })}</publish-options>`,
  ),
  inPubsub("<retract node='n' notify='1'><item id='a'/></retract>"),
  inPubsub("<subscribe node='n' jid='francisco@denmark.lit'/>"),
  inPubsub(`<subscribe node='n' jid='${bernardo}'/><options>${form({ deliver: '1', expire: 'presence' })}</options>`),
  inPubsub("<unsubscribe node='n' jid='francisco@denmark.lit'/>"),
  inPubsub(`<options node='n' jid='francisco@denmark.lit'>${form({ deliver: '0', digest: '1' })}</options>`),
  inPubsub("<items node='n' max_items='2'><item id='a'/></items>"),
  inPubsub(
    "<items node='n'/><set xmlns='http://jabber.org/protocol/rsm'><max>2</max><before>a</before><index>1</index></set>",
  ),
  inPubsub("<subscriptions/><affiliations node='n'/>"),
  inPubsub('<default/>'),
  inPubsub("<configure node='n'/>", OWNER),
  inPubsub(`<configure node='n'>${form({ persist_items: '0', type: 'urn:x', notify_config: '1' })}</configure>`, OWNER),
  inPubsub(
    "<affiliations node='n'><affiliation jid='francisco@denmark.lit' affiliation='owner'/></affiliations>",
    OWNER,
  ),
  inPubsub(
    "<affiliations node='n'><affiliation jid='bernardo@denmark.lit' affiliation='outcast'/></affiliations>",
    OWNER,
  ),
  inPubsub(
    "<subscriptions node='n'><subscription jid='x.lit' subscription='subscribed' subid='id1'/></subscriptions>",
    OWNER,
  ),
  inPubsub("<delete node='n'><redirect uri='xmpp:x'/></delete>", OWNER),
  inPubsub("<purge node='n'/>", OWNER),
  inPubsub(
    `<create node='c'/><configure>${form({ node_type: 'collection', children: ['n'], children_association_policy: 'all' })}</configure>`,
  ),
  inPubsub(`<create node='n'/><configure>${form({ collection: ['c', 'd'], access_model: 'authorize' })}</configure>`),
  inPubsub(
    `<configure node='c'>${form({ collection: 'd', children: ['n', 'd'], children_max: '3' })}</configure>`,
    OWNER,
  ),
  inPubsub("<collection node='c'><associate node='n'/></collection>", OWNER),
  inPubsub("<collection node='d'><dissociate node='n'/></collection>", OWNER),
  inPubsub(
    `<subscribe node='c' jid='francisco@denmark.lit'/><options>${form({ subscription_type: 'all', subscription_depth: 'all' })}</options>`,
  ),
  inPubsub(
    `<subscribe node='n' jid='${bernardo}'/><options>${form({ expire: '1970-01-01T00:17:00Z', 'show-values': ['chat'] })}</options>`,
  ),
  inPubsub("<items node='c'/>"),
  "<command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/pubsub#get-pending'/>",
  "<query xmlns='http://jabber.org/protocol/disco#info' node='n'/>",
  "<query xmlns='http://jabber.org/protocol/disco#items'/>",
].map(payload => received(`<iq type='set' from='${hamlet}' to='${SERVICE}' id='i'>${payload}</iq>`))

const heard = [
  `<message from='${hamlet}' to='${SERVICE}' id='a'>${form({ node: 'n', subscriber_jid: 'francisco@denmark.lit', allow: '1' }, 'submit', 'subscribe_authorization')}</message>`,
  `<message from='${francisco}' to='${SERVICE}' type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
  `<presence from='${francisco}' to='${SERVICE}'><show>chat</show></presence>`,
  `<presence from='${francisco}' to='${SERVICE}' type='unavailable'/>`,
  `<presence from='${bernardo}' to='${SERVICE}' type='subscribe'/>`,
].map(xml => received(xml))

const words = [
  '',
  'n',
  'a',
  'id1',
  'max',
  '0',
  '1',
  '-1',
  '99999999999',
  '__proto__',
  'constructor',
  'owner',
  'none',
  'c',
  'd',
]
const jids = [hamlet, francisco, bernardo, 'denmark.lit', 'not @ jid', '', '\ud800', 'x'.repeat(5000)]
const strings = [...words, ...jids, '\u0000', '\ufffe', ' ', 'pubsub#title', 'pubsub#constructor', 'jabber:x:data']
const namespaces = [PUBSUB, OWNER, EVENT, 'jabber:client', 'jabber:x:data', 'urn:other', '']
const all: Element[] = []
const collect = (element: Element): void => {
  all.push(element)
  element.elements.forEach(collect)
}
for (const seed of [...seeds, ...heard]) collect(seed)
const names = [...new Set(all.map(({ name }) => name))]

function mutated(random: Random, element: Element, depth = 0): Element {
  const rate = 0.06
  const attrs = emptyAttrs()
  for (const key of Object.keys(element.attrs)) {
    if (random.chance(rate)) continue
    attrs[key] = random.chance(rate) ? random.pick(strings) : element.attrs[key]
  }
  if (random.chance(rate / 2))
    attrs[random.pick(['node', 'jid', 'id', 'subid', 'type', '__proto__'])] = random.pick(strings)
  const children = element.children.flatMap(child => {
    if (random.chance(rate / 2)) return []
    const kept =
      typeof child === 'string'
        ? random.chance(rate)
          ? random.pick(strings)
          : child
        : mutated(random, child, depth + 1)
    return random.chance(rate / 2) ? [kept, kept] : [kept]
  })
  if (random.chance(rate / 2) && depth < 8) children.push(random.pick([...all, ...strings]))
  const name = random.chance(rate / 3) ? random.pick(names) : element.name
  const ns = random.chance(rate / 3) ? random.pick(namespaces) : element.ns
  return new Element(name, ns, attrs, children)
}

t.test('one answer to everything', async t => {
  const warnings: Error[] = []
  const note = (warning: Error) => void warnings.push(warning)
  process.on('warning', note)
  t.teardown(() => process.off('warning', note))
  const limits = { nodes: 20, subscriptionsPerNode: 5, affiliationsPerNode: 5, storedBytes: 5000 }
  const counts = new Map<string, number>()
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed)
    const it = new Played({ limits, autoCreate: seed % 2 === 0 })
    for (let n = 0; n < 2000; n++) {
      if (random.chance(0.1)) {
        const stanza = mutated(random, random.pick(heard))
        const { sent } = stanza.name === 'presence' ? it.engine.presence(stanza) : it.engine.message(stanza)
        if (sent.some(({ attrs }) => !attrs.to || attrs.from !== SERVICE)) t.fail(`seed ${seed}: ${stanza}`, { sent })
      }
      if (n % 500 === 0) await it.pass(5000)
      const iq = mutated(random, random.pick(seeds))
      // Mostly from somebody, as a server stamps it.
      if (random.chance(0.95)) iq.attrs.from = random.pick([hamlet, hamlet, francisco, bernardo, 'pbx.lit'])
      if (random.chance(0.6)) iq.attrs.type = random.pick(['get', 'set'])
      const { answer, sent: notifications } = it.engine.handle(iq)
      const condition = answer.attrs.type === 'error' ? answer.child('error')?.elements[0]?.name : 'result'
      counts.set(condition ?? 'none', (counts.get(condition ?? 'none') ?? 0) + 1)
      const odd =
        answer.name !== 'iq' ||
        !['result', 'error'].includes(answer.attrs.type ?? '') ||
        answer.attrs.id !== iq.attrs.id ||
        answer.attrs.to !== iq.attrs.from ||
        notifications.some(
          ({ name, attrs }) => !['message', 'presence'].includes(name) || !attrs.to || attrs.from !== SERVICE,
        )
      if (odd) t.fail(`seed ${seed}: ${JSON.stringify(iq)}`, { answer, notifications })
    }
    t.ok(it.engine.size <= 20)
    // What is kept of it can be written, and makes the same again.
    const again = new Played({ limits })
    for (const changes of JSON.parse(JSON.stringify([...it.engine.snapshot()]))) again.engine.restore(changes)
    t.strictSame(again.engine.counts, it.engine.counts)
  }
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(warnings, [], 'and nothing that was not foreseen')
  t.notOk(counts.has('internal-server-error'))
  for (const condition of ['result', 'bad-request', 'item-not-found', 'forbidden', 'conflict'])
    t.ok(counts.get(condition), condition)
  t.comment(JSON.stringify([...counts]))
})

t.test('an element as deep as a well is no stack overflow', async t => {
  const it = new Played().node('n')
  let payload = new Element('a', 'urn:a')
  for (let n = 0; n < 20_000; n++) payload = new Element('a', 'urn:a', emptyAttrs(), [payload])
  const iq = received(
    `<iq type='set' from='${hamlet}' to='${SERVICE}' id='i'>${inPubsub("<publish node='n'><item/></publish>")}</iq>`,
  )
  iq.child('pubsub', PUBSUB)?.child('publish')?.child('item')?.children.push(payload)
  t.equal(
    it.engine.handle(iq).answer.child('error')?.child('invalid-payload', `${PUBSUB}#errors`)?.name,
    'invalid-payload',
  )
})
