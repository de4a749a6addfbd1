import { type ConnectOptions, connect } from './connect.ts'
import { SaslError, XmppError } from './errors.ts'
import { type Jid, parseJid } from './jid.ts'
import { type ClientNegotiation, NS_CLIENT, negotiateClient } from './negotiate.ts'
import { Connection, type ReconnectOptions } from './reconnect.ts'
import type { Xep } from './routes.ts'
import { mechanisms as builtIn } from './sasl/index.ts'
import type { CredentialSource, Mechanism, Proof } from './sasl/mechanism.ts'
import { Session, type SessionOptions } from './session.ts'
import { timeoutsOf } from './steps.ts'
import { CLIENT_DIRECT_PORT, CLIENT_PORT } from './stream/resolve.ts'
import { trustOf } from './stream/tls.ts'
import { TlsSessions } from './stream/tls-sessions.ts'
import type { Identity } from './xep/0030-disco.ts'
import { clientIdentity, standardXeps } from './xep/index.ts'

/** Who logs in, where, and how. */
export interface ClientOptions
  extends ConnectOptions,
    Pick<
      ClientNegotiation,
      'channelBinding' | 'iqAuth' | 'sasl2' | 'userAgentId' | 'resourceTag' | 'pipelining' | 'onProgress'
    > {
  /**
   * With a resource to ask for it, without to let the server choose one. One without a user logs in anonymously (RFC 4505), and gets its JID
   * from the server.
   */
  readonly jid: string
  /** Or a function that fetches user name and password when a login needs them; see `res-xmpp/sasl`. */
  readonly password?: string | CredentialSource | undefined
  /**
   * An OAuth 2.0 access token instead of a password, which then is not used, or a function that fetches one; it is handed the token that was refused when there was one,
   * and should then bring another.
   */
  readonly token?: string | ((refused?: string) => Promise<string>) | undefined
  /**
   * `starttls` (default) and `direct` (XEP-0368) mean TLS or no session. Where the DNS is asked for servers, the first takes those
   * for direct TLS as well; otherwise the port is 5222, and 5223 for `direct`. `never` sends everything in clear, the password too
   * where the server asks for it.
   */
  readonly tls?: 'starttls' | 'direct' | 'never'
  /** In order of preference. Default: all that are built in, the strongest first. Only those are used that there is something to prove with. */
  readonly mechanisms?: readonly Mechanism[] | undefined
  /**
   * XEP-0198 where the server offers it. `acknowledge` (default for `connectClient`) tells what has not arrived when the session ends; `resumable`
   * (default for `createClient`) also has the server keep the session for a while when the connection is lost; false does without.
   */
  readonly streamManagement?: 'acknowledge' | 'resumable' | false | undefined
  /** A session to resume, or to take over from where that is not possible: the one returned is then this one, or another. */
  readonly earlier?: Session | undefined
  /** Extensions beside the standard ones (disco, version, ping). */
  readonly xeps?: readonly Xep[]
  /** What disco says we are. */
  readonly identity?: Identity
  /** How the session behaves, beside its extensions and its clock, which is that of `stream`. */
  readonly session?: Omit<SessionOptions, 'xeps' | 'clock'>
}

/**
 * Logs in once. The session reads nothing until its `run()` is called, and no presence has been sent.
 * @throws what {@link connect} throws; SaslError when the login is refused
 */
export async function connectClient(options: ClientOptions): Promise<Session> {
  const { tls = 'starttls', earlier, streamManagement = 'acknowledge', channelBinding = 'auto' } = options
  const { local, domain, resource } = parseClientJid(options)
  const trust = { ...trustOf(options), resume: channelBinding === 'no' ? 'all' : 'tls1.3' } as const
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
  const login = await connect(service, options, async (stream, target, onStep) => {
    const resumption = earlier?.resumption
    let asked = false
    const onAsked = (): void => {
      asked = true
    }
    // Each name for itself: an object that is put together of others costs V8 twenty times as much, which many connections feel.
    const negotiating = negotiateClient(stream, {
      domain,
      resource: resource === '' ? undefined : resource,
      resourceTag: options.resourceTag,
      tls: tls === 'never' ? 'never' : 'required',
      tlsOptions: trust,
      credentials: credentialsOf(local, options),
      proofs: proofsOf(local, options),
      mechanisms: options.mechanisms ?? builtIn,
      channelBinding,
      iqAuth: options.iqAuth,
      sasl2: options.sasl2,
      userAgentId: options.userAgentId,
      streamManagement: streamManagement === false ? undefined : streamManagement,
      resume: resumption && { ...resumption, onAsked },
      pipelining: options.pipelining,
      onProgress: options.onProgress,
      onStep,
    })
    const negotiated = await negotiating.catch(error => {
      // Who is refused the login has learnt nothing of the session.
      if (asked && !(error instanceof SaslError)) earlier?.resumptionFailed(error)
      throw error
    })
    if (negotiated.resumed !== undefined && earlier !== undefined) {
      if (earlier.resumption === undefined) throw new XmppError('XMPP_STREAM_ENDED', 'the session was closed meanwhile')
      earlier.resume(stream, { ...negotiated, target })
      return { session: earlier, negotiated }
    }
    const standard = options.session?.automatic === false ? [] : standardXeps(options.identity ?? clientIdentity)
    const xeps = [...standard, ...(options.xeps ?? [])]
    const session = new Session(stream, { ...negotiated, target }, { ...options.session, xeps, ...clockOf(options) })
    return { session, negotiated }
  })
  const { session, negotiated } = login
  // Only when it is whoever connects' own: what it takes over is lost with it.
  if (earlier !== undefined && session !== earlier) session.takeOver(earlier, negotiated.notResumed?.handled)
  return session
}

/**
 * A client that stays connected from `start()` to `stop()`. It resumes its TLS sessions when it reconnects, and its XMPP session where the
 * server has kept it.
 * @throws XmppError `XMPP_JID_MALFORMED`, RangeError for a time limit that is none, at once, since trying again would not help
 */
export function createClient(options: Omit<ClientOptions, 'signal' | 'redirect' | 'earlier'>): Connection {
  parseClientJid(options)
  timeoutsOf(options.timeout)
  const kept = {
    sessions: new TlsSessions(),
    streamManagement: 'resumable' as const,
    userAgentId: crypto.randomUUID(),
    ...options,
  }
  return new Connection(
    ({ xep, onFailed, ...attempted }) =>
      connectClient({
        ...kept,
        ...attempted,
        xeps: [...(options.xeps ?? []), xep],
        session: { onFailed, ...options.session },
      }),
    paceOf(options),
  )
}

function parseClientJid({ jid: text, password, token }: ClientOptions): Jid {
  const jid = parseJid(text)
  if (jid.local !== '' || (password === undefined && token === undefined)) return jid
  const why = `"${text.slice(0, 100)}" names no user: a client logs in as user@domain`
  throw new XmppError('XMPP_JID_MALFORMED', why, { condition: 'jid-malformed' })
}

function credentialsOf(username: string, { password, token }: ClientOptions): CredentialSource {
  return async (refused, needs) => {
    if (needs === 'token') {
      return { username, token: typeof token === 'function' ? await token(refused?.token) : token }
    }
    if (needs !== 'password') return { username }
    return typeof password === 'function' ? password(refused, needs) : { username, password }
  }
}

/** What there is to prove an identity with. Whoever has a token is not to show a password instead; without TLS nobody sees a certificate. */
function proofsOf(username: string, { password, token, cert, tls }: ClientOptions): ReadonlySet<Proof> {
  const proofs: Proof[] = []
  if (token !== undefined) proofs.push('token')
  else if (password !== undefined) proofs.push('password')
  if (cert !== undefined && tls !== 'never') proofs.push('certificate')
  if (username === '') proofs.push('nothing')
  return new Set(proofs)
}

/** What a connection is kept up by: the clock of its streams, and the dice that choose among servers. */
export function paceOf(options: ConnectOptions): Pick<ReconnectOptions, 'clock' | 'random'> {
  return { ...clockOf(options), ...(options.random && { random: options.random }) }
}

/** The clock of the stream for its session. */
export function clockOf({ stream }: ConnectOptions): Pick<SessionOptions, 'clock'> {
  return stream?.clock === undefined ? {} : { clock: stream.clock }
}
