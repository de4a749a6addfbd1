import { parseArgs } from 'node:util'
import {
  describeAccount,
  describeGeneral,
  foldName,
  formatProblem,
  type LoadedConfig,
  loadConfig,
  type Problem,
  readDialect,
  type Section,
  showAccount,
} from '../config/index.ts'
import { printable, printableJson } from '../printable.ts'
import { files, filesAndPrograms, usualConfig } from './files.ts'
import { type Io, UsageError } from './io.ts'
import { usualConfigs } from './places.ts'

/** What `res-xmpp check --help` prints. */
export const checkUsage = `Usage: res-xmpp check [-c] [FILE] [--print] [--json] [--syntax-only] [--execincludes] [--roster ACCOUNT]

Reports everything wrong with an xmpp.conf as FILE:LINE: …
  -c, --config FILE   the file (default: ${usualConfigs.join(', else ')})
      --print         also prints the settings in effect, secrets masked
      --json          prints {"problems": […]} instead, with --print also "sections", the file as it is read, and "accounts", the settings in effect;
                      secrets are masked in "accounts" only: "sections" is for comparing, and has them as they are in the file
      --syntax-only   looks at nothing but the syntax, of any file of Asterisk's; what --print then shows is the file as it is read,
                      secrets included
      --execincludes  runs what the file says with #exec
      --roster ACCOUNT
                      logs in beside the daemon and shows whom autoprune would remove from the roster; nothing is changed
Exit: 0 when there is no error, 1 when there is one, 2 for options that make no sense.
`

/** `res-xmpp check`. */
export async function check(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      config: { type: 'string', short: 'c' },
      print: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      'syntax-only': { type: 'boolean', default: false },
      execincludes: { type: 'boolean', default: false },
      roster: { type: 'string' },
    },
  })
  const named = [...(values.config === undefined ? [] : [values.config]), ...positionals]
  if (named.length > 1) throw new UsageError('one file at a time')
  const { roster, json } = values
  if (roster !== undefined && (values.print || values['syntax-only']))
    throw new UsageError('--roster goes with no --print and no --syntax-only')
  const path = named[0] ?? usualConfig()
  const source = values.execincludes ? filesAndPrograms : files
  if (roster !== undefined) return showRoster(loadConfig(path, source, { env: io.env }), roster, json, io)
  const config: Checked = values['syntax-only'] ? readDialect(path, source) : loadConfig(path, source, { env: io.env })
  if (json)
    io.stdout(`${printableJson(values.print ? everything(config) : { problems: config.problems.map(plain) })}\n`)
  else io.stdout(text(config, path, values.print))
  return config.problems.some(({ severity }) => severity === 'error') ? 1 : 0
}

async function showRoster(config: LoadedConfig, name: string, json: boolean, io: Io): Promise<number> {
  const errors = config.problems.filter(({ severity }) => severity === 'error')
  for (const problem of errors) io.stderr(`${printable(formatProblem(problem))}\n`)
  const account = config.accounts.find(each => foldName(each.name) === foldName(name))
  if (account === undefined) {
    const error = `there is no account ${name}${errors.length > 0 ? ' without an error' : ''}`
    io.stderr(`res-xmpp: ${printable(error)}\n`)
    if (json) io.stdout(`${printableJson({ account: name, error })}\n`)
    return 1
  }
  // It connects, which no other check does.
  const { checkRoster } = await import('./check-roster.ts')
  return checkRoster(account, json, io)
}

/** Of a file whose syntax alone is looked at there is no more than its sections. */
type Checked = { readonly sections: readonly Section[]; readonly problems: readonly Problem[] } & Partial<
  Pick<LoadedConfig, 'accounts' | 'general'>
>

function text({ sections, accounts, general, problems }: Checked, path: string, print: boolean): string {
  const lines = problems.map(problem => `${printable(formatProblem(problem))}\n`)
  if (print && accounts === undefined) lines.push(sections.map(section).join('\n'))
  if (print && general !== undefined) lines.push(`[general]\n${settings(describeGeneral(general))}`)
  if (print)
    for (const account of accounts ?? [])
      lines.push(`\n[${printable(account.name)}]\n${settings(describeAccount(account))}`)
  if (!print && problems.length === 0) {
    const [count, word] = accounts === undefined ? [sections.length, 'section'] : [accounts.length, 'account']
    lines.push(`${printable(path)}: ${count} ${word}${count === 1 ? '' : 's'}, nothing wrong\n`)
  }
  return lines.join('')
}

function section({ name, template, entries }: Section): string {
  return `[${printable(name)}]${template ? '(!)' : ''}\n${settings(entries.map(({ name, value }) => [printable(name), value]))}`
}

function settings(options: readonly (readonly [string, string])[]): string {
  return options.map(([name, value]) => `${name} = ${printable(value)}\n`).join('')
}

function everything({ sections, accounts = [], problems }: Checked): object {
  return {
    sections: sections.map(({ name, template, entries }) => ({
      name,
      template,
      entries: entries.map(({ name, value, file, line }) => [name, value, file, line]),
    })),
    accounts: Object.fromEntries(accounts.map(account => [account.name, Object.fromEntries(showAccount(account))])),
    problems: problems.map(plain),
  }
}

/** Every key is always there. */
function plain({ severity, code, file, line, section = null, option = null, message }: Nullable<Problem>): object {
  return { severity, code, file, line, section, option, message }
}

type Nullable<T> = { readonly [Key in keyof T]: T[Key] | null }
