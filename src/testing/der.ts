/** One DER value: a tag byte, the length in the shortest form (X.690 §10.1), the contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents)
  return Buffer.concat([Buffer.of(tag), length(body.length), body])
}

/** SEQUENCE of values already encoded. */
export function sequence(...values: readonly Uint8Array[]): Buffer {
  return der(0x30, ...values)
}

/** SET of values already encoded; the caller keeps the order X.690 §11.6 asks for. */
export function set(...values: readonly Uint8Array[]): Buffer {
  return der(0x31, ...values)
}

/** A context-specific tag `[n]` around values already encoded: EXPLICIT, or an IMPLICIT constructed one. */
export function constructed(n: number, ...values: readonly Uint8Array[]): Buffer {
  return der(0xa0 | n, ...values)
}

/** A context-specific tag `[n]` in place of a primitive's own, IMPLICIT: `contents` is the bare value. */
export function primitive(n: number, contents: Uint8Array): Buffer {
  return der(0x80 | n, contents)
}

/** INTEGER, never negative, from big-endian magnitude bytes. */
export function integer(magnitude: Uint8Array): Buffer {
  const first = magnitude.findIndex(byte => byte !== 0)
  const bytes = first === -1 ? Buffer.of(0) : magnitude.subarray(first)
  // X.690 §8.3: two's complement in the fewest octets, so a high bit needs a zero octet before it to stay positive.
  return (bytes[0] ?? 0) & 0x80 ? der(0x02, Buffer.of(0), bytes) : der(0x02, bytes)
}

/** BOOLEAN; DER knows one TRUE only (X.690 §11.1). */
export function boolean(value: boolean): Buffer {
  return der(0x01, Buffer.of(value ? 0xff : 0))
}

/** BIT STRING of whole octets, less the `unused` bits at the end of the last one. */
export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return der(0x03, Buffer.of(unused), bytes)
}

/** OCTET STRING. */
export function octetString(bytes: Uint8Array): Buffer {
  return der(0x04, bytes)
}

/** OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return der(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)))
}

/** UTF8String. */
export function utf8String(text: string): Buffer {
  return der(0x0c, Buffer.from(text, 'utf8'))
}

/** IA5String; the caller hands in ASCII. */
export function ia5String(text: string): Buffer {
  return der(0x16, Buffer.from(text, 'latin1'))
}

/** Time of RFC 5280 §4.1.2.5: UTCTime from 1950 to 2049, GeneralizedTime otherwise, to the second and in UTC. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().replace(/\.\d+|\D/g, '')}Z`
  const year = date.getUTCFullYear()
  return year >= 1950 && year < 2050 ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits))
}

function length(n: number): Buffer {
  if (n < 0x80) return Buffer.of(n)
  const bytes = []
  for (let rest = n; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Buffer.of(0x80 | bytes.length, ...bytes)
}

function base128(n: number): number[] {
  const bytes = [n % 128]
  for (let rest = Math.floor(n / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift((rest % 128) | 0x80)
  return bytes
}
