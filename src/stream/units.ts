/** Texts of this many UTF-16 units and fewer share one array: what a socket delivers at once, behind a character that was cut. */
const SHARED = 65_536 + 3

let shared = new Uint16Array(0)
let sharedBytes = Buffer.alloc(0)
/** What the shared array holds. */
let loaded = ''
let taken = false

/**
 * The UTF-16 units of a text, for whoever looks at each of them: a number of an array costs half of what `charCodeAt` does. Behind
 * the end of the text there may be anything. To be given back with {@link giveBack}; until then nobody else gets the same array.
 */
export function takeUnits(text: string): Uint16Array {
  if (taken || text.length > SHARED) return fill(text, new Uint16Array(text.length))
  taken = true
  if (text !== loaded) {
    if (shared.length < text.length) {
      shared = new Uint16Array(Math.min(SHARED, Math.max(1024, 2 ** Math.ceil(Math.log2(text.length)))))
      sharedBytes = Buffer.from(shared.buffer)
    }
    loaded = text
    fill(text, shared, sharedBytes)
  }
  return shared
}

/** Ends the use of an array of {@link takeUnits}. */
export function giveBack(units: Uint16Array): void {
  if (units === shared) taken = false
}

function fill(text: string, into: Uint16Array<ArrayBuffer>, bytes = Buffer.from(into.buffer)): Uint16Array {
  if (littleEndian) bytes.write(text, 'utf16le')
  else for (let at = 0; at < text.length; at++) into[at] = text.charCodeAt(at)
  return into
}

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
