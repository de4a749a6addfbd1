import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expandGlob, type FileSource } from '../config/index.ts'

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

/** Asterisk's places for the file: xmpp.conf, or its old name. */
export const usual = ['/etc/asterisk/xmpp.conf', '/etc/asterisk/jabber.conf']

/** The configuration file to use when none is named. */
export function usualConfig(): string {
  return usual.find(path => existsSync(path)) ?? (usual[0] as string)
}

/** Where the daemon's own settings are looked for when none are named. */
export const usualSettings = '/etc/res-xmpp.conf'
