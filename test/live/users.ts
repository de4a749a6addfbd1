import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Test } from 'tap'
import { connect } from '../../src/connect.ts'
import { type ClientOptions, connectClient, el, type Session, StreamError } from '../../src/index.ts'
import { NS_CLIENT } from '../../src/negotiate.ts'
import type { XmlStream } from '../../src/stream/index.ts'
import type { LiveServer } from './servers/servers.ts'

const NS_REGISTER = 'jabber:iq:register'
const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls'

/** A user of a server. */
export interface User {
  readonly server: LiveServer
  /** Bare. */
  readonly jid: string
  readonly password: string
}

/**
 * Registers a user of a name nobody else has, so that what earlier or simultaneous tests leave behind (rosters, offline messages)
 * does not matter; gone again with the test, where the server can do that.
 */
export async function newUser(t: Test, server: LiveServer, word: string): Promise<User> {
  const username = `${word}-${randomBytes(4).toString('hex')}`
  // Characters that have to survive configuration file, SASLprep and XML.
  const password = `pä55 <&"'= ${randomBytes(6).toString('hex')}`
  await patiently(server, () => register(server, username, password))
  const user = { server, jid: `${username}@${server.domain}`, password }
  // jabberd2 mistakes the next connection for the one that has removed its account.
  if (server.name !== 'jabberd2') t.teardown(() => unregister(user))
  return user
}

/** Where a server is and what it is verified against, for the library. */
export function at(server: LiveServer): Pick<ClientOptions, 'host' | 'port' | 'ca'> {
  return { host: '127.0.0.1', port: server.port, ca: readFileSync(server.ca, 'utf8') }
}

/** Logs in by the library, with the stanzas read from then on; closed with the test. */
export async function login(t: Test, user: User, options: Partial<ClientOptions> = {}): Promise<Session> {
  const session = await loginOnly(t, user, options)
  session.run().catch(() => {})
  return session
}

/** The same, but reading is left to the caller, who then sees how the session ends. */
export async function loginOnly(t: Test, user: User, options: Partial<ClientOptions> = {}): Promise<Session> {
  const session = await attempt(user, options)
  t.teardown(() => session.close())
  return session
}

/** A login that may be refused; closed by whoever gets in. */
export function attempt(user: User, options: Partial<ClientOptions> = {}): Promise<Session> {
  return patiently(user.server, () => connectClient({ ...at(user.server), ...user, ...options }))
}

/**
 * Tries again what jabberd2 did wrong: it knows connections by their file descriptors, so what was still under way for one that has
 * just ended may end the next one with `internal-server-error`.
 */
async function patiently<T>(server: LiveServer, attempt: () => Promise<T>): Promise<T> {
  for (let left = server.name === 'jabberd2' ? 3 : 1; ; left--) {
    try {
      return await attempt()
    } catch (error) {
      if (left === 1 || !(error instanceof StreamError) || error.condition !== 'internal-server-error') throw error
    }
  }
}

/** XEP-0077 §3.1, before any login. */
async function register(server: LiveServer, username: string, password: string): Promise<void> {
  const { host = '', port = 0, ca } = at(server)
  const query = el(
    'query',
    NS_REGISTER,
    {},
    el('username', NS_REGISTER, {}, username),
    el('password', NS_REGISTER, {}, password),
  )
  const { domain } = server
  const ports = { direct: port, clear: port }
  const service = { domain, policy: 'starttls', host, port, ports, component: false } as const
  await connect({ ...service, ns: NS_CLIENT, tls: { domain } }, {}, async stream => {
    await open(stream, server)
    stream.send(el('starttls', NS_TLS))
    await stream.expect(NS_TLS, 'proceed')
    await stream.startTls({ domain, ca })
    await open(stream, server)
    stream.send(el('iq', NS_CLIENT, { type: 'set', id: 'register' }, query))
    const answer = await stream.expect(NS_CLIENT, 'iq')
    if (answer.attrs.type !== 'result') throw new Error(`${username} could not be registered: ${answer}`)
    await stream.close()
  })
}

async function open(stream: XmlStream, { domain }: LiveServer): Promise<void> {
  await stream.open({ to: domain, version: '1.0' })
  await stream.next()
}

/** XEP-0077 §3.2. The server may end the stream before it answers. */
async function unregister(user: User): Promise<void> {
  try {
    const session = await connectClient({ ...at(user.server), ...user })
    session.run().catch(() => {})
    await session.iq('set', undefined, el('query', NS_REGISTER, {}, el('remove', NS_REGISTER))).catch(() => {})
    await session.close()
  } catch {
    // A server that was stopped forgets its users otherwise.
  }
}
