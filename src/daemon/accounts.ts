import { Account, type AccountEnvironment } from '../account/account.ts'
import { systemClock } from '../clock.ts'
import { type AccountConfig, diffAccounts, foldName } from '../config/index.ts'
import { describe } from '../errors.ts'
import { Turns } from '../turns.ts'
import { CapsLookup } from '../xep/0115-lookup.ts'

/** All accounts of a configuration, in its order. */
export class AccountSet {
  readonly #environment: AccountEnvironment
  /** Told of each account before it starts. */
  readonly #onAdded: (account: Account) => void
  #accounts = new Map<string, Account>()
  #configs: readonly AccountConfig[] = []

  constructor(environment: AccountEnvironment, onAdded: (account: Account) => void) {
    const shared = { turns: new Turns(environment.clock ?? systemClock), caps: new CapsLookup() }
    this.#environment = { ...shared, ...environment }
    this.#onAdded = onAdded
  }

  list(): readonly Account[] {
    return [...this.#accounts.values()]
  }

  /** The account of that name, whatever its case. */
  find(name: string): Account | undefined {
    return this.#accounts.get(foldName(name))
  }

  /**
   * Makes the accounts be what a configuration says: starts new ones, stops what is gone, changes what has changed. What has
   * not changed is not touched, unless it waits for its next attempt to connect, which it makes then: what kept it may be mended.
   * @returns one line for each change
   */
  async apply(configs: readonly AccountConfig[]): Promise<string[]> {
    const before = this.#accounts
    const changes = diffAccounts(this.#configs, configs)
    this.#configs = configs
    const stopped = new Map<string, Account>()
    this.#accounts = new Map(
      configs.map(config => {
        const key = foldName(config.name)
        return [key, before.get(key) ?? new Account(config, this.#environment)]
      }),
    )
    for (const [key, account] of before) if (!this.#accounts.has(key)) stopped.set(key, account)

    // What has not changed may stand elsewhere in the file now, and messages about it say where.
    const changed = new Set(changes.map(({ name }) => foldName(name)))
    for (const config of configs) {
      const key = foldName(config.name)
      if (!changed.has(key)) await this.#accounts.get(key)?.update(config, new Set())
    }

    const work = changes.map(async change => {
      if (change.kind === 'removed') {
        await stopped.get(foldName(change.name))?.stop()
        return `[${change.name}] removed`
      }
      const account = this.#accounts.get(foldName(change.name)) as Account
      if (change.kind === 'added') {
        this.#onAdded(account)
        account.start()
        return `[${change.name}] added`
      }
      await account.update(change.after, change.effects)
      return `[${change.name}] changed: ${change.options.join(', ')}${change.effects.has('reconnect') ? ' (connects again)' : ''}`
    })
    const results = await Promise.allSettled(work)
    const lines = results.map((result, at) => {
      return result.status === 'fulfilled' ? result.value : `[${changes[at]?.name}] failed: ${describe(result.reason)}`
    })
    const retried = this.list().filter(account => account.retry() && !changed.has(foldName(account.name)))
    return [...lines, ...retried.map(({ name }) => `[${name}] tries now to connect`)]
  }

  /** Leaves politely everywhere. */
  async stop(): Promise<void> {
    await Promise.all(this.list().map(account => account.stop()))
  }
}
