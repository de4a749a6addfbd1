/** An account whose session outlives its connection (XEP-0198 §5). */
import t, { type Test } from 'tap'
import type { Effect } from '../../src/config/index.ts'
import { HandClock, quiet } from '../helper/clock.ts'
import { settled } from '../helper/pair.ts'
import { authentication, bound, clientCaps, clientConfig, presence, roster, script, watched } from './setting.ts'

const header =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='a2' version='1.0'>"
const features = `S: ${header}
S: <stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>
`
const bind = `C: <iq type='set' id='{any}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>
`
const enabled = `S: <enabled xmlns='urn:xmpp:sm:3' id='the id' resume='true' max='60'/>\n`
/** The JID, then `<enable/>` before the roster is asked for. */
const begun = bound.replace('C: <iq', "C: <enable xmlns='urn:xmpp:sm:3' resume='true'/>\nC: <iq")
const bob = "<item jid='bob@example.com' subscription='both'/>"
const login = authentication + features + bind + begun + enabled + roster(bob) + presence
const here = "S: <presence from='bob@example.com/desk'><show>away</show></presence>\n"

/** An account that is connected, knows that bob is away, and has had one stanza from him. */
async function connected(t: Test) {
  const clock = new HandClock()
  const server = await script(t)
  const config = clientConfig(server.port)
  const seen = watched(t, config, { clock, random: () => 1 })
  seen.account.start()
  const first = await server.accept()
  await first.play(login + here)
  await seen.next('presence')
  return { ...seen, ...server, config, clock, first }
}

type Connected = Awaited<ReturnType<typeof connected>>

/** Cuts the connection; the next one is there once the wait is over. */
async function cut({ first, next, clock, accept }: Connected, meanwhile = async () => {}) {
  first.socket.destroy()
  const offline = await next('offline')
  await meanwhile()
  const accepted = accept()
  await clock.advance(offline.retryIn)
  return { offline, second: await accepted }
}

t.test('resumed: nothing is said anew, and what was known is known again', async t => {
  const it = await connected(t)
  const { account, next, states } = it
  t.equal(account.status('bob@example.com'), 3)
  await account.send('bob@example.com', 'on its way')
  await it.first.play(
    `C: <message type='chat' to='bob@example.com' from='juliet@example.com/balcony' id='{any}'><body>on its way</body></message>`,
  )
  const { offline, second } = await cut(it, async () => {
    t.equal(account.status('bob@example.com'), 6, 'while there is no connection nobody is seen')
    await t.rejects(account.send('bob@example.com', 'too early'), { code: 'XMPP_NOT_CONNECTED' })
  })
  t.match(offline, { resumable: true, retryIn: 1000, error: { code: 'XMPP_CONNECTION_LOST' } })
  await second.play(`${authentication}${features}
C: <resume xmlns='urn:xmpp:sm:3' previd='the id' h='2'/>
S: <resumed xmlns='urn:xmpp:sm:3' previd='the id' h='2'/>
C: <message type='chat' to='bob@example.com' from='juliet@example.com/balcony' id='{again}'><body>on its way</body></message>
C: <r xmlns='urn:xmpp:sm:3'/>
S: <a xmlns='urn:xmpp:sm:3' h='3'/>
`)
  t.match(await next('connected', ({ resumed }) => resumed), { jid: 'juliet@example.com/balcony' })
  t.equal(account.status('bob@example.com'), 3, 'though he has not said it again')
  t.equal(account.state, 'Connected')
  t.same(states.slice(-4), ['Connecting', 'Waiting to authenticate', 'Authenticating', 'Connected'])
  await settled()
  t.equal(second.peer.unread, undefined, 'no roster, no presence')
})

t.test('what has changed meanwhile is said when it is resumed', async t => {
  const it = await connected(t)
  const { account, config, next } = it
  const { second } = await cut(it, async () => {
    await account.update({ ...config, statusmessage: 'Back soon' }, new Set<Effect>(['presence']))
  })
  await second.play(`${authentication}${features}
C: <resume xmlns='urn:xmpp:sm:3' previd='the id' h='2'/>
S: <resumed xmlns='urn:xmpp:sm:3' previd='the id' h='2'/>
C: <presence><status>Back soon</status><priority>1</priority>${clientCaps}</presence>
`)
  await next('connected', ({ resumed }) => resumed)
})

t.test('not resumed: a session as the first, and the messages again', async t => {
  const it = await connected(t)
  const { account, next, events } = it
  const id = await account.send('bob@example.com', 'once more')
  await it.first.play(
    `C: <message type='chat' to='bob@example.com' from='juliet@example.com/balcony' id='${id}'><body>once more</body></message>`,
  )
  const { second } = await cut(it)
  await second.play(`${authentication}${features}
C: <resume xmlns='urn:xmpp:sm:3' previd='the id' h='2'/>
S: <failed xmlns='urn:xmpp:sm:3' h='2'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>
${bind}${begun.replace(
  'C: <iq',
  `C: <message type='chat' to='bob@example.com' from='juliet@example.com/balcony' id='${id}'><body>once more</body></message>\nC: <iq`,
)}${enabled}${roster(bob)}${presence}`)
  await next('connected', ({ resumed }) => !resumed)
  t.equal(account.status('bob@example.com'), 6, 'his presence is for his server to tell')
  t.same(
    events.filter(({ type }) => type === 'failed'),
    [],
  )
})

t.test('stopped while it waits: what may not have arrived is told', async t => {
  const it = await connected(t)
  const id = await it.account.send('bob@example.com', 'lost')
  await settled()
  it.first.socket.destroy()
  await it.next('offline')
  await it.account.stop()
  const { stanza, error } = await it.next('failed', event => event.stanza.name === 'message')
  t.same([stanza.attrs.id, error.code], [id, 'XMPP_UNACKNOWLEDGED'])
  t.ok(await quiet(it.clock), 'no timer is left')
})

t.test('lost while the roster was awaited: resumed, and begun as a session is', async t => {
  const clock = new HandClock()
  const server = await script(t)
  const { account, next } = watched(t, clientConfig(server.port), { clock, random: () => 1 })
  account.start()
  const first = await server.accept()
  await first.play(authentication + features + bind + begun + enabled)
  await settled()
  first.socket.destroy()
  const { retryIn, resumable } = await next('offline')
  t.equal(resumable, true)
  const accepted = server.accept()
  await clock.advance(retryIn)
  const second = await accepted
  await second.play(`${authentication}${features}
C: <resume xmlns='urn:xmpp:sm:3' previd='the id' h='0'/>
S: <resumed xmlns='urn:xmpp:sm:3' previd='the id' h='1'/>
C: <iq type='get' id='{roster}'><query xmlns='jabber:iq:roster'/></iq>
${roster(bob)}${presence}`)
  t.equal((await next('connected')).resumed, true)
  t.equal(account.status('bob@example.com'), 6, 'he is in the roster')
})
