/** Every way to log in that the servers have, on every host and port of theirs, by the library. */
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { type ClientOptions, type Session, TlsSessions } from '../../src/index.ts'
import { mechanisms } from '../../src/sasl/index.ts'
import type { Element } from '../../src/stream/index.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'
import { rejects } from '../helper/rejects.ts'
import { Listener } from './listener.ts'
import { issueToken, type LiveHost, type LiveServer, servers, skip } from './servers/servers.ts'
import { attempt, login, loginOnly } from './users.ts'

t.setTimeout(240_000)

/** TLS 1.2 is what tls-unique needs. */
const versions = ['TLSv1.2', 'TLSv1.3'] as const

type Version = (typeof versions)[number]

for (const server of servers) {
  t.test(server.name, { skip }, async t => {
    for (const host of server.hosts) t.test(host.domain, t => everyMechanism(t, server, host))
    t.test('channel binding', t => channelBinding(t, server))
    t.test('channel binding and sessions of TLS', t => sessions(t, server))
    t.test('XEP-0078', t => legacy(t, server))
    t.test('refusals', t => refusals(t, server))
    for (const { domain, sasl2 } of server.hosts) if (sasl2) t.test('SASL2', t => extensible(t, server, domain))
  })
}

/** By STARTTLS and by direct TLS. */
function ways(server: LiveServer): readonly Pick<ClientOptions, 'tls' | 'port'>[] {
  return [
    { tls: 'starttls', port: server.port },
    { tls: 'direct', port: server.directTlsPort },
  ]
}

/** Who logs in there by that mechanism, and with what. */
async function proof(
  server: LiveServer,
  { domain, users }: LiveHost,
  mechanism: string,
): Promise<Partial<ClientOptions>> {
  const jid = `alice@${domain}`
  const password = 'secret-alice'
  switch (mechanism) {
    case 'EXTERNAL':
      return certificateOf(server)
    case 'ANONYMOUS':
      return { jid: domain, password: undefined }
    case 'X-OAUTH2':
    case 'OAUTHBEARER':
      return { jid, password: undefined, token: await issueToken(server, { jid, password }) }
    default:
      if (!users) throw new Error(`${domain} has nobody who could use ${mechanism}`)
      return { jid, password }
  }
}

function certificateOf({ clientCertificate: { jid, cert, key } }: LiveServer): Partial<ClientOptions> {
  return { jid, password: undefined, cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
}

/** Whether it works there. EXTERNAL is offered to all, and alice on one host; what has no users has no passwords. */
function works(server: LiveServer, { domain, users }: LiveHost, mechanism: string, tls: ClientOptions['tls']): boolean {
  if (mechanism !== 'EXTERNAL') return users || ['ANONYMOUS', 'OAUTHBEARER'].includes(mechanism)
  // Prosody asks for a certificate once it knows the host, which it does not on the port of direct TLS.
  return server.clientCertificate.jid === `alice@${domain}` && (server.name !== 'prosody' || tls === 'starttls')
}

async function everyMechanism(t: Test, server: LiveServer, host: LiveHost): Promise<void> {
  for (const way of ways(server)) {
    for (const name of host.mechanisms.filter(name => works(server, host, name, way.tls))) {
      const options = { ...way, ...(await proof(server, host, name)) }
      const bindable = name.startsWith('SCRAM-') ? server.plus.filter(version => version === 'TLSv1.2') : []
      await byMechanism(t, server, host, { ...options, channelBinding: 'no' }, name)
      for (const maxVersion of bindable) await byMechanism(t, server, host, { ...options, maxVersion }, `${name}-PLUS`)
    }
  }
}

/** Logs in by that mechanism and no other, and talks to itself. */
async function byMechanism(
  t: Test,
  server: LiveServer,
  host: LiveHost,
  options: Partial<ClientOptions>,
  mechanism: string,
): Promise<void> {
  const only = mechanisms.filter(({ name }) => name === mechanism)
  const session = await echoes(t, server, { ...options, mechanisms: only }, `${options.tls}, ${mechanism}`)
  const { version, verified } = session.stream.transport.tls ?? {}
  t.strictSame([version, verified], [options.maxVersion ?? 'TLSv1.3', true])
  const binding = mechanism.endsWith('-PLUS') ? 'tls-unique' : undefined
  t.strictSame(picked(session), { mechanism, binding, unbound: undefined })
  const { management } = session.negotiated
  // Asked for behind bind, or within it.
  const managed = host.sasl2 ? { resumable: undefined } : 'requested'
  t.strictSame(management, server.resumeTimeout === undefined ? undefined : managed)
}

function picked({ negotiated: { mechanism, binding, unbound } }: Session): object {
  return { mechanism, binding, unbound }
}

/** A session that has got a message from itself. */
async function echoes(t: Test, server: LiveServer, options: Partial<ClientOptions>, message: string): Promise<Session> {
  const listener = new Listener()
  const user = { server, jid: `alice@${server.domain}`, password: 'secret-alice' }
  const session = await login(t, user, { ...options, xeps: [listener.xep] })
  say(session, message)
  t.equal(await listener.body(session.jid), message, message)
  return session
}

function say(session: Session, body: string): void {
  session.send(session.stanza('message', { type: 'chat', to: session.jid }, session.stanza('body', {}, body)))
}

/** What a login comes to by each policy: how it ends, or why there is none. */
interface Outcome {
  readonly mechanism?: string
  readonly binding?: string
  readonly unbound?: RegExp
  readonly error?: object
}

function outcomes(server: LiveServer, version: Version): Record<'auto' | 'required' | 'no', Outcome> {
  const without = { mechanism: server.mechanism }
  if (!server.plus.includes(version)) {
    const message = /^invalid-mechanism: channel binding is required, but the server offers no -PLUS mechanism here$/
    return { auto: without, required: { error: { condition: 'invalid-mechanism', message } }, no: without }
  }
  if (version === 'TLSv1.2') {
    const bound = { mechanism: `${server.mechanism}-PLUS`, binding: 'tls-unique' }
    return { auto: bound, required: bound, no: without }
  }
  // It offers -PLUS and can bind to nothing: who insists is refused for what is sent, the others are told why.
  const unbound =
    /^logging in without channel binding, though the server offers it: it does not say what it can bind to \(XEP-0440\), and TLSv1\.3 has tls-exporter, /
  return { auto: { ...without, unbound }, required: { error: { condition: 'not-authorized' } }, no: without }
}

async function channelBinding(t: Test, server: LiveServer): Promise<void> {
  for (const version of versions) {
    for (const [policy, { error, mechanism, binding, unbound }] of Object.entries(outcomes(server, version))) {
      for (const way of ways(server)) {
        const what = `${version}, ${policy}, ${way.tls}`
        const options = { ...way, maxVersion: version, channelBinding: policy as 'auto' | 'required' | 'no' }
        if (error !== undefined) {
          const user = { server, jid: `alice@${server.domain}`, password: 'secret-alice' }
          await rejects(t, attempt(user, options), { name: 'SaslError', ...error }, what)
          continue
        }
        const session = await echoes(t, server, options, what)
        t.equal(session.stream.transport.tls?.version, version)
        t.strictSame([session.mechanism, session.negotiated.binding], [mechanism, binding])
        if (unbound === undefined) t.equal(session.negotiated.unbound, undefined)
        else t.match(session.negotiated.unbound, unbound)
      }
    }
  }
}

/**
 * A connection that comes back is bound to its channel like the first. None of the servers goes on with a session of TLS: two begin another,
 * jabberd2 ends the handshake, and is asked for another one at once.
 */
async function sessions(t: Test, server: LiveServer): Promise<void> {
  const user = { server, jid: `alice@${server.domain}`, password: 'secret-alice' }
  for (const version of versions) {
    for (const channelBinding of ['auto', 'no'] as const) {
      for (const way of ways(server)) {
        const options = { ...way, maxVersion: version, channelBinding, sessions: new TlsSessions() }
        const [first, second] = [await loginOnly(t, user, options), await loginOnly(t, user, options)]
        const what = ({ negotiated: { mechanism, binding } }: Session) => ({ mechanism, binding })
        t.strictSame(what(second), what(first), `${version}, ${channelBinding}, ${way.tls}: ${first.mechanism}`)
        t.match(second.stream.transport.tls, { version, resumed: false })
        await Promise.all([first.close(), second.close()])
      }
    }
  }
}

/** Which fields a login by XEP-0078 has sent. */
function fieldsSent(elements: readonly Element[]): string[] {
  const queries = elements.map(element => element.child('query', 'jabber:iq:auth')).filter(query => query !== undefined)
  return queries.at(-1)?.elements.map(({ name }) => name) ?? []
}

/** Where passwords are kept as they are; a digest cannot be checked by what SCRAM keeps of them. */
async function legacy(t: Test, server: LiveServer): Promise<void> {
  const hosts = server.hosts.filter(({ users, sasl2, domain }) => users && !sasl2 && domain !== 'plain.ejabberd.test')
  for (const { domain } of hosts) {
    for (const way of ways(server)) {
      const sent: Element[] = []
      const trace = (direction: 'in' | 'out', element: Element) => {
        if (direction === 'out') sent.push(element)
      }
      const jid = `alice@${domain}/legacy`
      const options = { ...way, jid, iqAuth: true }
      const session = await echoes(t, server, { ...options, stream: { trace } }, `${domain}, ${way.tls}`)
      t.equal(session.jid, jid)
      t.strictSame(picked(session), { mechanism: 'XEP-0078', binding: undefined, unbound: undefined })
      t.strictSame(fieldsSent(sent), ['username', server.legacyAuth.at(-1), 'resource'])
      const user = { server, jid, password: 'wrong' }
      await rejects(t, attempt(user, options), { name: 'SaslError', condition: 'not-authorized' }, 'a wrong password')
    }
  }
}

/** What a refusal is called where it is not `not-authorized`. */
function refusal(server: LiveServer, mechanism: string): object {
  if (mechanism !== 'EXTERNAL') return { name: 'SaslError', condition: 'not-authorized', message: unknownUser }
  switch (server.name) {
    case 'prosody':
      return { name: 'SaslError', condition: 'account-disabled', message: /: the account is disabled on the server/ }
    case 'ejabberd':
      return { name: 'SaslError', condition: 'not-authorized', message: /certificate in certificate chain$/ }
    case 'jabberd2':
      // It ends the connection behind a handshake that we have finished.
      return { name: 'XmppError' }
  }
}

const unknownUser =
  /^not-authorized: the server does not accept this user name with this password, token or certificate; the server says: \S/

/** Something wrong to show for each mechanism. */
function wrong(mechanism: string, jid: string): Partial<ClientOptions> {
  switch (mechanism) {
    case 'EXTERNAL': {
      const { cert, key } = makeCertificate({ names: [], commonName: jid, purpose: 'client', xmppAddrs: [jid] })
      return { password: undefined, cert, key }
    }
    case 'X-OAUTH2':
    case 'OAUTHBEARER':
      return { password: undefined, token: 'wrong' }
    default:
      return {}
  }
}

async function refusals(t: Test, server: LiveServer): Promise<void> {
  for (const { domain, mechanisms: offered } of server.hosts) {
    for (const way of ways(server)) {
      for (const name of offered.filter(name => name !== 'ANONYMOUS')) {
        const user = { server, jid: `alice@${domain}`, password: 'wrong' }
        const only = mechanisms.filter(mechanism => mechanism.name === name)
        const login = attempt(user, { ...way, mechanisms: only, ...wrong(name, user.jid) })
        await rejects(t, login, refusal(server, name), `${domain}, ${way.tls}, ${name}`)
      }
    }
  }
  await t.test('a certificate of somebody else', async t => {
    const { domain } = server.hosts.find(host => works(server, host, 'EXTERNAL', 'starttls')) as LiveHost
    const options = { ...certificateOf(server), jid: `bob@${domain}` }
    const user = { server, jid: '', password: '' }
    await rejects(t, attempt(user, options), { name: 'SaslError', condition: 'not-authorized' })
  })
}

/** XEP-0388 with XEP-0386, and XEP-0198 in both: a login and a resumption. */
async function extensible(t: Test, server: LiveServer, domain: string): Promise<void> {
  for (const way of ways(server)) {
    const listener = new Listener()
    const user = { server, jid: `alice@${domain}`, password: 'secret-alice' }
    const options = { ...way, xeps: [listener.xep], streamManagement: 'resumable' as const }
    const session = await loginOnly(t, user, options)
    const { management, target } = session.negotiated
    t.match(session.jid, new RegExp(`^${user.jid}/res-xmpp.`), `${way.tls}: the resource is completed by the server`)
    t.match(management, { resumable: { id: /^\S+$/, max: server.resumeTimeout } })
    const ended = session.run({ keep: true })
    session.stream.destroy(new Error('the network is gone'))
    await rejects(t, ended, { message: 'the network is gone' })

    say(session, 'said meanwhile')
    const { id } = session.resumption ?? {}
    t.ok(id)
    const again = await attempt(user, { ...options, earlier: session })
    t.equal(again, session, 'the session has been resumed')
    t.match(session.negotiated, { resumed: { handled: 0 }, jid: session.jid, target })
    session.run({ keep: true }).catch(() => {})
    t.equal(await listener.body(session.jid), 'said meanwhile')

    const named = await echoes(t, server, { ...way, jid: `${user.jid}/desk` }, `${way.tls}, a resource of its own`)
    t.equal(named.jid, `${user.jid}/desk`, 'by the bind of RFC 6120')
    t.equal(named.negotiated.management, 'requested')
    const classic = await echoes(t, server, { ...way, jid: user.jid, sasl2: false }, `${way.tls}, RFC 6120`)
    t.equal(classic.negotiated.management, 'requested')
  }
}
