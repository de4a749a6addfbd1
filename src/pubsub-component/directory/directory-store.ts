import { describe, warn, XmppError } from '../../errors.ts'
import type { Entry, Store, StoreReport, StoreUser } from '../../pubsub/store.ts'
import { compact, removeOlder } from './compaction.ts'
import { readContents } from './contents.ts'
import { cutLog } from './damage.ts'
import { Directory } from './directory.ts'
import { codeOf, type FileSystem, storeError, systemFiles } from './files.ts'
import { textOf } from './format.ts'
import { type Release, takeLock } from './lock.ts'
import { LogWriter } from './writer.ts'

/** Where a store keeps what it is given, and how. */
export interface DirectoryStoreOptions {
  /** A directory that belongs to this store alone. It is made when it is not there, in one that must be. */
  readonly path: string
  /** Bytes that have been appended since the last snapshot before there is another; more, when that was larger. Default 4 MiB. */
  readonly compactBytes?: number
  /** Bytes that are read and written at once. Default 64 KiB. */
  readonly pieceBytes?: number
  /** Is told, in words, of what went wrong and can wait: it is tried again. */
  readonly onTrouble?: (text: string) => void
  /** The system's files, for tests. */
  readonly files?: FileSystem
  /** Takes the directory, for tests; resolves with what lets go of it. */
  readonly lock?: (directory: string) => Promise<Release>
}

/**
 * Keeps entries in a directory: a snapshot of everything as it was once, and logs of what was appended since. What was saved survives the end of process and machine at
 * any moment, and what they leave behind is always read.
 */
export class DirectoryStore implements Store {
  readonly #directory: Directory
  readonly #compactBytes: number
  readonly #onTrouble: (text: string) => void
  readonly #takeLock: (directory: string) => Promise<Release>
  #lock: Release | undefined
  #user: StoreUser | undefined
  #writer: LogWriter | undefined
  /** A log of ours that may have more in it than was saved. */
  #uncut: { readonly name: string; readonly size: number } | undefined
  /** Why nothing can be saved while there is no writer. */
  #closed: XmppError = notOpen()
  /** Opening and closing happen one after the other. */
  #turn: Promise<unknown> = Promise.resolve()
  #compaction: Promise<void> | undefined
  #highest = 0
  #snapshotBytes = 0
  /** Bytes of the logs since the snapshot that were there when it was opened, without the one that was appended to. */
  #olderBytes = 0
  /** Bytes of those and the current log with which a compaction is due. */
  #due = 0

  constructor({ path, compactBytes, pieceBytes, onTrouble, files, lock }: DirectoryStoreOptions) {
    this.#directory = new Directory(path, files ?? systemFiles, pieceBytes ?? 65_536)
    this.#compactBytes = compactBytes ?? 4 * 1_048_576
    this.#onTrouble = onTrouble ?? (() => {})
    this.#takeLock = lock ?? takeLock
  }

  /**
   * Reads what there is. What is damaged refuses nothing: it is left out, and is in the report.
   * @throws XmppError `PUBSUB_STORE` when another process has the directory, when it was written by a newer version, when the system does not let us, or when `restore` throws
   */
  open(user: StoreUser): Promise<StoreReport> {
    return this.#inTurn(() => this.#open(user))
  }

  append(entry: Entry): void {
    const writer = this.#writer
    if (writer === undefined || writer.failure !== undefined) return
    try {
      writer.append(textOf(entry))
    } catch (error) {
      // What cannot be kept must not be thought to be.
      writer.fail(error)
    }
  }

  saved(): Promise<void> {
    return this.#writer?.saved() ?? Promise.reject(this.#closed)
  }

  /**
   * Saves what was appended, and lets go of the directory.
   * @throws XmppError `PUBSUB_STORE` when it could not be saved; the directory is free nevertheless
   */
  close(): Promise<void> {
    return this.#inTurn(() => this.#close())
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act)
    this.#turn = done.catch(() => {})
    return done
  }

  async #open(user: StoreUser): Promise<StoreReport> {
    const { path, piece } = this.#directory
    if (this.#writer !== undefined && this.#writer.failure === undefined)
      throw new XmppError('PUBSUB_STORE', `the store in ${path} is open already`)
    await this.#end(this.#writer)
    try {
      await this.#directory.make()
      this.#lock ??= await this.#takeLock(path)
      await this.#cut()
      const contents = await readContents(this.#directory, user.restore, this.#tell)
      this.#user = user
      this.#highest = contents.highest
      this.#snapshotBytes = contents.snapshotBytes
      this.#olderBytes = contents.olderBytes
      this.#due = contents.worn ? 0 : this.#threshold()
      this.#writer = new LogWriter(contents.log, piece, () => this.#compactWhenDue())
      this.#compactWhenDue()
      return contents.report
    } catch (error) {
      this.#closed = storeError('open', path, error)
      // As long as it is ours, nobody else writes to what is still to be cut off.
      if (this.#uncut === undefined) await this.#release()
      throw this.#closed
    }
  }

  async #close(): Promise<void> {
    const writer = this.#writer
    this.#writer = undefined
    this.#closed = notOpen()
    let failure: unknown
    await writer?.saved().catch(error => {
      failure = error
    })
    await this.#end(writer)
    await this.#cut().catch(() => {})
    this.#uncut = undefined
    await this.#release()
    if (failure !== undefined) throw failure
  }

  /** Ends all that runs. */
  async #end(writer: LogWriter | undefined): Promise<void> {
    this.#writer = undefined
    await this.#compaction
    if (writer === undefined) return
    await writer.idle()
    const { name, file, size } = writer.log
    await file.close()
    if (writer.failure !== undefined) this.#uncut = { name, size }
  }

  /** After a sync that failed nobody can tell what of the rest is there for good. */
  async #cut(): Promise<void> {
    if (this.#uncut === undefined) return
    const { name, size } = this.#uncut
    try {
      await cutLog(this.#directory, name, size)
    } catch (error) {
      if (codeOf((error as Error).cause) !== 'ENOENT') throw error
    }
    this.#uncut = undefined
  }

  async #release(): Promise<void> {
    const release = this.#lock
    this.#lock = undefined
    await release?.()
  }

  #threshold(): number {
    return Math.max(this.#compactBytes, this.#snapshotBytes)
  }

  #logBytes(writer: LogWriter): number {
    return this.#olderBytes + writer.log.size
  }

  #compactWhenDue(): void {
    const [writer, user] = [this.#writer, this.#user]
    if (writer === undefined || user === undefined || this.#compaction !== undefined) return
    if (this.#logBytes(writer) <= this.#due) return
    this.#compaction = this.#compact(writer, user).finally(() => {
      this.#compaction = undefined
    })
  }

  async #compact(writer: LogWriter, user: StoreUser): Promise<void> {
    const stopped = (): boolean => this.#writer !== writer || writer.failure !== undefined
    const directory = this.#directory
    const generation = ++this.#highest
    try {
      const bytes = await compact({ directory, writer, generation, snapshot: user.snapshot, stopped })
      if (bytes === undefined) return
      this.#snapshotBytes = bytes
      this.#olderBytes = 0
      this.#due = this.#threshold()
    } catch (error) {
      if (stopped()) return
      this.#due = this.#logBytes(writer) + this.#compactBytes
      this.#tell(`no snapshot could be made, so the logs grow on until it is tried again: ${describe(error)}`)
      return
    }
    await removeOlder(directory, generation).catch(error => {
      this.#tell(`what is not needed any more could not be removed: ${describe(error)}`)
    })
  }

  readonly #tell = (text: string): void => {
    try {
      this.#onTrouble(text)
    } catch (error) {
      warn(error)
    }
  }
}

const notOpen = (): XmppError => new XmppError('PUBSUB_STORE', 'the store is not open')
