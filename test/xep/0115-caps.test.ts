import { createHash } from 'node:crypto'
import t from 'tap'
import type { Xep } from '../../src/routes.ts'
import type { Session } from '../../src/session.ts'
import { caps, ownCaps, readCaps } from '../../src/xep/0115-caps.ts'
import { clientIdentity, componentIdentity, standardXeps } from '../../src/xep/index.ts'
import { availablePresence, unavailablePresence } from '../../src/xep/presence.ts'
import type { Node } from '../helper/peer.ts'
import { received } from '../helper/received.ts'
import { openSession } from '../helper/session.ts'
import { playText } from '../helper/transcript.ts'

const mine: Xep = { name: 'mine', features: ['urn:mine', 'http://a.example/'] }
const NODE = 'http://www.asterisk.org/xmpp/client/caps'

/** What our answer hashes to: read by sax, sorted and hashed here. We have one identity and no forms. */
function hashOf(query: Node): string {
  const nodes = query.children as Node[]
  const [identity, ...features] = [
    ...nodes
      .filter(({ name }) => name === 'identity')
      .map(({ attrs }) => `${attrs.category}/${attrs.type}//${attrs.name}`),
    ...nodes.flatMap(({ name, attrs }) => (name === 'feature' ? (attrs.var as string) : [])).sort(),
  ]
  const s = [identity, ...features].map(part => `${part}<`).join('')
  return createHash('sha1').update(s).digest('base64')
}

const verOf = (session: Session): string | undefined => readCaps(availablePresence(session))?.ver

for (const [who, component, xeps] of [
  ['client', false, standardXeps(clientIdentity)],
  ['client with more', false, [...standardXeps(clientIdentity), mine]],
  ['component', true, [...standardXeps(componentIdentity), mine]],
] as const) {
  t.test(`a ${who} answers what it has announced, as the other side sees it`, async t => {
    const { peer, session } = await openSession({ component, xeps })
    session.send(availablePresence(session, { priority: 1, show: 'away' }, { to: component ? 'a@b' : undefined }))
    const presence = await peer.next()
    if (presence.type !== 'element') return t.fail(presence.type)
    const c = presence.node.children.at(-1) as Node
    t.match(c, { name: 'c', ns: 'http://jabber.org/protocol/caps', attrs: { hash: 'sha-1', node: NODE } })
    for (const node of [` node='${NODE}#${c.attrs.ver}'`, '']) {
      const to = component ? "to='sales@pbx.example.com'" : ''
      const query = `<query xmlns='http://jabber.org/protocol/disco#info'${node}/>`
      peer.write(`<iq type='get' id='1' from='romeo@example.com/r' ${to}>${query}</iq>`)
      const answer = await peer.next()
      if (answer.type !== 'element') return t.fail(answer.type)
      const said = answer.node.children[0] as Node
      t.equal(said.attrs.node, node === '' ? undefined : `${NODE}#${c.attrs.ver}`, 'the node comes back')
      t.equal(hashOf(said), c.attrs.ver)
    }
  })
}

t.test('no other node is known, not even with a hash of somebody else', async () => {
  const { far, peer, session } = await openSession({ xeps: standardXeps(clientIdentity) })
  const other = await openSession({ xeps: [...standardXeps(clientIdentity), mine] })
  const nodes = [
    NODE,
    `${NODE}#`,
    `${NODE}#${verOf(other.session)}`,
    `urn:x#${verOf(session)}`,
    `#${verOf(session)}`,
    '',
  ]
  for (const node of nodes) {
    await playText(
      far,
      `
S: <iq type='get' id='3' from='a@b/c'><query xmlns='http://jabber.org/protocol/disco#info' node='${node}'/></iq>
C: <iq type='error' id='3' to='a@b/c'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
      node,
      { peer },
    )
  }
  // It is no node of items: a phantom, as §6.2 calls it.
  await playText(
    far,
    `
S: <iq type='get' id='4' from='a@b/c'><query xmlns='http://jabber.org/protocol/disco#items' node='${NODE}#${verOf(session)}'/></iq>
C: <iq type='error' id='4' to='a@b/c'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
    'items',
    { peer },
  )
})

t.test('what is loaded decides what is announced, and whether', async t => {
  const { session } = await openSession({ xeps: standardXeps(clientIdentity) })
  const more = await openSession({ xeps: [...standardXeps(clientIdentity), mine] })
  t.not(verOf(session), verOf(more.session))
  t.equal(ownCaps(session.xeps), ownCaps(session.xeps), 'it is made once')
  const bare = await openSession({ xeps: [] })
  t.equal(`${availablePresence(bare.session)}`, "<presence xmlns='jabber:client'/>")
  t.notMatch(`${unavailablePresence(session)}`, /caps/)
})

t.test('a program of its own says so', async t => {
  const xeps = [...standardXeps({ category: 'client', type: 'bot' }), caps('https://example.com/bot')]
  const { session, far, peer } = await openSession({ xeps })
  t.equal(readCaps(availablePresence(session))?.node, 'https://example.com/bot')
  await playText(
    far,
    `
S: <iq type='get' id='1' from='a@b/c'><query xmlns='http://jabber.org/protocol/disco#info' node='https://example.com/bot#${verOf(session)}'/></iq>
C: <iq type='result' id='1' to='a@b/c'><query xmlns='http://jabber.org/protocol/disco#info' node='https://example.com/bot#${verOf(session)}'>
  <identity category='client' type='bot'/>
  <feature var='http://jabber.org/protocol/caps'/>
  <feature var='http://jabber.org/protocol/disco#info'/>
  <feature var='http://jabber.org/protocol/disco#items'/>
  <feature var='jabber:iq:version'/>
  <feature var='urn:xmpp:ping'/></query></iq>`,
    'bot',
    { peer },
  )
})

t.test('what a presence announces', async t => {
  const read = (c: string) => readCaps(received(`<presence>${c}</presence>`))
  const NS = "xmlns='http://jabber.org/protocol/caps'"
  t.strictSame(read(`<c ${NS} node='n' ver='v' hash='sha-1' ext='voice-v1'/>`), { node: 'n', ver: 'v', hash: 'sha-1' })
  t.strictSame(read(`<c ${NS} node='n' ver='v'/>`), { node: 'n', ver: 'v', hash: undefined })
  t.strictSame(read(`<c ${NS}/>`), { node: '', ver: '', hash: undefined })
  t.equal(read(`<c xmlns='odd' node='n' ver='v' hash='sha-1'/>`), undefined)
})
