import { describe, XmppError } from '../errors.ts'
import { toAscii } from '../idna.ts'
import { literalAddress } from '../ip-literal.ts'
import { printable } from '../printable.ts'
import { unless } from '../steps.ts'
import type { Dns, SrvRecord } from './dns.ts'
import { hostName } from './other-host.ts'

/** Where a connection may be made to. */
export interface Target {
  /** A name in A-labels, or an address without brackets. */
  readonly host: string
  readonly port: number
  /** TLS from the first byte (XEP-0368). */
  readonly direct: boolean
}

/** How streams of a client are encrypted: after asking for it or from the first byte, from the first byte only, never. */
export type TlsPolicy = 'starttls' | 'direct' | 'never'

/** Where a domain's servers for clients are. */
export interface Resolution {
  /** In the order in which to try them; at least one. */
  readonly targets: readonly Target[]
  /** What could not be looked up, in words; undefined when all could. */
  readonly trouble: string | undefined
}

/** What resolving needs from outside. */
export interface ResolveOptions {
  readonly dns: Dns
  /** Ends the looking-up: what has not been found by then is `trouble`. */
  readonly signal: AbortSignal
  /** 0 ≤ random() < 1. */
  readonly random?: (() => number) | undefined
}

/** Records looked at of one answer. */
const MAX_RECORDS = 64
/** Targets that are tried. */
const MAX_TARGETS = 16

/** The port of clients without SRV (RFC 6120 §14.7), and the one in use for direct TLS. */
export const CLIENT_PORT = 5222
export const CLIENT_DIRECT_PORT = 5223

/**
 * Finds the servers of a domain for its clients: the SRV records of `_xmpp-client` (RFC 6120 §3.2.1) and `_xmpps-client` (XEP-0368 §3),
 * as far as the policy allows either, taken together by priority and weight. A domain without any is its own server. What cannot
 * be looked up counts as not there, and is told in `trouble`.
 * @throws XmppError `XMPP_NO_SERVICE` when the domain says that it serves no clients; `XMPP_JID_MALFORMED` for what is no domain
 */
export async function resolveClient(
  domain: string,
  policy: TlsPolicy,
  { dns, signal, random = Math.random }: ResolveOptions,
): Promise<Resolution> {
  const direct = policy === 'direct'
  const host = hostOf(domain)
  const itself: Target = { host, port: direct ? CLIENT_DIRECT_PORT : CLIENT_PORT, direct }
  if (!hasRecords(host)) return { targets: [itself], trouble: undefined }

  const kinds = policy === 'starttls' ? [true, false] : [direct]
  const answers = await Promise.all(kinds.map(kind => ask(kind, host, dns, signal)))
  const trouble = inWords(answers.flatMap(answer => answer.trouble ?? []))
  const found = answers.flatMap(answer => answer.records)
  if (found.length > 0) return { targets: distinct(bySrvOrder(found, random)).slice(0, MAX_TARGETS), trouble }
  // The last one asked is that without which there is nothing to fall back to.
  if (answers.at(-1)?.none) throw noService(host, direct, trouble)
  return { targets: [itself], trouble }
}

/**
 * The order in which RFC 2782 wants targets to be tried: by priority; among equals by lot, each as likely to be next as its
 * weight is large, those of weight 0 hardly ever.
 */
export function bySrvOrder<R extends Pick<SrvRecord, 'priority' | 'weight'>>(
  records: readonly R[],
  random: () => number,
): R[] {
  const priorities = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b)
  return priorities.flatMap(priority => {
    const equals = records.filter(record => record.priority === priority)
    // "placed at the beginning of the list": only there can the number 0 find one.
    const left = [...equals.filter(({ weight }) => weight === 0), ...equals.filter(({ weight }) => weight > 0)]
    return equals.map(() => draw(left, random))
  })
}

/** As a host to connect to: an address without brackets, anything else in A-labels. @throws XmppError `XMPP_JID_MALFORMED` */
export function hostOf(domain: string): string {
  return literalAddress(domain) ?? toAscii(domain)
}

interface Answer {
  readonly records: readonly (Target & SrvRecord)[]
  /** The domain says that it does not offer this. */
  readonly none: boolean
  readonly trouble: Trouble | undefined
}

interface Trouble {
  readonly name: string
  readonly what: string
}

/** One line for all names; when it is the same with each, it is said once. */
function inWords(troubles: readonly Trouble[]): string | undefined {
  const kinds = [...new Set(troubles.map(({ what }) => what))]
  const lines = kinds.map(what => {
    const names = troubles.filter(trouble => trouble.what === what).map(({ name }) => name)
    return `${names.join(' and ')} ${what}`
  })
  return lines.length === 0 ? undefined : lines.join('; ')
}

async function ask(direct: boolean, domain: string, dns: Dns, signal: AbortSignal): Promise<Answer> {
  const name = `${direct ? '_xmpps-client' : '_xmpp-client'}._tcp.${domain}`
  const nothing = { records: [], none: false, trouble: undefined }
  // Whatever adds to a long domain, that name cannot exist (RFC 1035 §2.3.4).
  if (name.length > 253) return nothing
  try {
    const all = (await unless(signal, dns.srv(name, signal))).slice(0, MAX_RECORDS)
    if (all.length === 0) return nothing
    const present = all.filter(record => record.name !== '' && record.name !== '.')
    if (present.length === 0) return { ...nothing, none: true }
    const records = present.flatMap(record => usable(record, direct) ?? [])
    return {
      ...nothing,
      records,
      trouble: records.length > 0 ? undefined : { name, what: 'gave no usable SRV record' },
    }
  } catch (error) {
    return {
      ...nothing,
      trouble: { name, what: `could not be looked up: ${printable(describe(error).slice(0, 200))}` },
    }
  }
}

/** Undefined for what cannot be a target: whoever answers our questions may be anybody. */
function usable(record: SrvRecord, direct: boolean): (Target & SrvRecord) | undefined {
  const { port, priority, weight } = record
  const host = record.name.length > 254 ? '' : record.name.toLowerCase().replace(/\.$/, '')
  const numbers = [port, priority, weight].every(n => Number.isInteger(n) && n >= 0 && n <= 65_535)
  if (!numbers || port === 0 || host.length > 253 || !hostName.test(host)) return undefined
  return { name: record.name, host, port, priority, weight, direct }
}

/** Removes the next one: the first whose running sum of weights reaches a number between 0 and the sum of all, both included. */
function draw<R extends Pick<SrvRecord, 'weight'>>(left: R[], random: () => number): R {
  const sum = left.reduce((total, { weight }) => total + weight, 0)
  const number = Math.floor(random() * (sum + 1))
  let running = 0
  const at = left.findIndex(({ weight }) => {
    running += weight
    return running >= number
  })
  return left.splice(at, 1)[0] as R
}

function distinct(targets: readonly Target[]): Target[] {
  const seen = new Map<string, Target>()
  for (const { host, port, direct } of targets) {
    const key = `${host} ${port} ${direct}`
    if (!seen.has(key)) seen.set(key, { host, port, direct })
  }
  return [...seen.values()]
}

/** Addresses have no SRV records, and this machine's own name (RFC 6761 §6.3) is nobody's to ask for. */
function hasRecords(host: string): boolean {
  return literalAddress(host) === undefined && !/(^|\.)localhost$/.test(host)
}

function noService(domain: string, direct: boolean, trouble: string | undefined): XmppError {
  const what = direct ? 'no direct TLS to XMPP clients' : 'no XMPP to clients'
  const more = trouble === undefined ? '' : `; ${trouble}`
  return new XmppError('XMPP_NO_SERVICE', `${domain} says by DNS that it offers ${what}${more}`)
}
