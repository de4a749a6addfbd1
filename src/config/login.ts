import { isAnonymous, mechanismNames, readMechanisms } from './mechanisms.ts'
import type { AccountOptions, OptionName } from './options.ts'
import { passwordFault } from './secret.ts'
import { givenSecret } from './secret-source.ts'
import type { Sheet } from './sheet.ts'
import { tokenUrlFault } from './token-url.ts'

type AccountSheet = Sheet<AccountOptions>

/** True when the option is there. If not, reports it, unless an unreadable line may be the very one. */
export function checkGiven(sheet: AccountSheet, name: OptionName, message: string): boolean {
  const given = sheet.given(name)
  if (given.length === 0 && !sheet.group.damaged) sheet.error('missing', name, message)
  return given.length > 0
}

/** Checks what the account proves its identity with. @returns the mechanisms it may use, undefined for all */
export function readLogin(sheet: AccountSheet): readonly string[] | undefined {
  checkSecret(sheet)
  checkToken(sheet)
  warnOfCut(sheet)
  if (sheet.get('type') === 'component') warnOfComponent(sheet)
  else if (sheet.get('usesasl') === false) checkNoSasl(sheet)
  const mechanisms = readMechanisms(sheet)
  checkPassword(sheet, mechanisms)
  return mechanisms
}

function checkSecret(sheet: AccountSheet): void {
  const component = sheet.get('type') === 'component'
  const needed = component
    ? 'it is not given, nor secret_file or secret_env: a component proves its identity with its secret and nothing else'
    : 'it is not given, nor secret_file, secret_env, refresh_token or tls_certfile: the account has nothing to log in with'
  const others = component ? [] : (['refresh_token', 'tls_certfile'] as const)
  const anonymous = !component && isAnonymous(sheet)
  if (!anonymous && others.every(name => sheet.given(name).length === 0)) checkSecretGiven(sheet, needed)
  if (sheet.get('secret') === '') sheet.error('bad-value', 'secret', 'it is empty')
}

function checkSecretGiven(sheet: AccountSheet, message: string): void {
  if (givenSecret(sheet) === undefined) checkGiven(sheet, 'secret', message)
}

/** A secret that ends where a comment begins is perhaps not all of it. */
function warnOfCut(sheet: AccountSheet): void {
  for (const name of ['secret', 'refresh_token', 'oauth_secret'] as const) {
    if (sheet.given(name).at(-1)?.cut) {
      const text = 'a ";" right behind it begins a comment; if it belongs to the secret, write "\\;"'
      sheet.warn('cut-by-comment', name, text)
    }
  }
}

/** The secret as SASL's password, where it is one. */
function checkPassword(sheet: AccountSheet, mechanisms: readonly string[] | undefined): void {
  const secret = sheet.get('secret')
  const other = sheet.get('type') !== 'client' || sheet.get('usesasl') === false
  if (secret === undefined || other || sheet.given('refresh_token').length > 0) return
  const withPassword: readonly string[] = mechanismNames.secret
  if (mechanisms?.some(name => withPassword.includes(name)) === false) return
  const fault = passwordFault(secret)
  if (fault !== undefined) sheet.error('bad-value', givenSecret(sheet) ?? 'secret', fault)
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
    return
  }
  const secret = givenSecret(sheet)
  if (secret === undefined) return
  sheet.warn('token-wins', 'refresh_token', `${secret} is given as well and is not used: the token takes its place`)
}

function checkTokenUrl(sheet: AccountSheet): void {
  const text = sheet.get('oauth_token_url')
  if (sheet.given('oauth_token_url').length === 0 || text === undefined) return
  const fault = tokenUrlFault(text)
  if (fault !== undefined) sheet.error('bad-value', 'oauth_token_url', fault)
  else if (sheet.given('refresh_token').length === 0)
    sheet.warn('no-effect', 'oauth_token_url', 'there is no refresh_token that needs it')
}

function checkNoSasl(sheet: AccountSheet): void {
  if (sheet.given('refresh_token').length > 0) {
    sheet.error('contradiction', 'usesasl', 'refresh_token needs SASL: leave it at yes')
  } else {
    checkSecretGiven(
      sheet,
      'it is not given, nor secret_file or secret_env: XEP-0078 (usesasl=no) logs in with a password and nothing else',
    )
  }
  warnOfNoEffect(sheet, 'sasl_mechanisms', 'usesasl=no uses none')
  if (sheet.get('channel_binding') !== 'required') {
    warnOfNoEffect(sheet, 'channel_binding', 'XEP-0078 (usesasl=no) binds to nothing anyway')
  }
}

/** What a component has no use for; that channel binding is required of one is an error. */
function warnOfComponent(sheet: AccountSheet): void {
  for (const name of ['usesasl', 'sasl_mechanisms', 'channel_binding'] as const) {
    const required = name === 'channel_binding' && sheet.get(name) === 'required'
    if (!required) warnOfNoEffect(sheet, name, 'a component has no SASL anyway')
  }
  warnOfNoEffect(sheet, 'stream_management', 'a component has no stream management (XEP-0114)')
}

function warnOfNoEffect(sheet: AccountSheet, name: OptionName, why: string): void {
  if (sheet.given(name).length > 0) sheet.warn('no-effect', name, why)
}
