/** `res-xmpp/bus`: states of devices and mailboxes, ours and those of other PBXes. */
export type { BusOptions, DeviceView, MailboxView } from './bus.ts'
export { defaultBusLimits, StateBus } from './bus.ts'
export type { DeviceState } from './device-state.ts'
export { combineStates, deviceStates, readDeviceState } from './device-state.ts'
export { hardwareEid, readEid } from './eid.ts'
export type { BusEvent, BusLimits, MailboxCounts, Report } from './events.ts'
