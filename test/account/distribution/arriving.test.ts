/** PBXes that come to a service where much is, or much happens. */
import t, { type Test } from 'tap'
import { payloadOf } from '../../../src/account/distribution/payload.ts'
import type { Session } from '../../../src/session.ts'
import { el } from '../../../src/stream/element.ts'
import type { Loopback } from '../../../src/testing/index.ts'
import { publish } from '../../../src/xep/0060-items.ts'
import { NS_PUBSUB } from '../../../src/xep/0060-pubsub.ts'
import { sendPing } from '../../../src/xep/0199-ping.ts'
import { pbx, SERVICE, service } from './pbx.ts'

/** What `who` asks the service for from now on, as the name of the element that says so. */
function requests(server: Loopback, who: string, onRequest = (_: string): void => {}): string[] {
  const seen: string[] = []
  server.onStanza = (stanza, sender) => {
    if (!sender.startsWith(`${who}@`) || stanza.name !== 'iq' || stanza.attrs.to !== SERVICE) return
    seen.push(stanza.elements[0]?.elements[0]?.name ?? '')
    onRequest(stanza.toString())
  }
  return seen
}

/** `one` has that many devices at the service, and `two` knows them. */
async function many(t: Test, count: number) {
  const server = await service(t)
  const [one, two] = [pbx(t, server, 'one', { farewell: 'keep' }), pbx(t, server, 'two')]
  for (const each of [one, two]) {
    each.account.start()
    await each.next('connected')
  }
  for (let n = 0; n < count; n++) one.bus.setDevice(`SIP/${n}`, 'INUSE')
  for (let n = 0; n < count; n++) await two.device(`SIP/${n}`, 'INUSE')
  return { server, one, two }
}

t.test('whoever comes back and finds all as it was publishes nothing', async t => {
  const { server, one, two } = await many(t, 150)
  one.bus.setMailbox('6001@default', { new: 2, old: 0 })
  await two.mailbox('6001@default', { new: 2, old: 0 })
  await one.account.stop()
  const seen = requests(server, 'one')
  one.account.start()
  await one.next('connected')
  one.bus.setDevice('Custom:new', 'INUSE')
  await two.device('Custom:new', 'INUSE')
  t.equal(seen.filter(name => name === 'publish').length, 1)
})

t.test('while the pages of a thousand items are turned one is published again: none is missing', async t => {
  const { server, one } = await many(t, 1000)
  let pages = 0
  server.onStanza = (stanza, sender) => {
    const text = stanza.toString()
    if (!sender.startsWith('three@') || !text.includes("<items node='device_state'")) return undefined
    const behind = /<after>(.*?)<\/after>/.exec(text)?.[1]
    if (++pages % 5 !== 2 || behind === undefined || pages > 10) return undefined
    // It goes to the end just before what comes behind it is asked for.
    const report = { kind: 'device', eid: one.bus.eid, name: behind, state: 'INUSE', cachable: true } as const
    const item = el('item', NS_PUBSUB, { id: behind }, payloadOf(report))
    const request = el('pubsub', NS_PUBSUB, {}, el('publish', NS_PUBSUB, { node: 'device_state' }, item))
    const attrs = { type: 'set', id: `again${pages}`, from: one.account.jid, to: SERVICE }
    return [el('iq', 'jabber:client', attrs, request), stanza]
  }
  const three = pbx(t, server, 'three')
  three.account.start()
  for (let n = 0; n < 1000; n++) await three.device(`SIP/${n}`, 'INUSE')
  t.ok(pages > 12, `${pages} pages: once through was not enough`)
  t.strictSame(
    three.events.filter(({ type }) => type === 'warning'),
    [],
  )
})

t.test('thousands of announcements of leaves that are not there: each is looked for three times at most', async t => {
  const server = await service(t)
  const config = { collection_nodes: true, pubsub_autocreate: true }
  const [one, three] = [pbx(t, server, 'one', { config }), pbx(t, server, 'three', { config })]
  for (const each of [one, three]) {
    each.account.start()
    await each.warned(/has no collection nodes/)
  }
  one.bus.setDevice('Custom:lobby', 'INUSE')
  await three.device('Custom:lobby', 'INUSE')
  const looks = new Map<string, number>()
  requests(server, 'three', text => {
    const node = /<items node='(x\d+)'/.exec(text)?.[1]
    if (node !== undefined) looks.set(node, (looks.get(node) ?? 0) + 1)
  })
  const announcements = Array.from({ length: 500 }, (_, n) => {
    const name = `x${n}`
    return { id: name, payload: payloadOf({ kind: 'device', eid: one.bus.eid, name, state: 'INUSE', cachable: true }) }
  })
  for (let round = 0; round < 6; round++) {
    await publish(one.account.session as Session, SERVICE, 'device_state', announcements)
    one.bus.setDevice('Custom:lobby', round % 2 === 0 ? 'BUSY' : 'INUSE')
    await three.device('Custom:lobby', round % 2 === 0 ? 'BUSY' : 'INUSE')
    // As many turns as it takes to look at all, 16 at a time.
    for (let turn = 0; turn < 40; turn++) await sendPing(three.account.session as Session, 'example.com')
  }
  t.equal(looks.size, 500)
  t.strictSame([...new Set(looks.values())], [3])
  t.equal(three.account.state, 'Connected')
  t.equal(three.events.filter(({ type }) => type === 'warning' || type === 'offline').length, 1, 'no collections')
})
