/** What buddies can do (XEP-0115). */
import t, { type Test } from 'tap'
import { Buddies } from '../../src/account/buddies.ts'
import { BuddyCapabilities } from '../../src/account/capabilities.ts'
import type { AnnouncedCaps } from '../../src/xep/0115-caps.ts'
import type { Capabilities } from '../../src/xep/0115-lookup.ts'
import { CapsLookup } from '../../src/xep/0115-lookup.ts'
import { verificationString } from '../../src/xep/0115-verification.ts'
import { HandClock, quiet } from '../helper/clock.ts'
import { settled } from '../helper/pair.ts'
import { received } from '../helper/received.ts'
import { openSession } from '../helper/session.ts'
import {
  attachment,
  clientConfig,
  componentCaps,
  componentConfig,
  login,
  type Script,
  script,
  type Watched,
  watched,
} from './setting.ts'

const NS_DISCO = 'http://jabber.org/protocol/disco#info'
const JINGLE = 'urn:xmpp:jingle:1'
const phone = { identities: [{ category: 'client', type: 'phone' }], features: [JINGLE], forms: [] }
const says = `<identity category='client' type='phone'/><feature var='${JINGLE}'/>`
const VER = verificationString(phone)
const c = (ver = VER, hash = "hash='sha-1'"): string =>
  `<c xmlns='http://jabber.org/protocol/caps' ${hash} node='urn:phone' ver='${ver}'/>`
const item = (name: string): string => `<item jid='${name}@example.com' subscription='both'/>`
const question = (of: string, ver = VER): string =>
  `C: <iq type='get' id='{id}' to='${of}'><query xmlns='${NS_DISCO}' node='urn:phone#${ver}'/></iq>\n`
const answer = (of: string, content = says): string =>
  `S: <iq type='result' id='{id}' from='${of}'><query xmlns='${NS_DISCO}'>${content}</query></iq>\n`

/** An account that is logged in, with these on its roster. */
async function connected(t: Test, server: Script, names: readonly string[], caps = new CapsLookup()) {
  const clock = new HandClock()
  const it = watched(t, clientConfig(server.port), { clock, caps, random: () => 1 })
  it.account.start()
  const played = await server.accept()
  await played.play(login(names.map(item).join('')))
  await it.next('connected')
  return { ...it, ...played, clock }
}

function known({ account }: Watched, jid: string): Capabilities | undefined {
  const [bare = '', name = ''] = jid.split('/')
  const resource = account.buddies.get(bare)?.resources.get(name)
  return resource && account.capabilities(resource)
}

/** Nothing more comes over real sockets once what was written behind it has been answered. */
async function nothingMore(play: (dialogue: string) => Promise<void>): Promise<void> {
  await play(`
S: <iq type='get' id='p' from='example.com'><ping xmlns='urn:xmpp:ping'/></iq>
C: <iq type='result' id='p' to='example.com'/>
`)
}

t.test('a buddy is asked once, and known from then on', async t => {
  const it = await connected(t, await script(t), ['romeo', 'nurse'])
  await it.play(`S: <presence from='romeo@example.com/r'>${c()}</presence>
${question('romeo@example.com/r')}`)
  t.equal(known(it, 'romeo@example.com/r'), undefined)
  await it.play(`S: <presence from='romeo@example.com/r'><show>away</show>${c()}</presence>\n`)
  await it.next('presence', ({ show }) => show === 'away')
  await nothingMore(it.play)
})

t.test('what was answered is known, for others too, until they are gone', async t => {
  const it = await connected(t, await script(t), ['romeo', 'nurse'])
  const { play } = it
  await play(`S: <presence from='romeo@example.com/r'>${c()}</presence>
${question('romeo@example.com/r')}${answer('romeo@example.com/r')}
S: <presence from='nurse@example.com/x'>${c()}</presence>
S: <presence from='nurse@example.com/y'/>
S: <presence from='romeo@example.com/r'><show>dnd</show></presence>
`)
  await nothingMore(play)
  for (const jid of ['romeo@example.com/r', 'nurse@example.com/x'])
    t.strictSame(known(it, jid), { info: phone, verified: true }, jid)
  t.equal(known(it, 'nurse@example.com/y'), undefined, 'who has announced nothing can do nothing')
  await play(`S: <presence from='nurse@example.com/x' type='unavailable'/>\n`)
  await nothingMore(play)
  t.equal(known(it, 'nurse@example.com/x'), undefined)
})

t.test('an answer that does not fit is of that resource alone, and it is not asked again', async t => {
  const it = await connected(t, await script(t), ['evil', 'romeo'])
  const { play } = it
  const wrong = "<identity category='client' type='bot'/>"
  await play(`S: <presence from='evil@example.com/r'>${c()}</presence>
S: <presence from='evil@example.com/r'><show>xa</show>${c()}</presence>
${question('evil@example.com/r')}${answer('evil@example.com/r', wrong)}`)
  await nothingMore(play)
  await play(`S: <presence from='evil@example.com/r'><show>away</show>${c()}</presence>
S: <presence from='romeo@example.com/r'>${c()}</presence>
${question('romeo@example.com/r')}`)
  t.match(known(it, 'evil@example.com/r'), { verified: false, info: { identities: [{ type: 'bot' }] } })
  t.equal(known(it, 'romeo@example.com/r'), undefined)
  // The legacy format has no hash to be checked.
  await play(`S: <presence from='evil@example.com/old'>${c('1.0', '')}</presence>
C: <iq type='get' id='{legacy}' to='evil@example.com/old'><query xmlns='${NS_DISCO}'/></iq>
${answer('evil@example.com/old').replace('{id}', '{legacy}')}`)
  await nothingMore(play)
  t.match(known(it, 'evil@example.com/old'), { verified: false, info: { features: [JINGLE] } })
  await play(
    `S: <presence from='evil@example.com/r'>${c('new')}</presence>\n${question('evil@example.com/r', 'new').replace('{id}', '{new}')}`,
  )
  t.equal(known(it, 'evil@example.com/r'), undefined, 'it has announced something else')
})

t.test('strangers are not asked, nor who is not there', async t => {
  const { play } = await connected(t, await script(t), ['romeo'])
  await play(`S: <presence from='stranger@example.com/r'>${c()}</presence>
S: <presence from='romeo@example.com/r' type='unavailable'>${c()}</presence>
S: <presence from='romeo@example.com/r' type='error'>${c()}</presence>
S: <presence from='stranger@example.com' type='subscribe'>${c()}</presence>
C: <presence type='subscribed' to='stranger@example.com'/>
C: <presence type='subscribe' to='stranger@example.com'/>
`)
  await nothingMore(play)
})

t.test('two accounts ask once', async t => {
  const server = await script(t)
  const caps = new CapsLookup()
  const one = await connected(t, server, ['romeo'], caps)
  const two = await connected(t, server, ['nurse'], caps)
  await one.play(`S: <presence from='romeo@example.com/r'>${c()}</presence>\n${question('romeo@example.com/r')}`)
  await two.play(`S: <presence from='nurse@example.com/r'>${c()}</presence>\n`)
  await nothingMore(two.play)
  // Juliet's romeo keeps silent, but the nurse does not.
  await one.clock.advance(3000)
  await two.play(question('nurse@example.com/r') + answer('nurse@example.com/r'))
  await nothingMore(two.play)
  t.ok(known(one, 'romeo@example.com/r')?.verified)
  t.ok(known(two, 'nurse@example.com/r')?.verified)
})

t.test('a component asks from the address that was told', async t => {
  const server = await script(t)
  const it = watched(t, componentConfig(server.port, 'buddy=bob@example.com\nautoregister=no'), {
    clock: new HandClock(),
  })
  it.account.start()
  const { play } = await server.accept()
  await play(`${attachment}
C: <presence from='pbx.example.com' to='bob@example.com'><status>{any}</status><priority>1</priority>${componentCaps}</presence>
S: <presence from='bob@example.com/r' to='sales@pbx.example.com'>${c()}</presence>
${question('bob@example.com/r').replace("type='get'", "type='get' from='sales@pbx.example.com'")}
${answer('bob@example.com/r').replace("type='result'", "type='result' to='sales@pbx.example.com'")}`)
  await it.next('presence')
  await settled()
  await play(`
S: <iq type='get' id='p' from='example.com' to='pbx.example.com'><ping xmlns='urn:xmpp:ping'/></iq>
C: <iq type='result' id='p' to='example.com' from='pbx.example.com'/>
`)
  t.ok(known(it, 'bob@example.com/r')?.verified)
})

t.test('the connection ends in the middle: where the session goes on, so does the question', async t => {
  const server = await script(t)
  const clock = new HandClock()
  const it = watched(t, clientConfig(server.port), { clock, random: () => 1 })
  it.account.start()
  const first = await server.accept()
  const managed = (dialogue: string): string =>
    dialogue
      .replace("-bind'/></stream:features>", "-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>")
      .replace("C: <iq type='get' id='{roster}'>", "C: <enable xmlns='urn:xmpp:sm:3' resume='true'/>\n$&")
      .replace("S: <iq type='result' id='{roster}'>", "S: <enabled xmlns='urn:xmpp:sm:3' id='s' resume='true'/>\n$&")
  await first.play(managed(login(item('romeo'))))
  await it.next('connected')
  await first.play(`S: <presence from='romeo@example.com/r'>${c()}</presence>\n${question('romeo@example.com/r')}`)
  first.socket.destroy()
  await it.next('offline')
  await clock.advance(1000)
  const second = await server.accept()
  const [begin = ''] = managed(login()).split('C: <iq')
  await second.play(`${begin}
C: <resume xmlns='urn:xmpp:sm:3' previd='s' h='2'/>
S: <resumed xmlns='urn:xmpp:sm:3' previd='s' h='2'/>
${question('romeo@example.com/r')}C: <r xmlns='urn:xmpp:sm:3'/>
S: <a xmlns='urn:xmpp:sm:3' h='3'/>
${answer('romeo@example.com/r')}`)
  await it.next('connected', ({ resumed }) => resumed)
  await nothingMore(second.play)
  t.ok(known(it, 'romeo@example.com/r')?.verified)
})

t.test('a new session knows nothing of those before', async t => {
  const server = await script(t)
  const it = await connected(t, server, ['romeo'])
  await it.play(`S: <presence from='romeo@example.com/r'>${c()}</presence>\n${question('romeo@example.com/r')}`)
  it.socket.destroy()
  await it.next('offline')
  await it.clock.advance(1000)
  const { play } = await server.accept()
  await play(login(item('romeo')))
  await nothingMore(play)
  await play(`S: <presence from='romeo@example.com/r'>${c()}</presence>\n${question('romeo@example.com/r')}`)
  const stopped = it.account.stop()
  await it.clock.advance(5000)
  await stopped
  t.ok(await quiet(it.clock), 'no timer is left')
})

t.test('what cannot be checked takes only so much memory: the oldest of it goes first', async t => {
  const features = [JINGLE.repeat(16_000)]
  class Tells extends CapsLookup {
    override lookup(): Promise<Capabilities> {
      return Promise.resolve({ info: { ...phone, features }, verified: false })
    }
  }
  const all = new BuddyCapabilities(new Tells())
  const buddies = new Buddies()
  buddies.push({ jid: 'romeo@example.com', name: '', subscription: 'both', asked: false })
  const { session } = await openSession()
  const announced = []
  for (let n = 0; n < 50; n++) {
    const from = `romeo@example.com/${n}`
    buddies.presence(from, received(`<presence>${c('1', '')}</presence>`))
    await all.see(session, buddies, from)
    announced.push(buddies.get('romeo@example.com')?.resources.get(`${n}`)?.caps as AnnouncedCaps)
  }
  const kept = announced.map(each => all.of(each) !== undefined)
  // Of two bytes a character in 4 MiB.
  t.strictSame(kept, [...Array(43).fill(false), ...Array(7).fill(true)])
})
