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
      return 'it is there now'
    } catch (error) {
      return (error as Error).message
    }
  },
  glob: pattern => expandGlob(pattern, list),
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/** Asterisk's places for the file: xmpp.conf, or its old name. */
const usual = ['/etc/asterisk/xmpp.conf', '/etc/asterisk/jabber.conf']

/** The configuration file to use when none is named. */
export function usualConfig(): string {
  return usual.find(path => existsSync(path)) ?? (usual[0] as string)
}

/** Where the daemon's own settings are looked for when none are named. */
export const usualSettings = '/etc/res-xmpp.conf'
