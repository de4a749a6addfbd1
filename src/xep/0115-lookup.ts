/** XEP-0115 Entity Capabilities, version 1.6.0, §5.4 and §6.2: asking what an announcement stands for. */
import { detached } from '../detached.ts'
import { bareJid, prepareJid } from '../jid.ts'
import type { Session } from '../session.ts'
import { type DiscoInfo, discoInfo } from './0030-disco.ts'
import { CapsCache } from './0115-cache.ts'
import type { AnnouncedCaps } from './0115-caps.ts'
import { isKnownHash, unverified } from './0115-verification.ts'

/** What somebody is and can do. */
export interface Capabilities {
  readonly info: DiscoInfo
  /** It is what was announced, by whomever. If not, it is what one JID has told of itself: the hash did not fit, or there is none to check. */
  readonly verified: boolean
}

/** Who announces something, and how it is asked. */
export interface CapsLookupOptions {
  /** For a component: which of its addresses asks. Default its domain. */
  readonly from?: string | undefined
}

/** Questions of one session that are waited for. One that is not answered in PATIENCE ms no longer counts. */
const MAX_ASKED = 10
/** The same, of one account's (bare JID) resources. */
const MAX_ASKED_OF_ONE = 2
/** Announcements of one session that are being looked up or wait for that. */
const MAX_WAITING = 1000
/** The same, of one account. */
const MAX_WAITING_OF_ONE = 20
/** Hashes that one account may have looked up in WINDOW ms: it may announce another one with every presence. */
const MAX_STARTED_BY_ONE = 10
const WINDOW = 60_000
/** Accounts that are counted so; beyond them nobody begins one. */
const MAX_STARTING = 10_000
/** How many of those who announce the same are asked before one of them answers or has kept silent for TIMEOUT ms. */
const MAX_ASKED_FOR_ONE = 5
/** ms after which somebody else who announces the same is asked, and somebody else's turn is come. */
const PATIENCE = 3000
/** ms after which nobody waits for an answer any more. */
const TIMEOUT = 20_000

/**
 * Looks up what others announce: one question for each hash, however many announce it in however many sessions. While whom it asks says
 * nothing, or is found not to tell the truth, others who announce the same are asked; nobody's silence holds up another hash.
 */
export class CapsLookup {
  readonly cache: CapsCache
  readonly #searches = new Map<string, Search>()
  readonly #desks = new WeakMap<Session, Desk>()

  constructor(cache: CapsCache = new CapsCache()) {
    this.cache = cache
  }

  /**
   * What somebody who is `announced` so is and can do. Undefined when nobody tells, the session has ended, or too much is being looked up
   * already: a later presence is another chance. It never rejects.
   * @param jid of whom the presence is, full as it came: only that one is asked
   */
  lookup(
    session: Session,
    jid: string,
    announced: AnnouncedCaps,
    { from }: CapsLookupOptions = {},
  ): Promise<Capabilities | undefined> {
    const known = this.cache.get(announced)
    if (known !== undefined) return Promise.resolve({ info: known, verified: true })
    const prepared = prepareJid(jid)
    const { node, ver, hash } = announced
    if (prepared === undefined || node === '' || ver === '') return Promise.resolve(undefined)
    return new Promise(resolve => {
      // What no hash vouches for is looked up for each one alone.
      const key = isKnownHash(hash) ? `${hash} ${ver}` : `of ${prepared}`
      const search = this.#searches.get(key) ?? new Search(key)
      const desk = this.#deskOf(session)
      const bare = detached(bareJid(prepared))
      if (!desk.admits(bare, !this.#searches.has(key))) return resolve(undefined)
      this.#searches.set(key, search)
      search.waiting.add(new Waiter(desk, search, prepared, bare, announced, from, resolve))
      this.#nominate(search)
    })
  }

  #deskOf(session: Session): Desk {
    const desk = this.#desks.get(session) ?? new Desk(session)
    this.#desks.set(session, desk)
    return desk
  }

  /** Unless somebody is being asked, or is in line for that, somebody else is. */
  #nominate(search: Search): void {
    if (search.turn !== undefined || search.asked.size >= MAX_ASKED_FOR_ONE) return
    const next = search.next()
    if (next === undefined) {
      if (search.asked.size === 0) this.#drop(search)
      return
    }
    search.turn = next
    search.tried.add(next.bare)
    search.waiting.delete(next)
    next.desk.line.add(next)
    this.#serve(next.desk)
  }

  /** Asks those in line as far as there is room. */
  #serve(desk: Desk): void {
    for (const waiter of desk.line) {
      if (desk.asked.size >= MAX_ASKED) return
      if (desk.askedOf(waiter.bare) >= MAX_ASKED_OF_ONE) continue
      desk.line.delete(waiter)
      this.#ask(waiter)
    }
  }

  #ask(waiter: Waiter): void {
    const { desk, search, jid, announced, from } = waiter
    const { session } = desk
    desk.asked.add(waiter)
    search.asked.add(waiter)
    const makeRoom = (): void => {
      cancel()
      if (search.turn === waiter) search.turn = undefined
      if (desk.asked.delete(waiter)) this.#serve(desk)
    }
    const cancel = session.clock.after(PATIENCE, () => {
      makeRoom()
      this.#nominate(search)
    })
    // A version of the legacy format names but a part of what its software can do; asked about no node it tells all.
    const node = announced.hash === undefined ? undefined : `${announced.node}#${announced.ver}`
    discoInfo(session, jid, { node, timeout: TIMEOUT, ...(from !== undefined && { from }) })
      .then(
        answer => this.#judge(waiter, answer),
        // Whatever it was, this one does not tell.
        () => undefined,
      )
      .then(found => {
        search.asked.delete(waiter)
        makeRoom()
        if (found?.verified === true) this.#found(search, found)
        waiter.done(found)
        if (this.#searches.get(search.key) === search) this.#nominate(search)
      })
  }

  #judge({ announced }: Waiter, answer: DiscoInfo): Capabilities | undefined {
    const info = this.cache.take(announced, answer)
    if (info !== undefined) return { info, verified: true }
    const own = unverified(answer)
    return own && { info: own, verified: false }
  }

  #found(search: Search, found: Capabilities): void {
    this.#drop(search)
    const { turn } = search
    turn?.desk.line.delete(turn)
    for (const waiter of [...search.waiting, ...search.asked, ...(turn ? [turn] : [])]) waiter.done(found)
    search.waiting.clear()
  }

  #drop(search: Search): void {
    if (this.#searches.get(search.key) === search) this.#searches.delete(search.key)
  }
}

/** Somebody who has announced something, of which it is not known what it stands for. */
class Waiter {
  readonly desk: Desk
  readonly search: Search
  readonly jid: string
  readonly bare: string
  readonly announced: AnnouncedCaps
  readonly from: string | undefined
  readonly #resolve: (found: Capabilities | undefined) => void
  #done = false

  constructor(
    desk: Desk,
    search: Search,
    jid: string,
    bare: string,
    announced: AnnouncedCaps,
    from: string | undefined,
    resolve: (found: Capabilities | undefined) => void,
  ) {
    this.desk = desk
    this.search = search
    this.jid = jid
    this.bare = bare
    this.announced = announced
    this.from = from
    this.#resolve = resolve
    desk.comes(bare)
  }

  /** Only the first time counts. */
  done(found: Capabilities | undefined): void {
    if (this.#done) return
    this.#done = true
    this.desk.goes(this.bare)
    this.#resolve(found)
  }
}

/** Those who announce one and the same. */
class Search {
  readonly key: string
  /** Not asked yet, in the order in which they came. */
  readonly waiting = new Set<Waiter>()
  /** Whose answer is still of interest. */
  readonly asked = new Set<Waiter>()
  /** Accounts (bare JIDs) of which one was asked. */
  readonly tried = new Set<string>()
  /** Who is in line for being asked, or was asked just now. */
  turn: Waiter | undefined

  constructor(key: string) {
    this.key = key
  }

  /** Who should be asked next: somebody of an account that was not asked yet, whose silence tells nothing of others; then anybody. */
  next(): Waiter | undefined {
    let other: Waiter | undefined
    for (const waiter of this.waiting) {
      if (!this.tried.has(waiter.bare)) return waiter
      other ??= waiter
    }
    return this.asked.size === 0 ? other : undefined
  }
}

/** What is asked in one session. */
class Desk {
  readonly session: Session
  /** Who is to be asked when there is room. */
  readonly line = new Set<Waiter>()
  /** Who was asked just now. */
  readonly asked = new Set<Waiter>()
  #waiting = 0
  readonly #waitingOf = new Map<string, number>()
  /** Searches begun for each account since then. */
  #startedOf = new Map<string, number>()
  #since = Number.NEGATIVE_INFINITY

  constructor(session: Session) {
    this.session = session
  }

  /** How many of an account's were asked just now. */
  askedOf(bare: string): number {
    let count = 0
    for (const waiter of this.asked) if (waiter.bare === bare) count++
    return count
  }

  /** Whether one more may wait, and begin a search if that needs to be begun. */
  admits(bare: string, begins: boolean): boolean {
    const now = this.session.clock.now()
    if (now - this.#since >= WINDOW) {
      this.#since = now
      this.#startedOf = new Map()
    }
    const started = this.#startedOf.get(bare) ?? 0
    const room = this.#waiting < MAX_WAITING && (this.#waitingOf.get(bare) ?? 0) < MAX_WAITING_OF_ONE
    if (!room) return false
    if (!begins) return true
    if (started >= MAX_STARTED_BY_ONE || this.#startedOf.size >= MAX_STARTING) return false
    this.#startedOf.set(bare, started + 1)
    return true
  }

  comes(bare: string): void {
    this.#waiting++
    this.#waitingOf.set(bare, (this.#waitingOf.get(bare) ?? 0) + 1)
  }

  goes(bare: string): void {
    this.#waiting--
    const left = (this.#waitingOf.get(bare) ?? 0) - 1
    if (left > 0) this.#waitingOf.set(bare, left)
    else this.#waitingOf.delete(bare)
  }
}
