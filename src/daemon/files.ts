import { spawnSync } from 'node:child_process'
import { closeSync, constants, existsSync, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { expandGlob, type FileSource } from '../config/index.ts'
import { usualConfigs } from './places.ts'

/** Configuration files from the disk; `#exec` runs nothing. */
export const files: FileSource = {
  read(path) {
    try {
      return readRegular(path)
    } catch {
      return undefined
    }
  },
  whyNot(path) {
    try {
      readRegular(path)
      return undefined
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException
      return reasons[code] ?? message
    }
  },
  mode(path) {
    try {
      return statSync(path).mode & 0o777
    } catch {
      return undefined
    }
  },
  glob: pattern => expandGlob(pattern, list),
}

/** The same; `#exec` runs what it says, as Asterisk does with `execincludes=yes`. */
export const filesAndPrograms: FileSource = { ...files, exec: command => runProgram(command) }

/**
 * What a shell command prints. The shell and all it has started have gone when it returns. What it says of errors is not shown: that may be a secret.
 * @param time ms it may take
 */
export function runProgram(command: string, time = COMMAND_TIME): ReturnType<NonNullable<FileSource['exec']>> {
  // A process group of its own: what the shell has started can hold on to nothing of ours.
  const { pid, error, status, signal, stdout, stderr } = spawnSync('/bin/sh', ['-c', command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: time,
    killSignal: 'SIGKILL',
    maxBuffer: COMMAND_OUTPUT,
    detached: true,
  } as Parameters<typeof spawnSync>[2])
  endGroup(pid)
  const { code } = (error ?? {}) as NodeJS.ErrnoException
  if (code === 'ETIMEDOUT') return { failure: `it has not ended after ${time / 1000} s` }
  if (code === 'ENOBUFS') return { failure: `it prints more than ${COMMAND_OUTPUT} bytes` }
  if (error !== undefined) return { failure: error.message }
  if (signal !== null) return { failure: `it was ended by ${signal}` }
  const failed = status === 0 ? undefined : `it has failed with exit code ${status}${exits[status ?? 0] ?? ''}`
  const notes = [
    ...(stderr.length === 0 ? [] : [`it has written ${stderr.length} bytes to its standard error, which are not read`]),
    ...(stdout.length > 0 ? [] : ['it has printed nothing']),
  ]
  return { output: stdout as Buffer, error: failed, warning: notes.length === 0 ? undefined : notes.join('; ') }
}

/** ms that a command of `#exec` may take. */
const COMMAND_TIME = 10_000
/** Bytes that it may print. */
const COMMAND_OUTPUT = 1_048_576

const exits: Record<number, string> = {
  126: ', which a shell gives for what it may not run',
  127: ', which a shell gives for what it does not find',
}

function endGroup(pid: number): void {
  try {
    if (pid > 0) process.kill(-pid, 'SIGKILL')
  } catch {
    // There is nobody left in it, as there should be.
  }
}

/** As Asterisk does, it reads nothing but regular files: others may have no end, or wait for somebody to write. */
function readRegular(path: string): Uint8Array {
  const { O_RDONLY, O_NONBLOCK } = constants
  const file = openSync(path, O_RDONLY | O_NONBLOCK)
  try {
    const stat = fstatSync(file)
    if (stat.isFile()) return readFileSync(file)
    throw Object.assign(new Error('it is no regular file'), { code: stat.isDirectory() ? 'EISDIR' : '' })
  } finally {
    closeSync(file)
  }
}

const reasons: Record<string, string | undefined> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/** The configuration file to use when none is named. */
export function usualConfig(): string {
  return usualConfigs.find(path => existsSync(path)) ?? usualConfigs[0]
}
