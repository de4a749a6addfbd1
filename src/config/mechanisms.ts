import type { TlsMode } from './connection.ts'
import { didYouMean, shownName } from './names.ts'
import type { AccountOptions, OptionName } from './options.ts'
import { givenSecret } from './secret-source.ts'
import type { Sheet } from './sheet.ts'

/** Every mechanism that may be named, by what it needs. The mechanisms themselves are no business of a configuration's. */
export const mechanismNames = {
  secret: [
    'SCRAM-SHA-512-PLUS',
    'SCRAM-SHA-256-PLUS',
    'SCRAM-SHA-1-PLUS',
    'SCRAM-SHA-512',
    'SCRAM-SHA-256',
    'SCRAM-SHA-1',
    'PLAIN',
    'DIGEST-MD5',
  ],
  refresh_token: ['X-OAUTH2', 'OAUTHBEARER'],
  tls_certfile: ['EXTERNAL'],
  nothing: ['ANONYMOUS'],
} as const

type AccountSheet = Sheet<AccountOptions>

/** Whether there is anything to prove an identity with; a client without it can only be anonymous. */
export function provesSomething(sheet: AccountSheet): boolean {
  return givenSecret(sheet) !== undefined || isGiven(sheet, 'refresh_token') || isGiven(sheet, 'tls_certfile')
}

/** A domain alone, and nothing to prove: that is what RFC 4505 is for. */
export function isAnonymous(sheet: AccountSheet): boolean {
  return !provesSomething(sheet) && !(sheet.get('username') ?? '@').includes('@')
}

/** The names of `sasl_mechanisms`, undefined when it is not given: all may be used then. */
export function readMechanisms(sheet: AccountSheet): readonly string[] | undefined {
  const text = sheet.get('sasl_mechanisms')
  if (text === undefined) return undefined
  const names = text
    .toUpperCase()
    .split(/[\s,]+/)
    .filter(name => name !== '')
  const known: readonly string[] = Object.values(mechanismNames).flat()
  const unknown = names.filter(name => !known.includes(name))
  for (const name of unknown) {
    const hint = didYouMean(name, known)
    sheet.error(
      'bad-value',
      'sasl_mechanisms',
      `there is no mechanism ${shownName(name)}${hint}; known are ${known.join(' ')}`,
    )
  }
  if (names.length === 0) sheet.error('bad-value', 'sasl_mechanisms', 'it names no mechanism')
  // A component uses none of them, which is said elsewhere.
  if (sheet.get('type') === 'component') return names
  const proved = provedBy(sheet)
  if (unknown.length === 0 && names.length > 0 && !names.some(name => proved.includes(name))) {
    sheet.error(
      'contradiction',
      'sasl_mechanisms',
      `the account has no credentials for any of them, only for ${proved.join(' ')}`,
    )
  }
  return names
}

/**
 * Finds the account that could never log in, since what it has credentials for is forbidden by other options.
 * @param tls what the account's TLS comes to; undefined when that is in error
 * @param names what `readMechanisms` found
 */
export function checkUsable(sheet: AccountSheet, tls: TlsMode | undefined, names: readonly string[] | undefined): void {
  const policy = sheet.get('channel_binding')
  const why = policy === 'required' ? whyUnbound(sheet, tls) : undefined
  if (why !== undefined) {
    sheet.error('contradiction', 'channel_binding', `it cannot be required: ${why}`)
    return
  }
  if (sheet.get('type') !== 'client' || sheet.get('usesasl') === false) return
  const proved = provedBy(sheet)
  const named = names === undefined ? proved : proved.filter(name => names.includes(name))
  const possible = named.filter(name => tls !== 'none' || !needsTls(name))
  const usable = possible.filter(name => (policy === 'required' ? isBound(name) : policy !== 'no' || !isPlus(name)))
  // That none is named, or none that there are credentials for, has been reported.
  if (named.length === 0 || usable.length > 0) return
  if (possible.length > 0) {
    const advice = policy === 'required' ? 'that ends in -PLUS' : 'without -PLUS'
    const text = `channel_binding=${policy} leaves none of them: name one ${advice}`
    sheet.error('contradiction', 'sasl_mechanisms', text)
  } else if (proved.every(needsTls)) {
    const text = 'a certificate (tls_certfile) is all the account logs in with, and it is shown under TLS only'
    sheet.error('contradiction', 'usetls', `${text}: leave it at yes, or give a secret as well`)
  } else {
    sheet.error(
      'contradiction',
      'sasl_mechanisms',
      'usetls=no leaves none of them: EXTERNAL and all that ends in -PLUS need TLS',
    )
  }
}

function whyUnbound(sheet: AccountSheet, tls: TlsMode | undefined): string | undefined {
  if (sheet.get('type') === 'component') return 'a component has no SASL'
  if (tls === 'none') return 'this account has no TLS to bind to'
  if (sheet.get('usesasl') === false) return 'XEP-0078 (usesasl=no) binds to nothing'
  if (isAnonymous(sheet)) return 'an anonymous login is bound to nothing'
  return isGiven(sheet, 'refresh_token') && !provedBy(sheet).some(isBound) ? 'a token is bound to nothing' : undefined
}

/** The mechanisms that the account has credentials for. */
function provedBy(sheet: AccountSheet): readonly string[] {
  const own = isGiven(sheet, 'tls_certfile') ? mechanismNames.tls_certfile : []
  if (isGiven(sheet, 'refresh_token')) return [...own, ...mechanismNames.refresh_token]
  if (givenSecret(sheet) !== undefined) return [...own, ...mechanismNames.secret]
  return own.length > 0 ? own : mechanismNames.nothing
}

function isGiven(sheet: AccountSheet, name: OptionName): boolean {
  return sheet.given(name).length > 0
}

const isPlus = (name: string): boolean => name.endsWith('-PLUS')
/** Whom TLS itself knows needs no other binding. */
const isBound = (name: string): boolean => isPlus(name) || name === 'EXTERNAL'
const needsTls = isBound
