/** XEP-0060 §16.4.3 and XEP-0248 §12.2: how a node behaves, what of that can be chosen here, and what is refused. */
import { detached } from '../detached.ts'
import { bareJid, prepareJid } from '../jid.ts'
import type { Element } from '../stream/element.ts'
import {
  type NodeConfig as ConfigForm,
  type FormValues,
  nodeConfigForm,
  publishOptionsForm,
} from '../xep/0060-forms.ts'
import { badRequest, notAcceptable, notAllowed, refusal, unsupported } from './errors.ts'
import { readSubmitted, type Submitted, shownForm } from './forms.ts'
import type { EngineLimits } from './limits.ts'

/** What can be chosen of a leaf. */
interface LeafChoices {
  readonly deliver_notifications: boolean
  readonly deliver_payloads: boolean
  /** Seconds. */
  readonly item_expire: number | 'max'
  readonly max_items: number | 'max'
  /** Bytes. */
  readonly max_payload_size: number
  readonly notify_retract: boolean
  readonly persist_items: boolean
  readonly publish_model: 'publishers' | 'subscribers' | 'open'
  /** What becomes of a publication for which a node has no room: see `max_items`. */
  readonly publish_node_full: 'retract-oldest' | 'discard-oldest' | 'reject'
  readonly send_last_published_item: 'never' | 'on_sub' | 'on_sub_and_presence'
  readonly type: string
}

/** What can be chosen of a collection. */
interface CollectionChoices {
  readonly children_association_policy: 'all' | 'owners' | 'whitelist'
  /** Bare JIDs. */
  readonly children_association_whitelist: readonly string[]
  readonly children_max: number | 'max'
}

/** Every choice there is at a node of this service. What means nothing to its type is there all the same, and not shown. */
export interface NodeConfig extends LeafChoices, CollectionChoices {
  readonly access_model: 'open' | 'presence' | 'authorize' | 'whitelist'
  /** The collections that it is in; none of them is the root. */
  readonly collection: readonly string[]
  readonly contact: readonly string[]
  readonly description: string
  readonly language: string
  readonly node_type: 'leaf' | 'collection'
  readonly notification_type: 'normal' | 'headline'
  /** Of a collection also: whether its subscribers are told which nodes come and go. */
  readonly notify_config: boolean
  readonly notify_delete: boolean
  readonly notify_sub: boolean
  readonly subscribe: boolean
  readonly title: string
}

/** How a leaf behaves of which nobody has said more. */
export const defaultConfig = ({ itemBytes }: EngineLimits): NodeConfig => ({
  access_model: 'open',
  children_association_policy: 'owners',
  children_association_whitelist: [],
  children_max: 'max',
  collection: [],
  contact: [],
  deliver_notifications: true,
  deliver_payloads: true,
  description: '',
  item_expire: 'max',
  language: '',
  max_items: 'max',
  max_payload_size: itemBytes,
  node_type: 'leaf',
  notification_type: 'headline',
  notify_config: false,
  notify_delete: true,
  notify_retract: true,
  notify_sub: false,
  persist_items: true,
  publish_model: 'publishers',
  publish_node_full: 'discard-oldest',
  // §4.3 wants it so, of a service that sends it at all.
  send_last_published_item: 'on_sub_and_presence',
  subscribe: true,
  title: '',
  type: '',
})

/** What a collection begins with instead: whoever subscribes to one wants to know what comes into it. */
const ofCollections = { node_type: 'collection', notify_config: true } as const

/** What a field says of a service that knows nothing of it; another value would be a promise. */
const fixed: ConfigForm = {
  itemreply: 'publisher',
  presence_based_delivery: false,
  purge_offline: false,
  tempsub: false,
}

const ofLeaves: ReadonlySet<string> = new Set<keyof LeafChoices>([
  'deliver_notifications',
  'deliver_payloads',
  'item_expire',
  'max_items',
  'max_payload_size',
  'notify_retract',
  'persist_items',
  'publish_model',
  'publish_node_full',
  'send_last_published_item',
  'type',
])
const ofChildren: ReadonlySet<string> = new Set<keyof CollectionChoices>([
  'children_association_policy',
  'children_association_whitelist',
  'children_max',
])

/** What a service cannot do everywhere. */
export interface Abilities {
  /** Who sees whose presence is known, so that there are nodes for those who do. */
  readonly presenceAccess: boolean
  readonly collections: boolean
}

/** What of a configuration means something to a node of its type. */
export function choicesOf(config: NodeConfig): Partial<NodeConfig> {
  const hidden = config.node_type === 'leaf' ? ofChildren : ofLeaves
  return Object.fromEntries(Object.entries(config).filter(([name]) => !hidden.has(name)))
}

/**
 * The configuration as a form.
 * @param children the nodes in a collection; undefined leaves them out
 */
export function configForm(
  config: NodeConfig,
  type: 'form' | 'result',
  { presenceAccess }: Abilities,
  children: readonly string[] | undefined,
): Element {
  // Subscribers are told by a `result`, and who else there is is none of their business.
  const shown = Object.entries(choicesOf(config)).filter(
    ([name]) => type === 'form' || name !== 'children_association_whitelist',
  )
  const { collection } = config
  const values = {
    ...Object.fromEntries(shown),
    // The root has no name (XEP-0248 §8.1).
    collection: collection.length === 0 ? [''] : collection,
    ...(config.node_type === 'collection' && children !== undefined && { children }),
  } as FormValues<typeof nodeConfigForm>
  return shownForm(type, nodeConfigForm, values, { 'pubsub#access_model': accessModels(presenceAccess) })
}

const accessModels = (presenceAccess: boolean): readonly string[] =>
  presenceAccess ? ['authorize', 'open', 'presence', 'whitelist'] : ['authorize', 'open', 'whitelist']

/** What is asked for of a node. */
export interface Configured {
  readonly config: NodeConfig
  /** Which nodes shall be in it; undefined leaves that as it is. */
  readonly children: readonly string[] | undefined
}

/** What a configuration is read with. */
export interface ConfigReading {
  readonly limits: EngineLimits
  readonly abilities: Abilities
  /** Whose fields they are. Default those of a configuration. */
  readonly table?: typeof nodeConfigForm | typeof publishOptionsForm
  /** The node is there already. */
  readonly existing?: boolean
}

/**
 * What becomes of a configuration by the form below an element: `base` itself when there is none, or it was cancelled. Fields that the form of this service
 * does not have are left out, unless they ask for what it would have to do. Which other nodes there are is not looked at.
 * @throws StanzaError `not-acceptable`; `not-allowed` with `invalid-options` for what no node of that type can be (XEP-0248 §7.2.3)
 */
export function readConfig(
  parent: Element | undefined,
  base: NodeConfig,
  { limits, abilities, table = nodeConfigForm, existing = false }: ConfigReading,
): Configured {
  const form = parent && readSubmitted<typeof nodeConfigForm | typeof publishOptionsForm>(table, parent)
  if (form === undefined || form.cancelled) return { config: base, children: undefined }
  const { values, faulty } = form
  if (faulty[0] !== undefined) throw notAcceptable(undefined, `no such value of ${faulty[0].slice(0, 100)}`)
  refuseUnbuilt(values, abilities)
  checkNumbers(values, limits)
  const { node_type: type = base.node_type } = values
  if (existing && base.node_type === 'collection' && type === 'leaf') throw notAllowed('invalid-options')
  const children = namesOf(values.children, limits)
  if (type === 'leaf' && (children?.length ?? 0) > 0) throw notAllowed('invalid-options')
  const begun = type === 'collection' && base.node_type === 'leaf' ? { ...base, ...ofCollections } : base
  const changed: Record<string, unknown> = { ...begun }
  const hidden = type === 'leaf' ? ofChildren : ofLeaves
  for (const name of Object.keys(base) as (keyof NodeConfig)[]) {
    const value = values[name]
    // What one sets of a collection that only leaves have is ignored (XEP-0248 §5.3.1).
    if (value === undefined || hidden.has(name)) continue
    changed[name] = name === 'collection' ? namesOf(values.collection, limits) : kept(name, value, limits)
  }
  return { config: changed as unknown as NodeConfig, children }
}

/** Whether what a publisher takes for granted of a node is so (§7.1.5). What this service does not know of is not. */
export function meets(config: NodeConfig, { values, unknown, faulty }: Submitted<typeof publishOptionsForm>): boolean {
  const { collection } = config
  const known: Readonly<Record<string, unknown>> = {
    ...fixed,
    ...config,
    collection: collection.length === 0 ? [''] : collection,
  }
  const met = Object.entries(values).every(([name, value]) => value === undefined || same(known[name], value))
  return met && unknown.length === 0 && faulty.length === 0
}

/** The preconditions that an element holds, if there are any. */
export function readPreconditions(parent: Element | undefined): Submitted<typeof publishOptionsForm> | undefined {
  const wanted = parent && readSubmitted(publishOptionsForm, parent)
  return wanted?.cancelled === true ? undefined : wanted
}

function same(is: unknown, wanted: unknown): boolean {
  return is === wanted || (Array.isArray(is) && Array.isArray(wanted) && is.join('\n') === wanted.join('\n'))
}

function refuseUnbuilt(values: ConfigForm, { presenceAccess, collections }: Abilities): void {
  if (!collections && asksForCollections(values)) throw unsupported('collections')
  const { access_model: access } = values
  if (access !== undefined && !accessModels(presenceAccess).includes(access)) {
    throw refusal('modify', 'not-acceptable', 'unsupported-access-model')
  }
  for (const [name, only] of Object.entries(fixed)) {
    const value = values[name as keyof ConfigForm]
    if (value === undefined || value === only) continue
    throw notAcceptable(undefined, `pubsub#${name} can only be ${String(only)}`)
  }
}

function asksForCollections({ node_type: type, collection = [], children = [] }: ConfigForm): boolean {
  return type === 'collection' || [...collection, ...children].some(name => name !== '')
}

function checkNumbers(values: ConfigForm, limits: EngineLimits): void {
  const ranges = [
    ['max_items', 1, limits.itemsPerNode],
    ['item_expire', 1, YEARS],
    ['children_max', 0, limits.childrenPerCollection],
  ] as const
  for (const [name, least, most] of ranges) {
    const value = values[name]
    if (typeof value !== 'number' || (value >= least && value <= most)) continue
    throw notAcceptable(undefined, `pubsub#${name} is from ${least} to ${most}, or max`)
  }
  const { max_payload_size: size } = values
  if (size !== undefined && size > limits.itemBytes) {
    throw notAcceptable(undefined, `pubsub#max_payload_size is ${limits.itemBytes} at most`)
  }
}

/** A hundred years in seconds, which is as good as for ever. */
const YEARS = 3_153_600_000

/** Names of nodes, each once; the root, which has none, is left out. */
function namesOf(names: readonly string[] | undefined, limits: EngineLimits): readonly string[] | undefined {
  if (names === undefined) return undefined
  const found = [...new Set(names)].filter(name => name !== '')
  if (found.some(name => Buffer.byteLength(name) > limits.nameBytes)) {
    throw notAcceptable(undefined, 'the name of a node is too long')
  }
  return found.map(detached)
}

function kept(name: string, value: unknown, { textBytes, affiliationsPerNode, whitelistBytes }: EngineLimits): unknown {
  const text = (given: string): string => {
    if (Buffer.byteLength(given) > textBytes) throw notAcceptable(undefined, `pubsub#${name} is too long`)
    return detached(given)
  }
  if (typeof value === 'string') return text(value)
  if (!Array.isArray(value)) return value
  if (name !== 'children_association_whitelist') {
    text(value.join('\n'))
    return value.map(text)
  }
  const long = Buffer.byteLength(value.join('')) > whitelistBytes
  if (long || value.length > affiliationsPerNode) throw notAcceptable(undefined, `pubsub#${name} has too many entries`)
  return value.map(given => {
    const jid = prepareJid(given)
    if (jid === undefined) throw badRequest('invalid-jid')
    return detached(bareJid(jid))
  })
}
