import { parseArgs } from 'node:util'
import { defaultSettings, type PubsubSettings, readHost } from '../config/index.ts'
import { describe } from '../errors.ts'
import { printable } from '../printable.ts'
import { VERSION } from '../version.ts'
import { runOneOf } from './console.ts'
import { pubsubCommands } from './console-pubsub.ts'
import { defaultControlPath, serveControl } from './control.ts'
import { aborted, type Io, UsageError } from './io.ts'
import { Log } from './log.ts'
import { makePubsubService, SECRET_VARIABLE, startPubsubService } from './pubsub-service.ts'

/** What `res-xmpp pubsub --help` prints. */
export const pubsubUsage = `Usage: res-xmpp pubsub --domain DOMAIN [options]

Runs a PubSub service with collection nodes (XEP-0060, XEP-0248) in the foreground, as a component of an XMPP server; the log goes to stderr.
      --domain DOMAIN     the service's own domain, as the server's configuration names the component
      --host HOST         where the server is (default 127.0.0.1)
      --port N            its port for components (default 5347)
      --secret-file FILE  a file with the secret that both share; or the variable ${SECRET_VARIABLE},
      --secret SECRET     or this, which every user of the machine can see
      --tls direct|never  TLS from the first byte, or none at all (default: none within this machine; must be said for others)
      --tls-cafile FILE   the certificates to trust (default: the system's)
      --store DIR         a directory that keeps everything (default: it is gone with the process)
      --admin JID         may do with every node what an owner may; a domain names all its users; may be given more than once
      --creator JID       may create nodes; a domain names all its users, * everybody; may be given more than once
                          (default: the users of the domain that the service's is part of)
      --auto-create       who publishes to a node that is not there creates it (res_xmpp wants to be told that it is not)
      --nodes-per-owner N, --items-per-owner N, --bytes-per-owner N, --subscriptions-per-user N
                          (default 10000, 100000, 67108864, 20000)
      --control SOCKET    where 'res-xmpp rx' reaches it (default: $XDG_RUNTIME_DIR/res-xmpp.sock, else /run/res-xmpp/control)
SIGTERM leaves politely.
Exit: 0 after SIGTERM or SIGINT, 1 when it could not start, 2 for options that make no sense.
`

/** `res-xmpp pubsub`: the service by itself. */
export async function pubsub(argv: readonly string[], io: Io): Promise<number> {
  const { settings, control: given } = read(argv)
  // Asked for early: what comes while the store is read must not end the process the hard way.
  const { signal } = io
  const log = new Log({ write: io.stderr, timestamps: io.env.JOURNAL_STREAM === undefined })
  const fail = (code: number, error: unknown): number => {
    io.stderr(`res-xmpp pubsub: ${printable(describe(error))}\n`)
    return code
  }
  let service: ReturnType<typeof makePubsubService>
  try {
    service = makePubsubService(settings, io.env, log)
  } catch (error) {
    return fail(2, error)
  }
  const control = given ?? defaultControlPath(io.env)
  let stopControl: () => Promise<void>
  try {
    stopControl = await serveControl(control, (request, gone) =>
      runOneOf(pubsubCommands, request, { pubsub: service }, gone),
    )
  } catch (error) {
    return fail(1, error)
  }
  try {
    log.line('NOTICE', `res-xmpp ${VERSION}: a PubSub service, control socket ${control}`, service.jid)
    await startPubsubService(service, settings, log)
    await aborted(signal)
    log.line('NOTICE', 'leaving', service.jid)
    await service.stop()
    return 0
  } catch (error) {
    return fail(1, error)
  } finally {
    await stopControl()
  }
}

/** Errors thrown here name options, and no values: one may be a secret. */
function read(argv: readonly string[]): { settings: PubsubSettings; control: string | undefined } {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      domain: text,
      host: text,
      port: text,
      secret: text,
      'secret-file': text,
      tls: text,
      'tls-cafile': text,
      store: text,
      admin: { type: 'string', multiple: true },
      creator: { type: 'string', multiple: true },
      'auto-create': { type: 'boolean' },
      'nodes-per-owner': text,
      'items-per-owner': text,
      'bytes-per-owner': text,
      'subscriptions-per-user': text,
      control: text,
    },
  })
  if (positionals.length > 0) throw new UsageError('there is an argument that belongs to no option')
  if (values.domain === undefined) throw new UsageError('--domain is missing')
  const { tls } = values
  if (tls !== undefined && tls !== 'direct' && tls !== 'never') throw new UsageError('--tls takes direct or never')
  const usual = defaultSettings().pubsub
  const count = (option: keyof typeof values, usual: number): number => {
    const given = values[option]
    if (given === undefined) return usual
    if (typeof given !== 'string' || !/^\d{1,15}$/.test(given)) throw new UsageError(`--${option} takes a number`)
    return Number(given)
  }
  const port = count('port', usual.port)
  if (port < 1 || port > 65_535) throw new UsageError('--port takes a number from 1 to 65535')
  const host = readHost(values.host ?? usual.host)
  if ('expected' in host) throw new UsageError(`--host takes ${host.expected}`)
  const settings: PubsubSettings = {
    domain: values.domain,
    host: host.value,
    port,
    secret: values.secret,
    secret_file: values['secret-file'],
    tls,
    tls_cafile: values['tls-cafile'],
    store: values.store,
    admins: values.admin ?? [],
    creators: values.creator,
    auto_create: values['auto-create'] ?? false,
    nodes_per_owner: count('nodes-per-owner', usual.nodes_per_owner),
    items_per_owner: count('items-per-owner', usual.items_per_owner),
    bytes_per_owner: count('bytes-per-owner', usual.bytes_per_owner),
    subscriptions_per_user: count('subscriptions-per-user', usual.subscriptions_per_user),
  }
  return { settings, control: values.control }
}
