import type { Jid } from '../jid.ts'
import type { CaReading } from './ca.ts'
import { isLoopback, readHost } from './host.ts'
import { shownValue } from './names.ts'
import type { AccountOptions } from './options.ts'
import type { Sheet } from './sheet.ts'

/** How the stream is encrypted: from the first byte, after asking for it, or not at all. */
export type TlsMode = 'direct' | 'starttls' | 'none'

/** Checks `serverhost`, and says what is connected to without it. */
export function checkHost(sheet: AccountSheet, jid: Jid | undefined): void {
  const text = sheet.get('serverhost')
  if (text === undefined) {
    // A client's servers are found in the DNS; for a component there is nothing to find them by.
    if (jid !== undefined && sheet.get('type') === 'component') {
      sheet.warn('no-serverhost', 'serverhost', `not given, so "${jid.domain}" itself is connected to`)
    }
    return
  }
  const host = readHost(text)
  if ('expected' in host) sheet.error('bad-value', 'serverhost', `expected ${host.expected}, not ${shownValue(text)}`)
  else sheet.set('serverhost', host.value)
}

/** The default of `port`. A client whose servers the DNS tells has none: their ports come with them. */
export function fillPort(sheet: AccountSheet): void {
  if (sheet.given('port').length > 0) return
  if (sheet.get('type') === 'component') sheet.set('port', 5347)
  else if (sheet.given('serverhost').length > 0) sheet.set('port', sheet.get('forceoldssl') ? 5223 : 5222)
}

/** What `usetls`, `forceoldssl`, `type` and the host come to; undefined when one of them is in error. */
export function readTls(sheet: AccountSheet, jid: Jid | undefined): TlsMode | undefined {
  const [type, usetls, direct] = [sheet.get('type'), sheet.get('usetls'), sheet.get('forceoldssl')]
  const host = sheet.get('serverhost') ?? jid?.domain
  const explicit = sheet.given('usetls').length > 0
  if (type === undefined || usetls === undefined || direct === undefined || host === undefined) return undefined
  if (direct) {
    if (!usetls) sheet.warn('contradiction', 'usetls', 'forceoldssl=yes is given as well, so TLS is used all the same')
    return 'direct'
  }
  if (type === 'client') {
    if (!usetls) sheet.warn('risk', 'usetls', unencrypted)
    return usetls ? 'starttls' : 'none'
  }
  if (isLoopback(host)) {
    if (explicit && usetls)
      sheet.warn(
        'no-effect',
        'usetls',
        'a component has TLS with forceoldssl only: this stays unencrypted, within this machine',
      )
  } else if (usetls) {
    const elsewhere =
      sheet.get('serverhost') === undefined ? '; if the server runs on this machine, say serverhost=127.0.0.1' : ''
    sheet.error(
      'component-tls',
      'usetls',
      `${noStartTls}: "${host}" is not this machine, so choose forceoldssl=yes (TLS from the first byte, where the server has a port for it) or usetls=no (unencrypted)${elsewhere}`,
    )
  } else {
    sheet.warn('risk', 'usetls', unencrypted)
  }
  return 'none'
}

/** The certificates of `tls_cafile`, undefined when it is not given or in error. */
export function readTlsCa(sheet: AccountSheet, readCa: (path: string) => CaReading): string | undefined {
  const path = sheet.get('tls_cafile')
  if (path === undefined) return undefined
  const reading: CaReading = path === '' ? { error: 'it names no file' } : readCa(path)
  if ('pem' in reading) return reading.pem
  sheet.error('bad-cafile', 'tls_cafile', reading.error)
  return undefined
}

type AccountSheet = Sheet<AccountOptions>

const noStartTls = 'a component cannot ask for TLS with STARTTLS (XEP-0114 has none)'
const unencrypted =
  'nothing is encrypted: whoever is on the way can read and change every message, and learn or guess the secret'
