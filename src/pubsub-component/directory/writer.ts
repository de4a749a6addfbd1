import type { XmppError } from '../../errors.ts'
import type { Log } from './directory.ts'
import { storeError } from './files.ts'
import { pieces } from './lines.ts'

/**
 * Writes texts to a log, in their order: whatever has come while the last write and sync ran goes out with the next one. After something has failed it takes nothing
 * more.
 */
export class LogWriter {
  readonly #onSaved: () => void
  readonly #buffer: Buffer
  #log: Log
  #failure: XmppError | undefined
  #pending: string[] = []
  /** How many texts have come, and how many of them are there for good. */
  #appended = 0
  #saved = 0
  #waiting: { readonly upTo: number; readonly deferred: Deferred<void> }[] = []
  #next: { readonly log: Log; readonly deferred: Deferred<Log> } | undefined
  #running = false
  /** Resolves when it has nothing more to do. */
  #end = Promise.resolve()

  /**
   * @param piece bytes that are written at once
   * @param onSaved is called whenever something has been saved
   */
  constructor(log: Log, piece: number, onSaved: () => void) {
    this.#log = log
    this.#buffer = Buffer.allocUnsafe(piece)
    this.#onSaved = onSaved
  }

  /** Where the next text goes. Its size is that of what has been saved. */
  get log(): Log {
    return this.#log
  }

  /** Why nothing more is taken. */
  get failure(): XmppError | undefined {
    return this.#failure
  }

  append(text: string): void {
    if (this.#failure !== undefined) return
    this.#appended++
    this.#pending.push(text)
    if (this.#running) return
    this.#running = true
    // What comes in the same turn of the event loop shares a sync.
    this.#end = new Promise(resolve => setImmediate(() => resolve(this.#run())))
  }

  /** Resolves when all that has come so far is there for good. */
  saved(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#saved === this.#appended) return Promise.resolve()
    const last = this.#waiting.at(-1)
    if (last?.upTo === this.#appended) return last.deferred.promise
    const deferred = defer<void>()
    this.#waiting.push({ upTo: this.#appended, deferred })
    return deferred.promise
  }

  /**
   * Goes on in another log as soon as what is being written has been saved.
   * @returns the log so far, to which nothing more is written
   */
  switchTo(log: Log): Promise<Log> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const deferred = defer<Log>()
    this.#next = { log, deferred }
    if (!this.#running) this.#switch()
    return deferred.promise
  }

  /** Takes nothing more; what is being written is seen to its end. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return
    const failure = storeError('write', this.#log.file.path, error)
    this.#failure = failure
    this.#pending = []
    for (const { deferred } of this.#waiting) deferred.reject(failure)
    this.#waiting = []
    this.#next?.deferred.reject(failure)
    this.#next = undefined
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.#end
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#switch()
      if (this.#pending.length === 0) break
      const group = this.#pending
      const upTo = this.#appended
      this.#pending = []
      try {
        await this.#write(group)
      } catch (error) {
        this.fail(error)
      }
      if (this.#failure !== undefined) break
      this.#saved = upTo
      const later = this.#waiting.findIndex(waiting => waiting.upTo > upTo)
      const settled = this.#waiting.splice(0, later < 0 ? this.#waiting.length : later)
      for (const { deferred } of settled) deferred.resolve()
      this.#onSaved()
    }
    this.#running = false
  }

  async #write(group: readonly string[]): Promise<void> {
    const log = this.#log
    let size = log.size
    for (const piece of pieces(group, this.#buffer)) size += await log.file.write(piece, size)
    await log.file.datasync()
    log.size = size
  }

  #switch(): void {
    if (this.#next === undefined) return
    const { log, deferred } = this.#next
    const before = this.#log
    this.#next = undefined
    this.#log = log
    deferred.resolve(before)
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: XmppError) => void
}

function defer<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (error: XmppError) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
