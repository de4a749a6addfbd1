/** XEP-0060 §16.4.3: how a leaf behaves, what of that can be chosen here, and what is refused. */
import { detached } from '../detached.ts'
import type { Element } from '../stream/element.ts'
import { type NodeConfig, nodeConfigForm, type publishOptionsForm } from '../xep/0060-forms.ts'
import { notAcceptable, refusal, unsupported } from './errors.ts'
import { readSubmitted, type Submitted, shownForm } from './forms.ts'
import type { EngineLimits } from './limits.ts'

/** Every choice there is at a leaf of this service. */
export interface LeafConfig {
  readonly access_model: 'open' | 'whitelist'
  readonly contact: readonly string[]
  readonly deliver_notifications: boolean
  readonly deliver_payloads: boolean
  readonly description: string
  readonly language: string
  readonly max_items: number | 'max'
  /** Bytes. */
  readonly max_payload_size: number
  readonly node_type: 'leaf'
  readonly notification_type: 'normal' | 'headline'
  readonly notify_config: boolean
  readonly notify_delete: boolean
  readonly notify_retract: boolean
  readonly notify_sub: boolean
  readonly persist_items: boolean
  readonly publish_model: 'publishers' | 'subscribers' | 'open'
  readonly send_last_published_item: 'never' | 'on_sub'
  readonly subscribe: boolean
  readonly title: string
  readonly type: string
}

/** How a leaf behaves of which nobody has said more. */
export const defaultConfig = ({ itemBytes }: EngineLimits): LeafConfig => ({
  access_model: 'open',
  contact: [],
  deliver_notifications: true,
  deliver_payloads: true,
  description: '',
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
  send_last_published_item: 'on_sub',
  subscribe: true,
  title: '',
  type: '',
})

/** What a field says of a service that knows nothing of it; another value would be a promise. */
const fixed: NodeConfig = {
  collection: [],
  item_expire: 'max',
  presence_based_delivery: false,
  purge_offline: false,
  tempsub: false,
}

/** Of the XEP's words those that mean something here. */
const words = {
  'pubsub#access_model': ['open', 'whitelist'],
  'pubsub#node_type': ['leaf'],
  'pubsub#send_last_published_item': ['never', 'on_sub'],
}

/** The configuration as a form. */
export function configForm(config: LeafConfig, type: 'form' | 'result'): Element {
  return shownForm(type, nodeConfigForm, config, words)
}

/**
 * What becomes of a configuration by the form below an element: `base` itself when there is none, or it was cancelled. Fields that the form of this service
 * does not have are left out, unless they ask for what it would have to do.
 * @throws StanzaError `not-acceptable`, or `feature-not-implemented` for collections
 */
export function readConfig(
  parent: Element | undefined,
  base: LeafConfig,
  limits: EngineLimits,
  table: typeof nodeConfigForm | typeof publishOptionsForm = nodeConfigForm,
): LeafConfig {
  const form = parent && readSubmitted<typeof nodeConfigForm | typeof publishOptionsForm>(table, parent)
  if (form === undefined || form.cancelled) return base
  const { values, faulty } = form
  if (faulty[0] !== undefined) throw notAcceptable(undefined, `no such value of ${faulty[0].slice(0, 100)}`)
  refuseUnbuilt(values)
  const { max_items: most, max_payload_size: size } = values
  if (typeof most === 'number' && (most < 1 || most > limits.itemsPerNode)) {
    throw notAcceptable(undefined, `pubsub#max_items is from 1 to ${limits.itemsPerNode}, or max`)
  }
  if (size !== undefined && size > limits.itemBytes) {
    throw notAcceptable(undefined, `pubsub#max_payload_size is ${limits.itemBytes} at most`)
  }
  const changed: Record<string, unknown> = { ...base }
  for (const name of Object.keys(base) as (keyof LeafConfig)[]) {
    const value = values[name]
    if (value !== undefined) changed[name] = kept(name, value, limits)
  }
  return changed as unknown as LeafConfig
}

/** Whether what a publisher takes for granted of a node is so (§7.1.5). What this service does not know of is not. */
export function meets(config: LeafConfig, { values, unknown, faulty }: Submitted<typeof publishOptionsForm>): boolean {
  const known: Readonly<Record<string, unknown>> = { ...fixed, ...config }
  const met = Object.entries(values).every(([name, value]) => value === undefined || same(known[name], value))
  return met && unknown.length === 0 && faulty.length === 0
}

function same(is: unknown, wanted: unknown): boolean {
  return is === wanted || (Array.isArray(is) && Array.isArray(wanted) && is.join('\n') === wanted.join('\n'))
}

function refuseUnbuilt(values: NodeConfig): void {
  const { access_model: access, node_type: type, send_last_published_item: last } = values
  if (type === 'collection' || Object.keys(values).some(name => name.startsWith('children'))) {
    throw unsupported('collections')
  }
  if (values.collection?.some(name => name !== '')) throw unsupported('collections')
  if (access !== undefined && !words['pubsub#access_model'].includes(access)) {
    throw refusal('modify', 'not-acceptable', 'unsupported-access-model')
  }
  if (last === 'on_sub_and_presence') throw notAcceptable(undefined, 'presence is not known here')
  for (const [name, only] of Object.entries(fixed)) {
    const value = values[name as keyof NodeConfig]
    if (name === 'collection' || value === undefined || value === only) continue
    throw notAcceptable(undefined, `pubsub#${name} can only be ${String(only)}`)
  }
}

function kept(name: string, value: unknown, { textBytes }: EngineLimits): unknown {
  const text = (given: string): string => {
    if (Buffer.byteLength(given) > textBytes) throw notAcceptable(undefined, `pubsub#${name} is too long`)
    return detached(given)
  }
  if (typeof value === 'string') return text(value)
  if (!Array.isArray(value)) return value
  text(value.join('\n'))
  return value.map(text)
}
