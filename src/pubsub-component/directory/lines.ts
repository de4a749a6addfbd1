/**
 * The lines that files are made of: the CRC-32 of a JSON text's bytes as eight hexadecimal digits, a space, the text, a newline. JSON has no newline of its own, so
 * the next line begins behind the next newline whatever has become of this one.
 */
import { crc32 } from './crc32.ts'

/** Bytes of the longest text that is written, and read. */
export const MAX_TEXT = 64 * 1_048_576

/** A line that was read. */
export interface Line {
  /** Offset of its first byte in the file. */
  readonly from: number
  /** Offset behind it. */
  readonly to: number
  /** Whether it has its newline. */
  readonly ended: boolean
  /** Undefined when it is no line of ours, has no newline or is damaged. */
  readonly value: unknown
}

/** Where lines are read from. */
export interface Readable {
  /** Reads at most so many bytes to that place of a buffer; 0 at the end. */
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number>
}

/**
 * Makes lines of texts, and hands them out in pieces no larger than the buffer, unless a line is. A text is asked for when there is room for it. Each piece is
 * good until the next is asked for.
 */
export function* pieces(texts: Iterable<string>, buffer: Buffer): Generator<Buffer, void, void> {
  let used = 0
  for (const text of texts) {
    const bytes = BEFORE + Buffer.byteLength(text) + 1
    if (used > 0 && bytes > buffer.length - used) {
      yield buffer.subarray(0, used)
      used = 0
    }
    if (bytes > buffer.length) {
      const large = Buffer.allocUnsafe(bytes)
      put(text, large, 0, bytes)
      yield large
    } else {
      put(text, buffer, used, bytes)
      used += bytes
    }
  }
  if (used > 0) yield buffer.subarray(0, used)
}

/**
 * Reads all lines of a file.
 * @param piece bytes that are read at once
 * @returns bytes that were read
 */
export async function readLines(file: Readable, piece: number, each: (line: Line) => void): Promise<number> {
  let buffer = Buffer.allocUnsafe(piece)
  /** Where in the buffer the line begins that has no end yet, and where what was read ends. */
  let start = 0
  let end = 0
  /** Offsets in the file of that line and of the next byte to be read. */
  let from = 0
  let position = 0
  /** The line can be none of ours, and is not kept. */
  let hopeless = false
  for (;;) {
    if (hopeless) start = end
    if (start > 0) {
      buffer.copyWithin(0, start, end)
      end -= start
      start = 0
    }
    if (end === buffer.length) buffer = Buffer.concat([buffer], end * 2)
    const read = await file.read(buffer, end, Math.min(piece, buffer.length - end), position)
    if (read === 0) break
    position += read
    let look = end
    end += read
    for (;;) {
      const newline = buffer.indexOf(NEWLINE, look)
      if (newline < 0 || newline >= end) break
      const to = position - (end - newline) + 1
      each({ from, to, ended: true, value: hopeless ? undefined : jsonOf(buffer, start, newline) })
      hopeless = false
      start = look = newline + 1
      from = to
    }
    hopeless ||= end - start > BEFORE && !mayBecome(buffer, start, end)
  }
  if (position > from) each({ from, to: position, ended: false, value: undefined })
  return position
}

const NEWLINE = 10
const SPACE = 32
/** Bytes in front of the text. */
const BEFORE = 9
const DIGITS = '0123456789abcdef'

function put(text: string, buffer: Buffer, at: number, bytes: number): void {
  const end = at + bytes - 1
  buffer.write(text, at + BEFORE)
  const crc = crc32(buffer.subarray(at + BEFORE, end))
  buffer.write(`${crc.toString(16).padStart(8, '0')} `, at, 'latin1')
  buffer[end] = NEWLINE
}

function jsonOf(buffer: Buffer, start: number, end: number): unknown {
  if (end - start <= BEFORE || buffer[start + 8] !== SPACE) return undefined
  if (digits(buffer, start) !== crc32(buffer.subarray(start + BEFORE, end))) return undefined
  try {
    return JSON.parse(buffer.toString('utf8', start + BEFORE, end))
  } catch {
    return undefined
  }
}

/** Whether a line that has not ended yet can be one of ours: one of gigabytes of zeros need not be kept. */
function mayBecome(buffer: Buffer, start: number, end: number): boolean {
  return end - start <= BEFORE + MAX_TEXT && buffer[start + 8] === SPACE && digits(buffer, start) >= 0
}

/** The number in eight hexadecimal digits, -1 when they are none. */
function digits(buffer: Buffer, start: number): number {
  let number = 0
  for (let index = start; index < start + 8; index++) {
    const digit = values[buffer[index] as number] as number
    if (digit < 0) return -1
    number = number * 16 + digit
  }
  return number
}

const values = Int8Array.from({ length: 256 }, (_, byte) => DIGITS.indexOf(String.fromCharCode(byte)))
