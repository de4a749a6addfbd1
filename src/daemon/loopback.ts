import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { describe } from '../errors.ts'
import { printable } from '../printable.ts'
import { type Loopback, type LoopbackOptions, startLoopback } from '../testing/index.ts'
import { aborted, type Io } from './io.ts'

/** What `res-xmpp loopback --help` prints. */
export const loopbackUsage = `Usage: res-xmpp loopback [options]

Runs the XMPP server of our own tests on 127.0.0.1, to try things out with; says READY with its ports when it listens.
      --port N                  for clients, with STARTTLS (default 5222; 0 lets the system choose)
      --direct-port N           for clients, with direct TLS (default 5223)
      --component-port N        for components (default 5347)
      --component-tls-port N    for components, with direct TLS (default 5348)
      --user JID:PASSWORD       an account; may be given more than once
      --component DOMAIN:SECRET a component; may be given more than once
      --pubsub DOMAIN           a PubSub service; may be given more than once
      --cert-out FILE           writes the certificate to trust, made at each start
Exit: 0 when told to end, 1 when it could not start, 2 for options that make no sense.
`

/**
 * `res-xmpp loopback`: the XMPP server of the tests, to be tried by hand. It ends when the signal says so.
 * @returns the exit code: 0 after the signal, 1 when it could not start, 2 for arguments that make no sense
 */
export async function loopback(argv: readonly string[], io: Pick<Io, 'stdout' | 'stderr' | 'signal'>): Promise<number> {
  const fail = (code: number, error: unknown): number => {
    io.stderr(`res-xmpp loopback: ${printable(describe(error))}\n${code === 2 ? loopbackUsage : ''}`)
    return code
  }
  let asked: Asked
  try {
    asked = read(argv)
  } catch (error) {
    return fail(2, error)
  }
  let server: Loopback
  try {
    server = await startLoopback({ ...asked.options, log: line => io.stderr(`${line}\n`) })
  } catch (error) {
    // Nothing but the options themselves can be out of range, or no JID.
    const misused = error instanceof RangeError || (error as { code?: string }).code === 'XMPP_JID_MALFORMED'
    return fail(misused ? 2 : 1, error)
  }
  try {
    // Asking for the signal is what makes it heed one, so that comes before anybody is told that it is there.
    const { signal } = io
    if (asked.certOut !== undefined) await writeFile(asked.certOut, server.ca)
    const { host, port, directPort, componentPort, componentTlsPort } = server
    const components = `component-port=${componentPort} component-tls-port=${componentTlsPort}`
    io.stdout(`READY host=${host} port=${port} direct-port=${directPort} ${components}\n`)
    await aborted(signal)
    return 0
  } catch (error) {
    return fail(1, error)
  } finally {
    await server.stop()
  }
}

interface Asked {
  readonly options: LoopbackOptions
  readonly certOut: string | undefined
}

/** Errors thrown here name options and JIDs, but never a value that may hold a password. */
function read(argv: readonly string[]): Asked {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    // parseArgs would quote what it does not expect, and that may be a password behind a blank.
    allowPositionals: true,
    options: {
      port: { type: 'string', default: '5222' },
      'direct-port': { type: 'string', default: '5223' },
      'component-port': { type: 'string', default: '5347' },
      'component-tls-port': { type: 'string', default: '5348' },
      user: { type: 'string', multiple: true, default: [] },
      component: { type: 'string', multiple: true, default: [] },
      pubsub: { type: 'string', multiple: true, default: [] },
      'cert-out': { type: 'string' },
    },
  })
  if (positionals.length > 0) throw new Error('there is an argument that belongs to no option')
  return {
    options: {
      port: portNumber('port', values.port),
      directPort: portNumber('direct-port', values['direct-port']),
      componentPort: portNumber('component-port', values['component-port']),
      componentTlsPort: portNumber('component-tls-port', values['component-tls-port']),
      users: pairs('user', 'JID:PASSWORD', values.user),
      components: pairs('component', 'DOMAIN:SECRET', values.component),
      pubsub: values.pubsub,
    },
    certOut: values['cert-out'],
  }
}

function portNumber(option: string, text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 65_536
  if (value > 65_535) throw new Error(`--${option} takes a number from 0 to 65535`)
  return value
}

/** Only the first colon splits: a password may hold more, a JID's domain here none. */
function pairs(option: string, form: string, given: readonly string[]): Record<string, string> {
  const found = new Map<string, string>()
  for (const text of given) {
    const colon = text.indexOf(':')
    if (colon < 1 || colon === text.length - 1) throw new Error(`--${option} takes ${form}`)
    const key = text.slice(0, colon)
    if (found.has(key)) throw new Error(`--${option} names ${key} twice`)
    found.set(key, text.slice(colon + 1))
  }
  return Object.fromEntries(found)
}
