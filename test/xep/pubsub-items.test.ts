/** XEP-0060 §6.5 and §7: items read, published and taken back. */
import t from 'tap'
import { StanzaError } from '../../src/errors.ts'
import { el } from '../../src/stream/element.ts'
import { allItems, items, type PubsubItem, publish, retract } from '../../src/xep/0060-items.ts'
import { pubsubCondition } from '../../src/xep/0060-pubsub.ts'
import { asking, error, exchange, form, pubsub, service, xml } from '../helper/pubsub.ts'
import { rejects } from '../helper/rejects.ts'

const node = 'princely_musings'
const NS_ATOM = 'http://www.w3.org/2005/Atom'
const entry = `<entry xmlns='${NS_ATOM}'><title>Soliloquy</title></entry>`
const set = (content: string): string => `<set xmlns='http://jabber.org/protocol/rsm'>${content}</set>`

async function all(generator: AsyncGenerator<PubsubItem>): Promise<(string | undefined)[]> {
  const ids: (string | undefined)[] = []
  for await (const { id } of generator) ids.push(id)
  return ids
}

t.test('§6.5.1 to §6.5.3: all items', async t => {
  const found = await asking(
    session => items(session, service, node),
    exchange(
      'get',
      pubsub(`<items node='${node}'/>`),
      pubsub(`<items node='${node}'><item id='368866411b877c30064a5f62b917cffe'>${entry}</item>
  <item id='3300659945416e274474e469a1f0154c'/></items>`),
    ),
  )
  t.strictSame(
    found.items.map(item => ({ ...item, payload: xml(item.payload) })),
    [
      {
        id: '368866411b877c30064a5f62b917cffe',
        publisher: undefined,
        payload: xml(el('entry', NS_ATOM, {}, el('title', NS_ATOM, {}, 'Soliloquy'))),
      },
      { id: '3300659945416e274474e469a1f0154c', publisher: undefined, payload: undefined },
    ],
  )
  t.equal(found.page, undefined)
})

t.test('§6.5.4: a page of them', async t => {
  const found = await asking(
    session => items(session, service, node, { page: { max: 2, after: '2' } }),
    exchange(
      'get',
      pubsub(`<items node='${node}'/>${set('<max>2</max><after>2</after>')}`),
      pubsub(`<items node='${node}'><item id='3'/><item id='4'/></items>
  ${set("<first index='2'>3</first><last>4</last><count>19</count>")}`),
    ),
  )
  t.strictSame(found.page, { first: '3', last: '4', index: 2, count: 19 })
  t.strictSame(
    found.items.map(({ id }) => id),
    ['3', '4'],
  )
})

t.test('§6.5.7, §6.5.8, §6.5.9.1: the latest, particular ones, those of a subscription', async t => {
  const none = pubsub(`<items node='${node}'/>`)
  await asking(
    session => items(session, service, node, { max: 2 }),
    exchange('get', pubsub(`<items node='${node}' max_items='2'/>`), none),
  )
  await asking(
    session => items(session, service, node, { subid: '123-abc', ids: ['a', 'b'] }),
    exchange('get', pubsub(`<items node='${node}' subid='123-abc'><item id='a'/><item id='b'/></items>`), none),
  )
  // Nothing at all is no item.
  t.strictSame(await asking(session => items(session, service, node), exchange('get', none)), {
    items: [],
    page: undefined,
  })
})

t.test('XEP-0248 §6.2: the items of the leaves of a collection', async t => {
  const found = await asking(
    session => items(session, service, 'blogs'),
    exchange(
      'get',
      pubsub("<items node='blogs'/>"),
      pubsub("<items node='Romeoance'><item id='1'/></items><items node='Julliennui'><item id='2'/></items>"),
    ),
  )
  t.strictSame(
    found.items.map(({ id }) => id),
    ['1', '2'],
  )
})

t.test('§6.5.9: why items are not shown', async t => {
  for (const [by, answer, condition, special] of [
    ['§6.5.9.1', error('modify', 'bad-request', 'subid-required'), 'bad-request', 'subid-required'],
    ['§6.5.9.2', error('modify', 'not-acceptable', 'invalid-subid'), 'not-acceptable', 'invalid-subid'],
    ['§6.5.9.3', error('auth', 'not-authorized', 'not-subscribed'), 'not-authorized', 'not-subscribed'],
    [
      '§6.5.9.6',
      error('auth', 'not-authorized', 'presence-subscription-required'),
      'not-authorized',
      'presence-subscription-required',
    ],
    ['§6.5.9.7', error('auth', 'not-authorized', 'not-in-roster-group'), 'not-authorized', 'not-in-roster-group'],
    ['§6.5.9.8 and ejabberd', error('cancel', 'not-allowed', 'closed-node'), 'not-allowed', 'closed-node'],
    ['§6.5.9.9', error('auth', 'payment-required'), 'payment-required', undefined],
    ['§6.5.9.10 and Prosody', error('auth', 'forbidden'), 'forbidden', undefined],
    ['§6.5.9.11', error('cancel', 'item-not-found'), 'item-not-found', undefined],
  ] as const) {
    try {
      await asking(session => items(session, service, node), exchange('get', pubsub(`<items node='${node}'/>`), answer))
      t.fail(by)
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      t.equal(error.condition, condition, by)
      t.equal(pubsubCondition(error)?.condition, special, by)
    }
  }
  const refused = asking(
    session => items(session, service, node),
    exchange(
      'get',
      pubsub(`<items node='${node}'/>`),
      error('cancel', 'feature-not-implemented', 'unsupported', 'persistent-items'),
    ),
  )
  const thrown = await refused.catch(error => error)
  t.strictSame(pubsubCondition(thrown), { condition: 'unsupported', feature: 'persistent-items' }, '§6.5.9.4')
})

t.test('§6.5.4: everything, page by page', async t => {
  const page = (after: string, ids: readonly string[], max = 20): string =>
    exchange(
      'get',
      pubsub(`<items node='${node}'/>${set(`<max>${max}</max>${after && `<after>${after}</after>`}`)}`),
      pubsub(
        `<items node='${node}'>${ids.map(id => `<item id='${id}'/>`).join('')}</items>${set(ids.length === 0 ? '<count>3</count>' : `<first>${ids[0]}</first><last>${ids.at(-1)}</last>`)}`,
      ),
    )
  const read =
    (options = {}) =>
    (session: Parameters<typeof allItems>[0]) =>
      all(allItems(session, service, node, options))
  t.strictSame(await asking(read(), page('', ['1', '2']) + page('2', ['3']) + page('3', [])), ['1', '2', '3'])
  t.strictSame(await asking(read({ pageSize: 2, most: 3 }), page('', ['1', '2'], 2) + page('2', ['3'], 1)), [
    '1',
    '2',
    '3',
  ])
  // More than was asked for is more than is wanted.
  t.strictSame(await asking(read({ most: 2 }), page('', ['1', '2', '3'], 2)), ['1', '2'])
  t.strictSame(await asking(read({ most: 0 }), ''), [])
  // A service that goes round in circles is left.
  t.strictSame(await asking(read(), page('', ['1']) + page('1', ['2']) + page('2', ['1'])), ['1', '2', '1'])
  t.strictSame(await asking(read(), page('', ['1']) + page('1', ['1'])), ['1', '1'])
})

t.test('a service without pages, or with half a page, has said everything', async t => {
  const request = pubsub(`<items node='${node}'/>${set('<max>20</max>')}`)
  for (const rest of [
    '',
    set(''),
    set('<first>1</first>'),
    set('<count>5</count>'),
    "<set xmlns='odd'><last>1</last></set>",
  ]) {
    const answer = pubsub(`<items node='${node}'><item id='1'/><item id='2'/></items>${rest}`)
    t.strictSame(
      await asking(session => all(allItems(session, service, node)), exchange('get', request, answer)),
      ['1', '2'],
      rest,
    )
  }
  // XEP-0059 §2.2: the item has gone meanwhile.
  const gone = asking(
    session => all(allItems(session, service, node)),
    exchange('get', request, error('cancel', 'item-not-found')),
  )
  await rejects(t, gone, { condition: 'item-not-found' })
})

t.test('§7.1.1, §7.1.2: publishing', async t => {
  const item = el('entry', NS_ATOM, {}, el('title', NS_ATOM, {}, 'Soliloquy'))
  const published = pubsub(`<publish node='${node}'><item id='a'>${entry}</item></publish>`)
  // The ids that were given hold where the service says nothing.
  t.strictSame(
    await asking(
      session => publish(session, service, node, [{ id: 'a', payload: item }]),
      exchange('set', published),
      'hamlet@denmark.lit/blogbot',
    ),
    ['a'],
  )
  t.strictSame(
    await asking(
      session => publish(session, service, node, [{ payload: item }]),
      exchange(
        'set',
        pubsub(`<publish node='${node}'><item>${entry}</item></publish>`),
        pubsub(`<publish node='${node}'><item id='made-up'/></publish>`),
      ),
    ),
    ['made-up'],
  )
  // A mere notification, and several at once (§12.10).
  t.strictSame(
    await asking(session => publish(session, service, node, []), exchange('set', pubsub(`<publish node='${node}'/>`))),
    [],
  )
  t.strictSame(
    await asking(
      session => publish(session, service, node, [{ id: '1' }, {}, { id: '2' }]),
      exchange('set', pubsub(`<publish node='${node}'><item id='1'/><item/><item id='2'/></publish>`)),
    ),
    ['1', '2'],
  )
  // XEP-0163 §3: to one's own account.
  await asking(
    session => publish(session, undefined, 'http://jabber.org/protocol/tune', [{ id: 'current' }]),
    exchange('set', pubsub("<publish node='http://jabber.org/protocol/tune'><item id='current'/></publish>"), '', {
      to: '',
    }),
  )
})

t.test('§7.1.3: why it was not published', async t => {
  const request = pubsub(`<publish node='${node}'><item id='a'/></publish>`)
  for (const [by, type, condition, special, feature] of [
    ['§7.1.3.1', 'auth', 'forbidden', undefined, undefined],
    ['§7.1.3.2', 'cancel', 'feature-not-implemented', 'unsupported', 'publish'],
    ['§7.1.3.3', 'cancel', 'item-not-found', undefined, undefined],
    ['§7.1.3.4', 'modify', 'not-acceptable', 'payload-too-big', undefined],
    ['§7.1.3.5', 'modify', 'bad-request', 'invalid-payload', undefined],
    ['§7.1.3.6', 'modify', 'bad-request', 'item-required', undefined],
    ['§7.1.3.6', 'modify', 'bad-request', 'payload-required', undefined],
    ['§7.1.3.6', 'modify', 'bad-request', 'item-forbidden', undefined],
  ] as const) {
    const thrown = await asking(
      session => publish(session, service, node, [{ id: 'a' }]),
      exchange('set', request, error(type, condition, special, feature)),
    ).catch(error => error)
    t.match(thrown, { code: 'XMPP_STANZA_ERROR', condition, type }, by)
    t.strictSame(pubsubCondition(thrown), special && { condition: special, feature }, by)
  }
})

t.test('§7.1.5: with options, and Prosody to whose node they do not fit', async t => {
  const request = pubsub(
    `<publish node='${node}'><item id='a'/></publish><publish-options>${form('publish-options', { access_model: 'presence', max_items: 'max', persist_items: '1' })}</publish-options>`,
  )
  const options = { access_model: 'presence', persist_items: true, max_items: 'max' } as const
  const ask = (answer: string) =>
    asking(session => publish(session, service, node, [{ id: 'a' }], { options }), exchange('set', request, answer))
  t.strictSame(await ask(pubsub(`<publish node='${node}'><item id='a'/></publish>`)), ['a'])
  const thrown = await ask(error('cancel', 'conflict', 'precondition-not-met')).catch(error => error)
  t.equal(thrown.condition, 'conflict')
  t.strictSame(pubsubCondition(thrown), { condition: 'precondition-not-met', feature: undefined })
})

t.test('§7.2: taking items back', async t => {
  const ask = (attrs: string, answer = '', notify?: boolean) =>
    asking(
      session => retract(session, service, node, ['a', 'b'], { notify }),
      exchange('set', pubsub(`<retract node='${node}'${attrs}><item id='a'/><item id='b'/></retract>`), answer),
    )
  t.equal(await ask(''), undefined)
  await ask(" notify='true'", '', true)
  await ask(" notify='false'", '', false)
  for (const [by, type, condition, special, feature] of [
    ['§7.2.3.1', 'auth', 'forbidden', undefined, undefined],
    ['§7.2.3.2', 'cancel', 'item-not-found', undefined, undefined],
    ['§7.2.3.3', 'modify', 'bad-request', 'nodeid-required', undefined],
    ['§7.2.3.4', 'modify', 'bad-request', 'item-required', undefined],
    ['§7.2.3.5', 'cancel', 'feature-not-implemented', 'unsupported', 'persistent-items'],
    ['§7.2.3.6', 'cancel', 'feature-not-implemented', 'unsupported', 'delete-items'],
  ] as const) {
    const thrown = await ask('', error(type, condition, special, feature)).catch(error => error)
    t.match(thrown, { condition, type }, by)
    t.strictSame(pubsubCondition(thrown), special && { condition: special, feature }, by)
  }
})

t.test('answers that make no sense', async t => {
  const request = pubsub(`<items node='${node}'/>`)
  const ask = (answer: string) => asking(session => items(session, service, node), exchange('get', request, answer))
  for (const answer of [
    "<pubsub xmlns='odd'><items><item id='1'/></items></pubsub>",
    pubsub(''),
    pubsub("<items xmlns='odd'><item id='1'/></items>"),
    pubsub("<items><item xmlns='odd' id='1'/><retract id='1'/>text</items>"),
  ])
    t.strictSame((await ask(answer)).items, [], answer)
  const odd = await ask(
    pubsub(`<items><item/><item id=''/><item id='x' publisher='a@@b'>text<a xmlns='urn:a'/><b xmlns='urn:b'/></item>
  <item id='x' publisher='Hamlet@Denmark.lit/elsinore'/></items><items><item id='${'y'.repeat(10_000)}'/></items>`),
  )
  t.strictSame(
    odd.items.map(({ id, publisher, payload }) => [id?.length, publisher, payload?.name]),
    [
      [undefined, undefined, undefined],
      [undefined, undefined, undefined],
      [1, undefined, 'a'],
      // COMPAT Prosody names the publisher.
      [1, 'hamlet@denmark.lit/elsinore', undefined],
      [10_000, undefined, undefined],
    ],
  )
  const ids = await asking(
    session => publish(session, service, node, [{ id: 'a' }]),
    exchange(
      'set',
      pubsub(`<publish node='${node}'><item id='a'/></publish>`),
      pubsub("<publish><item/><item xmlns='odd' id='b'/></publish>"),
    ),
  )
  t.strictSame(ids, ['a'])
})

t.test('a component asks as one of its addresses, and a signal ends it', async t => {
  await asking(
    session => items(session, service, node, { from: 'news@pbx.example.com' }),
    exchange('get', pubsub(`<items node='${node}'/>`), '', { from: 'news@pbx.example.com' }),
    'pbx.example.com',
  )
  await rejects(
    t,
    asking(session => items(session, undefined, node), '', 'pbx.example.com'),
    { code: 'XMPP_ADDRESS' },
  )
  await rejects(
    t,
    asking(session => items(session, service, node, { signal: AbortSignal.abort(new Error('no')) }), ''),
    {
      message: 'no',
    },
  )
})
