/** Our own client against the loopback server, over TLS, with connections that break. */
import t, { type Test } from 'tap'
import { type ClientOptions, connectClient, createClient } from '../../src/client.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import type { ConnectionEvent, Link } from '../../src/reconnect.ts'
import type { Session } from '../../src/session.ts'
import type { LoopbackOptions } from '../../src/testing/index.ts'
import { TcpProxy } from '../helper/proxy.ts'
import { rejects } from '../helper/rejects.ts'
import { Waiters } from '../helper/waiters.ts'
import { type Stage, stage } from './loopback-actors.ts'

const passwords = { 'alice@one.example': 'alice:pw', 'bob@one.example': 'bob pw' } as const

/** A connection that is kept up, and all it has told. */
class Kept {
  readonly bodies: string[] = []
  readonly ids: (string | undefined)[] = []
  readonly links: Link[] = []
  readonly failed: (string | undefined)[] = []
  readonly #connection: ReturnType<typeof createClient>
  readonly #news = new Waiters()

  constructor(t: Test, options: Parameters<typeof createClient>[0]) {
    // Dice that lie below their range make for a back-off of 50 ms.
    this.#connection = createClient({ random: () => -0.9, ...options })
    const { bodies, ids, links, failed } = this
    const note = <T extends ConnectionEvent['type']>(
      type: T,
      take: (event: Extract<ConnectionEvent, { type: T }>) => void,
    ): void => {
      this.#connection.on(type, event => {
        take(event)
        this.#news.wake()
      })
    }
    note('online', link => void links.push(link))
    note('offline', link => void links.push(link))
    note('failed', ({ stanza }) => void failed.push(stanza.attrs.id))
    note('message', ({ stanza }) => {
      bodies.push(stanza.childText('body') ?? '')
      ids.push(stanza.attrs.id)
    })
    this.#connection.start()
    t.teardown(() => this.#connection.stop())
  }

  on: ReturnType<typeof createClient>['on'] = (...how) => this.#connection.on(...how)

  get session(): Session {
    const { session } = this.#connection
    if (session === undefined) throw new Error('there is no session')
    return session
  }

  get onlines(): readonly Extract<Link, { type: 'online' }>[] {
    return this.links.filter(link => link.type === 'online')
  }

  say(to: string, body: string): Promise<void> | undefined {
    const { session } = this
    return session.send(session.stanza('message', { to, id: body, type: 'chat' }, session.stanza('body', {}, body)))
  }

  until(look: () => boolean, what: string): Promise<true> {
    return this.#news.until(
      () => look() || undefined,
      () => `${what}; ${this.bodies.length} messages, ${this.links.length} links`,
      20_000,
    )
  }

  stop(): Promise<void> {
    return this.#connection.stop()
  }
}

function kept(t: Test, on: Stage, jid: string, options: Partial<ClientOptions> = {}): Kept {
  const { host, port, ca } = on.server
  const password = passwords[jid.replace(/\/.*/, '') as keyof typeof passwords]
  return new Kept(t, { host, port, ca, jid, password, ...options })
}

const profiles: readonly (readonly [string, LoopbackOptions, Partial<ClientOptions>])[] = [
  ['XEP-0388 with everything inline', {}, {}],
  ['RFC 6120 and everything early', { sasl2: false }, {}],
  ['RFC 6120, one thing after the other', {}, { sasl2: false, pipelining: false }],
]

const COUNT = 1000

/** Of a server that does not keep sessions for as long as it says, which is a minute. */
const hasty: Clock = {
  now: systemClock.now,
  after: (ms, fn) => systemClock.after(ms === 60_000 ? 100 : ms, fn),
}

for (const [name, server, client] of profiles) {
  t.test(`messages both ways, exactly once and in order, while connections break: ${name}`, async t => {
    const on = await stage(t, server)
    const proxy = await TcpProxy.start(t, on.server)
    const alice = kept(t, on, 'alice@one.example', { ...client, port: proxy.port })
    const bob = kept(t, on, 'bob@one.example/desk', client)
    await Promise.all([alice, bob].map(each => each.until(() => each.onlines.length > 0, 'online')))
    const jids = { alice: alice.session.jid, bob: bob.session.jid }
    const { negotiated } = alice.session
    t.equal(negotiated.mechanism, 'SCRAM-SHA-512')

    // Each is cut off at several points of its own, in the middle of what comes in one read.
    let seen = 0
    on.server.onStanza = ({ name }) => {
      if (name !== 'message') return
      seen++
      if (seen % 500 === 130) proxy.cut()
      if (seen % 500 === 370) on.server.drop(jids.bob)
    }
    const flood = async (from: Kept, to: string): Promise<void> => {
      for (let n = 0; n < COUNT; n++) {
        await from.say(to, `${n}`)
        if (n % 10 === 9) await new Promise(resolve => setTimeout(resolve, 1))
      }
    }
    await Promise.all([flood(alice, jids.bob), flood(bob, jids.alice)])
    for (const each of [alice, bob]) await each.until(() => each.bodies.length >= COUNT, 'everything')
    // The last cut may hit somebody who has everything already.
    const back = (each: Kept): boolean => each.links.at(-1)?.type === 'online'
    for (const each of [alice, bob]) await each.until(() => back(each) && on.server.hibernating.length === 0, 'back')
    const numbers = Array.from({ length: COUNT }, (_, n) => `${n}`)
    t.same(alice.bodies, numbers)
    t.same(bob.bodies, numbers)
    for (const each of [alice, bob]) {
      const [first, ...later] = each.onlines
      // Of four cuts; one that hits somebody who is away already is none.
      t.ok(later.length >= 2, `${later.length} times back`)
      t.equal(first?.resumed, false)
      t.ok(
        later.every(({ resumed, session }) => resumed && session === first?.session),
        'to the same session',
      )
      t.same(each.failed, [])
    }
    t.same(on.server.hibernating, [])
    await Promise.all([alice.stop(), bob.stop()])
    t.same([on.server.connected, on.server.hibernating], [[], []], 'and left for good')
  })

  t.test(`a session that is not kept: another one, and what had not arrived: ${name}`, async t => {
    const on = await stage(t, server)
    const alice = kept(t, on, 'alice@one.example/desk', client)
    const bob = kept(t, on, 'bob@one.example', client)
    await Promise.all([alice, bob].map(each => each.until(() => each.onlines.length > 0, 'online')))
    const first = alice.session
    const to = bob.session.jid
    alice.say(to, 'before')
    await bob.until(() => bob.bodies.length === 1, 'the first')
    alice.on('offline', () => {
      alice.say(to, 'meanwhile 1')
      alice.say(to, 'meanwhile 2')
    })
    t.equal(on.server.drop(first.jid), 1)
    t.equal(on.server.forgetSessions(first.jid), 1)
    await bob.until(() => bob.bodies.length >= 3, 'what was sent meanwhile')
    await alice.until(() => alice.onlines.length === 2, 'online again')
    t.equal(alice.onlines[1]?.resumed, false)
    t.not(alice.session, first)
    t.same(bob.ids.slice(-2), ['meanwhile 1', 'meanwhile 2'], 'under the ids they had')
    alice.say(to, 'after')
    await bob.until(() => bob.bodies.at(-1) === 'after', 'the last')
    t.equal(bob.bodies.filter(body => body.startsWith('meanwhile')).length, 2)
    t.same(alice.failed, [])
  })

  t.test(`a server that ends a session and knows how much of it had arrived: ${name}`, async t => {
    const on = await stage(t, { ...server, clock: hasty })
    const alice = kept(t, on, 'alice@one.example/desk', client)
    const bob = kept(t, on, 'bob@one.example', client)
    await Promise.all([alice, bob].map(each => each.until(() => each.onlines.length > 0, 'online')))
    const { jid } = alice.session
    const to = bob.session.jid
    for (const body of ['1', '2', '3']) alice.say(to, body)
    await bob.until(() => bob.bodies.length === 3, 'three')
    t.equal(alice.session.unacknowledged.length, 3, 'nobody has told Alice')
    on.server.refuse(true)
    on.server.drop(jid)
    const gone = alice.session
    alice.on('offline', ({ kept: earlier }) => {
      if (earlier === gone && gone.unacknowledged.length === 3) alice.say(to, '4')
    })
    bob.say(jid, 'to nobody')
    await bob.until(() => bob.ids.at(-1) === 'to nobody', 'an error')
    on.server.refuse(false)
    await bob.until(() => bob.bodies.length === 5, 'the fourth')
    t.same(bob.bodies, ['1', '2', '3', '', '4'], 'the empty one being the error')
    t.equal(alice.session.jid, jid)
    t.same(alice.bodies, [])
  })
}

t.test('what a login comes to', async t => {
  const on = await stage(t, { mechanisms: ['SCRAM-SHA-512-PLUS'] })
  const password = passwords['alice@one.example']
  const login = async (jid: string, options: Partial<ClientOptions>) =>
    (await on.client(jid, { password, ...options })).session
  const bound = await login('alice@one.example', { streamManagement: 'resumable', resourceTag: 'desk' })
  t.match(bound.jid, /^alice@one\.example\/desk\.[\w-]{12}$/)
  t.match(bound.negotiated, { mechanism: 'SCRAM-SHA-512-PLUS', binding: 'tls-exporter' })
  t.match(bound.negotiated.management, { resumable: { max: 60 } }, 'enabled inside the login')
  const named = await login('alice@one.example/named', { streamManagement: 'resumable' })
  t.match([named.jid, named.negotiated.management], ['alice@one.example/named', 'requested'])
  const plain = await login('alice@one.example', { sasl2: false, streamManagement: false })
  t.equal(plain.negotiated.management, undefined)
  await Promise.all([bound, named, plain].map(session => session.close()))
  await on.server.waitFor('alice@one.example', false)
  t.same(on.server.hibernating, [])
})

t.test('logins that are refused say nothing of the session they ask for', async t => {
  const on = await stage(t)
  const password = passwords['alice@one.example']
  const { host, port, ca } = on.server
  const options = { jid: 'alice@one.example', host, port, ca, streamManagement: 'resumable' } as const
  const session = await connectClient({ ...options, password })
  const running = session.run({ keep: true })
  on.server.drop()
  await running.catch(() => {})
  for (let n = 0; n < 6; n++) {
    const refused = connectClient({ ...options, password: 'wrong', earlier: session })
    await rejects(t, refused, { name: 'SaslError', condition: 'not-authorized' })
  }
  t.ok(session.resumption)
  t.equal(await connectClient({ ...options, password, earlier: session }), session, 'which is still there')
  const again = session.run()
  await session.close()
  await again
})
