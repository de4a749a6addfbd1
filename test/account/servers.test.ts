import t from 'tap'
import type { AccountConfig } from '../../src/config/index.ts'
import { Log } from '../../src/daemon/log.ts'
import { logEvents } from '../../src/daemon/log-events.ts'
import type { SrvRecord } from '../../src/stream/dns.ts'
import { HandClock } from '../helper/clock.ts'
import { type Known, srv, Zone } from '../helper/dns.ts'
import { nobody, refusing, streamError } from '../helper/servers.ts'
import { accounts, login, script, watched } from './setting.ts'

/** An account of which the file says neither server nor port. */
const config = (lines = ''): AccountConfig =>
  accounts(`[asterisk]\nusername=juliet@example.com/balcony\nsecret=secret\nusetls=no\n${lines}\n`)[0] as AccountConfig

const zone = (xmpp: Known<SrvRecord>, xmpps: Known<SrvRecord> = []): Zone =>
  new Zone(
    { '_xmpp-client._tcp.example.com': xmpp, '_xmpps-client._tcp.example.com': xmpps },
    { 'a.example': ['127.0.0.1'], 'b.example': ['127.0.0.1'], 'c.example': ['127.0.0.1'] },
  )

/** An account with what the daemon writes of it. */
function logged(...args: Parameters<typeof watched>) {
  const lines: string[] = []
  const all = watched(...args)
  logEvents(all.account, new Log({ write: text => void lines.push(text), timestamps: false }))
  return { ...all, lines }
}

t.test('the servers come from the DNS, one after the other; the log says which it was', async t => {
  const { port, accept } = await script(t)
  const shut = await refusing(t, 'system-shutdown')
  const dns = zone([srv('a.example', await nobody(t), 1), srv('b.example', shut.port, 2), srv('c.example', port, 3)])
  const { account, next, states, lines } = logged(t, config(), { clock: new HandClock(), dns })
  account.start()
  const { play } = await accept()
  await play(login())
  const { target } = await next('connected')
  t.same(target, { host: 'c.example', port, direct: false })
  t.strictSame(states, ['Connecting', 'Waiting to authenticate', 'Authenticating', 'Retrieving roster', 'Connected'])
  t.match(lines.join(''), `Connected as juliet@example.com/balcony at c.example port ${port} (no TLS, PLAIN)`)
})

t.test('a state that was for one server ends with it', async t => {
  const tls = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"
  const { port, accept } = await script(t)
  const dns = zone([srv('a.example', port, 1), srv('b.example', port, 2)])
  const { account, states, next } = watched(t, config('usetls=yes'), { clock: new HandClock(), dns })
  account.start()
  for (const _ of 'ab') {
    const { peer, socket } = await accept()
    await peer.next()
    peer.write(
      `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>${tls}`,
    )
    await peer.next()
    socket.end("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>")
  }
  const { targets, error } = await next('offline')
  const once = ['Connecting', 'Waiting to request TLS', 'Requested TLS']
  t.strictSame(states, [...once, ...once, 'Disconnected'])
  t.strictSame(targets, [
    { host: 'a.example', port, direct: false },
    { host: 'b.example', port, direct: false },
  ])
  t.match(error, { code: 'XMPP_TLS_REFUSED' })
})

t.test('what the log says when none of them would have us', async t => {
  const [one, two] = [await nobody(t), await nobody(t)]
  const shut = await refusing(t, 'system-shutdown')
  const soon = 'check the domain of username at /c/xmpp\\.conf:2, or set serverhost; trying again in \\d\\.\\d s'
  const servfail = Object.assign(new Error('querySrv ESERVFAIL'), { code: 'ESERVFAIL' })
  for (const [xmpp, text] of [
    [
      [srv('a.example', one)],
      `no connection to example\\.com at a\\.example port ${one}: nothing listens there \\(ECONNREFUSED\\); ${soon}`,
    ],
    [
      [srv('a.example', one), srv('b.example', two, 1)],
      `no connection to example\\.com: cannot connect to b\\.example port ${two}: .*; the same at a\\.example port ${one}; ${soon}`,
    ],
    [
      [srv('a.example', one), srv('b.example', shut.port, 1)],
      `no connection to example\\.com: none of the servers of example\\.com could be used: cannot connect to a.*; b\\.example port \\d+: system-shutdown; trying`,
    ],
    [
      [srv('.', 0)],
      `no connection to example\\.com: example\\.com says by DNS that it offers no XMPP to clients; check username at /c/xmpp\\.conf:2, or set serverhost; trying`,
    ],
    [
      servfail,
      `no connection to example\\.com at example\\.com port 5222: cannot connect to .* could not be looked up: querySrv ESERVFAIL; ${soon}`,
    ],
  ] as const) {
    const { account, next, lines } = logged(t, config(), { clock: new HandClock(), dns: zone(xmpp) })
    account.start()
    await next('offline')
    t.match(lines.join(''), new RegExp(`^WARNING \\[asterisk\\] ${text}`))
    await account.stop()
  }
})

t.test('forceoldssl takes direct TLS only, a port takes the domain itself', async t => {
  const records = [[srv('a.example', 1)], [srv('b.example', 1)]] as const
  const targets = async (lines: string): Promise<readonly object[]> => {
    const { account, next } = watched(t, config(lines), { clock: new HandClock(), dns: zone(...records) })
    account.start()
    const offline = await next('offline')
    await account.stop()
    return offline.targets
  }
  t.strictSame(await targets('usetls=yes\nforceoldssl=yes'), [{ host: 'b.example', port: 1, direct: true }])
  t.strictSame(await targets('usetls=no'), [{ host: 'a.example', port: 1, direct: false }])
  t.equal((await targets('usetls=yes')).length, 2)
  t.strictSame(await targets('port=2'), [{ host: 'example.com', port: 2, direct: false }])
})

t.test('sent elsewhere while connected: at once, and back when that fails', async t => {
  const [here, there] = [await script(t), await script(t)]
  const clock = new HandClock()
  const dns = zone([srv('a.example', here.port)])
  const { account, next, lines } = logged(t, config(), { clock, dns, random: () => 1 - 2 ** -53 })
  account.start()
  const first = await here.accept()
  await first.play(login())
  await next('connected')
  first.socket.end(streamError('see-other-host', `127.0.0.1:${there.port}`))
  const second = await there.accept()
  await second.play(login())
  t.match(await next('connected'), { target: { host: '127.0.0.1', port: there.port } })
  t.match(
    lines.join(''),
    `lost the connection to example.com at a.example port ${here.port}: see-other-host: 127.0.0.1:${there.port}; connecting again at once\n`,
  )
  second.socket.end(streamError('see-other-host', `127.0.0.1:${await nobody(t)}`))
  const third = await here.accept()
  await third.play(login())
  t.match(await next('connected'), { target: { host: 'a.example', port: here.port } })
})
