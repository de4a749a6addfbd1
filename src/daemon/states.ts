import { randomBytes } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import type { Sharing } from '../account/index.ts'
import { hardwareEid, StateBus } from '../bus/index.ts'
import type { Settings } from '../config/index.ts'
import type { Log } from './log.ts'

/** The bus of a daemon, as its settings have it; what becomes of other PBXes is logged. */
export function shareStates({ events }: Settings, log: Log): { bus: StateBus; sharing: Sharing } {
  const { expire, leave } = events
  const bus = new StateBus({ eid: events.eid ?? hardwareEid(networkInterfaces()) ?? anyEid(), expire: expire * 1000 })
  bus.on('expired', ({ eid }) => {
    log.line('NOTICE', `nothing was heard of the PBX ${eid} for ${expire} s: its states no longer count`)
  })
  bus.on('returned', ({ eid }) => {
    log.line('NOTICE', `the PBX ${eid} is heard again: its states count`)
  })
  return { bus, sharing: { bus, farewell: leave } }
}

/** For a machine without a hardware address: one that nobody has, another one at each start. */
function anyEid(): string {
  const bytes = randomBytes(6)
  // Locally administered, and not a group's.
  bytes[0] = ((bytes[0] as number) & 0xfc) | 0x02
  return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join(':')
}
