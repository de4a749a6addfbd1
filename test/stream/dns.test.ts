import { createSocket, type RemoteInfo } from 'node:dgram'
import { getEventListeners, once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { literalAddress } from '../../src/ip-literal.ts'
import { addressesOf, systemDns } from '../../src/stream/dns.ts'
import { silence, Zone } from '../helper/dns.ts'
import { settled } from '../helper/pair.ts'
import { rejects } from '../helper/rejects.ts'

/** RFC 1035 §4.1.1. */
const NOERROR = 0
const SERVFAIL = 2
const NXDOMAIN = 3

/** A name in labels (RFC 1035 §3.1). */
function labels(name: string): Buffer {
  const parts = name.split('.').filter(label => label !== '')
  return Buffer.concat([...parts.map(label => Buffer.from([label.length, ...Buffer.from(label)])), Buffer.from([0])])
}

/** The answer section's record of type SRV (RFC 2782) for the name of the question, to which it points. */
function srvAnswer(priority: number, weight: number, port: number, target: string): Buffer {
  const data = Buffer.concat([Buffer.alloc(6), labels(target)])
  data.writeUInt16BE(priority, 0)
  data.writeUInt16BE(weight, 2)
  data.writeUInt16BE(port, 4)
  const head = Buffer.from([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, data.length])
  return Buffer.concat([head, data])
}

interface Reply {
  readonly code: number
  readonly answers?: readonly Buffer[]
}

/** A name server on a port of this machine. Without a reply it is silent. */
async function server(t: Test, reply: (question: Buffer) => Reply | undefined): Promise<string> {
  const socket = createSocket('udp4', (message: Buffer, { port, address }: RemoteInfo) => {
    const question = message.subarray(12, message.indexOf(0, 12) + 5)
    const said = reply(question)
    if (said === undefined) return
    const { code, answers = [] } = said
    const header = Buffer.from([...message.subarray(0, 2), 0x81, 0x80 | code, 0, 1, 0, answers.length, 0, 0, 0, 0])
    socket.send(Buffer.concat([header, question, ...answers]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return `127.0.0.1:${(socket.address() as AddressInfo).port}`
}

const { signal } = new AbortController()
const NAME = '_xmpp-client._tcp.example.org'

t.test('SRV records over the wire', async t => {
  let asked: Buffer | undefined
  const address = await server(t, question => {
    asked = question
    return { code: NOERROR, answers: [srvAnswer(5, 7, 5223, 'a.example.org'), srvAnswer(1, 0, 5222, '.')] }
  })
  const records = [...(await systemDns([address]).srv(NAME, signal))].sort((a, b) => a.port - b.port)
  t.match(records, [
    { name: /^\.?$/, port: 5222, priority: 1, weight: 0 },
    { name: 'a.example.org', port: 5223, priority: 5, weight: 7 },
  ])
  t.same(asked, Buffer.concat([labels(NAME), Buffer.from([0, 33, 0, 1])]))
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('none, and failures', async t => {
  for (const [code, name] of [
    [NXDOMAIN, 'NXDOMAIN'],
    [NOERROR, 'NODATA'],
  ] as const) {
    t.same(await systemDns([await server(t, () => ({ code }))]).srv(NAME, signal), [], name)
  }
  const failing = systemDns([await server(t, () => ({ code: SERVFAIL }))])
  await rejects(t, failing.srv(NAME, signal), {
    code: 'ESERVFAIL',
    message: 'the name server could not find out (ESERVFAIL)',
  })
  const nobody = createSocket('udp4')
  nobody.bind(0, '127.0.0.1')
  await once(nobody, 'listening')
  const { port } = nobody.address()
  nobody.close()
  await once(nobody, 'close')
  await rejects(t, systemDns([`127.0.0.1:${port}`]).srv(NAME, signal), {
    code: 'ECONNREFUSED',
    message: /^nobody is there where the name server should be, .* \(ECONNREFUSED\)$/,
  })
  t.same(await failing.srv(`${'x'.repeat(70)}.example`, signal), [], 'a name that cannot exist')
})

t.test('a server that is silent is given up when told', async t => {
  const controller = new AbortController()
  let asked = (): void => {}
  const reached = new Promise<void>(resolve => {
    asked = resolve
  })
  const address = await server(t, () => void asked())
  // The servers of other tests are just closing.
  await settled()
  const before = process.getActiveResourcesInfo().sort()
  const looking = systemDns([address]).srv(NAME, controller.signal)
  looking.catch(() => {})
  await reached
  const reason = new Error('enough')
  controller.abort(reason)
  t.equal(await looking.catch(error => error), reason)
  t.equal(getEventListeners(controller.signal, 'abort').length, 0)
  await settled()
  t.same(process.getActiveResourcesInfo().sort(), before)
  t.equal(
    await systemDns([address])
      .srv(NAME, controller.signal)
      .catch(error => error),
    reason,
  )
})

t.test('hosts, as the system knows them', async t => {
  const addresses = await systemDns().addresses('localhost', signal)
  t.ok(
    addresses.some(address => address === '127.0.0.1' || address === '::1'),
    `${addresses}`,
  )
  const aborted = AbortSignal.abort(new Error('enough'))
  await rejects(t, systemDns().addresses('localhost', aborted), { message: 'enough' })
  t.equal(getEventListeners(signal, 'abort').length, 0)
  // A label of 64 octets has no way into a question to any name server.
  await rejects(t, systemDns().addresses(`${'x'.repeat(64)}.invalid`, signal), {
    code: 'ENOTFOUND',
    message: 'that name is not known (ENOTFOUND)',
  })
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('the addresses to try: families take turns, the first one begins', async t => {
  const [a, b, c, d, e] = ['2001:db8::a', '2001:db8::b', '192.0.2.1', '192.0.2.2', '192.0.2.3'] as const
  const dns = new Zone({}, { six: [a, b, c, d, e], four: [c, d, e, a], one: [c], odd: ['x', '', c, `${c}\n`, c] })
  t.same(await addressesOf('six', dns, signal), [a, c, b, d, e])
  t.same(await addressesOf('four', dns, signal), [c, a, d, e])
  t.same(await addressesOf('one', dns, signal), [c])
  t.same(await addressesOf('odd', dns, signal), [c], 'what is no address is left out')
  const many = new Zone({}, { x: Array.from({ length: 1000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`), y: ['no'] })
  t.equal((await addressesOf('x', many, signal)).length, 16)
  await rejects(t, addressesOf('y', many, signal), { message: 'the name has no address' })
  await rejects(t, addressesOf('z', many, signal), { code: 'ENOTFOUND' })
})

t.test('an address needs no DNS, a name is asked for in A-labels', async t => {
  const dns = new Zone({}, { 'xn--bcher-kva.example': ['192.0.2.1'] })
  t.same(await addressesOf('[::1]', dns, signal), ['::1'])
  t.same(await addressesOf('192.0.2.7', dns, signal), ['192.0.2.7'])
  t.equal(literalAddress('[fe80::1%25eth0]'), 'fe80::1%eth0')
  t.equal(literalAddress('fe80::1%eth0'), 'fe80::1%eth0')
  t.equal(literalAddress('[192.0.2.7'), undefined)
  // Node takes '' for no question at all, and warns of it on stderr.
  await rejects(t, addressesOf('', dns, signal), { message: 'the name has no address' })
  t.same(dns.asked, [])
  t.same(await addressesOf('bücher.example', dns, signal), ['192.0.2.1'])
})

t.test('a DNS that ignores the signal is not waited for', async t => {
  const controller = new AbortController()
  const looking = addressesOf('x', new Zone({}, { x: silence }), controller.signal)
  controller.abort(new Error('enough'))
  await rejects(t, looking, { message: 'enough' })
})
