/** A session that outlives its connection (XEP-0198 §5): whoever is in already need not come in again. */
import t from 'tap'
import { settled } from '../../helper/pair.ts'
import { authentication, bound, presence, roster } from '../setting.ts'
import { configure, enter, enterBoth, items, publishDevice, rest, setUp, state, subscribe, told } from './stage.ts'

const features = `S: <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='a2' version='1.0'>
S: <stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>
`
const bind = `C: <iq type='set' id='{any}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>
`
const enabled = `S: <enabled xmlns='urn:xmpp:sm:3' id='the id' resume='true' max='60'/>\n`
const begun = bound.replace('C: <iq', "C: <enable xmlns='urn:xmpp:sm:3' resume='true'/>\nC: <iq")
const login = authentication + features + bind + begun + enabled + roster() + presence
/** @param had stanzas that we have had @param got stanzas that the server has had */
const resumed = (had: number, got: number): string =>
  `${authentication}${features}
C: <resume xmlns='urn:xmpp:sm:3' previd='the id' h='${had}'/>
S: <resumed xmlns='urn:xmpp:sm:3' previd='the id' h='${got}'/>
`

t.test('resumed: nothing is subscribed to or read again, and what has changed meanwhile is published', async t => {
  const { account, accept, bus, clock, next, warnings } = await setUp(t)
  account.start()
  const first = await accept()
  await first.play(login + enterBoth(state('a', 'INUSE')))
  bus.setDevice('same', 'INUSE')
  bus.setDevice('changed', 'INUSE')
  await first.play(publishDevice('same', 'INUSE') + publishDevice('changed', 'INUSE') + rest)
  first.socket.destroy()
  const { retryIn, resumable } = await next('offline')
  t.equal(resumable, true)
  bus.setDevice('changed', 'BUSY')
  bus.setDevice('same', 'BUSY')
  bus.setDevice('same', 'INUSE')
  bus.setDevice('new', 'RINGING')
  t.equal(bus.device('a')?.state, 'INUSE')
  await clock.advance(retryIn)
  const second = await accept()
  await second.play(resumed(10, 11) + publishDevice('changed', 'BUSY') + publishDevice('new', 'RINGING') + rest)
  t.equal((await next('connected', ({ resumed }) => resumed)).resumed, true)
  // What the service has told meanwhile comes now.
  await second.play(told('device_state', state('a', 'BUSY')) + rest)
  t.equal(bus.device('a')?.state, 'BUSY')
  await settled()
  t.equal(second.peer.unread, undefined)
  t.strictSame(warnings(), [])
})

t.test('lost while it was read: the answer that was awaited comes, and it is read once more', async t => {
  const { account, accept, bus, clock, next } = await setUp(t)
  account.start()
  const first = await accept()
  const [asked, answered] = items('device_state', state('a', 'INUSE')).split('\n')
  await first.play(`${login}${subscribe('device_state')}${configure('device_state')}${asked}\n`)
  first.socket.destroy()
  await clock.advance((await next('offline')).retryIn)
  const second = await accept()
  const id = /id='([^']*)'/.exec(Buffer.concat(first.peer.chunks).toString().split('<iq').at(-1) ?? '')?.[1] ?? ''
  await second.play(
    `${resumed(3, 5)}${answered?.replace(/\{w[^}]*\}/, id)}\n${enter('message_waiting')}${enter('device_state', state('a', 'BUSY'))}${rest}`,
  )
  t.equal(bus.device('a')?.state, 'BUSY')
})
