/** What is no longer at a service when it is entered again: made room for others, or taken back. */
import t, { type Test } from 'tap'
import { login } from '../setting.ts'
import {
  configure,
  connected,
  enter,
  items,
  limited,
  OWN,
  publishDevice,
  rest,
  type SetUp,
  state,
  subscribe,
  told,
} from './stage.ts'

/** In both nodes for the second time; of others `gone` and `there` were known, and ours are told. */
async function again(t: Test, options: SetUp = {}) {
  const all = await connected(t, options, state('gone', 'INUSE') + state('there', 'INUSE'))
  const { bus, play, socket, next, clock, accept } = all
  bus.setDevice('own', 'INUSE')
  bus.setDevice('lost', 'INUSE')
  await play(publishDevice('own', 'INUSE') + publishDevice('lost', 'INUSE') + rest)
  socket.destroy()
  const { retryIn } = await next('offline')
  t.equal(bus.device('gone')?.state, 'INUSE', 'what others said still counts')
  await clock.advance(retryIn)
  return { ...all, ...(await accept()) }
}

const there = state('there', 'INUSE') + state('own', 'INUSE', OWN)
/** Somebody else's, and nothing that we know. */
const others = (count: number): string =>
  Array.from({ length: count }, (_, n) => state(`SIP/${n}`, 'NOT_INUSE')).join('')

const cases: readonly {
  readonly what: string
  readonly limit: string | undefined
  readonly found: string
  /** `gone` is taken to be gone. */
  readonly forgets: boolean
  /** `lost` is published again. */
  readonly publishes: boolean
}[] = [
  { what: 'a node with room', limit: '20', found: there, forgets: true, publishes: true },
  { what: 'a node with room for one more', limit: '3', found: there, forgets: true, publishes: true },
  { what: 'a full node', limit: '2', found: there, forgets: false, publishes: false },
  {
    what: 'a node that is full of what says nothing',
    limit: '4',
    found: `${there}<item id='x'/><item id='y'/>`,
    forgets: false,
    publishes: false,
  },
  { what: 'a node of a hundred at least, with fewer', limit: 'max', found: there, forgets: true, publishes: true },
  { what: 'one item less', limit: 'max', found: there + others(97), forgets: true, publishes: true },
  { what: 'a hundred', limit: 'max', found: there + others(98), forgets: false, publishes: true },
  { what: 'only its owners know how many it keeps', limit: undefined, found: there, forgets: false, publishes: true },
]

for (const { what, limit, found, forgets, publishes } of cases)
  t.test(`${what}: what others have there no more is ${forgets ? 'gone' : 'kept'}`, async t => {
    const { play, bus, warnings } = await again(t)
    await play(
      login() +
        subscribe('device_state') +
        (limit === undefined ? configure('device_state') : limited('device_state', limit)) +
        items('device_state', found) +
        enter('message_waiting') +
        (publishes ? publishDevice('lost', 'INUSE') : '') +
        rest,
    )
    t.equal(bus.device('gone')?.state, forgets ? undefined : 'INUSE')
    t.equal(bus.device('there')?.state, 'INUSE')
    t.equal(warnings().length, publishes ? 0 : 1, 'that it is full')
  })

t.test('an empty node says that all is gone, whatever it keeps', async t => {
  const { play, bus } = await again(t)
  await play(
    login() +
      enter('device_state') +
      enter('message_waiting') +
      publishDevice('own', 'INUSE') +
      publishDevice('lost', 'INUSE') +
      rest,
  )
  t.strictSame(
    bus.devices().map(({ device }) => device),
    ['lost', 'own'],
  )
})

t.test('what happens while a node is read is newer than what is read', async t => {
  const { play, bus, clock } = await again(t)
  const [asked, answered] = items('device_state', state('own', 'INUSE', OWN) + state('there', 'INUSE')).split('\n')
  await play(
    login() +
      subscribe('device_state') +
      limited('device_state', '20') +
      `${asked}\n${told('device_state', state('gone', 'BUSY') + state('new', 'BUSY') + state('there', 'BUSY'))}` +
      `${told('device_state', `${state('lost', 'INUSE', OWN)}<retract id='there'/>`)}${answered}\n` +
      enter('message_waiting') +
      rest,
  )
  t.strictSame(
    bus.devices().map(({ device, state }) => `${device} ${state}`),
    ['gone BUSY', 'lost INUSE', 'new BUSY', 'own INUSE', 'there BUSY'],
  )
  await clock.advance(1000)
  t.equal(bus.device('there'), undefined, 'it was taken back after it was read')
})
