import { Attempt, type Login } from './attempt.ts'
import { systemClock } from './clock.ts'
import { StreamError, XmppError } from './errors.ts'
import { type Failure, verdictOn } from './failures.ts'
import { type Timeouts, timeoutsOf } from './steps.ts'
import { type Dns, systemDns } from './stream/dns.ts'
import type { Target } from './stream/resolve.ts'
import type { StreamOptions, XmlStream } from './stream/stream.ts'
import type { TlsClientOptions, TlsTrust } from './stream/tls.ts'
import { TlsSessionError } from './stream/tls-sessions.ts'
import { type Redirect, type Service, Targets } from './targets.ts'

/** Where and how to connect; the same for clients and components. */
export interface ConnectOptions extends TlsTrust {
  /** Host to dial. Default: the servers that the DNS names for the domain (SRV); for a component the domain itself. */
  readonly host?: string | undefined
  /** Port to dial. Without a host it is a port of the domain itself, and the DNS is not asked for servers. */
  readonly port?: number | undefined
  /** ms for each step; see {@link Timeouts} for the defaults. */
  readonly timeout?: number | Partial<Timeouts> | undefined
  /**
   * Gives up connecting, which then rejects with the signal's reason; a session that is there already is not touched. For those who
   * connect once: what stays connected is stopped by `stop()`.
   */
  readonly signal?: AbortSignal | undefined
  /** Limits, clock, and what testers need: see `StreamOptions` of `res-xmpp/stream`. */
  readonly stream?: Omit<StreamOptions, 'ns'> | undefined
  /** Where names are looked up. Default: as this machine is set up. */
  readonly dns?: Dns | undefined
  /** For the choice among servers of one priority, and for the jitter of a back-off: 0 ≤ random() < 1. */
  readonly random?: (() => number) | undefined
  /** Where a server has sent us: tried before anything else. For those who connect once, like `signal`. */
  readonly redirect?: Redirect | undefined
  /** Told of each server before it is tried. */
  readonly onTarget?: ((target: Target) => void) | undefined
}

/** What its protocol adds to a service. */
export interface Protocol {
  /** The stream's namespace. */
  readonly ns: string
  /** For direct TLS, with the domain the certificate must name. */
  readonly tls: TlsClientOptions
}

/**
 * Tries the servers of a domain one after the other, and first of all whatever they send us to (RFC 6120 §3.2, §4.9.3.19), until one
 * has let us in: dials, puts TLS under the connection when it is direct, and logs in. What goes wrong once credentials are in play
 * is final, for other servers of the domain would say the same. Whatever fails, nothing stays open.
 * @throws what dialling, TLS and the login throw, see {@link verdictOn} for more than one; XmppError `XMPP_TIMEOUT` that names the
 * step, `XMPP_NO_SERVICE` when the DNS says that there is none, `XMPP_CONNECT_FAILED` when none can be reached, `XMPP_TLS_REFUSED` when a
 * certificate or the handshake is at fault; StreamError; the signal's reason; RangeError for a time limit that is none
 */
export async function connect<T>(
  service: Service & Protocol,
  options: ConnectOptions,
  login: (stream: XmlStream, target: Target, onStep: Parameters<Login<T>>[1]) => Promise<T>,
): Promise<T> {
  const { signal, redirect, dns = systemDns(), random, onTarget } = options
  signal?.throwIfAborted()
  const { ns, tls, domain } = service
  const way = { clock: options.stream?.clock ?? systemClock, timeouts: timeoutsOf(options.timeout), signal }
  const targets = new Targets(service, way, dns, random)
  const failures: Failure[] = []
  const left: XmlStream[] = []
  try {
    const refusal = redirect && (await targets.redirect(redirect, false))
    if (refusal !== undefined) targets.trouble.push(`a server sent us to ${redirect?.host}, ${refusal}`)
    let again: Target | undefined
    for (;;) {
      const target: Target | undefined = again ?? (await nextOf(targets, failures))
      if (target === undefined) throw verdictOn(domain, failures, targets.trouble)
      const repeated = again !== undefined
      again = undefined
      if (!repeated) onTarget?.(target)
      const attempt = new Attempt(target, { way, dns, tls, stream: { ...options.stream, ns } })
      try {
        return await attempt.run((stream, onStep) => login(stream, target, onStep))
      } catch (error) {
        signal?.throwIfAborted()
        if (attempt.stream !== undefined) left.push(attempt.stream)
        // Nothing is wrong with the server but with what it has handed out, which is forgotten.
        if (error instanceof TlsSessionError && !repeated) {
          again = target
          continue
        }
        failures.push(await failureOf(error, target, attempt, targets))
      }
    }
  } catch (error) {
    if (!signal?.aborted) throw error
    // Streams that are still being closed politely are not waited for any more.
    for (const stream of left) stream.destroy()
    throw signal.reason
  }
}

async function nextOf(targets: Targets, failures: Failure[]): Promise<Target | undefined> {
  try {
    return await targets.next()
  } catch (error) {
    if (!(error instanceof XmppError)) throw error
    failures.push({ target: undefined, error, step: 'resolve' })
    return undefined
  }
}

/** What an attempt has come to when another may follow it. @throws the error when it is final */
async function failureOf(
  error: unknown,
  target: Target,
  { authenticating, steps }: Attempt,
  targets: Targets,
): Promise<Failure> {
  if (!(error instanceof XmppError)) throw error
  const failure = { target, error, step: steps.current }
  const other = error instanceof StreamError ? error.otherHost : undefined
  if (other !== undefined) {
    const refusal = await targets.redirect({ ...other, from: target }, authenticating)
    if (refusal === undefined) return { ...failure, followed: true }
    const port = other.port === undefined ? '' : ` port ${other.port}`
    failure.error = new StreamError('see-other-host', `${other.host}${port}, ${refusal}`, { by: 'peer', cause: error })
  }
  if (authenticating) throw failure.error
  return failure
}
