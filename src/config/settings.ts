import { dirname } from 'node:path'
import { readEid } from '../bus/eid.ts'
import { readHost } from './host.ts'
import { didYouMean } from './names.ts'
import { type Problem, ProblemLog } from './problem.ts'
import { locateSettings, type SettingLine } from './setting-lines.ts'
import { resolvePath } from './source.ts'
import { parseBoolean } from './values.ts'

/** The daemon's own settings, res-xmpp.conf. */
export interface Settings {
  readonly daemon: {
    /** Path of xmpp.conf; undefined means the usual places. */
    readonly config: string | undefined
    /** Path of the control socket; undefined means the usual place. */
    readonly control: string | undefined
    /** A time before each log line; undefined means unless the journal adds its own. */
    readonly timestamps: boolean | undefined
  }
  readonly limits: {
    /** The largest stanza that is accepted, in bytes. */
    readonly stanza_bytes: number
    /** Messages held for JABBER_RECEIVE by one account. */
    readonly inbox_messages: number
    /** Bytes of memory that those messages take together. */
    readonly inbox_bytes: number
  }
  /** Of `distribute_events`. */
  readonly events: {
    /** Which PBX we are; undefined means the first hardware address of the machine. */
    readonly eid: string | undefined
    /** Seconds of silence after which another PBX's states no longer count; 0 is never. */
    readonly expire: number
    /** What becomes of our states when we leave. */
    readonly leave: 'mark' | 'retract' | 'keep'
  }
  readonly pubsub: PubsubSettings
}

/** A PubSub service that runs in the daemon, as a component of a server. */
export interface PubsubSettings {
  /** Its domain; undefined means that there is none. */
  readonly domain: string | undefined
  readonly host: string
  readonly port: number
  /** What it shares with its server, or the file where that stands. */
  readonly secret: string | undefined
  readonly secret_file: string | undefined
  /** TLS from the first byte, or none at all; undefined means none within this machine, and nothing else. */
  readonly tls: 'direct' | 'never' | undefined
  readonly tls_cafile: string | undefined
  /** A directory; undefined means that nothing is kept beyond the process. */
  readonly store: string | undefined
  /** Who may do whatever an owner may: JIDs and domains. */
  readonly admins: readonly string[]
  /** Who may create nodes, `*` for everybody; undefined means the users of the domain that its own is part of. */
  readonly creators: readonly string[] | undefined
  readonly auto_create: boolean
  readonly nodes_per_owner: number
  readonly items_per_owner: number
  readonly bytes_per_owner: number
  readonly subscriptions_per_user: number
}

/** What holds without a settings file. */
export function defaultSettings(): Settings {
  return build(new Map())
}

/**
 * Reads res-xmpp.conf, an ordinary INI file. Never rejects: what is wrong is in `problems`, and the default stands in for it.
 * Relative paths in it are relative to the directory of `file`.
 */
export async function parseSettings(
  content: string,
  file: string,
): Promise<{ settings: Settings; problems: Problem[] }> {
  const log = new ProblemLog()
  const text = content.replace(/^\ufeff/, '')
  const lines = locateSettings(text, file, log, Object.keys(table))
  const parsed = await parseIni(text, file, log)
  const values = new Map<string, unknown>()
  const seen = new Map<string, number>()
  for (const line of lines) {
    const known = table[line.section] ?? {}
    const setting = Object.hasOwn(known, line.key) ? known[line.key] : undefined
    const where = { file, line: line.number, section: line.section, option: line.key }
    const path = `${line.section}.${line.key}`
    const before = seen.get(path)
    seen.set(path, line.number)
    if (setting === undefined) {
      const hint = didYouMean(line.key, Object.keys(known)) || elsewhere(line)
      log.error('unknown-setting', where, `there is no such setting${hint}`)
    } else if (before !== undefined) {
      log.error('setting-twice', where, `it is given already in line ${before}`)
    } else {
      const reading = setting.read(asText(property(property(parsed, line.section), line.key)), file)
      if ('expected' in reading) log.error('bad-value', where, `expected ${reading.expected}`)
      else values.set(path, reading.value)
    }
  }
  return { settings: build(values), problems: log.list([file]) }
}

type Reading = { readonly value: unknown } | { readonly expected: string }

interface Setting {
  readonly default: unknown
  /** @param text undefined for what is not one piece of text */
  readonly read: (text: string | undefined, file: string) => Reading
}

const table: Readonly<Record<string, Readonly<Record<string, Setting>>>> = {
  daemon: {
    config: { default: undefined, read: path() },
    // A longer path does not fit into the address of a Unix socket, and would be cut short without a word.
    control: { default: undefined, read: path(107) },
    timestamps: { default: undefined, read: readBoolean },
  },
  limits: {
    stanza_bytes: { default: 262144, read: number(10000, 16777216) },
    inbox_messages: { default: 100000, read: number(1, 1000000) },
    inbox_bytes: { default: 67108864, read: number(65536, 1073741824) },
  },
  events: {
    eid: { default: undefined, read: readEntity },
    // What a timer of Node can count, about 24 days.
    expire: { default: 0, read: number(0, 2000000) },
    leave: { default: 'mark', read: word('mark', 'retract', 'keep') },
  },
  pubsub: {
    domain: { default: undefined, read: text },
    host: { default: '127.0.0.1', read: given => readHost(given ?? '') },
    port: { default: 5347, read: number(1, 65535) },
    secret: { default: undefined, read: text },
    secret_file: { default: undefined, read: path() },
    tls: { default: undefined, read: word('direct', 'never') },
    tls_cafile: { default: undefined, read: path() },
    store: { default: undefined, read: path() },
    admins: { default: [], read: list },
    creators: { default: undefined, read: list },
    auto_create: { default: false, read: readBoolean },
    nodes_per_owner: { default: 10000, read: number(0, 10000000) },
    items_per_owner: { default: 100000, read: number(0, 100000000) },
    bytes_per_owner: { default: 67108864, read: number(0, 1099511627776) },
    subscriptions_per_user: { default: 20000, read: number(0, 10000000) },
  },
}

function build(values: ReadonlyMap<string, unknown>): Settings {
  const sections = Object.entries(table).map(([section, settings]) => {
    const entries = Object.entries(settings).map(([key, setting]) => {
      const path = `${section}.${key}`
      return [key, values.has(path) ? values.get(path) : setting.default]
    })
    return [section, Object.fromEntries(entries)]
  })
  return Object.fromEntries(sections) as Settings
}

async function parseIni(text: string, file: string, log: ProblemLog): Promise<unknown> {
  try {
    // Only who has a settings file pays for its reader.
    const { parse } = await import('ini')
    return parse(text)
  } catch (error) {
    log.error('bad-file', { file, line: 0 }, `the file cannot be read: ${(error as Error).message}`)
    return {}
  }
}

function property(object: unknown, key: string): unknown {
  return typeof object === 'object' && object !== null && Object.hasOwn(object, key)
    ? (object as Record<string, unknown>)[key]
    : undefined
}

/** `ini` makes booleans, numbers, lists and objects of some values; only what was one plain value is one here. */
function asText(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number'
    ? String(value)
    : undefined
}

function elsewhere({ section, key }: SettingLine): string {
  const home = Object.keys(table).find(name => name !== section && Object.hasOwn(table[name] ?? {}, key))
  return home === undefined ? '' : `: it belongs into [${home}]`
}

function path(longest = 4095): Setting['read'] {
  return (text, file) => {
    if (text === undefined || text === '') return { expected: 'a path' }
    const value = resolvePath(dirname(file), text)
    return Buffer.byteLength(value) > longest ? { expected: `a path of at most ${longest} bytes` } : { value }
  }
}

function number(least: number, most: number): Setting['read'] {
  return text => {
    const value = /^(0|[1-9]\d*)$/.test(text ?? '') ? Number(text) : Number.NaN
    return value >= least && value <= most ? { value } : { expected: `a whole number from ${least} to ${most}` }
  }
}

function word(...words: readonly string[]): Setting['read'] {
  return text => {
    const value = text?.trim().toLowerCase() ?? ''
    return words.includes(value) ? { value } : { expected: `${words.slice(0, -1).join(', ')} or ${words.at(-1)}` }
  }
}

function text(given: string | undefined): Reading {
  return given === undefined || given === '' ? { expected: 'a text' } : { value: given }
}

/** Commas between its entries. */
function list(given: string | undefined): Reading {
  const value = (given ?? '')
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '')
  return given === undefined ? { expected: 'a list such as a.example, bob@b.example' } : { value }
}

function readEntity(text: string | undefined): Reading {
  const value = readEid(text ?? '')
  return value === undefined ? { expected: 'six bytes such as 02:00:00:00:00:01, not all of them 0' } : { value }
}

function readBoolean(text: string | undefined): Reading {
  const value = parseBoolean(text ?? '')
  return value === undefined ? { expected: 'yes or no' } : { value }
}
