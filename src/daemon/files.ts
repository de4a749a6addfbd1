import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { expandGlob, type FileSource } from '../config/index.ts'
import { usualConfigs } from './places.ts'

/** Configuration files from the disk. */
export const files: FileSource = {
  read(path) {
    try {
      return readFileSync(path)
    } catch {
      return undefined
    }
  },
  whyNot(path) {
    try {
      readFileSync(path)
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

/** ms that a command of `#exec` may take, and the bytes that it may print. */
const EXEC_TIME = 10_000
const EXEC_BYTES = 1_048_576

/** Configuration files from the disk that may run programs, as Asterisk's do with `execincludes=yes`. */
export const filesWithExec: FileSource = {
  ...files,
  exec(command) {
    // As Asterisk does it: by the shell, and what goes to standard error counts too.
    const options = { timeout: EXEC_TIME, maxBuffer: EXEC_BYTES, stdio: ['ignore', 'pipe', 'pipe'] as const }
    const { error, status, signal, stdout } = spawnSync('/bin/sh', ['-c', `exec 2>&1\n${command}`], {
      ...options,
      stdio: [...options.stdio],
      killSignal: 'SIGKILL',
    })
    const { code } = (error ?? {}) as NodeJS.ErrnoException
    if (code === 'ETIMEDOUT') return { error: `it was not done within ${EXEC_TIME / 1000} s` }
    if (code === 'ENOBUFS') return { error: `it printed more than ${EXEC_BYTES} bytes` }
    if (error !== undefined) return { error: error.message }
    if (signal !== null) return { error: `it was ended by ${signal}` }
    const warning =
      status === 0 ? {} : { warning: `"${command}" ended with status ${status}: is what it printed all of it?` }
    return { output: stdout, ...warning }
  },
}
