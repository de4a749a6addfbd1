import type { AccountConfig } from './account.ts'
import { foldName } from './names.ts'
import { type Effect, findOption, type OptionName, options } from './options.ts'
import { secretOptionOf } from './secret-source.ts'

/** What a reload means for one account. */
export type AccountChange =
  | { readonly kind: 'added'; readonly name: string; readonly after: AccountConfig }
  | { readonly kind: 'removed'; readonly name: string; readonly before: AccountConfig }
  | {
      readonly kind: 'changed'
      readonly name: string
      readonly before: AccountConfig
      readonly after: AccountConfig
      /** Never empty. With `reconnect` the others are brought about by the new connection as well. */
      readonly effects: ReadonlySet<Effect>
      /** Names of the options that differ. */
      readonly options: readonly string[]
    }

/**
 * What is different between two configurations: removed accounts first, then the others in their new order. An account that is not
 * mentioned has not changed. Names are compared without case, and where in the file something stands does not matter.
 */
export function diffAccounts(before: readonly AccountConfig[], after: readonly AccountConfig[]): AccountChange[] {
  const old = new Map(before.map(account => [foldName(account.name), account]))
  const kept = new Set(after.map(account => foldName(account.name)))
  const changes: AccountChange[] = before
    .filter(account => !kept.has(foldName(account.name)))
    .map(account => ({ kind: 'removed', name: account.name, before: account }))
  for (const account of after) {
    const { name } = account
    const earlier = old.get(foldName(name))
    if (earlier === undefined) {
      changes.push({ kind: 'added', name, after: account })
      continue
    }
    const names = differing(earlier, account)
    if (names.length === 0) continue
    const effects = new Set(names.map(option => findOption(option)?.change ?? 'reconnect'))
    changes.push({ kind: 'changed', name, before: earlier, after: account, effects, options: names })
  }
  return changes
}

function differing(before: AccountConfig, after: AccountConfig): string[] {
  const names = (Object.keys(options) as OptionName[]).flatMap(name => {
    if (same(before[name], after[name])) return []
    // Without events nobody acts by what [general] says of them.
    const { change, scope } = options[name]
    if (change === 'events' && scope === 'general' && !distributes(before, after)) return []
    return [name === 'secret' ? (secretOptionOf(after) ?? name) : name]
  })
  // The same paths, but other certificates in them, or another key.
  const contents = [
    ['tls_cafile', before.tls_ca, after.tls_ca],
    ['tls_certfile', before.tls_certificate?.cert, after.tls_certificate?.cert],
    [after.tls_keyfile === undefined ? 'tls_certfile' : 'tls_keyfile', keyOf(before), keyOf(after)],
  ] as const
  return [...new Set([...names, ...contents.flatMap(([name, old, now]) => (old === now ? [] : [name]))])]
}

function distributes(...accounts: readonly AccountConfig[]): boolean {
  return accounts.some(account => account.distribute_events)
}

function keyOf({ tls_certificate }: AccountConfig): string | undefined {
  return tls_certificate?.key
}

/** Lists are sets: only the order of buddies being different is no difference. */
function same(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b
  const members = new Set(a)
  return members.size === new Set(b).size && b.every(item => members.has(item))
}
