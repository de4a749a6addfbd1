import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { type DeviceState, deviceStates } from '../../../src/bus/index.ts'
import { TcpProxy } from '../../helper/proxy.ts'
import { Random } from '../../helper/random.ts'
import { clientSection } from '../daemon.ts'
import { autocreate, EID_1, EID_2, EID_3, owned, owner, Pbx, type PubsubServer, sharing, threeUsers } from '../pbx.ts'

/**
 * How many devices, each of one PBX, for an item holds what one of them says; and how many states arrive between two cuts of the link, which takes about 5 s. With each
 * publication Prosody writes all items of a node anew, ten a second where there are a thousand.
 */
const SIZES = { prosody: [120, 150], ejabberd: [1000, 2500], jabberd2: [0, 0] } as const
/** How often the link is cut. */
const CUTS = 4
/** ms to wait for what has to arrive between two cuts, and for all to agree in the end. */
const PATIENCE = 60_000
/** ms between two bursts, and devices that change in one. */
const [PAUSE, BURST] = [20, 20]

/** Many devices that change all the time, over a link that breaks: in the end all PBXes agree. */
export async function flapping(t: Test, server: PubsubServer): Promise<void> {
  const other = await owner(t, server)
  const users = await threeUsers(t, server)
  const proxy = await TcpProxy.start(t, server)
  // Prosody cannot go on with a session that was cut within a stanza (README.md): there they come anew each time, and read what they have missed.
  const [devices, events] = SIZES[server.name]
  const stream_management = server.name === 'prosody' ? 'no' : 'yes'
  const start = (index: 0 | 1 | 2, eid: string, port: number): Pbx => {
    const others = users.filter(user => user !== users[index])
    const options = { ...sharing(server, others), port, stream_management }
    return new Pbx(t, server, eid, autocreate + clientSection('pbx', users[index], options))
  }
  const first = start(0, EID_1, proxy.port)
  await owned(other, server, users)
  const [second, third] = [start(1, EID_2, proxy.port), start(2, EID_3, server.port)]
  const pbxes = [first, second, third]
  for (const pbx of pbxes) await pbx.connected()

  const random = new Random(1)
  const change = (index: number): void => {
    const device = `Custom:${String(index).padStart(4, '0')}`
    pbxes[index % 3]?.bus.setDevice(device, deviceStates[random.under(deviceStates.length)] as DeviceState)
  }
  const burst = (count: number): void => {
    for (let left = count; left > 0; left--) change(random.under(devices))
  }
  let arrived = 0
  third.bus.on('device', ({ eid }) => {
    if (eid !== third.eid) arrived++
  })
  const began = performance.now()
  for (let index = 0; index < devices; index++) change(index)
  for (let cut = 1; cut <= CUTS; cut++) {
    const [enough, deadline] = [arrived + events, performance.now() + PATIENCE]
    while (arrived < enough) {
      if (performance.now() > deadline) throw new Error(`${enough - arrived} of ${events} states have not arrived`)
      burst(BURST)
      await sleep(PAUSE)
    }
    proxy.cut()
    // While nobody can be told.
    burst(5 * BURST)
  }
  const ended = performance.now()
  /** What of the others it has not got, or has got wrong. */
  const wrong = (viewer: Pbx): string[] =>
    pbxes.flatMap(({ bus, eid }) =>
      [...bus.own()].flatMap(report => {
        const seen = viewer.bus.device(report.name)?.states.find(each => each.eid === eid)?.state
        const said = report.kind === 'device' ? report.state : undefined
        return seen === said ? [] : `${report.name} is ${seen} to ${viewer.eid}, and ${said} at ${eid}`
      }),
    )
  const deadline = ended + PATIENCE
  while (pbxes.some(pbx => wrong(pbx).length > 0) && performance.now() < deadline) await sleep(50)
  const agreed = performance.now()
  for (const pbx of pbxes) {
    t.strictSame(wrong(pbx), [], `${pbx.eid} knows what all of them say`)
    t.equal(pbx.bus.devices().length, devices)
    t.strictSame([pbx.warnings, pbx.skipped], [[], []])
  }
  t.equal(first.lost.length, CUTS)
  t.equal(second.lost.length, CUTS)
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
  t.comment(
    `${arrived} states arrived in ${seconds(ended - began)}, all agree ${seconds(agreed - ended)} after the last cut`,
  )
}
