import { isIPv4, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { constructed, ia5String, oid, primitive, sequence, utf8String } from './der.ts'

/** A subjectAltName (RFC 5280 §4.2.1.6) of entries already encoded. */
export function alternativeNames(...names: readonly Uint8Array[]): Buffer {
  return sequence(...names)
}

/** RFC 6120 §13.7.1.2.1: a DNS-ID, and the two XMPP forms, for one domain. */
export function serverNames(domain: string): Buffer[] {
  const ascii = domainToASCII(domain) || domain
  return [dnsName(ascii), srvName(`_xmpp-client.${ascii}`), xmppAddr(domain)]
}

/** dNSName; what is in the text is what will be in the certificate, one octet for each character. */
export function dnsName(text: string): Buffer {
  return primitive(2, Buffer.from(text, 'latin1'))
}

/** id-on-dnsSRV (RFC 4985 §2): `_service.domain`. */
export function srvName(text: string): Buffer {
  return otherName('1.3.6.1.5.5.7.8.7', ia5String(text))
}

/** id-on-xmppAddr (RFC 6120 §13.7.1.4): a JID. */
export function xmppAddr(text: string): Buffer {
  return otherName('1.3.6.1.5.5.7.8.5', utf8String(text))
}

/** otherName of any type, with a value already encoded. */
export function otherName(type: string, value: Uint8Array): Buffer {
  return constructed(0, oid(type), constructed(0, value))
}

/** iPAddress. Throws a RangeError for what is no address. */
export function addressName(address: string): Buffer {
  return primitive(7, addressBytes(address))
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  if (!isIPv6(address)) throw new RangeError(`not an IP address: ${address}`)
  // The URL parser writes every address in one form: hex groups, one `::` at most.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = new Array<string>(8 - before.length - after.length).fill('0')
  return Buffer.from([...before, ...zeros, ...after].map(group => group.padStart(4, '0')).join(''), 'hex')
}

function groups(text: string): string[] {
  return text === '' ? [] : text.split(':')
}
