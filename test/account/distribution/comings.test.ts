import t from 'tap'
import { Buddies } from '../../../src/account/buddies.ts'
import { Comings } from '../../../src/account/distribution/comings.ts'
import { el } from '../../../src/stream/element.ts'
import { ASTERISK_NODE, NS_CAPS } from '../../../src/xep/0115-caps.ts'
import { HandClock } from '../../helper/clock.ts'

/** Comings, who is told of, and presence as it is taken by an account. */
function setUp() {
  const clock = new HandClock()
  const buddies = new Buddies()
  buddies.configure(['two@example.com', 'three@example.com'])
  buddies.roster([{ jid: 'friend@example.com', name: '', subscription: 'both', asked: false }])
  const told: boolean[] = []
  const comings = new Comings(buddies, clock, all => void told.push(all))
  const presence = (from: string, type?: 'unavailable', caps?: Record<string, string>): void => {
    const children = caps === undefined ? [] : [el('c', NS_CAPS, caps)]
    buddies.presence(from, el('presence', 'jabber:client', { from, type }, ...children))
    comings.presence(from, type === undefined)
  }
  return { clock, comings, presence, told }
}

t.test('several that come at one time are told once, after a pause', async t => {
  const { clock, presence, told } = setUp()
  presence('two@example.com/pbx')
  presence('three@example.com/pbx')
  await clock.advance(2999)
  t.strictSame(told, [])
  await clock.advance(1)
  t.strictSame(told, [false])
  presence('two@example.com/pbx')
  await clock.advance(10_000)
  t.strictSame(told, [false], 'who is there already does not come')
  presence('two@example.com/pbx', 'unavailable')
  await clock.advance(10_000)
  t.strictSame(told, [false])
  presence('two@example.com/pbx')
  await clock.advance(3000)
  t.strictSame(told, [false, false])
  t.equal(clock.pending, 0)
})

t.test('nobody but buddies of the configuration', async t => {
  const { clock, presence, told } = setUp()
  presence('friend@example.com/home')
  presence('stranger@example.com/x')
  await clock.advance(10_000)
  t.strictSame(told, [])
})

t.test('a res_xmpp is told by what it announces', async t => {
  const { clock, presence, told } = setUp()
  presence('two@example.com/asterisk', undefined, { node: ASTERISK_NODE, ver: 'asterisk-xmpp', ext: 'voice-v1' })
  await clock.advance(3000)
  presence('three@example.com/pbx', undefined, { node: ASTERISK_NODE, ver: 'abc=', hash: 'sha-1' })
  await clock.advance(3000)
  t.strictSame(told, [true, false])
})

t.test('a connection that is lost forgets who was there', async t => {
  const { clock, comings, presence, told } = setUp()
  presence('two@example.com/pbx')
  comings.clear()
  t.equal(clock.pending, 0)
  presence('two@example.com/pbx')
  await clock.advance(3000)
  t.strictSame(told, [false])
})
