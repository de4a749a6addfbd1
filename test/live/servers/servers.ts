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
  /** The same for clients, STARTTLS required. */
  readonly tlsRequiredPort?: number
  /** XEP-0114, without TLS, for `component`. */
  readonly componentPort: number
  readonly component: string
  /** A component beside `component`, for tests that run at the same time. */
  readonly otherComponent: string
  /** And one beside both. */
  readonly thirdComponent: string
  /** And one beside those. */
  readonly fourthComponent: string
  /** And one beside those. */
  readonly fifthComponent: string
  /** And one beside those; Prosody lets it create nodes. */
  readonly sixthComponent: string
  /** Components for services of ours, each for one file of tests, and for a PBX beside them. */
  readonly services: Readonly<Record<'nodes' | 'clients' | 'pbxes' | 'kills' | 'switch', string>>
  /** XEP-0114 in TLS, for the one component that may come there. */
  readonly componentTls?: { readonly port: number; readonly domain: string }
  readonly componentSecret: string
  /** The PubSub service, where there is one. On Prosody admin, alice and two components create nodes, and others do not. */
  readonly pubsub?: string
  /** The strongest SASL mechanism that it has for the passwords it keeps, and we have too. */
  readonly mechanism: string
  /** How to log in, host by host; the first one is `domain`. */
  readonly hosts: readonly [LiveHost, ...LiveHost[]]
  /** The TLS versions in which it offers a -PLUS beside every SCRAM; it is always tls-unique that it binds to. */
  readonly plus: readonly ('TLSv1.2' | 'TLSv1.3')[]
  /** What XEP-0078 takes. */
  readonly legacyAuth: readonly ('password' | 'digest')[]
  /** It can resume a stream (XEP-0198): for so many seconds. */
  readonly resumeTimeout?: number
  /** Logs alice in on a host with EXTERNAL. */
  readonly clientCertificate: {
    /** Bare. */
    readonly jid: string
    /** PEM files. */
    readonly cert: string
    readonly key: string
  }
  /** The CA of its certificate, a PEM file. */
  readonly ca: string
  /** A CA that has nothing to do with it, a PEM file. */
  readonly otherCa: string
  /** See {@link second}. */
  readonly isSecond?: true
}

/** A host of a server. */
export interface LiveHost {
  readonly domain: string
  /** The SASL mechanisms it offers in TLS, the strongest first, -PLUS aside. */
  readonly mechanisms: readonly string[]
  /** It has the four users, with their passwords. */
  readonly users: boolean
  /** XEP-0388 with XEP-0386, and XEP-0198 inline in both. */
  readonly sasl2?: true
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
  fourthComponent: 'trips.prosody.test',
  fifthComponent: 'bots.prosody.test',
  sixthComponent: 'pbx.prosody.test',
  services: services('prosody.test'),
  pubsub: 'pubsub.prosody.test',
  componentSecret: 'compsecret',
  mechanism: 'SCRAM-SHA-1',
  hosts: [
    { domain: 'prosody.test', mechanisms: ['SCRAM-SHA-1', 'PLAIN'], users: true },
    { domain: 'plain.prosody.test', mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'], users: true },
    { domain: 'sasl2.prosody.test', mechanisms: ['SCRAM-SHA-1', 'PLAIN'], users: true, sasl2: true },
    { domain: 'ext.prosody.test', mechanisms: ['EXTERNAL'], users: false },
    { domain: 'oauth.prosody.test', mechanisms: ['OAUTHBEARER'], users: false },
    { domain: 'anon.prosody.test', mechanisms: ['ANONYMOUS'], users: false },
  ],
  plus: ['TLSv1.2'],
  legacyAuth: ['password'],
  resumeTimeout: 60,
  ...files('prosody/run', 'alice@ext.prosody.test'),
}

const ejabberd: LiveServer = {
  name: 'ejabberd',
  domain: 'ejabberd.test',
  unnamed: 'unnamed.ejabberd.test',
  port: 17122,
  directTlsPort: 17123,
  tlsRequiredPort: 17124,
  componentPort: 17147,
  component: 'comp.ejabberd.test',
  otherComponent: 'asterisk.ejabberd.test',
  thirdComponent: 'wire.ejabberd.test',
  fourthComponent: 'trips.ejabberd.test',
  fifthComponent: 'bots.ejabberd.test',
  sixthComponent: 'pbx.ejabberd.test',
  services: services('ejabberd.test'),
  pubsub: 'pubsub.ejabberd.test',
  componentTls: { port: 17148, domain: 'comptls.ejabberd.test' },
  componentSecret: 'compsecret',
  mechanism: 'SCRAM-SHA-512',
  hosts: [
    {
      domain: 'ejabberd.test',
      mechanisms: ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'DIGEST-MD5', 'PLAIN', 'EXTERNAL', 'X-OAUTH2'],
      users: true,
    },
    { domain: 'plain.ejabberd.test', mechanisms: ['SCRAM-SHA-1', 'PLAIN', 'EXTERNAL', 'X-OAUTH2'], users: true },
    { domain: 'anon.ejabberd.test', mechanisms: ['ANONYMOUS', 'PLAIN', 'EXTERNAL'], users: false },
  ],
  plus: ['TLSv1.2', 'TLSv1.3'],
  legacyAuth: ['password', 'digest'],
  resumeTimeout: 60,
  ...files('ejabberd/run', 'alice@ejabberd.test'),
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
  fourthComponent: 'trips.jabberd2.test',
  fifthComponent: 'bots.jabberd2.test',
  sixthComponent: 'pbx.jabberd2.test',
  services: services('jabberd2.test'),
  componentSecret: 'compsecret',
  mechanism: 'PLAIN',
  hosts: [{ domain: 'jabberd2.test', mechanisms: ['DIGEST-MD5', 'PLAIN', 'EXTERNAL'], users: true }],
  plus: [],
  legacyAuth: ['password', 'digest'],
  ...files('jabberd2/run', 'alice@jabberd2.test'),
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
  const { tlsRequiredPort, componentTls } = server
  return {
    ...server,
    port: server.port + 200,
    directTlsPort: server.directTlsPort + 200,
    ...(tlsRequiredPort && { tlsRequiredPort: tlsRequiredPort + 200 }),
    componentPort: server.componentPort + 200,
    ...(componentTls && { componentTls: { ...componentTls, port: componentTls.port + 200 } }),
    ...files(`${server.name}/run/second`, server.clientCertificate.jid),
    isSecond: true,
  }
}

/** An OAuth 2.0 access token for that user, for X-OAUTH2 or OAUTHBEARER. */
export async function issueToken(
  { name, isSecond }: LiveServer,
  { jid, password }: { readonly jid: string; readonly password: string },
): Promise<string> {
  // Prosody itself has none to issue; see prosody/tokens.js for those it takes.
  if (name === 'prosody') return `token-${jid}`
  if (name !== 'ejabberd') throw new Error(`${name} knows nothing of tokens`)
  const port = 17180 + (isSecond ? 200 : 0)
  const scope = 'sasl_auth'
  const body = new URLSearchParams({ grant_type: 'password', client_id: 'res-xmpp', username: jid, password, scope })
  const answer = await fetch(`http://127.0.0.1:${port}/oauth/token`, { method: 'POST', body })
  const { access_token } = (await answer.json()) as { access_token?: string }
  if (!access_token) throw new Error(`ejabberd issued no token for ${jid}: ${answer.status}`)
  return access_token
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

/** Parts of the server's own domain, so that its users may create nodes. */
function services(domain: string): LiveServer['services'] {
  const at = (name: string) => `${name}.${domain}`
  return { nodes: at('nodes'), clients: at('clients'), pbxes: at('pbxes'), kills: at('kills'), switch: at('switch') }
}

/** What `certificates` and `client_certificate` of lib.sh leave there. */
function files(run: string, jid: string): Pick<LiveServer, 'ca' | 'otherCa' | 'clientCertificate'> {
  const file = (name: string) => path(`${run}/certs/${name}`)
  return {
    ca: file('ca.crt'),
    otherCa: file('other-ca.crt'),
    clientCertificate: { jid, cert: file('client.crt'), key: file('client.key') },
  }
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
