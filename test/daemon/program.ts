import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

const bin = fileURLToPath(new URL('../../bin/res-xmpp.js', import.meta.url))
if (!existsSync(new URL('../../dist/daemon/main.js', import.meta.url))) throw new Error('run `npm run build` first')

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface Program {
  readonly child: ChildProcessWithoutNullStreams
  readonly err: string
  readonly out: string
  /** Resolves with the first line on stderr that fits and was not returned before. */
  line(pattern: RegExp): Promise<string>
  readonly finished: Promise<Finished>
}

/** Starts `node bin/res-xmpp.js`; it is killed when the test is over. */
export function start(t: Test, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  const { XDG_RUNTIME_DIR: _, JOURNAL_STREAM: __, ...rest } = process.env
  const child = spawn(process.execPath, [bin, ...args], { env: { ...rest, ...env } })
  t.teardown(() => child.kill('SIGKILL'))
  let out = ''
  let err = ''
  let from = 0
  const watchers = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
    for (const watcher of watchers) watcher()
  })
  const finished = new Promise<Finished>(resolve => {
    child.on('close', (code, signal) => {
      resolve({ code, signal, out, err })
      for (const watcher of watchers) watcher()
    })
  })
  const line = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const give = (settle: () => void): void => {
        clearTimeout(timer)
        watchers.delete(look)
        settle()
      }
      const missing = (why: string): void => give(() => reject(new Error(`no line ${pattern}, ${why}:\n${err}`)))
      const timer = setTimeout(() => missing('within 10 s'), 10_000)
      const look = (): void => {
        for (let end = err.indexOf('\n', from); end >= 0; end = err.indexOf('\n', from)) {
          const text = err.slice(from, end)
          from = end + 1
          if (pattern.test(text)) return give(() => resolve(text))
        }
        if (child.exitCode !== null || child.signalCode !== null) missing(`it ended with ${child.exitCode}`)
      }
      watchers.add(look)
      look()
    })
  return {
    child,
    line,
    finished,
    get out() {
      return out
    },
    get err() {
      return err
    },
  }
}

/** Runs it to its end. */
export function run(t: Test, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Finished> {
  const program = start(t, args, env)
  program.child.stdin.end()
  return program.finished
}

/** A directory whose path is short enough for a socket in it; gone when the test is over. */
export function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'rx-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}
