import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { NS_CLIENT } from '../../src/negotiate.ts'
import { el } from '../../src/stream/element.ts'
import { NS_STREAM } from '../../src/stream/namespaces.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { rejects } from '../helper/rejects.ts'
import { settled, stage } from './loopback-actors.ts'

t.test('drop cuts without a word', async t => {
  const on = await stage(t)
  const home = await on.client('alice@one.example/home')
  const phone = await on.client('alice@one.example/phone')
  const bob = await on.client('bob@one.example/b')
  const pbx = await on.component('pbx.example')
  t.equal(on.server.drop('nobody@one.example'), 0)
  t.equal(on.server.drop('Alice@one.example/phone'), 1)
  t.match(await phone.ended, { code: 'XMPP_CONNECTION_LOST' })
  t.strictSame([...on.server.connected].sort(), [home.jid, bob.jid, 'pbx.example'])
  t.equal(on.server.drop('pbx.example'), 1)
  t.match(await pbx.ended, { code: 'XMPP_CONNECTION_LOST' })
  t.equal(on.server.drop('alice@one.example'), 1)

  const silent = await on.raw()
  await silent.open({ to: 'one.example', version: '1.0' })
  t.equal(on.server.drop(), 2, 'those too that have not logged in')
  t.match(await bob.ended, { code: 'XMPP_CONNECTION_LOST' })
  await silent.expect(NS_STREAM, 'features')
  await rejects(t, silent.next(), { code: 'XMPP_CONNECTION_LOST' })
  t.strictSame(on.server.connected, [])
})

t.test('close ends streams politely, with an error or without', async t => {
  const on = await stage(t)
  const home = await on.client('alice@one.example/home')
  const phone = await on.client('alice@one.example/phone')
  const bob = await on.client('bob@one.example/b')
  t.equal(on.server.close('alice@one.example/home'), 1)
  t.equal(await home.ended, undefined)
  t.equal(on.server.close('alice@one.example', 'see-other-host', 'elsewhere.example'), 1)
  t.match(await phone.ended, { condition: 'see-other-host', text: 'elsewhere.example', by: 'peer' })
  t.equal(on.server.close(undefined, 'reset'), 1)
  t.match(await bob.ended, { condition: 'reset', by: 'peer' })
})

t.test('delay holds every write back and keeps the order', async t => {
  const on = await stage(t)
  const alice = await on.client('alice@one.example/a')
  const bob = await on.client('bob@one.example/b')
  const ping = () => alice.session.iq('get', undefined, el('ping', 'urn:xmpp:ping'))
  on.server.delay(60)
  const before = performance.now()
  await ping()
  t.ok(performance.now() - before >= 59, 'an answer takes that long')
  for (let n = 0; n < 5; n++) alice.say(bob.jid, `${n}`)
  await alice.settled()
  on.server.delay(0)
  for (let n = 5; n < 10; n++) alice.say(bob.jid, `${n}`)
  await settled(alice, bob)
  const numbers = bob.inbox.map(each => each.childText('body'))
  t.strictSame(numbers, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])

  on.server.delay(20)
  for (const tls of ['starttls', 'direct'] as const) {
    const slow = await on.client('carol@two.example/c', { tls })
    t.equal(slow.session.stream.transport.tls?.version, 'TLSv1.3', `login by ${tls} through a slow link`)
  }
})

t.test('stop does not wait for what is held back', async t => {
  const on = await stage(t)
  const alice = await on.client('alice@one.example/a')
  on.server.delay(600_000)
  const held = alice.session.iq('get', undefined, el('ping', 'urn:xmpp:ping'))
  const slow = await on.raw()
  slow.sendHeader({ to: 'one.example', version: '1.0' })
  await on.server.stop()
  t.equal((await held).attrs.type, 'result')
  t.match(await alice.ended, { condition: 'system-shutdown' })
})

t.test('refuse', async t => {
  const on = await stage(t)
  on.server.refuse(true)
  await rejects(t, on.client('alice@one.example'), { code: 'XMPP_CONNECTION_LOST' })
  on.server.refuse(false)
  await on.client('alice@one.example')
})

t.test('waitFor', async t => {
  const on = await stage(t)
  const waiting = [on.server.waitFor('alice@one.example'), on.server.waitFor('alice@one.example/a')]
  await on.server.waitFor('alice@one.example', false)
  await on.client('alice@one.example/a')
  await Promise.all(waiting)
  await on.server.waitFor('alice@one.example/a')
  const gone = on.server.waitFor('alice@one.example', false)
  on.server.drop('alice@one.example')
  await gone

  const controller = new AbortController()
  const given = on.server.waitFor('bob@one.example', true, controller.signal)
  controller.abort(new Error('enough'))
  await rejects(t, given, { message: 'enough' })
  const stopped = on.server.waitFor('bob@one.example')
  await Promise.all([on.server.stop(), rejects(t, stopped, { code: 'XMPP_STOPPED' })])
})

t.test('many may wait', async t => {
  const on = await stage(t)
  const warnings: Error[] = []
  const warned = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const waiting = Array.from({ length: 20 }, () => on.server.waitFor('alice@one.example'))
  await on.client('alice@one.example')
  await Promise.all(waiting)
  t.strictSame(warnings, [], 'and Node sees no leak in it')
})

t.test('a server that plays foul', async t => {
  const on = await stage(t)
  const alice = await on.client('alice@one.example/a')
  const bob = await on.client('bob@one.example/b')
  t.equal(on.server.send('alice@one.example', el('message', NS_CLIENT, { from: 'mallory@evil.example' })), 1)
  await alice.next('message', { from: 'mallory@evil.example' })
  t.equal(on.server.send('carol@two.example', '<message/>'), 0)

  const seen: string[] = []
  on.server.onStanza = (stanza, sender) => {
    seen.push(`${stanza.name} ${sender} ${stanza.attrs.from}`)
    const text = stanza.childText('body')
    if (text === 'lose') return []
    if (text === 'twice') return [stanza, stanza]
    if (text === 'change') return el('message', NS_CLIENT, { ...stanza.attrs, from: 'forged@evil.example' })
    if (text === 'throw') throw new Error('a hook that breaks')
    return undefined
  }
  for (const body of ['as it is', 'lose', 'twice', 'change']) alice.say(bob.jid, body)
  await settled(alice, bob)
  t.strictSame(
    bob.inbox.map(each => `${each.attrs.from} ${each.childText('body') ?? ''}`),
    [`${alice.jid} as it is`, `${alice.jid} twice`, `${alice.jid} twice`, 'forged@evil.example '],
  )
  t.equal(seen[0], `message ${alice.jid} ${alice.jid}`)
  alice.say(bob.jid, 'throw')
  t.match(await alice.ended, { condition: 'internal-server-error', text: '' })
  on.server.onStanza = undefined
  await bob.settled()

  t.equal(on.server.send(bob.jid, '<not well-formed'), 1)
  on.server.send(bob.jid, '<<')
  t.match(await bob.ended, { condition: 'not-well-formed', by: 'us' })
})

t.test('only so many connections', async t => {
  const on = await stage(t, { connections: 2 })
  await on.client('alice@one.example/1')
  await on.client('alice@one.example/2')
  await rejects(t, on.client('alice@one.example/3'), { code: 'XMPP_CONNECTION_LOST' })
  on.server.drop('alice@one.example/1')
  await on.server.waitFor('alice@one.example/1', false)
  await on.client('alice@one.example/3')
})

t.test('peers that vanish at any moment of a login harm nobody', async t => {
  const lines: string[] = []
  const on = await stage(t, { log: line => lines.push(line) })
  for (const greeting of [
    '',
    'garbage',
    '<?xml version="1.0"?>',
    `<stream:stream xmlns='jabber:client' xmlns:stream='${NS_STREAM}' to='one.example' version='1.0'>`,
    `<stream:stream xmlns='jabber:client' xmlns:stream='${NS_STREAM}' to='one.example' version='1.0'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`,
    Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]),
  ]) {
    for (const port of [on.server.port, on.server.directPort, on.server.componentPort]) {
      const socket = connect({ host: on.server.host, port }).on('error', () => {})
      await once(socket, 'connect')
      socket.resume().end(greeting)
      await once(socket, 'close')
      const cut = connect({ host: on.server.host, port }).on('error', () => {})
      await once(cut, 'connect')
      cut.write(greeting)
      cut.resetAndDestroy()
    }
  }
  await on.client('alice@one.example')
  await on.server.stop()
  t.ok(lines.filter(line => line.startsWith('a connection is gone')).length >= 18)
})

t.test('stop says system-shutdown and leaves nothing behind', async t => {
  const on = await stage(t)
  const alice = await on.client('alice@one.example/a')
  const pbx = await on.component('pbx.example')
  const quiet = await on.raw()
  await Promise.all([on.server.stop(), on.server.stop()])
  t.match(await alice.ended, { condition: 'system-shutdown' })
  t.match(await pbx.ended, { condition: 'system-shutdown' })
  await rejects(t, quiet.next(), { code: 'XMPP_CONNECTION_LOST' })
  await rejects(t, on.client('alice@one.example'), { code: 'XMPP_CONNECT_FAILED' })
  const { port } = on.server
  const again = await startLoopback({ port })
  t.equal(again.port, port, 'and its port is free')
  await again.stop()
})

t.test('a process in which it was stopped ends by itself', async t => {
  const src = fileURLToPath(new URL('../../src', import.meta.url))
  const program = `
    import { connectClient } from '${src}/client.ts'
    import { startLoopback } from '${src}/testing/index.ts'
    const server = await startLoopback({ users: { 'a@x.example': 'pw' } })
    const { host, port, ca } = server
    const session = await connectClient({ host, port, ca, jid: 'a@x.example', password: 'pw' })
    session.run().catch(error => console.log(error.message))
    server.delay(1)
    await server.stop()
    await new Promise(resolve => setImmediate(resolve))
    console.log(process.getActiveResourcesInfo().filter(name => name === 'TCPServerWrap').length)`
  const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', program])
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  t.strictSame([output, errors, code], ['system-shutdown\n0\n', '', 0])
})
