import { parseArgs } from 'node:util'
import { describeAccount, describeGeneral, formatProblem, loadConfig } from '../config/index.ts'
import { printable } from '../printable.ts'
import { files, usualConfig } from './files.ts'
import { type Io, UsageError } from './io.ts'
import { usualConfigs } from './places.ts'

/** What `res-xmpp check --help` prints. */
export const checkUsage = `Usage: res-xmpp check [-c] [FILE] [--print]

Reports everything wrong with an xmpp.conf as FILE:LINE: …
  -c, --config FILE   the file (default: ${usualConfigs.join(', else ')})
      --print         also prints the settings in effect, secrets masked
Exit: 0 when there is no error, 1 when there is one.
`

/** `res-xmpp check`. */
export async function check(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { config: { type: 'string', short: 'c' }, print: { type: 'boolean', default: false } },
  })
  const named = [...(values.config === undefined ? [] : [values.config]), ...positionals]
  if (named.length > 1) throw new UsageError('one file at a time')
  const path = named[0] ?? usualConfig()
  const { accounts, general, problems, fatal } = loadConfig(path, files)
  for (const problem of problems) io.stdout(`${printable(formatProblem(problem))}\n`)
  if (values.print) {
    io.stdout(`[general]\n${lines(describeGeneral(general))}`)
    for (const account of accounts) io.stdout(`\n[${printable(account.name)}]\n${lines(describeAccount(account))}`)
  }
  const errors = problems.filter(({ severity }) => severity === 'error').length
  if (problems.length === 0 && !values.print) {
    const count = accounts.length === 1 ? '1 account' : `${accounts.length} accounts`
    io.stdout(`${path}: ${count}, nothing wrong\n`)
  }
  return errors > 0 || fatal ? 1 : 0
}

function lines(options: readonly (readonly [string, string])[]): string {
  return options.map(([name, value]) => `${name} = ${printable(value)}\n`).join('')
}
