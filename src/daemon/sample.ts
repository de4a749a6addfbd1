import { parseArgs } from 'node:util'
import { sampleConfig } from '../config/index.ts'
import type { Io } from './io.ts'

/** What `res-xmpp sample --help` prints. */
export const sampleUsage = `Usage: res-xmpp sample

Prints an xmpp.conf to begin with: every option, what it means and its default, commented out.
`

/** `res-xmpp sample`. */
export async function sample(argv: readonly string[], io: Io): Promise<number> {
  parseArgs({ args: [...argv], options: {} })
  io.stdout(sampleConfig())
  return 0
}
