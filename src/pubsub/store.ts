/** What a service keeps beyond its process, and what keeps it. The engine says what has changed; whoever runs it hands that to a store before it answers. */
import type { Affiliation } from '../xep/0060-pubsub.ts'
import type { NodeConfig } from './config.ts'
import type { SubscriptionOptions } from './node.ts'

/**
 * One change, as plain JSON. Each says what holds afterwards and not what was before, so that doing it once more does no harm. What it speaks of may be gone: then
 * it means nothing. The node '' is the root.
 */
export type Change =
  | {
      readonly op: 'create'
      readonly node: string
      /** Bare JID. */
      readonly creator: string
      /** ms since 1970. */
      readonly at: number
      readonly config: NodeConfig
    }
  | { readonly op: 'configure'; readonly node: string; readonly config: NodeConfig }
  /** `redirect` says where it has gone. */
  | { readonly op: 'delete'; readonly node: string; readonly redirect?: string }
  | { readonly op: 'affiliate'; readonly node: string; readonly jid: string; readonly affiliation: Affiliation }
  | {
      readonly op: 'subscribe'
      readonly node: string
      readonly jid: string
      readonly subid: string
      readonly state: 'subscribed' | 'pending'
      readonly options: SubscriptionOptions
    }
  | { readonly op: 'unsubscribe'; readonly node: string; readonly jid: string; readonly subid: string }
  | {
      readonly op: 'publish'
      readonly node: string
      readonly id: string
      readonly publisher: string
      readonly at: number
      /** XML that stands on its own. */
      readonly payload?: string
    }
  | { readonly op: 'retract'; readonly node: string; readonly ids: readonly string[] }

/** What one request has changed, or the passing of time: it is kept as a whole or not at all. */
export type Entry = readonly Change[]

/** What the owner of a store brings along. */
export interface StoreUser {
  /** Takes what was kept, in the order in which it was appended. */
  readonly restore: (entry: Entry) => void
  /**
   * All that is needed to have everything as it is now. It is read bit by bit while other things are appended: those come again behind it, which is why each change
   * may be done twice.
   */
  readonly snapshot: () => Iterable<Entry>
}

/** What was found when a store was opened. */
export interface StoreReport {
  readonly entries: number
  /** Bytes that were read. */
  readonly bytes: number
  /** What was damaged and has been left out or cut off, in words, with the file and where in it. */
  readonly damage: readonly string[]
}

/** Keeps entries. */
export interface Store {
  /**
   * Hands over what is kept. It may be opened again after it has failed: what was appended and not saved is gone then.
   * @throws XmppError `PUBSUB_STORE` when it cannot be used: the system says why
   */
  open(user: StoreUser): Promise<StoreReport>
  /** Takes an entry, which is saved soon. It never throws: what it cannot take makes `saved()` reject. */
  append(entry: Entry): void
  /**
   * Resolves when all that was appended before is there for good, whatever becomes of process and machine.
   * @throws XmppError `PUBSUB_STORE` when it could not be saved; then nothing more is taken before it is opened again
   */
  saved(): Promise<void>
  /** Saves what was appended, and lets go of everything; an `open()` that is under way is seen to its end first. */
  close(): Promise<void>
}

/** Keeps nothing beyond the process. */
export const memoryStore: Store = {
  open: async () => ({ entries: 0, bytes: 0, damage: [] }),
  append: () => {},
  saved: async () => {},
  close: async () => {},
}
