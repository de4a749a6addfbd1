import { dirname } from 'node:path'
import { formatJid } from '../jid.ts'
import { type AccountConfig, readAccount } from './account.ts'
import { caReader } from './ca.ts'
import { clientCertificateReader } from './client-certificate.ts'
import { readDialect, type Section } from './dialect/dialect.ts'
import type { DialectLimits } from './dialect/reader.ts'
import { warnOfExposed } from './exposed.ts'
import { groupSections } from './group.ts'
import { type GeneralOptions, optionNames } from './options.ts'
import { type Problem, ProblemLog } from './problem.ts'
import { Sheet } from './sheet.ts'
import type { FileSource } from './source.ts'

/** What to make of an xmpp.conf. */
export interface LoadOptions {
  /** Any error is fatal, not just one that leaves no configuration at all. */
  readonly strict?: boolean
  readonly limits?: DialectLimits
  /** Where `secret_env` looks; default nowhere. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** A whole xmpp.conf. */
export interface LoadedConfig {
  /** The accounts without errors, in file order. */
  readonly accounts: readonly AccountConfig[]
  /** The names of those with an error, in file order. */
  readonly leftOut: readonly string[]
  /** [general], with defaults for what is not given or in error. */
  readonly general: GeneralOptions
  /** What the file says, before any option means something; empty when it is rejected. */
  readonly sections: readonly Section[]
  /** In order of file and line. */
  readonly problems: readonly Problem[]
  /** The configuration must not be used: the file is rejected as a whole, or there are errors and `strict` was asked for. */
  readonly fatal: boolean
  /** Every configuration file that was read. */
  readonly files: readonly string[]
}

/**
 * Loads an xmpp.conf. Never throws: what is wrong is in `problems`, and an account with an error is left out.
 * @param path relative paths in the file are relative to its directory
 */
export function loadConfig(path: string, source: FileSource, options: LoadOptions = {}): LoadedConfig {
  const { sections, salvage, problems, rejected, files } = readDialect(path, source, options.limits)
  // Twice the room the dialect has, so that what it found never crowds out what is found here.
  const log = new ProblemLog(2000)
  log.take(problems)
  const found = rejected ? salvage : sections
  warnOfExposed(found, source, log)
  const groups = groupSections(found)
  const nothing = { name: 'general', file: path, line: 0, entries: [], damaged: false, twins: [] }
  const general = readGeneral(new Sheet(groups.general ?? nothing, 'general', log))
  const directory = dirname(path)
  const context = {
    log,
    general,
    secrets: { source, directory, env: options.env ?? {} },
    readCa: caReader(source, directory),
    readCertificate: clientCertificateReader(source, directory),
  }
  const accounts = groups.accounts.flatMap(group => readAccount(group, context) ?? [])
  warnOfTwins(accounts, log)
  if (groups.accounts.length === 0 && !rejected) {
    log.error(
      'no-account',
      { file: path, line: 0 },
      'there is no account in it: every section but [general] and templates is one',
    )
  }
  const read = new Set(accounts.map(({ name }) => name))
  return {
    accounts: rejected ? [] : accounts,
    leftOut: groups.accounts.map(({ name }) => name).filter(name => rejected || !read.has(name)),
    general,
    sections,
    problems: log.list(files),
    fatal: rejected || (options.strict === true && log.errors > 0),
    files,
  }
}

/** An error in [general] has been reported; accounts go on with the default. */
function readGeneral(sheet: Sheet<GeneralOptions>): GeneralOptions {
  const defaults = new Sheet<GeneralOptions>({ ...sheet.group, entries: [] }, 'general', sheet.log)
  for (const name of optionNames('general') as (keyof GeneralOptions)[]) {
    if (sheet.get(name) === undefined) sheet.set(name, defaults.get(name) as GeneralOptions[typeof name])
  }
  return sheet.values()
}

/** Two accounts with one JID and resource would throw each other out for ever. */
function warnOfTwins(accounts: readonly AccountConfig[], log: ProblemLog): void {
  const first = new Map<string, AccountConfig>()
  for (const account of accounts) {
    const jid = formatJid(account.jid)
    const twin = first.get(jid)
    if (twin === undefined) {
      first.set(jid, account)
      continue
    }
    const where = { file: account.file, line: account.line, section: account.name, option: 'username' }
    log.warn(
      'same-jid',
      where,
      `"${jid}" is also the JID of [${twin.name}] (${twin.file}:${twin.line}): a server keeps only one of them connected`,
    )
  }
}
