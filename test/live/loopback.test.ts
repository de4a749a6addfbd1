/** Our acceptor role against a client that shares no code with ours: slixmpp at the loopback server. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { availablePresence, connectClient, fetchRoster, type Session, subscription } from '../../src/index.ts'
import { type Loopback, type LoopbackOptions, makeCertificate, startLoopback } from '../../src/testing/index.ts'
import { directory } from '../daemon/program.ts'
import { Listener } from './listener.ts'
import { Peer, type PeerUser } from './peer.ts'
import { skip } from './servers/servers.ts'

t.setTimeout(120_000)

const users = { 'alice@loop.example': 'pä55 alice', 'bob@loop.example': 'pä55 <&"\'= bob' }

t.test('logins', { skip }, async t => {
  for (const direct of [false, true]) {
    for (const mechanism of ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']) {
      const { user } = await stage(t, { direct, mechanisms: [mechanism] })
      const { online } = await Peer.start(t, user)
      t.match(online, { jid: 'bob@loop.example/peer', tls: 'TLSv1.3', mechanism }, `${mechanism}, direct: ${direct}`)
    }
  }
})

t.test('presence and messages, by STARTTLS and by direct TLS', { skip }, async t => {
  for (const direct of [false, true]) {
    const { server, user } = await stage(t, { direct })
    const listener = new Listener()
    const session = await alice(t, server, listener)
    const peer = await Peer.start(t, user)
    peer.tell({ do: 'subscribe', to: 'alice@loop.example' })
    await listener.presence(user.jid, 'subscribe')
    session.send(subscription(session, 'subscribed', user.jid))
    session.send(subscription(session, 'subscribe', user.jid))
    const seen = await peer.next({ event: 'presence', from: session.jid, type: 'available' })
    t.match(seen, { show: 'dnd', priority: 3 }, 'slixmpp sees us')
    t.ok(await listener.presence(peer.jid), 'and we see slixmpp')
    for (const body of ['plain', '  grüße \n 日本 🙂  ', '<&"\'>]]>', 'x'.repeat(100_000)]) {
      session.send(session.stanza('message', { type: 'chat', to: peer.jid }, session.stanza('body', {}, body)))
      t.equal((await peer.next({ event: 'message', from: session.jid })).body, body, 'to slixmpp')
      peer.tell({ do: 'send', to: session.jid, body })
      t.equal(await listener.body(peer.jid), body, 'from slixmpp')
    }
    await peer.quit()
    t.ok(await listener.presence(peer.jid, 'unavailable'), 'and it is seen to go')
  }
})

t.test('what is refused', { skip }, async t => {
  const { user } = await stage(t)
  const wrong = Peer.launch(t, { ...user, password: 'wrong' })
  t.match(
    await wrong.next({ event: 'error' }),
    { reason: 'failed_all_auth', text: 'not-authorized' },
    'a wrong password',
  )
  const ca = pem(t, makeCertificate({ names: ['loop.example'] }).ca)
  for (const direct of [false, true]) {
    const { user } = await stage(t, { direct })
    const stranger = Peer.launch(t, { ...user, server: { ...user.server, ca } })
    t.match(
      await stranger.next({ event: 'error' }),
      { text: /CERTIFICATE_VERIFY_FAILED|self.signed/ },
      'our certificate',
    )
    t.ok(await Peer.start(t, user), 'which does not keep others out')
  }
})

/** A server with alice and bob, and bob as slixmpp is to log in. */
async function stage(
  t: Test,
  { direct = false, ...options }: LoopbackOptions & { direct?: boolean } = {},
): Promise<{ server: Loopback; user: PeerUser }> {
  const server = await startLoopback({ users, ...options })
  t.teardown(() => server.stop())
  const port = direct ? server.directPort : server.port
  const jid = 'bob@loop.example'
  return { server, user: { server: { port, ca: pem(t, server.ca), direct }, jid, password: users[jid] } }
}

/** Our own client at the other end. */
async function alice(t: Test, { host, port, ca }: Loopback, listener: Listener): Promise<Session> {
  const jid = 'alice@loop.example'
  const session = await connectClient({ host, port, ca, jid, password: users[jid], xeps: [listener.xep] })
  session.run().catch(() => {})
  t.teardown(() => session.close())
  await fetchRoster(session)
  session.send(availablePresence(session, { show: 'dnd', priority: 3 }))
  return session
}

function pem(t: Test, text: string): string {
  const path = join(directory(t), 'ca.pem')
  writeFileSync(path, text)
  return path
}
