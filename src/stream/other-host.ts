import { domainToASCII } from 'node:url'
import { nodeNet } from '../builtin.ts'

/** Where a server sends those who come to it (RFC 6120 §4.9.3.19). */
export interface OtherHost {
  /** An address without brackets, or a name in A-labels. */
  readonly host: string
  readonly port: number | undefined
}

/**
 * Reads the content of `<see-other-host/>`: a name or an address, one of IPv6 in brackets, and perhaps a port. It comes from a peer
 * that nobody has authenticated yet, so what is not exactly that is nothing.
 */
export function readOtherHost(text: string): OtherHost | undefined {
  const trimmed = text.length > 300 ? '' : text.trim()
  const [, address, name = '', digits] = form.exec(trimmed) ?? []
  const port = digits === undefined ? undefined : Number(digits)
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined
  const { isIP } = nodeNet()
  if (address !== undefined) return isIP(address) === 6 ? { host: address.toLowerCase(), port } : undefined
  if (isIP(name) === 4) return { host: name, port }
  // What the URL parser takes for an address in other clothes, such as 0x7f.1, is no name.
  const host = domainToASCII(name).replace(/\.$/, '')
  return host.length <= 253 && hostName.test(host) && isIP(host) === 0 ? { host, port } : undefined
}

/** An address of IPv6 in brackets, or anything without a colon; then perhaps a port. */
const form = /^(?:\[([0-9a-f:.]{2,45})\]|([^:[\]@/%\s]+))(?::(\d{1,5}))?$/i

/** What RFC 1123 §2.1 allows, and the underscore that is in use; that of names the DNS hands out as well. */
export const hostName = /^(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*$/
