import { type Account, type AccountEvent, type AccountState, Dump } from '../account/index.ts'
import type { AccountConfig } from '../config/index.ts'
import { SaslError, StreamError } from '../errors.ts'
import { type Reached, reasonOf } from './hints.ts'
import type { Level, Log } from './log.ts'
import { Throttle } from './throttle.ts'

/** Lines a minute about what strangers, and what a server that misbehaves, can bring about at will. */
const STRANGERS = 20
/** Lines a minute about the presence of buddies, who are many when we come and can change theirs as often as they like. */
const PRESENCE = 200

/** Characters of the name of a node or an item. */
const MOST_ITEM = 100

/** One line for each event worth knowing; what was said and by whom is nobody's business. */
export function logEvents(account: Account, log: Log): void {
  const line = (level: Level, text: string): void => log.line(level, text, account.name)
  const throttle = (most: number, what: string): Throttle =>
    new Throttle(most, skipped => line('WARNING', `${skipped} more ${what} within a minute were not logged`))
  const strangers = throttle(STRANGERS, 'bounces and subscription requests')
  const warnings = throttle(STRANGERS, 'warnings')
  const presences = throttle(PRESENCE, 'changes of presence')
  const items = throttle(STRANGERS, 'items that were left out')
  const failures = throttle(STRANGERS, 'messages that may not have arrived')
  let reached: Reached = 'nothing'
  /** A session has been lost that was to be resumed. */
  let awaited = false
  account.on('state', ({ state }) => {
    // Whoever leaves of his own accord resumes nothing.
    if (state === 'Disconnecting') awaited = false
    if (state === 'Connecting') reached = 'nothing'
    else if (reached === 'nothing' && talking.has(state)) reached = 'words'
  })
  account.on('connected', event => {
    reached = 'session'
    const lost = awaited && !event.resumed ? '; the session before could not be resumed' : ''
    awaited = false
    line('NOTICE', `${connectedText(event)}${lost}`)
  })
  account.on('failed', ({ stanza: { name, attrs } }) => {
    if (name === 'message' && failures.allow()) {
      line(
        'WARNING',
        `a message to ${attrs.to} may not have arrived: the session ended before the server acknowledged it`,
      )
    }
  })
  account.on('offline', event => {
    awaited ||= event.resumable
    line('WARNING', offlineText(event, account, reached))
    reached = 'nothing'
  })
  account.on('bounce', ({ to, error }) => {
    if (strangers.allow()) {
      line('WARNING', `a message to ${to} was not delivered: ${account.hideSecrets(error.message)}`)
    }
  })
  account.on('warning', ({ text }) => {
    if (warnings.allow()) line('WARNING', text)
  })
  account.on('skipped', ({ node, item, reason }) => {
    if (!items.allow()) return
    const which =
      item === undefined ? 'an item' : `the item "${item.slice(0, MOST_ITEM)}${item.length > MOST_ITEM ? '…' : ''}"`
    line('WARNING', `${which} of the node ${node.slice(0, MOST_ITEM)} is left out: ${reason}`)
  })
  account.on('notice', ({ text }) => {
    if (warnings.allow()) line('NOTICE', text)
  })
  account.on('subscription', event => {
    if (strangers.allow()) line('NOTICE', subscriptionText(event))
  })
  account.on('pruned', ({ removed, failed }) => {
    if (removed.length > 0) {
      line('NOTICE', `removed ${counted(removed.length)} from the roster (autoprune=yes): ${removed.join(', ')}`)
    }
    const [first] = failed
    if (first === undefined) return
    const others = failed.length === 1 ? '' : ` (and ${counted(failed.length - 1)} more)`
    const why = account.hideSecrets(first.reason)
    line('WARNING', `autoprune could not remove ${first.jid}${others} from the roster: ${why}`)
  })
  account.on('presence', ({ from, available, show, status }) => {
    if (!presences.allow()) return
    const text = status === '' ? '' : ` (${status})`
    line('NOTICE', `${from} is ${available ? (show ?? 'available') : 'unavailable'}${text}`)
  })
  const dump = new Dump(text => account.hideSecrets(text))
  account.on('debug', ({ direction, element }) => {
    log.stanza(direction, account.name, dump.write(direction, element))
  })
}

/** What an account does once the server has answered. */
const talking: ReadonlySet<AccountState> = new Set<AccountState>([
  'Waiting to request TLS',
  'Requested TLS',
  'Waiting to authenticate',
  'Authenticating',
  'Retrieving roster',
])

function connectedText(event: Extract<AccountEvent, { type: 'connected' }>): string {
  const { resumed, jid, mechanism, binding, unbound, tls, target } = event
  const place = target === undefined ? '' : ` at ${target.host} port ${target.port}`
  const bound = binding === undefined ? (unbound === undefined ? '' : `; ${unbound}`) : ` bound to ${binding}`
  return `Connected as ${jid}${place} (${tls ?? 'no TLS'}, ${mechanism}${bound}${resumed ? '; session resumed' : ''})`
}

function offlineText(
  { error, retryIn, targets }: Extract<AccountEvent, { type: 'offline' }>,
  account: Account,
  reached: Reached,
): string {
  const { config } = account
  const seconds = (retryIn / 1000).toFixed(retryIn < 10_000 ? 1 : 0)
  // Without delay when a server has sent us elsewhere: there if that may be (a host in clear off this machine may not).
  const next = retryIn === 0 ? 'connecting again at once' : `trying again in ${seconds} s`
  // The error names them when they are several.
  const [target, ...others] = targets
  const place = target === undefined || others.length > 0 ? '' : ` at ${target.host} port ${target.port}`
  // A component's domain is its own.
  const server = config.type === 'component' ? `the server${place}` : `${config.jid.domain}${place}`
  const refused = error instanceof SaslError || (error instanceof StreamError && isRefusal(error, config, reached))
  const what = refused
    ? `${server} refused the login as ${config.username}`
    : `${reached === 'session' ? 'lost the' : 'no'} connection to ${server}`
  return `${what}: ${reasonOf(error, config, reached, text => account.hideSecrets(text))}; ${next}`
}

/** What says no to a login rather than to a stream: all that a component is let in by is its name and its secret. */
function isRefusal({ condition }: StreamError, { type }: AccountConfig, reached: Reached): boolean {
  if (condition === 'not-authorized') return true
  const ofComponents = condition === 'host-unknown' || condition === 'conflict'
  return type === 'component' && reached !== 'session' && ofComponents
}

function subscriptionText({ from, action }: Extract<AccountEvent, { type: 'subscription' }>): string {
  const texts = {
    requested: `${from} asks to see our presence and is not answered: too many strangers may already`,
    granted: `${from} asked to see our presence, which auth_policy=accept allows`,
    refused: `${from} asked to see our presence, which auth_policy=deny refuses`,
    subscribed: `${from} lets us see its presence`,
    unsubscribe: `${from} no longer wants to see our presence`,
    unsubscribed: `${from} no longer lets us see its presence`,
  }
  return texts[action]
}

const counted = (count: number): string => (count === 1 ? '1 contact' : `${count} contacts`)
