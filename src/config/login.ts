import type { TlsMode } from './connection.ts'
import { didYouMean, shownName } from './names.ts'
import type { AccountOptions, OptionName } from './options.ts'
import type { Sheet } from './sheet.ts'
import { tokenUrlFault } from './token-url.ts'

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

/** True when the option is there. If not, reports it, unless an unreadable line may be the very one. */
export function checkGiven(sheet: AccountSheet, name: OptionName, message: string): boolean {
  const given = sheet.given(name)
  if (given.length === 0 && !sheet.group.damaged) sheet.error('missing', name, message)
  return given.length > 0
}

/** Whether there is anything to prove an identity with; a client without it can only be anonymous. */
export function provesSomething(sheet: AccountSheet): boolean {
  return ['secret', 'refresh_token', 'tls_certfile'].some(name => sheet.given(name as OptionName).length > 0)
}

/** Checks what the account proves its identity with. @returns the mechanisms it may use, undefined for all */
export function readLogin(sheet: AccountSheet): readonly string[] | undefined {
  checkSecret(sheet)
  checkToken(sheet)
  if (sheet.get('usesasl') === false) checkNoSasl(sheet)
  return readMechanisms(sheet)
}

/** @param tls what the account's TLS comes to; undefined when that is in error */
export function checkBinding(sheet: AccountSheet, tls: TlsMode | undefined): void {
  if (sheet.get('channel_binding') !== 'required') return
  const why =
    tls === 'none'
      ? 'this account has no TLS to bind to'
      : sheet.get('usesasl') === false
        ? 'XEP-0078 (usesasl=no) binds to nothing'
        : sheet.given('refresh_token').length > 0
          ? 'a token is bound to nothing'
          : sheet.get('type') === 'component'
            ? 'a component has no SASL'
            : undefined
  if (why !== undefined) sheet.error('contradiction', 'channel_binding', `it cannot be required: ${why}`)
}

function checkSecret(sheet: AccountSheet): void {
  const component = sheet.get('type') === 'component'
  const instead = (['secret_env', 'secret_file'] as const).filter(name => sheet.given(name).length > 0)
  const unbuilt = instead.length === 0 ? '' : `; ${instead.join(' and ')} cannot stand in for it, that is not built yet`
  const needed = component
    ? 'a component proves its identity with it and nothing else'
    : 'without it, refresh_token or tls_certfile the account has no usable credential'
  const others = component ? [] : (['refresh_token', 'tls_certfile'] as const)
  const anonymous = !component && isAnonymous(sheet)
  if (!anonymous && others.every(name => sheet.given(name).length === 0)) {
    checkGiven(sheet, 'secret', `${needed}${unbuilt}`)
  }
  if (sheet.get('secret') === '') sheet.error('bad-value', 'secret', 'it is empty')
  if (sheet.given('secret').at(-1)?.cut) {
    sheet.warn(
      'cut-by-comment',
      'secret',
      'a ";" right behind it begins a comment; if it belongs to the secret, write "\\;"',
    )
  }
}

/** A domain alone, and nothing to prove: that is what RFC 4505 is for. */
function isAnonymous(sheet: AccountSheet): boolean {
  return !provesSomething(sheet) && !(sheet.get('username') ?? '@').includes('@')
}

function checkToken(sheet: AccountSheet): void {
  const given = sheet.given('refresh_token').length > 0
  for (const name of ['oauth_clientid', 'oauth_secret'] as const) {
    if (given) {
      checkGiven(sheet, name, 'refresh_token needs it: the token was issued to a client, which has to prove itself')
      if (sheet.get(name) === '') sheet.error('bad-value', name, 'it is empty')
    } else if (sheet.given(name).length > 0) sheet.warn('no-effect', name, 'there is no refresh_token it belongs to')
  }
  checkTokenUrl(sheet)
  if (!given) return
  if (sheet.get('refresh_token') === '') sheet.error('bad-value', 'refresh_token', 'it is empty')
  if (sheet.get('type') === 'component') {
    sheet.error('contradiction', 'refresh_token', 'a component logs in with its secret only (XEP-0114)')
  } else if (sheet.given('secret').length > 0) {
    sheet.warn('token-wins', 'refresh_token', 'secret is given as well and is not used: the token takes its place')
  }
}

function checkTokenUrl(sheet: AccountSheet): void {
  const text = sheet.get('oauth_token_url')
  if (sheet.given('oauth_token_url').length === 0 || text === undefined) return
  const fault = tokenUrlFault(text)
  if (fault !== undefined) sheet.error('bad-value', 'oauth_token_url', fault)
}

function checkNoSasl(sheet: AccountSheet): void {
  if (sheet.get('type') === 'component') {
    sheet.warn('no-effect', 'usesasl', 'a component has no SASL anyway')
    return
  }
  if (sheet.given('refresh_token').length > 0) {
    sheet.error('contradiction', 'usesasl', 'refresh_token needs SASL: leave it at yes')
  } else {
    checkGiven(sheet, 'secret', 'XEP-0078 (usesasl=no) logs in with a password and nothing else')
  }
  if (sheet.given('sasl_mechanisms').length > 0) sheet.warn('no-effect', 'sasl_mechanisms', 'usesasl=no uses none')
}

function readMechanisms(sheet: AccountSheet): readonly string[] | undefined {
  const text = sheet.get('sasl_mechanisms')
  if (text === undefined) return undefined
  const names = text
    .toUpperCase()
    .split(/[\s,]+/)
    .filter(name => name !== '')
  const known: readonly string[] = Object.values(mechanismNames).flat()
  const unknown = names.filter(name => !known.includes(name))
  for (const name of unknown) {
    const hint = didYouMean(
      name,
      known.map(each => each.toLowerCase()),
    )
    sheet.error(
      'bad-value',
      'sasl_mechanisms',
      `there is no mechanism ${shownName(name)}${hint}; known are ${known.join(' ')}`,
    )
  }
  if (names.length === 0) sheet.error('bad-value', 'sasl_mechanisms', 'it names no mechanism')
  const usable = usableNames(sheet)
  if (unknown.length === 0 && names.length > 0 && !names.some(name => usable.includes(name))) {
    sheet.error(
      'contradiction',
      'sasl_mechanisms',
      `the account has no credentials for any of them, only for ${usable.join(' ')}`,
    )
  }
  return names
}

function usableNames(sheet: AccountSheet): readonly string[] {
  const given = (name: OptionName): boolean => sheet.given(name).length > 0
  const own = given('tls_certfile') ? mechanismNames.tls_certfile : []
  if (given('refresh_token')) return [...own, ...mechanismNames.refresh_token]
  if (given('secret')) return [...own, ...mechanismNames.secret]
  return own.length > 0 ? own : mechanismNames.nothing
}
