/** What res_xmpp puts into the items that it shares, written and read. */
import { isCount, isName, MAX_NAME } from '../../bus/bus.ts'
import { readDeviceState } from '../../bus/device-state.ts'
import { readEid } from '../../bus/eid.ts'
import type { Report } from '../../bus/events.ts'
import { detached } from '../../detached.ts'
import { printable } from '../../printable.ts'
import { type Element, el } from '../../stream/element.ts'
import type { PubsubItem } from '../../xep/0060-items.ts'

export const NS_ASTERISK = 'http://asterisk.org'

/** The content of an item. Its id is the name of the device or mailbox. */
export function payloadOf(report: Report): Element {
  const { eid } = report
  if (report.kind === 'device') {
    return el('state', NS_ASTERISK, { eid, cachable: report.cachable ? '1' : '0' }, report.state)
  }
  const { counts } = report
  return el(
    'mailbox',
    NS_ASTERISK,
    { eid },
    el('NEWMSGS', NS_ASTERISK, {}, String(counts.new)),
    el('OLDMSGS', NS_ASTERISK, {}, String(counts.old)),
  )
}

/** Whether an item is meant for PBXes at all. */
export function isOurs(payload: Element | undefined): boolean {
  return payload?.ns === NS_ASTERISK
}

/** Whether the same PBX says the same twice. */
export function sameReport(one: Report, other: Report): boolean {
  if (one.eid !== other.eid) return false
  if (one.kind === 'device')
    return other.kind === 'device' && one.state === other.state && one.cachable === other.cachable
  return other.kind === 'mailbox' && one.counts.new === other.counts.new && one.counts.old === other.counts.old
}

/** What is in an item, without holding on to what it came in. */
export interface Reading {
  /** Cut where it is longer than any name. */
  readonly id: string | undefined
  /** Who has published it, where the service tells. */
  readonly publisher: string | undefined
  /** It is meant for PBXes at all. */
  readonly ours: boolean
  /** What it reports, or in words why it reports nothing. */
  readonly says: Report | string
}

export function readingOf({ id, publisher, payload }: PubsubItem): Reading {
  const says = readItem(id, payload)
  return {
    id: id && detached(id.slice(0, MAX_NAME + 1)),
    publisher: publisher && detached(publisher),
    ours: isOurs(payload),
    says: typeof says === 'string' ? says : { ...says, name: detached(says.name), eid: detached(says.eid) },
  }
}

/** What an item reports, or in words why it reports nothing. */
export function readItem(id: string | undefined, payload: Element | undefined): Report | string {
  if (id === undefined || id === '') return 'it has no id'
  if (!isName(id)) return `${quoted(id)} is no name of a device or mailbox`
  if (payload === undefined) return 'it has no payload'
  if (!isOurs(payload) || (payload.name !== 'state' && payload.name !== 'mailbox'))
    return `its payload is <${printable(payload.name.slice(0, 60))}/>, neither a state nor a mailbox of a PBX`
  const eid = readEid(payload.attrs.eid ?? '')
  const { eid: given } = payload.attrs
  if (eid === undefined)
    return given === undefined ? 'it does not say whose it is (no eid)' : `its eid is ${quoted(given)}, which is none`
  if (payload.name === 'state') {
    const state = readDeviceState(payload.text)
    if (state === undefined)
      return payload.text === ''
        ? 'it has no state'
        : `its state is ${quoted(payload.text)}, which Asterisk does not know`
    return { kind: 'device', eid, name: id, state, cachable: payload.attrs.cachable?.trim() !== '0' }
  }
  const [fresh, old] = [count(payload, 'NEWMSGS'), count(payload, 'OLDMSGS')]
  if (fresh === undefined || old === undefined) return 'its numbers of messages are missing, or none'
  return { kind: 'mailbox', eid, name: id, counts: { new: fresh, old } }
}

/** As much of what a peer says as a line can take. */
function quoted(text: string): string {
  return `"${printable(text.slice(0, 60))}${text.length > 60 ? '…' : ''}"`
}

function count(payload: Element, name: string): number | undefined {
  const text = payload.childText(name)?.trim() ?? ''
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  return isCount(value) ? value : undefined
}
