/** XEP-0115 Entity Capabilities, version 1.6.0, §8.2: answers that are kept. */
import { detached } from '../detached.ts'
import type { DiscoInfo } from './0030-disco.ts'
import type { AnnouncedCaps } from './0115-caps.ts'
import { isKnownHash, verified, weightOf } from './0115-verification.ts'

/** How much is kept. */
export interface InfoLimits {
  /** Default 1000. */
  readonly entries: number
  /** Bytes of memory, about. Default 8 MiB. */
  readonly bytes: number
}

/** Answers by whatever one knows them by. What has not been asked for longest goes first when there is no more room. */
export class InfoStore<K> {
  readonly #limits: InfoLimits
  /** The one that was asked for last is last. */
  readonly #entries = new Map<K, { readonly info: DiscoInfo; readonly weight: number }>()
  #bytes = 0

  constructor({ entries = 1000, bytes = 8_388_608 }: Partial<InfoLimits> = {}) {
    this.#limits = { entries, bytes }
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: K): DiscoInfo | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.info
  }

  set(key: K, info: DiscoInfo): void {
    this.#delete(key)
    const weight = weightOf(info)
    this.#entries.set(key, { info, weight })
    this.#bytes += weight
    for (const [oldest] of this.#entries) {
      if (this.#entries.size <= this.#limits.entries && this.#bytes <= this.#limits.bytes) return
      this.#delete(oldest)
    }
  }

  #delete(key: K): void {
    this.#bytes -= this.#entries.get(key)?.weight ?? 0
    this.#entries.delete(key)
  }
}

/**
 * What verification strings stand for, whoever announces them. It takes only what it has verified, so nobody can put anything into it for
 * others than those who can do just that (§9.3). One is enough for all sessions of a program.
 */
export class CapsCache {
  readonly #infos: InfoStore<string>

  constructor(limits: Partial<InfoLimits> = {}) {
    this.#infos = new InfoStore(limits)
  }

  /** How many there are. */
  get size(): number {
    return this.#infos.size
  }

  /** What whoever announces this can do; undefined when that is not known. */
  get({ hash, ver }: AnnouncedCaps): DiscoInfo | undefined {
    return isKnownHash(hash) ? this.#infos.get(keyOf(hash, ver)) : undefined
  }

  /** Takes the answer of somebody who announces this. Returns what is kept of it; undefined when that is nothing, as it was not verified. */
  take({ hash, ver }: AnnouncedCaps, answer: DiscoInfo): DiscoInfo | undefined {
    const info = hash === undefined ? undefined : verified(answer, hash, ver)
    if (info !== undefined) this.#infos.set(detached(keyOf(hash as string, ver)), info)
    return info
  }
}

/** Names of hash functions have no blanks. */
function keyOf(hash: string, ver: string): string {
  return `${hash} ${ver}`
}
