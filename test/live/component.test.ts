/** Components at real servers: every address, who may speak for it, how they are let in and how not. */
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import {
  at,
  type ComponentOptions,
  connectComponent,
  el,
  fetchRoster,
  nobody,
  on,
  onEvery,
  type Session,
  sendPing,
  subscription,
  type Xep,
} from '../../src/index.ts'
import { register } from '../../src/xep/0077-register.ts'
import { rejects, throws } from '../helper/rejects.ts'
import { componentSection, Daemon, section } from './daemon.ts'
import { Listener } from './listener.ts'
import { Peer } from './peer.ts'
import { type LiveServer, servers, skip } from './servers/servers.ts'
import { login, newUser } from './users.ts'

t.setTimeout(120_000)

const NS = 'urn:res-xmpp:test'
const NS_DISCO_INFO = 'http://jabber.org/protocol/disco#info'
const NS_REGISTER = 'jabber:iq:register'

/** Says the same again, from where it was said to. */
const echo: Xep = {
  name: 'echo',
  features: [NS],
  routes: [
    on('iq-get', NS, 'who', (stanza, session) => el('who', NS, {}, session.recipient(stanza) ?? '')),
    onEvery('message', (stanza, session) => {
      const { type, from: to, to: from } = stanza.attrs
      if (type === 'error') return
      const body = session.stanza('body', {}, stanza.childText('body') ?? '')
      void session.send(session.stanza('message', { type, to, from }, body))
    }),
  ],
}

for (const server of servers) {
  t.test(server.name, { skip }, async t => {
    t.test('every address answers for itself', t => addresses(t, server))
    t.test('registration', t => registration(t, server))
    t.test('who speaks for whom', t => senders(t, server))
    t.test('two of one name', t => twins(t, server))
    if (server.componentTls !== undefined) t.test('over TLS', t => overTls(t, server))
    t.test('an account: who sees it, and whom it sees', t => account(t, server))
    t.test('what the daemon says of being refused', t => words(t, server))
  })
}

async function component(t: Test, server: LiveServer, options: Partial<ComponentOptions> = {}): Promise<Session> {
  const { fifthComponent: domain, componentSecret: secret, componentPort: port } = server
  const session = await connectComponent({ domain, secret, host: '127.0.0.1', port, ...options })
  t.teardown(() => session.close())
  return session
}

async function addresses(t: Test, server: LiveServer): Promise<void> {
  const { fifthComponent: domain } = server
  const identity = { category: 'client', type: 'bot', name: 'Echo' }
  const session = await component(t, server, {
    addresses: [
      at(`echo@${domain}`, { xeps: [echo], identity }),
      at(domain, { items: [{ jid: `echo@${domain}`, name: 'Echo' }] }),
      at(`*@${domain}`, ({ local }) => (/^\d+$/.test(local) ? { xeps: [echo] } : nobody)),
    ],
  })
  session.run().catch(() => {})
  const [asking, talking] = [await newUser(t, server, 'asking'), await newUser(t, server, 'talking')]
  const asker = await login(t, asking)

  for (const to of [domain, `${domain}/x`, `echo@${domain}`, `echo@${domain}/desk`, `6001@${domain}/desk`]) {
    t.ok((await sendPing(asker, to)) >= 0, `a ping to ${to}`)
    const info = await asker.iq('get', to, el('query', NS_DISCO_INFO))
    t.equal(info.attrs.from, to)
    const type = to.startsWith('echo@') ? 'bot' : 'pstn'
    t.equal(info.elements[0]?.child('identity', NS_DISCO_INFO)?.attrs.type, type)
    const has = info.elements[0]?.elements.some(({ attrs }) => attrs.var === NS)
    t.equal(has, to.includes('@'), 'what is there is what disco says')
    const version = await asker.iq('get', to, el('query', 'jabber:iq:version'))
    t.equal(version.attrs.from, to)
    const who = asker.iq('get', to, el('who', NS))
    if (to.includes('@')) t.equal((await who).elements[0]?.text, to)
    else await rejects(t, who, { name: 'StanzaError', condition: 'service-unavailable' })
  }
  const items = await asker.iq('get', domain, el('query', 'http://jabber.org/protocol/disco#items'))
  t.match(items.elements[0]?.elements, [{ attrs: { jid: `echo@${domain}`, name: 'Echo' } }])
  const missing = { name: 'StanzaError', condition: 'item-not-found' }
  await rejects(t, asker.iq('get', `nobody@${domain}`, el('ping', 'urn:xmpp:ping')), missing)

  const peer = await Peer.start(t, talking)
  for (const to of [`echo@${domain}`, `6002@${domain}`]) {
    peer.tell({ do: 'send', to, body: ' grüße ' })
    t.equal((await peer.next({ event: 'message', from: to })).body, ' grüße ', `a message to ${to}`)
  }
}

/** XEP-0100 §4.1 and §4.3, with a server between. */
async function registration(t: Test, server: LiveServer): Promise<void> {
  const { fifthComponent: domain } = server
  const user = await newUser(t, server, 'registering')
  const [hers, ours] = [new Listener(), new Listener()]
  const gateway = register({ allowed: jid => jid === user.jid, instructions: 'x', fields: ['username'] })
  const session = await component(t, server, { xeps: [gateway, ours.xep] })
  session.run().catch(() => {})
  const she = await login(t, user, { jid: `${user.jid}/here`, xeps: [hers.xep] })
  await fetchRoster(she)
  she.send(she.stanza('presence'))

  const other = await login(t, await newUser(t, server, 'stranger'))
  await rejects(t, other.iq('get', domain, el('query', NS_REGISTER)), { condition: 'not-acceptable' })
  const form = await she.iq('get', domain, el('query', NS_REGISTER))
  t.ok(form.elements[0]?.child('username', NS_REGISTER))
  const filled = el('query', NS_REGISTER, {}, el('username', NS_REGISTER, {}, 'romeo'))
  t.equal((await she.iq('set', domain, filled)).attrs.type, 'result')
  await hers.presence(domain, 'subscribe')
  she.send(subscription(she, 'subscribed', domain))
  t.ok(await ours.presence(user.jid, 'subscribed'))
  t.ok(await ours.presence(she.jid), 'and her presence comes with it')
  const removal = el('query', NS_REGISTER, {}, el('remove', NS_REGISTER))
  t.equal((await she.iq('set', domain, removal)).attrs.type, 'result')
  await hers.presence(domain, 'unsubscribe')
  const [item] = await fetchRoster(she)
  t.notMatch(item?.subscription, /from|both/, 'which the server ends when we no longer want it')
}

/** What a server does to a stanza that is not as XEP-0114 wants it, and that it does not come to that with us. */
async function senders(t: Test, server: LiveServer): Promise<void> {
  const { domain, fifthComponent: own } = server
  const to = `alice@${domain}`
  const ends = {
    prosody: { foreign: 'invalid-from', nobody: undefined },
    ejabberd: { foreign: 'invalid-from', nobody: 'improper-addressing' },
    jabberd2: { foreign: undefined, nobody: undefined },
  }[server.name]
  for (const [attrs, condition] of [
    [{ from: `alice@${domain}`, to }, ends.foreign],
    [{ from: own }, ends.nobody],
  ] as const) {
    const session = await component(t, server)
    const running = session.run()
    running.catch(() => {})
    const stanza = session.stanza('presence', { ...attrs, type: 'unavailable' })
    throws(t, () => session.send(stanza), { code: 'XMPP_ADDRESS' })
    t.ok((await sendPing(session, own)) >= 0, 'nothing has happened')
    // As a tester says what he likes.
    session.stream.send(stanza)
    if (condition === undefined) {
      t.ok((await sendPing(session, own)) >= 0, `${server.name} does not mind`)
      await session.close()
    } else await rejects(t, running, { name: 'StreamError', condition, by: 'peer' })
  }
}

async function twins(t: Test, server: LiveServer): Promise<void> {
  const first = await component(t, server)
  const running = first.run()
  running.catch(() => {})
  if (server.name === 'prosody') {
    await rejects(t, component(t, server), { name: 'StreamError', condition: 'conflict', by: 'peer' })
    t.ok((await sendPing(first, first.jid)) >= 0, 'the first one stays')
    return
  }
  // Which of the two gets an answer is anybody's guess.
  const second = await component(t, server)
  t.equal(second.jid, first.jid, 'both are welcome')
  t.ok(first.stream.writable)
}

async function overTls(t: Test, server: LiveServer): Promise<void> {
  const { componentTls, componentSecret: secret } = server
  if (componentTls === undefined) return
  const { domain, port } = componentTls
  const options = { domain, port, tls: 'direct' } as const
  const ca = readFileSync(server.ca, 'utf8')
  const session = await component(t, server, { ...options, ca })
  session.run().catch(() => {})
  t.match(session.stream.transport.tls, { verified: true, version: /^TLSv1\.[23]$/ })
  const asker = await login(t, await newUser(t, server, 'asker'))
  t.ok((await sendPing(asker, `6001@${domain}/desk`)) >= 0)
  await session.close()

  const otherCa = readFileSync(server.otherCa, 'utf8')
  await rejects(t, component(t, server, { ...options, ca: otherCa }), { code: 'XMPP_TLS_REFUSED' })
  const conf = { type: 'component', serverhost: '127.0.0.1', port, username: domain, secret, forceoldssl: 'yes' }
  const daemon = new Daemon(t, section('tls', { ...conf, tls_cafile: server.ca }))
  await daemon.logged(/NOTICE \[tls\] Connected as .* \(TLSv1\.[23], handshake\)$/)
}

async function account(t: Test, server: LiveServer): Promise<void> {
  const { fifthComponent: domain } = server
  const extension = `6001@${domain}`
  const user = await newUser(t, server, 'watching')
  const hers = new Listener()
  const she = await login(t, user, { jid: `${user.jid}/here`, xeps: [hers.xep] })
  await fetchRoster(she)
  she.send(she.stanza('presence'))
  const config = componentSection('gateway', server, domain, { buddy: user.jid })
  await t.test('at first', async t => {
    const daemon = new Daemon(t, config)
    await hers.presence(domain, 'subscribe')
    she.send(subscription(she, 'subscribed', domain))
    t.equal((await daemon.until('1\n', 'xmpp', 'status', 'gateway', user.jid)).out, '1\n', 'a buddy who lets it')
    she.send(subscription(she, 'subscribe', extension))
    await hers.presence(extension, 'subscribed')
    await hers.presence(extension)
    await daemon.rx('xmpp', 'presence', 'gateway', 'dnd')
    // The server may have asked by a probe what it has been told without.
    while ((await hers.presence(extension)).childText('show') !== 'dnd');
    daemon.signal('SIGTERM')
    await hers.presence(extension, 'unavailable')
    t.pass('who watches one of its users hears of changes, and of the end')
    t.match(await daemon.ended, { code: 0 })
  })
  await t.test('started anew', async t => {
    const daemon = new Daemon(t, config)
    t.equal((await daemon.until('1\n', 'xmpp', 'status', 'gateway', user.jid)).out, '1\n', 'who has let it before')
  })
}

async function words(t: Test, server: LiveServer): Promise<void> {
  const { fifthComponent: own, name } = server
  const holder = await component(t, server)
  holder.run().catch(() => {})
  const unknown = `unknown.${server.domain}`
  const daemon = new Daemon(
    t,
    componentSection('secret', server, own, { secret: 'wrong' }) +
      (name === 'jabberd2' ? '' : componentSection('unknown', server, unknown)) +
      (name === 'prosody' ? componentSection('twin', server, own) : ''),
  )
  const place = '\\S+xmpp\\.conf:\\d+'
  const server1 = `WARNING \\[ACCOUNT\\] the server at 127\\.0\\.0\\.1 port ${server.componentPort} refused the login as`
  const slowly = '; trying again in (6|7)[0-9] s$'
  const wrong = (domain: string): string =>
    `${domain}: not-authorized.*; check secret at ${place}; .* a component ${domain}, which username at ${place} says`
  const lines: Record<string, string> = { secret: wrong(own) }
  if (name === 'ejabberd') lines.unknown = wrong(unknown)
  if (name === 'prosody') {
    lines.unknown = `${unknown}: host-unknown.*; .* must have a component ${unknown}: check username at ${place} too`
    lines.twin = `${own}: conflict.*; another component is attached as ${own}: .* username at ${place}\\?`
  }
  for (const [account, text] of Object.entries(lines)) {
    await daemon.logged(new RegExp(`${server1.replace('ACCOUNT', account)} ${text}${slowly}`))
    t.pass(`${account} is told why`)
  }
}
