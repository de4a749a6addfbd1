import { existsSync, lstatSync, readFileSync } from 'node:fs'
import type { Settings } from '../config/index.ts'
import { askControl, defaultControlPath } from './control.ts'
import { type Io, UsageError } from './io.ts'
import { usualSettings } from './places.ts'

/** What `res-xmpp rx --help` prints. */
export const rxUsage = `Usage: res-xmpp rx [--control SOCKET] [--json] COMMAND…

Runs a console command in the running daemon. 'res-xmpp rx help' shows the commands.
      --control SOCKET   the daemon's socket (default: what ${usualSettings} names, else
                         $XDG_RUNTIME_DIR/res-xmpp.sock, else /run/res-xmpp/control)
      --json             the answer as JSON, an error as {"error": …}
Exit: the command's own: 0 when it worked, 1 when not, 2 when its words do not fit its usage; 3 when no daemon answers.
`

/** `res-xmpp rx`. Everything from the first word of the command on is the command's, whatever it looks like. */
export async function rx(argv: readonly string[], io: Io): Promise<number> {
  let control: string | undefined
  let json = false
  let at = 0
  for (; argv[at]?.startsWith('-'); at++) {
    const word = argv[at] as string
    if (word === '--json') json = true
    else if (word === '--control' && argv[at + 1] !== undefined) control = argv[++at] as string
    else if (word.startsWith('--control=')) control = word.slice('--control='.length)
    else if (word === '--') {
      at++
      break
    } else throw new UsageError(`rx has no option ${word}, or it lacks its value`)
  }
  const command = argv.slice(at)
  if (command.length === 0) throw new UsageError('rx needs a command')
  const failures: string[] = []
  let forbidden = false
  for (const path of control === undefined ? await usualPlaces(io.env) : [control]) {
    try {
      const { exit, out, err } = await askControl(path, { argv: command, json })
      io.stdout(out)
      io.stderr(err)
      return exit
    } catch (error) {
      // One that was there may have run the command; another must not run it too.
      const { code, syscall } = error as NodeJS.ErrnoException
      const closed = syscall === 'connect' && (code === 'EACCES' || code === 'EPERM')
      forbidden ||= closed
      failures.push(closed ? notOurs(path, code) : `no daemon answers at ${path} (${noAnswer(error as Error)})`)
      if (syscall !== 'connect') break
    }
  }
  io.stderr(`res-xmpp: ${failures.join('; ')}${forbidden ? '' : '; is it running, and what is its --control?'}\n`)
  return 3
}

/** The system's own words would name the path once more. */
function noAnswer({ code = '', message }: NodeJS.ErrnoException): string {
  const words: Record<string, string> = { ENOENT: 'nothing is there', ECONNREFUSED: 'a daemon that was there has gone' }
  return words[code] ?? message
}

/** A socket that another user's daemon has made, or may have made: for its directory may be closed too. */
function notOurs(path: string, code: string): string {
  let owner = ''
  try {
    owner = `, with the id ${lstatSync(path).uid}`
  } catch {
    // Then nobody can tell whose it is.
  }
  return `this user may not talk to the daemon at ${path} (${code}): only its owner may${owner}; run the command as that user`
}

/** Where a daemon that was not told otherwise may be: one of a service manager has another environment than a shell. */
async function usualPlaces(env: NodeJS.ProcessEnv): Promise<string[]> {
  const named = existsSync(usualSettings) ? (await settingsOf(usualSettings)).daemon.control : undefined
  return [...new Set([named ?? defaultControlPath(env), defaultControlPath(env), defaultControlPath({})])]
}

async function settingsOf(file: string): Promise<Settings> {
  const { defaultSettings, parseSettings } = await import('../config/index.ts')
  try {
    return (await parseSettings(readFileSync(file, 'utf8'), file)).settings
  } catch {
    // The settings may be none of this user's business; then they are no help either.
    return defaultSettings()
  }
}
