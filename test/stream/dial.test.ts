import { getEventListeners } from 'node:events'
import t from 'tap'
import { dial } from '../../src/stream/dial.ts'
import { HandClock } from '../helper/clock.ts'
import { deaf } from '../helper/deaf.ts'
import { silence, Zone } from '../helper/dns.ts'
import { listen } from '../helper/listen.ts'
import { settled } from '../helper/pair.ts'
import { rejects } from '../helper/rejects.ts'

/** Only there is all of 127.0.0.0/8 this machine, and only there does a full queue mean silence. */
const linux = (): object => (process.platform === 'linux' ? {} : { skip: 'needs Linux' })

/** What keeps the process busy, apart from what closes by itself in a moment. */
async function resources(): Promise<string[]> {
  await settled()
  return process.getActiveResourcesInfo().sort()
}

t.test('dialling', async t => {
  const { port, gone } = await listen(t, socket => void socket.end('hello').resume())
  const wire = await dial({ host: '127.0.0.1', port })
  t.equal(`${await wire.read()}`, 'hello')
  t.equal(await wire.read(), undefined)
  await gone()
  await rejects(t, dial({ host: '127.0.0.1', port }), {
    code: 'XMPP_CONNECT_FAILED',
    message: new RegExp(`^cannot connect to 127\\.0\\.0\\.1 port ${port}: .*ECONNREFUSED`),
    cause: { code: 'ECONNREFUSED' },
  })
})

t.test('a name: its addresses come from the DNS', async t => {
  const { port, gone } = await listen(t, socket => void socket.resume())
  const dns = new Zone({}, { 'xmpp.example.org': ['127.0.0.1'] })
  const wire = await dial({ host: 'xmpp.example.org', port, dns })
  t.same(dns.asked, ['xmpp.example.org'])
  wire.destroy()
  await gone()
  await rejects(t, dial({ host: 'other.example.org', port, dns }), {
    code: 'XMPP_CONNECT_FAILED',
    message: `cannot connect to other.example.org port ${port}: no other.example.org here`,
    cause: { code: 'ENOTFOUND' },
  })
  await rejects(t, dial({ host: 'name.invalid', port }), { code: 'XMPP_CONNECT_FAILED', message: /name\.invalid port/ })
})

t.test('what cannot be a port, and a host without addresses', async t => {
  for (const port of [0, -1, 65_536, 1.5, Number.NaN]) {
    await rejects(t, dial({ host: '127.0.0.1', port }), { code: 'XMPP_CONNECT_FAILED', message: /that is no port/ })
  }
  const dns = new Zone({}, { x: [] })
  await rejects(t, dial({ host: 'x', port: 1, dns }), { code: 'XMPP_CONNECT_FAILED', message: /no address/ })
})

t.test('an address that refuses costs no time', linux(), async t => {
  const { port, gone } = await listen(t, socket => void socket.resume())
  const clock = new HandClock()
  const wire = await dial({ host: 'x', port, addresses: ['127.0.0.2', '127.0.0.3', '127.0.0.1'], clock })
  t.equal(clock.pending, 0)
  wire.destroy()
  await gone()
})

t.test('all of them refuse: each is told', linux(), async t => {
  const { port, gone } = await listen(t, () => {})
  await gone()
  const clock = new HandClock()
  const addresses = ['127.0.0.2', '127.0.0.3']
  await rejects(t, dial({ host: 'x.example', port, addresses, clock }), {
    code: 'XMPP_CONNECT_FAILED',
    message: new RegExp(`^cannot connect to x\\.example port ${port}: .*127\\.0\\.0\\.2:.*; .*127\\.0\\.0\\.3:`),
    cause: { code: 'ECONNREFUSED', errors: [{ code: 'ECONNREFUSED' }, { code: 'ECONNREFUSED' }] },
  })
  t.equal(clock.pending, 0)
})

t.test('an address that is silent: the next one has its turn after 250 ms, and wins', linux(), async t => {
  const { port, sockets, gone } = await listen(t, socket => void socket.resume())
  await deaf(t, '127.0.0.2', port)
  const before = await resources()
  const clock = new HandClock()
  const dialling = dial({ host: 'x', port, addresses: ['127.0.0.2', '127.0.0.1'], clock })
  await clock.advance(249)
  t.equal(sockets.size, 0, 'not a moment too early')
  t.equal(clock.next, 1)
  await clock.advance(1)
  const wire = await dialling
  t.equal(clock.pending, 0)
  wire.destroy()
  for (const socket of sockets) socket.destroy()
  t.same(await resources(), before, 'the silent one is given up')
  await gone()
})

t.test('an address that is slow may still win over the next one', linux(), async t => {
  const { port, gone } = await listen(t, () => {})
  await gone()
  const slow = await deaf(t, '127.0.0.2', port)
  await deaf(t, '127.0.0.3', port)
  const before = await resources()
  const clock = new HandClock()
  const dialling = dial({ host: 'x', port, addresses: ['127.0.0.2', '127.0.0.3'], clock })
  await clock.advance(250)
  t.equal((await resources()).length, before.length + 4, 'both are being tried')
  slow.hear()
  const wire = await dialling
  t.equal((await resources()).length, before.length + 1, 'there is but one connection')
  wire.destroy()
})

t.test('given up at any point', linux(), async t => {
  const { port, gone } = await listen(t, socket => void socket.resume())
  await deaf(t, '127.0.0.2', port)
  await deaf(t, '127.0.0.3', port)
  const reason = new Error('enough')
  const dns = new Zone({}, { 'x.example': silence })
  for (const [what, options, ms] of [
    ['asking the DNS', { host: 'x.example', dns }, 0],
    ['at the first address', { addresses: ['127.0.0.2', '127.0.0.3'] }, 0],
    ['at both', { addresses: ['127.0.0.2', '127.0.0.3'] }, 250],
    ['at once', { addresses: ['127.0.0.1'] }, undefined],
  ] as const) {
    const before = await resources()
    const clock = new HandClock()
    const controller = new AbortController()
    const dialling = dial({ host: 'x', ...options, port, clock, signal: controller.signal })
    dialling.catch(() => {})
    if (ms !== undefined) await clock.advance(ms)
    controller.abort(reason)
    t.equal(await dialling.catch(error => error), reason, what)
    t.equal(clock.pending, 0)
    t.equal(getEventListeners(controller.signal, 'abort').length, 0)
    t.same(await resources(), before)
    t.equal(await dial({ host: 'x', ...options, port, signal: controller.signal }).catch(error => error), reason)
  }
  await gone()
})

t.test('when it is done the signal has no listener left', async t => {
  const { port, gone } = await listen(t, socket => void socket.resume())
  const { signal } = new AbortController()
  const wire = await dial({ host: '127.0.0.1', port, signal })
  wire.destroy()
  await gone()
  await rejects(t, dial({ host: '127.0.0.1', port, signal }), { code: 'XMPP_CONNECT_FAILED' })
  t.equal(getEventListeners(signal, 'abort').length, 0)
})
