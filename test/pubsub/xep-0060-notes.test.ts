/** XEP-0060 1.27.0 §12 and §16, example by example: what a service minds, and how its forms are written. */
import t from 'tap'
import type { Element } from '../../src/stream/element.ts'
import {
  answers,
  bernardo,
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

const DATA = 'jabber:x:data'
const SHIM = 'http://jabber.org/protocol/shim'
const node = 'princely_musings'
const bare = 'francisco@denmark.lit'
const horatio = 'horatio@denmark.lit'

const play = (fields: Record<string, string> = {}): Played => new Played().node(node, fields)
const heard = (fields: Record<string, string> = {}): Played => play(fields).subscribe(node, francisco)
const options = (fields: Record<string, string>) => form(fields, 'submit', 'subscribe_options')
const setOptions = (it: Played, fields: Record<string, string>, jid = bare) =>
  it.set(francisco, `<options node='${node}' jid='${jid}'>${options(fields)}</options>`)
const item = (id: string) => `<item id='${id}'>${entry(id)}</item>`
const publish = (it: Played, ...ids: string[]) =>
  it.set(hamlet, `<publish node='${node}'>${ids.map(item).join('')}</publish>`)
const retract = (it: Played, ...ids: string[]) =>
  it.set(hamlet, `<retract node='${node}'>${ids.map(id => `<item id='${id}'/>`).join('')}</retract>`)
const kept = (it: Played): (string | undefined)[] | undefined =>
  it
    .get(hamlet, `<items node='${node}'/>`)
    .answer.child('pubsub', PUBSUB)
    ?.child('items')
    ?.elements.map(({ attrs }) => attrs.id)
const stateOf = (it: Played, person = francisco): string | undefined =>
  it.get(person, `<subscriptions node='${node}'/>`).answer.child('pubsub', PUBSUB)?.child('subscriptions')?.elements[0]
    ?.attrs.subscription
const featured = (name: string): boolean =>
  String(new Played().ask(francisco, 'get', "<query xmlns='http://jabber.org/protocol/disco#info'/>").answer).includes(
    `pubsub#${name}`,
  )

/** What an iq of hamlet's has sent, with the ids of messages. */
const sent = (it: Played, inner: string, ns = PUBSUB): readonly Element[] => it.set(hamlet, inner, ns).sent
const sees = (it: Played, from: string, type = '') =>
  it.tell(`<presence from='${from}' to='${SERVICE}'${type === '' ? '' : ` type='${type}'`}/>`)
const isTold = (it: Played, id: string): boolean => it.publish(node, id).told.length > 0

const headline = (inner: string, to = bare, more = '') =>
  wanted(
    `<message type='headline' from='${SERVICE}' to='${to}'><event xmlns='${EVENT}'>${inner}</event>${more}</message>`,
  )
/** A message that tells of a subscription, without its id. */
const withoutSubid = (told: string[]) => told.map(text => text.replace(/ subid='[^']*'/, ''))

t.test('§12.1 Data Model: the order is that of publication', async t => {
  const it = play()
  for (const id of ['one', 'two', 'three', 'one']) publish(it, id)
  t.strictSame(kept(it), ['two', 'three', 'one'])
  const limited = play({ max_items: '2' })
  for (const id of ['one', 'two', 'one', 'three']) publish(limited, id)
  t.strictSame(kept(limited), ['one', 'three'])
})

t.test('§12.2 Notification Triggers', async t => {
  t.test('1: who asks for items is sent them', async t => {
    const it = play()
    publish(it, 'one')
    t.strictSame(kept(it), ['one'])
  })
  t.test('2: a subscriber is sent what is published', async t => t.ok(isTold(heard(), 'one')))
})

t.test('§12.3 Intended Recipients: the subscribed JID only', async t => {
  const it = play().subscribe(node, francisco).subscribe(node, bernardo, bernardo)
  for (const from of [francisco, bernardo]) sees(it, from)
  const to = sent(it, `<publish node='${node}'>${item('one')}</publish>`).map(({ attrs }) => attrs.to)
  t.strictSame(to.sort(), [bernardo, bare].sort())
})

t.test('§12.4 Handling Notification-Related Errors', async t => {
  t.test('every message has an id, and none has one twice', async t => {
    const it = play({ notify_config: '1' }).subscribe(node, francisco).subscribe(node, bernardo)
    const messages = [
      ...sent(it, `<publish node='${node}'>${item('one')}</publish>`),
      ...sent(it, `<publish node='${node}'>${item('two')}</publish>`),
      ...sent(it, `<retract node='${node}' notify='1'><item id='one'/></retract>`),
      ...sent(it, `<configure node='${node}'>${form({ title: 'x' })}</configure>`, OWNER),
      ...sent(it, `<purge node='${node}'/>`, OWNER),
      ...sent(it, `<delete node='${node}'/>`, OWNER),
    ]
    t.equal(messages.length, 12)
    const ids = messages.map(({ attrs }) => attrs.id)
    t.notOk(ids.includes(undefined))
    t.equal(new Set(ids).size, 12)
  })

  /** Francisco's server sends a notification back. */
  const bounced = (it: Played, type: string, condition: string): boolean => {
    const [message] = sent(it, `<publish node='${node}'>${item('bounced')}</publish>`)
    const error = `<error type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
    it.tell(`<message type='error' from='${bare}' to='${SERVICE}' id='${message?.attrs.id}'>${error}</message>`)
    return stateOf(it) === undefined
  }

  t.test('type cancel, and gone, end the subscription', async t => {
    t.ok(bounced(heard(), 'cancel', 'item-not-found'))
    t.ok(bounced(heard(), 'cancel', 'gone'))
    t.ok(bounced(heard(), 'modify', 'gone'))
    // A guideline has it so for every `cancel`; but that is what servers say of who is merely away.
    t.notOk(bounced(heard(), 'cancel', 'service-unavailable'), 'service-unavailable')
  })

  t.test('type auth, and wait, and what may be better soon do not, the first time', async t => {
    for (const [type, condition] of [
      ['auth', 'registration-required'],
      ['wait', 'remote-server-timeout'],
      ['modify', 'bad-request'],
      ['modify', 'redirect'],
      ['modify', 'not-acceptable'],
    ] as const) {
      t.notOk(bounced(heard(), type, condition), condition)
    }
  })
})

t.test('§12.5 Temporary Subscriptions', async t => {
  t.test('a temporary subscription, of a full and a bare JID', async t => {
    for (const jid of [francisco, bare]) {
      const it = play().subscribe(node, francisco, jid)
      sees(it, francisco)
      answers(t, setOptions(it, { expire: 'presence' }, jid), '', francisco, jid)
      t.ok(isTold(it, 'one'))
      sees(it, francisco, 'unavailable')
      t.equal(stateOf(it), undefined)
      t.notOk(isTold(it, 'two'))
    }
  })

  t.test('others stay', async t => {
    const it = heard()
    sees(it, francisco)
    sees(it, francisco, 'unavailable')
    t.equal(stateOf(it), 'subscribed')
  })

  t.test('owner sets all subscriptions to temporary, which is not supported', async t => {
    // In the example it is in the wrong namespace.
    const x = form({ tempsub: 'true' })
    t.equal(said(play().set(hamlet, `<configure node='${node}'>${x}</configure>`, OWNER)), 'modify not-acceptable')
  })
})

t.test('§12.7 Not Routing Events to Offline Storage: by the type of the message', async t => {
  const typeOf = (fields: Record<string, string>) =>
    sent(heard(fields), `<publish node='${node}'>${item('one')}</publish>`)[0]?.attrs.type
  t.equal(typeOf({}), 'headline')
  t.equal(typeOf({ notification_type: 'headline' }), 'headline')
  t.match(typeOf({ notification_type: 'normal' }) ?? 'normal', 'normal')
})

t.test('§12.8 Including a Message Body: not where it is not understood', async t => {
  const it = heard()
  t.notMatch(it.publish(node, 'one').told.join(), 'body')
  const { answer } = it.get(francisco, `<options node='${node}' jid='${bare}'/>`)
  t.notMatch(String(answer), 'pubsub#include_body', 'it is not offered')
})

t.test('§12.9 Node ID and Item ID Uniqueness', async t => {
  const it = new Played().node(node).node('news').subscribe(node, francisco)
  publish(it, 'one')
  it.publish('news', 'one')
  const { told } = it.set(hamlet, `<publish node='${node}'><item id='one'>${entry('new')}</item></publish>`)
  const now = `<items node='${node}'><item id='one' publisher='hamlet@denmark.lit'>${entry('new')}</item></items>`
  t.strictSame(told, [headline(now)], 'told anew')
  answers(
    t,
    it.get(francisco, `<items node='${node}'/>`),
    `<pubsub xmlns='${PUBSUB}'>${now}</pubsub>`,
    francisco,
    'once',
  )
})

t.test('§12.10 Item Caching: the last item is for new subscribers', async t => {
  const last = (told: string[], to: string) => {
    const items = `<items node='${node}'><item id='two' publisher='hamlet@denmark.lit'>${entry('two')}</item></items>`
    const delay = `<delay xmlns='urn:xmpp:delay' stamp='1970-01-01T00:16:40.000Z'/>`
    t.ok(told.includes(headline(items, to, delay)), told.join('\n'))
  }
  t.test('upon their request', async () => {
    const it = play()
    for (const id of ['one', 'two']) publish(it, id)
    last(it.done(francisco, `<subscribe node='${node}' jid='${bare}'/>`).told, bare)
  })

  t.test('upon approval by an owner', async () => {
    const it = play({ access_model: 'authorize' })
    for (const id of ['one', 'two']) publish(it, id)
    it.done(`${horatio}/x`, `<subscribe node='${node}' jid='${horatio}'/>`)
    const fields = { node, subscriber_jid: horatio, allow: '1' }
    const x = form(fields, 'submit', 'subscribe_authorization')
    last(it.tell(`<message from='${hamlet}' to='${SERVICE}' id='approve1'>${x}</message>`).told, horatio)
  })
})

t.test('§12.11 Batch Processing', async t => {
  t.test('several items are published, or none', async t => {
    const it = heard()
    t.equal(said(publish(it, 'one', 'two')), 'result')
    t.strictSame(kept(it), ['one', 'two'])
    const wrong = it.set(hamlet, `<publish node='${node}'>${item('three')}<item id='four'/></publish>`)
    t.equal(said(wrong), 'modify bad-request payload-required')
    t.strictSame(wrong.told, [])
    t.strictSame(kept(it), ['one', 'two'])
  })

  t.test('several items are retracted, or none', async t => {
    const it = heard()
    publish(it, 'one', 'two', 'three')
    const wrong = retract(it, 'one', 'gone')
    t.equal(said(wrong), 'cancel item-not-found')
    t.strictSame(wrong.told, [])
    t.strictSame(kept(it), ['one', 'two', 'three'])
    t.equal(said(retract(it, 'one', 'three')), 'result')
    t.strictSame(kept(it), ['two'])
  })

  t.test('more than the node keeps', async t => {
    const it = play({ max_items: '2' })
    t.equal(said(publish(it, 'one', 'two', 'three')), 'cancel not-allowed max-items-exceeded')
    t.strictSame(kept(it), [])
  })
})

t.test('§12.12 Auto-Subscribing Owners and Publishers: they may subscribe, and retrieve without that', async t => {
  for (const access_model of ['open', 'whitelist', 'authorize']) {
    for (const affiliation of ['owner', 'publisher']) {
      const it = play({ access_model }).affiliate(node, bare, affiliation)
      publish(it, 'one')
      t.equal(said(it.get(francisco, `<items node='${node}'/>`)), 'result', `${access_model}, ${affiliation}`)
      it.subscribe(node, francisco)
      t.equal(stateOf(it), 'subscribed')
    }
  }
})

t.test('§12.14 Notification of Subscription State Changes', async t => {
  const subscription = (state: string, jid = horatio) =>
    headline(`<subscription node='${node}' jid='${jid}' subscription='${state}'/>`, jid)
  const asked = (): Played => {
    const it = play({ access_model: 'authorize' })
    it.done(`${horatio}/x`, `<subscribe node='${node}' jid='${horatio}'/>`)
    return it
  }
  const decide = (it: Played, allow: string) => {
    const x = form({ node, subscriber_jid: horatio, allow }, 'submit', 'subscribe_authorization')
    return withoutSubid(it.tell(`<message from='${hamlet}' to='${SERVICE}' id='approve1'>${x}</message>`).told)
  }

  t.test('approval', async t => t.strictSame(decide(asked(), 'true'), [subscription('subscribed')]))
  t.test('denial', async t => t.strictSame(decide(asked(), 'false'), [subscription('none')]))

  t.test('cancellation by an owner, by an access model, by a ban', async t => {
    const lost = (inner: string) =>
      withoutSubid(heard().done(hamlet, inner, OWNER).told).filter(text => text.includes('subscription='))
    const none = [subscription('none', bare)]
    const entries = `<subscription jid='${bare}' subscription='none'/>`
    t.strictSame(lost(`<subscriptions node='${node}'>${entries}</subscriptions>`), none)
    t.strictSame(lost(`<configure node='${node}'>${form({ access_model: 'whitelist' })}</configure>`), none)
    const ban = `<affiliation jid='${bare}' affiliation='outcast'/>`
    t.strictSame(lost(`<affiliations node='${node}'>${ban}</affiliations>`), none)
  })

  t.test('the entity simply unsubscribes', async t => {
    const { told } = heard().done(francisco, `<unsubscribe node='${node}' jid='${bare}'/>`)
    t.strictSame(withoutSubid(told), [], 'the answer says so already')
  })

  t.test('its feature', async t => t.ok(featured('subscription-notifications')))
})

t.test('§12.16 Inclusion of SHIM Headers', async t => {
  /** Francisco is subscribed to the nodes and to the items of a collection. */
  const twice = (): Played => {
    const it = play({ node_type: 'collection', notify_config: '1' }).node('leaf', { collection: node })
    for (const type of ['nodes', 'items']) {
      const x = options({ subscription_type: type })
      it.done(francisco, `<subscribe node='${node}' jid='${bare}'/><options>${x}</options>`)
    }
    return it
  }

  t.test('published and retracted items have them', async t => {
    const it = twice()
    t.match(it.publish('leaf', 'one').told[0], `<{${SHIM}}header name='SubID'>`)
    const { told } = it.done(hamlet, "<retract node='leaf' notify='1'><item id='one'/></retract>")
    t.match(told[0], `<{${SHIM}}header name='SubID'>`)
  })

  t.test('a configuration and a deletion of the node have none, and come once', async t => {
    const it = twice()
    const changed = it.done(hamlet, `<configure node='${node}'>${form({ title: 'x' })}</configure>`, OWNER).told
    t.equal(changed.length, 1)
    t.notMatch(changed[0], SHIM)
    t.strictSame(it.done(hamlet, `<delete node='${node}'/>`, OWNER).told, [headline(`<delete node='${node}'/>`)])
  })
})

t.test('§12.17 Associating Events and Payloads with the Generating Entity: publisher', async t => {
  const geoloc = `<geoloc xmlns='http://jabber.org/protocol/geoloc'><lat>45.44</lat><lon>12.33</lon></geoloc>`
  const it = new Played().node('n48ad4fj78zn38st734')
  it.affiliate('n48ad4fj78zn38st734', 'portia@merchantofvenice.lit', 'publisher')
  it.subscribe('n48ad4fj78zn38st734', 'bassanio@merchantofvenice.lit/x')
  const { told } = it.done(
    'portia@merchantofvenice.lit/x',
    `<publish node='n48ad4fj78zn38st734'><item id='i1s2d3f4g5h6bjeh936'>${geoloc}</item></publish>`,
  )
  const inner = `<item id='i1s2d3f4g5h6bjeh936' publisher='portia@merchantofvenice.lit'>${geoloc}</item>`
  t.strictSame(told, [headline(`<items node='n48ad4fj78zn38st734'>${inner}</items>`, 'bassanio@merchantofvenice.lit')])
})

t.test('§12.19 Time-Based Subscriptions (Leases)', async t => {
  const DAY = 86_400_000
  const stamp = (it: Played, ms: number) => new Date(it.clock.now() + ms).toISOString()
  const expiryOf = (it: Played): string | undefined => {
    const { answer } = it.get(francisco, `<options node='${node}' jid='${bare}'/>`)
    const x = answer.child('pubsub', PUBSUB)?.child('options')?.child('x', DATA)
    const field = x?.elements.find(({ attrs }) => attrs.var === 'pubsub#expire')
    t.equal(field?.attrs.type, 'text-single')
    return field?.childText('value')
  }

  t.test('leasing process', async t => {
    const it = heard()
    t.match(expiryOf(it) ?? '', /^$/)
    answers(t, setOptions(it, { expire: stamp(it, DAY) }), '', francisco, 'the result')
    t.equal(Date.parse(expiryOf(it) ?? ''), it.clock.now() + DAY)
    await it.pass(DAY - 1)
    t.ok(isTold(it, 'one'))
    await it.pass(1)
    t.equal(stateOf(it), undefined)
    t.notOk(isTold(it, 'two'))
  })

  t.test('a time in another zone, and one without fractions', async t => {
    const it = heard()
    t.equal(said(setOptions(it, { expire: '2006-02-28T11:59:59Z' })), 'result')
    t.equal(Date.parse(expiryOf(it) ?? ''), Date.parse('2006-02-28T11:59:59Z'))
    t.equal(said(setOptions(it, { expire: '2006-02-28T11:59:59+01:00' })), 'result')
    t.equal(Date.parse(expiryOf(it) ?? ''), Date.parse('2006-02-28T10:59:59Z'))
  })

  t.test('with the subscription', async t => {
    const it = play()
    const x = options({ expire: stamp(it, DAY) })
    it.done(francisco, `<subscribe node='${node}' jid='${bare}'/><options>${x}</options>`)
    await it.pass(DAY)
    t.equal(stateOf(it), undefined)
  })

  t.test('its end is a change of state (§12.14)', async t => {
    const it = heard()
    setOptions(it, { expire: stamp(it, DAY) })
    const { told } = await it.pass(DAY)
    t.equal(told.length, 1)
    t.match(told[0], new RegExp(`to='${bare}'.*subscription [^>]*subscription='none'`))
  })

  t.test('renewing a lease', async t => {
    const it = heard()
    setOptions(it, { expire: stamp(it, DAY) })
    answers(t, setOptions(it, { expire: stamp(it, 2 * DAY) }), '', francisco, 'the result')
    await it.pass(DAY + 1)
    t.ok(isTold(it, 'one'))
    await it.pass(DAY)
    t.notOk(isTold(it, 'two'))
  })

  t.test('its feature', async t => t.ok(featured('leased-subscription')))
})

t.test('§12.21 Singleton Nodes', async t => {
  const doorbell = (fields: Record<string, string>): Played => new Played().node('elsinore-doorbell', fields)
  const ring = (it: Played, id = 'current') =>
    it.set(`${horatio}/mobile`, `<publish node='elsinore-doorbell'><item id='${id}'/></publish>`)
  const count = (it: Played) =>
    it.get(hamlet, "<items node='elsinore-doorbell'/>").answer.child('pubsub', PUBSUB)?.child('items')?.elements.length

  t.test('publishing to a singleton node', async t => {
    const it = doorbell({ deliver_payloads: '0' }).affiliate('elsinore-doorbell', horatio, 'publisher')
    for (const _ of [1, 2]) t.equal(said(ring(it)), 'result')
    t.equal(count(it), 1)
  })

  t.test('or by max_items', async t => {
    const it = doorbell({ deliver_payloads: '0', max_items: '1' }).affiliate('elsinore-doorbell', horatio, 'publisher')
    for (const id of ['one', 'two']) t.equal(said(ring(it, id)), 'result')
    t.equal(count(it), 1)
  })
})

t.test('§16.3 Field Standardization', async t => {
  const fieldsOf = ({ answer }: { answer: Element }) => {
    const x = answer.elements[0]?.elements[0]?.child('x', DATA)
    return x?.elements ?? []
  }
  const config = `access_model body_xslt children_association_policy children_association_whitelist children children_max
    collection contact dataform_xslt deliver_notifications deliver_payloads description item_expire itemreply language
    max_items max_payload_size node_type notification_type notify_config notify_delete notify_retract notify_sub
    persist_items presence_based_delivery publish_model publish_node_full purge_offline roster_groups_allowed
    send_last_published_item tempsub subscribe title type`
  const subscribing =
    'deliver digest digest_frequency expire include_body show-values subscription_type subscription_depth'
  const it = new Played().node('blogs', { node_type: 'collection' }).node(node).subscribe(node, francisco)

  const forms: readonly (readonly [string, { answer: Element }, string])[] = [
    ['node_config of a leaf', it.get(hamlet, `<configure node='${node}'/>`, OWNER), config],
    ['node_config of a collection', it.get(hamlet, "<configure node='blogs'/>", OWNER), config],
    ['node_config by default', it.get(hamlet, '<default/>', OWNER), config],
    ['subscribe_options', it.get(francisco, `<options node='${node}' jid='${bare}'/>`), subscribing],
    ['subscribe_options by default', it.get(francisco, '<default/>'), subscribing],
  ]
  for (const [what, result, names] of forms) {
    t.test(what, async t => {
      const known = new Set(names.split(/\s+/).map(name => `pubsub#${name}`))
      const fields = fieldsOf(result)
      t.ok(fields.length > 1)
      for (const { attrs } of fields) {
        if (attrs.var !== 'FORM_TYPE') t.ok(known.has(attrs.var ?? ''), `${attrs.var} is registered`)
      }
      const words = {
        'pubsub#access_model': ['authorize', 'open', 'presence', 'roster', 'whitelist'],
        'pubsub#children_association_policy': ['all', 'owners', 'whitelist'],
        'pubsub#itemreply': ['owner', 'publisher', 'none'],
        'pubsub#node_type': ['leaf', 'collection'],
        'pubsub#notification_type': ['normal', 'headline'],
        'pubsub#publish_model': ['publishers', 'subscribers', 'open'],
        'pubsub#publish_node_full': ['retract-oldest', 'discard-oldest', 'reject'],
        'pubsub#send_last_published_item': ['never', 'on_sub', 'on_sub_and_presence'],
      }
      for (const [name, allowed] of Object.entries(words)) {
        const field = fields.find(({ attrs }) => attrs.var === name)
        if (field === undefined) continue
        const values = [field, ...field.elements.filter(child => child.name === 'option')].map(each =>
          each.childText('value'),
        )
        for (const value of values) t.ok(allowed.includes(value ?? ''), `${name}: ${value}`)
        t.equal(field.attrs.type ?? 'list-single', 'list-single', name)
      }
    })
  }

  t.test('send_last_published_item: on_sub_and_presence sends it whenever a subscriber comes', async t => {
    const set = play().set(
      hamlet,
      `<configure node='${node}'>${form({ send_last_published_item: 'on_sub_and_presence' })}</configure>`,
      OWNER,
    )
    if (said(set) !== 'result') return t.equal(said(set), 'modify not-acceptable')
    const it = heard({ send_last_published_item: 'on_sub_and_presence' })
    publish(it, 'one')
    const { told } = sees(it, francisco)
    t.equal(told.length, 1)
    t.match(told[0], /<\{urn:xmpp:delay\}delay/)
  })

  t.test('item_expire removes items after so many seconds', async t => {
    const it = play({ item_expire: '60' })
    publish(it, 'one')
    await it.pass(59_000)
    publish(it, 'two')
    t.strictSame(kept(it), ['one', 'two'])
    await it.pass(1000)
    t.strictSame(kept(it), ['two'])
  })

  t.test('notify_sub tells the owners who subscribes and unsubscribes', async t => {
    const it = play({ notify_sub: '1' })
    const toOwner = (told: string[]) => told.filter(text => text.includes(" to='hamlet@denmark.lit"))
    const [one] = toOwner(it.done(francisco, `<subscribe node='${node}' jid='${bare}'/>`).told)
    t.match(one, new RegExp(`subscription [^>]*jid='${bare}'[^>]*subscription='subscribed'`))
    const [two] = toOwner(it.done(francisco, `<unsubscribe node='${node}' jid='${bare}'/>`).told)
    t.match(two, new RegExp(`subscription [^>]*jid='${bare}'[^>]*subscription='none'`))
  })

  t.test('publish_model says who may publish', async t => {
    const tries = (publish_model: string, subscribed: boolean) => {
      const it = play({ publish_model })
      if (subscribed) it.subscribe(node, francisco)
      return said(it.set(francisco, `<publish node='${node}'>${item('one')}</publish>`))
    }
    t.equal(tries('publishers', true), 'auth forbidden')
    t.equal(tries('subscribers', false), 'auth forbidden')
    t.equal(tries('subscribers', true), 'result')
    t.equal(tries('open', false), 'result')
  })

  t.test('deliver_notifications', async t => {
    t.notOk(isTold(heard({ deliver_notifications: '0' }), 'one'))
  })
})

t.test('§16.5 URI Query Types', async t => {
  t.test('retrieve action: resulting stanza', async t => {
    t.equal(said(play().get(francisco, `<items node='${node}'/>`)), 'result')
  })
})
