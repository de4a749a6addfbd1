import { connectClient } from '../client.ts'
import { connectComponent } from '../component.ts'
import type { AccountConfig } from '../config/account.ts'
import { formatJid } from '../jid.ts'
import type { Progress } from '../negotiate.ts'
import type { Xep } from '../routes.ts'
import type { Session, SessionOptions } from '../session.ts'
import type { Dns } from '../stream/dns.ts'
import type { Target } from '../stream/resolve.ts'
import type { StreamOptions } from '../stream/stream.ts'
import type { TlsSessions } from '../stream/tls-sessions.ts'
import type { Redirect } from '../targets.ts'

/** What an account hands to each of its connections. */
export interface AccountConnection {
  readonly signal: AbortSignal
  readonly xeps: readonly Xep[]
  readonly stream: Omit<StreamOptions, 'ns'>
  readonly onProgress: (progress: Progress) => void
  readonly onTarget: (target: Target) => void
  readonly redirect: Redirect | undefined
  readonly dns: Dns | undefined
  readonly random: (() => number) | undefined
  /** Those of TLS, which outlive the connection. */
  readonly sessions: TlsSessions
  readonly session: Omit<SessionOptions, 'xeps' | 'clock'>
}

/** Connects and logs in as an account of xmpp.conf says. Throws what {@link connectClient} and {@link connectComponent} throw. */
export function connectAccount(config: AccountConfig, connection: AccountConnection): Promise<Session> {
  const common = {
    ...connection,
    host: config.serverhost,
    port: config.port,
    ca: config.tls_ca,
    verify: config.tls_verify,
    servername: config.tls_servername,
    cert: config.tls_certificate?.cert,
    key: config.tls_certificate?.key,
  }
  if (config.type === 'component') {
    const tls = config.tls === 'direct' ? 'direct' : 'never'
    return connectComponent({ ...common, tls, domain: config.jid.domain, secret: config.secret })
  }
  const tls = config.tls === 'none' ? 'never' : config.tls
  return connectClient({ ...common, tls, jid: formatJid(config.jid), password: config.secret })
}
