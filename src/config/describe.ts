import type { AccountConfig } from './account.ts'
import { findOption, type GeneralOptions, optionNames } from './options.ts'

/** What stands in for a secret, whatever its length. */
export const mask = '********'

/**
 * The effective options of an account as `[option, value]`, in the order of the table: defaults included, secrets masked (one that is fetched from elsewhere is told by where from),
 * one pair for each item of a list, none for what has no value.
 */
export function describeAccount(account: AccountConfig): (readonly [option: string, value: string])[] {
  return describe(effective(account), 'account')
}

/** The same as values: booleans, numbers, lists. */
export function describeValues(account: AccountConfig): Readonly<Record<string, unknown>> {
  const shown = effective(account)
  const names = optionNames('account').filter(name => shown[name] !== undefined)
  return Object.fromEntries(names.map(name => [name, findOption(name)?.secret ? mask : shown[name]]))
}

/** The effective options of [general], likewise. */
export function describeGeneral(general: GeneralOptions): (readonly [option: string, value: string])[] {
  return describe(general, 'general')
}

function effective(account: AccountConfig): Readonly<Record<string, unknown>> {
  const { secret_env, secret_file } = account
  const secret = secret_env === undefined && secret_file === undefined ? account.secret : undefined
  // A component on this machine has no TLS although usetls says yes by default: what counts is what is done.
  return { ...account, secret, usetls: account.tls !== 'none' }
}

function describe(values: object, scope: 'account' | 'general'): (readonly [string, string])[] {
  const given = new Map<string, unknown>(Object.entries(values))
  return optionNames(scope).flatMap(name => {
    const value = given.get(name)
    const items = value === undefined ? [] : Array.isArray(value) ? value : [value]
    return items.map(item => [name, findOption(name)?.secret ? mask : print(item)] as const)
  })
}

function print(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return String(value)
}
