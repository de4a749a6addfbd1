import { askControl, defaultControlPath } from './control.ts'
import { type Io, UsageError } from './io.ts'

export const rxUsage = `Usage: res-xmpp rx [--control SOCKET] [--json] COMMAND…

Runs a console command in the running daemon. 'res-xmpp rx help' shows the commands.
Exit: the command's own (0 when it worked); 3 when no daemon answers.
`

/** `res-xmpp rx`. Everything from the first word of the command on is the command's, whatever it looks like. */
export async function rx(argv: readonly string[], io: Io): Promise<number> {
  let control = defaultControlPath(io.env)
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
  try {
    const { exit, out, err } = await askControl(control, { argv: command, json })
    io.stdout(out)
    io.stderr(err)
    return exit
  } catch (error) {
    io.stderr(
      `res-xmpp: no daemon answers at ${control} (${(error as Error).message}); is it running, and is this its --control?\n`,
    )
    return 3
  }
}
