import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { Waiters } from '../helper/waiters.ts'

const bin = fileURLToPath(new URL('../../bin/res-xmpp.js', import.meta.url))
if (!existsSync(new URL('../../dist/daemon/main.js', import.meta.url))) throw new Error('run `npm run build` first')

/** How a program has ended, and all it wrote. */
export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** A program that runs, and what it has written so far. */
export interface Program {
  readonly child: ChildProcessWithoutNullStreams
  readonly err: string
  readonly out: string
  /** Resolves with the first line on stderr that fits and was not returned before. */
  line(pattern: RegExp): Promise<string>
  /** Waits until stderr, of which there is more, is as wanted; fails when the program ends without. */
  until(fits: (err: string) => boolean, what: string, ms?: number): Promise<void>
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
  const waiters = new Waiters()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
    waiters.wake()
  })
  const finished = new Promise<Finished>(resolve => {
    child.on('close', (code, signal) => {
      resolve({ code, signal, out, err })
      waiters.wake()
    })
  })
  const wait = <T>(look: () => T | undefined, what: string, ms = 10_000): Promise<T> =>
    waiters.until(
      () => {
        const found = look()
        const over = child.exitCode !== null || child.signalCode !== null
        if (found === undefined && over) throw new Error(`${err}\nno ${what}: it ended with ${child.exitCode}`)
        return found
      },
      () => `${err}\nno ${what}`,
      ms,
    )
  const nextLine = (pattern: RegExp): string | undefined => {
    for (let end = err.indexOf('\n', from); end >= 0; end = err.indexOf('\n', from)) {
      const text = err.slice(from, end)
      from = end + 1
      if (pattern.test(text)) return text
    }
    return undefined
  }
  return {
    child,
    line: pattern => wait(() => nextLine(pattern), `line ${pattern}`),
    until: async (fits, what, ms) => void (await wait(() => fits(err) || undefined, what, ms)),
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
