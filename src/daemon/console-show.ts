import type { Account } from '../account/account.ts'
import type { Resource } from '../account/buddies.ts'
import { describeAccount } from '../config/index.ts'
import { printable } from '../printable.ts'
import type { Output } from './console-command.ts'

/** `xmpp show connections`: the text is Asterisk's, the data tells more. */
export function showConnections(accounts: readonly Account[]): Output {
  const rows = accounts.map(
    account => `       [${printable(account.name)}] ${printable(account.jid)}     - ${account.state}\n`,
  )
  return {
    text: `Jabber Users and their status:\n${rows.join('')}----\n   Number of clients: ${accounts.length}\n`,
    data: accounts.map(connection),
  }
}

/** `xmpp show buddies`: the text is Asterisk's, the data tells more. */
export function showBuddies(accounts: readonly Account[]): Output {
  const lines = ['XMPP buddy lists']
  for (const account of accounts) {
    lines.push(`Client: ${printable(account.name)}`)
    for (const { jid, resources } of account.buddies.list()) {
      lines.push(`\tBuddy:\t${printable(jid)}`)
      for (const resource of resources.values()) {
        lines.push(`\t\tResource: ${printable(resource.name)}`)
        const { node, ver } = resource.caps ?? { node: '', ver: '' }
        lines.push(`\t\t\tnode: ${printable(node)}`, `\t\t\tversion: ${printable(ver)}`)
        const features = account.capabilities(resource)?.info.features
        const can = (feature: string): string => (features?.includes(feature) ? 'yes' : 'no')
        lines.push(`\t\t\tGoogle Talk capable: ${can(GOOGLE_VOICE)}`, `\t\t\tJingle capable: ${can(JINGLE)}`)
      }
    }
  }
  const data = accounts.map(account => ({
    account: account.name,
    buddies: account.buddies.list().map(({ resources, ...buddy }) => ({
      ...buddy,
      resources: [...resources.values()].map(resource => ({
        ...resource,
        capabilities: capabilitiesOf(account, resource),
      })),
    })),
  }))
  return { text: `${lines.join('\n')}\n`, data }
}

const GOOGLE_VOICE = 'http://www.google.com/xmpp/protocol/voice/v1'
/** XEP-0166. */
const JINGLE = 'urn:xmpp:jingle:1'

function capabilitiesOf(account: Account, resource: Resource): object | null {
  const known = account.capabilities(resource)
  if (known === undefined) return null
  const { identities, features } = known.info
  return { verified: known.verified, identities, features }
}

/** `xmpp show config`: as `res-xmpp check --print` shows it, and what was changed at run time. */
export function showConfig(account: Account): Output {
  const { config, debug, name } = account
  const { status, statusmessage } = account.presence
  const changed = new Map<string, string>()
  if (debug !== config.debug) changed.set('debug', debug ? 'yes' : 'no')
  if (status !== config.status) changed.set('status', status)
  if (statusmessage !== config.statusmessage) changed.set('statusmessage', statusmessage)
  const entries = describeAccount(config)
  const lines = entries.map(([option, value]) => {
    const now = changed.get(option)
    return `${option} = ${printable(value)}${now === undefined ? '' : ` ; now ${printable(now)}`}\n`
  })
  return {
    text: `[${printable(name)}]\n${lines.join('')}`,
    data: {
      account: name,
      file: config.file,
      line: config.line,
      options: entries,
      changed: Object.fromEntries(changed),
    },
  }
}

/** So many messages, and so much of each in a line of text. */
const MOST_MESSAGES = 100
const MOST_TEXT = 60

/** `xmpp show messages`: what is held for JABBER_RECEIVE, oldest first. */
export function showMessages(account: Account): Output {
  const { messages, count, bytes, waiting } = account.inbox.held(MOST_MESSAGES)
  const lines = messages.map(({ from, type, received, body }) => {
    const text = printable(body.slice(0, MOST_TEXT))
    return `       [${printable(from)}] ${type} ${time(received)} - ${text}${body.length > MOST_TEXT ? '…' : ''}\n`
  })
  const more = count > messages.length ? `       and ${count - messages.length} more\n` : ''
  return {
    text: `Messages held for ${printable(account.name)}:\n${lines.join('')}${more}----\n   Number of messages: ${count} (${bytes} bytes of memory), receivers waiting: ${waiting}\n`,
    data: {
      account: account.name,
      count,
      bytes,
      waiting,
      messages: messages.map(({ received, delayed, ...message }) => ({
        ...message,
        received: time(received),
        delayed: delayed && { ...delayed, stamp: time(delayed.stamp) },
      })),
    },
  }
}

function connection(account: Account): object {
  const { jid, state, since, mechanism, binding, tls, target, resumed, received, sent, error, retryAt } =
    account.connection
  return {
    account: account.name,
    jid,
    state,
    since: time(since),
    server: target === undefined ? null : { host: target.host, port: target.port },
    mechanism: mechanism ?? null,
    channelBinding: binding ?? null,
    tls: tls ?? null,
    resumed,
    stanzas: { received, sent },
    lastError: error === undefined ? null : { text: error.text, at: time(error.at) },
    nextRetry: retryAt === undefined ? null : time(retryAt),
  }
}

const time = (ms: number): string => new Date(ms).toISOString()
