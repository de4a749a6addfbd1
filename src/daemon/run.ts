import { existsSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  defaultSettings,
  exposedMode,
  exposedText,
  formatProblem,
  formatProblemForLog,
  type LoadedConfig,
  loadConfig,
  parseSettings,
  type Settings,
} from '../config/index.ts'
import { describe } from '../errors.ts'
import { printable } from '../printable.ts'
import type { PubsubComponent } from '../pubsub-component/index.ts'
import { VERSION } from '../version.ts'
import { AccountSet } from './accounts.ts'
import { runCommand } from './console.ts'
import { defaultControlPath, serveControl } from './control.ts'
import { files, filesAndPrograms, usualConfig } from './files.ts'
import { aborted, type Io } from './io.ts'
import { Log } from './log.ts'
import { logEvents } from './log-events.ts'
import { usualConfigs, usualSettings } from './places.ts'
import { shareStates } from './states.ts'

/** What `res-xmpp run --help` prints. */
export const runUsage = `Usage: res-xmpp run [-c xmpp.conf] [--settings res-xmpp.conf] [--control SOCKET] [--strict] [--execincludes]

Runs the accounts of an xmpp.conf in the foreground; the log goes to stderr.
  -c, --config FILE      the accounts (default: ${usualConfigs.join(', else ')})
      --settings FILE    the daemon's own settings (default: ${usualSettings}, if there is one)
      --control SOCKET   where 'res-xmpp rx' reaches it (default: $XDG_RUNTIME_DIR/res-xmpp.sock, else /run/res-xmpp/control)
      --strict           do not start with any error in the configuration
      --execincludes     run what the accounts' file says with #exec
SIGHUP reads the configuration again, SIGTERM leaves politely.
`

/** ms that leaving politely may take. */
const FAREWELL = 4000

/** `res-xmpp run`: the daemon's composition root. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string', short: 'c' },
      settings: { type: 'string' },
      control: { type: 'string' },
      strict: { type: 'boolean', default: false },
      execincludes: { type: 'boolean', default: false },
    },
  })
  // Asked for early: signals that come while accounts are starting must not end the process the hard way.
  const { signal } = io
  let hangup = (): void => {}
  io.onHangup(() => hangup())
  const { settings, ok } = await readSettings(values.settings, io)
  if (!ok) return 1
  const log = new Log({
    write: io.stderr,
    timestamps: settings.daemon.timestamps ?? io.env.JOURNAL_STREAM === undefined,
  })
  const path = values.config ?? settings.daemon.config ?? usualConfig()
  const load = (): LoadedConfig => {
    const config = loadConfig(path, values.execincludes ? filesAndPrograms : files, {
      strict: values.strict,
      env: io.env,
    })
    for (const problem of config.problems)
      log.line(problem.severity === 'error' ? 'ERROR' : 'WARNING', formatProblemForLog(problem))
    return config
  }

  const first = load()
  if (first.fatal || first.accounts.length === 0) {
    const strict = first.fatal && first.accounts.length > 0
    log.line(
      'ERROR',
      `${path}: ${strict ? 'not started because of errors' : 'there is no account that could be started'}`,
    )
    return 1
  }
  let pubsub: PubsubComponent | undefined
  try {
    if (settings.pubsub.domain !== undefined) pubsub = await pubsubOf(settings, io, log)
  } catch (error) {
    log.line('ERROR', `[pubsub] in the settings: ${describe(error)}`)
    return 1
  }
  const { bus, sharing } = shareStates(settings, log)
  const accounts = new AccountSet(
    {
      sharing,
      streamLimits: { stanzaBytes: settings.limits.stanza_bytes },
      inboxLimits: { messages: settings.limits.inbox_messages, bytes: settings.limits.inbox_bytes },
    },
    account => logEvents(account, log),
  )

  let reloading: Promise<unknown> = Promise.resolve()
  const reload = (): Promise<{ ok: boolean; lines: string[] }> => {
    // One after the other: two at once would start an account twice.
    const result = reloading.then(async () => {
      const config = load()
      const problems = config.problems.map(formatProblem)
      if (config.problems.some(({ severity }) => severity === 'error') || config.fatal) {
        const text = `${path}: not reloaded because of errors; the running configuration stays`
        log.line('ERROR', text)
        return { ok: false, lines: [...problems, text] }
      }
      const changes = await accounts.apply(config.accounts)
      const lines = changes.length === 0 ? ['nothing has changed'] : changes
      for (const line of lines) log.line('NOTICE', `reload: ${line}`)
      return { ok: true, lines: [...problems, ...lines] }
    })
    reloading = result.catch(() => {})
    return result
  }

  const control = values.control ?? settings.daemon.control ?? defaultControlPath(io.env)
  let stopControl: () => Promise<void>
  try {
    stopControl = await serveControl(control, (request, gone) =>
      runCommand(request, { accounts, bus, reload, pubsub }, gone),
    )
  } catch (error) {
    log.line('ERROR', describe(error))
    return 1
  }
  for (const name of first.leftOut) log.line('ERROR', `[${name}] is left out: it has errors`)
  const count = first.accounts.length === 1 ? '1 account' : `${first.accounts.length} accounts`
  log.line('NOTICE', `res-xmpp ${VERSION}: ${count} from ${path}, control socket ${control}`)
  if (first.accounts.some(({ distribute_events }) => distribute_events))
    log.line('NOTICE', `states are shared as ${bus.eid}`)
  try {
    // Before the accounts, which may well want it.
    if (pubsub !== undefined) await startPubsub(pubsub, settings, log)
  } catch (error) {
    log.line('ERROR', describe(error), pubsub?.jid)
    await stopControl()
    return 1
  }
  await accounts.apply(first.accounts)
  hangup = () => void reload().catch(error => log.line('ERROR', `the reload failed: ${describe(error)}`))

  await aborted(signal)
  log.line('NOTICE', 'leaving')
  let failed = false
  // Who shares states has something to say to the service yet.
  const left = reloading
    .then(() => accounts.stop())
    .then(() => pubsub?.stop())
    .catch(error => {
      log.line('ERROR', describe(error))
      failed = true
    })
  await Promise.race([left, new Promise(resolve => setTimeout(resolve, FAREWELL).unref())])
  await stopControl()
  bus.stop()
  return failed ? 1 : 0
}

/** Loaded only for who has a service. */
async function pubsubOf({ pubsub }: Settings, io: Io, log: Log): Promise<PubsubComponent> {
  const { makePubsubService } = await import('./pubsub-service.ts')
  return makePubsubService(pubsub, io.env, log)
}

async function startPubsub(service: PubsubComponent, { pubsub }: Settings, log: Log): Promise<void> {
  const { startPubsubService } = await import('./pubsub-service.ts')
  await startPubsubService(service, pubsub, log)
}

async function readSettings(path: string | undefined, io: Io): Promise<{ settings: Settings; ok: boolean }> {
  if (path === undefined && !existsSync(usualSettings)) return { settings: defaultSettings(), ok: true }
  const file = path ?? usualSettings
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    io.stderr(`res-xmpp: the settings cannot be read: ${describe(error)}\n`)
    return { settings: defaultSettings(), ok: false }
  }
  const { settings, problems } = await parseSettings(text, file)
  const exposed = settings.pubsub.secret === undefined ? undefined : exposedMode(file, files)
  if (exposed !== undefined) io.stderr(`${printable(file)}: ${exposedText('the secret of [pubsub]', exposed)}\n`)
  for (const problem of problems) io.stderr(`${printable(formatProblem(problem))}\n`)
  return { settings, ok: problems.every(({ severity }) => severity !== 'error') }
}
