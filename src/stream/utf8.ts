import { isUtf8 } from 'node:buffer'

/** How many bytes at the end are the beginning of a character that may go on (RFC 3629 §4). */
export function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number
    if (byte < 0x80) return 0
    if (byte < 0xc0) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    return back < length && mayFollow(byte, bytes[bytes.length - back + 1]) ? back : 0
  }
  return 0
}

/** How many bytes at the beginning are whole characters of UTF-8. */
export function validLength(bytes: Uint8Array): number {
  let good = 0
  let bad = bytes.length
  // Whatever begins valid text is valid itself but for a character that is cut, so the border can be found by halving.
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    const part = bytes.subarray(0, middle)
    if (isUtf8(part.subarray(0, middle - incompleteTail(part)))) good = middle
    else bad = middle
  }
  return good - incompleteTail(bytes.subarray(0, good))
}

/** Overlong forms, surrogates and what lies beyond U+10FFFF show in the first two bytes; 0xC0, 0xC1 and 0xF5 and up begin nothing. */
function mayFollow(lead: number, second: number | undefined): boolean {
  if (lead < 0xc2 || lead > 0xf4) return false
  if (second === undefined) return true
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  return second >= least && second <= most
}
