import { nodeNet } from '../builtin.ts'
import { toAscii } from '../idna.ts'
import { literalAddress } from '../ip-literal.ts'
import { unless } from '../steps.ts'

/** One SRV record (RFC 2782). */
export interface SrvRecord {
  /** The target: a host, or `.` or nothing when the service is decidedly not there. */
  readonly name: string
  readonly port: number
  /** The lowest is tried first. */
  readonly priority: number
  /** Among equals of one priority, how often a target is tried first. */
  readonly weight: number
}

/** Where names are looked up. What it answers is believed as little as anything else from the network. */
export interface Dns {
  /** The SRV records of a name in A-labels, none when it has none. Rejects when that cannot be found out. */
  srv(name: string, signal: AbortSignal): Promise<readonly SrvRecord[]>
  /** The IP addresses of a host, the best first. Rejects when there are none, or when that cannot be found out. */
  addresses(host: string, signal: AbortSignal): Promise<readonly string[]>
}

/** Addresses of one host that are tried, the first ones of those found. */
const MAX_ADDRESSES = 16

/** What c-ares says when there is nothing of that kind (NXDOMAIN, NODATA), or when a name is too long to exist. */
const absent: readonly unknown[] = ['ENOTFOUND', 'ENODATA', 'EBADNAME']

/**
 * The DNS as this machine is set up for it. Hosts are looked up as every program does it, /etc/hosts included; such a look-up
 * cannot be called back from the system, which ends it in its own time, its result is dropped.
 * @param servers ask these for SRV records, `ADDRESS` or `ADDRESS:PORT`, instead of the ones in /etc/resolv.conf
 */
export function systemDns(servers?: readonly string[]): Dns {
  return {
    async srv(name, signal) {
      const { Resolver } = await import('node:dns/promises')
      signal.throwIfAborted()
      // One for each question, since cancel() ends all that are under way.
      const resolver = new Resolver({ timeout: 3000, tries: 2 })
      if (servers !== undefined) resolver.setServers(servers)
      const cancel = (): void => resolver.cancel()
      signal.addEventListener('abort', cancel)
      try {
        return await resolver.resolveSrv(name)
      } catch (error) {
        signal.throwIfAborted()
        if (absent.includes((error as NodeJS.ErrnoException).code)) return []
        throw inWords(error)
      } finally {
        signal.removeEventListener('abort', cancel)
      }
    },
    async addresses(host, signal) {
      const { lookup } = await import('node:dns/promises')
      signal.throwIfAborted()
      const found = lookup(host, { all: true }).catch(error => {
        throw inWords(error)
      })
      return (await unless(signal, found)).map(({ address }) => address)
    },
  }
}

/**
 * The addresses to try for a host: those the DNS has for a name, families taking turns (RFC 8305 §4); an address stands for itself,
 * in brackets too, with a zone as in a URL.
 * @throws what the DNS rejects with; Error when its answer holds no address; the signal's reason
 */
export async function addressesOf(host: string, dns: Dns, signal: AbortSignal): Promise<readonly string[]> {
  const address = literalAddress(host)
  if (address !== undefined) return [address]
  const name = /^\p{ASCII}*$/u.test(host) ? host : toAscii(host)
  const found = name === '' ? [] : await unless(signal, dns.addresses(name, signal))
  const { isIP } = nodeNet()
  const addresses = found.slice(0, MAX_ADDRESSES * 2).filter(one => isIP(one) !== 0)
  if (addresses.length === 0) throw new Error('the name has no address')
  return takingTurns([...new Set(addresses)]).slice(0, MAX_ADDRESSES)
}

/** For whoever reads it in a log; the code stays what it was. */
function inWords(error: unknown): unknown {
  const { code = '' } = error as NodeJS.ErrnoException
  const words = troubles[code]
  return words === undefined ? error : Object.assign(new Error(`${words} (${code})`), { code })
}

const troubles: Record<string, string | undefined> = {
  ESERVFAIL: 'the name server could not find out',
  EREFUSED: 'the name server refuses to answer',
  ETIMEOUT: 'no name server has answered in time',
  ECONNREFUSED: 'nobody is there where the name server should be, see /etc/resolv.conf',
  EBADRESP: 'the answer cannot be read',
  ENOTFOUND: 'that name is not known',
  EAI_AGAIN: 'the name could not be looked up just now',
}

/** The family of the first one begins: that is the one the system, or whoever sorted them, prefers. */
function takingTurns(addresses: readonly string[]): string[] {
  const { isIP } = nodeNet()
  const first = isIP(addresses[0] ?? '')
  const preferred = addresses.filter(address => isIP(address) === first)
  const others = addresses.filter(address => isIP(address) !== first)
  const turns = Array.from({ length: Math.max(preferred.length, others.length) }, (_, at) => [
    preferred[at],
    others[at],
  ])
  return turns.flat().filter(address => address !== undefined)
}
