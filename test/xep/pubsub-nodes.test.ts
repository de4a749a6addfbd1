/** XEP-0060 §8: what owners ask. */
import t from 'tap'
import type { Session } from '../../src/session.ts'
import {
  answerSubscriptionRequest,
  configureNode,
  createNode,
  defaultNodeConfig,
  deleteNode,
  nodeAffiliations,
  nodeConfig,
  nodeSubscriptions,
  pendingNodes,
  purgeNode,
  requestPending,
  setAffiliations,
  setNodeSubscriptions,
} from '../../src/xep/0060-nodes.ts'
import { pubsubCondition } from '../../src/xep/0060-pubsub.ts'
import { asking, error, exchange, form, owner, pubsub, service } from '../helper/pubsub.ts'
import { rejects } from '../helper/rejects.ts'
import { openSession } from '../helper/session.ts'
import { playText } from '../helper/transcript.ts'

const node = 'princely_musings'
const hamlet = 'hamlet@denmark.lit/elsinore'
const asked = <Answer>(ask: (session: Session) => Promise<Answer>, dialogue: string) => asking(ask, dialogue, hamlet)

t.test('§8.1: creating nodes', async t => {
  const create = pubsub(`<create node='${node}'/>`)
  t.equal(await asked(session => createNode(session, service, node), exchange('set', create)), node, '§8.1.2')
  t.equal(
    await asked(
      session => createNode(session, service, undefined),
      exchange('set', pubsub('<create/>'), pubsub("<create node='25e3d37dabbab9541f7523321421edc5bfeb2dae'/>")),
    ),
    '25e3d37dabbab9541f7523321421edc5bfeb2dae',
    '§8.1.1: an instant node',
  )
  t.equal(
    await asked(
      session => createNode(session, service, node),
      exchange('set', create, pubsub("<create node='blogs/princely_musings'/>")),
    ),
    'blogs/princely_musings',
    '§8.1.1: the service has named it otherwise',
  )
  t.equal(
    await asked(
      session =>
        createNode(session, service, node, {
          config: {
            title: 'Princely Musings (Atom)',
            deliver_payloads: true,
            max_items: 10,
            access_model: 'open',
            roster_groups_allowed: ['friends', 'servants'],
          },
        }),
      exchange(
        'set',
        pubsub(
          `<create node='${node}'/><configure>${form('node_config', {
            access_model: 'open',
            deliver_payloads: '1',
            max_items: '10',
            roster_groups_allowed: ['friends', 'servants'],
            title: 'Princely Musings (Atom)',
          })}</configure>`,
        ),
      ),
    ),
    node,
    '§8.1.3',
  )
  await rejects(
    t,
    asked(session => createNode(session, service, undefined), exchange('set', pubsub('<create/>'))),
    {
      code: 'XMPP_NO_NODE',
    },
  )
  for (const [by, type, condition, special, feature] of [
    ['no creation', 'cancel', 'feature-not-implemented', 'unsupported', 'create-nodes'],
    ['registration', 'auth', 'registration-required', undefined, undefined],
    ['no privilege, and Prosody', 'auth', 'forbidden', undefined, undefined],
    ['there already', 'cancel', 'conflict', undefined, undefined],
    ['no instant nodes', 'modify', 'not-acceptable', 'nodeid-required', undefined],
    ['no such access model', 'modify', 'not-acceptable', 'unsupported-access-model', undefined],
  ] as const) {
    const thrown = await asked(
      session => createNode(session, service, node),
      exchange('set', create, error(type, condition, special, feature)),
    ).catch(error => error)
    t.match(thrown, { name: 'StanzaError', condition, type }, by)
    t.strictSame(pubsubCondition(thrown), special && { condition: special, feature }, by)
  }
})

t.test('§8.2, §8.3: configuring them', async t => {
  const shown = `<x xmlns='jabber:x:data' type='form'>
  <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#node_config</value></field>
  <field var='pubsub#title' type='text-single' label='A friendly name'><value>Princely Musings (Atom)</value></field>
  <field var='pubsub#deliver_notifications' type='boolean'><value>true</value></field>
  <field var='pubsub#persist_items' type='boolean'><value>0</value></field>
  <field var='pubsub#max_items' type='text-single'><value>max</value></field>
  <field var='pubsub#item_expire' type='text-single'><value>604800</value></field>
  <field var='pubsub#access_model' type='list-single'><option><value>open</value></option><value>whitelist</value></field>
  <field var='pubsub#roster_groups_allowed' type='list-multi'><option><value>friends</value></option></field>
  <field var='pubsub#publish_model' type='list-single'><value>nobody</value></field>
  <field var='pubsub#contact' type='jid-multi'><value>a@example.com</value><value>b@example.com</value></field>
  <field var='pubsub#unheard_of'><value>1</value></field><field var='title'><value>other</value></field></x>`
  const values = {
    title: 'Princely Musings (Atom)',
    deliver_notifications: true,
    persist_items: false,
    max_items: 'max',
    item_expire: 604_800,
    access_model: 'whitelist',
    roster_groups_allowed: [],
    contact: ['a@example.com', 'b@example.com'],
  } as const
  const configure = owner(`<configure node='${node}'/>`)
  t.strictSame(
    await asked(
      session => nodeConfig(session, service, node),
      exchange('get', configure, owner(`<configure node='${node}'>${shown}</configure>`)),
    ),
    values,
    '§8.2.2',
  )
  t.strictSame(
    await asked(
      session => defaultNodeConfig(session, service),
      exchange('get', owner('<default/>'), owner(`<default>${shown}</default>`)),
    ),
    values,
    '§8.3.2',
  )
  t.equal(
    await asked(
      session => configureNode(session, service, node, { title: 'T', notify_retract: false, item_expire: 604_800 }),
      exchange(
        'set',
        owner(
          `<configure node='${node}'>${form('node_config', { item_expire: '604800', notify_retract: '0', title: 'T' })}</configure>`,
        ),
      ),
    ),
    undefined,
    '§8.2.4',
  )
  for (const empty of ['', owner(''), owner('<configure/>'), pubsub(`<configure>${shown}</configure>`)])
    t.strictSame(
      await asked(session => nodeConfig(session, service, node), exchange('get', configure, empty)),
      {},
      empty,
    )
  for (const [by, type, condition, special, feature] of [
    ['§8.2.3.1', 'cancel', 'feature-not-implemented', 'unsupported', 'config-node'],
    ['§8.2.3.2', 'auth', 'forbidden', undefined, undefined],
    ['§8.2.3.3', 'modify', 'bad-request', 'nodeid-required', undefined],
    ['§8.2.3.4', 'cancel', 'not-allowed', undefined, undefined],
    ['§8.2.3.5', 'cancel', 'item-not-found', undefined, undefined],
    ['§8.2.5.2', 'modify', 'not-acceptable', undefined, undefined],
    ['§8.3.3.2', 'cancel', 'feature-not-implemented', 'unsupported', 'retrieve-default'],
  ] as const) {
    const thrown = await asked(
      session => nodeConfig(session, service, node),
      exchange('get', configure, error(type, condition, special, feature)),
    ).catch(error => error)
    t.match(thrown, { condition, type }, by)
    t.strictSame(pubsubCondition(thrown), special && { condition: special, feature }, by)
  }
})

t.test('§8.4, §8.5: deleting and purging', async t => {
  t.equal(
    await asked(session => deleteNode(session, service, node), exchange('set', owner(`<delete node='${node}'/>`))),
    undefined,
    '§8.4.1',
  )
  const redirect = 'xmpp:hamlet@denmark.lit?;node=blog'
  await asked(
    session => deleteNode(session, service, node, { redirect }),
    exchange('set', owner(`<delete node='${node}'><redirect uri='${redirect}'/></delete>`)),
  )
  t.equal(
    await asked(session => purgeNode(session, service, node), exchange('set', owner(`<purge node='${node}'/>`))),
    undefined,
    '§8.5.1',
  )
  for (const [by, type, condition, special, feature] of [
    ['§8.5.3.1', 'cancel', 'feature-not-implemented', 'unsupported', 'purge-nodes'],
    ['§8.4.3.1, §8.5.3.2', 'auth', 'forbidden', undefined, undefined],
    ['§8.5.3.3', 'cancel', 'feature-not-implemented', 'unsupported', 'persistent-items'],
    ['§8.4.3.3, §8.5.3.4', 'cancel', 'item-not-found', undefined, undefined],
    ['§8.4.3.2', 'cancel', 'not-allowed', undefined, undefined],
  ] as const) {
    const answer = error(type, condition, special, feature)
    for (const thrown of [
      await asked(
        session => purgeNode(session, service, node),
        exchange('set', owner(`<purge node='${node}'/>`), answer),
      ).catch(error => error),
      await asked(
        session => deleteNode(session, service, node),
        exchange('set', owner(`<delete node='${node}'/>`), answer),
      ).catch(error => error),
    ]) {
      t.match(thrown, { condition, type }, by)
      t.strictSame(pubsubCondition(thrown), special && { condition: special, feature }, by)
    }
  }
})

t.test('§8.8: the subscriptions of others', async t => {
  const list = owner(`<subscriptions node='${node}'/>`)
  const found = await asked(
    session => nodeSubscriptions(session, service, node),
    exchange(
      'get',
      list,
      owner(`<subscriptions node='${node}'><subscription jid='hamlet@denmark.lit' subscription='subscribed'/>
  <subscription jid='Polonius@denmark.lit' subscription='unconfigured'/>
  <subscription jid='bernardo@denmark.lit' subscription='subscribed' subid='123-abc'/>
  <subscription jid='bernardo@denmark.lit' subscription='subscribed' subid='004-yyy'/>
  <subscription jid='a@@b' subscription='subscribed'/><subscription xmlns='odd' jid='a@b' subscription='subscribed'/></subscriptions>`),
    ),
  )
  t.strictSame(
    found.map(({ node, jid, subscription, subid }) => [node, jid, subscription, subid]),
    [
      [node, 'hamlet@denmark.lit', 'subscribed', undefined],
      [node, 'polonius@denmark.lit', 'unconfigured', undefined],
      [node, 'bernardo@denmark.lit', 'subscribed', '123-abc'],
      [node, 'bernardo@denmark.lit', 'subscribed', '004-yyy'],
    ],
    '§8.8.1',
  )
  const changes = [
    { jid: 'polonius@denmark.lit', subscription: 'none' },
    { jid: 'bard@shakespeare.lit', subscription: 'subscribed', subid: 's' },
  ] as const
  const change = owner(`<subscriptions node='${node}'><subscription jid='polonius@denmark.lit' subscription='none'/>
  <subscription jid='bard@shakespeare.lit' subscription='subscribed' subid='s'/></subscriptions>`)
  const ask = (answer: string) =>
    asked(session => setNodeSubscriptions(session, service, node, changes), exchange('set', change, answer))
  t.equal(await ask(''), undefined, '§8.8.2')
  // §8.8.2.4: what could not be done stands beside the error.
  await rejects(t, ask(error('modify', 'not-acceptable')), { condition: 'not-acceptable' })
  for (const [type, condition, special, feature] of [
    ['cancel', 'feature-not-implemented', 'unsupported', 'manage-subscriptions'],
    ['auth', 'forbidden', undefined, undefined],
    ['cancel', 'item-not-found', undefined, undefined],
  ] as const) {
    const thrown = await asked(
      session => nodeSubscriptions(session, service, node),
      exchange('get', list, error(type, condition, special, feature)),
    ).catch(error => error)
    t.match(thrown, { condition, type }, '§8.8.1.3')
    t.strictSame(pubsubCondition(thrown), special && { condition: special, feature })
  }
})

t.test('§8.9: the affiliations of others', async t => {
  const list = owner(`<affiliations node='${node}'/>`)
  const found = await asked(
    session => nodeAffiliations(session, service, node),
    exchange(
      'get',
      list,
      owner(`<affiliations node='${node}'><affiliation jid='hamlet@denmark.lit' affiliation='owner'/>
  <affiliation jid='Polonius@Denmark.lit' affiliation='outcast'/><affiliation jid='a@b' affiliation='king'/>
  <affiliation affiliation='owner'/><affiliation jid='a@b'/><odd jid='a@b' affiliation='owner'/></affiliations>`),
    ),
  )
  t.strictSame(found, [
    { jid: 'hamlet@denmark.lit', affiliation: 'owner' },
    { jid: 'polonius@denmark.lit', affiliation: 'outcast' },
  ])
  const ask = (answer: string) =>
    asked(
      session =>
        setAffiliations(session, service, node, [
          { jid: 'hamlet@denmark.lit', affiliation: 'none' },
          { jid: 'bard@shakespeare.lit', affiliation: 'publisher' },
        ]),
      exchange(
        'set',
        owner(`<affiliations node='${node}'><affiliation jid='hamlet@denmark.lit' affiliation='none'/>
  <affiliation jid='bard@shakespeare.lit' affiliation='publisher'/></affiliations>`),
        answer,
      ),
    )
  t.equal(await ask(''), undefined, '§8.9.2')
  await rejects(t, ask(error('modify', 'not-acceptable')), { condition: 'not-acceptable' }, '§8.9.2.4: the last owner')
  for (const none of [
    '',
    owner(''),
    pubsub("<affiliations><affiliation jid='a@b' affiliation='owner'/></affiliations>"),
  ])
    t.strictSame(await asked(session => nodeAffiliations(session, service, node), exchange('get', list, none)), [])
})

t.test('§8.6: answering who wants a subscription', async t => {
  const { session, far, peer } = await openSession({ jid: hamlet })
  const request = { from: service, node, jid: 'horatio@denmark.lit', subid: undefined, id: 'approve1' }
  answerSubscriptionRequest(session, request, true)
  answerSubscriptionRequest(session, { ...request, subid: 's', id: undefined }, false)
  const answer = (fields: Record<string, string>): string => form('subscribe_authorization', fields)
  await playText(
    far,
    `
C: <message to='${service}' id='approve1'>${answer({ allow: '1', node, subscriber_jid: 'horatio@denmark.lit' })}</message>
C: <message to='${service}' id='{any}'>${answer({ allow: '0', node, subid: 's', subscriber_jid: 'horatio@denmark.lit' })}</message>`,
    'answers',
    { peer },
  )
  t.pass()
})

t.test('§8.7: those who wait', async t => {
  const command = (attrs: string, inside = ''): string =>
    `<command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/pubsub#get-pending' ${attrs}>${inside}</command>`
  const session = "sessionid='pubsub-get-pending:20031021T150901Z-600'"
  const shown = `<x xmlns='jabber:x:data' type='form'>
  <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#subscribe_authorization</value></field>
  <field type='list-single' var='pubsub#node'><option><value>princely_musings</value></option><option/><option><value/></option>
  <option><value>news_from_elsinore</value></option></field></x>`
  const first = exchange('set', command("action='execute'"), command(`${session} status='executing'`, shown))
  const cancel = exchange('set', command(`${session} action='cancel'`), command(`${session} status='canceled'`))
  t.strictSame(await asked(session => pendingNodes(session, service), first + cancel), [
    'princely_musings',
    'news_from_elsinore',
  ])
  // That it cannot be cancelled is nothing to those who have what they wanted.
  const uncancelled = exchange('set', command(`${session} action='cancel'`), error('cancel', 'bad-request'))
  t.equal((await asked(session => pendingNodes(session, service), first + uncancelled)).length, 2)
  t.equal(
    await asked(
      session => requestPending(session, service, node),
      first +
        exchange(
          'set',
          command(`${session} action='execute'`, form('subscribe_authorization', { node })),
          command(`${session} status='completed'`),
        ),
    ),
    undefined,
  )
  for (const none of ['', command(''), command('', "<x xmlns='jabber:x:data'/>"), "<command xmlns='odd'/>"])
    t.strictSame(
      await asked(session => pendingNodes(session, service), exchange('set', command("action='execute'"), none)),
      [],
    )
  for (const [by, type, condition, special, feature] of [
    ['no commands', 'cancel', 'service-unavailable', undefined, undefined],
    ['no such command', 'cancel', 'feature-not-implemented', 'unsupported', 'get-pending'],
    ['no privilege', 'cancel', 'forbidden', undefined, undefined],
    ['no such node', 'cancel', 'item-not-found', undefined, undefined],
  ] as const) {
    const thrown = await asked(
      session => requestPending(session, service, node),
      exchange('set', command("action='execute'"), error(type, condition, special, feature)),
    ).catch(error => error)
    t.match(thrown, { condition, type }, by)
    t.strictSame(pubsubCondition(thrown), special && { condition: special, feature }, by)
  }
})
