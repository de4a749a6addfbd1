import { nodeNet } from './builtin.ts'

/**
 * An IPv4 address, or an IPv6 address in brackets, as a domainpart may be one (RFC 7622 §3.2, `IPv4address` and `IP-literal`),
 * in the one form that all spellings of it share (RFC 5952): lower case, no leading zeros, the longest run of zeros as `::`.
 * A zone (RFC 6874, `%25eth0`) stays as it is. Undefined for everything else.
 */
export function ipLiteral(domain: string): string | undefined {
  if (nodeNet().isIPv4(domain)) return domain
  const [, address = '', zone = ''] = bracketed.exec(domain) ?? []
  return nodeNet().isIPv6(address) ? `[${canonical(address)}${zone}]` : undefined
}

/** The address that a host to connect to is, undefined for a name; one of IPv6 may stand in brackets, and loses them. */
export function literalAddress(host: string): string | undefined {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1).replace('%25', '%') : host
  return nodeNet().isIP(bare) === 0 ? undefined : bare
}

// A zone's alphabet is that of RFC 6874 §2. The longest IPv6 address has 45 characters, an interface's name 15.
const bracketed = /^\[([0-9a-f:.]{2,45})(%25(?:[\w.~-]|%[0-9a-f]{2}){1,45})?\]$/i

function canonical(address: string): string {
  const groups = groupsOf(address)
  // RFC 5952 §5: an address known to hold an IPv4 address shows it.
  const mapped = groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff
  if (mapped)
    return `::ffff:${groups
      .slice(6)
      .flatMap(group => [group >> 8, group & 255])
      .join('.')}`
  const [start, length] = longestZeros(groups)
  const hex = groups.map(group => group.toString(16))
  if (length < 2) return hex.join(':')
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [a * 256 + +b, c * 256 + +d].map(group => group.toString(16)).join(':'),
  )
  const [head = [], tail = []] = plain.split('::').map(half => half.split(':').filter(group => group !== ''))
  const zeros = Array<string>(8 - head.length - tail.length).fill('0')
  return [...head, ...zeros, ...tail].map(group => Number.parseInt(group, 16))
}

/** Where the first longest run of zeros begins, and how long it is (RFC 5952 §4.2). */
function longestZeros(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0]
  for (let start = 0; start < groups.length; start++) {
    let end = start
    while (groups[end] === 0) end++
    if (end - start > best[1]) best = [start, end - start]
  }
  return best
}
