import { VERSION } from '../version.ts'
import { type Io, UsageError } from './io.ts'

/** The subcommands; each is loaded when it is called, so that `rx` does not wait for the daemon's parts. */
const subcommands: Record<string, () => Promise<{ run: (argv: string[], io: Io) => Promise<number>; usage: string }>> =
  {
    run: async () => import('./run.ts').then(({ run, runUsage }) => ({ run, usage: runUsage })),
    rx: async () => import('./rx.ts').then(({ rx, rxUsage }) => ({ run: rx, usage: rxUsage })),
    pubsub: async () => import('./pubsub.ts').then(({ pubsub, pubsubUsage }) => ({ run: pubsub, usage: pubsubUsage })),
    check: async () => import('./check.ts').then(({ check, checkUsage }) => ({ run: check, usage: checkUsage })),
    sample: async () => import('./sample.ts').then(({ sample, sampleUsage }) => ({ run: sample, usage: sampleUsage })),
    loopback: async () =>
      import('./loopback.ts').then(({ loopback, loopbackUsage }) => ({ run: loopback, usage: loopbackUsage })),
  }

const usage = `Usage: res-xmpp COMMAND …

  run        runs the accounts of an xmpp.conf
  pubsub     runs a PubSub service with collection nodes, for any XMPP server
  rx         runs a console command in the running daemon
  check      reports what is wrong with an xmpp.conf
  sample     prints an xmpp.conf with every option
  loopback   runs a small XMPP server for trying things out
  --version, --help; 'res-xmpp COMMAND --help' tells more
`

/** ms after which another signal ends what a first one should have ended by then. */
const PATIENCE = 5000

const code = await main(process.argv.slice(2))
// What a slow reader of a pipe has not taken yet would be lost.
await new Promise<void>(resolve => process.stdout.write('', () => resolve()))
process.exit(code)

async function main([name = '--help', ...argv]: string[]): Promise<number> {
  const io = processIo()
  if (name === '--version') io.stdout(`${VERSION}\n`)
  if (name === '--help' || name === 'help') io.stdout(usage)
  if (name === '--version' || name === '--help' || name === 'help') return 0
  if (!Object.hasOwn(subcommands, name)) {
    io.stderr(`res-xmpp: there is no command ${name}\n${usage}`)
    return 2
  }
  const subcommand = await subcommands[name]?.()
  if (subcommand === undefined) return 2
  // What stands behind `rx` is a console command, which may hold any word.
  const asked = name === 'rx' ? argv.slice(0, 1) : argv
  if (asked.includes('--help') || asked.includes('-h')) {
    io.stdout(subcommand.usage)
    return 0
  }
  try {
    return await subcommand.run(argv, io)
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (!(error instanceof UsageError) && !code?.startsWith('ERR_PARSE_ARGS')) throw error
    io.stderr(`res-xmpp ${name}: ${message}\n${subcommand.usage}`)
    return 2
  }
}

/** The process's own streams and signals. */
function processIo(): Io {
  let controller: AbortController | undefined
  // A reader that has gone, of a pipe or of a terminal, must not bring the daemon down.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  return {
    stdout: text => void process.stdout.write(text),
    stderr: text => void process.stderr.write(text),
    env: process.env,
    // Only a command that asks for the signal outlives Ctrl-C; the others are ended by it as usual.
    get signal() {
      if (controller !== undefined) return controller.signal
      const made = new AbortController()
      let first: number | undefined
      const end = (_: string, number: number): void => {
        first ??= performance.now()
        made.abort()
        // A wrapper may send the same one twice. Whoever sends another later has had enough of waiting.
        if (performance.now() - first > PATIENCE) process.exit(128 + number)
      }
      for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, end)
      controller = made
      return made.signal
    },
    onHangup: fn => void process.on('SIGHUP', fn),
  }
}
