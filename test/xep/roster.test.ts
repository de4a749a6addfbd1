import t from 'tap'
import { el } from '../../src/stream/element.ts'
import { availablePresence, readPresence, subscription, unavailablePresence } from '../../src/xep/presence.ts'
import { fetchRoster, type RosterItem, rosterPushes } from '../../src/xep/roster.ts'
import { readXml, show } from '../helper/peer.ts'
import { rejects } from '../helper/rejects.ts'
import { NS_CLIENT, openSession } from '../helper/session.ts'
import { playText } from '../helper/transcript.ts'

t.test('RFC 6121 §2.1.3: the roster', async t => {
  const { session, far, peer } = await openSession()
  const [items] = await Promise.all([
    fetchRoster(session),
    playText(
      far,
      `
C: <iq type='get' id='{id}'><query xmlns='jabber:iq:roster'/></iq>
S: <iq type='result' id='{id}' to='juliet@example.com/balcony'><query xmlns='jabber:iq:roster' ver='ver7'>
  <item jid='Nurse@Example.com' name='Nurse' subscription='both'><group>Servants</group></item>
  <item jid='romeo@example.net/orchard' subscription='from' ask='subscribe'/>
  <item jid='gateway.example.com'/>
  <item jid='a@b@c' subscription='both'/>
  <item subscription='both'/>
  <item jid='odd@example.com' subscription='sideways' ask='please'/>
  <other jid='x@example.com'/>
  <item xmlns='urn:other' jid='y@example.com'/>
  </query></iq>`,
      'roster',
      { peer },
    ),
  ])
  t.same(items, [
    { jid: 'nurse@example.com', name: 'Nurse', subscription: 'both', asked: false },
    { jid: 'romeo@example.net', name: '', subscription: 'from', asked: true },
    { jid: 'gateway.example.com', name: '', subscription: 'none', asked: false },
    { jid: 'odd@example.com', name: '', subscription: 'none', asked: false },
  ])
})

t.test('a roster that is empty, unchanged or refused', async t => {
  for (const [answer, wanted] of [
    ["<iq type='result' id='{id}'><query xmlns='jabber:iq:roster'/></iq>", []],
    ["<iq type='result' id='{id}'/>", []],
  ] as const) {
    const { session, far, peer } = await openSession()
    const script = `C: <iq type='get' id='{id}'><query xmlns='jabber:iq:roster'/></iq>\nS: ${answer}`
    const [items] = await Promise.all([fetchRoster(session), playText(far, script, 'roster', { peer })])
    t.same(items, wanted)
  }
  const { session, far, peer } = await openSession()
  const fetched = fetchRoster(session)
  const script = `C: <iq type='get' id='{id}'><query xmlns='jabber:iq:roster'/></iq>
S: <iq type='error' id='{id}'><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`
  await Promise.all([
    rejects(t, fetched, { name: 'StanzaError', condition: 'not-allowed' }),
    playText(far, script, 'roster', { peer }),
  ])
})

t.test('a stanza may be larger while the roster is awaited, and only then', async t => {
  const query = "<query xmlns='jabber:iq:roster'/>"
  const refusal = "<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
  for (const [usual, meanwhile] of [
    [262_144, 8_388_608],
    [10_000_000, 10_000_000],
  ] as const) {
    for (const [type, payload] of [
      ['result', query],
      ['error', refusal],
    ] as const) {
      const { session, stream, far, peer } = await openSession({ stream: { limits: { stanzaBytes: usual } } })
      const fetched = fetchRoster(session).catch(() => {})
      t.equal(stream.stanzaBytes, meanwhile)
      const script = `C: <iq type='get' id='{id}'>${query}</iq>\nS: <iq type='${type}' id='{id}'>${payload}</iq>`
      await Promise.all([fetched, playText(far, script, 'roster', { peer })])
      t.equal(stream.stanzaBytes, usual, type)
    }
  }
})

t.test('RFC 6121 §2.1.6: pushes, forged ones and absurd ones', async t => {
  const pushed: RosterItem[] = []
  const forged: string[] = []
  const { far, peer } = await openSession({
    xeps: [
      rosterPushes(
        item => void pushed.push(item),
        sender => void forged.push(sender),
      ),
    ],
  })
  const push = (id: string, from: string, items: string): string =>
    `S: <iq type='set' id='${id}'${from}><query xmlns='jabber:iq:roster'>${items}</query></iq>`
  const item = "<item jid='nurse@example.com' subscription='remove'/>"
  await playText(
    far,
    `
${push('1', '', item)}
C: <iq type='result' id='1'/>
${push('2', " from='juliet@example.com'", item)}
C: <iq type='result' id='2' to='juliet@example.com'/>
${push('3', " from='evil@example.com'", item)}
C: <iq type='error' id='3' to='evil@example.com'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
${push('4', " from='juliet@example.com/other'", item)}
C: <iq type='error' id='4' to='juliet@example.com/other'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
${push('5', " from='example.org'", item)}
C: <iq type='error' id='5' to='example.org'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
${push('6', '', '')}
C: <iq type='error' id='6'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
${push('7', '', item + item)}
C: <iq type='error' id='7'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
${push('8', '', "<item jid='a@b@c'/>")}
C: <iq type='error' id='8'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
# Nobody asks a client for its roster.
S: <iq type='get' id='9' from='a@b'><query xmlns='jabber:iq:roster'/></iq>
C: <iq type='error' id='9' to='a@b'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
    'roster push',
    { peer },
  )
  t.same(pushed, Array(2).fill({ jid: 'nurse@example.com', name: '', subscription: 'remove', asked: false }))
  t.same(forged, ['evil@example.com', 'juliet@example.com/other', 'example.org'])
})

t.test('presence out', async t => {
  const { session } = await openSession()
  const same = (element: { toString(): string }, xml: string): void => {
    t.equal(show(readXml(`${element}`, '')), show(readXml(xml, NS_CLIENT)))
  }
  same(availablePresence(session, {}), '<presence/>')
  same(
    availablePresence(session, { show: 'dnd', status: 'in a <call>', priority: -1 }),
    '<presence><status>in a &lt;call&gt;</status><priority>-1</priority><show>dnd</show></presence>',
  )
  same(availablePresence(session, { priority: 0, status: '' }), '<presence><priority>0</priority></presence>')
  same(unavailablePresence(session), "<presence type='unavailable'/>")
  same(unavailablePresence(session, 'bye'), "<presence type='unavailable'><status>bye</status></presence>")
  same(subscription(session, 'subscribe', 'a@b'), "<presence type='subscribe' to='a@b'/>")
  same(
    subscription(session, 'subscribe', 'a@b', 'hi'),
    "<presence type='subscribe' to='a@b'><status>hi</status></presence>",
  )
})

t.test('presence in: what is odd is taken as its default', async t => {
  const presence = (children: Record<string, string>) =>
    readPresence(
      el('presence', NS_CLIENT, {}, ...Object.entries(children).map(([name, text]) => el(name, NS_CLIENT, {}, text))),
    )
  const plain = { show: undefined, status: '', priority: 0 }
  t.same(presence({}), plain)
  t.same(presence({ show: 'xa', status: 'gone', priority: '127' }), { show: 'xa', status: 'gone', priority: 127 })
  t.same(presence({ show: ' away\n', priority: ' -128 ' }), { ...plain, show: 'away', priority: -128 })
  t.same(presence({ priority: '+5' }), { ...plain, priority: 5 }, 'as xs:byte has it')
  t.same(
    presence({ status: ' out,\n back soon ' }),
    { ...plain, status: ' out,\n back soon ' },
    'texts are kept as they are',
  )
  for (const show of ['', 'busy', 'AWAY', 'online', 'constructor']) t.same(presence({ show }), plain, show)
  for (const priority of ['', '128', '-129', '1.5', 'high', 'NaN', 'Infinity', '1e9', '99999999999999999999']) {
    t.same(presence({ priority }), plain, `priority ${priority}`)
  }
  t.same(readPresence(el('presence', NS_CLIENT, {}, el('show', 'urn:other', {}, 'dnd'))), plain, 'in another namespace')
})
