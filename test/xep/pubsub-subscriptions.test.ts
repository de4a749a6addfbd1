/** XEP-0060 §5.6, §5.7 and §6.1 to §6.4: subscriptions, their options, and one's own affiliations. */
import t from 'tap'
import { affiliationsOf } from '../../src/xep/0060-affiliations.ts'
import { pubsubCondition } from '../../src/xep/0060-pubsub.ts'
import {
  defaultSubscriptionOptions,
  setSubscriptionOptions,
  subscribe,
  subscriptionOptions,
  subscriptions,
  unsubscribe,
} from '../../src/xep/0060-subscriptions.ts'
import { asking, error, exchange, form, pubsub, service } from '../helper/pubsub.ts'

const node = 'princely_musings'
const jid = 'francisco@denmark.lit'
const subscribed = {
  node,
  jid,
  subid: undefined,
  subscription: 'subscribed',
  expiry: undefined,
  optionsRequired: false,
} as const
const request = pubsub(`<subscribe node='${node}' jid='${jid}'/>`)
const answering = (answer: string, options = {}) =>
  asking(session => subscribe(session, service, node, options), exchange('set', request, answer))

t.test('§6.1.1, §6.1.2: subscribing', async t => {
  t.strictSame(
    await answering(
      pubsub(
        `<subscription node='${node}' jid='${jid}' subid='ba49252aaa4f5d320c24d3766f0bdcade78c78d3' subscription='subscribed'/>`,
      ),
    ),
    { ...subscribed, subid: 'ba49252aaa4f5d320c24d3766f0bdcade78c78d3' },
  )
  t.strictSame(
    await answering(pubsub(`<subscription node='${node}' jid='${jid}' subscription='pending'/>`)),
    { ...subscribed, subscription: 'pending' },
    '§6.1.4',
  )
  t.strictSame(
    await answering(
      pubsub(
        `<subscription node='${node}' jid='${jid}' subscription='unconfigured'><subscribe-options><required/></subscribe-options></subscription>`,
      ),
    ),
    { ...subscribed, subscription: 'unconfigured', optionsRequired: true },
    '§6.1.5',
  )
  t.strictSame(
    await answering(
      pubsub(
        `<subscription node='${node}' jid='${jid}' subscription='unconfigured'><subscribe-options/></subscription>`,
      ),
    ),
    { ...subscribed, subscription: 'unconfigured' },
    '§6.1.5: they may be set, and need not be',
  )
  t.strictSame(
    await answering(
      pubsub(`<subscription node='${node}' jid='${jid}' subscription='subscribed' expiry='2006-02-28T23:59:59Z'/>`),
    ),
    { ...subscribed, expiry: Date.UTC(2006, 1, 28, 23, 59, 59) },
    '§12.18',
  )
})

t.test('a service that says little, or nonsense', async t => {
  t.strictSame(await answering(''), subscribed, 'it has done it')
  t.strictSame(await answering(pubsub('')), subscribed)
  t.strictSame(await answering(pubsub("<subscription subid='s'/>")), { ...subscribed, subid: 's' })
  t.strictSame(await answering(pubsub(`<subscription xmlns='odd' jid='${jid}' subscription='none'/>`)), subscribed)
  t.strictSame(await answering(pubsub(`<subscription jid='${jid}' subscription='soon' expiry='soon'/>`)), {
    ...subscribed,
    subscription: 'none',
  })
  t.match(await answering(pubsub("<subscription jid='a@@b' subscription='subscribed' subid='s'/>")), {
    jid,
    subid: 's',
    subscription: 'subscribed',
  })
  t.match(
    await answering(pubsub("<subscription node='other' jid='Francisco@Denmark.lit' subscription='subscribed'/>")),
    {
      node: 'other',
      jid,
    },
  )
})

t.test('§6.1.1: who subscribes', async t => {
  const at = (asked: string, from?: string): string =>
    exchange('set', pubsub(`<subscribe node='${node}' jid='${asked}'/>`), '', from === undefined ? {} : { from })
  const full = 'francisco@denmark.lit/barracks'
  t.match(await asking(session => subscribe(session, service, node, { jid: full }), at(full)), { jid: full })
  // A component is its domain, or the address of it that asks.
  const component = 'pbx.example.com'
  const as = (from: string, options = {}) =>
    asking(session => subscribe(session, service, node, options), at(from.split('/')[0] as string, from), component)
  t.match(await as(component), { jid: component })
  t.match(await as('100@pbx.example.com/desk', { from: '100@pbx.example.com/desk' }), { jid: '100@pbx.example.com' })
})

t.test('§6.3.7: with options at once', async t => {
  const options = { deliver: true, digest: false, include_body: false, 'show-values': ['chat', 'online', 'away'] }
  const found = await asking(
    session => subscribe(session, service, node, { options }),
    exchange(
      'set',
      pubsub(
        `<subscribe node='${node}' jid='${jid}'/><options>${form('subscribe_options', { deliver: '1', digest: '0', include_body: '0', 'show-values': ['chat', 'online', 'away'] })}</options>`,
      ),
      pubsub(`<subscription node='${node}' jid='${jid}' subscription='subscribed'/>`),
    ),
  )
  t.strictSame(found, subscribed)
})

t.test('§6.1.3: why one may not', async t => {
  for (const [by, type, condition, special, feature] of [
    ['§6.1.3.1', 'modify', 'bad-request', 'invalid-jid', undefined],
    ['§6.1.3.2', 'auth', 'not-authorized', 'presence-subscription-required', undefined],
    ['§6.1.3.3', 'auth', 'not-authorized', 'not-in-roster-group', undefined],
    ['§6.1.3.4 and ejabberd', 'cancel', 'not-allowed', 'closed-node', undefined],
    ['§6.1.3.5', 'auth', 'payment-required', undefined, undefined],
    ['§6.1.3.6', 'cancel', 'forbidden', undefined, undefined],
    ['§6.1.3.7', 'auth', 'not-authorized', 'pending-subscription', undefined],
    ['§6.1.3.8 and Prosody', 'auth', 'forbidden', undefined, undefined],
    ['§6.1.3.9', 'wait', 'policy-violation', 'too-many-subscriptions', undefined],
    ['§6.1.3.10', 'cancel', 'feature-not-implemented', 'unsupported', 'subscribe'],
    ['§6.1.3.11', 'modify', 'gone', undefined, undefined],
    ['§6.1.3.12', 'cancel', 'item-not-found', undefined, undefined],
    ['§6.1.5', 'modify', 'not-acceptable', 'configuration-required', undefined],
  ] as const) {
    const thrown = await answering(error(type, condition, special, feature)).catch(error => error)
    t.match(thrown, { name: 'StanzaError', condition, type }, by)
    t.strictSame(pubsubCondition(thrown), special && { condition: special, feature }, by)
  }
})

t.test('§6.2: unsubscribing', async t => {
  const plain = pubsub(`<unsubscribe node='${node}' jid='${jid}'/>`)
  t.equal(await asking(session => unsubscribe(session, service, node), exchange('set', plain)), undefined)
  await asking(
    session => unsubscribe(session, service, node, { jid: `${jid}/barracks`, subid: '123-abc' }),
    exchange('set', pubsub(`<unsubscribe node='${node}' jid='${jid}/barracks' subid='123-abc'/>`)),
  )
  for (const [by, type, condition, special] of [
    ['§6.2.3.1', 'modify', 'bad-request', 'subid-required'],
    ['§6.2.3.2', 'cancel', 'unexpected-request', 'not-subscribed'],
    ['§6.2.3.3', 'auth', 'forbidden', undefined],
    ['§6.2.3.4', 'cancel', 'item-not-found', undefined],
    ['§6.2.3.5', 'modify', 'not-acceptable', 'invalid-subid'],
  ] as const) {
    const thrown = await asking(
      session => unsubscribe(session, service, node),
      exchange('set', plain, error(type, condition, special)),
    ).catch(error => error)
    t.match(thrown, { condition, type }, by)
    t.equal(pubsubCondition(thrown)?.condition, special, by)
  }
})

t.test('§6.3: the options of a subscription', async t => {
  const shown = `<x xmlns='jabber:x:data' type='form'><title>t</title>
  <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#subscribe_options</value></field>
  <field var='pubsub#deliver' type='boolean' label='Enable delivery?'><value>1</value></field>
  <field var='pubsub#digest' type='boolean'><value>0</value></field>
  <field var='pubsub#include_body' type='boolean'><value>false</value></field>
  <field var='pubsub#digest_frequency' type='text-single'><value>86400000</value></field>
  <field var='pubsub#show-values' type='list-multi'><option label='Away'><value>away</value></option><value>chat</value><value>online</value></field>
  <field var='pubsub#subscription_type' type='list-single'><value>all</value></field>
  <field var='pubsub#subscription_depth' type='text-single'><value>3</value></field></x>`
  const values = {
    deliver: true,
    digest: false,
    include_body: false,
    digest_frequency: 86_400_000,
    'show-values': ['chat', 'online'],
    subscription_type: 'all',
    subscription_depth: 3,
  } as const
  t.strictSame(
    await asking(
      session => subscriptionOptions(session, service, node),
      exchange(
        'get',
        pubsub(`<options node='${node}' jid='${jid}'/>`),
        pubsub(`<options node='${node}' jid='${jid}'>${shown}</options>`),
      ),
    ),
    values,
    '§6.3.3',
  )
  t.equal(
    await asking(
      session => setSubscriptionOptions(session, service, node, { deliver: true, expire: 'presence' }, { subid: 's' }),
      exchange(
        'set',
        pubsub(
          `<options node='${node}' jid='${jid}' subid='s'>${form('subscribe_options', { deliver: '1', expire: 'presence' })}</options>`,
        ),
      ),
    ),
    undefined,
    '§6.3.5, §12.4',
  )
  t.strictSame(
    await asking(
      session => defaultSubscriptionOptions(session, service),
      exchange('get', pubsub('<default/>'), pubsub(`<default>${shown}</default>`)),
    ),
    values,
    '§6.4',
  )
  t.strictSame(
    await asking(
      session => defaultSubscriptionOptions(session, service, { node }),
      exchange('get', pubsub(`<default node='${node}'/>`)),
    ),
    {},
  )
  for (const [by, type, condition, special, feature] of [
    ['§6.3.4.1', 'auth', 'forbidden', undefined, undefined],
    ['§6.3.4.2', 'modify', 'unexpected-request', 'not-subscribed', undefined],
    ['§6.3.4.3', 'modify', 'bad-request', 'jid-required', undefined],
    ['§6.3.4.4', 'modify', 'bad-request', 'subid-required', undefined],
    ['§6.3.4.5', 'modify', 'not-acceptable', 'invalid-subid', undefined],
    ['§6.3.4.6', 'cancel', 'feature-not-implemented', 'unsupported', 'subscription-options'],
    ['§6.3.4.7', 'cancel', 'item-not-found', undefined, undefined],
  ] as const) {
    const thrown = await asking(
      session => subscriptionOptions(session, service, node),
      exchange('get', pubsub(`<options node='${node}' jid='${jid}'/>`), error(type, condition, special, feature)),
    ).catch(error => error)
    t.match(thrown, { condition, type }, by)
    t.strictSame(pubsubCondition(thrown), special && { condition: special, feature }, by)
  }
  const refused = await asking(
    session => setSubscriptionOptions(session, service, node, { digest: true }),
    exchange(
      'set',
      pubsub(`<options node='${node}' jid='${jid}'>${form('subscribe_options', { digest: '1' })}</options>`),
      error('modify', 'bad-request', 'invalid-options'),
    ),
  ).catch(error => error)
  t.equal(pubsubCondition(refused)?.condition, 'invalid-options', '§6.3.6.2')
})

t.test('options that make no sense are left out', async t => {
  const ask = (inside: string) =>
    asking(
      session => subscriptionOptions(session, service, node),
      exchange('get', pubsub(`<options node='${node}' jid='${jid}'/>`), pubsub(`<options>${inside}</options>`)),
    )
  for (const inside of [
    '',
    '<x/>',
    "<x xmlns='jabber:x:data'/>",
    form('subscribe_options', {
      deliver: 'maybe',
      digest_frequency: '-1',
      subscription_type: 'everything',
      subscription_depth: 'bottom',
      toString: 'x',
      __proto__: 'x',
    }),
    "<x xmlns='jabber:x:data'><field var='deliver'><value>1</value></field><field/><field var='pubsub#deliver'/></x>",
  ])
    t.strictSame(await ask(inside), {}, inside)
  t.strictSame(await ask(form('subscribe_options', { subscription_depth: 'all' })), { subscription_depth: 'all' })
})

t.test("§5.6: one's own subscriptions", async t => {
  const listed = `<subscriptions><subscription node='node1' jid='${jid}' subscription='subscribed'/>
  <subscription node='node2' jid='${jid}' subscription='subscribed'/>
  <subscription node='node5' jid='${jid}' subscription='unconfigured'/>
  <subscription node='node6' jid='${jid}' subscription='subscribed' subid='123-abc'/>
  <subscription node='node6' jid='${jid}' subscription='subscribed' subid='004-yyy'/></subscriptions>`
  const found = await asking(
    session => subscriptions(session, service),
    exchange('get', pubsub('<subscriptions/>'), pubsub(listed)),
  )
  t.strictSame(
    found.map(({ node, subid, subscription }) => [node, subid, subscription]),
    [
      ['node1', undefined, 'subscribed'],
      ['node2', undefined, 'subscribed'],
      ['node5', undefined, 'unconfigured'],
      ['node6', '123-abc', 'subscribed'],
      ['node6', '004-yyy', 'subscribed'],
    ],
  )
  const here = (answer: string) =>
    asking(
      session => subscriptions(session, service, { node: 'n' }),
      exchange('get', pubsub("<subscriptions node='n'/>"), answer),
    )
  t.match(
    await here(
      pubsub(`<subscriptions node='n'><subscription jid='${jid}' subscription='subscribed'/></subscriptions>`),
    ),
    [{ node: 'n' }],
  )
  t.match(await here(pubsub(`<subscriptions><subscription jid='${jid}' subscription='subscribed'/></subscriptions>`)), [
    { node: 'n' },
  ])
  for (const none of [
    '',
    pubsub('<subscriptions/>'),
    pubsub("<subscriptions><subscription/><subscription jid='a@@b' subscription='subscribed'/></subscriptions>"),
    pubsub(`<subscriptions><subscription jid='${jid}'/><subscription jid='${jid}' subscription='toString'/>
  <subscription xmlns='odd' jid='${jid}' subscription='subscribed'/></subscriptions>`),
  ])
    t.strictSame(await here(none), [], none)
  const thrown = await here(error('cancel', 'feature-not-implemented', 'unsupported', 'retrieve-subscriptions')).catch(
    error => error,
  )
  t.strictSame(pubsubCondition(thrown), { condition: 'unsupported', feature: 'retrieve-subscriptions' })
})

t.test("§5.7: one's own affiliations", async t => {
  const ask = (answer: string, options = {}, asked = '') =>
    asking(
      session => affiliationsOf(session, service, options),
      exchange('get', pubsub(`<affiliations${asked}/>`), answer),
    )
  t.strictSame(
    await ask(
      pubsub(`<affiliations><affiliation node='node1' affiliation='owner'/><affiliation node='node2' affiliation='publisher'/>
  <affiliation node='node5' affiliation='outcast'/><affiliation node='node6' affiliation='publish-only'/></affiliations>`),
    ),
    [
      { node: 'node1', affiliation: 'owner' },
      { node: 'node2', affiliation: 'publisher' },
      { node: 'node5', affiliation: 'outcast' },
      { node: 'node6', affiliation: 'publish-only' },
    ],
  )
  const own = [{ node: 'n', affiliation: 'member' }]
  for (const answer of [
    "<affiliations node='n'><affiliation affiliation='member'/></affiliations>",
    "<affiliations><affiliation node='' affiliation='member'/></affiliations>",
  ])
    t.strictSame(await ask(pubsub(answer), { node: 'n' }, " node='n'"), own)
  for (const none of [
    '',
    pubsub("<affiliations><affiliation affiliation='owner'/><affiliation node='n'/></affiliations>"),
    pubsub("<affiliations><affiliation node='n' affiliation='king'/><a node='n' affiliation='owner'/></affiliations>"),
  ])
    t.strictSame(await ask(none), [], none)
})
