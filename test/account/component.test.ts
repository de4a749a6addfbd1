/** A component account: every address of its domain can be asked, and buddies may register. */
import t, { type Test } from 'tap'
import type { AccountConfig } from '../../src/config/account.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { HandClock } from '../helper/clock.ts'
import { accounts, attachment, clientConfig, componentConfig, login, script, watched } from './setting.ts'

const NS = "xmlns='jabber:iq:register'"
const stanzas = 'urn:ietf:params:xml:ns:xmpp-stanzas'

/** A component account with the buddy bob, whose own requests and presence have been played. */
async function attached(t: Test) {
  const { port, accept } = await script(t)
  const all = watched(t, componentConfig(port, 'buddy=bob@example.com'), { clock: new HandClock() })
  all.account.start()
  const { play } = await accept()
  await play(`${attachment}
C: <presence from='pbx.example.com' to='bob@example.com'><status>{any}</status><priority>1</priority><caps/></presence>
C: <presence type='subscribe' from='pbx.example.com' to='bob@example.com'><status>{any}</status></presence>
`)
  await all.next('connected')
  return { ...all, play }
}

t.test('any user part and resource answers, from where it was asked', async t => {
  const { play } = await attached(t)
  const info = 'http://jabber.org/protocol/disco#info'
  for (const asked of ['pbx.example.com', 'pbx.example.com/x', '6001@pbx.example.com', '6001@pbx.example.com/desk'])
    await play(`
S: <iq type='get' id='p' from='eve@example.com/r' to='${asked}'><ping xmlns='urn:xmpp:ping'/></iq>
C: <iq type='result' id='p' to='eve@example.com/r' from='${asked}'/>
S: <iq type='get' id='d' from='eve@example.com/r' to='${asked}'><query xmlns='${info}'/></iq>
C: <iq type='result' id='d' to='eve@example.com/r' from='${asked}'><query xmlns='${info}'>
  <identity category='gateway' type='pstn' name='res-xmpp'/>
  <feature var='http://jabber.org/protocol/caps'/>
  <feature var='${info}'/>
  <feature var='http://jabber.org/protocol/disco#items'/>
  <feature var='jabber:iq:register'/>
  <feature var='jabber:iq:version'/>
  <feature var='urn:xmpp:ping'/></query></iq>
S: <iq type='get' id='u' from='eve@example.com/r' to='${asked}'><query xmlns='jabber:iq:gateway'/></iq>
C: <iq type='error' id='u' to='eve@example.com/r' from='${asked}'><error type='cancel'><service-unavailable xmlns='${stanzas}'/></error></iq>
`)
  t.pass('all four')
})

t.test('buddies may register, and no one else', async t => {
  const { account, next, play } = await attached(t)
  await play(`
S: <iq type='get' id='1' from='eve@example.com/r' to='pbx.example.com'><query ${NS}/></iq>
C: <iq type='error' id='1' to='eve@example.com/r' from='pbx.example.com'><error type='modify'>
  <not-acceptable xmlns='${stanzas}'/><text xmlns='${stanzas}'>{any}</text></error></iq>
S: <iq type='get' id='2' from='bob@example.com/r' to='pbx.example.com'><query ${NS}/></iq>
C: <iq type='result' id='2' to='bob@example.com/r' from='pbx.example.com'><query ${NS}><instructions>{any}</instructions></query></iq>
S: <iq type='set' id='3' from='bob@example.com/r' to='pbx.example.com'><query ${NS}/></iq>
C: <iq type='result' id='3' to='bob@example.com/r' from='pbx.example.com'/>
C: <presence type='subscribe' from='pbx.example.com' to='bob@example.com'/>
S: <presence type='subscribed' from='bob@example.com' to='pbx.example.com'/>
C: <presence type='probe' from='pbx.example.com' to='bob@example.com'/>
`)
  await next('subscription')
  await play(`
S: <presence from='bob@example.com/r' to='pbx.example.com'/>
S: <iq type='get' id='4' from='bob@example.com/r' to='pbx.example.com'><query ${NS}/></iq>
C: <iq type='result' id='4' to='bob@example.com/r' from='pbx.example.com'><query ${NS}><registered/><instructions>{any}</instructions></query></iq>
`)
  t.equal(account.status('bob@example.com'), 1)
  await play(`
S: <iq type='set' id='5' from='bob@example.com/r' to='pbx.example.com'><query ${NS}><remove/></query></iq>
C: <iq type='result' id='5' to='bob@example.com/r' from='pbx.example.com'/>
C: <presence type='unsubscribe' from='pbx.example.com' to='bob@example.com'/>
C: <presence type='unsubscribed' from='pbx.example.com' to='bob@example.com'/>
C: <presence type='unavailable' from='pbx.example.com' to='bob@example.com'/>
`)
  t.match(account.buddies.get('bob@example.com'), { subscription: 'none', configured: true })
  t.equal(account.status('bob@example.com'), 6, 'whose presence is nobody’s business any more')
})

t.test('a component that is started anew sees who let it see him before', async t => {
  const users = { 'bob@example.org': 'secret' }
  const server = await startLoopback({ users, components: { 'pbx.example.com': 'secret' }, starttls: 'none' })
  t.teardown(() => server.stop())
  const [bob, config] = accounts(
    `[bob]
username=bob@example.org/r
secret=secret
serverhost=127.0.0.1
port=${server.port}
usetls=no
buddy=pbx.example.com
[pbx]
type=component
username=pbx.example.com
secret=secret
serverhost=127.0.0.1
port=${server.componentPort}
buddy=bob@example.org`,
    server.ca,
  ) as [AccountConfig, AccountConfig]
  const client = watched(t, bob)
  client.account.start()
  await client.next('connected')
  for (const run of ['first', 'second']) {
    const { account, next } = watched(t, config)
    account.start()
    await next('presence', ({ from }) => from === 'bob@example.org/r')
    t.equal(account.status('bob@example.org'), 1, run)
    await account.stop()
  }
})

t.test('a client has no registration to offer: that is its server’s', async t => {
  const { port, accept } = await script(t)
  const { account, next } = watched(t, clientConfig(port, 'buddy=bob@example.com\nautoregister=no'), {
    clock: new HandClock(),
  })
  account.start()
  const { play } = await accept()
  await play(login())
  await next('connected')
  await play(`
S: <iq type='get' id='1' from='bob@example.com/r'><query ${NS}/></iq>
C: <iq type='error' id='1' to='bob@example.com/r'><error type='cancel'><service-unavailable xmlns='${stanzas}'/></error></iq>
`)
  t.pass()
})

t.test('directly over TLS, as forceoldssl says', async t => {
  const server = await startLoopback({ components: { 'pbx.example.com': 'secret' } })
  t.teardown(() => server.stop())
  const lines = `type=component\nusername=pbx.example.com\nsecret=secret\nserverhost=127.0.0.1\nport=${server.componentTlsPort}`
  const [config] = accounts(`[asterisk]\n${lines}\nforceoldssl=yes\ntls_cafile=ca.pem\n`, server.ca)
  if (config === undefined) throw new Error('no account')
  const { account, next } = watched(t, config)
  account.start()
  t.match(await next('connected'), { jid: 'pbx.example.com', tls: /^TLSv1\./, mechanism: 'handshake' })
  await account.stop()
})
