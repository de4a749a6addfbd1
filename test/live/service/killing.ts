import { setMaxListeners } from 'node:events'
import type { Test } from 'tap'
import { type Session, StanzaError, sendPing } from '../../../src/index.ts'
import { nodesOf } from '../../../src/xep/0060-discovery.ts'
import { pubsubEvents } from '../../../src/xep/0060-events.ts'
import { allItems, publish, retract } from '../../../src/xep/0060-items.ts'
import { createNode, deleteNode } from '../../../src/xep/0060-nodes.ts'
import { subscribe } from '../../../src/xep/0060-subscriptions.ts'
import { Random } from '../../helper/random.ts'
import { Waiters } from '../../helper/waiters.ts'
import type { LiveServer } from '../servers/servers.ts'
import { login, newUser } from '../users.ts'
import { ServiceCommand } from './command.ts'
import { Ledger, payloadOf } from './ledger.ts'

const NODE = 'ledger'
const PUBLISHERS = 3
/** What each of them has under way at one time. */
const LANES = 4
/** Items that each lane publishes again and again, and retracts. */
const ITEMS = 8

/** Publishers who go on while the service is killed `kills` times, and ended politely once; what they were answered is there each time. */
export async function killing(
  t: Test,
  server: LiveServer,
  { kills, seed }: { kills: number; seed: number },
): Promise<void> {
  const random = new Random(seed)
  const ledger = new Ledger()
  const service = new ServiceCommand(t, server, server.services.kills)
  await service.start()
  const sessions: Session[] = []
  for (let i = 0; i < PUBLISHERS; i++) sessions.push(await login(t, await newUser(t, server, 'publisher')))
  const [owner] = sessions as [Session]
  await createNode(owner, service.jid, NODE, { config: { publish_model: 'open' } })
  const watcher = await Watcher.start(t, server, service.jid, ledger)

  const kept = new Set([NODE])
  for (let life = 0; life <= kills; life++) {
    const polite = life === kills
    const load = new Load(sessions, service.jid, ledger, random)
    await load.until(20 + random.under(60))
    if (polite) t.match(await service.terminate(), { code: 0, signal: null })
    else await service.kill()
    await load.end(server.domain)
    const { answered, open } = ledger

    await service.start()
    const found = new Map<string, string>()
    for await (const { id = '', payload } of allItems(owner, service.jid, NODE)) found.set(id, payload?.text ?? '')
    t.strictSame(
      ledger.look(found),
      [],
      `life ${life}: ${answered} were answered, ${open} were not, ${found.size} are there`,
    )
    const { nodes } = await nodesOf(owner, service.jid)
    t.strictSame(new Set(nodes.map(({ node }) => node)), kept)
    // A line that was being written is cut off; what was in it was not answered.
    const warnings = service.log.split('\n').filter(line => /WARNING|ERROR/.test(line) && !/ cut off$/.test(line))
    t.strictSame(warnings, [], 'nothing else is wrong with the store')

    await publish(owner, service.jid, NODE, [{ id: 'marker', payload: payloadOf(`${life}`, 0) }])
    ledger.ask('marker', `${life}`).done()
    await watcher.saw('marker', `${life}`)
    const [made, gone] = [`life ${life}`, `life ${life - 2}`]
    kept.add(await createNode(owner, service.jid, made))
    if (kept.delete(gone)) await deleteNode(owner, service.jid, gone)
  }
  if (kills >= 15) t.match(service.files.join(), /snapshot-/, 'it made snapshots on the way')
  await service.terminate()
}

/** Publications and retractions, so many at a time, from the beginning to `end`. */
class Load {
  readonly #sessions: readonly Session[]
  readonly #service: string
  readonly #ledger: Ledger
  readonly #random: Random
  readonly #over = new AbortController()
  readonly #answers = new Waiters()
  readonly #lanes: Promise<void>[]
  #count = 0

  constructor(sessions: readonly Session[], service: string, ledger: Ledger, random: Random) {
    this.#sessions = sessions
    this.#service = service
    this.#ledger = ledger
    this.#random = random
    this.#lanes = sessions.flatMap((session, i) =>
      Array.from({ length: LANES }, (_, lane) => this.#run(session, `${i}.${lane}`)),
    )
  }

  /** Resolves, at once, when so many have been answered. */
  until(count: number): Promise<void> {
    const enough = (): true | undefined => this.#count >= count || undefined
    return this.#answers.until(enough, () => `${this.#count} answers`, 20_000).then(() => {})
  }

  /** The service is gone: what had been answered still arrives, and the rest never is. */
  async end(domain: string): Promise<void> {
    for (const session of this.#sessions) await sendPing(session, domain)
    this.#over.abort()
    await Promise.all(this.#lanes)
  }

  async #run(session: Session, lane: string): Promise<void> {
    const { signal } = this.#over
    // Many ask at one time.
    setMaxListeners(0, signal)
    while (!signal.aborted) {
      const id = `${lane}.${this.#random.under(ITEMS)}`
      const state = this.#random.chance(0.8) ? `${id} ${this.#random.next()}` : undefined
      const entry = this.#ledger.ask(id, state)
      try {
        if (state === undefined) await retract(session, this.#service, NODE, [id], { signal })
        else {
          const bytes = this.#random.chance(0.25) ? 40_000 : this.#random.under(400)
          await publish(session, this.#service, NODE, [{ id, payload: payloadOf(state, bytes) }], { signal })
        }
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof StanzaError)) throw error
        // There is nothing to retract; or it is the server that says so, of the service.
        if (state === undefined && error.condition === 'item-not-found') continue
        return
      }
      entry.done()
      this.#count++
      this.#answers.wake()
    }
  }
}

/** A subscriber. */
class Watcher {
  readonly #seen = new Set<string>()
  readonly #news = new Waiters()

  static async start(t: Test, server: LiveServer, service: string, ledger: Ledger): Promise<Watcher> {
    const watcher = new Watcher()
    const events = pubsubEvents({
      from: jid => jid === service,
      onEvent: event => {
        if (event.type !== 'items') return
        for (const { id = '', payload } of event.items) watcher.#take(ledger, id, payload?.text ?? '')
      },
    })
    const session = await login(t, await newUser(t, server, 'watcher'), { xeps: [events] })
    session.send(session.stanza('presence'))
    await subscribe(session, service, NODE)
    return watcher
  }

  async saw(id: string, state: string): Promise<void> {
    await this.#news.until(
      () => this.#seen.has(`${id} ${state}`) || undefined,
      () => `no ${id} ${state}`,
      10_000,
    )
  }

  #take(ledger: Ledger, id: string, state: string): void {
    ledger.told(id, state)
    this.#seen.add(`${id} ${state}`)
    this.#news.wake()
  }
}
