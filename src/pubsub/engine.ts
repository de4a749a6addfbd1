/** A PubSub service (XEP-0060, XEP-0248) without a network: requests in, answers and notifications out. */
import { StanzaError, warn } from '../errors.ts'
import { bareJid } from '../jid.ts'
import { NS_CLIENT } from '../negotiate.ts'
import { type Element, el } from '../stream/element.ts'
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from '../xep/0030-disco.ts'
import { NS_COMMANDS } from '../xep/0060-pending.ts'
import { NS_PUBSUB, NS_PUBSUB_OWNER } from '../xep/0060-pubsub.ts'
import { pendingCommand, takeDecision } from './authorization.ts'
import { relate } from './collections.ts'
import { describeNode, type NodeDescription } from './description.ts'
import { contents, info } from './disco.ts'
import { badRequest, errorAnswer, errorMessage, refusal } from './errors.ts'
import { settleAll } from './expiry.ts'
import { items } from './items.ts'
import { create, defaultConfiguration, deleteNode, endNode, getConfig, purge, setConfig } from './nodes.ts'
import type { Telling } from './notifications.ts'
import { getAffiliations, getSubscriptions, setAffiliations, setSubscriptions } from './owner.ts'
import { publish, retract } from './publish.ts'
import type { Command, Request } from './request.ts'
import { type EngineOptions, Service } from './service.ts'
import { snapshotOf } from './snapshot.ts'
import type { Entry } from './store.ts'
import {
  affiliations,
  defaultSubscription,
  getOptions,
  setOptions,
  subscribe,
  subscriptions,
  unsubscribe,
} from './subscriptions.ts'
import { askWhoIsThere, takeBounce, takePresence } from './whereabouts.ts'

/** What has come of something. */
export interface Outcome {
  /** Messages and presence for others, or the sender, in the order in which they are to leave. */
  readonly sent: readonly Element[]
  /** What has changed by it: to be in the store before anything leaves. Empty when nothing has. */
  readonly entry: Entry
  /** It was too much at once, and some were not told: see {@link EngineLimits.notificationsPerRequest}. */
  readonly cut: boolean
}

/** What a request comes to. */
export interface Handled extends Outcome {
  /** The iq that answers, of type `result` or `error`; it leaves first. */
  readonly answer: Element
}

/** How much there is. */
export interface EngineCounts {
  /** Collections among them, but for the root. */
  readonly nodes: number
  readonly items: number
  /** As {@link EngineLimits.storedBytes} counts them. */
  readonly bytes: number
  readonly subscriptions: number
}

/**
 * The service at one address: its nodes, in memory, and what it makes of each request. Whoever runs it brings stanzas and time to it, keeps what has changed, and sends
 * what it says. It never throws: whatever is wrong with a request is in the answer. What is sent may share elements with the request and with one another.
 */
export class PubsubEngine {
  readonly #service: Service

  constructor(options: EngineOptions) {
    this.#service = new Service(options)
  }

  /** The address of the service. */
  get jid(): string {
    return this.#service.jid
  }

  /** How many nodes there are. */
  get size(): number {
    return this.#service.nodes.size
  }

  get counts(): EngineCounts {
    const { nodes, items, bytes, subscriptions } = this.#service
    return { nodes: nodes.size, items, bytes, subscriptions }
  }

  /**
   * Does what an iq of type `get` or `set` asks for. It is in `jabber:client`, and its `from` and `to` are prepared and proved by the server that it came
   * through; whoever sends it is who `from` says.
   */
  handle(iq: Element): Handled {
    const { id, from, to } = iq.attrs
    const out: Element[] = []
    let request: Request | undefined
    let answer: Element
    try {
      request = { ...readRequest(iq), service: this.#service, out }
      const payload = commandOf(iq, request)(request)
      const content = payload === undefined ? [] : [payload]
      answer = el('iq', NS_CLIENT, { type: 'result', id, from: to, to: from }, ...content)
    } catch (thrown) {
      answer = errorAnswer(iq, told(thrown), request?.echo)
    }
    return { answer, ...this.#outcome(out) }
  }

  /** Takes a message: what an owner has decided about a subscription (§8.6), or that a notification has found nobody (§12.4). */
  message(stanza: Element): Outcome {
    return this.#during(telling => {
      if (stanza.attrs.type === 'error') return takeBounce(telling, stanza)
      const error = takeDecision(telling, stanza)
      if (error !== undefined) telling.out.push(errorMessage(this.jid, stanza, error))
    })
  }

  /** Takes presence, which says who is there. */
  presence(stanza: Element): Outcome {
    return this.#during(telling => takePresence(telling, stanza))
  }

  /** The server has (again) a way to us: nobody is known to be there until they have said so. */
  connected(): Outcome {
    return this.#during(askWhoIsThere)
  }

  /** Ends what time has brought to its end. What is asked about is looked at anyway; this is for the rest, every half minute or so. */
  tick(): Outcome {
    return this.#during(settleAll)
  }

  /** Deletes a node, whoever owns it; undefined when there is none. */
  delete(name: string): Outcome | undefined {
    const node = this.#service.nodes.get(name)
    return node && this.#during(telling => endNode(telling, node))
  }

  /** What there is of a node; undefined when there is none. */
  describe(name: string): NodeDescription | undefined {
    const node = this.#service.nodes.get(name)
    return node && describeNode(node)
  }

  /** The names of all nodes, in the order in which they were created. */
  names(): Iterable<string> {
    return this.#service.nodes.keys()
  }

  /** Does what an entry of the store says, which was done before. */
  restore(entry: Entry): void {
    for (const change of entry) this.#service.apply(change)
  }

  /** All that is needed to make everything as it is now: see {@link StoreUser.snapshot}. */
  snapshot(): Iterable<Entry> {
    return snapshotOf(this.#service)
  }

  #during(act: (telling: Telling) => void): Outcome {
    const out: Element[] = []
    try {
      act({ service: this.#service, out })
    } catch (thrown) {
      told(thrown)
    }
    return this.#outcome(out)
  }

  #outcome(sent: readonly Element[]): Outcome {
    const cut = this.#service.unsent > 0
    this.#service.unsent = 0
    return { sent, entry: this.#service.take(), cut }
  }
}

/** Whoever asked is owed an answer; and whoever runs this, a word about what should not have happened. */
function told(thrown: unknown): StanzaError {
  if (thrown instanceof StanzaError) return thrown
  warn(thrown)
  return new StanzaError('cancel', 'internal-server-error')
}

const inPubsub = `{${NS_PUBSUB}}`
const inOwner = `{${NS_PUBSUB_OWNER}}`

/** All that can be asked for: type, namespace and name of what says it. */
const commands: ReadonlyMap<string, Command> = new Map([
  [`get {${NS_DISCO_INFO}}query`, info],
  [`get {${NS_DISCO_ITEMS}}query`, contents],
  [`get ${inPubsub}subscriptions`, subscriptions],
  [`get ${inPubsub}affiliations`, affiliations],
  [`get ${inPubsub}items`, items],
  [`get ${inPubsub}options`, getOptions],
  [`get ${inPubsub}default`, defaultSubscription],
  [`set ${inPubsub}subscribe`, subscribe],
  [`set ${inPubsub}unsubscribe`, unsubscribe],
  [`set ${inPubsub}publish`, publish],
  [`set ${inPubsub}retract`, retract],
  [`set ${inPubsub}create`, create],
  // Beside `<subscribe/>` they belong to that one.
  [`set ${inPubsub}options`, setOptions],
  [`get ${inOwner}configure`, getConfig],
  [`set ${inOwner}configure`, setConfig],
  [`get ${inOwner}default`, defaultConfiguration],
  [`set ${inOwner}delete`, deleteNode],
  [`set ${inOwner}purge`, purge],
  [`get ${inOwner}affiliations`, getAffiliations],
  [`set ${inOwner}affiliations`, setAffiliations],
  [`get ${inOwner}subscriptions`, getSubscriptions],
  [`set ${inOwner}subscriptions`, setSubscriptions],
  [`set ${inOwner}collection`, relate],
  [`set {${NS_COMMANDS}}command`, pendingCommand],
])

/** What may stand beside that which says what is wanted. */
const companions: ReadonlySet<string> = new Set(['configure', 'publish-options', 'options'])

/** @throws StanzaError `bad-request` for what does not say who asks for what */
function readRequest({ attrs, elements }: Element): Pick<Request, 'from' | 'person' | 'wrapper' | 'action'> {
  const { type, from = '' } = attrs
  const [wrapper] = elements
  if ((type !== 'get' && type !== 'set') || from === '' || wrapper === undefined) throw badRequest()
  const person = bareJid(from)
  if (wrapper.name !== 'pubsub' || (wrapper.ns !== NS_PUBSUB && wrapper.ns !== NS_PUBSUB_OWNER)) {
    return { from, person, wrapper, action: wrapper }
  }
  const said = wrapper.elements.filter(({ ns }) => ns === wrapper.ns)
  const action = said.find(({ name }) => !companions.has(name)) ?? said[0]
  if (action === undefined) throw badRequest()
  return { from, person, wrapper, action }
}

/** @throws StanzaError for what cannot be asked */
function commandOf({ attrs: { type } }: Element, { wrapper, action }: Request): Command {
  const whole = wrapper === action
  const command = commands.get(`${type} {${action.ns}}${action.name}`)
  if (command !== undefined && whole === (action.name === 'query' || action.name === 'command')) return command
  throw whole ? refusal('cancel', 'service-unavailable') : badRequest()
}
