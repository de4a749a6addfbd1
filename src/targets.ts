import { isLoopback } from './config/host.ts'
import { describe } from './errors.ts'
import { literalAddress } from './ip-literal.ts'
import { Steps, type Way } from './steps.ts'
import type { Dns } from './stream/dns.ts'
import type { OtherHost } from './stream/other-host.ts'
import { hostOf, resolveClient, type Target, type TlsPolicy } from './stream/resolve.ts'

/** What is connected to, wherever its servers are. */
export interface Service {
  /** The stream's `to`, and what certificates must name. */
  readonly domain: string
  readonly policy: TlsPolicy
  /** Said by the user, and then the DNS is not asked for servers. */
  readonly host: string | undefined
  readonly port: number | undefined
  /** Where a host is spoken to that comes without a port. */
  readonly ports: { readonly direct: number; readonly clear: number }
  /** A component: it has no SRV records (XEP-0114). */
  readonly component: boolean
}

/** Where `see-other-host` sends us (RFC 6120 §4.9.3.19). */
export interface Redirect extends OtherHost {
  /** Who says so. In direct TLS there means direct TLS at the other host. */
  readonly from?: Target | undefined
}

/** RFC 6120 §4.9.3.19: "at least two but no more than five". */
export const MAX_REDIRECTS = 5

/** The servers of one domain, as they are to be tried. None comes twice. */
export class Targets {
  /** What could not be looked up, in words. */
  readonly trouble: string[] = []
  readonly #service: Service
  readonly #way: Way
  readonly #dns: Dns
  readonly #random: (() => number) | undefined
  readonly #given = new Set<string>()
  #left: Target[] = []
  #found = false
  #redirects = 0

  constructor(service: Service, way: Way, dns: Dns, random: (() => number) | undefined) {
    this.#service = service
    this.#way = way
    this.#dns = dns
    this.#random = random
  }

  /**
   * The next one to try, undefined when there are no more. The DNS is asked as late as that.
   * @throws XmppError `XMPP_NO_SERVICE` when the domain has no servers; the caller's reason
   */
  async next(): Promise<Target | undefined> {
    if (this.#left.length === 0 && !this.#found) {
      this.#found = true
      this.#left = this.#new(await this.#configured())
    }
    const target = this.#left.shift()
    if (target === undefined) return undefined
    this.#given.add(keyOf(target))
    // It may have come by a redirection, and would have had its turn later anyway.
    this.#left = this.#new(this.#left)
    return target
  }

  /**
   * Puts where a server sends us before all others: the same domain, and TLS in the same way.
   * @param only whether nothing else is to be tried any more
   * @returns why we do not go there, undefined when we do
   */
  async redirect(to: Redirect, only: boolean): Promise<string | undefined> {
    if (this.#redirects++ >= MAX_REDIRECTS) return 'which is one redirection too many'
    const { policy } = this.#service
    const direct = policy === 'direct' || (policy === 'starttls' && to.from?.direct === true)
    // What a user lets be said in clear on this machine is not said in clear elsewhere.
    if (policy === 'never' && isLoopback(to.from?.host ?? '') && !isLoopback(to.host)) {
      return 'which is not this machine, and nothing would be encrypted'
    }
    let others: Target[]
    try {
      others = this.#new(await this.#at(to, direct))
    } catch (error) {
      this.#way.signal?.throwIfAborted()
      return `which cannot be: ${describe(error)}`
    }
    if (others.length === 0) return 'where we have been already'
    this.#left = only ? others : [...others, ...this.#left]
    if (only) this.#found = true
    return undefined
  }

  async #configured(): Promise<readonly Target[]> {
    const { domain, host, port, policy, ports, component } = this.#service
    if (host === undefined && port === undefined && !component) return this.#resolve(domain, policy)
    const direct = policy === 'direct'
    return [{ host: host ?? hostOf(domain), port: port ?? (direct ? ports.direct : ports.clear), direct }]
  }

  /** RFC 6120 §4.9.3.19: a name without a port is looked up like a domain. */
  async #at({ host, port }: Redirect, direct: boolean): Promise<readonly Target[]> {
    const { policy, ports, component } = this.#service
    if (port === undefined && !component && literalAddress(host) === undefined) {
      return this.#resolve(host, direct ? 'direct' : policy)
    }
    return [{ host, port: port ?? (direct ? ports.direct : ports.clear), direct }]
  }

  async #resolve(domain: string, policy: TlsPolicy): Promise<readonly Target[]> {
    const steps = new Steps(this.#way)
    try {
      steps.enter('resolve', 'there was no answer')
      const options = { dns: this.#dns, signal: steps.signal, random: this.#random }
      const { targets, trouble } = await resolveClient(domain, policy, options)
      if (trouble !== undefined) this.trouble.push(trouble)
      return targets
    } finally {
      steps.end()
      this.#way.signal?.throwIfAborted()
    }
  }

  #new(targets: readonly Target[]): Target[] {
    return targets.filter(target => !this.#given.has(keyOf(target)))
  }
}

function keyOf({ host, port, direct }: Target): string {
  return `${host.toLowerCase()} ${port} ${direct}`
}
