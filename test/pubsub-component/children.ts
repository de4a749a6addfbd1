import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import type { Test } from 'tap'
import { place } from './keeper.ts'

/** A process with a store, and what it has said. */
export interface Child {
  readonly process: ChildProcess
  readonly said: readonly string[]
  /** Resolves when it has said so many lines that begin so, or is over. */
  says(start: string, times?: number): Promise<void>
  /** Resolves when it is over, and all it has said is here. */
  readonly over: Promise<void>
}

/** Makes a program of one file, which starts in no time, and starts it with these arguments. All are killed when the test is over. */
export function childMaker(t: Test): (...args: readonly string[]) => Child {
  const program = join(place(t), '..', 'child.mjs')
  const source = fileURLToPath(new URL('directory-child.ts', import.meta.url))
  buildSync({ entryPoints: [source], outfile: program, bundle: true, platform: 'node', format: 'esm' })
  return (...args) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    const said: string[] = []
    const waiting = new Set<() => void>()
    const look = (): void => {
      for (const each of [...waiting]) each()
    }
    let rest = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const found = (rest + text).split('\n')
      rest = found.pop() ?? ''
      said.push(...found)
      look()
    })
    let ended = false
    const over = new Promise<void>(resolve => {
      child.on('close', () => {
        ended = true
        look()
        resolve()
      })
    })
    t.teardown(() => child.kill('SIGKILL'))
    const says = (start: string, times = 1): Promise<void> =>
      new Promise(resolve => {
        const check = (): void => {
          if (!ended && said.filter(line => line.startsWith(start)).length < times) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      })
    return { process: child, said, says, over }
  }
}
