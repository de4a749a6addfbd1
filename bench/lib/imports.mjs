import { execFileSync } from 'node:child_process'

const report =
  'const { user, system } = process.cpuUsage(); process.stdout.write(JSON.stringify({ cpuMs: (user + system) / 1e3, rssMB: process.memoryUsage().rss / 2 ** 20 }))'

/** What a process takes that imports one module, or none, and ends. */
function start(module) {
  const code = module === undefined ? report : `await import(${JSON.stringify(module)}); ${report}`
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }))
}

/**
 * Starts a process with each of the modules in turn, and one without any, so many times over.
 * @returns by module, what it takes in each of the starts beyond the process with nothing in the same turn
 */
export function imports(modules, starts) {
  const extra = new Map(modules.map(module => [module, []]))
  start()
  for (let turn = 0; turn < starts; turn++) {
    const bare = start()
    for (const [module, all] of extra) {
      const { cpuMs, rssMB } = start(module)
      all.push({ cpuMs: cpuMs - bare.cpuMs, rssMB: rssMB - bare.rssMB })
    }
  }
  return extra
}
