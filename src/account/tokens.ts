import type { Clock } from '../clock.ts'
import type { AccountConfig } from '../config/account.ts'
import { type TokenSource, tokenSource } from './oauth-token.ts'

/** The OAuth access tokens of one account, which outlive its connections, and a refresh token that outlives the account's being stopped. */
export class Tokens {
  /** Those that were shown last, and what nobody has configured: a server may repeat them. Another array when there are others. */
  secrets: readonly string[] = []
  readonly #clock: Clock
  readonly #warn: (text: string) => void
  #source: TokenSource | undefined
  /** What the endpoint has put in the place of the refresh token that is configured. */
  #replaced: { readonly configured: string; readonly token: string } | undefined

  constructor(clock: Clock, warn: (text: string) => void) {
    this.#clock = clock
    this.#warn = warn
  }

  /** The configuration may be another one from now on. */
  restart(): void {
    this.#source = undefined
  }

  /** @throws as {@link TokenSource.token}; XmppError `XMPP_OAUTH` for a token URL that will not do */
  async fetch(config: AccountConfig, signal: AbortSignal, refused?: string): Promise<string> {
    this.#source ??= this.#sourceOf(config, signal)
    const token = await this.#source.token(refused)
    if (this.secrets[0] !== token) this.secrets = [token, ...this.secrets].slice(0, MOST)
    return token
  }

  #sourceOf(config: AccountConfig, signal: AbortSignal): TokenSource {
    const { refresh_token: configured = '', oauth_clientid = '', oauth_secret = '', oauth_token_url: url } = config
    return tokenSource({
      url,
      clientId: oauth_clientid,
      clientSecret: oauth_secret,
      refreshToken: this.#replaced?.configured === configured ? this.#replaced.token : configured,
      clock: this.#clock,
      signal,
      onReplaced: token => {
        const known = this.#replaced?.configured === configured
        this.#replaced = { configured, token }
        this.secrets = [token, ...this.secrets].slice(0, MOST)
        if (!known) this.#warn(replaced)
      },
    })
  }
}

/** Tokens of either kind: the latest, the ones before, and one more of each. */
const MOST = 6

const replaced =
  'the token endpoint has replaced the refresh token: the new one is kept in memory only, and the one in refresh_token may be good no more after a restart'
