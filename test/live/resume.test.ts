/**
 * Sessions that are resumed (XEP-0198 §5) on a network that breaks again and again. The client comes through a proxy, and the one it talks to
 * directly. What the network does is driven by how many messages have arrived, not by time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/clock.ts'
import {
  type Clock,
  type Connection,
  createClient,
  type Element,
  el,
  onEvery,
  type Session,
  sendPing,
} from '../../src/index.ts'
import { TcpProxy } from '../helper/proxy.ts'
import { Random } from '../helper/random.ts'
import { Waiters } from '../helper/waiters.ts'
import { type LiveServer, servers, skip } from './servers/servers.ts'
import { at, login, newUser } from './users.ts'

t.setTimeout(240_000)

/** Messages each way. */
const COUNT = 10_000
/** ms to wait for what the next message should bring; a dead link is found out in far less. */
const PATIENCE = 60_000
/**
 * How many of the client's may be under way. Prosody can only go on with a session that was not cut within a stanza (README.md), which a few
 * small ones never are: they fit into what it reads at once of a record of TLS.
 */
const ITS_WINDOW = { prosody: 15, ejabberd: 100, jabberd2: 0 }
/** And of the other one's: the servers give up a session for which more than 500 wait. */
const OTHER_WINDOW = 100

for (const server of servers.filter(({ resumeTimeout }) => resumeTimeout !== undefined)) {
  // A resource of one's own is bound by RFC 6120, and what the server makes up by Bind 2.
  t.test(server.name, { skip }, t => resumed(t, server, '/kept'))
  t.test(`${server.name}: cut within a stanza`, { skip }, t => cutWithin(t, server))
  for (const { domain, sasl2 } of server.hosts) {
    if (sasl2) t.test(`${domain}: SASL2`, { skip }, t => resumed(t, { ...server, domain }, ''))
  }
}

/**
 * Time that runs ten times as fast: the back-off and the patience with a dead link take as much less. What a server keeps a session for is
 * then less for the client than for the server.
 */
const hurried: Clock = {
  now: () => systemClock.now() * 10,
  after: (ms, run) => systemClock.after(ms / 10, run),
}

/** Prosody takes all that comes on the next streams for the rest of that stanza, and answers none of it: such a session is given up in the end. */
async function cutWithin(t: Test, server: LiveServer): Promise<void> {
  const user = await newUser(t, server, 'kept')
  const proxy = await TcpProxy.start(t, server)
  const client = createClient({
    ...at(server),
    ...user,
    port: proxy.port,
    random: () => 0,
    stream: { clock: hurried },
  })
  const news = new Waiters()
  let online = 0
  client.on('online', () => {
    online++
    news.wake()
  })
  client.start()
  t.teardown(() => client.stop())
  const first = await news.until(
    () => client.session,
    () => 'no session',
  )
  await sendPing(first, server.domain)
  first.stream.write(Buffer.from(`<message to='${user.jid}'><body>half of`))
  await sleep(200)
  proxy.cut()
  await news.until(
    () => online > 1 || undefined,
    () => 'it does not come back',
  )
  const deadline = Date.now() + 20_000
  let answered = false
  while (!answered && Date.now() < deadline) {
    const { session } = client
    answered =
      session !== undefined &&
      (await sendPing(session, server.domain).then(
        () => true,
        () => false,
      ))
    if (!answered) await sleep(50)
  }
  t.ok(answered, 'it is heard again')
}

/** What has arrived on one side, in its order. */
class Arrivals {
  readonly numbers: number[] = []
  readonly #wake: () => void

  constructor(wake: () => void) {
    this.#wake = wake
  }

  take(stanza: Element): void {
    const number = Number(stanza.attrs.id?.slice(1))
    if (stanza.attrs.type !== 'chat' || !Number.isInteger(number)) return
    this.numbers.push(number)
    this.#wake()
  }

  /** How many there were, which of those until the last one are missing or doubled, and whether they came in order. */
  get verdict(): object {
    const seen = new Set(this.numbers)
    const missing = Array.from({ length: COUNT }, (_, number) => number).filter(number => !seen.has(number))
    const ordered = this.numbers.every((number, index) => index === 0 || number > (this.numbers[index - 1] as number))
    return { count: this.numbers.length, missing, doubled: this.numbers.length - seen.size, ordered }
  }
}

const all = { count: COUNT, missing: [], doubled: 0, ordered: true }

async function resumed(t: Test, server: LiveServer, resource: string): Promise<void> {
  const [user, other] = [await newUser(t, server, 'kept'), await newUser(t, server, 'other')]
  const window = ITS_WINDOW[server.name]
  const news = new Waiters()
  const wake = () => news.wake()
  const until = (fits: () => boolean, what: string) =>
    news.until(
      () => fits() || undefined,
      () => `${what}; ${arrived()} of ${2 * COUNT} have arrived`,
      PATIENCE,
    )
  const [its, others] = [new Arrivals(wake), new Arrivals(wake)]
  const arrived = () => its.numbers.length + others.numbers.length

  const proxy = await TcpProxy.start(t, server)
  proxy.onFlight = wake
  const client = createClient({
    ...at(server),
    port: proxy.port,
    jid: user.jid + resource,
    password: user.password,
    // Half the back-off.
    random: () => 0,
    stream: { clock: hurried },
    timeout: 120_000,
  })
  const links = { online: 0, resumed: 0, offline: 0, failed: 0, errors: new Map<string, number>() }
  client.on('online', link => {
    links.online++
    if (link.resumed) links.resumed++
    wake()
  })
  client.on('offline', ({ error }) => {
    links.offline++
    const code = (error as { code?: string }).code ?? 'other'
    links.errors.set(code, (links.errors.get(code) ?? 0) + 1)
    wake()
  })
  client.on('failed', () => links.failed++)
  client.on('message', ({ stanza }) => its.take(stanza))
  client.start()
  t.teardown(() => client.stop())
  // A server would give up one that cannot keep up with what the client sends all at once after a resumption.
  const listener = { name: 'listener', routes: [onEvery('message', (stanza: Element) => others.take(stanza))] }
  const session = await login(t, other, { xeps: [listener], streamManagement: false })
  await until(() => client.session !== undefined, 'no session')
  const first = client.session as Session

  const began = systemClock.now()
  let [sent, stuck] = [0, false]
  const itsRoom = async (number: number): Promise<void> => {
    sent = number
    stuck = number - others.numbers.length >= window
    wake()
    if (stuck) await until(() => number - others.numbers.length < window, 'what the client has sent does not arrive')
    stuck = false
  }
  const otherRoom = async (number: number): Promise<void> => {
    if (number - its.numbers.length < OTHER_WINDOW) return
    await until(() => number - its.numbers.length < OTHER_WINDOW, 'what the other one has sent does not arrive')
  }
  await Promise.all([
    flow(() => current(client), session.jid, itsRoom),
    flow(() => session, first.jid, otherRoom),
    troubles(proxy, { links, arrived, sent: () => sent, stuck: () => stuck, until }),
  ])
  await until(() => arrived() >= 2 * COUNT, 'not all has arrived')
  // Whatever should come twice comes before these.
  const ends = [its.numbers.length, others.numbers.length]
  say(current(client), session.jid, COUNT)
  say(session, first.jid, COUNT)
  await until(() => [its, others].every(({ numbers }) => numbers.at(-1) === COUNT), 'the last two have not arrived')
  for (const { numbers } of [its, others]) numbers.pop()
  const errors = [...links.errors].map(([code, times]) => `${times} × ${code}`).join(', ')
  const seconds = ((systemClock.now() - began) / 1000).toFixed(1)
  t.comment(`${links.resumed} resumptions of ${links.offline} breaks (${errors}) in ${seconds} s`)

  t.strictSame(ends, [COUNT, COUNT])
  t.strictSame(its.verdict, all, 'what the client got')
  t.strictSame(others.verdict, all, 'what the other one got')
  t.equal(links.online - links.resumed, 1, 'the session is the one it began with')
  t.equal(current(client), first)
  t.equal(first.resumptions, links.resumed)
  t.ok(links.resumed > 15, `${links.resumed} resumptions`)
  t.equal(links.failed, 0)
}

function current({ session }: Connection): Session {
  if (session === undefined) throw new Error('there is no session, and nothing to be resumed')
  return session
}

/** Sends one message after the other; `room` is waited for before each. */
async function flow(from: () => Session, to: string, room: (number: number) => Promise<void>): Promise<void> {
  for (let number = 0; number < COUNT; number++) {
    await room(number)
    await say(from(), to, number)
  }
}

function say(session: Session, to: string, number: number): Promise<void> | undefined {
  const body = session.stanza('body', {}, `${number}`)
  // Prosody's archive gets slow when it is full.
  const hint = el('no-store', 'urn:xmpp:hints')
  return session.send(session.stanza('message', { type: 'chat', to, id: `n${number}` }, body, hint))
}

/** What the network has to know. */
interface Traffic {
  readonly links: { readonly online: number; readonly offline: number }
  /** Messages that have arrived, and those the client has sent; whether it waits for some to arrive. */
  arrived(): number
  sent(): number
  stuck(): boolean
  until(fits: () => boolean, what: string): Promise<unknown>
}

/** Breaks the network in one way after the other, whenever some more messages have arrived, until few are left. */
async function troubles(proxy: TcpProxy, { links, arrived, sent, stuck, until }: Traffic): Promise<void> {
  const random = new Random(198)
  const kinds = ['cut', 'slow', 'cut', 'hole and cut', 'cut', 'quick', 'cut at login', 'cut', 'hole'] as const
  let [holes, lost] = [2, 0]
  // Where sessions are over in no time, the back-off grows.
  proxy.delay(5)
  for (let [next, index] = [300, 0]; next < 2 * COUNT - 1000; next += 300 + random.under(600), index++) {
    // What was under way for the other one still arrives while the client is coming back.
    await until(() => arrived() >= next && links.online > lost, 'the network waits for messages')
    next = arrived()
    const kind = kinds[index % kinds.length]
    if (kind === 'slow') proxy.delay(20)
    if (kind === 'quick') proxy.delay(5)
    if (kind === 'slow' || kind === 'quick' || (kind === 'hole' && holes-- <= 0)) continue

    const { offline } = links
    if (kind === 'hole and cut' || kind === 'hole') proxy.blackhole(true)
    if (kind === 'hole and cut') {
      const before = sent()
      await until(() => sent() >= before + 50 || stuck() || sent() === COUNT - 1, 'nothing is said into the silence')
    }
    // What is said into the other kind of hole is missed by the client itself, which asks what has arrived.
    if (kind !== 'hole') proxy.cut()
    lost = links.online
    await until(() => links.offline > offline, `${kind} is not noticed`)
    proxy.blackhole(false)
    if (kind === 'cut at login') {
      const flights = proxy.flights + 1 + random.under(12)
      await until(() => proxy.flights >= flights, 'it does not come back')
      proxy.cut()
    }
  }
}
