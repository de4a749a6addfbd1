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
