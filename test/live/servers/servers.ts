import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** A real server on 127.0.0.1, as its up.sh starts it. Users alice, bob, carol and admin, password `secret-<user>`. */
export interface LiveServer {
  readonly name: 'prosody' | 'ejabberd' | 'jabberd2'
  readonly domain: string
  /** A host of the server that its certificate does not name; no users. */
  readonly unnamed: string
  /** The port for clients, STARTTLS optional. */
  readonly port: number
  readonly directTlsPort: number
  /** XEP-0114, without TLS, for `component`. */
  readonly componentPort: number
  readonly component: string
  /** A component beside `component`, for tests that run at the same time. */
  readonly otherComponent: string
  /** And one beside both. */
  readonly thirdComponent: string
  readonly componentSecret: string
  /** The strongest SASL mechanism that it has for the passwords it keeps, and we have too. */
  readonly mechanism: string
  /** The CA of its certificate, a PEM file. */
  readonly ca: string
  /** A CA that has nothing to do with it, a PEM file. */
  readonly otherCa: string
  /** See {@link second}. */
  readonly isSecond?: true
}

const prosody: LiveServer = {
  name: 'prosody',
  domain: 'prosody.test',
  unnamed: 'unnamed.prosody.test',
  port: 17022,
  directTlsPort: 17023,
  componentPort: 17047,
  component: 'comp.prosody.test',
  otherComponent: 'asterisk.prosody.test',
  thirdComponent: 'wire.prosody.test',
  componentSecret: 'compsecret',
  mechanism: 'SCRAM-SHA-1',
  ca: path('prosody/run/certs/ca.crt'),
  otherCa: path('prosody/run/certs/other-ca.crt'),
}

const ejabberd: LiveServer = {
  name: 'ejabberd',
  domain: 'ejabberd.test',
  unnamed: 'unnamed.ejabberd.test',
  port: 17122,
  directTlsPort: 17123,
  componentPort: 17147,
  component: 'comp.ejabberd.test',
  otherComponent: 'asterisk.ejabberd.test',
  thirdComponent: 'wire.ejabberd.test',
  componentSecret: 'compsecret',
  mechanism: 'SCRAM-SHA-512',
  ca: path('ejabberd/run/certs/ca.crt'),
  otherCa: path('ejabberd/run/certs/other-ca.crt'),
}

const jabberd2: LiveServer = {
  name: 'jabberd2',
  domain: 'jabberd2.test',
  unnamed: 'unnamed.jabberd2.test',
  port: 17422,
  directTlsPort: 17423,
  componentPort: 17447,
  component: 'comp.jabberd2.test',
  otherComponent: 'asterisk.jabberd2.test',
  thirdComponent: 'wire.jabberd2.test',
  componentSecret: 'compsecret',
  mechanism: 'PLAIN',
  ca: path('jabberd2/run/certs/ca.crt'),
  otherCa: path('jabberd2/run/certs/other-ca.crt'),
}

/** For tap's `skip`: live tests run only when asked for. */
export const skip: false | string =
  process.env.RES_XMPP_LIVE === '1' ? false : 'needs RES_XMPP_LIVE=1 and the servers of test/live/servers'

/** All kinds. */
export const servers: readonly LiveServer[] = [prosody, ejabberd, jabberd2]

/**
 * A server of the same kind and the same hosts on ports of its own, for tests that stop or kill it: others may be talking to
 * the first one at that moment. It has no users but those a test registers.
 */
export function second(server: LiveServer): LiveServer {
  return {
    ...server,
    port: server.port + 200,
    directTlsPort: server.directTlsPort + 200,
    componentPort: server.componentPort + 200,
    ca: path(`${server.name}/run/second/certs/ca.crt`),
    otherCa: path(`${server.name}/run/second/certs/other-ca.crt`),
    isSecond: true,
  }
}

/** Starts the server, installing nothing; resolves when it answers, rejects with what the script wrote. */
export async function start(server: LiveServer): Promise<void> {
  await script(server, 'up.sh', '--no-install')
}

/** Stops the server; users and certificates are kept for the next start. */
export async function stop(server: LiveServer): Promise<void> {
  await script(server, 'down.sh')
}

/** Stops the server and forgets its users, certificates and logs. */
export async function wipe(server: LiveServer): Promise<void> {
  await script(server, 'down.sh', '--wipe')
}

/** Kills a second server as a power cut would; resolves when it is gone. */
export async function kill(server: LiveServer): Promise<void> {
  if (!server.isSecond) throw new Error('only a second server may be killed')
  const group = Number(readFileSync(path(`${server.name}/run/second/pgid`), 'utf8'))
  process.kill(-group, 'SIGKILL')
  await stop(server)
}

const run = promisify(execFile)

async function script(server: LiveServer, name: string, ...options: string[]): Promise<void> {
  await run(path(`${server.name}/${name}`), server.isSecond ? [...options, '--second'] : options)
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
