import { describe } from '../errors.ts'
import { formatJid, type Jid, parseJid } from '../jid.ts'
import type { CaReading } from './ca.ts'
import type { ClientCertificate, ClientCertificateReading } from './client-certificate.ts'
import { checkHost, fillPort, readTls, readTlsCa, type TlsMode } from './connection.ts'
import type { Group } from './group.ts'
import { checkGiven, readLogin } from './login.ts'
import { checkUsable, provesSomething } from './mechanisms.ts'
import { foldName } from './names.ts'
import type { AccountOptions, GeneralOptions, OptionName } from './options.ts'
import type { Place, ProblemLog } from './problem.ts'
import { resolveSecret, type SecretPlaces } from './secret-source.ts'
import { readPubsub, warnOfDialplan } from './services.ts'
import { Sheet } from './sheet.ts'
import { checkServerName, readTlsCertificate, warnOfTls } from './tls.ts'

/** An account as xmpp.conf describes it, ready for use: every rule has been checked. */
export interface AccountConfig extends AccountOptions, Omit<GeneralOptions, keyof AccountOptions> {
  /** The name of its section as written. */
  readonly name: string
  /** Where its section begins, for messages about it. */
  readonly file: string
  readonly line: number
  /** Where its options stand, those that are given in it or in a template of it. */
  readonly places: Readonly<Partial<Record<OptionName, Place>>>
  /** `username`, prepared: with a resource for a client, the bare domain for a component. */
  readonly jid: Jid
  /** The names of `sasl_mechanisms`; undefined means all that are built in. */
  readonly mechanisms: readonly string[] | undefined
  /** What `type`, `usetls` and `forceoldssl` come to. `starttls` means TLS or no session. */
  readonly tls: TlsMode
  /** The certificates of `tls_cafile` as PEM text; undefined means the usual ones. */
  readonly tls_ca: string | undefined
  /** What `tls_certfile` and `tls_keyfile` come to. */
  readonly tls_certificate: ClientCertificate | undefined
  /** `pubsub_node`, prepared. Never undefined with `distribute_events`. */
  readonly pubsub: Jid | undefined
}

/** What reading an account needs from outside. */
export interface AccountContext {
  readonly log: ProblemLog
  readonly general: GeneralOptions
  readonly secrets: SecretPlaces
  readonly readCa: (path: string) => CaReading
  readonly readCertificate: (certfile: string, keyfile: string | undefined) => ClientCertificateReading
}

/** Reads one account and reports everything that is wrong with it. Undefined when any of it is an error. */
export function readAccount(
  group: Group,
  { log, general, secrets, readCa, readCertificate }: AccountContext,
): AccountConfig | undefined {
  const errors = log.errors
  const sheet: AccountSheet = new Sheet(group, 'account', log, general)
  checkName(group, log)
  const jid = readJid(sheet)
  resolveSecret(sheet, secrets)
  const mechanisms = readLogin(sheet)
  checkHost(sheet, jid)
  fillPort(sheet)
  const tls = readTls(sheet, jid)
  const tls_ca = readTlsCa(sheet, readCa)
  checkServerName(sheet)
  const tls_certificate = readTlsCertificate(sheet, readCertificate)
  warnOfTls(sheet, tls)
  checkStatusMessage(sheet)
  readBuddies(sheet)
  const pubsub = readPubsub(sheet)
  warnOfDialplan(sheet)
  checkUsable(sheet, tls, mechanisms)
  if (group.damaged || log.errors > errors || jid === undefined || tls === undefined) return undefined
  const place = { name: group.name, file: group.file, line: group.line, places: sheet.places() }
  const read = { jid, mechanisms, tls, tls_ca, tls_certificate, pubsub }
  // Much quicker than spreading them: there may be thousands of accounts.
  return Object.assign({}, general, sheet.values(), place, read)
}

type AccountSheet = Sheet<AccountOptions>

function checkName({ name, file, line, twins }: Group, log: ProblemLog): void {
  for (const twin of twins) {
    const where = { file: twin.file, line: twin.line, section: twin.name, option: 'username' }
    const text = `this section is one account with [${name}] (${file}:${line}), and its username counts`
    log.warn('same-section', where, `${text}: for another account use another name, and not only another case`)
  }
  const trimmed = name.trim()
  const where = { file, line, section: name }
  if (trimmed === '') log.error('no-account-name', { file, line }, 'the section has no name')
  else if (trimmed !== name) {
    const meant = foldName(trimmed) === 'general' ? ', so this is an account and not [general]' : ''
    log.warn('name-with-blanks', where, `blanks in the brackets are part of the name${meant}: write [${trimmed}]`)
  }
}

/** What res_xmpp binds when `username` names no resource. */
export const defaultResource = 'asterisk-xmpp'

function readJid(sheet: AccountSheet): Jid | undefined {
  if (!checkGiven(sheet, 'username', 'every account needs one: the JID to log in as')) return undefined
  const type = sheet.get('type')
  let jid: Jid
  try {
    jid = parseJid(sheet.get('username') ?? '')
  } catch (error) {
    sheet.error('bad-value', 'username', describe(error))
    return undefined
  }
  if (type === 'component' && formatJid(jid) !== jid.domain) {
    const advice = `write username=${jid.domain}, or type=client if this is the account of a user`
    sheet.error('bad-value', 'username', `the username of a component is its domain and nothing else: ${advice}`)
  }
  if (type === 'client' && jid.local === '' && provesSomething(sheet)) {
    const advice = `write username=USER@${jid.domain}, or type=component if this is a component`
    sheet.error('bad-value', 'username', `the username of a client names a user and a domain: ${advice}`)
  }
  return type === 'client' && jid.resource === '' ? { ...jid, resource: defaultResource } : jid
}

function checkStatusMessage(sheet: AccountSheet): void {
  const text = sheet.get('statusmessage') ?? ''
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u0008\u000b-\u001f\ufffe\uffff]/.test(text)) {
    sheet.error('bad-value', 'statusmessage', 'it holds a character that XML does not allow')
  }
  // In Asterisk the quotes are sent; people write them because other files want them, and mean what is between them.
  const quoted = text.length >= 2 && text.startsWith('"') && text.endsWith('"')
  if (!quoted && text.startsWith('"') && sheet.given('statusmessage').at(-1)?.cut)
    sheet.warn('cut-by-comment', 'statusmessage', 'quotes keep no ";" from beginning a comment: write "\\;" for one')
  sheet.set('statusmessage', quoted ? text.slice(1, -1) : text)
}

function readBuddies(sheet: AccountSheet): void {
  const lines = new Map<string, string>()
  for (const entry of sheet.given('buddy')) {
    try {
      const jid = parseJid(entry.value)
      const bare = formatJid({ ...jid, resource: '' })
      if (jid.resource !== '') {
        sheet.warn('buddy-resource', 'buddy', `a buddy has all resources of an account: "${bare}" is taken`, entry)
      }
      const before = lines.get(bare)
      if (before !== undefined) sheet.warn('buddy-twice', 'buddy', `"${bare}" is a buddy already (${before})`, entry)
      else lines.set(bare, `${entry.file}:${entry.line}`)
    } catch (error) {
      sheet.error('bad-value', 'buddy', describe(error), entry)
    }
  }
  sheet.set('buddy', [...lines.keys()])
  if (sheet.get('autoprune') && lines.size === 0 && sheet.get('type') === 'client') {
    sheet.warn('risk', 'autoprune', 'no buddy is named, so everyone would be removed from the roster')
  }
  if (sheet.given('autoprune').length > 0 && sheet.get('autoprune') && sheet.get('type') === 'component')
    sheet.warn('no-effect', 'autoprune', 'a component has no roster')
}
