/** XEP-0060 §7.1.2, §7.2.2, §8 and §12, XEP-0248 §5.3: what a service tells. */
import t from 'tap'
import type { Session } from '../../src/session.ts'
import { type PubsubEvent, pubsubEvents, readEvents } from '../../src/xep/0060-events.ts'
import { answerSubscriptionRequest } from '../../src/xep/0060-nodes.ts'
import { settled } from '../helper/pair.ts'
import { form, pubsub, service } from '../helper/pubsub.ts'
import { openSession, type SessionSetup } from '../helper/session.ts'
import { playText } from '../helper/transcript.ts'

const node = 'princely_musings'
const id = 'ae890ac52d0df67ed7cfdf51b644e901'
const event = (inside: string): string => `<event xmlns='http://jabber.org/protocol/pubsub#event'>${inside}</event>`
const shim = (headers: string): string => `<headers xmlns='http://jabber.org/protocol/shim'>${headers}</headers>`
const base = { from: service, node, collections: [], subids: [], delay: undefined }

/** What is made of a message, when its service is trusted. */
async function told(inside: string, attrs = `from='${service}' to='francisco@denmark.lit'`): Promise<PubsubEvent[]> {
  return (await toldAll([`<message ${attrs}>${inside}</message>`])).events
}

async function toldAll(
  stanzas: readonly string[],
  setup: SessionSetup = {},
): Promise<{ events: PubsubEvent[]; errors: unknown[]; session: Session }> {
  const events: PubsubEvent[] = []
  const errors: unknown[] = []
  const { session, peer } = await openSession({
    jid: 'francisco@denmark.lit/barracks',
    xeps: [pubsubEvents({ from: jid => jid === service, onEvent: event => void events.push(event) })],
    onHandlerError: error => void errors.push(error),
    ...setup,
  })
  for (const stanza of stanzas) peer.write(stanza)
  await settled()
  return { events, errors, session }
}

t.test('§7.1.2: items', async t => {
  const [withPayload, ...more] = await told(
    event(
      `<items node='${node}'><item id='${id}' publisher='Hamlet@denmark.lit'><entry xmlns='http://www.w3.org/2005/Atom'/></item></items>`,
    ),
  )
  t.equal(more.length, 0)
  if (withPayload?.type !== 'items') throw new Error('no items')
  const [item] = withPayload.items
  t.strictSame(
    [item?.id, item?.publisher, item?.payload?.is('entry', 'http://www.w3.org/2005/Atom')],
    [id, 'hamlet@denmark.lit', true],
    '§7.1.2.1, and Prosody, which names the publisher',
  )
  t.strictSame(
    await told(event(`<items node='${node}'><item id='${id}'/></items>`)),
    [{ ...base, type: 'items', items: [{ id, publisher: undefined, payload: undefined }], retracted: [] }],
    '§7.1.2.2',
  )
  t.strictSame(
    await told(event(`<items node='${node}'/>`), `from='${service}' type='headline'`),
    [{ ...base, type: 'items', items: [], retracted: [] }],
    'a mere notification, and ejabberd, which sends headlines',
  )
  t.match(
    await told(
      event(`<items node='${node}'><item id='${id}'/></items>`) +
        shim(
          "<header name='SubID'>123-abc</header><header name='SubID'>004-yyy</header><header name='Other'>x</header>",
        ),
    ),
    [{ subids: ['123-abc', '004-yyy'], collections: [] }],
    '§7.1.2.4',
  )
  t.match(
    await told(
      event(`<items node='${node}'/>`) +
        shim("<header name='pubsub#subid'>s</header><header name='COLLECTION'>c</header>"),
    ),
    [{ subids: ['s'], collections: ['c'] }],
    'as it was before 1.11',
  )
  t.match(
    await told(
      `${event(`<items node='${node}'><item id='${id}'/></items>`)}<delay xmlns='urn:xmpp:delay' stamp='2003-12-13T23:58:37Z'/>`,
    ),
    [{ delay: { stamp: Date.UTC(2003, 11, 13, 23, 58, 37), from: undefined } }],
    '§6.1.7',
  )
})

t.test('§7.2.2: items that have gone, alone or not', async t => {
  t.strictSame(await told(event(`<items node='${node}'><retract id='${id}'/></items>`)), [
    { ...base, type: 'items', items: [], retracted: [id] },
  ])
  const [both] = await told(
    event(
      `<items node='${node}'><item id='1'/><retract id='2'/><retract/><retract id=''/><item id='3'/><retract id='4'/></items>`,
    ),
  )
  t.match(both, { items: [{ id: '1' }, { id: '3' }], retracted: ['2', '4'] })
})

t.test('§8.2.5, §8.4.2, §8.5.2: nodes that have changed, gone or been emptied', async t => {
  t.strictSame(await told(event(`<purge node='${node}'/>`)), [{ ...base, type: 'purge' }])
  t.strictSame(await told(event(`<delete node='${node}'/>`)), [{ ...base, type: 'delete', redirect: undefined }])
  t.strictSame(
    await told(event(`<delete node='${node}'><redirect uri='xmpp:hamlet@denmark.lit?;node=blog'/></delete>`)),
    [{ ...base, type: 'delete', redirect: 'xmpp:hamlet@denmark.lit?;node=blog' }],
  )
  t.strictSame(await told(event(`<configuration node='${node}'/>`)), [
    { ...base, type: 'configuration', form: undefined, config: undefined },
  ])
  const [changed] = await told(
    event(
      `<configuration node='${node}'>${form('node_config', { title: 'T', persist_items: '1', odd: '1' }, 'result')}</configuration>`,
    ),
  )
  t.match(changed, {
    type: 'configuration',
    node,
    config: { title: 'T', persist_items: true },
    form: { type: 'result' },
  })
})

t.test('§8.6, §8.8.4, §8.9.4, §12.13: subscriptions and affiliations', async t => {
  const subscription = `<subscription node='${node}' jid='Horatio@denmark.lit' subscription='subscribed' subid='s' expiry='2006-02-28T23:59:59Z'/>`
  const wanted = {
    ...base,
    type: 'subscription',
    jid: 'horatio@denmark.lit',
    subid: 's',
    subscription: 'subscribed',
    expiry: Date.UTC(2006, 1, 28, 23, 59, 59),
    optionsRequired: false,
  }
  t.strictSame(await told(event(subscription)), [wanted])
  t.strictSame(await told(pubsub(subscription)), [wanted], '§8.8.4 before 1.13')
  t.match(await told(event("<subscription jid='a@b' subscription='none'/>")), [
    { node: undefined, subscription: 'none' },
  ])
  t.strictSame(
    await told(
      pubsub(
        `<affiliations node='${node}'><affiliation jid='polonius@denmark.lit' affiliation='none'/></affiliations>`,
      ),
    ),
    [{ ...base, type: 'affiliation', jid: 'polonius@denmark.lit', affiliation: 'none' }],
  )
})

t.test('§8.6: an owner is asked, and answers', async t => {
  const asked = `<message from='${service}' to='hamlet@denmark.lit' id='approve1'><x xmlns='jabber:x:data' type='form'>
<title>PubSub subscriber request</title><instructions>Yes or no?</instructions>
<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#subscribe_authorization</value></field>
<field var='pubsub#subid' type='hidden'><value>123-abc</value></field>
<field var='pubsub#node' type='text-single' label='Node ID'><value>princely_musings</value></field>
<field var='pubsub#subscriber_jid' type='jid-single'><value>Horatio@denmark.lit</value></field>
<field var='pubsub#allow' type='boolean'><value>false</value></field></x></message>`.replaceAll('\n', '')
  const request = { ...base, type: 'authorization', jid: 'horatio@denmark.lit', subid: '123-abc', id: 'approve1' }
  const events: PubsubEvent[] = []
  const { session, far, peer } = await openSession({
    jid: 'hamlet@denmark.lit/elsinore',
    xeps: [
      pubsubEvents({
        from: jid => jid === service,
        onEvent: (event, session) => {
          events.push(event)
          if (event.type === 'authorization') answerSubscriptionRequest(session, event, true)
        },
      }),
    ],
  })
  await playText(
    far,
    `
S: ${asked}
C: <message to='${service}' id='approve1'>${form('subscribe_authorization', { allow: '1', node, subid: '123-abc', subscriber_jid: 'horatio@denmark.lit' })}</message>`,
    'authorization',
    { peer },
  )
  t.strictSame(events, [request])
  t.ok(session.writable)
  // COMPAT ejabberd 23.01 gives its question no id.
  t.match(await told(form('subscribe_authorization', { node, subscriber_jid: 'a@b' }, 'form')), [{ id: undefined }])
  // Forms for something else, or that are no question.
  const fields = { node, subscriber_jid: 'horatio@denmark.lit' }
  t.equal((await told(form('subscribe_authorization', fields, 'form'))).length, 1)
  for (const other of [
    form('subscribe_authorization', fields),
    form('subscribe_authorization', fields, 'cancel'),
    form('node_config', fields, 'form'),
    form('subscribe_authorization', { ...fields, node: '' }, 'form'),
    form('subscribe_authorization', { node }, 'form'),
    form('subscribe_authorization', { ...fields, subscriber_jid: 'a@@b' }, 'form'),
    "<x xmlns='jabber:x:data' type='form'/>",
    "<x xmlns='jabber:x:data' type='form'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#subscribe_authorization</value></field></x>",
  ])
    t.strictSame(await told(other), [], other)
})

t.test('XEP-0248 §5.3: by way of collections', async t => {
  const blogs = shim("<header name='Collection'>blogs</header>")
  t.match(await told(event(`<items node='${node}'><item id='${id}'/></items>`) + blogs), [
    { type: 'items', node, collections: ['blogs'] },
  ])
  t.strictSame(await told(event(`<create node='${node}'/>`) + blogs), [
    { ...base, type: 'create', collections: ['blogs'] },
  ])
  t.strictSame(await told(event("<collection node='some-collection'><associate node='new-node-id'/></collection>")), [
    { ...base, node: 'some-collection', type: 'collection', associated: ['new-node-id'], disassociated: [] },
  ])
  t.match(
    await told(
      event(
        `<collection node='some-collection'><associate node='new-node-id'>${form('meta-data', { title: 'T' }, 'result')}</associate></collection>`,
      ),
    ),
    [{ associated: ['new-node-id'] }],
    '§5.3.2.1',
  )
  t.match(
    await told(
      event("<collection><dissociate node='a'/><disassociate node='b'/><dissociate/><node id='c'/></collection>"),
    ),
    [{ node: undefined, associated: ['c'], disassociated: ['a', 'b'] }],
    'of the root, in the words of every version',
  )
})

t.test('what makes no sense is left out, and nothing is thrown', async t => {
  for (const inside of [
    '',
    '<body>hello</body>',
    event(''),
    event('text'),
    event('<items/>'),
    event("<items node=''/>"),
    event('<purge/><delete/><create/><subscription/>'),
    event(`<explode node='${node}'/>`),
    event(`<toString node='${node}'/><constructor node='${node}'/>`),
    event(`<items xmlns='odd' node='${node}'/>`),
    event("<subscription node='n' jid='a@@b' subscription='subscribed'/>"),
    event("<subscription node='n' jid='a@b' subscription='perhaps'/>"),
    `<event xmlns='http://jabber.org/protocol/pubsub'><items node='${node}'/></event>`,
    `<event><items node='${node}'/></event>`,
    pubsub(`<items node='${node}'/>`),
    pubsub(
      "<affiliations node='n'><affiliation jid='a@b'/></affiliations><affiliations><affiliation jid='a@b' affiliation='owner'/></affiliations>",
    ),
  ])
    t.strictSame(await told(inside), [], inside)
  // Twice: the first of the events counts, and all that is in it.
  const many = event(`<items node='a'/><purge node='b'/><items node='c'/>`)
  t.strictSame(
    (await told(many + event("<purge node='d'/>"))).map(({ type, node }) => `${type} ${node}`),
    ['items a', 'purge b', 'items c'],
  )
  t.match(
    await told(
      event(
        `<items node='${node}'><item xmlns='odd' id='1'/><retract xmlns='odd' id='1'/><item id='2' publisher='@'/></items><configuration>${form('node_config', { title: 'T' })}<x/></configuration>`,
      ) +
        shim("<header/><header name=''>x</header><header name='SubID'/><other name='SubID'>x</other>") +
        "<delay xmlns='urn:xmpp:delay' stamp='yesterday'/>",
    ),
    [
      { items: [{ id: '2', publisher: undefined }], retracted: [], subids: [''], delay: undefined },
      { type: 'configuration', node: undefined, config: { title: 'T' } },
    ],
  )
  const [huge] = await told(event(`<items node='${'n'.repeat(5000)}'>${"<item id='1'/>".repeat(10_000)}</items>`))
  t.equal(huge?.type === 'items' && huge.items.length, 10_000)
})

t.test('§12.3: what comes back as an error tells nothing', async t => {
  const items = event(`<items node='${node}'/>`)
  t.strictSame(await told(items, `from='${service}' type='error'`), [])
  const iq = `<iq type='set' id='1' from='${service}'>${items}</iq><presence from='${service}'>${items}</presence>`
  t.strictSame((await toldAll([iq])).events, [], 'nor do other stanzas')
})

t.test('events of anyone else are dropped', async t => {
  const items = event(`<items node='${node}'/>`)
  for (const [from, may] of [
    [`from='${service}'`, true],
    ["from='PUBSUB.Shakespeare.lit'", true],
    [`from='${service}/resource'`, false],
    [`from='mallory@${service}'`, false],
    [`from='${service}.evil'`, false],
    ["from='mallory@denmark.lit/x'", false],
    ["from='a@@b'", false],
    ["from=''", false],
    ['', false],
  ] as const)
    t.equal((await told(items, from)).length, may ? 1 : 0, from)
  // A component is told who has sent it, or it counts for nobody.
  const component = { component: true, jid: 'pbx.example.com' }
  const to = "to='pbx.example.com'"
  t.equal((await toldAll([`<message ${to} from='${service}'>${items}</message>`], component)).events.length, 1)
  t.equal((await toldAll([`<message ${to}>${items}</message>`], component)).events.length, 0)
})

t.test('several sorts of it in one message come once', async t => {
  const request = form('subscribe_authorization', { node, subscriber_jid: 'a@b' }, 'form')
  const { events, session } = await toldAll([
    `<message from='${service}'>${request}${event(`<purge node='${node}'/>`)}${request}</message>`,
  ])
  t.strictSame(
    events.map(({ type }) => type),
    ['purge', 'authorization'],
  )
  t.strictSame(readEvents(session.stanza('presence', { from: service }), session), [])
})

t.test('a listener that throws is reported, and the next event comes', async t => {
  let count = 0
  const { errors } = await toldAll(
    Array(2).fill(`<message from='${service}'>${event(`<purge node='${node}'/>`)}</message>`),
    {
      xeps: [
        pubsubEvents({
          from: () => true,
          onEvent: () => {
            count++
            throw new Error('mine')
          },
        }),
      ],
    },
  )
  t.equal(count, 2)
  t.match(errors, [{ message: 'mine' }, { message: 'mine' }])
})
