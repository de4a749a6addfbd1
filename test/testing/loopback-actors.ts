import type { Test } from 'tap'
import { type ClientOptions, connectClient } from '../../src/client.ts'
import { type ComponentOptions, connectComponent } from '../../src/component.ts'
import { NS_CLIENT } from '../../src/negotiate.ts'
import type { Session } from '../../src/session.ts'
import { dial } from '../../src/stream/dial.ts'
import { type Element, el } from '../../src/stream/element.ts'
import { XmlStream } from '../../src/stream/stream.ts'
import { type Loopback, type LoopbackOptions, startLoopback } from '../../src/testing/index.ts'
import { availablePresence } from '../../src/xep/presence.ts'
import { fetchRoster, rosterPushes } from '../../src/xep/roster.ts'
import { Waiters } from '../helper/waiters.ts'

/** ms that a login may take. */
const PATIENCE = 5000

/** A logged-in session with a memory of all it was sent. */
export class Actor {
  readonly session: Session
  /** What has come and was not asked for yet. */
  readonly inbox: Element[]
  /** What ended the session: undefined for a stream closed in good order. */
  readonly ended: Promise<unknown>
  readonly #arrivals: Waiters

  constructor(session: Session, inbox: Element[], arrivals: Waiters) {
    this.session = session
    this.inbox = inbox
    this.#arrivals = arrivals
    this.ended = session.run().then(
      () => undefined,
      error => error,
    )
  }

  get jid(): string {
    return this.session.jid
  }

  send(name: string, attrs: Record<string, string | undefined>, ...children: Element[]): void {
    this.session.send(this.session.stanza(name, attrs, ...children))
  }

  say(to: string | undefined, body: string, attrs: Record<string, string> = {}): void {
    this.send('message', { type: 'chat', to, ...attrs }, this.session.stanza('body', {}, body))
  }

  /** The next stanza of that kind; others stay in the inbox. */
  next(name: string, attrs: Record<string, string | undefined> = {}): Promise<Element> {
    const look = (): Element | undefined => {
      const at = this.inbox.findIndex(
        each => each.name === name && Object.keys(attrs).every(key => each.attrs[key] === attrs[key]),
      )
      return at < 0 ? undefined : this.inbox.splice(at, 1)[0]
    }
    const seen = (): string => this.inbox.map(String).join('\n')
    return this.#arrivals.until(look, () => `${seen()}\nbut no <${name} ${JSON.stringify(attrs)}> for ${this.jid}`)
  }

  /** When it resolves, the server has done with everything sent before, and everything it sent before has arrived. */
  async settled(): Promise<void> {
    const { session } = this
    // A component's own domain is the one address it is sure to reach by way of the server.
    const to = session.component ? session.jid : undefined
    await session.iq('get', to, el('ping', 'urn:xmpp:ping')).catch(() => {})
    const answers = this.inbox.filter(each => each.name === 'iq' && each.attrs.type !== 'set')
    for (const answer of answers) this.inbox.splice(this.inbox.indexOf(answer), 1)
  }

  /** Says that it is there, and forgets what came of that. */
  async appear(priority = 0): Promise<void> {
    this.session.send(availablePresence(this.session, { priority }))
    await this.settled()
    this.inbox.length = 0
  }
}

/** All of them have sent and received what is under way. */
export async function settled(...actors: Actor[]): Promise<void> {
  for (const actor of actors) await actor.settled()
  for (const actor of actors) await actor.settled()
}

const users = { 'alice@one.example': 'alice:pw', 'bob@one.example': 'bob pw', 'carol@two.example': 'caröl' }
const components = { 'pbx.example': 'hush', 'other.example': 'hush too' }

/** A server for one test, with alice and bob, carol at another domain, and two components. */
export async function stage(t: Test, options: LoopbackOptions = {}): Promise<Stage> {
  const server = await startLoopback({ users, components, ...options })
  t.teardown(() => server.stop())
  return new Stage(server)
}

/** A server, and whoever is to appear on it. */
export class Stage {
  readonly server: Loopback

  constructor(server: Loopback) {
    this.server = server
  }

  /** Logs a user in, by STARTTLS unless said otherwise. */
  async client(jid: string, options: Partial<ClientOptions> = {}): Promise<Actor> {
    const { inbox, arrivals, stream } = recorder()
    const { server } = this
    const password = users[jid.replace(/\/.*/, '') as keyof typeof users]
    const port = options.tls === 'direct' ? server.directPort : server.port
    const pushes = rosterPushes(
      () => {},
      () => {},
    )
    const common = { host: server.host, port, ca: server.ca, password, jid, stream, xeps: [pushes], timeout: PATIENCE }
    return new Actor(await connectClient({ ...common, ...options }), inbox, arrivals)
  }

  /** Logs in, gets the roster, and becomes available. */
  async online(jid: string, priority = 0): Promise<Actor> {
    const actor = await this.client(jid)
    await fetchRoster(actor.session)
    await actor.appear(priority)
    return actor
  }

  async component(domain: keyof typeof components, options: Partial<ComponentOptions> = {}): Promise<Actor> {
    const { inbox, arrivals, stream } = recorder()
    const { host, componentPort: port } = this.server
    const common = { host, port, domain, secret: components[domain], stream, timeout: PATIENCE }
    return new Actor(await connectComponent({ ...common, ...options }), inbox, arrivals)
  }

  /** A connection on which nothing has been said yet. */
  async raw(ns: string = NS_CLIENT, port = this.server.port): Promise<XmlStream> {
    return new XmlStream(await dial({ host: this.server.host, port }), { ns })
  }
}

function recorder() {
  const inbox: Element[] = []
  const arrivals = new Waiters()
  const trace = (direction: 'in' | 'out', element: Element): void => {
    if (direction === 'out' || !['message', 'presence', 'iq'].includes(element.name)) return
    inbox.push(element)
    arrivals.wake()
  }
  return { inbox, arrivals, stream: { trace } }
}
