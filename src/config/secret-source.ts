import type { AccountOptions } from './options.ts'
import type { Sheet } from './sheet.ts'
import { exposedMode, exposedText, type FileSource, resolvePath, unreadable } from './source.ts'

/** The options that an account's secret may come from. */
export const secretOptions = ['secret', 'secret_env', 'secret_file'] as const

export type SecretOption = (typeof secretOptions)[number]

/** Where secrets may lie that are not in the configuration. */
export interface SecretPlaces {
  readonly source: FileSource
  /** What relative paths are relative to. */
  readonly directory: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The option in which an account has its secret, undefined when it has none. */
export function secretOptionOf(account: Partial<Record<SecretOption, unknown>>): SecretOption | undefined {
  return (['secret_file', 'secret_env', 'secret'] as const).find(name => account[name] !== undefined)
}

/** The option that gives the secret of the account, whether it can be read or not. */
export function givenSecret(sheet: Sheet<AccountOptions>): SecretOption | undefined {
  return secretOptions.find(name => sheet.given(name).length > 0)
}

/** Makes what `secret_env` or `secret_file` names the `secret` of the account. Reports what is wrong with it, and shows nothing of it. */
export function resolveSecret(sheet: Sheet<AccountOptions>, places: SecretPlaces): void {
  const [first, ...others] = secretOptions.filter(name => sheet.given(name).length > 0)
  for (const name of others)
    sheet.error('contradiction', name, `${first} is given as well: the secret can come from one of them only`)
  if (others.length > 0) return
  const [name, path] = [sheet.get('secret_env'), sheet.get('secret_file')]
  if (first === 'secret_env' && name !== undefined) take(sheet, first, fromEnvironment(name, places))
  if (first === 'secret_file' && path !== undefined) take(sheet, first, readSecretFile(path, places))
}

/** A secret; `exposed` is the mode of a file that others can read. */
export type SecretReading =
  | { readonly secret: string; readonly exposed?: number | undefined }
  | { readonly error: string }

function take(sheet: Sheet<AccountOptions>, option: SecretOption, reading: SecretReading): void {
  if ('error' in reading) {
    sheet.error(`bad-${option.replace('_', '-')}`, option, reading.error)
    return
  }
  sheet.set('secret', reading.secret)
  if (reading.exposed !== undefined) sheet.warn('risk', option, exposedText('the secret', reading.exposed))
}

function fromEnvironment(name: string, { env }: SecretPlaces): SecretReading {
  if (name === '') return { error: 'it names no environment variable' }
  const value = Object.hasOwn(env, name) ? env[name] : undefined
  if (value === undefined) return { error: `there is no environment variable ${shownVariable(name)} here` }
  return value === '' ? { error: `the environment variable ${shownVariable(name)} is empty` } : { secret: value }
}

/** Somebody may have written the secret itself instead of a name: only what can be a name is shown. */
function shownVariable(name: string): string {
  return /^[A-Z_][A-Z0-9_]{0,63}$/.test(name) ? name : 'of that name (a name is usually of A to Z, 0 to 9 and _)'
}

/** More than any secret has. */
const mostBytes = 65_536

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The secret that a file holds, and nothing else. */
export function readSecretFile(
  path: string,
  { source, directory }: Pick<SecretPlaces, 'source' | 'directory'>,
): SecretReading {
  if (path === '') return { error: 'it names no file' }
  const full = resolvePath(directory, path)
  const bytes = source.read(full)
  if (bytes === undefined) return { error: `"${full}" cannot be read: ${unreadable(full, source)}` }
  if (bytes.byteLength > mostBytes)
    return { error: `"${full}" is too large for a secret: it has more than ${mostBytes} bytes` }
  const text = decoded(bytes)
  if (text === undefined) return { error: `"${full}" is not UTF-8, and XMPP knows no other encoding` }
  // Editors and `echo` end a file with a line end; one more is somebody's secret.
  const secret = text.replace(/\r?\n$/, '')
  if (secret === '') return { error: `"${full}" is empty` }
  if (secret.includes('\0')) return { error: `"${full}" holds a NUL byte, which no secret can have: is it UTF-16?` }
  return { secret, exposed: exposedMode(full, source) }
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
