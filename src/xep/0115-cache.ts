import type { Clock } from '../clock.ts'
import type { Session } from '../session.ts'
import { Turns } from '../turns.ts'
import { type DiscoInfo, discoInfo } from './0030-disco.ts'
import { type Announced, isKnownHash, isVerified } from './0115-caps.ts'

/** What someone can do. */
export interface Capabilities {
  readonly info: DiscoInfo
  /** It is what was announced by its hash. If not, it is what this one JID says of itself, and holds for no other. */
  readonly verified: boolean
}

/** How much is kept and asked. */
export interface CapsLimits {
  /** Capabilities that are kept, each for all who have them. Default 1000. */
  readonly entries: number
  /** Bytes of an answer; of a larger one nothing is kept. Default 16,384. */
  readonly bytes: number
  /** Who is waiting for an answer. Default 2000; whoever comes then has to announce its capabilities again. */
  readonly waiting: number
}

const defaults: CapsLimits = { entries: 1000, bytes: 16_384, waiting: 2000 }

/** ms an answer may take before another one is asked who has announced the same. */
const PATIENCE = 3000
/** Questions of one session at one time; who does not answer keeps its place no longer than {@link PATIENCE}. */
const QUESTIONS = 10

/** Who has announced something, and by whom it may be asked what that is. */
interface Candidate {
  readonly session: Session
  readonly jid: string
  readonly from: string | undefined
  readonly announced: Announced
  readonly resolve: (found: Capabilities | undefined) => void
}

/**
 * Capabilities by their hashes (XEP-0115 §5.4, §6.4), for all accounts of a program. Each hash is looked up once; what has not been checked against its
 * hash is never told of anyone but who has said it.
 */
export class CapsCache {
  readonly #limits: CapsLimits
  /** By algorithm and hash; what was used last stands last. */
  readonly #known = new Map<string, DiscoInfo>()
  readonly #lookups = new Map<string, Lookup>()
  readonly #turns = new WeakMap<Session, Turns>()
  #waiting = 0

  constructor(limits: Partial<CapsLimits> = {}) {
    this.#limits = { ...defaults, ...limits }
  }

  /** How many are known. */
  get size(): number {
    return this.#known.size
  }

  /** What is known of a hash already. */
  get(announced: Announced): DiscoInfo | undefined {
    const key = keyOf(announced)
    const info = key === undefined ? undefined : this.#known.get(key)
    if (key !== undefined && info !== undefined) {
      this.#known.delete(key)
      this.#known.set(key, info)
    }
    return info
  }

  /**
   * What someone can do who has announced it with its presence. Known already, or asked: this one, or another one who has announced the same. Undefined when nobody
   * tells. Never rejects.
   * @param jid who has sent the presence: a prepared full JID
   * @param from for a component: which of its addresses asks
   */
  find(session: Session, jid: string, announced: Announced, from?: string): Promise<Capabilities | undefined> {
    const info = this.get(announced)
    if (info !== undefined) return Promise.resolve({ info, verified: true })
    if (this.#waiting >= this.#limits.waiting) return Promise.resolve(undefined)
    this.#waiting++
    const found = new Promise<Capabilities | undefined>(resolve => {
      const candidate = { session, jid, from, announced, resolve }
      // Without a hash that can be checked there is nothing that two of them share.
      const key = keyOf(announced) ?? `${jid} ${announced.node}#${announced.ver}`
      const lookup =
        this.#lookups.get(key) ??
        new Lookup(
          each => this.#ask(each),
          () => this.#lookups.delete(key),
        )
      this.#lookups.set(key, lookup)
      lookup.add(candidate)
    })
    return found.finally(() => this.#waiting--)
  }

  async #ask({ session, jid, from, announced }: Candidate): Promise<Capabilities | undefined> {
    if (!session.stream.writable) return undefined
    const turns = this.#turns.get(session) ?? new Turns(session.clock, QUESTIONS, PATIENCE)
    this.#turns.set(session, turns)
    const done = await turns.take()
    try {
      // It may have been lost while others had their turns.
      if (!session.stream.writable) return undefined
      const node = `${announced.node}#${announced.ver}`
      const info = await discoInfo(session, jid, { node, ...(from === undefined ? {} : { from }) })
      if (sizeOf(info) > this.#limits.bytes) return undefined
      const verified = isVerified(info, announced)
      const key = keyOf(announced)
      if (verified && key !== undefined) this.#keep(key, info)
      return { info, verified }
    } finally {
      done()
    }
  }

  #keep(key: string, info: DiscoInfo): void {
    this.#known.set(key, info)
    const [oldest] = this.#known.keys()
    if (this.#known.size > this.#limits.entries && oldest !== undefined) this.#known.delete(oldest)
  }
}

/** One hash that is being looked up, and all who have announced it. */
class Lookup {
  readonly #ask: (candidate: Candidate) => Promise<Capabilities | undefined>
  readonly #onEnd: () => void
  /** Not asked yet. */
  readonly #waiting: Candidate[] = []
  readonly #asked = new Set<Candidate>()
  /** Someone has been asked, and has time left to answer. */
  #patient = false

  constructor(ask: (candidate: Candidate) => Promise<Capabilities | undefined>, onEnd: () => void) {
    this.#ask = ask
    this.#onEnd = onEnd
  }

  add(candidate: Candidate): void {
    this.#waiting.push(candidate)
    this.#next()
  }

  #next(): void {
    if (this.#patient) return
    const candidate = this.#waiting.shift()
    if (candidate === undefined) {
      if (this.#asked.size === 0) this.#onEnd()
      return
    }
    this.#patient = true
    this.#asked.add(candidate)
    const impatient = once(() => {
      this.#patient = false
      this.#next()
    })
    const cancel = clockOf(candidate).after(PATIENCE, impatient)
    this.#ask(candidate)
      .catch(() => undefined)
      .then(found => {
        cancel()
        // Another one may have answered for it meanwhile.
        if (this.#asked.delete(candidate)) candidate.resolve(found)
        if (found?.verified) this.#settle(found)
        impatient()
        // The last to answer may have had no patience left.
        this.#next()
      })
  }

  /** All have announced the same, so they can do the same. */
  #settle(found: Capabilities): void {
    const others = [...this.#asked, ...this.#waiting]
    this.#asked.clear()
    this.#waiting.length = 0
    for (const { resolve } of others) resolve(found)
  }
}

function once(fn: () => void): () => void {
  let done = false
  return () => {
    if (!done) fn()
    done = true
  }
}

const clockOf = ({ session }: Candidate): Clock => session.clock

/** Undefined where the hash cannot be checked. */
function keyOf({ hash, ver }: Announced): string | undefined {
  return isKnownHash(hash) && ver !== '' ? `${hash} ${ver}` : undefined
}

function sizeOf({ identities, features, forms }: DiscoInfo): number {
  const texts = [
    ...identities.flatMap(({ category, type, lang, name }) => [category, type, lang, name]),
    ...features,
    ...forms.flatMap(({ types = [], fields }) => [
      ...types,
      ...fields.flatMap(({ name, values }) => [name, ...values]),
    ]),
  ]
  // Each is at least a pointer.
  return texts.reduce((size, text) => size + 8 + Buffer.byteLength(text), 0)
}
