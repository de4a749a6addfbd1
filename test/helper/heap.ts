import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

// tap starts test files without V8's flags.
setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** Bytes in use once everything that nobody holds is gone. */
export function heap(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
