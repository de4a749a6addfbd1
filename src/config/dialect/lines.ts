import type { Comments } from './comments.ts'

/** What is left of one line without comments and outer blanks: never empty. */
export interface LiveLine {
  readonly number: number
  readonly text: string
  /** A comment began right behind the text, without a blank between. */
  readonly cut: true | undefined
}

/** Told what is wrong with a line; after an `error` the line is not yielded. @param header it would have begun a section */
export type LineReport = (
  severity: 'error' | 'warning',
  code: string,
  line: number,
  message: string,
  header?: boolean,
) => void

/**
 * The lines of a file that say something, without their comments. The file is walked as bytes (one character per byte), since
 * every character that has a meaning in it is ASCII; what is left is then read as UTF-8, so that a comment in another
 * encoding does no harm.
 */
export function* liveLines(bytes: Uint8Array, comments: Comments, report: LineReport): Generator<LiveLine> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  comments.begin((code, line, message) => report('warning', code, line, message))
  let number = 0
  let next = 0
  for (let start = 0; start < file.length; start = next) {
    number++
    const newline = file.indexOf(lineFeed, start)
    const end = newline < 0 ? file.length : newline
    next = end + 1
    if (end - start >= longLine) {
      report(
        'warning',
        'line-too-long',
        number,
        `the line has ${end - start} bytes; Asterisk ignores every line from ${longLine} bytes on, and so do we`,
      )
      continue
    }
    const from = start === 0 && file.subarray(0, 3).equals(bom) ? 3 : start
    const stripped = comments.strip(`${file.toString('latin1', from, end)}\n`, number)
    const live = trimBlanks(stripped)
    if (live === '') continue
    const text = decode(live)
    // The line's own end is a blank, so only a comment leaves text without one at the end.
    const cut = stripped.charCodeAt(stripped.length - 1) > 0x20 ? true : undefined
    if (typeof text === 'string') yield { number, text, cut }
    else report('error', text.code, number, text.message, live.startsWith('['))
  }
  comments.end()
}

/** Without the bytes up to 0x20 at both ends. Other blanks (a no-break space) are part of a value. */
export function trimBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && text.charCodeAt(start) <= 0x20) start++
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--
  return text.slice(start, end)
}

const bom = Buffer.from('\ufeff')
const lineFeed = 0x0a

/** Without its line end. Asterisk reads into 8192 bytes, the last of them a NUL, and skips a line whose end is not in the rest. */
const longLine = 8191

const beyondAscii = /[\x80-\xff]/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(live: string): string | { code: string; message: string } {
  if (live.includes('\0')) {
    return {
      code: 'nul-byte',
      message: 'the line holds a NUL byte and is ignored: is the file UTF-16? Save it as UTF-8',
    }
  }
  if (!beyondAscii.test(live)) return live
  try {
    return utf8.decode(Buffer.from(live, 'latin1'))
  } catch {
    return {
      code: 'not-utf8',
      message: 'the line is not UTF-8 and is ignored: XMPP knows no other encoding, save the file as UTF-8',
    }
  }
}
