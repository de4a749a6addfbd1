import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** A real server on 127.0.0.1, as its up.sh starts it. Users alice, bob, carol and admin, password `secret-<user>`. */
export interface LiveServer {
  readonly name: 'prosody' | 'ejabberd'
  readonly domain: string
  /** A host of the server that its certificate does not name; no users. */
  readonly unnamed: string
  /** The port for clients, STARTTLS optional. */
  readonly port: number
  readonly directTlsPort: number
  /** XEP-0114, without TLS, for `component`. */
  readonly componentPort: number
  readonly component: string
  readonly componentSecret: string
  /** The CA of its certificate, a PEM file. */
  readonly ca: string
  /** A CA that has nothing to do with it, a PEM file. */
  readonly otherCa: string
}

export const prosody: LiveServer = {
  name: 'prosody',
  domain: 'prosody.test',
  unnamed: 'unnamed.prosody.test',
  port: 17022,
  directTlsPort: 17023,
  componentPort: 17047,
  component: 'comp.prosody.test',
  componentSecret: 'compsecret',
  ca: path('prosody/run/certs/ca.crt'),
  otherCa: path('prosody/run/certs/other-ca.crt'),
}

export const ejabberd: LiveServer = {
  name: 'ejabberd',
  domain: 'ejabberd.test',
  unnamed: 'unnamed.ejabberd.test',
  port: 17122,
  directTlsPort: 17123,
  componentPort: 17147,
  component: 'comp.ejabberd.test',
  componentSecret: 'compsecret',
  ca: path('ejabberd/run/certs/ca.crt'),
  otherCa: path('ejabberd/run/certs/other-ca.crt'),
}

/** For tap's `skip`: live tests run only when asked for. */
export const skip: false | string =
  process.env.RES_XMPP_LIVE === '1' ? false : 'needs RES_XMPP_LIVE=1 and the servers of test/live/servers'

/** Starts the server, installing nothing; resolves when it answers, rejects with what the script wrote. */
export async function start(server: LiveServer): Promise<void> {
  await run(path(`${server.name}/up.sh`), ['--no-install'])
}

/** Stops the server; users and certificates are kept for the next start. */
export async function stop(server: LiveServer): Promise<void> {
  await run(path(`${server.name}/down.sh`))
}

const run = promisify(execFile)

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
