/** Whom a component owes the changes of its presence, beside its buddies. */
import t, { type Test } from 'tap'
import { Watchers } from '../../src/account/watchers.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { HandClock } from '../helper/clock.ts'
import { attachment, componentConfig, script, watched } from './setting.ts'

const content: Record<string, string> = {
  available: '<status>Online and Available</status><priority>1</priority><caps/>',
  dnd: '<status>busy</status><priority>1</priority><show>dnd</show><caps/>',
  away: '<status>out</status><priority>1</priority><show>away</show><caps/>',
}
const told = (how: string, from: string, to: string): string =>
  how in content
    ? `C: <presence from='${from}' to='${to}'>${content[how]}</presence>\n`
    : `C: <presence type='${how}' from='${from}' to='${to}'/>\n`
const says = (type: string, from: string, to: string): string =>
  `S: <presence type='${type}' from='${from}' to='${to}'/>\n`
/** What would come before its answer has come. */
const ping = `S: <iq type='get' id='p' from='example.com' to='pbx.example.com'><ping xmlns='urn:xmpp:ping'/></iq>
C: <iq type='result' id='p' to='example.com' from='pbx.example.com'/>\n`
const [pbx, ann, bob] = ['pbx.example.com', 'ann@example.org', 'bob@example.org']

async function attached(t: Test, lines: string, greetings = '') {
  const { port, accept } = await script(t)
  const all = watched(t, componentConfig(port, `autoregister=no\n${lines}`), { clock: new HandClock() })
  all.account.start()
  const { play } = await accept()
  await play(attachment + greetings)
  await all.next('connected')
  const update = (lines: string, ...effects: ('presence' | 'buddies' | 'live')[]): Promise<void> =>
    all.account.update(componentConfig(port, `autoregister=no\n${lines}`), new Set(effects))
  return { ...all, play, update }
}

t.test('who is a buddy as well is told once', async t => {
  const { account, play, update } = await attached(t, '')
  const subscribed = says('subscribe', ann, pbx) + told('subscribed', pbx, ann) + told('available', pbx, ann)
  await play(subscribed)
  await update(`buddy=${ann}\nbuddy=${bob}\nstatus=dnd\nstatusmessage=busy`, 'presence', 'buddies')
  await play(told('dnd', pbx, ann) + told('dnd', pbx, bob) + ping)
  account.show({ status: 'away', statusmessage: 'out' })
  await play(told('away', pbx, ann) + told('away', pbx, bob) + ping)
  // She has asked to see us, and stays; he has not.
  await update('', 'buddies')
  await play(told('unavailable', pbx, bob) + ping)
  account.show({ status: 'dnd', statusmessage: 'busy' })
  await play(told('dnd', pbx, ann) + ping)
  const stopped = account.stop()
  await play(`${told('unavailable', pbx, ann)}C: </stream:stream>\nS: </stream:stream>\n`)
  await stopped
})

t.test('who is refused is told no more', async t => {
  const extension = '6001@pbx.example.com'
  const { account, play, update } = await attached(t, `buddy=${bob}`, told('available', pbx, bob))
  for (const [who, address] of [
    [ann, pbx],
    [ann, extension],
    [bob, extension],
  ] as const)
    await play(says('subscribe', who, address) + told('subscribed', address, who) + told('available', address, who))
  await update(`buddy=${bob}\nauth_policy=deny`, 'live')
  account.show({ status: 'dnd', statusmessage: 'busy' })
  await play(told('dnd', pbx, bob) + told('dnd', extension, bob) + ping)
  await play(says('probe', ann, extension) + told('unsubscribed', extension, ann))
  await play(says('subscribe', bob, extension) + told('unsubscribed', extension, bob))
  await update(`buddy=${bob}`, 'live')
  account.show({ status: 'away', statusmessage: 'out' })
  await play(told('away', pbx, bob) + told('away', pbx, ann) + ping)
})

t.test('what leaves by one of its users is nothing of the domain', async t => {
  const { account, play } = await attached(t, `buddy=${bob}`, told('available', pbx, bob))
  await play(says('subscribed', bob, pbx) + told('probe', pbx, bob))
  const remove = (id: string, address: string): string => `
S: <iq type='set' id='${id}' from='${bob}/r' to='${address}'><query xmlns='jabber:iq:register'><remove/></query></iq>
C: <iq type='result' id='${id}' to='${bob}/r' from='${address}'/>
${['unsubscribe', 'unsubscribed', 'unavailable'].map(type => told(type, address, bob)).join('')}`
  await play(remove('1', '6001@pbx.example.com'))
  t.equal(account.buddies.get(bob)?.subscription, 'to')
  await play(remove('2', pbx))
  t.equal(account.buddies.get(bob)?.subscription, 'none')
})

t.test('how many there are is bounded, and how much they are; who came first goes first', t => {
  const watchers = new Watchers()
  const count = (): number => [...watchers].length
  for (let n = 0; n < 1500; n++) watchers.add(`${n}@pbx`, 'eve@x')
  watchers.add('0@pbx', 'ann@x')
  t.equal(count(), 1001)
  t.strictSame([watchers.has('499@pbx', 'eve@x'), watchers.has('500@pbx', 'eve@x')], [false, true])
  for (let n = 0; n < 20_000; n++) watchers.add('pbx', `${n}@x`)
  t.equal(count(), 20_000)
  t.strictSame([watchers.has('0@pbx', 'ann@x'), watchers.has('pbx', '0@x')], [false, true])
  watchers.add('pbx', '0@x')
  watchers.delete('pbx', '0@x')
  watchers.delete('pbx', '0@x')
  t.equal(count(), 19_999)
  const long = 'x'.repeat(1000)
  for (let n = 0; n < 10_000; n++) watchers.add(`${n}${long}@pbx`, `${n}${long}@x`)
  t.ok(count() > 2000 && count() < 2100, `${count()} of 2 KB in 4 MiB`)
  watchers.clear()
  t.equal(count(), 0)
  watchers.add('pbx', 'ann@x')
  t.strictSame([...watchers], [['pbx', 'ann@x']])
  t.end()
})

t.test('strangers, however many ask at however many addresses, keep nobody from anything', async t => {
  const server = await startLoopback({ components: { [pbx]: 'secret' } })
  t.teardown(() => server.stop())
  const { account, next, states } = watched(t, componentConfig(server.componentPort, 'autoregister=no'), {
    random: () => 0,
  })
  server.onStanza = () => []
  account.start()
  await next('connected')
  const long = 'x'.repeat(900)
  for (let eve = 0; eve < 6; eve++) {
    const asks = Array.from({ length: 1000 }, (_, n) =>
      says('subscribe', `eve${eve}@example.org`, `${n}${long}@${pbx}`),
    )
    server.send(pbx, `${asks.join('')}${says('subscribe', `last${eve}@example.org`, pbx)}`.replaceAll('S: ', ''))
    await next('subscription', ({ from }) => from === `last${eve}@example.org`)
  }
  // More than may wait to be sent at one time.
  account.show({ status: 'dnd', statusmessage: 'x'.repeat(4000) })
  server.send(pbx, says('subscribe', ann, pbx).slice(3))
  t.equal((await next('subscription', ({ from }) => from === ann)).action, 'granted')
  server.drop(pbx)
  await next('offline')
  await next('connected')
  await account.stop()
  t.equal(states.filter(state => state === 'Connecting').length, 2)
})
