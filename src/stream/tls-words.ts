import { describe, XmppError } from '../errors.ts'
import { partiesOf, readCertificate } from './certificate.ts'

/** What is known of a handshake that has failed. */
export interface FailedHandshake {
  readonly error: unknown
  /** Whom the certificate had to name. */
  readonly name: string
  /** The server's certificate and those of its issuers as far as they are known, in DER. */
  readonly chain: readonly Uint8Array[]
  /** We have shown a certificate of our own. */
  readonly certified: boolean
}

/** As initiator: an error that says in words why there is no TLS. The condition is an alert of RFC 8446 §6.2 where one fits. */
export function explain(failed: FailedHandshake): XmppError {
  const { error, name } = failed
  const { code = '', reason } = error as { code?: string; reason?: string }
  const [condition, why] = verdict(code, failed) ?? []
  const damage = why === undefined ? undefined : damageOf(failed.chain[0])
  if (damage !== undefined) {
    // OpenSSL finds other words when it cannot read an extension.
    const text = `the server's certificate for ${name} is refused: ${damage.message} (${code})`
    return new XmppError('XMPP_TLS_REFUSED', text, { cause: error, condition: 'bad_certificate' })
  }
  if (why !== undefined) {
    const text = `the server's certificate for ${name} is refused: ${why} (${code})`
    return new XmppError('XMPP_TLS_REFUSED', text, { cause: error, ...(condition && { condition }) })
  }
  const told = alertIn(error, failed.certified)
  if (told !== undefined) {
    return new XmppError('XMPP_TLS_REFUSED', `${name} ends the TLS handshake: ${told.words} (${code})`, {
      cause: error,
      condition: told.condition,
    })
  }
  const [what, words] = troubles.find(([pattern]) => pattern.test(code))?.[1] ?? []
  // OpenSSL's message names its own source files; the reason in it is enough.
  const text = words ?? (reason === undefined ? describe(error) : reason)
  return new XmppError('XMPP_TLS_REFUSED', `TLS with ${name} failed: ${text}${code === '' ? '' : ` (${code})`}`, {
    cause: error,
    ...(what && { condition: what }),
  })
}

/**
 * The alert by which the other side has ended TLS, from the error Node makes of it; undefined for every other error. It may come
 * after the handshake, for in TLS 1.3 a server sees our certificate only when we have done already.
 * @param certified we have shown a certificate of our own
 */
export function alertIn(
  error: unknown,
  certified = true,
): { readonly condition: string; readonly words: string } | undefined {
  const { code } = error as { code?: unknown }
  // OpenSSL calls the oldest ones SSLV3, and since 3.2 SSL/TLS.
  const name = /^ERR_SSL_(?:SSLV3|SSL\/TLS|TLSV1|TLSV13)_(?:ALERT_)?([A-Z_]+)$/.exec(
    typeof code === 'string' ? code : '',
  )?.[1]
  const alert = name === undefined ? undefined : alerts[name]
  if (alert === undefined) return undefined
  const [condition, words] = alert
  // With TLS 1.2 there is no other alert for it.
  if (condition === 'handshake_failure' && !certified)
    return { condition, words: `${words}; or it wants a certificate` }
  return { condition, words: certified && ours.has(condition) ? `our own certificate is refused: ${words}` : words }
}

/** In words, OpenSSL's error about what came after a handshake; undefined for every other error. Its message names its source files. */
export function brokenRecord(error: unknown): string | undefined {
  const { code, reason } = error as { code?: unknown; reason?: unknown }
  if (typeof code !== 'string' || !code.startsWith('ERR_SSL_')) return undefined
  return `what arrived is not what TLS expects here${typeof reason === 'string' ? `: ${reason}` : ''} (${code})`
}

// By OpenSSL's names for them, which differ from the RFC's here and there; in the order of RFC 8446 §6.2.
const alerts: Record<string, readonly [condition: string, words: string] | undefined> = {
  UNEXPECTED_MESSAGE: ['unexpected_message', 'it did not expect what we said'],
  BAD_RECORD_MAC: ['bad_record_mac', 'what arrived there is not what we sent'],
  RECORD_OVERFLOW: ['record_overflow', 'a record was too long for it'],
  HANDSHAKE_FAILURE: ['handshake_failure', 'there is no cipher, key exchange or signature that both sides take'],
  NO_CERTIFICATE: ['certificate_required', 'it wants a certificate of ours'],
  BAD_CERTIFICATE: ['bad_certificate', 'it takes the certificate for damaged'],
  UNSUPPORTED_CERTIFICATE: ['unsupported_certificate', 'it does not take a certificate of this kind'],
  CERTIFICATE_REVOKED: ['certificate_revoked', 'the certificate has been revoked'],
  CERTIFICATE_EXPIRED: ['certificate_expired', 'the certificate has expired'],
  CERTIFICATE_UNKNOWN: ['certificate_unknown', 'it does not accept the certificate, and does not say why'],
  ILLEGAL_PARAMETER: ['illegal_parameter', 'something in what we said is not allowed there'],
  UNKNOWN_CA: ['unknown_ca', 'it does not know the CA that issued the certificate'],
  ACCESS_DENIED: ['access_denied', 'it knows the certificate and denies access'],
  DECODE_ERROR: ['decode_error', 'it cannot read what we said'],
  DECRYPT_ERROR: ['decrypt_error', 'a signature or a key has turned out wrong there'],
  PROTOCOL_VERSION: ['protocol_version', 'it offers nothing newer than TLS 1.1, and TLS 1.2 is the least'],
  INSUFFICIENT_SECURITY: ['insufficient_security', 'it wants stronger ciphers than we have'],
  INTERNAL_ERROR: ['internal_error', 'something is wrong inside the server'],
  INAPPROPRIATE_FALLBACK: ['inappropriate_fallback', 'it suspects that someone on the way lowers the version'],
  USER_CANCELLED: ['user_canceled', 'it has been cancelled there'],
  MISSING_EXTENSION: ['missing_extension', 'it misses an extension'],
  UNSUPPORTED_EXTENSION: ['unsupported_extension', 'it does not take an extension'],
  UNRECOGNIZED_NAME: ['unrecognized_name', 'it serves no such name (SNI)'],
  BAD_CERTIFICATE_STATUS_RESPONSE: ['bad_certificate_status_response', 'a certificate status was not valid'],
  UNKNOWN_PSK_IDENTITY: ['unknown_psk_identity', 'it does not know the session we wanted to go on with'],
  CERTIFICATE_REQUIRED: ['certificate_required', 'it wants a certificate of ours'],
  NO_APPLICATION_PROTOCOL: ['no_application_protocol', 'what it speaks on this port is not XMPP (ALPN)'],
}

/** The alerts that are about the certificate we have shown, if we have. */
const ours = new Set([
  'bad_certificate',
  'unsupported_certificate',
  'certificate_revoked',
  'certificate_expired',
  'certificate_unknown',
  'unknown_ca',
  'access_denied',
])

const noTls =
  'the server answered with something that is not TLS; direct TLS usually has a port of its own, and on another port it has to be asked for (STARTTLS)'
const tooOld = 'the server offers nothing newer than TLS 1.1, and TLS 1.2 is the least'
const weak = 'a key, a signature or a parameter of the server is too weak'

const troubles: readonly (readonly [RegExp, readonly [condition: string, words: string]])[] = [
  [/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP|UNKNOWN_PROTOCOL)/, ['unexpected_message', noTls]],
  [/^ERR_SSL_(UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|WRONG_SSL_VERSION)/, ['protocol_version', tooOld]],
  [/_TOO_(SMALL|WEAK)$|^ERR_TLS_DH_PARAM_SIZE$/, ['insufficient_security', weak]],
  [/^ERR_(OSSL_ASN1|ASN1|OSSL_X509|X509|SSL_BAD_LENGTH)/, ['bad_certificate', "the server's certificate is damaged"]],
  [
    /^ERR_SSL_EXCESSIVE_MESSAGE_SIZE$/,
    ['illegal_parameter', 'what the server sent, its certificates for one, is too large'],
  ],
  [/^(ECONNRESET|EPIPE)$/, ['close_notify', 'the server closed the connection during the handshake']],
]

/** What Node's and OpenSSL's verdict on a certificate means for someone who has to put it right. */
function verdict(
  code: string,
  { error, chain }: FailedHandshake,
): readonly [condition: string, why: string] | undefined {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return ['certificate_expired', expired(chain)]
    case 'CERT_NOT_YET_VALID':
      return ['certificate_expired', early(chain)]
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return ['unknown_ca', 'it is self-signed, and not among those that are trusted here']
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      return ['unknown_ca', `it was issued by "${issuerOf(chain.at(-1))}", a CA that is not trusted here`]
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return ['unknown_ca', unknownIssuer(chain)]
    case 'CERT_SIGNATURE_FAILURE':
      return [
        'bad_certificate',
        `its signature is wrong: "${issuerOf(chain[0])}" as it is known here has not issued it`,
      ]
    case 'INVALID_PURPOSE':
      return ['unsupported_certificate', 'it is not made for servers (its key usage or extended key usage)']
    case 'INVALID_CA':
      return ['bad_certificate', `"${issuerOf(chain[0])}", which has issued it, is not a CA that may do so`]
    case 'PATH_LENGTH_EXCEEDED':
    case 'CERT_CHAIN_TOO_LONG':
      return ['bad_certificate', 'there are more certificates between it and its CA than allowed']
    case 'CERT_REVOKED':
      return ['certificate_revoked', 'it has been revoked']
    case 'CERT_UNTRUSTED':
    case 'CERT_REJECTED':
      return ['certificate_unknown', `"${issuerOf(chain[0])}" is not trusted for servers here`]
    case 'UNSPECIFIED':
      // What Node has no code for, OpenSSL has words for: a weak key or digest, a name constraint, a critical extension.
      return ['bad_certificate', describe(error)]
    default:
      return undefined
  }
}

// Certificates are judged by the time of day, by OpenSSL as well: it is the one clock that cannot be handed in.

function expired([leaf, ...issuers]: readonly Uint8Array[]): string {
  const now = Date.now()
  const end = datesOf(leaf)?.notAfter
  if (end !== undefined && end < now) return `it has expired, on ${day(end)}`
  const old = issuers.find(issuer => (datesOf(issuer)?.notAfter ?? now) < now)
  return old === undefined
    ? 'the certificate of one of its issuers has expired'
    : `the certificate of its issuer "${subjectOf(old)}" has expired, on ${day(datesOf(old)?.notAfter ?? now)}`
}

function early(chain: readonly Uint8Array[]): string {
  const now = Date.now()
  const first = chain.find(certificate => (datesOf(certificate)?.notBefore ?? now) > now)
  const begin = datesOf(first)?.notBefore
  const whose = first === undefined || first === chain[0] ? 'it' : `the certificate of its issuer "${subjectOf(first)}"`
  const since = begin === undefined ? 'yet' : `before ${day(begin)}`
  return `${whose} is not valid ${since}; is the clock right? It says ${day(now)}`
}

/** A server has to send all certificates but the root's. With only its own sent, either that was forgotten or the CA is unknown. */
function unknownIssuer(chain: readonly Uint8Array[]): string {
  const issuer = issuerOf(chain.at(-1))
  return chain.length === 1
    ? `it was issued by "${issuer}", an unknown CA; if that is an intermediate one, the server has to send its certificate too`
    : `it was issued by an unknown CA: the server sent ${chain.length} certificates, the last of them issued by "${issuer}"`
}

function damageOf(peer: Uint8Array | undefined): Error | undefined {
  try {
    if (peer !== undefined) readCertificate(peer)
    return undefined
  } catch (error) {
    return error as Error
  }
}

function datesOf(certificate: Uint8Array | undefined): { notBefore: number; notAfter: number } | undefined {
  if (certificate === undefined) return undefined
  try {
    return readCertificate(certificate)
  } catch {
    // It is refused anyway; the sentence just says less.
    return undefined
  }
}

function issuerOf(certificate: Uint8Array | undefined): string {
  return (certificate && partiesOf(certificate)?.issuer) ?? 'someone'
}

function subjectOf(certificate: Uint8Array): string {
  return partiesOf(certificate)?.subject ?? 'someone'
}

/** To the second and in UTC, as certificates have it; a date out of range stays readable. */
function day(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15
    ? new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
    : 'a day that is none'
}
