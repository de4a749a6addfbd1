/** Who may do what: every affiliation, access model, publish model and operation (XEP-0060 §4.1). */
import t from 'tap'
import { entry, form, hamlet, OWNER, Played, PUBSUB, said } from './service.ts'

const who = 'ophelia@denmark.lit/garden'
const bare = 'ophelia@denmark.lit'
const affiliations = ['owner', 'publisher', 'publish-only', 'member', 'none', 'outcast'] as const

const item = (id: string) => `<item id='${id}'>${entry()}</item>`
const operations: Record<string, (it: Played) => { answer: import('../../src/stream/element.ts').Element }> = {
  subscribe: it => it.set(who, `<subscribe node='n' jid='${bare}'/>`),
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
}

const open = { access_model: 'open' }
const closed = { access_model: 'whitelist' }
const all = Object.keys(operations)
const read = ['disco info', 'disco items', 'items', 'subscribe']
const write = ['overwrite', 'publish']

/** Allowed with each affiliation, and for `none` and `member` by the models of the node. */
function allowed(affiliation: string, access: string, model: string, subscribed: boolean): string[] {
  const byModel = model === 'open' || (model === 'subscribers' && subscribed) ? write : []
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
      return [...(access === 'open' ? read : ['disco info']), ...byModel, 'retract own']
    default:
      return ['disco info']
  }
}

for (const affiliation of affiliations) {
  t.test(affiliation, async t => {
    for (const access of ['open', 'whitelist']) {
      for (const model of ['publishers', 'subscribers', 'open']) {
        for (const subscribed of [false, true]) {
          const reader = access === 'open' ? 'none' : 'member'
          // Whoever may not subscribe is not subscribed, or not any more.
          const stays = affiliation === 'none' ? access === 'open' : !['publish-only', 'outcast'].includes(affiliation)
          if (subscribed && !stays) continue
          const found = all.filter(name => {
            const it = new Played().node('n', { access_model: access })
            it.publish('n', 'theirs')
            it.affiliate('n', bare, 'publisher').publish('n', 'own', who)
            // By the state chart a publisher becomes nothing less at once.
            it.affiliate('n', bare, 'none').affiliate('n', bare, reader)
            if (subscribed) it.subscribe('n', who)
            it.affiliate('n', bare, affiliation)
            it.done(hamlet, `<configure node='n'>${form({ publish_model: model })}</configure>`, OWNER)
            const result = said((operations[name] as (it: Played) => ReturnType<Played['set']>)(it))
            if (result === 'result') return true
            const closedNode = access === 'whitelist' && affiliation === 'none' && read.includes(name)
            const condition = closedNode ? 'cancel not-allowed closed-node' : 'auth forbidden'
            if (result !== condition) t.equal(result, condition, `${name}, ${access}, ${model}`)
            return false
          })
          const wanted = allowed(affiliation, access, model, subscribed)
          t.strictSame(found.sort(), [...wanted].sort(), `${access}, ${model}, ${subscribed ? '' : 'not '}subscribed`)
        }
      }
    }
  })
}

t.test('an admin is an owner everywhere', async t => {
  const it = new Played({ admins: person => person === bare }).node('n', closed)
  for (const [name, operation] of Object.entries(operations)) {
    if (name !== 'delete' && !name.startsWith('retract')) t.equal(said(operation(it)), 'result', name)
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
