import { StreamError } from '../errors.ts'

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
 * The name that stands in `text` from `start` to `end`, all of whose characters may stand in names.
 * @throws StreamError `not-well-formed` for a colon in the wrong place
 */
export function qname(text: string, start = 0, end = text.length): QName {
  const length = end - start
  if (length > KEPT_LENGTH) return parse(text.slice(start, end))
  let hash = length
  for (let at = start; at < end; at++) hash = (hash * 31 + text.charCodeAt(at)) | 0
  const slot = (hash ^ (hash >>> 11)) & (SLOTS - 1)
  const first = seen[slot]
  if (first !== undefined && stands(first.text, text, start, length)) return first
  const second = seen[slot ^ 1]
  if (second !== undefined && stands(second.text, text, start, length)) return second
  const name = parse(text.slice(start, end))
  seen[slot ^ 1] = first
  seen[slot] = name
  return name
}

function stands(name: string, text: string, start: number, length: number): boolean {
  if (name.length !== length) return false
  for (let at = 0; at < length; at++) if (name.charCodeAt(at) !== text.charCodeAt(start + at)) return false
  return true
}

function parse(name: string): QName {
  const text = single(name)
  const colon = text.indexOf(':')
  if (colon < 0) return { text, prefix: '', local: text }
  if (colon === 0 || colon === text.length - 1 || text.includes(':', colon + 1)) {
    throw new StreamError('not-well-formed', `${text.slice(0, 50)} is not a qualified name`)
  }
  return { text, prefix: single(text.slice(0, colon)), local: single(text.slice(colon + 1)) }
}

/** The one copy that V8 keeps of every string that names a property: no part of a larger string, and quickly compared. */
function single(text: string): string {
  return Object.keys({ [text]: 0 })[0] as string
}
