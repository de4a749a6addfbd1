import { dirname } from 'node:path'
import type { FileSystem, OpenFile } from '../../src/pubsub-component/directory/files.ts'
import { Random } from '../helper/random.ts'

/** One call of the file system. */
export interface Operation {
  readonly kind:
    | 'open'
    | 'mkdir'
    | 'readdir'
    | 'rename'
    | 'unlink'
    | 'read'
    | 'write'
    | 'stat'
    | 'truncate'
    | 'datasync'
    | 'sync'
  readonly path: string
  /** Of a write. */
  readonly bytes?: number
}

/** What is left when a machine has stopped: all that was done; only what was synced; files that are longer than what was written to them; anything between. */
export type Left = 'all' | 'synced' | 'zeros' | 'some'

class Inode {
  readonly directory: boolean
  data: Buffer = Buffer.alloc(0)
  synced: Buffer = Buffer.alloc(0)

  constructor(directory = false) {
    this.directory = directory
  }
}

type Names = Map<string, Inode>

/**
 * A file system in memory which knows what has been synced, stops at a given operation, and does other harm. A write that it stops in is half done.
 */
export class MemoryFiles implements FileSystem {
  /** All calls so far. */
  readonly operations: Operation[] = []
  /** Resolves when it has stopped. */
  readonly stopped: Promise<void>
  /** How many operations it does before it stops. */
  stopAfter = Number.POSITIVE_INFINITY
  /** The error for an operation, if it is to fail; a write is half done then. */
  fault: (operation: Operation, index: number) => string | undefined = () => undefined
  /** Is awaited before each operation. */
  before: (operation: Operation) => Promise<void> | void = () => {}
  readonly #names: Names
  readonly #syncedNames: Names
  /** Names as they were after each change since the directory was synced. */
  #steps: Names[] = []
  #stop: () => void = () => {}

  constructor(names: Names = new Map([['/', new Inode(true)]])) {
    this.#names = names
    this.#syncedNames = new Map(names)
    this.stopped = new Promise(resolve => {
      this.#stop = resolve
    })
  }

  /** A file system that has these files in a directory. */
  static of(directory: string, files: Readonly<Record<string, Uint8Array | string>>): MemoryFiles {
    const names: Names = new Map([
      ['/', new Inode(true)],
      [directory, new Inode(true)],
    ])
    for (const [name, content] of Object.entries(files)) {
      const inode = new Inode()
      inode.data = inode.synced = Buffer.from(content)
      names.set(`${directory}/${name}`, inode)
    }
    return new MemoryFiles(names)
  }

  /** The next operation that fits is reached, and held until it is let go. */
  hold(fits: (operation: Operation) => boolean): { reached: Promise<void>; go: () => void } {
    let go = (): void => {}
    const gate = new Promise<void>(resolve => {
      go = resolve
    })
    const reached = new Promise<void>(resolve => {
      this.before = operation => {
        if (!fits(operation)) return
        this.before = () => {}
        resolve()
        return gate
      }
    })
    return { reached, go }
  }

  /** What is in a directory's files. */
  files(directory: string): Record<string, Buffer> {
    const found = [...this.#names].filter(([path, inode]) => !inode.directory && dirname(path) === directory)
    return Object.fromEntries(found.map(([path, { data }]) => [path.slice(directory.length + 1), data]))
  }

  /** The file system with which the machine starts again. */
  left(how: Left, random = new Random(1)): MemoryFiles {
    const names =
      how === 'synced'
        ? this.#syncedNames
        : how === 'some'
          ? random.pick([this.#syncedNames, ...this.#steps])
          : this.#names
    const copy: Names = new Map()
    for (const [path, inode] of names) {
      // Without its directory a file is nowhere.
      if (path !== '/' && !names.has(dirname(path))) continue
      const then = new Inode(inode.directory)
      then.data = then.synced = contentOf(inode, how, random)
      copy.set(path, then)
    }
    return new MemoryFiles(copy)
  }

  open(path: string, flags: string): Promise<OpenFile> {
    return this.#do({ kind: 'open', path }, () => {
      const found = this.#names.get(path)
      if (flags === 'wx') {
        if (found !== undefined) throw failure('EEXIST', path)
        const inode = new Inode()
        this.#change(() => this.#names.set(path, inode))
        return this.#handle(path, inode)
      }
      if (found === undefined) throw failure('ENOENT', path)
      return this.#handle(path, found)
    })
  }

  mkdir(path: string): Promise<void> {
    return this.#do({ kind: 'mkdir', path }, () => {
      if (this.#names.has(path)) throw failure('EEXIST', path)
      if (!this.#names.has(dirname(path))) throw failure('ENOENT', path)
      this.#change(() => this.#names.set(path, new Inode(true)))
    })
  }

  readdir(path: string): Promise<{ name: string; isFile(): boolean }[]> {
    return this.#do({ kind: 'readdir', path }, () =>
      [...this.#names]
        .filter(([each]) => each !== '/' && dirname(each) === path)
        .map(([each, { directory }]) => ({ name: each.slice(path.length + 1), isFile: () => !directory })),
    )
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do({ kind: 'rename', path: from }, () => {
      const inode = this.#names.get(from)
      if (inode === undefined) throw failure('ENOENT', from)
      this.#change(() => this.#names.set(to, inode).delete(from))
    })
  }

  unlink(path: string): Promise<void> {
    return this.#do({ kind: 'unlink', path }, () => {
      if (!this.#names.has(path)) throw failure('ENOENT', path)
      this.#change(() => this.#names.delete(path))
    })
  }

  #change(change: () => void): void {
    change()
    this.#steps.push(new Map(this.#names))
  }

  #handle(path: string, inode: Inode): OpenFile {
    const sync = (): void => {
      inode.synced = inode.data
      if (!inode.directory) return
      for (const names of [this.#names, this.#syncedNames])
        for (const each of [...names.keys()].filter(each => dirname(each) === path)) {
          const now = this.#names.get(each)
          if (now === undefined) this.#syncedNames.delete(each)
          else this.#syncedNames.set(each, now)
        }
      this.#steps = []
    }
    const write = (bytes: Uint8Array, position: number): void => {
      const data = Buffer.alloc(Math.max(inode.data.length, position + bytes.length))
      inode.data.copy(data)
      data.set(bytes, position)
      inode.data = data
    }
    return {
      read: (buffer, offset, length, position) =>
        this.#do({ kind: 'read', path }, () => {
          const bytes = inode.data.subarray(position, position + length)
          buffer.set(bytes, offset)
          return { bytesRead: bytes.length }
        }),
      write: (buffer, offset, length, position) => {
        const half = (): void => write(buffer.subarray(offset, offset + (length >> 1)), position)
        return this.#do(
          { kind: 'write', path, bytes: length },
          () => {
            write(buffer.subarray(offset, offset + length), position)
            return { bytesWritten: length }
          },
          half,
        )
      },
      stat: () => this.#do({ kind: 'stat', path }, () => ({ size: inode.data.length })),
      truncate: length =>
        this.#do({ kind: 'truncate', path }, () => {
          inode.data = Buffer.from(inode.data.subarray(0, length))
        }),
      datasync: () => this.#do({ kind: 'datasync', path }, sync),
      sync: () => this.#do({ kind: 'sync', path }, sync),
      close: async () => {},
    }
  }

  async #do<T>(operation: Operation, act: () => T, half: () => void = () => {}): Promise<T> {
    const index = this.operations.push(operation) - 1
    await this.before(operation)
    if (index >= this.stopAfter) {
      if (index === this.stopAfter) half()
      this.#stop()
      return await new Promise<never>(() => {})
    }
    const code = this.fault(operation, index)
    if (code !== undefined) {
      half()
      throw failure(code, operation.path)
    }
    return act()
  }
}

function contentOf({ data, synced }: Inode, how: Left, random: Random): Buffer {
  if (how === 'all' || data === synced) return data
  if (how === 'synced') return synced
  // Blocks that never came to the disk are zeros.
  const some = Buffer.alloc(how === 'zeros' ? data.length : random.under(data.length + 1))
  synced.copy(some)
  if (how === 'some')
    for (let at = synced.length; at < some.length; at += BLOCK)
      if (random.chance(0.6)) data.copy(some, at, at, at + BLOCK)
  return some.length < synced.length && data.length >= synced.length ? synced : some
}

const BLOCK = 16

const words: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on device',
  EIO: 'i/o error',
  EROFS: 'read-only file system',
  EACCES: 'permission denied',
}

function failure(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${words[code] ?? 'failed'}, call '${path}'`), { code })
}
