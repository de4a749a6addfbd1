import t from 'tap'
import { CapsCache } from '../../src/xep/0115-cache.ts'
import { HandClock } from '../helper/clock.ts'
import { clientConfig, login, script, watched } from './setting.ts'

const NS_INFO = 'http://jabber.org/protocol/disco#info'
const buddy = "<item jid='bob@example.com' subscription='both'/>"
const ver = 'QgayPKawpkPSDYmwT/WM94uAlu0='
const c = `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://x.example' ver='${ver}'/>`
const question = (to: string): string =>
  `C: <iq type='get' to='${to}' id='{q}'><query xmlns='${NS_INFO}' node='http://x.example#${ver}'/></iq>\n`
const answer = (from: string): string => `S: <iq type='result' from='${from}' id='{q}'><query xmlns='${NS_INFO}'>
  <identity category='client' type='pc' name='Exodus 0.9.1'/><feature var='http://jabber.org/protocol/caps'/>
  <feature var='${NS_INFO}'/><feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/></query></iq>\n`
const ping = (id: string): string =>
  `S: <iq type='get' id='${id}' from='example.com'><ping xmlns='urn:xmpp:ping'/></iq>\nC: <iq type='result' id='${id}' to='example.com'/>\n`

t.test('what buddies can do is looked up once, and shared by accounts; strangers are not asked', async t => {
  const caps = new CapsCache()
  const { port, accept } = await script(t)
  const clock = new HandClock()
  const one = watched(t, clientConfig(port, 'buddy=bob@example.com'), { clock, caps })
  one.account.start()
  const first = await accept()
  await first.play(login(buddy))
  await one.next('connected')
  await first.play(`S: <presence from='stranger@example.com/x'>${c}</presence>\n${ping('p1')}`)
  await first.play(`S: <presence from='bob@example.com/r'>${c}</presence>\n${question('bob@example.com/r')}`)
  const resource = () => one.account.buddies.get('bob@example.com')?.resources.get('r')
  t.equal(resource()?.capabilities, undefined)
  await first.play(answer('bob@example.com/r') + ping('p2'))
  t.match(resource()?.capabilities, { verified: true })
  t.ok(resource()?.capabilities?.info.features.includes('http://jabber.org/protocol/muc'))
  await first.play(`S: <presence from='bob@example.com/r'><show>away</show>${c}</presence>\n${ping('p3')}`)
  t.match(resource(), { show: 'away', capabilities: { verified: true } }, 'the same is known still')
  await first.play(`S: <presence from='bob@example.com/r'><show>away</show></presence>\n${ping('p4')}`)
  t.equal(resource()?.capabilities, undefined, 'nothing is announced any more')

  const two = watched(t, clientConfig(port, 'buddy=bob@example.com', 'other'), { clock, caps })
  two.account.start()
  const second = await accept()
  await second.play(login(buddy))
  await two.next('connected')
  await second.play(`S: <presence from='bob@example.com/phone'>${c}</presence>\n${ping('p5')}`)
  t.match(two.account.buddies.get('bob@example.com')?.resources.get('phone')?.capabilities, { verified: true })
})

t.test('an answer that comes too late for its presence changes nothing', async t => {
  const { port, accept } = await script(t)
  const { account, next } = watched(t, clientConfig(port, 'buddy=bob@example.com'), { clock: new HandClock() })
  account.start()
  const { play } = await accept()
  await play(login(buddy))
  await next('connected')
  await play(`S: <presence from='bob@example.com/r'>${c}</presence>\n${question('bob@example.com/r')}`)
  await play(`S: <presence from='bob@example.com/r' type='unavailable'/>\n${answer('bob@example.com/r')}${ping('p')}`)
  t.equal(account.buddies.get('bob@example.com')?.resources.size, 0)
})
