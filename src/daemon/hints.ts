import { type AccountConfig, type OptionName, secretOptionOf } from '../config/index.ts'
import { describe, StanzaError, StreamError, XmppError } from '../errors.ts'
import type { Hide } from '../secret-forms.ts'

/** How far a connection had come: the server had not said a word of XMPP, had said some, had let us in. */
export type Reached = 'nothing' | 'words' | 'session'

/** Why an account has no connection, in a sentence for its owner: what happened and, where we can tell, what to change. */
export function reasonOf(error: unknown, config: AccountConfig, reached: Reached, hide: Hide): string {
  const hint = hintFor(error, config, reached)
  return `${hide(happened(error))}${hint === '' ? '' : `; ${hint}`}`
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
  const at = (...names: OptionName[]): string => placed(config, names)
  switch (error.code) {
    case 'XMPP_CONNECT_FAILED':
      if (codeOf(error) === 'EAI_AGAIN') return 'does this machine reach its name servers? See /etc/resolv.conf'
      return config.serverhost === undefined
        ? `check the domain of ${at('username')}, or set serverhost`
        : `check ${at('serverhost', 'port')}`
    case 'XMPP_NO_SERVICE':
      return `check ${at('username')}, or set serverhost${config.tls === 'direct' ? ' or forceoldssl=no' : ''}`
    case 'XMPP_TLS_REFUSED':
      return tlsHint(error, config)
    case 'XMPP_CONNECTION_LOST':
      // An alert, by which a server tells after a handshake of TLS 1.3 what it thinks of our certificate.
      if (error.condition !== undefined) return tlsHint(error, config)
      return wrongPort(config, reached)
    case 'XMPP_TLS_UNAVAILABLE':
      return 'a server without it needs forceoldssl=yes on its port for direct TLS'
    case 'XMPP_PING_TIMEOUT':
      return config.type === 'component' ? twice(config, 'may be attached', ', and get the answers') : ''
    case 'XMPP_OAUTH':
      if (error.condition !== undefined) return `see ${at('refresh_token')}`
      return untrusted(error) ? tokenCa : `see ${at('oauth_token_url')}`
    case 'XMPP_SASLPREP':
      return `check ${at('username', secretOptionOf(config) ?? 'secret')}`
  }
  switch (error.condition) {
    case 'not-authorized':
    case 'credentials-expired':
      if (reached === 'session') return ''
      if (config.type === 'component') return notLetIn(config)
      return knowsNoIqAuth(error, config) ? noIqAuth(config) : `check ${at('username', proofOf(config))}`
    case 'unsupported-stanza-type':
      return knowsNoIqAuth(error, config) && reached !== 'session' ? noIqAuth(config) : ''
    case 'invalid-mechanism':
      return mechanismHint(config)
    case 'host-unknown':
    case 'host-gone':
      if (config.type === 'component') return `${servedAs(config)}: check ${at('username')} too`
      return `check the domain of ${at('username')}`
    case 'conflict':
      return config.type === 'component' ? twice(config, 'is attached') : ''
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

/** A server may say no more to a wrong name than to a wrong secret (ejabberd). */
function notLetIn(config: AccountConfig): string {
  return `check ${placed(config, [proofOf(config)])}; ${servedAs(config)}, which ${placed(config, ['username'])} says`
}

function servedAs({ jid }: AccountConfig): string {
  return `the server's own configuration must have a component ${jid.domain}`
}

/** There should be one of each name; Prosody refuses the second one, ejabberd and jabberd2 share out between them what comes. */
function twice(config: AccountConfig, attached: string, effect = ''): string {
  const { domain } = config.jid
  const question = `does a second PBX use this name, ${placed(config, ['username'])}?`
  return `another component ${attached} as ${domain}${effect}: ${question}`
}

/** What the account shows to be let in, by the option's name. */
function proofOf(config: AccountConfig): OptionName {
  return config.refresh_token === undefined ? (secretOptionOf(config) ?? 'tls_certfile') : 'refresh_token'
}

/** Options with where they stand, as `serverhost at FILE:LINE and port`; when none is given, the place of the section. */
function placed(config: AccountConfig, names: readonly OptionName[]): string {
  const { places, file, line } = config
  const parts = names.map(name => {
    const place = places[name]
    return place === undefined ? name : `${name} at ${place.file}:${place.line}`
  })
  const known = names.some(name => places[name] !== undefined)
  return `${parts.join(' and ')}${known ? '' : ` at ${file}:${line}`}`
}

function mechanismHint(config: AccountConfig): string {
  const { channel_binding, mechanisms, type, usesasl } = config
  if (type === 'client' && !usesasl) return noIqAuth(config)
  if (channel_binding === 'required') return `${placed(config, ['channel_binding'])} says required`
  if (mechanisms !== undefined && usesasl) return `${placed(config, ['sasl_mechanisms'])} allows no others`
  return ''
}

/**
 * Whether a refusal by XEP-0078 says nothing of the password: a server that does not know it ends the stream of whoever asks for
 * something before he has logged in, or answers the question with another error than that of a wrong password.
 */
function knowsNoIqAuth(error: XmppError, { type, usesasl }: AccountConfig): boolean {
  if (type !== 'client' || usesasl) return false
  if (error instanceof StreamError) return error.by === 'peer'
  return error.cause instanceof StanzaError && !/^(not-authorized|undefined-condition)$/.test(error.cause.condition)
}

function noIqAuth(config: AccountConfig): string {
  return `the server may not know XEP-0078, which ${placed(config, ['usesasl'])} asks for: usesasl=yes is the way then`
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
  if (!untrusted(cause)) return ''
  if (file === undefined) return 'to trust it, name a file with the certificate of its CA in tls_cafile'
  const read = 'which is read when the daemon starts and on reload: has it changed since?'
  return `no CA in ${file} has issued it (${placed(config, ['tls_cafile'])}), ${read}`
}

/** No CA that is trusted has issued the certificate. */
function untrusted(error: unknown): boolean {
  return /SELF_SIGNED|UNABLE_TO|CERT_UNTRUSTED/.test(codeOf(error))
}

const tokenCa =
  'tls_cafile is for the XMPP server: for a CA of your own here, start the daemon with NODE_EXTRA_CA_CERTS=FILE in its environment'

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
