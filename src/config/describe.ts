import type { AccountConfig } from './account.ts'
import { findOption, type GeneralOptions, type OptionName, optionNames } from './options.ts'
import { secretOptionOf } from './secret-source.ts'

/** What stands in for a secret, whatever its length. */
export const mask = '********'

/** An option as it is in effect: secrets masked, lists as lists. */
export type Shown = string | number | boolean | readonly string[]

/**
 * The effective options of an account as `[option, value]`, in the order of the table: defaults included, secrets masked,
 * one pair for each item of a list, none for what has no value.
 */
export function describeAccount(account: AccountConfig): (readonly [option: string, value: string])[] {
  return flat(showAccount(account))
}

/** The effective options of [general], likewise. */
export function describeGeneral(general: GeneralOptions): (readonly [option: string, value: string])[] {
  return flat(show(general, 'general'))
}

/** The same of an account for programs: one pair for each option that has a value, and the value of its own type. */
export function showAccount(account: AccountConfig): (readonly [option: OptionName, value: Shown])[] {
  // A component on this machine has no TLS although usetls says yes by default: what counts is what is done. And of the secret, where it is.
  const secret = secretOptionOf(account) === 'secret' ? account.secret : undefined
  return show({ ...account, usetls: account.tls !== 'none', secret }, 'account')
}

function show(values: object, scope: 'account' | 'general'): (readonly [OptionName, Shown])[] {
  const given = new Map<string, unknown>(Object.entries(values))
  return optionNames(scope).flatMap(name => {
    const value = given.get(name) as Shown | undefined
    return value === undefined ? [] : [[name, findOption(name)?.secret ? mask : value] as const]
  })
}

function flat(pairs: readonly (readonly [string, Shown])[]): (readonly [string, string])[] {
  return pairs.flatMap(([name, value]) => {
    const items = typeof value === 'object' ? value : [value]
    return items.map(item => [name, print(item)] as const)
  })
}

function print(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return String(value)
}
