// RFC 3492 §5: the parameters of the Bootstring encoding that Punycode is.
const BASE = 36
const TMIN = 1
const TMAX = 26
const SKEW = 38
const DAMP = 700
const INITIAL_BIAS = 72
const INITIAL_N = 128
const MAX_CODE_POINT = 0x10ffff
/** `a`–`z` are 0–25, `0`–`9` are 26–35. */
const DIGITS = 'abcdefghijklmnopqrstuvwxyz0123456789'

/**
 * A label in Punycode, without the `xn--` (RFC 3492 §6.3). Takes time that grows with the square of the length: bound it
 * first. A label of 63 octets never holds more than 59 code points.
 */
export function encodePunycode(label: string): string {
  const points = Array.from(label, char => char.codePointAt(0) as number)
  const basic = points.filter(point => point < INITIAL_N)
  let output = String.fromCodePoint(...basic)
  if (basic.length > 0) output += '-'
  let [n, delta, bias, handled] = [INITIAL_N, 0, INITIAL_BIAS, basic.length]
  while (handled < points.length) {
    const next = Math.min(...points.filter(point => point >= n))
    delta += (next - n) * (handled + 1)
    n = next
    for (const point of points) {
      if (point < n) delta++
      if (point !== n) continue
      output += integer(delta, bias)
      bias = adapt(delta, handled + 1, handled === basic.length)
      delta = 0
      handled++
    }
    delta++
    n++
  }
  return output
}

/**
 * The label that a piece of lower-case Punycode, without its `xn--`, stands for (RFC 3492 §6.2); undefined when it stands
 * for none. More than one piece may stand for the same label: encode the result and compare.
 */
export function decodePunycode(encoded: string): string | undefined {
  const end = encoded.lastIndexOf('-')
  const output = Array.from(encoded.slice(0, Math.max(end, 0)), char => char.codePointAt(0) as number)
  let [n, position, bias] = [INITIAL_N, 0, INITIAL_BIAS]
  for (let at = end + 1; at < encoded.length; ) {
    const start = position
    let weight = 1
    for (let k = BASE; ; k += BASE) {
      const digit = at < encoded.length ? DIGITS.indexOf(encoded.charAt(at++)) : -1
      if (digit < 0) return undefined
      position += digit * weight
      // Well below 2^53, and no delta that stands for a code point is as large.
      if (position > MAX_CODE_POINT * 64) return undefined
      const t = threshold(k, bias)
      if (digit < t) break
      weight *= BASE - t
    }
    const length = output.length + 1
    bias = adapt(position - start, length, start === 0)
    n += Math.floor(position / length)
    position %= length
    if (n > MAX_CODE_POINT) return undefined
    output.splice(position++, 0, n)
  }
  return String.fromCodePoint(...output)
}

/** A number as digits, least significant first, each with a threshold of its own (RFC 3492 §3.3). */
function integer(value: number, bias: number): string {
  let digits = ''
  let rest = value
  for (let k = BASE; ; k += BASE) {
    const t = threshold(k, bias)
    if (rest < t) return digits + DIGITS.charAt(rest)
    digits += DIGITS.charAt(t + ((rest - t) % (BASE - t)))
    rest = Math.floor((rest - t) / (BASE - t))
  }
}

function threshold(k: number, bias: number): number {
  return Math.min(Math.max(k - bias, TMIN), TMAX)
}

/** RFC 3492 §6.1. */
function adapt(delta: number, length: number, first: boolean): number {
  let rest = Math.floor(delta / (first ? DAMP : 2))
  rest += Math.floor(rest / length)
  let k = 0
  for (; rest > ((BASE - TMIN) * TMAX) / 2; k += BASE) rest = Math.floor(rest / (BASE - TMIN))
  return k + Math.floor(((BASE - TMIN + 1) * rest) / (rest + SKEW))
}
