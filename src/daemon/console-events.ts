import { deviceStates, readDeviceState, type StateBus } from '../bus/index.ts'
import { printable } from '../printable.ts'
import type { Command, Output } from './console-command.ts'

/** What the console has to say of the states that are shared. */
export const eventCommands: readonly Command[] = [
  {
    words: 'xmpp device list',
    args: '',
    summary: 'Shows the devices, what their states at all PBXes come to, and the state at each',
    run: (_, { bus }) => listDevices(bus),
  },
  {
    words: 'xmpp device set',
    args: 'DEVICE STATE',
    summary: 'Sets the state of a device of ours, which is told other PBXes (distribute_events)',
    run: ([device = '', word = ''], { bus }) => {
      const state = readDeviceState(word)
      if (state === undefined) throw new Error(`STATE must be one of ${deviceStates.join(', ')}, not '${word}'`)
      bus.setDevice(device, state)
      return { text: '', data: bus.device(device) }
    },
  },
  {
    words: 'xmpp device clear',
    args: 'DEVICE',
    summary: 'Forgets a device of ours; other PBXes are told that it is UNAVAILABLE, or that it is no more',
    run: ([device = ''], { bus }) => {
      if (!bus.clearDevice(device)) throw new Error(`there is no device '${device}' of ours`)
      return { text: '', data: bus.device(device) ?? null }
    },
  },
  {
    words: 'xmpp mailbox list',
    args: '',
    summary: 'Shows the mailboxes, and what each PBX says is in them',
    run: (_, { bus }) => listMailboxes(bus),
  },
  {
    words: 'xmpp mailbox set',
    args: 'MAILBOX NEW OLD',
    summary: 'Sets how many new and old messages are in a mailbox of ours, which is told other PBXes',
    run: ([mailbox = '', fresh = '', old = ''], { bus }) => {
      bus.setMailbox(mailbox, { new: count('NEW', fresh), old: count('OLD', old) })
      return { text: '', data: bus.mailbox(mailbox) }
    },
  },
  {
    words: 'xmpp mailbox clear',
    args: 'MAILBOX',
    summary: 'Forgets a mailbox of ours; other PBXes are told that it is no more',
    run: ([mailbox = ''], { bus }) => {
      if (!bus.clearMailbox(mailbox)) throw new Error(`there is no mailbox '${mailbox}' of ours`)
      return { text: '', data: bus.mailbox(mailbox) ?? null }
    },
  },
]

function listDevices(bus: StateBus): Output {
  // The same at all PBXes.
  const devices = bus.devices().map(each => ({ ...each, states: each.states.toSorted(byEid) }))
  const rows = devices.map(({ device, state, states }) => {
    const each = states.map(({ eid, state }) => `${eid} ${state}`).join(', ')
    return `       [${printable(device)}] ${state}     - ${each}\n`
  })
  return {
    text: `Devices and their states (we are ${bus.eid}):\n${rows.join('')}----\n   Number of devices: ${devices.length}\n`,
    data: { eid: bus.eid, devices },
  }
}

function listMailboxes(bus: StateBus): Output {
  const mailboxes = bus.mailboxes()
  const rows = mailboxes.map(({ mailbox, counts, reports }) => {
    const each = reports.map(({ eid, counts }) => `${eid} ${counts.new}/${counts.old}`).join(', ')
    return `       [${printable(mailbox)}] ${counts.new} new, ${counts.old} old     - ${each}\n`
  })
  return {
    text: `Mailboxes and their messages (we are ${bus.eid}):\n${rows.join('')}----\n   Number of mailboxes: ${mailboxes.length}\n`,
    data: { eid: bus.eid, mailboxes },
  }
}

function count(name: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`${name} must be a number of messages, not '${text}'`)
  return Number(text)
}

const byEid = (one: { eid: string }, other: { eid: string }): number => (one.eid < other.eid ? -1 : 1)
