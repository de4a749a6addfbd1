import { dirname, resolve } from 'node:path'
import { XmppError } from '../../errors.ts'
import { codeOf, type FileSystem, type OpenFile, storeError } from './files.ts'
import { headerOf, type Kind, nameOf, UNFINISHED } from './format.ts'
import { pieces } from './lines.ts'

/** What of ours is in a directory; numbers are generations, lowest first. */
export interface Listing {
  readonly logs: readonly number[]
  readonly snapshots: readonly number[]
  /** Names of what was being written when a process ended. */
  readonly unfinished: readonly string[]
  /** Names of copies of what was damaged. */
  readonly copies: readonly string[]
  /** The highest number of anything, 0 when there is nothing. */
  readonly highest: number
}

/** A directory for a store's files. All that fails throws an XmppError `PUBSUB_STORE` with the path in it. */
export class Directory {
  readonly path: string
  /** Bytes that are read or written at once. */
  readonly piece: number
  readonly #files: FileSystem

  /** @param path of a directory in one that exists */
  constructor(path: string, files: FileSystem, piece: number) {
    this.path = path === '' ? '' : resolve(path)
    this.piece = piece
    this.#files = files
  }

  pathOf(name: string): string {
    return `${this.path}/${name}`
  }

  /** Makes the directory when it is not there, and sees that it is one. */
  async make(): Promise<void> {
    if (this.path === '') throw new XmppError('PUBSUB_STORE', 'the path of the directory to keep things in is empty')
    const parent = dirname(this.path)
    try {
      await this.#files.mkdir(this.path, { mode: 0o700 })
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return void (await this.list())
      const missing = codeOf(error) === 'ENOENT' ? `make the directory ${parent} first` : undefined
      throw storeError('make the directory', this.path, error, missing)
    }
    try {
      await this.#syncAt(parent)
    } catch (error) {
      // Who may make something there need not be allowed to read it.
      if (codeOf(error) !== 'EACCES') throw storeError('write', parent, error)
    }
  }

  async list(): Promise<Listing> {
    const found = await this.#try('read', this.path, () => this.#files.readdir(this.path, { withFileTypes: true }))
    const numbers: Record<Kind, number[]> = { log: [], snapshot: [] }
    const unfinished: string[] = []
    const copies: string[] = []
    let highest = 0
    for (const entry of found) {
      const [, kind, digits, rest = ''] = ours.exec(entry.name) ?? []
      if (kind === undefined) continue
      // A number is taken even when what bears it is none of our files.
      highest = Math.max(highest, Number(digits))
      if (!entry.isFile()) continue
      if (rest === '') numbers[kind as Kind].push(Number(digits))
      else if (rest.endsWith(UNFINISHED)) unfinished.push(entry.name)
      else copies.push(entry.name)
    }
    const sorted = (some: number[]): number[] => some.sort((one, other) => one - other)
    return { logs: sorted(numbers.log), snapshots: sorted(numbers.snapshot), unfinished, copies, highest }
  }

  async open(name: string, flags: 'r' | 'r+'): Promise<StoredFile> {
    const path = this.pathOf(name)
    return new StoredFile(path, await this.#try('open', path, () => this.#files.open(path, flags)))
  }

  /** Makes a file that is not there yet. */
  async create(name: string): Promise<StoredFile> {
    const path = this.pathOf(name)
    return new StoredFile(path, await this.#try('make', path, () => this.#files.open(path, 'wx', 0o600)))
  }

  /** Makes a log with nothing but its first line in it. It is there for good, or not at all. */
  async createLog(generation: number): Promise<Log> {
    const name = nameOf('log', generation)
    const file = await this.create(name)
    try {
      const size = await this.begin(file)
      await this.sync()
      return { name, file, size }
    } catch (error) {
      await this.discard(name, file)
      throw error
    }
  }

  /**
   * Writes the first line of a log that is empty.
   * @returns its bytes
   */
  async begin(file: StoredFile): Promise<number> {
    let size = 0
    for (const piece of pieces([headerOf('log')], Buffer.allocUnsafe(256))) size += await file.write(piece, size)
    await file.datasync()
    return size
  }

  async rename(from: string, to: string): Promise<void> {
    const path = this.pathOf(from)
    await this.#try('rename', path, () => this.#files.rename(path, this.pathOf(to)))
  }

  /** Removes a file, if it is there. */
  async remove(name: string): Promise<void> {
    const path = this.pathOf(name)
    try {
      await this.#files.unlink(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw storeError('remove', path, error)
    }
  }

  /** Closes and removes what could not be finished. That it goes wrong once more is not told: the next `open` clears up. */
  async discard(name: string, file: StoredFile): Promise<void> {
    await file.close()
    await this.remove(name).catch(() => {})
  }

  /** Makes sure that what was made, renamed and removed stays so. */
  async sync(): Promise<void> {
    await this.#try('write', this.path, () => this.#syncAt(this.path))
  }

  async #syncAt(path: string): Promise<void> {
    const file = await this.#files.open(path, 'r')
    try {
      await file.sync()
    } catch (error) {
      // Some file systems cannot do that with a directory, and need not.
      if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOTSUP') throw error
    } finally {
      await file.close()
    }
  }

  async #try<T>(doing: string, path: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      throw storeError(doing, path, error)
    }
  }
}

/** A log that is written to. */
export interface Log {
  readonly name: string
  readonly file: StoredFile
  /** Bytes that are there for good. */
  size: number
}

/** One file of a directory. All that fails throws an XmppError `PUBSUB_STORE` with the path in it. */
export class StoredFile {
  readonly path: string
  readonly #file: OpenFile

  constructor(path: string, file: OpenFile) {
    this.path = path
    this.#file = file
  }

  async read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return (await this.#try('read', () => this.#file.read(buffer, offset, length, position))).bytesRead
  }

  /**
   * Writes all of it at that offset of the file.
   * @returns its bytes
   */
  async write(bytes: Uint8Array, position: number): Promise<number> {
    let done = 0
    while (done < bytes.length) {
      const left = bytes.length - done
      const from = done
      const { bytesWritten } = await this.#try('write', () => this.#file.write(bytes, from, left, position + from))
      if (bytesWritten === 0) throw storeError('write', this.path, new Error('the system takes nothing'))
      done += bytesWritten
    }
    return bytes.length
  }

  async size(): Promise<number> {
    return (await this.#try('read', () => this.#file.stat())).size
  }

  async truncate(size: number): Promise<void> {
    await this.#try('shorten', () => this.#file.truncate(size))
  }

  async datasync(): Promise<void> {
    await this.#try('write', () => this.#file.datasync())
  }

  async sync(): Promise<void> {
    await this.#try('write', () => this.#file.sync())
  }

  /** What was to be kept was synced before, so whatever it says is of no interest. */
  async close(): Promise<void> {
    await this.#file.close().catch(() => {})
  }

  async #try<T>(doing: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      throw storeError(doing, this.path, error)
    }
  }
}

const ours = /^(log|snapshot)-([1-9]\d{0,14})((?:\.damaged(?:-\d+)?)?(?:\.tmp)?)$/
