import t from 'tap'
import type { Xep } from '../../src/routes.ts'
import { VERSION } from '../../src/version.ts'
import { discoInfo, discoItems, featuresOf } from '../../src/xep/0030-disco.ts'
import { clientIdentity, componentIdentity, standardXeps } from '../../src/xep/index.ts'
import { openSession } from '../helper/session.ts'
import { playText } from '../helper/transcript.ts'

t.test('what a client says about itself', async () => {
  const mine: Xep = { name: 'mine', features: ['urn:mine', 'urn:a-first', 'urn:xmpp:ping'] }
  const { far, peer } = await openSession({ xeps: [...standardXeps(clientIdentity), mine] })
  await playText(
    far,
    `
S: <iq type='get' id='1' from='a@b/c'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
C: <iq type='result' id='1' to='a@b/c'><query xmlns='http://jabber.org/protocol/disco#info'>
  <identity category='client' type='pc' name='res-xmpp'/>
  <feature var='http://jabber.org/protocol/caps'/>
  <feature var='http://jabber.org/protocol/disco#info'/>
  <feature var='http://jabber.org/protocol/disco#items'/>
  <feature var='jabber:iq:version'/>
  <feature var='urn:a-first'/>
  <feature var='urn:mine'/>
  <feature var='urn:xmpp:ping'/>
  </query></iq>
S: <iq type='get' id='2' from='a@b/c'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>
C: <iq type='result' id='2' to='a@b/c'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>
# XEP-0030 §4.4, example 9: we have no nodes
S: <iq type='get' id='3' from='a@b/c'><query xmlns='http://jabber.org/protocol/disco#info' node='x'/></iq>
C: <iq type='error' id='3' to='a@b/c'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
S: <iq type='get' id='4' from='a@b/c'><query xmlns='http://jabber.org/protocol/disco#items' node='x'/></iq>
C: <iq type='error' id='4' to='a@b/c'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
S: <iq type='get' id='5' from='a@b/c'><query xmlns='jabber:iq:version'/></iq>
C: <iq type='result' id='5' to='a@b/c'><query xmlns='jabber:iq:version'><name>res-xmpp</name><version>{version}</version></query></iq>`,
    'disco',
    { peer, words: { version: VERSION } },
  )
})

t.test('what a component says', async () => {
  const { far, peer } = await openSession({ component: true, xeps: standardXeps(componentIdentity) })
  await playText(
    far,
    `
S: <iq type='get' id='1' from='a@b/c' to='100@pbx.example.com'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
C: <iq type='result' id='1' to='a@b/c' from='100@pbx.example.com'><query xmlns='http://jabber.org/protocol/disco#info'>
  <identity category='gateway' type='pstn' name='res-xmpp'/>
  <feature var='http://jabber.org/protocol/caps'/>
  <feature var='http://jabber.org/protocol/disco#info'/>
  <feature var='http://jabber.org/protocol/disco#items'/>
  <feature var='jabber:iq:version'/>
  <feature var='urn:xmpp:ping'/>
  </query></iq>`,
    'disco',
    { peer },
  )
})

t.test('features come once and in order', async t => {
  t.same(featuresOf([{ name: '1', features: ['b', 'a'] }, { name: '2' }, { name: '3', features: ['a', 'c'] }]), [
    'a',
    'b',
    'c',
  ])
})

t.test('asking what somebody is and can do', async t => {
  const { far, peer, session } = await openSession()
  const asked = discoInfo(session, 'romeo@example.com/r', { node: 'n' })
  await playText(
    far,
    `
C: <iq type='get' id='{id}' to='romeo@example.com/r'><query xmlns='http://jabber.org/protocol/disco#info' node='n'/></iq>
S: <iq type='result' id='{id}' from='romeo@example.com/r'><query xmlns='http://jabber.org/protocol/disco#info' node='n'>
  <identity category='client' type='phone' name='R' xml:lang='it'/><identity category='client' type='pc'/>
  <identity category='client'/><identity type='pc'/><identity xmlns='odd' category='a' type='b'/>
  <feature var='urn:b'/><feature var='urn:a'/><feature var='urn:b'/><feature/><feature xmlns='odd' var='odd'/>
  <x xmlns='jabber:x:data' type='result'><title>t</title>
  <field var='FORM_TYPE' type='hidden'><value>urn:form</value></field>
  <field var='f' type='text-multi' label='l'><desc>d</desc><value>1</value><value/></field><field/></x>
  <x xmlns='odd'/></query></iq>`,
    'disco',
    { peer },
  )
  t.strictSame(await asked, {
    identities: [
      { category: 'client', type: 'phone', name: 'R', lang: 'it' },
      { category: 'client', type: 'pc' },
    ],
    features: ['urn:b', 'urn:a', 'urn:b'],
    forms: [
      {
        type: 'result',
        fields: [
          { var: 'FORM_TYPE', type: 'hidden', values: ['urn:form'] },
          { var: 'f', type: 'text-multi', values: ['1', ''] },
          { var: '', type: undefined, values: [] },
        ],
      },
    ],
  })
})

t.test('asking what belongs to somebody, and being refused', async t => {
  const { far, peer, session } = await openSession()
  const [items, none, refused] = [
    discoItems(session, 'example.com'),
    discoInfo(session, undefined),
    discoInfo(session, 'example.com', { node: 'x' }),
  ]
  const caught = refused.catch(error => error)
  await playText(
    far,
    `
C: <iq type='get' id='{one}' to='example.com'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>
C: <iq type='get' id='{two}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
C: <iq type='get' id='{three}' to='example.com'><query xmlns='http://jabber.org/protocol/disco#info' node='x'/></iq>
S: <iq type='result' id='{one}' from='example.com'><query xmlns='http://jabber.org/protocol/disco#items'>
  <item jid='Rooms.example.com' name='Rooms'/><item jid='example.com' node='n'/><item/><item jid='a@'/><odd jid='a@b'/></query></iq>
S: <iq type='result' id='{two}'/>
S: <iq type='error' id='{three}' from='example.com'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
    'disco',
    { peer },
  )
  t.strictSame(await items, [
    { jid: 'rooms.example.com', node: undefined, name: 'Rooms' },
    { jid: 'example.com', node: 'n', name: undefined },
  ])
  t.strictSame(await none, { identities: [], features: [], forms: [] })
  t.match(await caught, { code: 'XMPP_STANZA_ERROR', condition: 'item-not-found' })
})
