import t from 'tap'
import { type DeviceState, deviceStates } from '../../../src/bus/index.ts'
import { Random } from '../../helper/random.ts'
import { Waiters } from '../../helper/waiters.ts'
import { type Pbx, pbx, service } from './pbx.ts'

t.setTimeout(60_000)

const DEVICES = 1000
const ROUNDS = 6

/** Who says what, as one PBX has it. */
function known({ bus }: Pbx): Map<string, DeviceState> {
  return new Map(
    bus.devices().flatMap(({ device, states }) => states.map(({ eid, state }) => [`${eid} ${device}`, state] as const)),
  )
}

/** What happens to sessions, and whether the PBXes have the same devices. Those that see one another's presence tell again what no item holds. */
const cases = [
  { what: 'while connections break', lost: false, shared: false },
  { what: 'while sessions are lost', lost: true, shared: false },
  { what: 'of which each PBX has its own idea, while sessions are lost', lost: true, shared: true },
]

for (const { what, lost, shared } of cases) {
  t.test(`a thousand devices flap ${what}`, async t => {
    const server = await service(t)
    const random = new Random(1)
    const news = new Waiters()
    let due = false
    // Looking costs as much as thousands of changes.
    const wake = (): void => {
      if (due) return
      due = true
      setTimeout(() => {
        due = false
        news.wake()
      }, 20)
    }
    const pbxes = (['one', 'two', 'three'] as const).map(name =>
      pbx(t, server, name, { lines: shared ? 'autoregister=yes' : '' }),
    )
    for (const { bus, account } of pbxes) {
      bus.on('device', wake)
      account.start()
    }
    for (const { next } of pbxes) await next('connected')
    // The last one has no devices, and sees those of the others.
    const last = new Map<string, DeviceState>()
    const flap = (): void => {
      for (const { bus } of shared ? pbxes : pbxes.slice(0, 2)) {
        for (let count = 0; count < DEVICES; count++) {
          const device = `SIP/${shared ? '' : `${bus.eid.slice(-1)}-`}${random.under(DEVICES)}`
          const state = random.pick(deviceStates)
          bus.setDevice(device, state)
          last.set(`${bus.eid} ${device}`, state)
        }
      }
    }
    let seen = 0
    for (const { bus } of pbxes)
      bus.on('device', ({ eid }) => {
        if (eid !== bus.eid) seen++
      })
    for (let round = 0; round < ROUNDS; round++) {
      flap()
      // In the middle of it.
      const until = seen + DEVICES / 2
      await news.until(
        () => seen >= until || undefined,
        () => `round ${round}: ${until - seen} changes are missing`,
        20_000,
      )
      const doomed = pbxes[round % 3] as Pbx
      server.drop(`${doomed.account.name}@example.com`)
      if (lost) server.forgetSessions()
    }
    const agree = (each: Pbx): boolean => {
      const states = known(each)
      return states.size === last.size && [...last].every(([key, state]) => states.get(key) === state)
    }
    await news.until(
      () => pbxes.every(agree) || undefined,
      () => `they do not agree: ${pbxes.map(each => `${known(each).size} of ${last.size}`).join(', ')}`,
      30_000,
    )
    for (const each of pbxes) {
      t.same(known(each), last)
      t.same(
        each.events.filter(({ type }) => type === 'warning' || type === 'skipped'),
        [],
      )
    }
  })
}
