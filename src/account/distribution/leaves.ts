import type { Clock } from '../../clock.ts'
import { detached } from '../../detached.ts'
import { StanzaError } from '../../errors.ts'
import type { Session } from '../../session.ts'
import { namesOf } from './history.ts'
import { kindOf } from './nodes.ts'
import { forEach } from './some.ts'

/** What a search needs. */
export interface LeavesHost {
  readonly clock: Clock
  readonly session: () => Session | undefined
  /** Reads a leaf, and subscribes to it where it has to be. @returns whether states of PBXes are in it */
  readonly enter: (session: Session, leaf: string) => Promise<boolean>
  /** Whether there is anything to search for; not any more once collections tell of their leaves. */
  readonly searched: () => boolean
}

/** ms between two searches, with few nodes and with many. */
const PERIOD = 30_000
const LONG_PERIOD = 300_000
/** Nodes from which on they are many, and that are looked at in all. */
const MANY = 2000
const MOST = 20_000
/** How often it is believed of a node that it is a leaf, if there is nothing in it. */
const MOST_TOLD = 3

/** The nodes of single devices and mailboxes at a service. Where there are no collections nobody tells of new ones, and they are searched for. */
export class Leaves {
  readonly #service: string
  readonly #host: LeavesHost
  readonly #known = new Set<string>()
  /** Nodes of somebody else's, or in which nothing is yet: looked at again, but not each time. */
  readonly #others = new Map<string, number>()
  /** Told of, and not entered yet. */
  readonly #told = new Set<string>()
  #entering = false
  #searching = false
  #searches = 0
  #cancel: (() => void) | undefined

  constructor(service: string, host: LeavesHost) {
    this.#service = service
    this.#host = host
  }

  get names(): readonly string[] {
    return [...this.#known]
  }

  has(leaf: string): boolean {
    return this.#known.has(leaf)
  }

  /**
   * Enters all that are there.
   * @param collections where they are; without them it looks among all nodes of the service, again and again
   * @param own which should be there, and are looked at first
   * @param onOwn these have been looked at
   * @throws what asking for them throws
   */
  async search(
    session: Session,
    collections: readonly string[] | undefined,
    own: readonly string[] = [],
    onOwn: () => void = () => {},
  ): Promise<void> {
    this.stop()
    // Whoever comes anew has missed something: that one of them is there no more, for instance.
    const before = this.names
    this.#known.clear()
    this.#others.clear()
    await this.#enterNew(session, own)
    onOwn()
    if (collections === undefined) return this.#searchAll(session, before)
    for (const collection of collections)
      await this.#enterNew(session, await namesOf(session, this.#service, collection))
    await this.#enterNew(session, [...new Set(before)])
  }

  /** There is such a leaf, or is said to be. */
  found(leaf: string): void {
    const tried = this.#others.get(leaf) ?? 0
    if (this.#known.has(leaf) || tried >= MOST_TOLD || this.#told.size >= MOST) return
    this.#told.add(detached(leaf))
    void this.#enterTold()
  }

  /** Those that were told of, some at a time however many they are. */
  async #enterTold(): Promise<void> {
    if (this.#entering) return
    this.#entering = true
    try {
      for (;;) {
        const session = this.#host.session()
        const leaves = [...this.#told]
        if (session === undefined || leaves.length === 0) return
        await forEach(leaves, async leaf => {
          await this.#enter(session, leaf)
          this.#told.delete(leaf)
        })
      }
    } catch {
      // Its session has ended, and goes on or is followed by one that searches.
    } finally {
      this.#entering = false
    }
  }

  /** The session goes on after its connection was lost: what has come since and before is entered, and new ones are searched for as before. */
  resume(session: Session): void {
    void this.#enterTold()
    if (!this.#searching && this.#cancel === undefined && this.#host.searched()) this.#again(session, PERIOD)
  }

  gone(leaf: string): void {
    this.#known.delete(leaf)
    this.#others.delete(leaf)
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  async #searchAll(session: Session, before: readonly string[] = []): Promise<void> {
    let count = MANY
    this.#searching = true
    try {
      const names = await namesOf(session, this.#service)
      count = names.length
      const there = new Set(names)
      for (const name of [...this.#others.keys()]) if (!there.has(name)) this.#others.delete(name)
      this.#searches++
      await this.#enterNew(session, [...new Set([...names, ...before])])
    } finally {
      this.#searching = false
      // Its session may be over, or be that no longer.
      if (session === this.#host.session() && this.#host.searched())
        this.#again(session, count < MANY ? PERIOD : LONG_PERIOD)
    }
  }

  #again(session: Session, ms: number): void {
    this.#cancel = this.#host.clock.after(ms, () => {
      this.#cancel = undefined
      if (!this.#host.searched()) return
      this.#searchAll(session).catch(() => {
        // What is not answered now is asked again, by this session or the next.
      })
    })
  }

  async #enterNew(session: Session, names: readonly string[]): Promise<void> {
    const unknown = names.filter(name => !this.#known.has(name) && kindOf(name) === undefined && this.#isDue(name))
    await forEach(unknown, name => this.#enter(session, name))
  }

  /** What was nothing of ours is looked at again after 1, 2, 4 … searches. */
  #isDue(name: string): boolean {
    const times = this.#others.get(name) ?? 0
    return times === 0 || this.#searches % 2 ** Math.min(times, 10) === 0
  }

  async #enter(session: Session, leaf: string): Promise<void> {
    if (this.#known.has(leaf) || this.#known.size + this.#others.size >= MOST) return
    const name = detached(leaf)
    this.#known.add(name)
    let ours = false
    try {
      ours = await this.#host.enter(session, name)
    } catch (error) {
      if (!(error instanceof StanzaError)) {
        this.#known.delete(name)
        throw error
      }
    }
    if (ours) {
      this.#others.delete(name)
      return
    }
    this.#known.delete(name)
    this.#others.set(name, (this.#others.get(name) ?? 0) + 1)
  }
}
