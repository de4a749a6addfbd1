import { readFileSync } from 'node:fs'
import { exposedText, isLoopback, type PubsubSettings, readSecretFile } from '../config/index.ts'
import { describe, StreamError, XmppError } from '../errors.ts'
import { DirectoryStore, PubsubComponent } from '../pubsub-component/index.ts'
import type { Session } from '../session.ts'
import { files } from './files.ts'
import type { Log } from './log.ts'
import { Throttle } from './throttle.ts'

/** The variable that may hold the secret. */
export const SECRET_VARIABLE = 'RES_XMPP_PUBSUB_SECRET'

/**
 * The service that these settings describe, logging what becomes of it; it is not started.
 * @throws XmppError in words for what cannot be
 */
export function makePubsubService(settings: PubsubSettings, env: NodeJS.ProcessEnv, log: Log): PubsubComponent {
  const { domain, host, port, store: directory, admins, creators, auto_create: autoCreate } = settings
  if (domain === undefined) throw wrong('the domain is missing')
  const store =
    directory === undefined
      ? undefined
      : new DirectoryStore({ path: directory, onTrouble: text => log.line('WARNING', text, domain) })
  const service = new PubsubComponent({
    domain,
    host,
    port,
    secret: secretOf(settings, env, text => log.line('WARNING', text, domain)),
    ...tlsOf(settings),
    autoCreate,
    admins,
    limits: {
      nodesPerOwner: settings.nodes_per_owner,
      itemsPerOwner: settings.items_per_owner,
      bytesPerOwner: settings.bytes_per_owner,
      subscriptionsPerPerson: settings.subscriptions_per_user,
    },
    ...(creators !== undefined && { creators }),
    ...(store !== undefined && { store }),
  })
  if (creators === undefined && !service.jid.includes('.')) {
    log.line(
      'WARNING',
      'its domain is part of no other, so that nobody but admins may create nodes; say who are its creators',
      domain,
    )
  }
  logService(service, log)
  return service
}

/**
 * Reads the store and attaches the service.
 * @throws XmppError `PUBSUB_STORE`
 */
export async function startPubsubService(service: PubsubComponent, { store }: PubsubSettings, log: Log): Promise<void> {
  const { damage } = await service.start()
  for (const text of damage) log.line('WARNING', text, service.jid)
  const { nodes, items, subscriptions } = service.counts
  const kept = store === undefined ? 'keeps its nodes in memory' : `keeps its nodes in ${store}`
  const found = nodes === 0 ? 'there are none yet' : `${nodes} nodes, ${items} items, ${subscriptions} subscriptions`
  log.line('NOTICE', `the PubSub service ${kept}: ${found}`, service.jid)
}

/** The one place that it is given at, besides the environment, where it may also be for others. */
function secretOf(
  { secret, secret_file: file }: PubsubSettings,
  env: NodeJS.ProcessEnv,
  warn: (text: string) => void,
): string {
  if (secret !== undefined && file !== undefined)
    throw wrong('its secret is given and a file with it too: which one is it?')
  const found = secret ?? (file === undefined ? env[SECRET_VARIABLE] : readSecret(file, warn))
  if (found === undefined || found === '') {
    throw wrong(
      `the secret that it shares with its server is missing: name a file that holds it, or set ${SECRET_VARIABLE}`,
    )
  }
  return found
}

function readSecret(file: string, warn: (text: string) => void): string {
  const reading = readSecretFile(file, { source: files, directory: process.cwd() })
  if ('error' in reading) throw wrong(`the file of its secret: ${reading.error}`)
  if (reading.exposed !== undefined) warn(`${file}: ${exposedText('the secret', reading.exposed)}`)
  return reading.secret
}

/** XEP-0114 knows no STARTTLS; and what is not within this machine is in clear only where somebody says so. */
function tlsOf({ host, tls, tls_cafile: file }: PubsubSettings): { tls: 'direct' | 'never'; ca?: string } {
  if (tls === undefined && !isLoopback(host)) {
    const text = `"${host}" is not this machine: choose TLS from the first byte (direct), where the server has a port for it, or none at all (never)`
    throw wrong(text)
  }
  if (file === undefined) return { tls: tls ?? 'never' }
  try {
    return { tls: tls ?? 'never', ca: readFileSync(file, 'utf8') }
  } catch (error) {
    throw wrong(`the certificates in ${file} cannot be read: ${describe(error)}`)
  }
}

function logService(service: PubsubComponent, log: Log): void {
  const { jid } = service
  service.on('online', ({ session }) => log.line('NOTICE', `attached${placeOf(session)}`, jid))
  service.on('offline', ({ error, retryIn }) => {
    const next = retryIn === 0 ? 'at once' : `in ${(retryIn / 1000).toFixed(retryIn < 10_000 ? 1 : 0)} s`
    log.line('WARNING', `not attached: ${reason(error)}; trying again ${next}`, jid)
  })
  service.on('store', ({ error, retryIn }) => {
    const text = `${describe(error)}; nothing is taken until it can be, which is tried in ${retryIn / 1000} s`
    log.line('ERROR', text, jid)
  })
  const cuts = new Throttle(20, skipped => log.line('WARNING', `${skipped} more of these were not logged`, jid))
  service.on('cut', ({ from = 'the passing of time' }) => {
    if (!cuts.allow()) return
    log.line('WARNING', `too much was to be told at once because of ${from}: some subscribers were not`, jid)
  })
  service.on('restored', ({ report }) => {
    for (const text of report.damage) log.line('WARNING', text, jid)
    log.line('NOTICE', 'the store can be written again', jid)
  })
}

function reason(error: unknown): string {
  if (!(error instanceof StreamError)) return describe(error)
  if (error.condition === 'not-authorized') return 'the server refuses the secret'
  if (error.condition === 'host-unknown') return 'the server knows no component of that domain'
  return describe(error)
}

function placeOf({ target, stream }: Session): string {
  const place = target === undefined ? '' : ` to ${target.host} port ${target.port}`
  return `${place} (${stream.transport.tls?.version ?? 'no TLS'})`
}

function wrong(text: string): XmppError {
  return new XmppError('PUBSUB_OPTION', text)
}
