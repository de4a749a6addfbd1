import { nodeNet } from '../builtin.ts'
import { toAscii } from '../idna.ts'
import { ipLiteral, literalAddress } from '../ip-literal.ts'
import { type CertificateName, shown } from './certificate.ts'

/** The services of which an SRV-ID may speak to a client: by STARTTLS or direct, names are looked at alike (XEP-0368 §3). */
export const clientServices: readonly string[] = ['xmpp-client', 'xmpps-client']

/**
 * The same for a component. XEP-0114 has no service of its own; who speaks for the component's domain to other servers is the one
 * it attaches to.
 */
export const componentServices: readonly string[] = ['xmpp-server']

/** The name of the server one wants to talk to (RFC 9525 §6.1), ready to be compared. */
export interface Reference {
  /** A domain in A-labels and lower case; an address in the form of RFC 5952, one of IPv6 in brackets. */
  readonly name: string
  readonly address: boolean
}

/**
 * @param name a domain, IDNA or not, or an address; one of IPv6 may stand in brackets as in a JID
 * @throws XmppError `XMPP_JID_MALFORMED` for what is neither
 */
export function referenceOf(name: string): Reference {
  const address = literalAddress(name)
  if (address === undefined) return { name: toAscii(name), address: false }
  return { name: canonicalAddress(address), address: true }
}

/**
 * Whether a certificate's names are for whom we want (RFC 6120 §13.7.1.2, RFC 9525 §6): one match is enough, of a DNS-ID, an
 * SRV-ID of one of these services, an XmppAddr that is the domain, or, for an address, an iPAddress.
 */
export function matches(names: readonly CertificateName[], reference: Reference, services: readonly string[]): boolean {
  return names.some(({ kind, value }) => {
    if (reference.address) return kind === 'IP' && canonicalAddress(value) === reference.name
    if (kind === 'DNS') return domainMatches(value, reference.name)
    if (kind === 'SRV') return services.some(service => serviceMatches(value, service, reference.name))
    return kind === 'XMPP' && value.length <= 1023 && xmppDomain.test(value) && aLabels(value) === reference.name
  })
}

/** A certificate's names for a message: by kind, a few of each. */
export function listNames(names: readonly CertificateName[]): string {
  if (names.length === 0) return 'nothing (a common name does not count)'
  const lists = (Object.keys(kinds) as (keyof typeof kinds)[]).flatMap(kind => {
    const values = names.flatMap(name => (name.kind === kind ? [name.value] : []))
    if (values.length === 0) return []
    const more = values.length > MOST_SHOWN ? ` and ${values.length - MOST_SHOWN} more` : ''
    return [`${values.slice(0, MOST_SHOWN).map(shown).join(', ')}${more} (${kinds[kind]})`]
  })
  return lists.join('; ')
}

const MOST_SHOWN = 6

const kinds = { DNS: 'DNS', SRV: 'SRVName', XMPP: 'XmppAddr', IP: 'address' } as const

/** What a host's name may be made of once it is in A-labels: anything else, NUL above all, equals no domain. */
const hostName = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/

/** A JID without localpart and resource. */
const xmppDomain = /^[^@/\s\p{Cc}]+$/u

/**
 * RFC 9525 §6.3: equal but for ASCII case, or with `*` for the whole left-most label, which stands for just one. As everywhere
 * else `*.com` is too much: at least two labels have to follow.
 */
function domainMatches(presented: string, name: string): boolean {
  const pattern = lowerAscii(presented)
  if (!hostName.test(name)) return false
  if (pattern === name) return true
  const dot = name.indexOf('.')
  return pattern.startsWith('*.') && dot > 0 && pattern.slice(1) === name.slice(dot) && name.indexOf('.', dot + 1) > 0
}

/** RFC 4985 §2: `_service.domain`. A service has no wildcards, and with one in the domain SRV-IDs are not issued. */
function serviceMatches(presented: string, service: string, name: string): boolean {
  return hostName.test(name) && lowerAscii(presented) === `_${service}.${name}`
}

/** ASCII only: the Kelvin sign is no k. */
function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, letters => letters.toLowerCase())
}

function aLabels(domain: string): string | undefined {
  try {
    return toAscii(domain)
  } catch {
    // What is no domain is not the one we want.
    return undefined
  }
}

/** Each address in one form, without a zone, which is this machine's own affair. */
function canonicalAddress(address: string): string {
  return ipLiteral(nodeNet().isIPv6(address) ? `[${address.replace(/%.*$/, '')}]` : address) ?? address
}
