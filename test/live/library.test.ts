/** The library against real servers: what only they can show. */
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import {
  availablePresence,
  connectComponent,
  el,
  fetchRoster,
  readPresence,
  type Session,
  sendPing,
  subscription,
  VERSION,
} from '../../src/index.ts'
import { rejects } from '../helper/rejects.ts'
import { Listener } from './listener.ts'
import { Peer } from './peer.ts'
import { type LiveServer, servers, skip } from './servers/servers.ts'
import { attempt, login, newUser } from './users.ts'

t.setTimeout(120_000)

const NS_DISCO_INFO = 'http://jabber.org/protocol/disco#info'
const NS_VERSION = 'jabber:iq:version'

for (const server of servers) {
  t.test(server.name, { skip }, async t => {
    t.test('login under TLS', t => logins(t, server))
    t.test('a server that cannot be trusted', t => untrusted(t, server))
    t.test('a login that is refused', t => refused(t, server))
    t.test('what a session does', t => session(t, server))
    t.test('two of ours', t => two(t, server))
    t.test('messages with the independent client', t => messages(t, server))
    t.test('what ends a session', t => endings(t, server))
    t.test('a component', t => component(t, server))
    t.test('a component that is refused', t => componentRefused(t, server))
  })
}

async function logins(t: Test, server: LiveServer): Promise<void> {
  const user = await newUser(t, server, 'login')
  for (const tls of ['starttls', 'direct'] as const) {
    const port = tls === 'direct' ? server.directTlsPort : server.port
    const session = await login(t, user, { jid: `${user.jid}/${tls}`, tls, port })
    t.equal(session.jid, `${user.jid}/${tls}`, `${tls}: the resource asked for`)
    t.equal(session.mechanism, server.mechanism)
    t.match(session.stream.transport.tls, { version: 'TLSv1.3', verified: true })
  }
  const session = await login(t, user)
  t.match(session.jid, /^login-[0-9a-f]+@[a-z0-9.]+\/.+$/, 'without a resource the server makes one up')
}

async function untrusted(t: Test, server: LiveServer): Promise<void> {
  const user = { server, jid: `alice@${server.domain}`, password: 'secret-alice' }
  const direct = { tls: 'direct', port: server.directTlsPort } as const
  const otherCa = readFileSync(server.otherCa, 'utf8')
  const unknown = {
    code: 'XMPP_TLS_REFUSED',
    message: /^the server's certificate for .+ is refused: it was issued by .+\(/,
  }
  await rejects(t, attempt(user, { ca: otherCa }), unknown, 'unknown CA')
  await rejects(t, attempt(user, { ca: otherCa, ...direct }), unknown, 'unknown CA, direct TLS')
  await rejects(t, attempt(user, { ca: undefined }), unknown, "only the system's CAs")

  const elsewhere = { ...user, jid: `alice@${server.unnamed}` }
  const name = {
    code: 'XMPP_TLS_REFUSED',
    message: new RegExp(`^the server's certificate is not for ${server.unnamed}, it names .*${server.domain}`),
  }
  await rejects(t, attempt(elsewhere), name, 'wrong name')
  await rejects(t, attempt(elsewhere, direct), name, 'wrong name, direct TLS')

  const session = await attempt(user, { ca: otherCa, verify: false })
  t.equal(session.stream.transport.tls?.verified, false, 'verify: false takes it, and it shows')
  await session.close()
}

async function refused(t: Test, server: LiveServer): Promise<void> {
  const failure = { name: 'SaslError', code: 'XMPP_SASL_FAILURE', condition: 'not-authorized' }
  const user = await newUser(t, server, 'refused')
  await rejects(t, attempt(user, { password: 'wrong' }), failure, 'wrong password')
  await rejects(t, attempt({ ...user, jid: `nobody@${server.domain}` }), failure, 'no user')
  const port = { code: 'XMPP_CONNECT_FAILED', message: /^cannot connect to 127\.0\.0\.1 port 1: / }
  await rejects(t, attempt(user, { port: 1 }), port, 'nobody listens')
}

async function session(t: Test, server: LiveServer): Promise<void> {
  const [one, other] = [await newUser(t, server, 'one'), await newUser(t, server, 'other')]
  const session = await login(t, one, { jid: `${one.jid}/here` })
  const asker = await login(t, other, { jid: `${other.jid}/there` })

  t.strictSame(await fetchRoster(session), [], 'an empty roster')
  session.send(subscription(session, 'subscribe', other.jid))
  // The server works off a stream in order, so the answer tells that the request has been taken.
  await sendPing(session, undefined)
  const items = [{ jid: other.jid, name: '', subscription: 'none', asked: true }]
  t.strictSame(await fetchRoster(session), items, 'a roster item')

  t.ok((await sendPing(session, undefined)) >= 0, 'a ping to the server')
  t.ok((await sendPing(session, server.domain)) >= 0, 'a ping to its domain')
  // jabberd2 tells what an account is, whichever of its addresses is asked.
  const identity = server.name === 'jabberd2' ? undefined : { category: 'client', type: 'pc', name: 'res-xmpp' }
  await answers(t, asker, session.jid, identity)
  await rejects(
    t,
    asker.iq('get', session.jid, el('query', 'jabber:iq:time')),
    { name: 'StanzaError', condition: 'service-unavailable' },
    'what nobody handles',
  )
  await rejects(
    t,
    asker.iq('get', `${one.jid}/gone`, el('ping', 'urn:xmpp:ping')),
    { name: 'StanzaError', condition: 'service-unavailable' },
    'a resource that is not there',
  )
}

/**
 * Ping, version and, where the server lets it through, disco#info of someone, asked by someone else; what they answer comes from the
 * address asked.
 */
async function answers(t: Test, asker: Session, to: string, identity?: Record<string, string>): Promise<void> {
  t.ok((await sendPing(asker, to)) >= 0, 'answers a ping')
  const version = await asker.iq('get', to, el('query', NS_VERSION))
  t.equal(version.attrs.from, to)
  const software = version.child('query', NS_VERSION)
  t.equal(software?.childText('name'), 'res-xmpp')
  t.equal(software?.childText('version'), VERSION)
  if (identity === undefined) return
  const info = (await asker.iq('get', to, el('query', NS_DISCO_INFO))).child('query', NS_DISCO_INFO)
  t.strictSame({ ...info?.child('identity')?.attrs }, identity)
  const features = info?.elements.filter(({ name }) => name === 'feature').map(({ attrs }) => attrs.var)
  t.strictSame(features, [
    'http://jabber.org/protocol/caps',
    NS_DISCO_INFO,
    'http://jabber.org/protocol/disco#items',
    NS_VERSION,
    'urn:xmpp:ping',
  ])
}

/** RFC 6121 §3.1, then §4 and §5, between two of our own clients. */
async function two(t: Test, server: LiveServer): Promise<void> {
  const [one, other] = [await newUser(t, server, 'one'), await newUser(t, server, 'other')]
  const [hers, his] = [new Listener(), new Listener()]
  const she = await login(t, one, { jid: `${one.jid}/hers`, xeps: [hers.xep] })
  const he = await login(t, other, { jid: `${other.jid}/his`, xeps: [his.xep] })
  for (const session of [she, he]) {
    await fetchRoster(session)
    session.send(availablePresence(session))
  }
  she.send(subscription(she, 'subscribe', other.jid))
  await his.presence(one.jid, 'subscribe')
  he.send(subscription(he, 'subscribed', one.jid))
  t.ok(await hers.presence(he.jid), 'she sees that he is there')
  t.match(await fetchRoster(she), [{ jid: other.jid, subscription: 'to' }])
  he.send(availablePresence(he, { show: 'dnd', status: 'nicht störén', priority: 7 }))
  const seen = readPresence(await hers.presence(he.jid))
  t.strictSame(seen, { show: 'dnd', status: 'nicht störén', priority: 7 }, 'and what he is doing')

  const body = ' <&"\'>]]> grüße\n日本 🙂 '
  she.send(she.stanza('message', { type: 'chat', to: other.jid }, she.stanza('body', {}, body)))
  t.equal(await his.body(she.jid), body, 'a message to the bare JID')
  he.send(he.stanza('message', { type: 'chat', to: she.jid }, he.stanza('body', {}, body)))
  t.equal(await hers.body(he.jid), body, 'and one to the full JID')
  await he.close()
  t.ok(await hers.presence(he.jid, 'unavailable'), 'he is seen to go')
}

async function messages(t: Test, server: LiveServer): Promise<void> {
  const [one, other] = [await newUser(t, server, 'one'), await newUser(t, server, 'other')]
  const listener = new Listener()
  const session = await login(t, one, { xeps: [listener.xep] })
  session.send(availablePresence(session, { priority: 5 }))
  const peer = await Peer.start(t, other)

  for (const body of ['plain', '  blanks \n and lines\n', 'grüße 日本 🙂🙂', '<&"\'>]]>', 'x'.repeat(100_000)]) {
    session.send(session.stanza('message', { type: 'chat', to: peer.jid }, session.stanza('body', {}, body)))
    const heard = await peer.next({ event: 'message', from: session.jid })
    t.equal(heard.body, body, 'to the peer')
    peer.tell({ do: 'send', to: one.jid, body })
    t.equal(await listener.body(peer.jid), body, 'from the peer')
  }
}

async function endings(t: Test, server: LiveServer): Promise<void> {
  const user = await newUser(t, server, 'ending')
  const same = { ...user, jid: `${user.jid}/same` }

  const old = await attempt(same)
  const ended = old.run()
  ended.catch(() => {}) // it may end before the new one is ready
  const fresh = await attempt(same)
  await rejects(t, ended, { name: 'StreamError', condition: 'conflict', by: 'peer' }, 'the same resource again')
  t.equal(fresh.jid, old.jid)

  const all = fresh.run()
  await fresh.close()
  await all
  t.ok(fresh.stream.over, 'a close that both sides agree on')
}

async function component(t: Test, server: LiveServer): Promise<void> {
  const user = await newUser(t, server, 'user')
  const listener = new Listener()
  const { component: domain, componentSecret: secret, componentPort: port } = server
  const session = await connectComponent({ domain, secret, host: '127.0.0.1', port, xeps: [listener.xep] })
  session.run().catch(() => {})
  t.teardown(() => session.close())
  t.equal(session.jid, domain)
  t.equal(session.mechanism, 'handshake')

  const asker = await login(t, user)
  const gateway = { category: 'gateway', type: 'pstn', name: 'res-xmpp' }
  for (const to of [domain, `line1@${domain}`, `line1@${domain}/desk`]) await answers(t, asker, to, gateway)
  await rejects(
    t,
    asker.iq('get', `line1@${domain}`, el('query', 'jabber:iq:time')),
    { name: 'StanzaError', condition: 'service-unavailable' },
    'what nobody handles',
  )

  const peer = await Peer.start(t, await newUser(t, server, 'peer'))
  const from = `line1@${domain}`
  session.send(session.stanza('message', { from, to: peer.jid }, session.stanza('body', {}, 'grüße')))
  t.equal((await peer.next({ event: 'message', from })).body, 'grüße', 'to the peer')
  session.send(session.stanza('message', { to: peer.jid }, session.stanza('body', {}, 'x')))
  t.ok(await peer.next({ event: 'message', from: domain }), "without a from of its own it is the component's domain")
  peer.tell({ do: 'send', to: `anyone@${domain}`, body: ' zurück ' })
  t.equal(await listener.body(peer.jid), ' zurück ', 'from the peer')
}

async function componentRefused(t: Test, server: LiveServer): Promise<void> {
  const { component: domain, componentSecret: secret, componentPort: port } = server
  const common = { domain, secret, host: '127.0.0.1', port }
  const failure = { name: 'StreamError', code: 'XMPP_STREAM_ERROR', by: 'peer' }
  const wrong = { ...failure, condition: 'not-authorized' }
  await rejects(t, connectComponent({ ...common, secret: 'wrong' }), wrong, 'wrong secret')
  const stranger = { ...common, domain: `nobody.${server.domain}` }
  if (server.name === 'jabberd2') {
    // Its secret is one for all names.
    const session = await connectComponent(stranger)
    t.equal(session.jid, stranger.domain, 'any name will do')
    await session.close()
  } else {
    // ejabberd does not tell strangers which hosts it has.
    const unknown = { ...failure, condition: server.name === 'prosody' ? 'host-unknown' : 'not-authorized' }
    await rejects(t, connectComponent(stranger), unknown, 'unknown host')
  }
  await rejects(
    t,
    connectComponent({ ...common, port: server.port }),
    { name: 'StreamError' },
    'a port for clients instead',
  )
}
