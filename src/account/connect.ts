import { connectClient } from '../client.ts'
import { connectComponent } from '../component.ts'
import { type AccountConfig, defaultResource } from '../config/account.ts'
import { formatJid } from '../jid.ts'
import type { Progress } from '../negotiate.ts'
import type { Attempted } from '../reconnect.ts'
import type { Xep } from '../routes.ts'
import { mechanisms } from '../sasl/index.ts'
import type { Session, SessionOptions } from '../session.ts'
import type { Dns } from '../stream/dns.ts'
import type { Target } from '../stream/resolve.ts'
import type { StreamOptions } from '../stream/stream.ts'
import type { TlsSessions } from '../stream/tls-sessions.ts'

/** What an account hands to each of its connections. */
export interface AccountConnection extends Attempted {
  readonly xeps: readonly Xep[]
  readonly stream: Omit<StreamOptions, 'ns'>
  readonly onProgress: (progress: Progress) => void
  readonly onTarget: (target: Target) => void
  readonly dns: Dns | undefined
  readonly random: (() => number) | undefined
  /** Those of TLS, which outlive the connection. */
  readonly sessions: TlsSessions
  readonly userAgentId: string
  /** Fetches access tokens, for an account that has a refresh token. */
  readonly token: (refused?: string) => Promise<string>
  readonly session: Omit<SessionOptions, 'xeps' | 'clock'>
}

/** Connects and logs in as an account of xmpp.conf says. Throws what {@link connectClient} and {@link connectComponent} throw. */
export function connectAccount(config: AccountConfig, connection: AccountConnection): Promise<Session> {
  const { token, ...rest } = connection
  const common = {
    ...rest,
    host: config.serverhost,
    port: config.port,
    ca: config.tls_ca,
    verify: config.tls_verify,
    servername: config.tls_servername,
    cert: config.tls_certificate?.cert,
    key: config.tls_certificate?.key,
  }
  const { type, jid, secret, refresh_token, mechanisms: names } = config
  if (type === 'component') {
    const tls = config.tls === 'direct' ? 'direct' : 'never'
    return connectComponent({ ...common, tls, domain: jid.domain, secret: secret ?? '' })
  }
  return connectClient({
    ...common,
    tls: config.tls === 'none' ? 'never' : config.tls,
    jid: formatJid(jid),
    // The usual resource is the server's to complete, one that the user has chosen is not.
    resourceTag: defaultResource,
    // A token takes the place of a password, which then is never shown to anyone.
    ...(refresh_token === undefined ? { password: secret } : { token }),
    mechanisms: names && mechanisms.filter(({ name }) => names.includes(name)),
    channelBinding: config.channel_binding,
    iqAuth: !config.usesasl,
    streamManagement: config.stream_management ? 'resumable' : false,
  })
}
