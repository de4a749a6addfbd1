import { StreamError } from '../errors.ts'
import { NS_SM } from '../stream-management.ts'

/** How a stream has ended, and what that means for the session that went over it. */
export interface Ending {
  /** The clock's time in ms. */
  readonly at: number
  /** The server may still keep the session. */
  readonly resumable: boolean
  /** The server found fault with something we had sent: to send it again would end the next stream too. */
  readonly blamed: boolean
}

/** Errors by which a server says nothing about what we have sent (RFC 6120 §4.9.3), and after which it may keep the session. */
const passing = new Set(['connection-timeout', 'reset', 'resource-constraint', 'see-other-host', 'system-shutdown'])

/** The same, but the session is gone. */
const final = new Set(['conflict', 'host-gone', 'host-unknown', 'not-authorized', 'remote-connection-failed'])

/**
 * What a server may say of a stream that has been resumed because it is in the midst of another one. COMPAT Prosody 0.12: it goes on with the
 * parser of the connection before, which may have been cut within a stanza.
 */
const confused = new Set(['not-well-formed', 'xml-not-well-formed'])

/**
 * What to make of what `run()` has ended with; undefined is a stream that both sides have closed.
 * @param resumed the session has come from another stream
 */
export function endingOf(cause: unknown, at: number, resumed = false): Ending {
  if (cause === undefined) return { at, resumable: false, blamed: false }
  if (!(cause instanceof StreamError)) return { at, resumable: true, blamed: false }
  // The server would send again what we could not read. Or it is our count that it finds fault with, not what we have sent.
  if (cause.by === 'us' || cause.detail?.is('handled-count-too-high', NS_SM))
    return { at, resumable: false, blamed: false }
  const { condition } = cause
  const excused = passing.has(condition) || final.has(condition) || (resumed && confused.has(condition))
  return { at, resumable: passing.has(condition), blamed: !excused }
}
