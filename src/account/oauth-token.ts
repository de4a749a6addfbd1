import { systemClock } from '../clock.ts'
import { XmppError } from '../errors.ts'
import { printable } from '../printable.ts'
import { hiding } from '../secret-forms.ts'
import { type EndpointAnswer, type EndpointOptions, endpointUrl, postForm } from './oauth-request.ts'

/** What a refresh grant needs (RFC 6749 §6). */
export interface TokenSourceOptions extends EndpointOptions {
  /** The token endpoint: https, or http to this machine. Default Google's. */
  readonly url?: string | undefined
  readonly clientId: string
  readonly clientSecret: string
  readonly refreshToken: string
  /** The endpoint has replaced it (§6): the one from before may be good no more. */
  readonly onReplaced?: ((refreshToken: string) => void) | undefined
}

/** Where the access token of an account comes from. */
export interface TokenSource {
  /**
   * The access token that is good now, fetched when there is none or it is about to expire. All who ask at one time share one request.
   * @param refused a token that the server did not take: if it is the one at hand, another is fetched
   * @throws XmppError `XMPP_OAUTH`, whose condition is the OAuth error if there is one; the signal's reason
   */
  token(refused?: string): Promise<string>
}

/** Google's token endpoint. */
export const GOOGLE_TOKEN_URL = 'https://oauth2.googleapis.com/token'

/**
 * Access tokens by a refresh grant (RFC 6749 §6), kept in memory only.
 * @throws XmppError `XMPP_OAUTH` for a URL that will not do
 */
export function tokenSource(options: TokenSourceOptions): TokenSource {
  const { clock = systemClock, clientId, clientSecret } = options
  const url = endpointUrl(options.url ?? GOOGLE_TOKEN_URL)
  let { refreshToken } = options
  let current: { readonly token: string; readonly until: number } | undefined
  let pending: Promise<string> | undefined
  /** Good or not, for an answer may repeat it. */
  let last = ''

  async function fetch(): Promise<string> {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: clientId,
      client_secret: clientSecret,
    })
    const asked = clock.now()
    const answer = await postForm(url, form.toString(), options)
    const grant = readGrant(answer, url.host, [clientSecret, refreshToken, last])
    if (grant.refreshToken !== undefined && grant.refreshToken !== refreshToken) {
      refreshToken = grant.refreshToken
      options.onReplaced?.(refreshToken)
    }
    last = grant.token
    current = { token: grant.token, until: asked + grant.lifetime - margin(grant.lifetime) }
    return grant.token
  }

  return {
    async token(refused) {
      options.signal?.throwIfAborted()
      // Another one than was refused is as good as before.
      if (refused !== undefined && current?.token === refused) current = undefined
      if (current !== undefined && clock.now() < current.until) return current.token
      pending ??= fetch().finally(() => {
        pending = undefined
      })
      return pending
    },
  }
}

interface Grant {
  readonly token: string
  readonly refreshToken: string | undefined
  /** ms */
  readonly lifetime: number
}

/** Where the answer does not say it (RFC 6749 §5.1 only recommends that it does), in ms. */
const USUAL_LIFETIME = 3_600_000

/** So many ms before its end a token is replaced: it has to arrive and be looked at. */
const margin = (lifetime: number): number => Math.min(60_000, lifetime / 2)

/** RFC 6749 §5. */
function readGrant({ status, body }: EndpointAnswer, host: string, secrets: readonly string[]): Grant {
  const fields = fieldsOf(body)
  if (status !== 200 || fields?.error !== undefined) throw refusal(status, fields ?? {}, host, secrets)
  if (fields === undefined) throw new XmppError('XMPP_OAUTH', `the answer of ${host} is not an object in JSON`)
  const { access_token: token, refresh_token: refreshToken, token_type: type, expires_in: expires } = fields
  if (!isToken(token)) throw new XmppError('XMPP_OAUTH', `the answer of ${host} holds no access token that can be used`)
  if (type !== undefined && !(typeof type === 'string' && type.toLowerCase() === 'bearer')) {
    throw new XmppError('XMPP_OAUTH', `${host} gives out tokens of a type other than Bearer, which SASL has no use for`)
  }
  const seconds = Number(typeof expires === 'string' ? expires || Number.NaN : (expires ?? Number.NaN))
  const lifetime = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : USUAL_LIFETIME
  return { token, refreshToken: isRefreshToken(refreshToken) ? refreshToken : undefined, lifetime }
}

function fieldsOf(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    // The error would quote the answer.
    return undefined
  }
}

/** RFC 6749 appendix A.12: visible characters; and no longer than a stanza has room for. */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,8192}$/.test(value)
}

/** Appendix A.17. The answer is bounded. */
function isRefreshToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\x20-\x7e]+$/.test(value)
}

/** RFC 6749 §5.2, and what someone can do about it. */
const words: Readonly<Record<string, string>> = {
  invalid_grant: 'the refresh token was revoked or has expired, or is not for this client: get a new one',
  invalid_client: 'it does not know the client, or the secret is wrong: check the client id and its secret',
  unauthorized_client: 'the client may not use refresh tokens there',
  invalid_request: 'it could not make sense of the request: is the token URL right?',
  unsupported_grant_type: 'it knows no refresh tokens: is the token URL right?',
  invalid_scope: 'what the refresh token was granted for is not allowed any more: get a new one',
}

function refusal(
  status: number,
  { error, error_description: description, access_token: token, refresh_token: next }: Record<string, unknown>,
  host: string,
  secrets: readonly string[],
): XmppError {
  // What comes back may repeat what we have sent, or the tokens beside it.
  const hide = hiding([...secrets, ...[token, next].filter(value => typeof value === 'string')])
  const shown = (text: string, most: number): string => printable(hide(text).slice(0, most))
  if (typeof error !== 'string' || error === '') {
    return new XmppError('XMPP_OAUTH', `no token from ${host}: it answers with HTTP status ${status}${hint(status)}`)
  }
  const condition = shown(error, 100)
  const meaning = Object.hasOwn(words, error) ? `: ${words[error]}` : ''
  const said = typeof description === 'string' && description !== '' ? ` (it says: ${shown(description, 300)})` : ''
  return new XmppError('XMPP_OAUTH', `no token from ${host}: ${condition}${meaning}${said}`, { condition })
}

function hint(status: number): string {
  if (status >= 300 && status < 400)
    return ', a redirection, and secrets are not sent elsewhere: use the URL it leads to'
  if (status === 429) return ': it has been asked too often'
  return status >= 400 && status < 500 ? ': is the token URL right?' : ''
}
