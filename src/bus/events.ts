import type { DeviceState } from './device-state.ts'

/** Messages in a mailbox, those not heard yet and the others. */
export interface MailboxCounts {
  readonly new: number
  readonly old: number
}

/** What one PBX says of one device or mailbox. */
export type Report =
  | {
      readonly kind: 'device'
      readonly eid: string
      readonly name: string
      readonly state: DeviceState
      readonly cachable: boolean
    }
  | { readonly kind: 'mailbox'; readonly eid: string; readonly name: string; readonly counts: MailboxCounts }

/** What changes on a bus. A value that is undefined has been withdrawn, or its PBX has not been heard of for too long. */
export type BusEvent =
  | {
      readonly type: 'device'
      readonly device: string
      /** Whose state it is. */
      readonly eid: string
      readonly state: DeviceState | undefined
      /** A state that is not to be kept: it is told once, and nobody can ask for it. */
      readonly cachable: boolean
      /** What the states of all PBXes come to now; undefined when none has one. */
      readonly combined: DeviceState | undefined
    }
  | {
      readonly type: 'mailbox'
      readonly mailbox: string
      readonly eid: string
      readonly counts: MailboxCounts | undefined
      /** What counts now: our own, else what was reported last. */
      readonly combined: MailboxCounts | undefined
    }
  /** Nothing was heard of a PBX for `expire`; its states do not count until something is. */
  | { readonly type: 'expired'; readonly eid: string }
  /** Something was heard of it after all. */
  | { readonly type: 'returned'; readonly eid: string }

/** What others can make a bus hold. What is beyond it is not taken; {@link StateBus.report} says so. */
export interface BusLimits {
  /** PBXes. */
  readonly peers: number
  /** States and counts that they report, all together. */
  readonly reports: number
}
