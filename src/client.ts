import { type ConnectOptions, connect } from './connect.ts'
import { XmppError } from './errors.ts'
import { type Jid, parseJid } from './jid.ts'
import { NS_CLIENT, negotiateClient, type Progress } from './negotiate.ts'
import { Connection, type ReconnectOptions } from './reconnect.ts'
import type { Xep } from './routes.ts'
import { mechanisms as builtIn } from './sasl/index.ts'
import type { CredentialSource, Mechanism } from './sasl/mechanism.ts'
import { Session, type SessionOptions } from './session.ts'
import { timeoutsOf } from './steps.ts'
import { CLIENT_DIRECT_PORT, CLIENT_PORT } from './stream/resolve.ts'
import { trustOf } from './stream/tls.ts'
import { TlsSessions } from './stream/tls-sessions.ts'
import type { Identity } from './xep/0030-disco.ts'
import { clientIdentity, standardXeps } from './xep/index.ts'

/** Who logs in, where, and how. */
export interface ClientOptions extends ConnectOptions {
  /** With a resource to ask for it, without to let the server choose one. */
  readonly jid: string
  /** Or a function that fetches user name and password when a login needs them; see `res-xmpp/sasl`. */
  readonly password: string | CredentialSource
  /**
   * `starttls` (default) and `direct` (XEP-0368) mean TLS or no session. Where the DNS is asked for servers, the first takes those
   * for direct TLS as well; otherwise the port is 5222, and 5223 for `direct`. `never` sends everything in clear, the password too
   * where the server asks for it.
   */
  readonly tls?: 'starttls' | 'direct' | 'never'
  /** In order of preference. Default: all that are built in, the strongest first. */
  readonly mechanisms?: readonly Mechanism[]
  /** Extensions beside the standard ones (disco, version, ping). */
  readonly xeps?: readonly Xep[]
  /** What disco says we are. */
  readonly identity?: Identity
  /** Told how far the login is, in the words of `xmpp show connections`. */
  readonly onProgress?: (progress: Progress) => void
  /** How the session behaves, beside its extensions and its clock, which is that of `stream`. */
  readonly session?: Omit<SessionOptions, 'xeps' | 'clock'>
}

/**
 * Logs in once. The session reads nothing until its `run()` is called, and no presence has been sent.
 * @throws what {@link connect} throws; SaslError when the login is refused
 */
export async function connectClient(options: ClientOptions): Promise<Session> {
  const { tls = 'starttls', password } = options
  const { local, domain, resource } = parseClientJid(options.jid)
  const trust = trustOf(options)
  const credentials = typeof password === 'string' ? async () => ({ username: local, password }) : password
  const service = {
    ns: NS_CLIENT,
    domain,
    policy: tls,
    host: options.host,
    port: options.port,
    ports: { direct: CLIENT_DIRECT_PORT, clear: CLIENT_PORT },
    tls: { ...trust, domain, alpn: 'xmpp-client' },
    component: false,
  }
  return connect(service, options, async (stream, target, onStep) => {
    const negotiated = await negotiateClient(stream, {
      domain,
      resource: resource === '' ? undefined : resource,
      tls: tls === 'never' ? 'never' : 'required',
      tlsOptions: trust,
      credentials,
      mechanisms: options.mechanisms ?? builtIn,
      onStep,
      ...(options.onProgress && { onProgress: options.onProgress }),
    })
    const standard = options.session?.automatic === false ? [] : standardXeps(options.identity ?? clientIdentity)
    const xeps = [...standard, ...(options.xeps ?? [])]
    return new Session(stream, { ...negotiated, target }, { ...options.session, xeps, ...clockOf(options) })
  })
}

/**
 * A client that stays connected from `start()` to `stop()`. It resumes its TLS sessions when it reconnects.
 * @throws XmppError `XMPP_JID_MALFORMED`, RangeError for a time limit that is none, at once, since trying again would not help
 */
export function createClient(options: Omit<ClientOptions, 'signal' | 'redirect'>): Connection {
  parseClientJid(options.jid)
  timeoutsOf(options.timeout)
  const kept = { sessions: new TlsSessions(), ...options }
  return new Connection(
    (signal, xep, redirect) => connectClient({ ...kept, signal, redirect, xeps: [...(options.xeps ?? []), xep] }),
    paceOf(options),
  )
}

function parseClientJid(text: string): Jid {
  const jid = parseJid(text)
  if (jid.local !== '') return jid
  const why = `"${text.slice(0, 100)}" names no user: a client logs in as user@domain`
  throw new XmppError('XMPP_JID_MALFORMED', why, { condition: 'jid-malformed' })
}

/** What a connection is kept up by: the clock of its streams, and the dice that choose among servers. */
export function paceOf(options: ConnectOptions): Pick<ReconnectOptions, 'clock' | 'random'> {
  return { ...clockOf(options), ...(options.random && { random: options.random }) }
}

/** The clock of the stream for its session. */
export function clockOf({ stream }: ConnectOptions): Pick<SessionOptions, 'clock'> {
  return stream?.clock === undefined ? {} : { clock: stream.clock }
}
