import t from 'tap'
import type { Xep } from '../../src/routes.ts'
import { VERSION } from '../../src/version.ts'
import { featuresOf } from '../../src/xep/0030-disco.ts'
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
