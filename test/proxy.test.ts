/** The network that tests put between a client and a server. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { HandClock } from './helper/clock.ts'
import { listen } from './helper/listen.ts'
import { TcpProxy } from './helper/proxy.ts'
import { Waiters } from './helper/waiters.ts'

/** One end of a connection, and what it has seen. */
class End {
  readonly socket: Socket
  text = ''
  ended = false
  error: string | undefined
  closed = false
  readonly #news = new Waiters()

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('utf8')
    socket.on('data', data => this.#note(() => (this.text += data)))
    socket.on('end', () => this.#note(() => (this.ended = true)))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#note(() => (this.error = error.code)))
    socket.on('close', () => this.#note(() => (this.closed = true)))
  }

  until(seen: (end: End) => boolean): Promise<true> {
    return this.#news.until(
      () => seen(this) || undefined,
      () => `seen so far: ${this.text} ${this.error}`,
    )
  }

  #note(change: () => void): void {
    change()
    this.#news.wake()
  }
}

interface Place {
  readonly proxy: TcpProxy
  readonly clock: HandClock
  /** A client through the proxy, and the server's end of its connection. */
  pair(): Promise<[client: End, server: End]>
}

async function place(t: Test): Promise<Place> {
  const clock = new HandClock()
  const ends: End[] = []
  const arrivals = new Waiters()
  const { port } = await listen(t, socket => {
    ends.push(new End(socket))
    arrivals.wake()
  })
  const proxy = await TcpProxy.start(t, { port }, clock)
  const pair = async (): Promise<[End, End]> => {
    const client = newcomer(t, proxy.port)
    const server = await arrivals.until(
      () => ends.shift(),
      () => 'nobody came',
    )
    return [client, server]
  }
  return { proxy, clock, pair }
}

function newcomer(t: Test, port: number): End {
  const end = new End(connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
  t.teardown(() => end.socket.destroy())
  return end
}

/** A round trip on a connection of its own, twice: what could have come on another one has come. */
async function meanwhile(t: Test): Promise<void> {
  const { port } = await listen(t, socket => socket.pipe(socket))
  const client = newcomer(t, port)
  for (const echo of ['a', 'aa']) {
    client.socket.write('a')
    await client.until(({ text }) => text === echo)
  }
  client.socket.destroy()
}

t.test('it passes on what is said, and ends', async t => {
  const { proxy, pair } = await place(t)
  const [client, server] = await pair()
  client.socket.write('hello')
  await server.until(({ text }) => text === 'hello')
  client.socket.end(' and bye')
  await server.until(({ text, ended }) => text === 'hello and bye' && ended)
  const large = 'x'.repeat(5_000_000)
  const [second, secondServer] = await pair()
  secondServer.socket.end(large)
  await second.until(({ ended }) => ended)
  t.equal(second.text, large, 'more than any buffer on the way')
  t.equal(proxy.accepted, 2)
  second.socket.end()
  await second.until(({ closed }) => closed)
  await client.until(({ closed }) => closed)
  await meanwhile(t)
  t.equal(proxy.open, 0)
})

t.test('cut: both ends are reset, and others may come', async t => {
  const { proxy, pair } = await place(t)
  const [client, server] = await pair()
  t.equal(proxy.open, 1)
  proxy.cut()
  await client.until(({ closed }) => closed)
  await server.until(({ closed }) => closed)
  t.same([client.error, server.error], ['ECONNRESET', 'ECONNRESET'])
  t.equal(proxy.open, 0)
  const [next, nextServer] = await pair()
  next.socket.write('again')
  await nextServer.until(({ text }) => text === 'again')
  t.equal(proxy.accepted, 2)
})

t.test('a reset of one end is one of the other', async t => {
  const { proxy, pair } = await place(t)
  const [client, server] = await pair()
  server.socket.resetAndDestroy()
  await client.until(({ closed }) => closed)
  t.equal(client.error, 'ECONNRESET')
  t.equal(proxy.open, 0)
})

t.test('nobody behind it: the client is reset', async t => {
  const { port, gone } = await listen(t, () => {})
  await gone()
  const proxy = await TcpProxy.start(t, { port })
  const client = newcomer(t, proxy.port)
  await client.until(({ closed }) => closed)
  t.equal(client.error, 'ECONNRESET')
})

t.test('a black hole: nothing comes through until it is over', async t => {
  const { proxy, pair } = await place(t)
  const [client, server] = await pair()
  proxy.blackhole(true)
  client.socket.write('to the server')
  server.socket.end('to the client')
  const late = newcomer(t, proxy.port)
  await once(late.socket, 'connect')
  late.socket.write('late')
  await meanwhile(t)
  t.same([client.text, client.ended, server.text, client.closed, server.closed], ['', false, '', false, false])
  proxy.blackhole(false)
  await server.until(({ text }) => text === 'to the server')
  await client.until(({ text, ended }) => text === 'to the client' && ended)
  t.equal(proxy.accepted, 2)
})

t.test('a black hole, and a cut', async t => {
  const { proxy, pair } = await place(t)
  const [client, server] = await pair()
  proxy.blackhole(true)
  client.socket.write('lost')
  await meanwhile(t)
  proxy.cut()
  await server.until(({ closed }) => closed)
  await client.until(({ closed }) => closed)
  t.equal(server.text, '')
  proxy.blackhole(false)
  const [next, nextServer] = await pair()
  next.socket.write('heard')
  await nextServer.until(({ text }) => text === 'heard')
})

t.test('delay: later, each way, and in order', async t => {
  const { proxy, clock, pair } = await place(t)
  const [client, server] = await pair()
  proxy.delay(100)
  client.socket.write('one ')
  server.socket.write('answer')
  await meanwhile(t)
  await clock.advance(99)
  await meanwhile(t)
  t.same([server.text, client.text, clock.pending], ['', '', 2])
  proxy.delay(0)
  client.socket.end('two')
  await meanwhile(t)
  t.equal(server.text, '', 'what comes later does not overtake')
  await clock.advance(1)
  await server.until(({ text, ended }) => text === 'one two' && ended)
  await client.until(({ text }) => text === 'answer')
  t.equal(clock.pending, 0)
})

t.test('flights: how often one end speaks behind the other', async t => {
  const { proxy, pair } = await place(t)
  const told: number[] = []
  proxy.onFlight = () => told.push(proxy.flights)
  const [client, server] = await pair()
  t.equal(proxy.flights, 0, 'the handshake of TCP is none')
  const say = async (from: End, to: End, words: string): Promise<void> => {
    const text = to.text + words
    from.socket.write(words)
    await to.until(end => end.text === text)
  }
  await say(client, server, 'one ')
  await say(client, server, 'more of the same ')
  await say(server, client, 'answer ')
  await say(client, server, 'two')
  t.equal(proxy.flights, 3)
  const [other, otherServer] = await pair()
  await say(otherServer, other, 'first')
  t.equal(proxy.flights, 4, 'on all connections')
  t.same(told, [1, 2, 3, 4])
})

t.test('a black hole holds back what was delayed', async t => {
  const { proxy, clock, pair } = await place(t)
  const [client, server] = await pair()
  proxy.delay(100)
  client.socket.write('held')
  await meanwhile(t)
  t.equal(clock.pending, 1)
  proxy.blackhole(true)
  t.equal(clock.pending, 0)
  await clock.advance(200)
  await meanwhile(t)
  t.equal(server.text, '')
  proxy.blackhole(false)
  await server.until(({ text }) => text === 'held')
})

t.test('close: no connection, no timer, no port is left', async t => {
  const { proxy, clock, pair } = await place(t)
  const [client, server] = await pair()
  proxy.delay(100)
  client.socket.write('lost')
  await meanwhile(t)
  await proxy.close()
  await client.until(({ closed }) => closed)
  await server.until(({ closed }) => closed)
  t.same([proxy.open, clock.pending, server.text], [0, 0, ''])
  const refused = newcomer(t, proxy.port)
  await refused.until(({ closed }) => closed)
  t.equal(refused.error, 'ECONNREFUSED')
  await proxy.close()
})
