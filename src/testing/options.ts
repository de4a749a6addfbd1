import { type Clock, systemClock } from '../clock.ts'
import { parseJid } from '../jid.ts'
import { printable } from '../printable.ts'
import type { TlsServerOptions } from '../stream/tls.ts'
import { Accounts } from './accounts.ts'
import { type Certificate, makeCertificate } from './certificate.ts'
import { serverMechanisms, usualMechanisms } from './sasl-mechanisms.ts'
import type { ServerMechanism } from './sasl-server.ts'

/** All of it may be left out. */
export interface LoopbackOptions {
  /** local@domain → password; the domains of all users are the domains served. Default none. */
  readonly users?: Readonly<Record<string, string>>
  /** Component domain → secret. Default none. */
  readonly components?: Readonly<Record<string, string>>
  /**
   * Domains at which the server itself is a PubSub service (XEP-0060). Whoever is connected may create nodes; they last as long as the server. Default none.
   */
  readonly pubsub?: readonly string[]
  /** Whether these have collections (XEP-0248). Default true. */
  readonly pubsubCollections?: boolean
  /** For clients, with STARTTLS. 0, the default of all four, lets the system choose. */
  readonly port?: number
  /** For clients, with direct TLS. */
  readonly directPort?: number
  readonly componentPort?: number
  /** For components, with TLS from the first byte. */
  readonly componentTlsPort?: number
  /** Default: made at start for all domains, `localhost` and 127.0.0.1. */
  readonly certificate?: Certificate
  /** Default `required`: no login without TLS. */
  readonly starttls?: 'required' | 'optional' | 'none'
  /**
   * Names, in the order in which they are offered. Default SCRAM-SHA-512, SCRAM-SHA-256, SCRAM-SHA-1, PLAIN. There are the three
   * SCRAM-…-PLUS, DIGEST-MD5, X-OAUTH2, OAUTHBEARER, EXTERNAL and ANONYMOUS too. -PLUS and EXTERNAL are offered under TLS only, and what shows a password or
   * token only there or where `starttls` is `none`.
   */
  readonly mechanisms?: readonly string[]
  /** OAuth access token → the user it is for; for X-OAUTH2 and OAUTHBEARER. Default none. */
  readonly tokens?: Readonly<Record<string, string>>
  /** User → certificate (PEM) by which it logs in; for EXTERNAL, which is offered to whoever shows one. Default none. */
  readonly certificates?: Readonly<Record<string, string>>
  /** XEP-0198 Stream Management is offered. Default true. */
  readonly streamManagement?: boolean
  /** Seconds for which a session waits to be resumed when its connection is lost; 0 lets none be resumed. Default 60. */
  readonly resumeSeconds?: number
  /** Where clients are told to resume: a host, perhaps with a port. Default nowhere else. */
  readonly location?: string | undefined
  /** XEP-0388 is offered beside RFC 6120's SASL, with XEP-0386 (Bind 2) and XEP-0198 inline. Default true. */
  readonly sasl2?: boolean
  /** XEP-0078, the login before SASL, is offered too. Default false. */
  readonly iqAuth?: boolean
  /** What measures all the times of this server. Default the process's. */
  readonly clock?: Clock
  /** Connections at one time; more are cut at once. As many sessions may wait to be resumed. Default 1000. */
  readonly connections?: number
  /** Gets a line for whatever is worth one. Nothing in it needs escaping, and no password is. */
  readonly log?: (line: string) => void
}

/** The options, checked and completed. */
export interface Settings {
  readonly accounts: Accounts
  readonly components: ReadonlyMap<string, string>
  readonly pubsub: readonly string[]
  readonly pubsubCollections: boolean
  readonly ports: {
    readonly client: number
    readonly direct: number
    readonly component: number
    readonly componentTls: number
  }
  readonly certificate: Certificate
  /** One for all connections, so that a client can resume its session. */
  readonly tls: TlsServerOptions
  readonly directTls: TlsServerOptions
  readonly starttls: 'required' | 'optional' | 'none'
  readonly mechanisms: readonly ServerMechanism[]
  readonly streamManagement: boolean
  readonly resumeSeconds: number
  readonly location: string | undefined
  readonly sasl2: boolean
  readonly iqAuth: boolean
  readonly clock: Clock
  readonly connections: number
  readonly log: (line: string) => void
}

/** @throws RangeError, XmppError `XMPP_JID_MALFORMED`; no message holds a password */
export function settle(options: LoopbackOptions): Settings {
  const accounts = new Accounts(options.users ?? {}, options)
  const components = readComponents(options.components ?? {}, accounts.domains)
  const pubsub = readServices(options.pubsub ?? [], accounts.domains, components)
  const names = [...accounts.domains, ...components.keys(), 'localhost']
  const certificate = options.certificate ?? makeCertificate({ names: [...new Set(names)], addresses: ['127.0.0.1'] })
  const mechanisms = options.mechanisms?.map(mechanismCalled) ?? usualMechanisms
  const tls: TlsServerOptions = {
    role: 'acceptor',
    cert: certificate.cert,
    key: certificate.key,
    ...(mechanisms.some(({ needs }) => needs === 'certificate') && { clientCertificate: 'request' }),
  }
  return {
    accounts,
    components,
    pubsub,
    pubsubCollections: options.pubsubCollections ?? true,
    ports: {
      client: port('port', options.port),
      direct: port('directPort', options.directPort),
      component: port('componentPort', options.componentPort),
      componentTls: port('componentTlsPort', options.componentTlsPort),
    },
    certificate,
    tls,
    directTls: { ...tls, alpn: 'xmpp-client' },
    starttls: options.starttls ?? 'required',
    mechanisms,
    streamManagement: options.streamManagement ?? true,
    resumeSeconds: seconds(options.resumeSeconds),
    location: options.location,
    sasl2: options.sasl2 ?? true,
    iqAuth: options.iqAuth ?? false,
    clock: options.clock ?? systemClock,
    connections: options.connections ?? 1000,
    // What a peer says may stand in a line: its errors' texts, its resource.
    log: line => options.log?.(printable(line)),
  }
}

function readComponents(
  given: Readonly<Record<string, string>>,
  users: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const components = new Map<string, string>()
  for (const [text, secret] of Object.entries(given)) {
    const { local, domain, resource } = parseJid(text)
    if (local !== '' || resource !== '') throw new RangeError(`a component is a domain, not ${text.slice(0, 100)}`)
    if (users.has(domain)) throw new RangeError(`${domain} has users and so cannot be a component`)
    if (components.has(domain)) throw new RangeError(`the component ${domain} is given twice`)
    if (secret === '') throw new RangeError(`the secret of ${domain} is empty`)
    components.set(domain, secret)
  }
  return components
}

function readServices(
  given: readonly string[],
  users: ReadonlySet<string>,
  components: ReadonlyMap<string, string>,
): readonly string[] {
  const services = new Set<string>()
  for (const text of given) {
    const { local, domain, resource } = parseJid(text)
    if (local !== '' || resource !== '') throw new RangeError(`a PubSub service is a domain, not ${text.slice(0, 100)}`)
    if (users.has(domain)) throw new RangeError(`${domain} has users and so cannot be a PubSub service`)
    if (components.has(domain)) throw new RangeError(`${domain} is a component and so cannot be a PubSub service`)
    if (services.has(domain)) throw new RangeError(`the PubSub service ${domain} is given twice`)
    services.add(domain)
  }
  return [...services]
}

function mechanismCalled(name: string): ServerMechanism {
  const found = serverMechanisms.find(mechanism => mechanism.name === name)
  if (found !== undefined) return found
  throw new RangeError(`no mechanism ${name}; there are ${serverMechanisms.map(each => each.name).join(', ')}`)
}

function port(name: string, value = 0): number {
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value
  throw new RangeError(`${name} is a number from 0 to 65535, not ${value}`)
}

/** No timer runs for longer than about 24 days. */
function seconds(value = 60): number {
  if (Number.isInteger(value) && value >= 0 && value <= 1_000_000) return value
  throw new RangeError(`resumeSeconds is a number from 0 to 1000000, not ${value}`)
}
