/** XEP-0060 1.27.0 §8, example by example: what an owner does. */
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

const DATA = 'jabber:x:data'
const COMMANDS = 'http://jabber.org/protocol/commands'
const node = 'princely_musings'
const horatio = 'horatio@denmark.lit'
const polonius = 'polonius@denmark.lit'
const bard = 'bard@shakespeare.lit'
const both = ['bernardo@denmark.lit', 'francisco@denmark.lit']

const play = (fields: Record<string, string> = {}): Played => new Played().node(node, fields)
/** Two are subscribed. */
const heard = (fields: Record<string, string> = {}): Played =>
  play(fields).subscribe(node, francisco).subscribe(node, bernardo)
const featured = (name: string): boolean =>
  String(new Played().ask(francisco, 'get', "<query xmlns='http://jabber.org/protocol/disco#info'/>").answer).includes(
    `pubsub#${name}`,
  )

/** What both are told; `inner` stands in `<event/>`. */
const toBoth = (inner: string): string[] =>
  both.map(to =>
    wanted(`<message type='headline' from='${SERVICE}' to='${to}'><event xmlns='${EVENT}'>${inner}</event></message>`),
  )
const sorted = ({ told }: { told: string[] }): string[] => [...told].sort()

/** What a form in an answer says: the values of a field. */
function valuesOf(x: Element | undefined, name: string): string[] | undefined {
  const field = x?.elements.find(({ attrs }) => attrs.var === name)
  return field?.elements.filter(child => child.name === 'value').map(({ text }) => text)
}
const isTrue = /^(1|true)$/
const isFalse = /^(0|false)$/

const create = (it: Played, inner = `<create node='${node}'/>`, from = hamlet) => it.set(from, inner)
const configured = (fields: Record<string, string | string[]>) =>
  `<create node='${node}'/><configure>${form(fields)}</configure>`

t.test('§8.1.1 Create a Node: General Considerations', async t => {
  t.test('request to create a node', async t => {
    const it = new Played()
    t.equal(said(create(it)), 'result')
    t.equal(said(it.get(hamlet, `<items node='${node}'/>`)), 'result', 'it is there')
    t.ok(featured('create-nodes'))
  })

  t.test('requesting entity is prohibited from creating nodes', async t => {
    t.equal(said(create(new Played({ creators: () => false }))), 'auth forbidden')
  })

  t.test('NodeID already exists', async t => {
    t.equal(said(create(play())), 'cancel conflict')
    t.equal(said(create(play(), undefined, francisco)), 'cancel conflict')
  })

  t.test('entity requests an instant node, service replies with generated NodeID', async t => {
    const it = new Played()
    const made = [create(it, '<create/>'), create(it, '<create/>')].map(result => {
      const name = result.answer.child('pubsub', PUBSUB)?.child('create')?.attrs.node ?? ''
      answers(t, result, `<pubsub xmlns='${PUBSUB}'><create node='${name}'/></pubsub>`, hamlet, 'its NodeID')
      t.equal(said(it.get(hamlet, `<items node='${name}'/>`)), 'result', 'it is there')
      return name
    })
    t.not(made[0], made[1])
    t.ok(featured('instant-nodes'))
  })
})

t.test('§8.1.2 Create a Node With Default Configuration', async t => {
  const modelOf = (it: Played) => valuesOf(configOf(it.get(hamlet, getConfig, OWNER)), 'pubsub#access_model')

  t.test('entity requests leaf node with (default) open access model', async t => {
    const it = new Played()
    t.equal(said(create(it)), 'result')
    t.strictSame(modelOf(it), ['open'])
    t.strictSame(valuesOf(configOf(it.get(hamlet, getConfig, OWNER)), 'pubsub#node_type'), ['leaf'])
  })

  t.test('entity requests leaf node with non-default access model, service informs of success', async t => {
    for (const model of ['whitelist', 'authorize']) {
      const it = new Played()
      t.equal(said(create(it, configured({ access_model: model }))), 'result')
      t.strictSame(modelOf(it), [model])
    }
  })

  t.test('service does not support specified access model', async t => {
    for (const model of ['roster', 'presence']) {
      const it = new Played()
      const error = 'modify not-acceptable unsupported-access-model'
      t.equal(said(create(it, configured({ access_model: model }))), error, model)
      t.equal(said(it.get(hamlet, `<items node='${node}'/>`)), 'cancel item-not-found', 'nothing is created')
    }
  })
})

const getConfig = `<configure node='${node}'/>`
const setConfig = (inner: string) => `<configure node='${node}'>${inner}</configure>`
/** The form in an answer, of a node or of what is taken by default. */
const configOf = ({ answer }: { answer: Element }, name = 'configure'): Element | undefined =>
  answer.child('pubsub', OWNER)?.child(name)?.child('x', DATA)

/** The configuration that the XEP's examples ask for, without what is chosen by the examples of other sections. */
const musings = {
  title: 'Princely Musings (Atom)',
  deliver_notifications: '1',
  deliver_payloads: '1',
  persist_items: '1',
  max_items: '10',
  item_expire: '604800',
  access_model: 'open',
  publish_model: 'publishers',
  purge_offline: '0',
  send_last_published_item: 'never',
  presence_based_delivery: 'false',
  notification_type: 'headline',
  notify_config: '0',
  notify_delete: '0',
  notify_retract: '0',
  notify_sub: '0',
  max_payload_size: '1028',
  type: 'urn:example:e2ee:bundle',
  body_xslt: 'http://jabxslt.jabberstudio.org/atom_body.xslt',
}

function isMusings(t: Test, x: Element | undefined): void {
  for (const [name, value] of Object.entries(musings)) {
    // What a service does not offer need not be there.
    const [found] = valuesOf(x, `pubsub#${name}`) ?? []
    if (found === undefined && ['purge_offline', 'presence_based_delivery', 'body_xslt'].includes(name)) continue
    const same = value === '1' ? isTrue : value === '0' ? isFalse : value
    t.match(found, same, name)
  }
}

t.test('§8.1.3 Create and Configure a Node', async t => {
  t.test('entity requests node with non-default configuration, service replies with success', async t => {
    const it = new Played()
    t.equal(said(create(it, configured(musings))), 'result')
    isMusings(t, configOf(it.get(hamlet, getConfig, OWNER)))
  })

  t.test('its feature', async t => t.ok(featured('create-and-configure')))

  t.test('the configuration follows, and has no node', async t => {
    const x = form({ title: 'x' })
    const named = `<create node='${node}'/><configure node='${node}'>${x}</configure>`
    t.match(said(create(new Played(), named)), /^modify bad-request/)
    const before = `<configure>${x}</configure><create node='${node}'/>`
    t.match(said(create(new Played(), before)), /^modify bad-request/)
  })
})

t.test('§8.2.1 Request, §8.2.2 Success Case: owner requests the form, service responds with it', async t => {
  const it = play({ title: 'Princely Musings (Atom)', max_items: '10' })
  const result = it.get(hamlet, getConfig, OWNER)
  t.equal(result.answer.child('pubsub', OWNER)?.child('configure')?.attrs.node, node)
  const x = configOf(result)
  t.equal(x?.attrs.type, 'form')
  t.strictSame(valuesOf(x, 'FORM_TYPE'), [`${PUBSUB}#node_config`])
  t.strictSame(valuesOf(x, 'pubsub#title'), ['Princely Musings (Atom)'])
  t.strictSame(valuesOf(x, 'pubsub#max_items'), ['10'])
  for (const [name, type] of Object.entries({
    title: 'text-single',
    deliver_notifications: 'boolean',
    deliver_payloads: 'boolean',
    notify_config: 'boolean',
    notify_delete: 'boolean',
    notify_retract: 'boolean',
    notify_sub: 'boolean',
    persist_items: 'boolean',
    max_items: 'text-single',
    item_expire: 'text-single',
    subscribe: 'boolean',
    access_model: 'list-single',
    publish_model: 'list-single',
    max_payload_size: 'text-single',
    send_last_published_item: 'list-single',
    notification_type: 'list-single',
    type: 'text-single',
  })) {
    t.equal(x?.elements.find(({ attrs }) => attrs.var === `pubsub#${name}`)?.attrs.type, type, name)
  }
  const model = x?.elements.find(({ attrs }) => attrs.var === 'pubsub#access_model')
  const offered = model?.elements.filter(({ name }) => name === 'option').map(option => option.childText('value'))
  t.strictSame(offered?.sort(), ['authorize', 'open', 'whitelist'], 'the access models there are')
})

t.test('§8.2.3 Error Cases', async t => {
  const requests = (of: string) =>
    [
      ['get', `<configure${of}/>`],
      ['set', `<configure${of}>${form({ title: 'x' })}</configure>`],
    ] as const
  const ask = (it: Played, [type, inner]: readonly ['get' | 'set', string], from = hamlet) =>
    said(type === 'get' ? it.get(from, inner, OWNER) : it.set(from, inner, OWNER))

  t.test('2: requesting entity is prohibited from configuring this node', async t => {
    for (const request of requests(` node='${node}'`)) {
      t.equal(ask(play(), request, francisco), 'auth forbidden', request[0])
      for (const affiliation of ['publisher', 'publish-only', 'member', 'outcast']) {
        const it = play().affiliate(node, 'francisco@denmark.lit', affiliation)
        t.equal(ask(it, request, francisco), 'auth forbidden', affiliation)
      }
    }
  })

  t.test('3: request did not specify a node', async t => {
    for (const request of requests('')) t.equal(ask(play(), request), 'modify bad-request nodeid-required', request[0])
  })

  t.test('5: node does not exist', async t => {
    for (const request of requests(` node='${node}'`)) {
      t.equal(ask(new Played(), request), 'cancel item-not-found', request[0])
    }
  })
})

t.test('§8.2.4 Form Submission, §8.2.5 Form Processing', async t => {
  t.test('1: owner submits the form, service replies with success', async t => {
    const it = play()
    answers(t, it.set(hamlet, setConfig(form(musings)), OWNER), '', hamlet, 'the form of the XEP, but open')
    isMusings(t, configOf(it.get(hamlet, getConfig, OWNER)))
  })

  t.test('the same with an access model by rosters, which is not supported', async t => {
    const x = form({ ...musings, access_model: 'roster', roster_groups_allowed: ['friends', 'servants', 'courtiers'] })
    const it = play()
    t.equal(said(it.set(hamlet, setConfig(x), OWNER)), 'modify not-acceptable unsupported-access-model')
    t.strictSame(valuesOf(configOf(it.get(hamlet, getConfig, OWNER)), 'pubsub#title'), [''], 'nothing is changed')
  })

  t.test('an incomplete form leaves the rest as it is', async t => {
    const it = play({ title: 'one', max_items: '10' })
    it.done(hamlet, setConfig(form({ title: 'two' })), OWNER)
    const x = configOf(it.get(hamlet, getConfig, OWNER))
    t.strictSame([valuesOf(x, 'pubsub#title'), valuesOf(x, 'pubsub#max_items')], [['two'], ['10']])
  })

  t.test('owner cancels', async t => {
    const it = play({ title: 'one' })
    t.equal(said(it.set(hamlet, setConfig(`<x xmlns='${DATA}' type='cancel'/>`), OWNER)), 'result')
    t.strictSame(valuesOf(configOf(it.get(hamlet, getConfig, OWNER)), 'pubsub#title'), ['one'])
  })

  t.test('2: configuration change cannot be processed', async t => {
    const it = play({ title: 'one' })
    const wrong = form({ title: 'two', max_items: 'many' })
    t.equal(said(it.set(hamlet, setConfig(wrong), OWNER)), 'modify not-acceptable')
    t.strictSame(valuesOf(configOf(it.get(hamlet, getConfig, OWNER)), 'pubsub#title'), ['one'])
  })

  t.test('3: configuration change notification, event notification only', async t => {
    const it = heard({ notify_config: '1', deliver_payloads: '0' })
    const result = it.done(hamlet, setConfig(form({ title: 'two' })), OWNER)
    t.strictSame(sorted(result), toBoth(`<configuration node='${node}'/>`))
  })

  t.test('3: configuration change notification, full payload', async t => {
    const it = heard({ notify_config: '1' })
    const { answer, told } = it.done(hamlet, setConfig(form({ title: 'two' })), OWNER)
    t.equal(answer.attrs.type, 'result')
    t.equal(told.length, 2)
    for (const text of told) {
      t.match(text, `<{${EVENT}}configuration node='${node}'><{${DATA}}x type='result'>`)
      t.match(text, `<{${DATA}}value>${PUBSUB}#node_config</>`)
      t.match(text, /field[^>]*var='pubsub#title'><[^>]*value>two</)
    }
  })

  t.test('3: nobody is told who is not to be', async t => {
    t.strictSame(heard({ notify_config: '0' }).done(hamlet, setConfig(form({ title: 'two' })), OWNER).told, [])
  })
})

t.test('§8.3.1 Request, §8.3.2 Success Case: entity requests the default configuration', async t => {
  const result = new Played().get(hamlet, '<default/>', OWNER)
  t.equal(said(result), 'result')
  const x = configOf(result, 'default')
  t.equal(x?.attrs.type, 'form')
  t.strictSame(valuesOf(x, 'FORM_TYPE'), [`${PUBSUB}#node_config`])
  t.strictSame(valuesOf(x, 'pubsub#access_model'), ['open'])
  t.strictSame(valuesOf(x, 'pubsub#publish_model'), ['publishers'])
  t.ok(featured('retrieve-default'))
})

const remove = (it: Played, inner = '', from = hamlet) =>
  it.set(from, `<delete node='${node}'>${inner}</delete>`, OWNER)
const redirect = "<redirect uri='xmpp:hamlet@denmark.lit?;node=blog'/>"

t.test('§8.4.1 Request, §8.4.2 Success Case', async t => {
  t.test('owner deletes a node, service replies with success', async t => {
    const it = play()
    answers(t, remove(it), '', hamlet, 'the result')
    t.equal(said(it.get(hamlet, `<items node='${node}'/>`)), 'cancel item-not-found')
    create(it)
    const { answer } = it.get(hamlet, `<items node='${node}'/>`)
    t.strictSame(answer.child('pubsub', PUBSUB)?.child('items')?.elements, [], 'nothing is left of what was in it')
  })

  t.test('owner deletes a node with redirection, subscribers are notified', async t => {
    t.strictSame(sorted(remove(heard())), toBoth(`<delete node='${node}'/>`))
    t.strictSame(sorted(remove(heard(), redirect)), toBoth(`<delete node='${node}'>${redirect}</delete>`))
  })

  t.test('so are those who wait for approval', async t => {
    const { told } = remove(heard({ access_model: 'authorize' }))
    t.strictSame(told.sort(), toBoth(`<delete node='${node}'/>`))
  })
})

t.test('§8.4.3 Error Cases', async t => {
  t.test('1: entity is not an owner', async t => {
    t.equal(said(remove(play(), '', francisco)), 'auth forbidden')
    for (const affiliation of ['publisher', 'publish-only', 'member', 'outcast']) {
      const it = play().affiliate(node, 'francisco@denmark.lit', affiliation)
      t.equal(said(remove(it, '', francisco)), 'auth forbidden', affiliation)
    }
  })
  t.test('2: owner deletes a node that does not exist', async t => {
    t.equal(said(remove(new Played())), 'cancel item-not-found')
  })
})

const purge = (it: Played, from = hamlet) => it.set(from, `<purge node='${node}'/>`, OWNER)

t.test('§8.5.1 Request, §8.5.2 Success Case', async t => {
  t.test('owner purges all items, service replies with success', async t => {
    const it = play()
    for (const id of ['one', 'two']) it.publish(node, id)
    answers(t, purge(it), '', hamlet, 'the result')
    const none = `<pubsub xmlns='${PUBSUB}'><items node='${node}'/></pubsub>`
    answers(t, it.get(hamlet, `<items node='${node}'/>`), none, hamlet, 'none is left, not even the last')
    t.strictSame(it.done(bernardo, `<subscribe node='${node}' jid='${bernardo}'/>`).told, [])
  })

  t.test('subscribers are notified of node purge, once', async t => {
    const it = heard()
    for (const id of ['one', 'two']) it.publish(node, id)
    t.strictSame(sorted(purge(it)), toBoth(`<purge node='${node}'/>`))
  })
})

t.test('§8.5.3 Error Cases', async t => {
  t.test('2: entity is not an owner', async t => {
    t.equal(said(purge(play(), francisco)), 'auth forbidden')
    for (const affiliation of ['publish-only', 'member', 'outcast']) {
      const it = play().affiliate(node, 'francisco@denmark.lit', affiliation)
      t.equal(said(purge(it, francisco)), 'auth forbidden', affiliation)
    }
  })

  t.test('3: node is not configured for persistent items', async t => {
    const unsupported = 'cancel feature-not-implemented unsupported persistent-items'
    t.equal(said(purge(play({ persist_items: '0' }))), unsupported)
    t.equal(said(purge(play({ node_type: 'collection' }))), unsupported, 'a collection')
  })

  t.test('4: node does not exist', async t => {
    t.equal(said(purge(new Played())), 'cancel item-not-found')
  })
})

/** Horatio asks for a subscription. */
function asking(jid = horatio, it = play({ access_model: 'authorize' })) {
  const { answer, told, sent } = it.done(`${jid}/x`, `<subscribe node='${node}' jid='${jid}'/>`)
  const subid = answer.child('pubsub', PUBSUB)?.child('subscription')?.attrs.subid
  return { it, subid, told, id: sent[0]?.attrs.id }
}

const formType = `<field var='FORM_TYPE' type='hidden'><value>${PUBSUB}#subscribe_authorization</value></field>`
/** What an owner says to a request. */
function decides(
  it: Played,
  allow: string,
  { id, subid, jid = horatio, from = hamlet, type = 'submit' }: Decision,
): string[] {
  const field = (name: string, value: string) => `<field var='pubsub#${name}'><value>${value}</value></field>`
  const who = `${field('node', node)}${field('subscriber_jid', jid)}${subid === undefined ? '' : field('subid', subid)}`
  const fields = type === 'cancel' ? '' : `${who}${field('allow', allow)}`
  const x = `<x xmlns='${DATA}' type='${type}'>${formType}${fields}</x>`
  return it.tell(`<message from='${from}' to='${SERVICE}' id='${id}'>${x}</message>`).told
}
interface Decision {
  /** Of the request, and so of the decision. */
  readonly id: string | undefined
  readonly subid: string | undefined
  readonly jid?: string
  readonly from?: string
  readonly type?: string
}

const stateOf = (it: Played, jid = horatio): string | undefined =>
  it.get(`${jid}/x`, `<subscriptions node='${node}'/>`).answer.child('pubsub', PUBSUB)?.child('subscriptions')
    ?.elements[0]?.attrs.subscription
/** §12.14: what a subscriber is told of its state. */
const changed = (t: Test, told: string[], state: string, jid = horatio) => {
  t.equal(told.length, 1, 'one message')
  t.match(told[0], new RegExp(`from='${SERVICE}' to='${jid}'`))
  t.match(
    told[0]?.replace(/ subid='[^']*'/, ''),
    `<{${EVENT}}event><{${EVENT}}subscription jid='${jid}' node='${node}' subscription='${state}'></></></>`,
  )
}

t.test('§8.6 Manage Subscription Requests', async t => {
  t.test('service sends authorization request to node owner', async t => {
    const it = play({ access_model: 'authorize' })
    const { sent } = it.set(`${horatio}/x`, `<subscribe node='${node}' jid='${horatio}'/>`)
    t.equal(sent.length, 1)
    const [message] = sent
    t.match(message?.attrs, { from: SERVICE, to: 'hamlet@denmark.lit' })
    t.ok(message?.attrs.id, 'an id')
    t.equal(message?.attrs.type ?? 'normal', 'normal', 'no headline, which would not wait for an owner')
    const x = message?.child('x', DATA)
    t.equal(x?.attrs.type, 'form')
    const typeOf = (name: string) => x?.elements.find(({ attrs }) => attrs.var === name)?.attrs.type
    t.equal(typeOf('FORM_TYPE'), 'hidden')
    t.strictSame(valuesOf(x, 'FORM_TYPE'), [`${PUBSUB}#subscribe_authorization`])
    t.equal(typeOf('pubsub#allow'), 'boolean')
    t.match(valuesOf(x, 'pubsub#allow')?.[0], isFalse)
    t.strictSame(valuesOf(x, 'pubsub#node'), [node])
    t.strictSame(valuesOf(x, 'pubsub#subscriber_jid'), [horatio])
  })

  t.test('each owner is asked', async t => {
    const it = play({ access_model: 'authorize' }).affiliate(node, polonius, 'owner')
    const { told } = asking(horatio, it)
    t.strictSame(told.map(text => / to='([^']*)'/.exec(text)?.[1]).sort(), ['hamlet@denmark.lit', polonius])
  })

  t.test('owner approves, subscriber is notified', async t => {
    for (const allow of ['true', '1']) {
      const { it, id, subid } = asking()
      changed(t, decides(it, allow, { id, subid }), 'subscribed')
      t.equal(stateOf(it), 'subscribed')
      t.equal(it.publish(node, 'one').told.length, 1)
    }
  })

  t.test('owner denies, subscriber is notified', async t => {
    for (const allow of ['false', '0']) {
      const { it, id, subid } = asking()
      changed(t, decides(it, allow, { id, subid }), 'none')
      t.equal(stateOf(it), undefined)
      t.strictSame(it.publish(node, 'one').told, [])
    }
  })

  t.test('owner cancels, the request remains pending', async t => {
    const { it, id, subid } = asking()
    t.strictSame(decides(it, 'true', { id, subid, type: 'cancel' }), [])
    t.equal(stateOf(it), 'pending')
    changed(t, decides(it, 'true', { id, subid }), 'subscribed')
  })

  t.test('nobody else decides', async t => {
    const { it, subid } = asking()
    it.affiliate(node, polonius, 'publisher')
    for (const from of [`${horatio}/x`, `${polonius}/x`, francisco]) decides(it, 'true', { id: from, subid, from })
    t.equal(stateOf(it), 'pending')
  })
})

const command = (inner = '', attrs = "action='execute'") =>
  `<command xmlns='${COMMANDS}' node='${PUBSUB}#get-pending' ${attrs}>${inner}</command>`
const pendingOf = (of: string, session = '') =>
  command(
    `<x xmlns='${DATA}' type='submit'><field var='pubsub#node'><value>${of}</value></field></x>`,
    `${session} action='execute'`,
  )

t.test('§8.7 Process Pending Subscription Requests', async t => {
  t.test('1, 2: owner requests them, service responds with form', async t => {
    const { it } = asking()
    it.node('news_from_elsinore', { access_model: 'authorize' })
    it.done(`${horatio}/x`, `<subscribe node='news_from_elsinore' jid='${horatio}'/>`)
    const { answer } = it.ask(hamlet, 'set', command())
    const found = answer.child('command', COMMANDS)
    t.match(found?.attrs, { node: `${PUBSUB}#get-pending`, status: 'executing' })
    t.ok(found?.attrs.sessionid)
    const x = found?.child('x', DATA)
    t.equal(x?.attrs.type, 'form')
    t.strictSame(valuesOf(x, 'FORM_TYPE'), [`${PUBSUB}#subscribe_authorization`])
    const field = x?.elements.find(({ attrs }) => attrs.var === 'pubsub#node')
    t.equal(field?.attrs.type, 'list-single')
    const options = field?.elements.filter(({ name }) => name === 'option').map(option => option.childText('value'))
    t.strictSame(options?.sort(), ['news_from_elsinore', node])
    t.equal(x?.elements.length, 2, 'a single field, and the form type')
  })

  t.test('3.3: entity does not have sufficient privileges', async t => {
    const { it } = asking()
    // The example has type cancel, which RFC 6120 §8.3.3.4 does not forbid.
    t.match(said(it.ask(francisco, 'set', command())), /^(auth|cancel) forbidden$/, 'of any node')
    t.match(said(it.ask(francisco, 'set', pendingOf(node))), /^(auth|cancel) forbidden$/, 'of this node')
  })

  t.test('3.4: node not found', async t => {
    const { it } = asking()
    const sessionid = it.ask(hamlet, 'set', command()).answer.child('command', COMMANDS)?.attrs.sessionid
    t.equal(said(it.ask(hamlet, 'set', pendingOf('gone', `sessionid='${sessionid}'`))), 'cancel item-not-found')
  })

  t.test('4: owner requests those for a node, service responds with success and asks again', async t => {
    const { it } = asking()
    asking(bard, it)
    const sessionid = it.ask(hamlet, 'set', command()).answer.child('command', COMMANDS)?.attrs.sessionid
    const { answer, told } = it.ask(hamlet, 'set', pendingOf(node, `sessionid='${sessionid}'`))
    // The example says action='completed'; XEP-0050 §3.4 knows it as a status.
    t.match(answer.child('command', COMMANDS)?.attrs, {
      node: `${PUBSUB}#get-pending`,
      sessionid: `${sessionid}`,
      status: 'completed',
    })
    t.equal(told.length, 2, 'one message for each')
    for (const text of told) t.match(text, /to='hamlet@denmark.lit.*subscribe_authorization/)
    for (const jid of [horatio, bard]) t.match(told.join(), `value>${jid}<`)
  })

  t.test('4: who becomes an owner or a publisher is approved', async t => {
    for (const affiliation of ['owner', 'publisher']) {
      const { it } = asking()
      it.affiliate(node, horatio, affiliation)
      t.equal(stateOf(it), 'subscribed', affiliation)
    }
  })

  t.test('4: who becomes an outcast is rejected, and told so', async t => {
    const { it } = asking()
    const entry = `<affiliation jid='${horatio}' affiliation='outcast'/>`
    const { told } = it.done(hamlet, `<affiliations node='${node}'>${entry}</affiliations>`, OWNER)
    t.equal(stateOf(it), undefined)
    changed(
      t,
      told.filter(text => text.includes('subscription=')),
      'none',
    )
  })

  t.test('its feature', async t => t.ok(featured('get-pending')))
})

const subscriptions = (inner = '', of = node) => `<subscriptions node='${of}'>${inner}</subscriptions>`
const affiliations = (inner = '', of = node) => `<affiliations node='${of}'>${inner}</affiliations>`

/** §8.8 and §8.9 fail alike. */
async function errors(t: Test, request: (of?: string) => string, change: string): Promise<void> {
  const ask = (it: Played, from: string) => [
    said(it.get(from, request(), OWNER)),
    said(it.set(from, request().replace('></', `>${change}</`), OWNER)),
  ]
  t.test('entity is not an owner', async t => {
    t.strictSame(ask(play(), francisco), ['auth forbidden', 'auth forbidden'])
    for (const affiliation of ['publisher', 'publish-only', 'member', 'outcast']) {
      const it = play().affiliate(node, 'francisco@denmark.lit', affiliation)
      t.strictSame(ask(it, francisco), ['auth forbidden', 'auth forbidden'], affiliation)
    }
  })
  t.test('node does not exist', async t => {
    t.strictSame(ask(new Played(), hamlet), ['cancel item-not-found', 'cancel item-not-found'])
  })
}

/** `jid word` of each entry, as the owner is told. */
const listed = (it: Played, name: 'subscription' | 'affiliation'): string[] =>
  (it.get(hamlet, `<${name}s node='${node}'/>`, OWNER).answer.child('pubsub', OWNER)?.child(`${name}s`)?.elements ?? [])
    .map(({ attrs }) => `${attrs.jid} ${attrs[name]}`)
    .sort()

t.test('§8.8 Manage Subscriptions', async t => {
  t.test('1.1, 1.2: owner requests all, service returns the list', async t => {
    const it = heard()
    const { answer } = it.get(hamlet, subscriptions(), OWNER)
    const list = answer.child('pubsub', OWNER)?.child('subscriptions')
    t.equal(list?.attrs.node, node)
    t.strictSame(
      listed(it, 'subscription'),
      both.map(jid => `${jid} subscribed`),
    )
    t.ok(list?.elements.every(({ attrs }) => attrs.subid))
  })

  t.test('1.2: several of one JID have different subids', async t => {
    const it = play({ node_type: 'collection' }).subscribe(node, bernardo)
    const options = form({ subscription_type: 'items' }, 'submit', 'subscribe_options')
    it.done(bernardo, `<subscribe node='${node}' jid='bernardo@denmark.lit'/><options>${options}</options>`)
    const { answer } = it.get(hamlet, subscriptions(), OWNER)
    const found = answer.child('pubsub', OWNER)?.child('subscriptions')?.elements
    t.equal(found?.length, 2)
    t.not(found?.[0]?.attrs.subid, found?.[1]?.attrs.subid)
  })

  t.test('1.2: pending ones are not listed', async t => {
    t.strictSame(listed(asking().it, 'subscription'), [])
  })

  t.test('1.3, 2.3: errors', async t =>
    errors(t, of => subscriptions('', of), `<subscription jid='${bard}' subscription='subscribed'/>`),
  )

  t.test('2.1, 2.2: owner modifies subscriptions, service responds with success', async t => {
    const it = play()
    const wish = subscriptions(`<subscription jid='${bard}' subscription='subscribed'/>`)
    answers(t, it.set(hamlet, wish, OWNER), '', hamlet, 'the result')
    t.strictSame(listed(it, 'subscription'), [`${bard} subscribed`])
    t.equal(it.publish(node, 'one').told.length, 1)
  })

  t.test('2.1: without a state nothing is changed', async t => {
    const it = heard()
    t.equal(said(it.set(hamlet, subscriptions(`<subscription jid='${both[0]}'/>`), OWNER)), 'result')
    t.strictSame(
      listed(it, 'subscription'),
      both.map(jid => `${jid} subscribed`),
    )
  })

  t.test('2.4: owner sets several, service responds with error that has those which failed', async t => {
    const it = play().subscribe(node, `${polonius}/x`)
    const wrong = `<subscription jid='${polonius}' subid='x' subscription='none'/>`
    const right = `<subscription jid='${bard}' subscription='subscribed'/>`
    const result = it.set(hamlet, subscriptions(wrong + right), OWNER)
    t.equal(said(result), 'modify not-acceptable')
    const list = result.answer.child('pubsub', OWNER)?.child('subscriptions')
    t.equal(list?.attrs.node, node)
    t.strictSame(
      list?.elements.map(({ attrs: { jid, subscription } }) => [jid, subscription]),
      [[polonius, 'subscribed']],
      'as it still is',
    )
    t.strictSame(listed(it, 'subscription'), [`${bard} subscribed`, `${polonius} subscribed`])
  })

  t.test('3, 4: who is deleted is not listed any more, and is notified', async t => {
    const it = play().subscribe(node, `${polonius}/x`)
    const { told } = it.done(hamlet, subscriptions(`<subscription jid='${polonius}' subscription='none'/>`), OWNER)
    changed(t, told, 'none', polonius)
    t.strictSame(listed(it, 'subscription'), [])
    t.equal(stateOf(it, polonius), undefined)
  })
})

t.test('§8.9 Manage Affiliations', async t => {
  const affiliation = (jid: string, word: string) => `<affiliation jid='${jid}' affiliation='${word}'/>`
  const set = (it: Played, ...entries: string[]) => it.set(hamlet, affiliations(entries.join('')), OWNER)

  t.test('1.1, 1.2: owner requests all, service returns the list', async t => {
    const it = play().affiliate(node, polonius, 'outcast').subscribe(node, francisco)
    const list = affiliation('hamlet@denmark.lit', 'owner') + affiliation(polonius, 'outcast')
    const inner = `<pubsub xmlns='${OWNER}'>${affiliations(list)}</pubsub>`
    answers(t, it.get(hamlet, affiliations(), OWNER), inner, hamlet, 'without none')
  })

  t.test('1.3, 2.3: errors', async t => errors(t, of => affiliations('', of), affiliation(bard, 'publisher')))

  t.test('2.1, 2.2: owner modifies affiliation, service responds with success', async t => {
    for (const word of ['owner', 'publisher', 'publish-only', 'member', 'outcast']) {
      const it = play()
      answers(t, set(it, affiliation(bard, word)), '', hamlet, word)
      t.strictSame(listed(it, 'affiliation'), [`${bard} ${word}`, 'hamlet@denmark.lit owner'])
    }
  })

  t.test('2.1: without an affiliation nothing is changed', async t => {
    const it = play().affiliate(node, bard, 'member')
    t.equal(said(set(it, `<affiliation jid='${bard}'/>`)), 'result')
    t.strictSame(listed(it, 'affiliation'), [`${bard} member`, 'hamlet@denmark.lit owner'])
  })

  t.test('2.4: owner sets several, service responds with error that has those which failed', async t => {
    const it = play().affiliate(node, polonius, 'outcast')
    const result = set(
      it,
      affiliation('hamlet@denmark.lit', 'none'),
      affiliation(polonius, 'none'),
      affiliation(bard, 'publisher'),
    )
    t.equal(said(result), 'modify not-acceptable')
    t.equal(
      canonical(result.answer.child('pubsub', OWNER) as Element),
      canonical(
        received(`<pubsub xmlns='${OWNER}'>${affiliations(affiliation('hamlet@denmark.lit', 'owner'))}</pubsub>`),
      ),
      'as it still is',
    )
    t.strictSame(listed(it, 'affiliation'), [`${bard} publisher`, 'hamlet@denmark.lit owner'], 'the others are done')
  })

  t.test('2.4: two for one entity', async t => {
    const it = play()
    t.match(said(set(it, affiliation(bard, 'publisher'), affiliation(bard, 'member'))), /^modify bad-request/)
    t.strictSame(listed(it, 'affiliation'), ['hamlet@denmark.lit owner'])
  })

  t.test('2.4: the state chart says what becomes what (§4.1)', async t => {
    const chart: Record<string, readonly string[]> = {
      outcast: ['none', 'member', 'publisher', 'owner'],
      none: ['outcast', 'member', 'publisher', 'owner'],
      member: ['outcast', 'none', 'publisher', 'owner'],
      publisher: ['outcast', 'none', 'owner'],
      owner: ['none'],
    }
    for (const [before, possible] of Object.entries(chart)) {
      for (const after of Object.keys(chart).filter(word => word !== before)) {
        const it = play()
        if (before !== 'none') it.affiliate(node, bard, before)
        const what = `${before} to ${after}`
        const result = said(set(it, affiliation(bard, after)))
        if (possible.includes(after)) t.equal(result, 'result', what)
        else t.equal(result, 'modify not-acceptable', what)
      }
    }
  })

  t.test('3: who is deleted is not listed any more', async t => {
    const it = play().affiliate(node, polonius, 'member')
    t.equal(said(set(it, affiliation(polonius, 'none'))), 'result')
    t.strictSame(listed(it, 'affiliation'), ['hamlet@denmark.lit owner'])
  })

  t.test('4: service sends notification of affiliation change, if it does', async t => {
    const it = play().affiliate(node, polonius, 'member')
    const { told } = it.done(hamlet, affiliations(affiliation(polonius, 'none')), OWNER)
    const inner = `<affiliations node='${node}'>${affiliation(polonius, 'none')}</affiliations>`
    const message = wanted(
      `<message from='${SERVICE}' to='${polonius}'><pubsub xmlns='${PUBSUB}'>${inner}</pubsub></message>`,
    )
    for (const text of told) t.equal(text.replace(/ type='[^']*'/, ''), message)
  })

  t.test('its feature', async t => t.ok(featured('modify-affiliations')))
})

t.test('§14.2 nobody else does what owners do', async t => {
  const it = heard()
  it.publish(node, 'one')
  for (const inner of [
    setConfig(form({ title: 'mine' })),
    `<delete node='${node}'/>`,
    `<purge node='${node}'/>`,
    subscriptions(`<subscription jid='${bard}' subscription='subscribed'/>`),
    affiliations(`<affiliation jid='francisco@denmark.lit' affiliation='owner'/>`),
  ]) {
    t.equal(said(it.set(francisco, inner, OWNER)), 'auth forbidden', inner)
  }
  const item = `<item id='one' publisher='hamlet@denmark.lit'>${entry('one')}</item>`
  answers(
    t,
    it.get(francisco, `<items node='${node}'/>`),
    `<pubsub xmlns='${PUBSUB}'><items node='${node}'>${item}</items></pubsub>`,
    francisco,
    'all is as it was',
  )
})
