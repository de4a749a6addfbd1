/**
 * What the files are called, and what is in them. `log-N` has what was appended since generation N began, `snapshot-N` everything as it was then; generation 1 has no
 * snapshot. All begin with a header; entries are JSON arrays, a snapshot ends with how many it has.
 */
import { XmppError } from '../../errors.ts'
import { MAX_TEXT } from './lines.ts'

/** The version of what is in the files. One that is higher is refused. */
export const VERSION = 1

export type Kind = 'log' | 'snapshot'

/** The text of the first line of a file. */
export const headerOf = (kind: Kind): string => JSON.stringify({ format: formatOf(kind), version: VERSION })
export const formatOf = (kind: Kind): string => `res-xmpp pubsub ${kind}`

/** The name of a generation's file. */
export const nameOf = (kind: Kind, generation: number): string => `${kind}-${generation}`

/** Behind the name of what is being written and counts for nothing. */
export const UNFINISHED = '.tmp'
/** In the name of a copy of what was damaged, behind the name of what was copied. */
export const DAMAGED = '.damaged'

/** Whether a log is the one with which everything began, and needs no snapshot before it. */
export const isFirst = (log: number): boolean => log === 1

/** What the last line of a snapshot says: how many entries stand before it. */
export interface Ending {
  readonly complete: number
}

/** The JSON text of an entry, or of anything else that is a line. */
export function textOf(value: unknown): string {
  const text = JSON.stringify(value)
  // A character takes three bytes at most.
  if (text.length > MAX_TEXT / 3 && Buffer.byteLength(text) > MAX_TEXT)
    throw new XmppError('PUBSUB_STORE', `what one request has changed is more than ${MAX_TEXT} bytes, and is not kept`)
  return text
}
