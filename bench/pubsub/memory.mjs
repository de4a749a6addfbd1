import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const file = fileURLToPath(new URL('engine.mjs', import.meta.url))

/** What nodes and subscriptions take, in a fresh process. */
export async function memory(_, parameters) {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', file, JSON.stringify(parameters)])
  return JSON.parse(stdout)
}
