import type { Account } from '../account/account.ts'
import type { StateBus } from '../bus/index.ts'
import type { PubsubComponent } from '../pubsub-component/index.ts'
import type { AccountSet } from './accounts.ts'

/** What the commands of a PubSub service work on. */
export interface PubsubContext {
  /** Undefined where there is none. */
  readonly pubsub: PubsubComponent | undefined
}

/** What the commands work on. */
export interface ConsoleContext extends PubsubContext {
  readonly accounts: AccountSet
  /** The states of devices and mailboxes. */
  readonly bus: StateBus
  /** Reads the configuration again; the lines say what came of it. */
  reload(): Promise<{ readonly ok: boolean; readonly lines: readonly string[] }>
}

/** What a command has to say: `text` for people, `data` for `--json`. */
export interface Output {
  readonly text: string
  readonly data: unknown
  /** Default 0. */
  readonly exit?: number
}

/** One command of the console, and what it works on. */
export interface Command<Context = ConsoleContext> {
  /** The words it begins with. */
  readonly words: string
  /** The arguments behind them; `…` takes the rest. */
  readonly args: string
  /** The rest is a text of the user's, which may be left out or not. */
  readonly text?: 'always' | 'sometimes'
  readonly summary: string
  run(args: readonly string[], context: Context, signal: AbortSignal): Output | Promise<Output>
}

/** The account of that name. @throws Error in Asterisk's words */
export function find(accounts: AccountSet, name: string): Account {
  const account = accounts.find(name)
  if (account === undefined) throw new Error(`Unable to find client '${name}'!`)
  return account
}
