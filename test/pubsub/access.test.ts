/** Who may do what: every affiliation, access model, publish model and operation (XEP-0060 §4.1). */
import t from 'tap'
import { entry, form, hamlet, OWNER, Played, PUBSUB, SERVICE, said } from './service.ts'

const who = 'ophelia@denmark.lit/garden'
const bare = 'ophelia@denmark.lit'
const affiliations = ['owner', 'publisher', 'publish-only', 'member', 'none', 'outcast'] as const

type Outcome = { answer: import('../../src/stream/element.ts').Element }

const item = (id: string) => `<item id='${id}'>${entry()}</item>`
const operations: Record<string, (it: Played) => Outcome> = {
  subscribe: it => it.set(who, `<subscribe node='n' jid='${who}'/>`),
  items: it => it.get(who, "<items node='n'/>"),
  'disco items': it => it.ask(who, 'get', "<query xmlns='http://jabber.org/protocol/disco#items' node='n'/>"),
  'disco info': it => it.ask(who, 'get', "<query xmlns='http://jabber.org/protocol/disco#info' node='n'/>"),
  publish: it => it.set(who, `<publish node='n'>${item('new')}</publish>`),
  overwrite: it => it.set(who, `<publish node='n'>${item('theirs')}</publish>`),
  'retract own': it => it.set(who, "<retract node='n'><item id='own'/></retract>"),
  'retract theirs': it => it.set(who, "<retract node='n'><item id='theirs'/></retract>"),
  purge: it => it.set(who, "<purge node='n'/>", OWNER),
  'get config': it => it.get(who, "<configure node='n'/>", OWNER),
  'set config': it => it.set(who, `<configure node='n'>${form({ title: 'x' })}</configure>`, OWNER),
  delete: it => it.set(who, "<delete node='n'/>", OWNER),
  'get affiliations': it => it.get(who, "<affiliations node='n'/>", OWNER),
  'set affiliations': it => it.set(who, "<affiliations node='n'/>", OWNER),
  'get subscriptions': it => it.get(who, "<subscriptions node='n'/>", OWNER),
  'set subscriptions': it => it.set(who, "<subscriptions node='n'/>", OWNER),
  associate: it => it.set(who, "<collection node='theirs'><associate node='n'/></collection>", OWNER),
  dissociate: it => it.set(who, "<collection node='box'><dissociate node='n'/></collection>", OWNER),
  'be moved': it => it.set(who, `<configure node='n'>${form({ collection: 'theirs' })}</configure>`, OWNER),
  'see who waits': it =>
    pending(it, "<x xmlns='jabber:x:data' type='submit'><field var='pubsub#node'><value>n</value></field></x>"),
  'let somebody in': it => decision(it, '1'),
  'keep somebody out': it => decision(it, '0'),
}

const pending = (it: Played, inner = '') =>
  it.ask(
    who,
    'set',
    `<command xmlns='http://jabber.org/protocol/commands' node='${PUBSUB}#get-pending' action='execute'>${inner}</command>`,
  )

/** There is an answer only when it is an error; otherwise the one who waits is told. */
function decision(it: Played, allow: string): Outcome {
  const fields = { node: 'n', subscriber_jid: 'bard@shakespeare.lit', allow }
  const { sent } = it.tell(
    `<message from='${who}' to='${SERVICE}' id='d'>${form(fields, 'submit', 'subscribe_authorization')}</message>`,
  )
  const [first] = sent
  if (first === undefined) throw new Error('nothing has come of it')
  return { answer: first }
}

const open = { access_model: 'open' }
const closed = { access_model: 'whitelist' }
const all = Object.keys(operations)
const read = ['disco info', 'disco items', 'items', 'subscribe']
const write = ['overwrite', 'publish']

/** Allowed with each affiliation, and for `none` and `member` by the models of the node. */
function allowed(affiliation: string, access: string, model: string, subscribed: boolean): string[] {
  const byModel = model === 'open' || (model === 'subscribers' && subscribed) ? write : []
  // Who asks in `authorize` waits; who is let in already reads. Nobody sees hamlet's presence here.
  const reading = access === 'open' || (access === 'authorize' && subscribed)
  const asking = access === 'authorize' ? ['disco info', 'subscribe'] : ['disco info']
  switch (affiliation) {
    case 'owner':
      return all
    case 'publisher':
      return [...read, ...write, 'retract own', 'retract theirs', 'purge']
    case 'publish-only':
      return ['disco info', ...write, 'retract own']
    case 'member':
      return [...read, ...byModel, 'retract own']
    case 'none':
      return [...(reading ? read : asking), ...byModel, 'retract own']
    default:
      return ['disco info']
  }
}

/** What those are told who may not read, by the access model. */
const denied: Record<string, string> = {
  whitelist: 'cancel not-allowed closed-node',
  presence: 'auth not-authorized presence-subscription-required',
  authorize: 'auth not-authorized not-subscribed',
}

/** A node of hamlet's in a collection of his, at which the bard waits, and which has an item of his and one of ophelia's; she is what is wanted. */
function scene(affiliation: string, access: string, model: string, subscribed: boolean): Played {
  const it = new Played({ sees: () => false })
  for (const name of ['box', 'theirs']) it.node(name, { node_type: 'collection', children_association_policy: 'all' })
  it.node('n', { access_model: 'authorize', collection: 'box' })
  it.done('bard@shakespeare.lit', "<subscribe node='n' jid='bard@shakespeare.lit'/>")
  it.publish('n', 'theirs')
  it.affiliate('n', bare, 'publisher').publish('n', 'own', who)
  if (subscribed) it.subscribe('n', who)
  // By the state chart a publisher becomes nothing less at once.
  it.affiliate('n', bare, 'none').affiliate('n', bare, affiliation)
  // Whoever waits does so whatever the node is by now.
  const settled = access === 'authorize' ? { publish_model: model } : { publish_model: model, access_model: access }
  it.done(hamlet, `<configure node='n'>${form(settled)}</configure>`, OWNER)
  return it
}

for (const affiliation of affiliations) {
  t.test(affiliation, async t => {
    for (const access of ['open', 'whitelist', 'authorize', 'presence']) {
      for (const model of ['publishers', 'subscribers', 'open']) {
        for (const subscribed of [false, true]) {
          // Whoever may not subscribe is not subscribed, or not any more.
          const reads = access === 'open' || access === 'authorize'
          const stays = affiliation === 'none' ? reads : !['publish-only', 'outcast'].includes(affiliation)
          if (subscribed && !stays) continue
          // The bard waits only where one waits.
          const possible = all.filter(name => access === 'authorize' || !name.includes('somebody'))
          const found = possible.filter(name => {
            const it = scene(affiliation, access, model, subscribed)
            const result = said((operations[name] as (it: Played) => Outcome)(it))
            if (result === 'result') return true
            const reading = affiliation === 'none' && read.includes(name)
            const condition = (reading ? denied[access] : undefined) ?? 'auth forbidden'
            if (result !== condition) t.equal(result, condition, `${name}, ${access}, ${model}`)
            return false
          })
          const wanted = allowed(affiliation, access, model, subscribed).filter(name => possible.includes(name))
          t.strictSame(found.sort(), [...wanted].sort(), `${access}, ${model}, ${subscribed ? '' : 'not '}subscribed`)
        }
      }
    }
  })
}

t.test('of a collection', async t => {
  const ways: Record<string, (it: Played) => Outcome> = {
    subscribe: it => it.set(who, `<subscribe node='c' jid='${who}'/>`),
    items: it => it.get(who, "<items node='c'/>"),
    'disco items': it => it.ask(who, 'get', "<query xmlns='http://jabber.org/protocol/disco#items' node='c'/>"),
    associate: it => it.set(who, "<collection node='c'><associate node='own'/></collection>", OWNER),
    'put into it': it => it.set(who, `<configure node='own'>${form({ collection: 'c' })}</configure>`, OWNER),
    'create in it': it => it.set(who, `<create node='new'/><configure>${form({ collection: 'c' })}</configure>`),
    'take in': it => it.set(who, `<configure node='c'>${form({ children: ['own', 'n'] })}</configure>`, OWNER),
    'let go': it => it.set(who, "<collection node='c'><dissociate node='n'/></collection>", OWNER),
    delete: it => it.set(who, "<delete node='c'/>", OWNER),
  }
  const placing = ['associate', 'create in it', 'put into it']
  const reading = ['disco items', 'items', 'subscribe']
  const table: Record<string, readonly [owners: string[], all: string[]]> = {
    // Hamlet's node in it is not ophelia's to take in, nor to refuse.
    owner: [
      [...placing, ...reading, 'delete', 'let go'],
      [...placing, ...reading, 'delete', 'let go'],
    ],
    publisher: [reading, [...placing, ...reading]],
    'publish-only': [[], placing],
    member: [reading, [...placing, ...reading]],
    none: [reading, [...placing, ...reading]],
    outcast: [[], []],
  }
  for (const affiliation of affiliations) {
    for (const [at, policy] of ['owners', 'all', 'whitelist', 'listed'].entries()) {
      const found = Object.keys(ways).filter(name => {
        const it = new Played()
        const listed = policy === 'listed' ? [bare] : ['bard@shakespeare.lit']
        const word = policy === 'listed' ? 'whitelist' : policy
        const fields = { children_association_policy: word, children_association_whitelist: listed }
        it.node('c', { node_type: 'collection', ...fields }).node('n', { collection: 'c' })
        it.done(who, "<create node='own'/>")
        if (affiliation !== 'none') it.affiliate('c', bare, affiliation)
        const result = said((ways[name] as (it: Played) => Outcome)(it))
        if (result !== 'result' && name !== 'take in') t.equal(result, 'auth forbidden', `${affiliation}: ${name}`)
        return result === 'result'
      })
      const [own = [], any = []] = table[affiliation] ?? []
      const takes = affiliation === 'owner' ? ['take in'] : []
      t.strictSame(found.sort(), [...(at % 2 === 0 ? own : any), ...takes].sort(), `${affiliation}, ${policy}`)
    }
  }
})

t.test('an admin is an owner everywhere', async t => {
  const it = new Played({ admins: person => person === bare })
    .node('box', { node_type: 'collection' })
    .node('theirs', { node_type: 'collection' })
    .node('n', { ...closed, collection: 'box' })
  for (const [name, operation] of Object.entries(operations)) {
    if (['delete', 'retract own', 'retract theirs'].includes(name) || name.includes('somebody')) continue
    t.equal(said(operation(it)), 'result', name)
  }
  const { answer } = it.get(hamlet, "<affiliations node='n'/>", OWNER)
  t.notMatch(String(answer), bare, 'and is not told of')
})

t.test('who may not subscribe any more is not subscribed any more, and told so', async t => {
  for (const change of [
    (it: Played) => it.set(hamlet, `<configure node='n'>${form(closed)}</configure>`, OWNER),
    (it: Played) =>
      it.set(hamlet, `<affiliations node='n'><affiliation jid='${bare}' affiliation='outcast'/></affiliations>`, OWNER),
  ]) {
    const it = new Played().node('n', open).subscribe('n', who).subscribe('n', who, who).subscribe('n', hamlet)
    const { told } = change(it)
    t.equal(told.filter(each => each.includes("subscription='none'")).length, 2)
    t.equal(it.publish('n', 'a').told.length, 1)
    t.notMatch(String(it.get(who, '<subscriptions/>').answer.child('pubsub', PUBSUB)), /subid/)
  }
})
