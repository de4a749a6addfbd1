import { StreamError } from '../errors.ts'
import { kinds, NAME_START } from './characters.ts'
import { giveBack, takeUnits } from './units.ts'

/** A name as it is written in a tag, and its parts (Namespaces in XML 1.0 §4). */
export interface QName {
  readonly text: string
  /** '' when there is none. */
  readonly prefix: string
  readonly local: string
}

/** Longer names, in UTF-16 units, are not kept. */
const KEPT_LENGTH = 40
const SLOTS = 2048

/**
 * Names seen lately, each in one of two places. Streams repeat a few dozen names for ever: these are found here, ready, instead
 * of being cut out of the text and looked at anew. All streams share them, and whatever a peer sends, they stay this few.
 */
const seen: (QName | undefined)[] = new Array(SLOTS).fill(undefined)

/**
 * The parts of a name all of whose characters may stand in names.
 * @throws StreamError `not-well-formed` for a colon in the wrong place, or a local part that begins as no name does
 */
export function qname(name: string): QName {
  const units = takeUnits(name)
  try {
    return qnameAt(name, units, 0, name.length)
  } finally {
    giveBack(units)
  }
}

/** {@link qname} of what stands in `text`, which has these units, from `start` to `end`. */
export function qnameAt(text: string, units: Uint16Array, start: number, end: number): QName {
  const length = end - start
  if (length > KEPT_LENGTH) return parse(text.slice(start, end))
  // Numbers that keep the names of XMPP out of one another's way.
  const first = units[start] as number
  const middle = units[start + (length >> 1)] as number
  const last = units[end - 1] as number
  const slot = (first * 707 + middle * 865 + last * 389 + length * 533) & (SLOTS - 1)
  const newer = seen[slot]
  if (newer !== undefined && stands(newer.text, units, start, length)) return newer
  const older = seen[slot ^ 1]
  if (older !== undefined && stands(older.text, units, start, length)) return older
  const name = parse(text.slice(start, end))
  seen[slot ^ 1] = newer
  seen[slot] = name
  return name
}

function stands(name: string, units: Uint16Array, start: number, length: number): boolean {
  if (name.length !== length) return false
  for (let at = 0; at < length; at++) if (name.charCodeAt(at) !== units[start + at]) return false
  return true
}

function parse(name: string): QName {
  const text = single(name)
  const colon = text.indexOf(':')
  if (colon < 0) return { text, prefix: '', local: text }
  const startsLocal = ((kinds[text.charCodeAt(colon + 1)] ?? 0) & NAME_START) !== 0
  if (colon === 0 || !startsLocal || text.includes(':', colon + 1)) {
    throw new StreamError('not-well-formed', `${text.slice(0, 50)} is not a qualified name`)
  }
  return { text, prefix: single(text.slice(0, colon)), local: single(text.slice(colon + 1)) }
}

/** The one copy that V8 keeps of every string that names a property: no part of a larger string, and quickly compared. */
export function single(text: string): string {
  return Object.keys({ [text]: 0 })[0] as string
}
