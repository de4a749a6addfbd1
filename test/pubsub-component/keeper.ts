import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Entry, StoreReport, StoreUser } from '../../src/pubsub/store.ts'
import {
  DirectoryStore as Directory,
  type DirectoryStore,
  type DirectoryStoreOptions,
} from '../../src/pubsub-component/directory/directory-store.ts'
import { pieces } from '../../src/pubsub-component/directory/lines.ts'
import type { MemoryFiles } from './memory-files.ts'

/** Keys that entries are about: a snapshot has an entry for each. */
export const KEYS = 7

/** The entry with that number: two changes, of which there must never be only one. */
export function entry(number: number): Entry {
  const payload = `${'é€😀"\n\\'.repeat(number % 4)}${number}`
  return ['a', 'b'].map(half => ({
    op: 'publish',
    node: `${half}${number % KEYS}`,
    id: `${number}`,
    publisher: 'someone@example.com',
    at: number,
    payload,
  }))
}

/** What follows from entries: for each node the number of the last one. */
export class Keeper implements StoreUser {
  readonly state = new Map<string, number>()
  /** All entries that were restored. */
  readonly restored: Entry[] = []
  /** Is called for each entry of a snapshot before it is handed out. */
  onSnapshot: () => void = () => {}
  /** How many snapshots were read to their end or left. */
  snapshots = 0

  readonly restore = (restored: Entry): void => {
    this.restored.push(restored)
    this.apply(restored)
  }

  apply(changes: Entry): void {
    for (const change of changes) if (change.op === 'publish') this.state.set(change.node, Number(change.id))
  }

  readonly snapshot = function* (this: Keeper): Generator<Entry> {
    try {
      // One node after the other, so that what is appended meanwhile comes between the two halves of an entry.
      for (const [node, number] of this.state) {
        this.onSnapshot()
        yield entry(this.state.get(node) ?? number).filter(change => change.node === node)
      }
    } finally {
      this.snapshots++
    }
  }.bind(this)

  /** The state after the first so many entries. */
  static after(count: number): Map<string, number> {
    const keeper = new Keeper()
    for (let number = 1; number <= count; number++) keeper.apply(entry(number))
    return keeper.state
  }

  /** How many entries make this state; undefined when no number does. */
  count(): number | undefined {
    const count = Math.max(0, ...this.state.values())
    return same(Keeper.after(count), this.state) ? count : undefined
  }
}

function same(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value)
}

/** Opens a store without a lock, and lets its user have what it keeps. */
export async function opened(
  options: DirectoryStoreOptions,
): Promise<{ store: DirectoryStore; keeper: Keeper; report: StoreReport }> {
  const store = new Directory({ lock: async () => async () => {}, ...options })
  const keeper = new Keeper()
  return { store, keeper, report: await store.open(keeper) }
}

/** Where stores in memory are. */
export const DIR = '/d'

/** A store in memory that is open. */
export const inMemory = (files: MemoryFiles, options: Partial<DirectoryStoreOptions> = {}) =>
  opened({ path: DIR, files, ...options })

/** A directory that is not there yet, in one that goes when the test is over. */
export function place(t: Test): string {
  const made = mkdtempSync(join(tmpdir(), 'res-xmpp-store-'))
  t.teardown(() => rmSync(made, { recursive: true, force: true }))
  return join(made, 'store')
}

/** Lines as the store writes them. */
export function lines(...values: unknown[]): string {
  const texts = values.map(value => JSON.stringify(value))
  return Array.from(pieces(texts, Buffer.alloc(64)), String).join('')
}

export const header = (kind: string, version = 1) => ({ format: `res-xmpp pubsub ${kind}`, version })

export const entries = (from: number, to: number): Entry[] =>
  Array.from({ length: to - from + 1 }, (_, index) => entry(from + index))
