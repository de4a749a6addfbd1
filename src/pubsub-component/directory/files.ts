/** What the store asks of the system, small enough for a test to bring its own; and what it says when the system will not. */
import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { XmppError } from '../../errors.ts'

/** An open file. Offsets and lengths are bytes. */
export interface OpenFile {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
  /** May write less than all. */
  write(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>
  stat(): Promise<{ readonly size: number }>
  truncate(length: number): Promise<void>
  datasync(): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}

/** As in `node:fs/promises`. A directory is opened only for its `sync` and `close`. */
export interface FileSystem {
  open(path: string, flags: string, mode?: number): Promise<OpenFile>
  mkdir(path: string, options: { readonly mode: number }): Promise<unknown>
  readdir(
    path: string,
    options: { readonly withFileTypes: true },
  ): Promise<readonly { readonly name: string; isFile(): boolean }[]>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
}

/** The system's own. */
export const systemFiles: FileSystem = { open, mkdir, readdir, rename, unlink }

/** The error for something that the system would not do: what, where, why, and what helps. An error of ours stays as it is. */
export function storeError(doing: string, path: string, error: unknown, advice?: string): XmppError {
  if (error instanceof XmppError) return error
  const code = codeOf(error)
  const help = advice ?? (code === undefined ? undefined : advices[code])
  return new XmppError(
    'PUBSUB_STORE',
    `cannot ${doing} ${path}: ${why(error)}${help === undefined ? '' : `; ${help}`}`,
    {
      cause: error,
    },
  )
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
}

const advices: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on that file system',
  EDQUOT: 'make room there, or raise the quota of its user',
  EROFS: 'mount that file system for writing, or use another directory',
  EACCES: 'let the user of this process read and write there',
  EPERM: 'let the user of this process read and write there',
  ENOENT: 'something else seems to have removed it; leave that directory to this process',
  ENOTDIR: 'use a path that leads to a directory',
  ELOOP: 'use a path that leads to a directory',
  ENAMETOOLONG: 'use a shorter path',
  EIO: 'the disk may be failing; see the log of the kernel',
  EMFILE: 'let this process open more files',
  ENFILE: 'let this system open more files',
}

/** Node's `ENOSPC: no space left on device, write` without the call, and with the code behind. */
function why(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const [, code, words] = /^(?:listen |connect )?(E[A-Z0-9]+): (.+?)(?:,.*| \/.*)?$/.exec(error.message) ?? []
  return code === undefined ? error.message : `${words} (${code})`
}
