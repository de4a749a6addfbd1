import { hideSecrets } from '../account/index.ts'
import type { AccountConfig } from '../config/index.ts'
import { describe, StreamError, XmppError } from '../errors.ts'

/** How far a connection had come: the server had not said a word of XMPP, had said some, had let us in. */
export type Reached = 'nothing' | 'words' | 'session'

/** Why an account has no connection, in a sentence for its owner: what happened and, where we can tell, what to change. */
export function reasonOf(error: unknown, config: AccountConfig, reached: Reached): string {
  const hint = hintFor(error, config, reached)
  return `${hideSecrets(happened(error), config)}${hint === '' ? '' : `; ${hint}`}`
}

const causes: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED)',
  ETIMEDOUT: 'no answer (ETIMEDOUT)',
  EHOSTUNREACH: 'there is no way to that host (EHOSTUNREACH)',
  ENETUNREACH: 'there is no way to that network (ENETUNREACH)',
}

/** Host and port are said already by whoever asks, unless they are several. */
function happened(error: unknown): string {
  const single = error instanceof XmppError && !(error.cause instanceof XmppError)
  if (!single || error.code !== 'XMPP_CONNECT_FAILED') return describe(error)
  return causes[codeOf(error.cause)] ?? describe(error.cause)
}

function hintFor(error: unknown, config: AccountConfig, reached: Reached): string {
  if (!(error instanceof XmppError)) return ''
  const place = `${config.file}:${config.line}`
  switch (error.code) {
    case 'XMPP_CONNECT_FAILED':
      if (codeOf(error) === 'EAI_AGAIN') return 'does this machine reach its name servers? See /etc/resolv.conf'
      return `check ${config.serverhost === undefined ? 'the domain of username, or set serverhost' : 'serverhost and port'} at ${place}`
    case 'XMPP_NO_SERVICE':
      return `check username at ${place}, or set serverhost${config.tls === 'direct' ? ' or forceoldssl=no' : ''}`
    case 'XMPP_TLS_REFUSED':
      return tlsHint(error, config)
    case 'XMPP_CONNECTION_LOST':
      // An alert, by which a server tells after a handshake of TLS 1.3 what it thinks of our certificate.
      if (error.condition !== undefined) return tlsHint(error, config)
      return wrongPort(config, reached)
    case 'XMPP_TLS_UNAVAILABLE':
      return 'a server without it needs forceoldssl=yes on its port for direct TLS'
    case 'XMPP_OAUTH':
      return error.condition === undefined ? `see oauth_token_url at ${place}` : `see refresh_token at ${place}`
    case 'XMPP_SASLPREP':
      return `check username and secret at ${place}`
  }
  switch (error.condition) {
    case 'not-authorized':
    case 'credentials-expired':
      return reached === 'session' ? '' : `check username and ${proofOf(config)} at ${place}`
    case 'invalid-mechanism':
      return mechanismHint(config, place)
    case 'host-unknown':
    case 'host-gone':
      return `check the domain of username at ${place}`
    case 'encryption-required':
      return config.tls === 'none' ? 'set usetls=yes' : ''
    case 'invalid-namespace':
      return error instanceof StreamError && error.by === 'us' ? wrongKindOfPort(config) : ''
    case 'policy-violation':
      return error instanceof StreamError && error.by === 'us' ? violated(error) : ''
    case 'not-well-formed':
      return error instanceof StreamError && error.by === 'us' ? wrongPort(config, reached) : ''
    default:
      return ''
  }
}

/** What the account shows to be let in, by the option's name. */
function proofOf({ refresh_token, secret }: AccountConfig): string {
  if (refresh_token !== undefined) return 'refresh_token'
  return secret === undefined ? 'tls_certfile' : 'secret'
}

function mechanismHint({ channel_binding, mechanisms, usesasl }: AccountConfig, place: string): string {
  if (channel_binding === 'required') return `channel_binding=required stands at ${place}`
  if (mechanisms !== undefined && usesasl) return `sasl_mechanisms at ${place} allows no others`
  return ''
}

function tlsHint({ condition, cause }: XmppError, config: AccountConfig): string {
  const { tls_cafile: file, tls_certfile: own, tls_servername: name } = config
  const code = codeOf(cause)
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const which = name === undefined ? 'the domain of username, whatever serverhost is' : 'what tls_servername says'
    return `it must name ${which}; is this the right server?`
  }
  if (condition === 'certificate_required' && own === undefined) return 'tls_certfile names one'
  if (code.startsWith('ERR_SSL_WRONG_VERSION') || code.startsWith('ERR_SSL_PACKET_LENGTH')) return 'is port right?'
  if (!/SELF_SIGNED|UNABLE_TO/.test(code)) return ''
  return file === undefined
    ? 'to trust it, name a file with the certificate of its CA in tls_cafile'
    : `no CA in ${file} has issued it`
}

function violated({ text }: StreamError): string {
  if (/ of more than \d+ bytes$/.test(text)) return 'the limit is stanza_bytes in res-xmpp.conf'
  return text.startsWith('data in clear') ? 'the server is faulty, or someone on the way puts words into its mouth' : ''
}

/** TLS where XML belongs is a connection that closes at once, or an alert, which is no XML. */
function wrongPort({ tls }: AccountConfig, reached: Reached): string {
  const direct = tls === 'starttls' && reached === 'nothing'
  return direct ? 'is port right? If it is the one for direct TLS, set forceoldssl=yes' : ''
}

function wrongKindOfPort({ type }: AccountConfig): string {
  return type === 'component'
    ? 'this is a port for clients; that for components is often 5347'
    : 'this is a port for components; that for clients is often 5222'
}

/** The system's or TLS's own word; that of several attempts when they share one. */
function codeOf(error: unknown): string {
  // What has been told together with other failures stands one deeper.
  if (error instanceof XmppError) return codeOf(error.cause)
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : ''
}
