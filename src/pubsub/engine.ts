/** A PubSub service (XEP-0060) without a network: requests in, answers and notifications out. */
import { StanzaError, warn } from '../errors.ts'
import { bareJid } from '../jid.ts'
import { NS_CLIENT } from '../negotiate.ts'
import { type Element, el } from '../stream/element.ts'
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from '../xep/0030-disco.ts'
import { NS_PUBSUB, NS_PUBSUB_OWNER } from '../xep/0060-pubsub.ts'
import { contents, info } from './disco.ts'
import { badRequest, errorAnswer, refusal, unsupported } from './errors.ts'
import { items } from './items.ts'
import { create, defaultConfiguration, deleteNode, getConfig, purge, setConfig } from './nodes.ts'
import { getAffiliations, getSubscriptions, setAffiliations, setSubscriptions } from './owner.ts'
import { publish, retract } from './publish.ts'
import type { Command, Request } from './request.ts'
import { type EngineOptions, Service } from './service.ts'
import {
  affiliations,
  defaultSubscription,
  getOptions,
  setOptions,
  subscribe,
  subscriptions,
  unsubscribe,
} from './subscriptions.ts'

/** What a request comes to. */
export interface Handled {
  /** The iq that answers, of type `result` or `error`. */
  readonly answer: Element
  /** Messages for others, or the sender, in the order in which they are to leave; after the answer. */
  readonly notifications: readonly Element[]
}

/** The service at one address: its nodes, in memory, and what it makes of each request. */
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

  /**
   * Does what an iq of type `get` or `set` asks for. It is in `jabber:client`, and its `from` and `to` are prepared and proved by the server that it came
   * through; whoever sends it is who `from` says. It never throws: whatever is wrong is in the answer, which goes to `from`. What is sent may share elements
   * with the request and with one another.
   */
  handle(iq: Element): Handled {
    const { id, from, to } = iq.attrs
    const out: Element[] = []
    let request: Request | undefined
    try {
      request = { ...readRequest(iq), service: this.#service, out }
      const payload = commandOf(iq, request)(request)
      const content = payload === undefined ? [] : [payload]
      const answer = el('iq', NS_CLIENT, { type: 'result', id, from: to, to: from }, ...content)
      return { answer, notifications: out }
    } catch (thrown) {
      // Whoever asked is owed an answer; and whoever runs this, a word about what should not have happened.
      if (!(thrown instanceof StanzaError)) warn(thrown)
      const error = thrown instanceof StanzaError ? thrown : new StanzaError('cancel', 'internal-server-error')
      return { answer: errorAnswer(iq, error, request?.echo), notifications: out }
    }
  }
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
])

/** What the XEPs have and this service has not, by the feature that it lacks. */
const unbuilt: ReadonlyMap<string, string> = new Map([[`set ${inOwner}collection`, 'collections']])

/** What may stand beside that which says what is wanted. */
const companions: ReadonlySet<string> = new Set(['configure', 'publish-options', 'options'])

/** @throws StanzaError `bad-request` for what does not say who asks for what */
function readRequest({ attrs, elements }: Element): Pick<Request, 'person' | 'wrapper' | 'action'> {
  const { type, from = '' } = attrs
  const [wrapper] = elements
  if ((type !== 'get' && type !== 'set') || from === '' || wrapper === undefined) throw badRequest()
  const person = bareJid(from)
  if (wrapper.name !== 'pubsub' || (wrapper.ns !== NS_PUBSUB && wrapper.ns !== NS_PUBSUB_OWNER)) {
    return { person, wrapper, action: wrapper }
  }
  const said = wrapper.elements.filter(({ ns }) => ns === wrapper.ns)
  const action = said.find(({ name }) => !companions.has(name)) ?? said[0]
  if (action === undefined) throw badRequest()
  return { person, wrapper, action }
}

/** @throws StanzaError for what cannot be asked */
function commandOf({ attrs: { type } }: Element, { wrapper, action }: Request): Command {
  const whole = wrapper === action
  const key = `${type} {${action.ns}}${action.name}`
  const command = commands.get(key)
  if (command !== undefined && whole === (action.name === 'query')) return command
  const feature = whole ? undefined : unbuilt.get(key)
  if (feature !== undefined) throw unsupported(feature)
  throw whole ? refusal('cancel', 'service-unavailable') : badRequest()
}
