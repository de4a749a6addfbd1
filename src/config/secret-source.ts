import { isAbsolute, join } from 'node:path'
import type { AccountOptions } from './options.ts'
import type { ProblemLog } from './problem.ts'
import type { Sheet } from './sheet.ts'
import { type FileSource, unreadable } from './source.ts'

type AccountSheet = Sheet<AccountOptions>

/** The options that hold a secret, or say where it is; an account has one of them. */
export const secretOptions = ['secret', 'secret_env', 'secret_file'] as const

/** The one of them that is given; undefined when none is. */
export function secretOption(sheet: AccountSheet): (typeof secretOptions)[number] | undefined {
  return secretOptions.find(name => sheet.given(name).length > 0)
}

/** Where the secrets are that an xmpp.conf does not hold itself. */
export interface SecretSources {
  readonly source: FileSource
  /** What relative paths are relative to. */
  readonly directory: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Fetches the secret that `secret_env` or `secret_file` names, as if it stood in `secret`. */
export function fetchSecret(sheet: AccountSheet, sources: SecretSources): void {
  const [first, ...others] = secretOptions.filter(name => sheet.given(name).length > 0)
  for (const other of others) sheet.error('contradiction', other, `${first} is given as well: only one can count`)
  if (others.length > 0) return
  if (first === 'secret_env') fromEnvironment(sheet, sources.env)
  if (first === 'secret_file') fromFile(sheet, sources)
}

function fromEnvironment(sheet: AccountSheet, env: SecretSources['env']): void {
  const name = sheet.get('secret_env') ?? ''
  const value = name === '' || !Object.hasOwn(env, name) ? undefined : env[name]
  if (name === '') sheet.error('bad-value', 'secret_env', 'it names no environment variable')
  else if (!value) {
    const state = value === undefined ? 'is not set' : 'is empty'
    sheet.error('no-secret', 'secret_env', `the environment variable ${name} ${state}: start the daemon with it`)
  } else sheet.set('secret', value)
}

/** A password is a line; what is larger is another file than was meant. */
const MOST_BYTES = 65_536

function fromFile(sheet: AccountSheet, { source, directory }: SecretSources): void {
  const path = sheet.get('secret_file') ?? ''
  const full = isAbsolute(path) ? path : join(directory, path)
  const bytes = path === '' ? undefined : source.read(full)
  const fault = (message: string): void => sheet.error('no-secret', 'secret_file', message)
  if (path === '') return fault('it names no file')
  if (bytes === undefined) return fault(`"${full}" cannot be read: ${unreadable(full, source)}`)
  if (bytes.byteLength > MOST_BYTES) return fault(`"${full}" is too large to hold a secret and nothing else`)
  const text = decode(bytes)?.replace(/\r?\n$/, '')
  if (text === undefined || text.includes('\0')) return fault(`"${full}" is not a text in UTF-8`)
  if (text === '') return fault(`"${full}" is empty`)
  // A second line is no part of a password, but perhaps somebody's explanation, and what is meant cannot be told.
  if (/[\r\n]/.test(text)) return fault(`"${full}" has more than one line: it must hold the secret and nothing else`)
  sheet.set('secret', text)
  if (isOpen(source, full)) sheet.warn('risk', 'secret_file', readable(`the secret in "${full}"`, full))
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    // The error says no more.
    return undefined
  }
}

/** A file of the configuration that holds a secret, and where its first one stands. */
export interface SecretPlace {
  readonly file: string
  readonly line: number
  readonly section: string
  readonly option: string
}

/** Warns of each file that holds secrets and that everyone on this machine can read. */
export function warnOfOpenFiles(places: readonly SecretPlace[], source: FileSource, log: ProblemLog): void {
  const told = new Set<string>()
  for (const place of places) {
    if (told.has(place.file)) continue
    told.add(place.file)
    if (isOpen(source, place.file)) log.warn('risk', place, readable('the secrets in this file', place.file))
  }
}

function isOpen(source: FileSource, path: string): boolean {
  return ((source.mode?.(path) ?? 0) & 0o004) !== 0
}

function readable(what: string, path: string): string {
  return `everyone on this machine can read ${what}: chmod o= ${path} makes it safe`
}
