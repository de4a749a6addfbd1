/** What real servers were seen to do in their own way, played back: the live tests see it too, where there are servers. */
import t from 'tap'
import { negotiateClient, negotiateComponent } from '../src/negotiate.ts'
import { onEvery } from '../src/routes.ts'
import { plain } from '../src/sasl/plain.ts'
import { Session } from '../src/session.ts'
import { type Element, el } from '../src/stream/element.ts'
import { XmlStream } from '../src/stream/stream.ts'
import { transport } from '../src/stream/transport.ts'
import { ping } from '../src/xep/0199-ping.ts'
import { HandClock } from './helper/clock.ts'
import { pair } from './helper/pair.ts'
import { rejects } from './helper/rejects.ts'
import { play } from './helper/transcript.ts'

t.test('jabberd2: a component whose stanzas come in the namespace of clients', async t => {
  const { near, far } = pair()
  const stream = new XmlStream(transport(near), { ns: 'jabber:component:accept', clock: new HandClock() })
  const played = play(far, 'component-jabberd2.txt')
  played.catch(() => {})
  const negotiated = await negotiateComponent(stream, { domain: 'pbx.example.com', secret: 'test' })
  const messages: Element[] = []
  const listener = onEvery('message', stanza => void messages.push(stanza))
  const session = new Session(stream, negotiated, {
    xeps: [ping, { name: 'listener', routes: [listener] }],
    clock: new HandClock(),
  })
  const asked = session.iq('get', 'example.com', el('q', 'urn:test'))
  const refused = rejects(t, asked, { name: 'StanzaError', condition: 'service-unavailable' }, 'an answer is one')
  const broken = { name: 'StreamError', condition: 'xml-not-well-formed', by: 'peer', text: 'mismatched tag' }
  await rejects(t, session.run(), broken, 'with the name the condition had in RFC 3920')
  await refused
  await played
  t.equal(messages.length, 1)
  t.equal(messages[0]?.childText('body'), 'hi', 'the body is where it belongs')
  const forwarded = messages[0]?.child('forwarded', 'urn:xmpp:forward:0')
  t.equal(
    forwarded?.child('message', 'jabber:client')?.childText('body'),
    'forwarded',
    'what is forwarded is as it was',
  )
})

for (const server of ['prosody', 'ejabberd']) {
  t.test(`${server}: a login, and what it says of a stanza that is too big`, async t => {
    const { near, far } = pair()
    const stream = new XmlStream(transport(near), { ns: 'jabber:client', clock: new HandClock() })
    const played = play(far, `client-${server}.txt`)
    played.catch(() => {})
    const negotiated = await negotiateClient(stream, {
      domain: 'im.example.com',
      resource: 'balcony',
      tls: 'never',
      credentials: async () => ({ username: 'juliet', password: 'r0m30myr0m30' }),
      mechanisms: [plain],
    })
    t.match(negotiated, { jid: 'juliet@im.example.com/balcony', streamId: 's2', mechanism: 'PLAIN' })
    const session = new Session(stream, negotiated, { xeps: [], clock: new HandClock() })
    await rejects(t, session.run(), {
      name: 'StreamError',
      condition: 'policy-violation',
      by: 'peer',
      text: 'XML stanza is too big',
    })
    await played
  })
}
