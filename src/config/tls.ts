import { describe } from '../errors.ts'
import { referenceOf } from '../stream/identity.ts'
import type { ClientCertificate, ClientCertificateReading } from './client-certificate.ts'
import type { TlsMode } from './connection.ts'
import type { AccountOptions } from './options.ts'
import type { Sheet } from './sheet.ts'
import { exposedText } from './source.ts'

/** Checks `tls_servername`, which is a domain or an address. */
export function checkServerName(sheet: AccountSheet): void {
  const name = sheet.get('tls_servername')
  if (name === undefined) return
  try {
    referenceOf(name)
  } catch (error) {
    sheet.error('bad-value', 'tls_servername', describe(error))
  }
}

/** The certificate of `tls_certfile` with its key, undefined when there is none or one of the two files is in error. */
export function readTlsCertificate(
  sheet: AccountSheet,
  read: (certfile: string, keyfile: string | undefined) => ClientCertificateReading,
): ClientCertificate | undefined {
  const [certfile, keyfile] = [sheet.get('tls_certfile'), sheet.get('tls_keyfile')]
  if (certfile === undefined) {
    if (keyfile !== undefined) sheet.error('missing', 'tls_keyfile', 'there is no tls_certfile whose key it could be')
    return undefined
  }
  const reading = read(certfile, keyfile)
  if ('error' in reading) {
    sheet.error(`bad-${reading.file}`, `tls_${reading.file}`, reading.error)
    return undefined
  }
  if (reading.exposed !== undefined) {
    const option = keyfile === undefined ? 'tls_certfile' : 'tls_keyfile'
    sheet.warn('risk', option, exposedText('the private key', reading.exposed))
  }
  return reading.certificate
}

/** Says what it means that the server's certificate is not checked; where there is no TLS, that options about certificates do nothing. */
export function warnOfTls(sheet: AccountSheet, tls: TlsMode | undefined): void {
  if (tls !== 'none') {
    if (sheet.get('tls_verify') === false) sheet.warn('risk', 'tls_verify', unverified)
    return
  }
  for (const name of ['tls_verify', 'tls_cafile', 'tls_servername', 'tls_certfile'] as const) {
    if (sheet.given(name).length > 0) sheet.warn('no-effect', name, 'this account has no TLS')
  }
}

type AccountSheet = Sheet<AccountOptions>

const unverified =
  'the certificate is not checked: whoever is on the way can pose as the server, read and change every message, and learn or guess the secret'
