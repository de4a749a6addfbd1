/** XEP-0060 1.27.0 §7, example by example: what a publisher does, and what subscribers are told of it. */
import t, { type Test } from 'tap'
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

const blogbot = 'hamlet@denmark.lit/blogbot'
const node = 'princely_musings'
const id = 'ae890ac52d0df67ed7cfdf51b644e901'
const all = ['bard@shakespeare.lit', 'bernardo@denmark.lit', 'francisco@denmark.lit', 'horatio@denmark.lit']
const soliloquy = "<entry xmlns='http://www.w3.org/2005/Atom'><title>Soliloquy</title></entry>"

const play = (fields: Record<string, string> = {}): Played => new Played().node(node, fields)
/** The four of the XEP are subscribed. */
function heard(fields: Record<string, string> = {}): Played {
  const it = play(fields)
  for (const jid of all) it.subscribe(node, `${jid}/x`)
  return it
}

const publish = (it: Played, inner: string, from = blogbot, of = node) =>
  it.set(from, `<publish node='${of}'>${inner}</publish>`)
const item = (content = soliloquy, name: string | undefined = id) =>
  name === '' ? `<item>${content}</item>` : `<item id='${name}'>${content}</item>`
const retract = (it: Played, inner = `<item id='${id}'/>`, attrs = ` node='${node}'`, from = hamlet) =>
  it.set(from, `<retract${attrs}>${inner}</retract>`)

/** What all four are told; `inner` stands in `<items/>`. */
const toAll = (inner: string, jids = all): string[] =>
  jids.map(to => {
    const event = `<event xmlns='${EVENT}'><items node='${node}'>${inner}</items></event>`
    return wanted(`<message type='headline' from='${SERVICE}' to='${to}'>${event}</message>`)
  })
const sorted = ({ told }: { told: string[] }): string[] => [...told].sort()

/** The ids of what is kept. */
const kept = (it: Played): (string | undefined)[] | undefined =>
  it
    .get(hamlet, `<items node='${node}'/>`)
    .answer.child('pubsub', PUBSUB)
    ?.child('items')
    ?.elements.map(({ attrs }) => attrs.id)
const idsIn = ({ answer }: { answer: Element }): (string | undefined)[] | undefined =>
  answer
    .child('pubsub', PUBSUB)
    ?.child('publish')
    ?.elements.map(({ attrs }) => attrs.id)

t.test('§7.1.1 Request, §7.1.2 Success Case', async t => {
  t.test('publisher publishes an item with an ItemID, service replies with success', async t => {
    const it = play()
    const result = publish(it, item(soliloquy, 'bnd81g37d61f49fgn581'))
    t.equal(said(result), 'result')
    t.match(result.answer.attrs, { from: SERVICE, to: blogbot, id: 'i1' })
    t.equal(result.answer.child('pubsub', PUBSUB)?.child('publish')?.attrs.node, node)
    // The example has no item here; earlier editions had it.
    for (const each of idsIn(result) ?? []) t.equal(each, 'bnd81g37d61f49fgn581')
    t.strictSame(kept(it), ['bnd81g37d61f49fgn581'])
  })

  t.test('publisher publishes an item without an ItemID, service replies with the ID', async t => {
    const it = play()
    const [one, two] = [publish(it, item(soliloquy, '')), publish(it, item(soliloquy, ''))]
    const ids = [idsIn(one)?.[0] ?? '', idsIn(two)?.[0] ?? '']
    t.not(ids[0], ids[1], 'two of them')
    const published = `<publish node='${node}'><item id='${ids[0]}'/></publish>`
    answers(t, one, `<pubsub xmlns='${PUBSUB}'>${published}</pubsub>`, blogbot, 'the first')
    t.strictSame(kept(it), ids)
  })

  t.test('an item with an ID that is there overwrites it, and is told of', async t => {
    const it = heard()
    publish(it, item())
    const result = publish(it, item(entry('new')))
    t.equal(said(result), 'result')
    t.strictSame(sorted(result), toAll(`<item id='${id}' publisher='hamlet@denmark.lit'>${entry('new')}</item>`))
    t.strictSame(kept(it), [id])
  })

  t.test('1: subscribers receive notifications with payloads', async t => {
    const told = toAll(`<item id='${id}' publisher='hamlet@denmark.lit'>${soliloquy}</item>`)
    t.strictSame(sorted(publish(heard(), item())), told)
  })

  t.test('2: subscribers receive notifications only', async t => {
    const told = toAll(`<item id='${id}' publisher='hamlet@denmark.lit'/>`)
    t.strictSame(sorted(publish(heard({ deliver_payloads: '0' }), item())), told)
  })

  t.test('3: service notifies subscribers of the publisher, and returns it with items', async t => {
    const it = heard()
    const forged = `<item id='${id}' publisher='claudius@denmark.lit'>${soliloquy}</item>`
    const stamped = `<item id='${id}' publisher='hamlet@denmark.lit'>${soliloquy}</item>`
    t.strictSame(sorted(publish(it, forged)), toAll(stamped), 'who it was, and not who it was said to be')
    const list = `<pubsub xmlns='${PUBSUB}'><items node='${node}'>${stamped}</items></pubsub>`
    answers(t, it.get(francisco, `<items node='${node}'/>`), list, francisco, 'retrieved')
  })

  t.test('4: subscriber receives notated notification', async t => {
    const { it, subids } = subscribedTwice()
    const { told } = publish(it, item())
    t.equal(told.length, 1, 'one for both')
    t.strictSame(headersOf(told[0] ?? ''), subids)
  })

  t.test('5: node is full, and the oldest item is deleted', async t => {
    const it = play({ max_items: '2' })
    for (const each of ['one', 'two', 'one', 'three']) publish(it, item(soliloquy, each))
    t.strictSame(kept(it), ['one', 'three'], 'the oldest by publication (§12.1)')
  })
})

/** Somebody who hears of the node in two ways: by itself and by a collection it is in. */
function subscribedTwice(): { it: Played; subids: string[] } {
  const it = new Played().node('blogs', { node_type: 'collection' }).node(node, { collection: 'blogs' })
  const options = form({ subscription_type: 'items' }, 'submit', 'subscribe_options')
  const jid = 'bernardo@denmark.lit'
  const results = [
    it.done(bernardo, `<subscribe node='${node}' jid='${jid}'/>`),
    it.done(bernardo, `<subscribe node='blogs' jid='${jid}'/><options>${options}</options>`),
  ]
  const subids = results.map(({ answer }) => answer.child('pubsub', PUBSUB)?.child('subscription')?.attrs.subid ?? '')
  return { it, subids: subids.sort() }
}

/** The SubID headers, which stand in the last child. */
function headersOf(told: string): string[] {
  const shim = '<{http://jabber.org/protocol/shim}headers>'
  const last = told.slice(told.indexOf(shim))
  if (!told.includes(shim) || !/^(<[^>]*>(<[^>]*>[^<]*<\/>)*<\/>)<\/>$/.test(last)) return []
  return [...last.matchAll(/header name='SubID'>([^<]*)</g)].map(found => found[1] ?? '').sort()
}

t.test('§7.1.3 Error Cases', async t => {
  t.test('1: entity does not have sufficient privileges', async t => {
    t.equal(said(publish(play(), item(), francisco)), 'auth forbidden')
    for (const affiliation of ['member', 'outcast']) {
      t.equal(
        said(publish(play().affiliate(node, 'francisco@denmark.lit', affiliation), item(), francisco)),
        'auth forbidden',
      )
    }
  })

  t.test('2: node does not support item publication', async t => {
    const it = play({ node_type: 'collection' })
    t.equal(said(publish(it, item())), 'cancel feature-not-implemented unsupported publish')
  })

  t.test('3: entity publishes to a node that does not exist', async t => {
    t.equal(said(publish(new Played(), item())), 'cancel item-not-found')
  })

  t.test('4: node with max_items reached that rejects', async t => {
    // It is optional (§10): a service that does not offer it says so.
    const offered = String(play().get(hamlet, `<configure node='${node}'/>`, OWNER).answer).includes(
      'publish_node_full',
    )
    t.equal(featured(new Played(), 'publish-node-full'), offered)
    if (!offered) return
    const it = play({ max_items: '1', publish_node_full: 'reject' })
    publish(it, item(soliloquy, 'one'))
    t.equal(said(publish(it, item(soliloquy, 'two'))), 'cancel conflict node-full')
  })

  t.test('5: entity publishes very large payload', async t => {
    const it = play({ max_payload_size: '1028' })
    t.equal(said(publish(it, item(entry('x'.repeat(2000))))), 'modify not-acceptable payload-too-big')
  })

  t.test('6: multiple payload elements, or the namespace does not match', async t => {
    t.equal(said(publish(play(), item(soliloquy + soliloquy))), 'modify bad-request invalid-payload')
    const it = play({ type: 'urn:example:e2ee:bundle' })
    t.equal(said(publish(it, item())), 'modify bad-request invalid-payload')
    t.equal(said(publish(it, item("<bundle xmlns='urn:example:e2ee:bundle'/>"))), 'result')
  })

  t.test('7: publisher publishes to persistent node with no item', async t => {
    for (const fields of [{}, { deliver_payloads: '0' }]) {
      t.equal(said(publish(play(fields), '')), 'modify bad-request item-required')
    }
  })

  t.test('7: publisher publishes to payload node with no payload', async t => {
    for (const fields of [{}, { persist_items: '0' }]) {
      t.equal(said(publish(play(fields), item(''))), 'modify bad-request payload-required')
    }
  })

  t.test('7: publisher publishes to transient notification node with item', async t => {
    const it = play({ persist_items: '0', deliver_payloads: '0' })
    t.equal(said(publish(it, item())), 'modify bad-request item-forbidden')
  })

  t.test('7: without an ItemID to a persistent node', async t => {
    for (const fields of [{}, { deliver_payloads: '0' }])
      t.equal(said(publish(play(fields), item(soliloquy, ''))), 'result')
  })
})

t.test('§4.3 Event Types: items, payloads and ids', async t => {
  t.test('persistent, notification only: the item may be empty, and has an id', async t => {
    const it = heard({ deliver_payloads: '0' })
    const { told, answer } = publish(it, item('', ''))
    const [made] = idsIn({ answer }) ?? []
    t.ok(made)
    t.strictSame(told.sort(), toAll(`<item id='${made}' publisher='hamlet@denmark.lit'/>`))
  })

  t.test('transient, notification only: an event with empty items', async t => {
    t.strictSame(sorted(publish(heard({ deliver_payloads: '0', persist_items: '0' }), '')), toAll(''))
  })

  t.test('transient, with payload', async t => {
    const told = toAll(`<item id='${id}' publisher='hamlet@denmark.lit'>${soliloquy}</item>`)
    t.strictSame(sorted(publish(heard({ persist_items: '0' }), item())), told)
  })
})

const featured = (it: Played, name: string): boolean =>
  String(it.ask(francisco, 'get', "<query xmlns='http://jabber.org/protocol/disco#info'/>").answer).includes(
    `pubsub#${name}`,
  )

t.test('§7.1.4 Automatic Node Creation', async t => {
  const it = new Played({ autoCreate: true })
  t.ok(featured(it, 'auto-create'))
  t.notOk(featured(new Played(), 'auto-create'))
  t.equal(said(publish(it, item())), 'result')
  t.equal(said(it.get(francisco, `<items node='${node}'/>`)), 'result', 'with the default configuration')
})

t.test('§7.1.5 Publishing Options', async t => {
  const options = (fields: Record<string, string>) =>
    `<publish-options>${form(fields, 'submit', 'publish-options')}</publish-options>`
  const published = (it: Played, fields: Record<string, string>, of = node) =>
    it.set(blogbot, `<publish node='${of}'>${item()}</publish>${options(fields)}`)

  t.test('its feature', async t => t.ok(featured(new Played(), 'publish-options')))

  t.test('1: the node exists and the precondition is not met', async t => {
    const it = heard()
    const result = published(it, { access_model: 'presence' })
    t.equal(said(result), 'cancel conflict precondition-not-met')
    t.strictSame(result.told, [])
    t.strictSame(kept(it), [])
  })

  t.test('2: the node exists and the precondition is met', async t => {
    const it = new Played({ sees: () => true }).node(node, { access_model: 'presence' })
    t.equal(said(published(it, { access_model: 'presence' })), 'result')
    t.equal(said(published(play(), { access_model: 'open', persist_items: 'true' })), 'result')
  })

  t.test('3: the node does not exist and is created', async t => {
    const it = new Played({ autoCreate: true })
    t.equal(said(published(it, { access_model: 'whitelist', max_items: '3' })), 'result')
    t.equal(said(it.get(francisco, `<items node='${node}'/>`)), 'cancel not-allowed closed-node')
    for (const each of ['two', 'three', 'four']) publish(it, item(soliloquy, each))
    t.strictSame(kept(it), ['two', 'three', 'four'])
  })

  t.test('4: the node does not exist and nothing is created', async t => {
    t.equal(said(published(new Played(), { access_model: 'open' })), 'cancel item-not-found')
  })

  t.test('unknown fields', async t => {
    t.not(said(published(play(), { surprise: '1' })), 'result', 'of a node that exists')
    const custom = `<publish node='${node}'>${item()}</publish>${options({}).replace('</x>', "<field var='x-surprise'><value>1</value></field></x>")}`
    t.not(said(play().set(blogbot, custom)), 'result', 'one that is not of the XEP')
    t.not(said(published(new Played({ autoCreate: true }), { surprise: '1' })), 'result', 'of one that does not')
  })
})

t.test('§7.2.1 Request, §7.2.2 Success Case', async t => {
  t.test('entity deletes an item, service replies with success', async t => {
    const it = heard()
    publish(it, item())
    answers(t, retract(it), '', hamlet, 'the result')
    t.strictSame(kept(it), [])
  })

  t.test('1: subscribers are notified of deletion', async t => {
    for (const value of ['true', '1']) {
      const it = heard({ notify_retract: '0' })
      publish(it, item())
      publish(it, item(soliloquy, 'two'))
      t.strictSame(retract(it, "<item id='two'/>").told, [], 'not by themselves')
      const result = retract(it, undefined, ` node='${node}' notify='${value}'`)
      t.strictSame(sorted(result), toAll(`<retract id='${id}'/>`), value)
    }
  })

  t.test('2: subscriber receives notated notification', async t => {
    const { it, subids } = subscribedTwice()
    publish(it, item())
    const { told } = retract(it, undefined, ` node='${node}' notify='1'`)
    t.equal(told.length, 1, 'one for both')
    t.match(told[0], new RegExp(`items node='${node}'.*retract id='${id}'`))
    t.strictSame(headersOf(told[0] ?? ''), subids)
  })
})

t.test('§7.2.3 Error Cases', async t => {
  const filled = (fields: Record<string, string> = {}): Played => {
    const it = play(fields)
    publish(it, item())
    return it
  }
  const refused = (t: Test, it: Played, result: { answer: Element }, error: string) => {
    t.equal(said(result), error)
    t.strictSame(kept(it), [id], 'it is still there')
  }

  t.test('1: requesting entity does not have sufficient privileges', async t => {
    for (const affiliation of ['none', 'member', 'publish-only', 'outcast']) {
      const it = filled()
      if (affiliation !== 'none') it.affiliate(node, 'francisco@denmark.lit', affiliation)
      refused(t, it, retract(it, undefined, undefined, francisco), 'auth forbidden')
    }
  })

  t.test('1: publish-only may delete what is theirs (§4.1)', async t => {
    const it = play().affiliate(node, 'francisco@denmark.lit', 'publish-only')
    publish(it, item(), francisco)
    t.equal(said(retract(it, undefined, undefined, francisco)), 'result')
  })

  t.test('2: node or item does not exist', async t => {
    t.equal(said(retract(new Played())), 'cancel item-not-found')
    const it = filled()
    refused(t, it, retract(it, "<item id='gone'/>"), 'cancel item-not-found')
  })

  t.test('3: request does not specify a node', async t => {
    const it = filled()
    refused(t, it, retract(it, undefined, ''), 'modify bad-request nodeid-required')
  })

  t.test('4: request does not specify an item', async t => {
    const it = filled()
    refused(t, it, retract(it, ''), 'modify bad-request item-required')
    refused(t, it, retract(it, '<item/>'), 'modify bad-request item-required')
  })

  t.test('5: node does not support persistent items', async t => {
    const unsupported = 'cancel feature-not-implemented unsupported persistent-items'
    t.equal(said(retract(play({ persist_items: '0', deliver_payloads: '0' }))), unsupported)
    t.equal(said(retract(play({ node_type: 'collection' }))), unsupported, 'a collection')
  })
})
