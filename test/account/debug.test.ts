import t from 'tap'
import { maskSecrets } from '../../src/account/debug.ts'
import type { Element } from '../../src/stream/element.ts'
import { Parser } from '../../src/stream/parser.ts'

/** One stanza as the parser makes it. */
function parse(xml: string): Element {
  const parser = new Parser({})
  parser.push(
    Buffer.from(`<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>${xml}`),
  )
  const event = [parser.next(), parser.next()][1]
  if (event?.type !== 'element') throw new Error(`not one element: ${xml}`)
  return event.element
}

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'

t.test('whatever could be a password, or be turned into one, is masked', async t => {
  const cases: [what: string, xml: string][] = [
    ['SASL initial response', `<auth xmlns='${SASL}' mechanism='PLAIN'>HUNTER2</auth>`],
    ['SASL response', `<response xmlns='${SASL}'>HUNTER2</response>`],
    ['SASL challenge', `<challenge xmlns='${SASL}'>HUNTER2</challenge>`],
    ['SASL success', `<success xmlns='${SASL}'>HUNTER2</success>`],
    ['something in it', `<auth xmlns='${SASL}'><x xmlns='y'>HUNTER2</x></auth>`],
    ['several pieces', `<auth xmlns='${SASL}'>HUNTER2<x xmlns='y'/>HUNTER2</auth>`],
    ['SASL2', `<authenticate xmlns='urn:xmpp:sasl:2'><initial-response>HUNTER2</initial-response></authenticate>`],
    ['SASL2 response', `<response xmlns='urn:xmpp:sasl:2'>HUNTER2</response>`],
    ['SASL2 success', `<success xmlns='urn:xmpp:sasl:2'><additional-data>HUNTER2</additional-data></success>`],
    ['component handshake', `<handshake xmlns='jabber:component:accept'>HUNTER2</handshake>`],
    ['handshake in the wrong namespace', `<handshake>HUNTER2</handshake>`],
    [
      'XEP-0078 password',
      `<iq type='set' id='1'><query xmlns='jabber:iq:auth'><username>bob</username><password>HUNTER2</password></query></iq>`,
    ],
    ['XEP-0078 digest', `<iq type='set' id='1'><query xmlns='jabber:iq:auth'><digest>HUNTER2</digest></query></iq>`],
    ['XEP-0077 password', `<iq><query xmlns='jabber:iq:register'><password>HUNTER2</password></query></iq>`],
    [
      'XEP-0077 with a form',
      `<iq><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data'><field var='password'><value>HUNTER2</value></field></x></query></iq>`,
    ],
    [
      'a private field of any form',
      `<iq><x xmlns='jabber:x:data'><field type='text-private' var='pin'><value>HUNTER2</value></field></x></iq>`,
    ],
    [
      'a room password (XEP-0045)',
      `<presence><x xmlns='http://jabber.org/protocol/muc'><password>HUNTER2</password></x></presence>`,
    ],
    ['an odd namespace', `<message><password xmlns='odd'>HUNTER2</password></message>`],
    ['deep down', `<message><a><b><c xmlns='z'><password>HUNTER2</password></c></b></a></message>`],
    ['inside a secret', `<message><password><b>HUNTER2</b><c><d xmlns='z'>HUNTER2</d></c></password></message>`],
    [
      'a field that does not say it is private',
      `<iq><x xmlns='jabber:x:data'><field var='muc#roomconfig_roomsecret'><value>HUNTER2</value></field></x></iq>`,
    ],
    [
      'a FAST token (XEP-0484)',
      `<message><token xmlns='urn:xmpp:fast:0' expiry='2026-01-01T00:00:00Z' token='HUNTER2'/></message>`,
    ],
    ['CDATA', `<message><password><![CDATA[HUNTER2]]></password></message>`],
    ['prefixed', `<message xmlns:p='odd'><p:password>HUNTER2</p:password></message>`],
    ['attributes of a challenge', `<challenge xmlns='${SASL}' was='HUNTER2' mechanism='HUNTER2' id='HUNTER2'/>`],
    [
      'text of a challenge',
      `<challenge xmlns='${SASL}'><text>HUNTER2</text><mechanism>HUNTER2</mechanism></challenge>`,
    ],
    ['a text below nothing', `<text xmlns='${SASL}'>HUNTER2</text>`],
    ['attributes of what is no SASL in it', `<success xmlns='${SASL}'><x xmlns='y' was='HUNTER2'/></success>`],
    [
      'what is public elsewhere',
      `<response xmlns='urn:xmpp:sasl:2'><software>HUNTER2</software><authorization-identifier>HUNTER2</authorization-identifier></response>`,
    ],
    ['a tag that is no resource', `<auth xmlns='${SASL}'><tag xmlns='urn:xmpp:bind:0'>HUNTER2</tag></auth>`],
    [
      'an OAuth token',
      `<iq><q xmlns='o'><refresh_token>HUNTER2</refresh_token><access_token>HUNTER2</access_token></q></iq>`,
    ],
  ]
  for (const [what, xml] of cases) {
    const element = parse(xml)
    const before = `${element}`
    t.notMatch(`${maskSecrets(element)}`, /HUNTER2/, what)
    t.match(`${maskSecrets(element)}`, /\[masked\]/, what)
    t.equal(`${element}`, before, 'the element itself stays as it is')
  }
})

t.test('what is no secret is shown', async t => {
  const cases = [
    `<message to='a@x' id='1'><body>hello, my word is PASSWORD</body><x xmlns='y'>text<z/></x></message>`,
    `<presence><status>here</status><priority>1</priority></presence>`,
    `<iq type='get' id='1'><query xmlns='jabber:iq:roster'><item jid='a@x' name='A'><group>G</group></item></query></iq>`,
    `<failure xmlns='${SASL}'><not-authorized/><text xml:lang='en'>wrong, and why</text></failure>`,
    `<mechanisms xmlns='${SASL}'><mechanism>PLAIN</mechanism><mechanism>SCRAM-SHA-1</mechanism></mechanisms>`,
    `<abort xmlns='${SASL}'/>`,
    `<auth xmlns='${SASL}' mechanism='X-OAUTH2' xmlns:g='http://www.google.com/talk/protocol/auth' g:service='oauth2'/>`,
    `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><user-agent id='d4565fa7'><software>res-xmpp</software></user-agent><bind xmlns='urn:xmpp:bind:0'><tag>res-xmpp</tag><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind></authenticate>`,
    `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>a@x/r</authorization-identifier><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='4' resume='true'/></bound></success>`,
    `<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline><bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:sm:3'/></inline></bind></inline></authentication>`,
    `<success xmlns='${SASL}'/>`,
    `<iq type='result'><x xmlns='jabber:x:data'><field var='name'><value>shown</value></field></x></iq>`,
  ]
  for (const xml of cases) t.equal(`${maskSecrets(parse(xml))}`, `${parse(xml)}`, xml)
})

t.test('everything around a secret is shown', async t => {
  const xml = `<iq type='set' id='1'><query xmlns='jabber:iq:auth'><username>bob</username><password>p</password><resource>r</resource></query></iq>`
  t.equal(`${maskSecrets(parse(xml))}`, `${parse(xml.replace('>p<', '>[masked]<'))}`)
  t.match(`${maskSecrets(parse(`<auth xmlns='${SASL}' mechanism='PLAIN'>AGJvYg==</auth>`))}`, /mechanism='PLAIN'/)
})
