import { type Address, addressBook } from './addresses.ts'
import { clockOf, paceOf } from './client.ts'
import { type ConnectOptions, connect } from './connect.ts'
import { XmppError } from './errors.ts'
import { parseJid } from './jid.ts'
import { NS_COMPONENT, negotiateComponent, type Progress } from './negotiate.ts'
import { printable } from './printable.ts'
import { Connection } from './reconnect.ts'
import type { Xep } from './routes.ts'
import { Session, type SessionOptions } from './session.ts'
import { timeoutsOf } from './steps.ts'
import { componentServices } from './stream/identity.ts'
import { trustOf } from './stream/tls.ts'
import { TlsSessions } from './stream/tls-sessions.ts'
import type { Identity } from './xep/0030-disco.ts'
import { componentIdentity, standardXeps } from './xep/index.ts'

/** No standard says so; it is what servers come with. */
const COMPONENT_PORT = 5347

/** Which component is attached, where, and how. */
export interface ComponentOptions extends ConnectOptions {
  /** The component's own domain, as the server's configuration names it. */
  readonly domain: string
  /** What the component shares with its server. */
  readonly secret: string
  /** `direct` for TLS from the first byte; XEP-0114 knows no STARTTLS. Default `never`: in clear. */
  readonly tls?: 'direct' | 'never'
  /** Extensions beside the standard ones (disco, version, ping), at every address of the domain. */
  readonly xeps?: readonly Xep[]
  /** What there is at some of them besides: see {@link at}. Its own handlers answer a request before those of `xeps`, messages and presence go to both. */
  readonly addresses?: readonly Address[]
  /** What disco says we are. Default a gateway to the telephone network. */
  readonly identity?: Identity
  /** Told how far the login is, in the words of `xmpp show connections`. */
  readonly onProgress?: (progress: Progress) => void
  /** A session to take over from: whoever waits for answers in it is told that there will be none. */
  readonly earlier?: Session | undefined
  /** How the session behaves, beside its extensions and its clock, which is that of `stream`. */
  readonly session?: Omit<SessionOptions, 'xeps' | 'clock' | 'addresses'>
}

/**
 * Attaches a component to its server once (XEP-0114).
 * @throws what {@link connect} throws; StreamError `not-authorized` when the secret is wrong; XmppError `XMPP_JID_MALFORMED` for
 * what is no domain; those of {@link addressBook}
 */
export async function connectComponent(options: ComponentOptions): Promise<Session> {
  const { secret, tls = 'never' } = options
  const domain = prepareDomain(options.domain)
  const offer = offerOf(options, domain)
  const service = {
    ns: NS_COMPONENT,
    domain,
    policy: tls,
    host: options.host,
    port: options.port,
    ports: { direct: COMPONENT_PORT, clear: COMPONENT_PORT },
    tls: { ...trustOf(options), domain, services: componentServices },
    component: true,
  }
  return connect(service, options, async (stream, target, onStep) => {
    const { onProgress } = options
    const negotiated = await negotiateComponent(stream, { domain, secret, onStep, ...(onProgress && { onProgress }) })
    const how = { ...options.session, ...offer, ...clockOf(options) }
    const session = new Session(stream, { ...negotiated, target }, how)
    if (options.earlier !== undefined) session.takeOver(options.earlier)
    return session
  })
}

/**
 * A component that stays attached from `start()` to `stop()`.
 * @throws XmppError `XMPP_JID_MALFORMED`, `XMPP_ADDRESS` for a rule of {@link addressBook} that cannot be, RangeError for a time limit that is none, at once,
 * since trying again would not help
 */
export function createComponent(options: Omit<ComponentOptions, 'signal' | 'redirect' | 'earlier'>): Connection {
  offerOf(options, prepareDomain(options.domain))
  timeoutsOf(options.timeout)
  const kept = { sessions: new TlsSessions(), ...options }
  return new Connection(
    ({ xep, onFailed, ...attempted }) =>
      connectComponent({
        ...kept,
        ...attempted,
        xeps: [...(options.xeps ?? []), xep],
        session: { onFailed, ...options.session },
      }),
    paceOf(options),
  )
}

/** What its sessions have to offer, and where. */
function offerOf(options: ComponentOptions, domain: string): Pick<SessionOptions, 'xeps' | 'addresses'> {
  const identity = options.session?.automatic === false ? undefined : (options.identity ?? componentIdentity)
  const xeps = [...(identity === undefined ? [] : standardXeps(identity)), ...(options.xeps ?? [])]
  const { addresses } = options
  return { xeps, addresses: addresses && addressBook({ domain, xeps, identity, addresses }) }
}

/** A component is a domain, with everything in it (XEP-0114 §2). As prepared it goes into the header, as any domain of ours does. */
function prepareDomain(text: string): string {
  const { local, domain, resource } = parseJid(text)
  if (local === '' && resource === '') return domain
  const why = `"${printable(text.slice(0, 100))}" is no domain: a component has neither localpart nor resource`
  throw new XmppError('XMPP_JID_MALFORMED', why, { condition: 'jid-malformed' })
}
