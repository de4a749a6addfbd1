import type { BlockList } from 'node:net'
import { nodeNet } from '../builtin.ts'
import { literalAddress } from '../ip-literal.ts'

/** A host to connect to, or what was expected instead. */
export type HostReading = { readonly value: string } | { readonly expected: string }

/** Reads a host name or an address; an IPv6 address may stand in brackets, and loses them. */
export function readHost(text: string): HostReading {
  const address = literalAddress(text)
  if (address !== undefined) return { value: address }
  if (/^[^:]*:\d*$/.test(text))
    return { expected: 'a host name or an address (the port has an option of its own, port)' }
  if (text.includes('@')) return { expected: 'a host name or an address (the JID has an option of its own, username)' }
  if (/^\d+\.\d+\.\d+\.\d+$/.test(text)) return { expected: 'an address of four numbers up to 255' }
  if (text === '' || text.length > 253 || /[\s"&'*/:<>@[\]\\%?#;,]/.test(text))
    return { expected: 'a host name or an address' }
  return { value: text }
}

/** Whether a host can only be this machine: `localhost`, names below it, 127.0.0.0/8, ::1. */
export function isLoopback(host: string): boolean {
  const address = literalAddress(host)
  if (address !== undefined) return loopback().check(address, nodeNet().isIPv6(address) ? 'ipv6' : 'ipv4')
  return /(^|\.)localhost\.?$/i.test(host)
}

let made: BlockList | undefined

function loopback(): BlockList {
  if (made === undefined) {
    const { BlockList } = nodeNet()
    made = new BlockList()
    made.addSubnet('127.0.0.0', 8)
    made.addAddress('::1', 'ipv6')
  }
  return made
}
