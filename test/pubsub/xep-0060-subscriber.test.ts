/** XEP-0060 1.27.0 §6, example by example: what a subscriber asks for, and is told. */
import t, { type Test } from 'tap'
import type { Element } from '../../src/stream/element.ts'
import { received } from '../helper/received.ts'
import {
  answers,
  bernardo,
  canonical,
  EVENT,
  entry,
  form,
  francisco,
  hamlet,
  OWNER,
  Played,
  PUBSUB,
  SERVICE,
  said,
  wanted,
} from './service.ts'

const bare = 'francisco@denmark.lit'
const node = 'princely_musings'
const published = [
  '368866411b877c30064a5f62b917cffe',
  '3300659945416e274474e469a1f0154c',
  '4e30f35051b7b8b42abe083742187228',
  'ae890ac52d0df67ed7cfdf51b644e901',
]

const play = (fields: Record<string, string> = {}): Played => new Played().node(node, fields)
const closed = { access_model: 'whitelist' }
const asking = { access_model: 'authorize' }

/** §6.1.1, and as others are subscribed. */
const subscribe = (it: Played, jid = bare, of = node, from = francisco) =>
  it.set(from, `<subscribe node='${of}' jid='${jid}'/>`)
const unsubscribe = (it: Played, more = '') => it.set(francisco, `<unsubscribe node='${node}' jid='${bare}'${more}/>`)
const options = (fields: Record<string, string | string[]>) => form(fields, 'submit', 'subscribe_options')
/** What the XEP's subscriber chooses. */
const chosen = options({ deliver: '1', digest: '0', include_body: 'false', 'show-values': ['chat', 'online', 'away'] })

/** What an answer says of a subscription. */
const subscription = ({ answer }: { answer: Element }): Element =>
  answer.child('pubsub', PUBSUB)?.child('subscription') as Element
const subidOf = (result: { answer: Element }): string => subscription(result)?.attrs.subid ?? ''

/** The answer is that subscription, and has a subid. */
function subscribed(t: Test, result: { answer: Element }, state: string, jid = bare, of = node): string {
  const subid = subidOf(result)
  t.not(subid, '', 'there is a subid')
  const inner = `<subscription node='${of}' jid='${jid}' subid='${subid}' subscription='${state}'/>`
  answers(t, result, `<pubsub xmlns='${PUBSUB}'>${inner}</pubsub>`, francisco, state)
  return subid
}

/** Somebody who is subscribed twice: to a collection's items and its nodes. */
function twice(): { it: Played; subids: string[] } {
  const it = play({ node_type: 'collection' })
  const nodes = subscribe(it)
  const more = `<options>${options({ subscription_type: 'items' })}</options>`
  const items = it.done(francisco, `<subscribe node='${node}' jid='${bare}'/>${more}`)
  return { it, subids: [nodes, items].map(subidOf) }
}

t.test('§6.1.1 Request, §6.1.2 Success Case: entity subscribes, service replies with success', async t => {
  const it = play()
  const result = subscribe(it)
  subscribed(t, result, 'subscribed')
  t.equal(it.publish(node, 'one').told.length, 1)
})

t.test('§6.1.3 Error Cases', async t => {
  t.test('1: JIDs do not match', async t => {
    t.equal(said(subscribe(play(), 'bard@shakespeare.lit')), 'modify bad-request invalid-jid')
    t.equal(said(subscribe(play(), 'bard@shakespeare.lit/globe')), 'modify bad-request invalid-jid')
  })

  t.test('2: presence subscription required', async t => {
    const it = new Played({ sees: () => false }).node(node, { access_model: 'presence' })
    t.equal(said(subscribe(it)), 'auth not-authorized presence-subscription-required')
    const seen = new Played({ sees: () => true }).node(node, { access_model: 'presence' })
    subscribed(t, subscribe(seen), 'subscribed')
  })

  t.test('4: node has whitelist access model', async t => {
    t.equal(said(subscribe(play(closed))), 'cancel not-allowed closed-node')
    subscribed(t, subscribe(play(closed).affiliate(node, bare, 'member')), 'subscribed')
  })

  t.test('7: requesting entity has pending subscription', async t => {
    const it = play(asking)
    subscribe(it)
    t.equal(said(subscribe(it)), 'auth not-authorized pending-subscription')
  })

  t.test('8: requesting entity is blocked', async t => {
    for (const fields of [{}, closed, asking]) {
      t.equal(said(subscribe(play(fields).affiliate(node, bare, 'outcast'))), 'auth forbidden')
    }
  })

  t.test('9: too many subscriptions', async t => {
    const it = new Played({ limits: { subscriptionsPerSubscriber: 2 } }).node(node)
    for (const resource of ['a', 'b']) t.equal(said(subscribe(it, `${bare}/${resource}`)), 'result')
    t.equal(said(subscribe(it, `${bare}/c`)), 'wait policy-violation too-many-subscriptions')
  })

  t.test('10: subscribing not supported', async t => {
    t.equal(said(subscribe(play({ subscribe: '0' }))), 'cancel feature-not-implemented unsupported subscribe')
  })

  t.test('11: node has moved', async t => {
    const it = play()
    it.done(hamlet, `<delete node='${node}'><redirect uri='xmpp:${SERVICE}?;node=some-other-node'/></delete>`, OWNER)
    const result = subscribe(it)
    t.equal(said(result), 'modify gone')
    const gone = result.answer.child('error')?.elements.find(({ name }) => name === 'gone')
    t.equal(gone?.text, `xmpp:${SERVICE}?;node=some-other-node`)
  })

  t.test('12: node does not exist', async t => {
    t.equal(said(subscribe(new Played())), 'cancel item-not-found')
  })
})

t.test('§6.1.4 Approval Required', async t => {
  t.test('service replies with pending, and asks the owner', async t => {
    const it = play(asking)
    const result = subscribe(it)
    const { attrs } = subscription(result)
    t.match(attrs, { node, jid: bare, subscription: 'pending' })
    t.equal(result.told.length, 1)
    t.match(result.told[0], /to='hamlet@denmark.lit'.*#subscribe_authorization/)
    t.strictSame(it.publish(node, 'one').told, [], 'the pending are told nothing (§4.2)')
  })

  t.test('members, publishers and owners need no approval here', async t => {
    for (const affiliation of ['member', 'publisher', 'owner']) {
      const result = subscribe(play(asking).affiliate(node, bare, affiliation))
      subscribed(t, result, 'subscribed')
      t.notMatch(result.told.join(), 'subscribe_authorization', 'nobody is asked')
    }
  })
})

t.test('§6.1.6 Multiple Subscriptions', async t => {
  t.test('an additional request returns the current subscription', async t => {
    const it = play()
    const subid = subscribed(t, subscribe(it), 'subscribed')
    t.equal(subscribed(t, subscribe(it), 'subscribed'), subid)
    t.equal(it.publish(node, 'one').told.length, 1)
  })

  t.test('full JIDs of one bare JID are treated separately', async t => {
    const it = play()
    for (const jid of [`${bare}/foo`, `${bare}/bar`]) subscribed(t, subscribe(it, jid), 'subscribed', jid)
    const to = (told: string[]) => told.map(text => / to='([^']*)'/.exec(text)?.[1]).sort()
    t.strictSame(to(it.publish(node, 'one').told), [`${bare}/bar`, `${bare}/foo`])
  })

  t.test('a subid is unique for each node and JID', async t => {
    const { subids } = twice()
    t.equal(new Set(subids).size, 2)
  })
})

t.test('§6.1.7 Receiving the Last Published Item', async t => {
  t.test('service sends last published item', async t => {
    const it = play()
    for (const id of published) it.publish(node, id)
    const item = `<item id='${published[3]}' publisher='hamlet@denmark.lit'>${entry(published[3])}</item>`
    t.strictSame(subscribe(it).told, [
      wanted(
        `<message from='${SERVICE}' to='${bare}' type='headline'>
           <event xmlns='${EVENT}'><items node='${node}'>${item}</items></event>
           <delay xmlns='urn:xmpp:delay' stamp='${new Date(it.clock.now()).toISOString()}'/>
         </message>`,
      ),
    ])
  })

  t.test('a service that does so by default has the feature last-published', async t => {
    const it = play()
    it.publish(node, 'one')
    const byDefault = subscribe(it).told.length > 0
    const { answer } = it.ask(francisco, 'get', "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    t.equal(String(answer).includes('pubsub#last-published'), byDefault)
  })
})

t.test('§6.2.1 Request, §6.2.2 Success Case: entity unsubscribes, service replies with success', async t => {
  const it = play()
  const subid = subidOf(subscribe(it))
  t.equal(subscribed(t, unsubscribe(it), 'none'), subid, 'with the subid')
  t.strictSame(it.publish(node, 'one').told, [])
  subscribe(it)
  t.equal(said(unsubscribe(it, ` subid='${subidOf(subscribe(it))}'`)), 'result', 'or with the subid in the request')
})

t.test('§6.2.3 Error Cases', async t => {
  t.test('1: entity did not specify SubID', async t => {
    const { it, subids } = twice()
    t.equal(said(unsubscribe(it)), 'modify bad-request subid-required')
    for (const subid of subids) t.equal(said(unsubscribe(it, ` subid='${subid}'`)), 'result')
  })

  t.test('2: requesting entity is not a subscriber', async t => {
    t.equal(said(unsubscribe(play())), 'cancel unexpected-request not-subscribed')
  })

  t.test('3: requesting entity is prohibited from unsubscribing entity', async t => {
    const it = play().subscribe(node, bernardo)
    t.equal(said(it.set(francisco, `<unsubscribe node='${node}' jid='bernardo@denmark.lit'/>`)), 'auth forbidden')
    t.equal(said(it.set(francisco, `<unsubscribe node='${node}' jid='${bernardo}'/>`)), 'auth forbidden')
  })

  t.test('4: node does not exist', async t => {
    t.equal(said(unsubscribe(new Played())), 'cancel item-not-found')
  })

  t.test('5: invalid subscription identifier', async t => {
    const it = play()
    subscribe(it)
    t.equal(
      said(unsubscribe(it, " subid='991d7fd1616fd041015064133cd097a10030819e'")),
      'modify not-acceptable invalid-subid',
    )
  })
})

t.test('§6.3.1 Advertising Support: service indicates support for subscription options', async t => {
  const { answer } = new Played().ask(francisco, 'get', "<query xmlns='http://jabber.org/protocol/disco#info'/>")
  t.match(String(answer), 'http://jabber.org/protocol/pubsub#subscription-options')
})

const getOptions = (it: Played, attrs = ` node='${node}' jid='${bare}'`) => it.get(francisco, `<options${attrs}/>`)
const setOptions = (it: Played, inner = chosen, attrs = ` node='${node}' jid='${bare}'`) =>
  it.set(francisco, `<options${attrs}>${inner}</options>`)

/** The form in the answer's element of that name. */
const formOf = ({ answer }: { answer: Element }, name: string): Element =>
  answer.child('pubsub', PUBSUB)?.child(name)?.child('x', 'jabber:x:data') as Element
function valuesOf(x: Element | undefined, name: string): string[] | undefined {
  const field = x?.elements.find(({ attrs }) => attrs.var === name)
  return field?.elements.filter(child => child.name === 'value').map(({ text }) => text)
}

const registered =
  /^pubsub#(deliver|digest|digest_frequency|expire|include_body|show-values|subscription_(type|depth))$/

t.test('§6.3.2 Request, §6.3.3 Success Case: subscriber requests the form, service responds with it', async t => {
  const it = play()
  subscribe(it)
  const result = getOptions(it)
  t.match(result.answer.child('pubsub', PUBSUB)?.child('options')?.attrs, { node, jid: bare })
  const x = formOf(result, 'options')
  t.equal(x.attrs.type, 'form')
  t.strictSame(valuesOf(x, 'FORM_TYPE'), [`${PUBSUB}#subscribe_options`])
  for (const { attrs } of x.elements) {
    if (attrs.var === 'FORM_TYPE') t.equal(attrs.type, 'hidden')
    else t.match(attrs.var, registered, 'only what is registered')
  }
  const deliver = x.elements.find(({ attrs }) => attrs.var === 'pubsub#deliver')
  t.equal(deliver?.attrs.type, 'boolean')
  t.match(valuesOf(x, 'pubsub#deliver')?.[0], /^(1|true)$/)
})

t.test('§6.3.4 Error Cases, of the request and of the submission (§6.3.6.2)', async t => {
  for (const ask of [getOptions, (it: Played, attrs?: string) => setOptions(it, chosen, attrs)]) {
    const what = ask === getOptions ? 'get' : 'set'
    t.test(`1: insufficient privileges, ${what}`, async t => {
      const it = play().subscribe(node, bernardo).subscribe(node, bernardo, bernardo)
      t.equal(said(ask(it, ` node='${node}' jid='bernardo@denmark.lit'`)), 'auth forbidden')
      t.equal(said(ask(it, ` node='${node}' jid='${bernardo}'`)), 'auth forbidden')
    })

    t.test(`2: no such subscriber, ${what}`, async t => {
      t.equal(said(ask(play())), 'modify unexpected-request not-subscribed')
    })

    t.test(`3: subscriber JID not specified, ${what}`, async t => {
      const it = play()
      subscribe(it)
      t.equal(said(ask(it, ` node='${node}'`)), 'modify bad-request jid-required')
    })

    t.test(`4: SubID required, ${what}`, async t => {
      const { it, subids } = twice()
      t.equal(said(ask(it)), 'modify bad-request subid-required')
      for (const subid of subids) t.equal(said(ask(it, ` node='${node}' jid='${bare}' subid='${subid}'`)), 'result')
    })

    t.test(`5: invalid subscription identifier, ${what}`, async t => {
      const it = play()
      subscribe(it)
      t.equal(said(ask(it, ` node='${node}' jid='${bare}' subid='x'`)), 'modify not-acceptable invalid-subid')
    })

    t.test(`7: node does not exist, ${what}`, async t => {
      t.equal(said(ask(new Played())), 'cancel item-not-found')
    })

    t.test(`no node is the root (§6.3.4.1), ${what}`, async t => {
      for (const attrs of [` jid='${bare}'`, ` node='' jid='${bare}'`]) {
        const it = play()
        it.done(francisco, `<subscribe jid='${bare}'/>`)
        t.equal(said(ask(it, attrs)), 'result')
      }
    })
  }
})

t.test('§6.3.5 Form Submission, §6.3.6.1: subscriber submits the form, service responds with success', async t => {
  const it = play()
  subscribe(it)
  answers(t, setOptions(it), '', francisco, 'the form of the XEP')
  t.match(valuesOf(formOf(getOptions(it), 'options'), 'pubsub#deliver')?.[0], /^(1|true)$/)
  answers(t, setOptions(it, options({ deliver: '0' })), '', francisco, 'deliver=0')
  t.match(valuesOf(formOf(getOptions(it), 'options'), 'pubsub#deliver')?.[0], /^(0|false)$/)
  t.strictSame(it.publish(node, 'one').told, [])
  answers(t, setOptions(it, options({ deliver: 'true' })), '', francisco, 'deliver=true')
  t.equal(it.publish(node, 'two').told.length, 1)
})

t.test('§6.3.6.2 Failure: bad request for invalid options', async t => {
  const it = play()
  subscribe(it)
  for (const wrong of [{ deliver: 'perhaps' }, { expire: 'soon' }]) {
    t.equal(said(setOptions(it, options(wrong))), 'modify bad-request invalid-options', JSON.stringify(wrong))
  }
})

t.test('§6.3.7 Subscribe and Configure', async t => {
  const request = (inner: string, attrs = '') =>
    `<subscribe node='${node}' jid='${bare}'/><options${attrs}>${inner}</options>`

  t.test('entity subscribes and sets options, service replies with success', async t => {
    const it = play()
    const result = it.set(francisco, request(chosen))
    t.match(subscription(result)?.attrs, { node, jid: bare, subscription: 'subscribed' })
    t.ok(subidOf(result))
    const silent = play()
    silent.done(francisco, request(options({ deliver: '0' })))
    t.strictSame(silent.publish(node, 'one').told, [])
  })

  t.test('the answer includes the resulting options', async t => {
    const result = play().set(francisco, request(options({ deliver: '0' })))
    const x = formOf(result, 'options')
    const told = [x?.attrs.type, valuesOf(x, 'FORM_TYPE'), valuesOf(x, 'pubsub#deliver')]
    t.strictSame(told, ['result', [`${PUBSUB}#subscribe_options`], ['0']])
  })

  t.test('options follow the subscription, and have neither node nor JID', async t => {
    for (const attrs of [` node='${node}'`, ` jid='${bare}'`]) {
      t.match(said(play().set(francisco, request(chosen, attrs))), /^modify bad-request/, attrs)
    }
    const before = `<options>${chosen}</options><subscribe node='${node}' jid='${bare}'/>`
    t.match(said(play().set(francisco, before)), /^modify bad-request/, 'before it')
  })
})

t.test('§6.4 Request Default Subscription Configuration Options', async t => {
  const check = (t: Test, result: { answer: Element }) => {
    const x = formOf(result, 'default')
    t.equal(x?.attrs.type, 'result')
    t.strictSame(valuesOf(x, 'FORM_TYPE'), [`${PUBSUB}#subscribe_options`])
    t.match(valuesOf(x, 'pubsub#deliver')?.[0] ?? '', /^(1|true)$/)
  }

  t.test('1, 2: entity requests those of a node, service responds with them', async t => {
    const result = play().get(francisco, `<default node='${node}'/>`)
    t.equal(result.answer.child('pubsub', PUBSUB)?.child('default')?.attrs.node, node)
    check(t, result)
  })

  t.test('1, 2: entity requests those of the service, service responds with them', async t => {
    const result = play().get(francisco, '<default/>')
    t.equal(result.answer.child('pubsub', PUBSUB)?.child('default')?.attrs.node, undefined)
    check(t, result)
  })
})

const items = (it: Played, inner = '', attrs = '', from = francisco) =>
  it.get(from, `<items node='${node}'${attrs}>${inner}</items>`)
const asked = (...ids: (string | undefined)[]): string => ids.map(id => `<item id='${id}'/>`).join('')
const filled = (it: Played): Played => {
  for (const id of published) it.publish(node, id)
  return it
}
/** The answer is these items, the oldest first, and `set` behind them. */
function returns(t: Test, result: { answer: Element }, ids: (string | undefined)[], set = ''): void {
  const told = ids.map(id => `<item id='${id}' publisher='hamlet@denmark.lit'>${entry(id)}</item>`).join('')
  const list = `<items node='${node}'>${told}</items>`
  answers(t, result, `<pubsub xmlns='${PUBSUB}'>${list}${set}</pubsub>`, francisco, `${ids.length} items`)
}

t.test('§6.5.1 Permissions', async t => {
  t.test('open: any entity', async t => returns(t, items(filled(play())), published))

  t.test('presence: who sees the owner', async t => {
    const it = new Played({ sees: () => true }).node(node, { access_model: 'presence' })
    returns(t, items(filled(it)), published)
  })

  t.test('authorize: subscribed entities only', async t => {
    const it = filled(play(asking))
    t.equal(said(items(it)), 'auth not-authorized not-subscribed')
    it.done(
      hamlet,
      `<subscriptions node='${node}'><subscription jid='${bare}' subscription='subscribed'/></subscriptions>`,
      OWNER,
    )
    returns(t, items(it), published)
  })

  // §6.5.1 has it that they subscribe first, §4.1 and §4.5 that members retrieve.
  t.test('authorize, whitelist: a member that is not subscribed', async t => {
    for (const fields of [asking, closed])
      returns(t, items(filled(play(fields)).affiliate(node, bare, 'member')), published)
  })

  t.test('owners and publishers always', async t => {
    for (const fields of [asking, closed]) {
      for (const affiliation of ['owner', 'publisher']) {
        returns(t, items(filled(play(fields)).affiliate(node, bare, affiliation)), published)
      }
    }
  })
})

t.test('§6.5.2 Requesting All Items, §6.5.3 Returning All Items', async t => {
  returns(t, items(filled(play())), published)
})

t.test('§6.5.4 Returning Some Items', async t => {
  t.test('service returns some items via result set management', async t => {
    const it = filled(new Played({ limits: { pageSize: 3 } }).node(node))
    const set = `<set xmlns='http://jabber.org/protocol/rsm'>
      <first index='0'>${published[0]}</first><last>${published[2]}</last><count>4</count></set>`
    returns(t, items(it), published.slice(0, 3), set)
  })

  t.test('its feature', async t => {
    const { answer } = new Played().ask(francisco, 'get', "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    t.match(String(answer), 'http://jabber.org/protocol/pubsub#rsm')
  })
})

t.test('§6.5.5 Returning the Last Published Item: of a node without persistent items, or not at all', async t => {
  const it = filled(play({ persist_items: '0' }))
  const result = items(it)
  if (said(result) === 'result') returns(t, result, published.slice(3))
  else t.equal(said(result), 'cancel feature-not-implemented unsupported persistent-items')
})

t.test('§6.5.6 Returning Notifications Only: subscriber requests items by ItemID, service sends them', async t => {
  const it = play({ deliver_payloads: '0' })
  returns(t, items(filled(it), asked(published[0], published[2])), [published[0], published[2]])
})

t.test('§6.5.7 Requesting the Most Recent Items', async t => {
  t.test('subscriber requests two, service returns the two most recent', async t => {
    returns(t, items(filled(play()), '', " max_items='2'"), published.slice(2))
  })
  t.test('there are fewer', async t => returns(t, items(filled(play()), '', " max_items='10'"), published))
  t.test('there are none', async t => returns(t, items(play(), '', " max_items='2'"), []))
})

t.test('§6.5.8 Requesting a Particular Item', async t => {
  returns(t, items(filled(play()), asked(published[3])), [published[3]])
})

t.test('§6.5.9 Error Cases', async t => {
  t.test('1: entity did not specify SubID', async t => {
    const { it } = twice()
    t.equal(said(items(it)), 'modify bad-request subid-required')
  })

  t.test('2: entity specified invalid SubID', async t => {
    const it = filled(play())
    const subid = subidOf(subscribe(it))
    t.equal(said(items(it, '', " subid='x'")), 'modify not-acceptable invalid-subid')
    returns(t, items(it, '', ` subid='${subid}'`), published)
  })

  t.test('3: entity is not subscribed', async t => {
    const it = filled(play(asking))
    t.equal(said(items(it)), 'auth not-authorized not-subscribed')
    subscribe(it)
    t.equal(said(items(it)), 'auth not-authorized not-subscribed', 'pending')
  })

  t.test('4: persistent items not supported', async t => {
    t.equal(said(items(play({ persist_items: '0' }))), 'cancel feature-not-implemented unsupported persistent-items')
  })

  t.test('6: presence subscription required', async t => {
    const it = new Played({ sees: () => false }).node(node, { access_model: 'presence' })
    t.equal(said(items(it)), 'auth not-authorized presence-subscription-required')
  })

  t.test('8: node has whitelist access model', async t => {
    t.equal(said(items(play(closed))), 'cancel not-allowed closed-node')
  })

  t.test('10: requesting entity is blocked', async t => {
    for (const fields of [{}, closed, asking]) {
      t.equal(said(items(play(fields).affiliate(node, bare, 'outcast'))), 'auth forbidden')
    }
  })

  t.test('11: node does not exist', async t => {
    t.equal(said(items(new Played())), 'cancel item-not-found')
  })

  t.test('12: no such items', async t => {
    returns(t, items(play()), [])
    returns(t, items(filled(play()), asked(published[0], 'gone')), [published[0]])
    const none = `<pubsub xmlns='${PUBSUB}'><items node='${node}'/></pubsub>`
    const { answer } = items(filled(play()), asked('gone'))
    const empty = received(`<iq type='result' from='${SERVICE}' to='${francisco}' id='i1'>${none}</iq>`)
    t.equal(canonical(answer), canonical(empty), 'none of those asked for')
  })
})
