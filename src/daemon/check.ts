import { parseArgs } from 'node:util'
import {
  describeAccount,
  describeGeneral,
  describeValues,
  foldName,
  formatProblem,
  type LoadedConfig,
  loadConfig,
  type Problem,
  readDialect,
  type Section,
} from '../config/index.ts'
import { printable, printableJson } from '../printable.ts'
import { files, filesWithExec, usualConfig } from './files.ts'
import { type Io, UsageError } from './io.ts'
import { usualConfigs } from './places.ts'

/** What `res-xmpp check --help` prints. */
export const checkUsage = `Usage: res-xmpp check [-c] [FILE] [--print] [--json] [--syntax-only] [--execincludes] [--roster ACCOUNT]

Reports everything wrong with an xmpp.conf as FILE:LINE: …
  -c, --config FILE     the file (default: ${usualConfigs.join(', else ')})
      --print           also prints the settings in effect, secrets masked
      --json            all of it as one line of JSON: {"problems":[…]}, and with --print before it "sections" and "accounts".
                        "sections" is the file as it is read, with its secrets; "accounts" is what it comes to, secrets masked
      --syntax-only     only whether Asterisk could read it, whatever it configures
      --execincludes    runs the programs that #exec names
      --roster ACCOUNT  logs in beside the daemon and shows whom autoprune would remove from the roster; nothing is changed
Exit: 0 when there is no error, 1 when there is one.
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
  const { print, json, roster } = values
  if (roster !== undefined && (print || values['syntax-only'])) throw new UsageError('--roster goes with --json alone')
  const path = named[0] ?? usualConfig()
  const source = values.execincludes ? filesWithExec : files
  const found = values['syntax-only'] ? readDialect(path, source) : loadConfig(path, source, { env: io.env })
  if (roster !== undefined) return showRoster(found as LoadedConfig, roster, json, io)
  const loaded = 'accounts' in found ? found : undefined
  const { sections, problems } = found
  if (json) io.stdout(`${printableJson(asJson(print ? { sections, loaded } : undefined, problems))}\n`)
  else {
    for (const problem of problems) io.stdout(`${printable(formatProblem(problem))}\n`)
    if (print) io.stdout(loaded === undefined ? printSections(sections) : printConfig(loaded))
    else if (problems.length === 0)
      io.stdout(`${path}: ${loaded === undefined ? 'the syntax' : counted(loaded)}, nothing wrong\n`)
  }
  const errors = problems.some(({ severity }) => severity === 'error')
  return errors ? 1 : 0
}

async function showRoster(config: LoadedConfig, name: string, json: boolean, io: Io): Promise<number> {
  const errors = config.problems.filter(({ severity }) => severity === 'error')
  for (const problem of errors) io.stderr(`${printable(formatProblem(problem))}\n`)
  const account = config.accounts.find(each => foldName(each.name) === foldName(name))
  if (account === undefined) {
    io.stderr(`res-xmpp: there is no account ${printable(name)}${errors.length > 0 ? ' without an error' : ''}\n`)
    return 1
  }
  // It connects, which no other check does.
  const { checkRoster } = await import('./check-roster.ts')
  return checkRoster(account, json, io)
}

function asJson(
  print: { readonly sections: readonly Section[]; readonly loaded: LoadedConfig | undefined } | undefined,
  problems: readonly Problem[],
): object {
  const told = problems.map(({ severity, code, file, line, section = null, option = null, message }) => {
    return { severity, code, file, line, section, option, message }
  })
  if (print === undefined) return { problems: told }
  const sections = print.sections.map(({ name, template, entries }) => {
    return { name, template, entries: entries.map(({ name, value, file, line }) => [name, value, file, line]) }
  })
  const accounts = (print.loaded?.accounts ?? []).map(account => [account.name, describeValues(account)] as const)
  return { sections, accounts: Object.fromEntries(accounts), problems: told }
}

function printConfig({ general, accounts }: LoadedConfig): string {
  const sections = accounts.map(account => `\n[${printable(account.name)}]\n${lines(describeAccount(account))}`)
  return `[general]\n${lines(describeGeneral(general))}${sections.join('')}`
}

function printSections(sections: readonly Section[]): string {
  const text = sections.map(({ name, template, entries }) => {
    const content = entries.map(({ name, value }) => [name, value] as const)
    return `[${printable(name)}]${template ? '(!)' : ''}\n${lines(content)}`
  })
  return text.join('\n')
}

function counted({ accounts }: LoadedConfig): string {
  return accounts.length === 1 ? '1 account' : `${accounts.length} accounts`
}

function lines(options: readonly (readonly [string, string])[]): string {
  return options.map(([name, value]) => `${name} = ${printable(value)}\n`).join('')
}
