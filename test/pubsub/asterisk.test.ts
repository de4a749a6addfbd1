/** What a real res_xmpp needs, and what a service has to know of it and of the servers between. */
import t from 'tap'
import { entry, form, hamlet, OWNER, Played, PUBSUB, SERVICE, said } from './service.ts'

const pbx = 'pbx@denmark.lit/astvoip'
const bare = 'pbx@denmark.lit'
const options = `<options>${form({ subscription_type: 'items', subscription_depth: 'all', expire: 'presence' }, 'submit', 'subscribe_options')}</options>`

t.test('what is repeated stands last: it publishes that again with all that is behind it', async t => {
  const { answer } = new Played().set(pbx, `<publish node='Custom:x'><item id='Custom:x'>${entry()}</item></publish>`)
  t.strictSame(
    answer.elements.map(({ name, attrs }) => [name, attrs.code]),
    [
      ['error', '404'],
      ['pubsub', undefined],
    ],
  )
})

t.test('where it cannot create what is repeated to it, that has an end', async t => {
  const it = new Played({ creators: () => false })
  const repeated = () => {
    const { answer } = it.set(pbx, `<publish node='n'><item>${entry()}</item></publish>`)
    t.equal(said({ answer }), 'cancel item-not-found')
    return answer.child('pubsub', PUBSUB) !== undefined
  }
  t.strictSame([1, 2, 3, 4, 5, 6].map(repeated), [true, true, true, true, false, false])
  await it.pass(11_000)
  t.ok(repeated())
})

t.test('away is who was there', async t => {
  const it = new Played().node('device_state', { node_type: 'collection' })
  const subscribe = () => it.done(pbx, `<subscribe node='device_state' jid='${bare}'/>${options}`).told
  const presence = (type: string, from = bare) => it.tell(`<presence from='${from}' to='${SERVICE}'${type}/>`)
  const subscribed = () => it.engine.counts.subscriptions === 1
  t.match(subscribe().join(), /presence.*type='subscribe'/)
  // Prosody says so at once of a presence that nobody has granted yet.
  presence(" type='unavailable'")
  t.ok(subscribed())
  presence(" type='subscribed'")
  presence(" type='unavailable'")
  t.ok(subscribed(), 'it subscribes before it says that it is there')
  presence('', pbx)
  presence(" type='unavailable'", pbx)
  t.notOk(subscribed())

  subscribe()
  t.match(String(it.engine.connected().sent[0]), /to='pbx@denmark.lit' type='probe'/)
  presence(" type='unavailable'")
  t.notOk(subscribed(), 'it has gone while nobody told us')

  subscribe()
  it.engine.connected()
  subscribe()
  presence(" type='unavailable'")
  t.ok(subscribed(), 'who has just subscribed is there, whatever its server knows of it')
})

t.test('who comes late to a collection is told the last state of each device', async t => {
  const it = new Played()
  it.node('device_state', { node_type: 'collection' }).node('deep', {
    node_type: 'collection',
    collection: 'device_state',
  })
  it.node('a', { collection: 'device_state' }).node('b', { collection: 'deep' }).node('outside')
  it.node('never', { collection: 'deep', send_last_published_item: 'never' })
  it.node('closed', { collection: 'deep' }).affiliate('closed', bare, 'outcast')
  for (const node of ['a', 'b', 'outside', 'never', 'closed']) it.publish(node, `${node}1`).told
  it.publish('a', 'a2')
  const last = (fields: Record<string, string>) => {
    it.set(pbx, `<unsubscribe node='device_state' jid='${bare}'/>`)
    const chosen = form(fields, 'submit', 'subscribe_options')
    const { told } = it.done(pbx, `<subscribe node='device_state' jid='${bare}'/><options>${chosen}</options>`)
    for (const text of told) t.match(text, /name='Collection'>device_state<.*delay/)
    return told.map(text => /item id='(\w+)'/.exec(text)?.[1])
  }
  t.strictSame(last({ subscription_type: 'items', subscription_depth: 'all' }), ['a2', 'b1'])
  t.strictSame(last({ subscription_type: 'items' }), ['a2'])
  t.strictSame(last({ subscription_type: 'nodes', subscription_depth: 'all' }), [])
})

t.test('its form has FORM_TYPE twice, and not always right', async t => {
  const it = new Played()
  const twice = form({ access_model: 'whitelist', node_type: 'collection' }).replace(
    "<field var='FORM_TYPE'",
    `<field var='FORM_TYPE'><value>${PUBSUB}#owner</value></field><field var='FORM_TYPE'`,
  )
  t.equal(said(it.set(hamlet, `<create node='device_state'/><configure>${twice}</configure>`)), 'result')
  t.equal(it.engine.describe('device_state')?.type, 'collection')
  const owners = `<affiliations node='device_state'><affiliation jid='${bare}' affiliation='owner'/></affiliations>`
  t.equal(said(it.set(hamlet, owners, OWNER)), 'result')
})
