import type { AccountConfig } from './account.ts'
import { foldName } from './names.ts'
import { type Effect, findOption } from './options.ts'

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
    const options = differing(earlier, account)
    if (options.length === 0) continue
    const effects = new Set(options.map(option => findOption(option)?.change ?? 'reconnect'))
    changes.push({ kind: 'changed', name, before: earlier, after: account, effects, options })
  }
  return changes
}

function differing(before: AccountConfig, after: AccountConfig): string[] {
  const values = new Map<string, unknown>(Object.entries(before))
  const names = Object.entries(after).flatMap(([name, value]) => {
    // Of events nothing is different where none are distributed.
    const idle = !before.distribute_events && !after.distribute_events && findOption(name)?.change === 'events'
    return findOption(name) === undefined || idle || same(values.get(name), value) ? [] : [name]
  })
  const secret =
    after.secret_file === undefined ? (after.secret_env === undefined ? 'secret' : 'secret_env') : 'secret_file'
  // The same paths, but other certificates in them, or another key.
  const contents = [
    ['tls_cafile', before.tls_ca, after.tls_ca],
    ['tls_certfile', before.tls_certificate?.cert, after.tls_certificate?.cert],
    [after.tls_keyfile === undefined ? 'tls_certfile' : 'tls_keyfile', keyOf(before), keyOf(after)],
  ] as const
  const told = names.map(name => (name === 'secret' ? secret : name))
  return [...new Set([...told, ...contents.flatMap(([name, old, now]) => (old === now ? [] : [name]))])]
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
