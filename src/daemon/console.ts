import type { Account } from '../account/account.ts'
import { type AccountConfig, readOption } from '../config/index.ts'
import { describe } from '../errors.ts'
import { printable, printableJson } from '../printable.ts'
import { type Command, type ConsoleContext, find, type Output } from './console-command.ts'
import { eventCommands } from './console-events.ts'
import { nodeCommands } from './console-nodes.ts'
import { pubsubCommands } from './console-pubsub.ts'
import { showBuddies, showConfig, showConnections, showMessages } from './console-show.ts'
import type { ControlReply, ControlRequest } from './control.ts'
import { UsageError } from './io.ts'

/** Runs one command of the daemon. Whatever goes wrong is in the reply, in words. */
export function runCommand(
  request: ControlRequest,
  context: ConsoleContext,
  signal: AbortSignal,
): Promise<ControlReply> {
  return runOneOf(daemonCommands, request, context, signal)
}

/** Runs one of these commands, or shows them. */
export async function runOneOf<Context>(
  known: readonly Command<Context>[],
  request: ControlRequest,
  context: Context,
  signal: AbortSignal,
): Promise<ControlReply> {
  const help: Command<Context> = {
    words: 'help',
    args: '[COMMAND…]',
    summary: 'Shows the commands, or those that begin so',
    run: words => showHelp(commands, words.join(' ').trim().toLowerCase()),
  }
  const commands = [...known, help]
  const argv = request.argv.length === 1 ? splitCommand(commands, request.argv[0] ?? '') : request.argv
  const command = findCommand(commands, argv)
  if (command === undefined) {
    return failure(unknownCommand(commands, argv), request.json)
  }
  const behind = argv.at(-1) === '--json' && !isText(command, argv.length - 1)
  const json = request.json || behind
  const args = argv.slice(command.words.split(' ').length, behind ? -1 : undefined)
  if (!fits(args.length, command.args)) return failure(usage(command), json, 2)
  try {
    const { text, data, exit = 0 } = await command.run(args, context, signal)
    return { exit, out: json ? `${printableJson(data)}\n` : text, err: '' }
  } catch (error) {
    if (error instanceof UsageError) return failure(usage(command), json, 2)
    return failure(printable(describe(error)), json)
  }
}

/** Of the commands that the control socket takes at one time; the rest is for those who want to know what is going on. */
const MAX_RECEIVERS = 200

/** In the order in which `help` shows them; where one begins with another's words the longer stands first. */
const daemonCommands: readonly Command[] = [
  {
    words: 'xmpp show connections',
    args: '',
    summary: 'Shows the accounts and their states',
    run: (_, { accounts }) => showConnections(accounts.list()),
  },
  {
    words: 'xmpp show buddies',
    args: '',
    summary: 'Shows the buddies of all accounts',
    run: (_, { accounts }) => showBuddies(accounts.list()),
  },
  {
    words: 'xmpp show messages',
    args: 'ACCOUNT',
    summary: 'Shows the messages that are held for xmpp receive, and takes none of them',
    run: ([name = ''], { accounts }) => showMessages(find(accounts, name)),
  },
  {
    words: 'xmpp show config',
    args: 'ACCOUNT',
    summary: 'Shows the options in effect for an account, secrets masked',
    run: ([name = ''], { accounts }) => showConfig(find(accounts, name)),
  },
  {
    words: 'xmpp set debug',
    args: '{on|off} [ACCOUNT]',
    summary: 'Logs every stanza, or no longer; of one account or of all',
    run: ([word = '', name], { accounts }) =>
      setDebug(word, name === undefined ? accounts.list() : [find(accounts, name)]),
  },
  {
    words: 'xmpp send',
    args: 'ACCOUNT JID TEXT…',
    text: 'always',
    summary: 'Sends a message; several words of text are joined by blanks',
    run: async ([name = '', jid = '', ...text], { accounts }) => {
      const id = await find(accounts, name).send(jid, text.join(' '))
      return { text: '', data: { id } }
    },
  },
  {
    words: 'xmpp receive',
    args: 'ACCOUNT JID [TIMEOUT]',
    summary: 'Prints the next message from a JID, waiting for it up to TIMEOUT seconds (20)',
    run: ([name = '', jid = '', timeout = '20'], { accounts }, signal) => {
      const account = find(accounts, name)
      const waiting = accounts.list().reduce((sum, { inbox }) => sum + inbox.waiting, 0)
      if (waiting >= MAX_RECEIVERS) throw new Error(`${waiting} commands are waiting for messages already`)
      return receive(account, jid, timeout, signal)
    },
  },
  {
    words: 'xmpp status',
    args: 'ACCOUNT JID',
    summary: 'Prints the status of a JID: 1 available, 2 chat, 3 away, 4 xa, 5 dnd, 6 offline, 7 not in the roster',
    run: ([name = '', jid = ''], { accounts }) => {
      const status = find(accounts, name).status(jid)
      return { text: `${status}\n`, data: { status } }
    },
  },
  {
    words: 'xmpp presence',
    args: 'ACCOUNT STATUS [MESSAGE…]',
    text: 'sometimes',
    summary: 'Shows another presence: a word of the option status, or configured for what the file says',
    run: ([name = '', status = '', ...message], { accounts }) =>
      showPresence(find(accounts, name), status, message.length === 0 ? undefined : message.join(' ')),
  },
  ...nodeCommands,
  ...eventCommands,
  ...pubsubCommands,
  {
    words: 'xmpp reload',
    args: '',
    summary: 'Reads the configuration again',
    run: async (_, { reload }) => {
      const { ok, lines } = await reload()
      return { text: lines.map(line => `${printable(line)}\n`).join(''), data: { ok, lines }, exit: ok ? 0 : 1 }
    },
  },
]

function showHelp(commands: readonly Words[], beginning: string): Output {
  const found = commands.filter(({ words }) => words.startsWith(beginning))
  if (found.length === 0) throw new Error(`there is no command that begins with '${beginning}'`)
  const entries = found.map(({ words, args, summary }) => ({ command: `${words} ${args}`.trim(), summary }))
  const width = Math.max(...entries.map(({ command }) => command.length), 40)
  return {
    text: entries.map(({ command, summary }) => `${command.padEnd(width)}  ${summary}\n`).join(''),
    data: entries,
  }
}

function showPresence(account: Account, word: string, message: string | undefined): Output {
  if (word.toLowerCase() === 'configured') {
    if (message !== undefined) throw new UsageError()
    account.show(undefined)
    return { text: '', data: account.presence }
  }
  const reading = readOption('status', word)
  if ('expected' in reading) throw new Error(`STATUS must be ${reading.expected}, or configured, not '${word}'`)
  const status = reading.value as AccountConfig['status']
  account.show({ status, statusmessage: message ?? account.presence.statusmessage })
  return { text: '', data: account.presence }
}

function setDebug(word: string, accounts: readonly Account[]): Output {
  if (word !== 'on' && word !== 'off') throw new UsageError()
  const debug = word === 'on'
  for (const account of accounts) account.debug = debug
  const data = { debug, accounts: accounts.map(({ name }) => name) }
  return { text: `XMPP Debugging ${debug ? 'Enabled' : 'Disabled'}.\n`, data }
}

async function receive(account: Account, jid: string, timeout: string, signal: AbortSignal): Promise<Output> {
  const seconds = Number(timeout)
  if (!/^\d+(\.\d+)?$/.test(timeout) || seconds > 2_000_000)
    throw new Error(`TIMEOUT must be a number of seconds from 0 to 2000000, not '${timeout}'`)
  const message = await account.receive(jid, seconds * 1000, signal)
  if (message === undefined) return { text: '', data: null, exit: 1 }
  // Scripts want the body as it was sent; it is the one thing of a peer's that is not escaped.
  const { received, delayed, ...rest } = message
  const sent = delayed && { ...delayed, stamp: new Date(delayed.stamp).toISOString() }
  return { text: `${message.body}\n`, data: { ...rest, received: new Date(received).toISOString(), delayed: sent } }
}

/** How a command is called, whatever it works on. */
type Words = Pick<Command, 'words' | 'args' | 'text' | 'summary'>

function findCommand<Found extends Words>(commands: readonly Found[], argv: readonly string[]): Found | undefined {
  return commands.find(({ words }) => words.split(' ').every((word, at) => argv[at]?.toLowerCase() === word))
}

function unknownCommand(commands: readonly Words[], argv: readonly string[]): string {
  const typed = printable(argv.join(' '))
  const begin = commands.filter(({ words }) => words.startsWith(`${typed.toLowerCase()} `)).map(({ words }) => words)
  return begin.length > 0
    ? `'${typed}' is the beginning of ${begin.join(', ')}`
    : `No such command '${typed}' ('help' shows the commands)`
}

function usage(command: Words): string {
  return `Usage: ${`${command.words} ${command.args}`.trim()}\n       ${command.summary}.`
}

/**
 * `asterisk -rx "xmpp show connections"` takes the whole command in one argument; so do we, where there is only one. Quotes keep blanks
 * together. The blanks in a text, which is always last, stay without any.
 */
function splitCommand(commands: readonly Words[], line: string): string[] {
  const found = [...line.matchAll(wordOrQuoted)]
  const words = found.map(unquoted)
  const command = findCommand(commands, words)
  if (command?.text === undefined) return words
  const before = command.words.split(' ').length + command.args.split(' ').length - 1
  const text = found[before]
  if (text === undefined) return words
  const quoted = text[1] !== undefined && found.length === before + 1
  return [...words.slice(0, before), quoted ? unquoted(text) : line.slice(text.index)]
}

/** A quote that is not closed, or stands within a word, is a character as any other. */
const wordOrQuoted = /"((?:[^"\\]|\\.)*)"(?!\S)|\S+/g

function unquoted([word, inner]: RegExpExecArray): string {
  return inner === undefined ? word : inner.replace(/\\(.)/g, '$1')
}

/** Whether so many arguments suit a pattern such as `ACCOUNT JID [TIMEOUT]` or `ACCOUNT TEXT…`. */
function fits(count: number, pattern: string): boolean {
  const args = pattern.split(' ').filter(arg => arg !== '')
  const least = args.filter(arg => !arg.startsWith('[')).length
  return count >= least && (takesRest(pattern) || count <= args.length)
}

/** Whether what stands there in a command is part of a text of the user's: at the place of one that may be left out it is none by itself. */
function isText({ words, args, text }: Words, at: number): boolean {
  const before = words.split(' ').length + args.split(' ').length - 1
  return text !== undefined && (text === 'always' || at > before)
}

/** `TEXT…` or `[TEXT…]`. */
const takesRest = (pattern: string): boolean => /…\]?$/.test(pattern)

function failure(text: string, json: boolean, exit = 1): ControlReply {
  return { exit, out: json ? `${printableJson({ error: text })}\n` : '', err: json ? '' : `${text}\n` }
}
