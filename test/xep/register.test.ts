import t from 'tap'
import { StanzaError } from '../../src/errors.ts'
import { disco } from '../../src/xep/0030-disco.ts'
import { type RegisterOptions, type Registration, register } from '../../src/xep/0077-register.ts'
import { componentIdentity } from '../../src/xep/index.ts'
import { settled } from '../helper/pair.ts'
import { openSession } from '../helper/session.ts'
import { playText } from '../helper/transcript.ts'

const NS = "xmlns='jabber:iq:register'"
const stanzas = 'urn:ietf:params:xml:ns:xmpp-stanzas'

const refused = (id: string, type: string, condition: string, from = 'aim.example.com', text = ''): string =>
  `C: <iq type='error' id='${id}' to='romeo@example.com/orchard' from='${from}'><error type='${type}'><${condition} xmlns='${stanzas}'/>${
    text && `<text xmlns='${stanzas}'>${text}</text>`
  }</error></iq>`

/** A gateway, played. */
async function gateway(options: Partial<RegisterOptions> = {}) {
  const done: [what: string, registration: Omit<Registration, 'session'>][] = []
  const note =
    (what: string) =>
    ({ session: _, ...registration }: Registration): void =>
      void done.push([what, registration])
  const settings = {
    allowed: (jid: string) => jid === 'romeo@example.com',
    instructions: 'Who are you there?',
    onRegister: note('in'),
    onRemove: note('out'),
    ...options,
  }
  const opened = await openSession({
    component: true,
    jid: 'aim.example.com',
    xeps: [disco(componentIdentity), register(settings)],
  })
  return { ...opened, done, play: (dialogue: string) => playText(opened.far, dialogue, 'register', opened) }
}

t.test('XEP-0100 §4.1 and §4.3, from the form to the end', async t => {
  const here = new Set<string>()
  const { play, done } = await gateway({
    fields: ['username', 'password'],
    registered: jid => here.has(jid),
    onRegister: async ({ jid, fields, address }) => {
      await settled()
      done.push(['in', { jid, fields, address }])
      here.add(jid)
    },
  })
  await play(`
S: <iq type='get' id='1' from='Romeo@Example.com/orchard' to='aim.example.com'><query ${NS}/></iq>
C: <iq type='result' id='1' to='Romeo@Example.com/orchard' from='aim.example.com'><query ${NS}>
  <instructions>Who are you there?</instructions><username/><password/></query></iq>
S: <iq type='set' id='2' from='romeo@example.com/orchard' to='aim.example.com'><query ${NS}>
  <username>RomeoMyRomeo</username><password>ILoveJuliet</password><email>x</email></query></iq>
C: <iq type='result' id='2' to='romeo@example.com/orchard' from='aim.example.com'/>
C: <presence type='subscribe' from='aim.example.com' to='romeo@example.com'/>
# what was filled in stays here
S: <iq type='get' id='3' from='romeo@example.com/orchard' to='aim.example.com'><query ${NS}/></iq>
C: <iq type='result' id='3' to='romeo@example.com/orchard' from='aim.example.com'><query ${NS}>
  <registered/><instructions>Who are you there?</instructions><username/><password/></query></iq>
S: <iq type='set' id='4' from='romeo@example.com/orchard' to='aim.example.com'><query ${NS}><remove/></query></iq>
C: <iq type='result' id='4' to='romeo@example.com/orchard' from='aim.example.com'/>
C: <presence type='unsubscribe' from='aim.example.com' to='romeo@example.com'/>
C: <presence type='unsubscribed' from='aim.example.com' to='romeo@example.com'/>
C: <presence type='unavailable' from='aim.example.com' to='romeo@example.com'/>`)
  const who = { jid: 'romeo@example.com', address: 'aim.example.com' }
  t.strictSame(done, [
    ['in', { ...who, fields: { username: 'RomeoMyRomeo', password: 'ILoveJuliet' } }],
    ['out', { ...who, fields: {} }],
  ])
})

t.test('who may not is refused, whatever is asked, and nothing comes of it', async t => {
  const { play, done } = await gateway()
  const text = 'registration is for those who are known here'
  const stranger = (id: string, type: string, content: string): string => `
S: <iq type='${type}' id='${id}' from='eve@example.com/orchard' to='aim.example.com'><query ${NS}>${content}</query></iq>
${refused(id, 'modify', 'not-acceptable', 'aim.example.com', text).replace('romeo@', 'eve@')}`
  await play(stranger('1', 'get', '') + stranger('2', 'set', '') + stranger('3', 'set', '<remove/>'))
  await settled()
  t.strictSame(done, [])
})

t.test('nobody leaves who is known not to be there', async t => {
  for (const [registered, may] of [
    [() => false, false],
    [() => true, true],
    [() => undefined, true],
  ] as const) {
    const { play, done } = await gateway({ registered, presence: false })
    await play(`
S: <iq type='set' id='1' from='romeo@example.com/orchard' to='aim.example.com'><query ${NS}><remove/></query></iq>
${may ? "C: <iq type='result' id='1' to='romeo@example.com/orchard' from='aim.example.com'/>" : refused('1', 'auth', 'registration-required')}`)
    t.equal(done.length, may ? 1 : 0)
  }
})

t.test('a form that is not filled in, and one that is refused', async t => {
  let reason: Error = new StanzaError('cancel', 'conflict', 'that name is taken')
  const { play, done } = await gateway({
    fields: ['username'],
    onRegister: () => {
      throw reason
    },
  })
  const set = (id: string, content: string): string =>
    `S: <iq type='set' id='${id}' from='romeo@example.com/orchard' to='aim.example.com'><query ${NS}>${content}</query></iq>\n`
  await play(`
${set('1', '')}${refused('1', 'modify', 'not-acceptable', 'aim.example.com', 'username is missing')}
${set('2', '<username/>')}${refused('2', 'modify', 'not-acceptable', 'aim.example.com', 'username is missing')}
${set('3', '<username>x</username>')}${refused('3', 'cancel', 'conflict', 'aim.example.com', 'that name is taken')}
# nobody leaves by a form with something else in it (XEP-0077 §3.2)
${set('4', '<remove/><username>x</username>')}${refused('4', 'modify', 'bad-request')}`)
  reason = new StanzaError('wait', 'remote-server-timeout')
  await play(`${set('5', '<username>x</username>')}${refused('5', 'wait', 'remote-server-timeout')}`)
  t.strictSame(done, [], 'and so no presence either')
})

t.test('it answers from the address asked, and the presence is its bare JID', async t => {
  const { play, done } = await gateway()
  const asked = 'line1@aim.example.com/desk'
  await play(`
S: <iq type='set' id='1' from='romeo@example.com/orchard' to='${asked}'><query ${NS}/></iq>
C: <iq type='result' id='1' to='romeo@example.com/orchard' from='${asked}'/>
C: <presence type='subscribe' from='line1@aim.example.com' to='romeo@example.com'/>
S: <iq type='get' id='2' from='romeo@example.com/orchard' to='${asked}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
C: <iq type='result' id='2' to='romeo@example.com/orchard' from='${asked}'><query xmlns='http://jabber.org/protocol/disco#info'>
  <identity category='gateway' type='pstn' name='res-xmpp'/>
  <feature var='http://jabber.org/protocol/disco#info'/>
  <feature var='http://jabber.org/protocol/disco#items'/>
  <feature var='jabber:iq:register'/></query></iq>`)
  t.equal(done[0]?.[1].address, 'line1@aim.example.com')
})

t.test('without presence, if that is wanted', async () => {
  const { play } = await gateway({ presence: false })
  await play(`
S: <iq type='set' id='1' from='romeo@example.com/orchard' to='aim.example.com'><query ${NS}/></iq>
C: <iq type='result' id='1' to='romeo@example.com/orchard' from='aim.example.com'/>
S: <iq type='set' id='2' from='romeo@example.com/orchard' to='aim.example.com'><query ${NS}><remove/></query></iq>
C: <iq type='result' id='2' to='romeo@example.com/orchard' from='aim.example.com'/>`)
  await settled()
  await play(`
S: <iq type='get' id='3' from='romeo@example.com/orchard' to='aim.example.com'><q xmlns='urn:test'/></iq>
${refused('3', 'cancel', 'service-unavailable')}`)
})

t.test('a stream that ends before the presence is sent is nobody’s error', async t => {
  const { peer, running, session } = await gateway()
  const warnings: unknown[] = []
  const warned = (warning: unknown): void => void warnings.push(warning)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  peer.write(
    `<iq type='set' id='1' from='romeo@example.com/o' to='aim.example.com'><query ${NS}/></iq></stream:stream>`,
  )
  await running
  await settled()
  t.notOk(session.writable)
  t.strictSame(warnings, [])
})
