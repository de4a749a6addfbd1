/** XEP-0060 §16.4: what the forms of a PubSub service ask and say, field by field, as typed values. */
import { type DataForm, type FormField, typedForm } from './0004-data-forms.ts'
import { NS_PUBSUB } from './0060-pubsub.ts'

/** What a field holds: `limit` is a number or `max`, `depth` a number or `all`, `texts` several lines; a list of words is one of them. */
type FieldKind = 'boolean' | 'number' | 'limit' | 'depth' | 'text' | 'texts' | readonly string[]

/** The fields of one kind of form, by what follows `pubsub#` in their names. */
export interface FormTable<Fields extends Readonly<Record<string, FieldKind>> = Readonly<Record<string, FieldKind>>> {
  readonly formType: string
  readonly fields: Fields
}

/** What a form of that kind says; every field may be left out. */
export type FormValues<Table extends FormTable> = {
  readonly [Name in keyof Table['fields']]?: FieldValue<Table['fields'][Name]> | undefined
}

type FieldValue<Kind> = Kind extends 'boolean'
  ? boolean
  : Kind extends 'number'
    ? number
    : Kind extends 'limit'
      ? number | 'max'
      : Kind extends 'depth'
        ? number | 'all'
        : Kind extends 'text'
          ? string
          : Kind extends 'texts'
            ? readonly string[]
            : Kind extends readonly (infer Word)[]
              ? Word
              : never

/** §16.4.3 and XEP-0248 §12.2: how a node behaves. Times are in seconds, sizes in bytes. */
export const nodeConfigForm = {
  formType: `${NS_PUBSUB}#node_config`,
  fields: {
    access_model: ['authorize', 'open', 'presence', 'roster', 'whitelist'],
    body_xslt: 'text',
    children: 'texts',
    children_association_policy: ['all', 'owners', 'whitelist'],
    children_association_whitelist: 'texts',
    children_max: 'limit',
    collection: 'texts',
    contact: 'texts',
    dataform_xslt: 'text',
    deliver_notifications: 'boolean',
    deliver_payloads: 'boolean',
    description: 'text',
    item_expire: 'limit',
    itemreply: ['none', 'owner', 'publisher'],
    language: 'text',
    max_items: 'limit',
    max_payload_size: 'number',
    node_type: ['leaf', 'collection'],
    notification_type: ['normal', 'headline'],
    notify_config: 'boolean',
    notify_delete: 'boolean',
    notify_retract: 'boolean',
    notify_sub: 'boolean',
    persist_items: 'boolean',
    presence_based_delivery: 'boolean',
    publish_model: ['publishers', 'subscribers', 'open'],
    publish_node_full: ['retract-oldest', 'discard-oldest', 'reject'],
    purge_offline: 'boolean',
    roster_groups_allowed: 'texts',
    send_last_published_item: ['never', 'on_sub', 'on_sub_and_presence'],
    subscribe: 'boolean',
    tempsub: 'boolean',
    title: 'text',
    type: 'text',
  },
} as const satisfies FormTable

export type NodeConfig = FormValues<typeof nodeConfigForm>

/** §7.1.5: the same fields, as conditions of a publication. */
export const publishOptionsForm = {
  formType: `${NS_PUBSUB}#publish-options`,
  fields: nodeConfigForm.fields,
} as const satisfies FormTable

/** §16.4.2 and XEP-0248 §12.2: how a subscriber wants to be told. */
export const subscribeOptionsForm = {
  formType: `${NS_PUBSUB}#subscribe_options`,
  fields: {
    deliver: 'boolean',
    digest: 'boolean',
    /** ms. */
    digest_frequency: 'number',
    /** A DateTime (XEP-0082), or `presence`. */
    expire: 'text',
    include_body: 'boolean',
    /** Of `away`, `chat`, `dnd`, `online`, `xa`. */
    'show-values': 'texts',
    /** XEP-0248 §6.1: what happens in the nodes, to the nodes, or both. */
    subscription_type: ['items', 'nodes', 'all'],
    /** How many steps down from a collection. */
    subscription_depth: 'depth',
  },
} as const satisfies FormTable

export type SubscribeOptions = FormValues<typeof subscribeOptionsForm>

/** §16.4.4: what disco#info tells of a node. */
export const metadataForm = {
  formType: `${NS_PUBSUB}#meta-data`,
  fields: {
    access_model: nodeConfigForm.fields.access_model,
    contact: 'texts',
    creation_date: 'text',
    creator: 'text',
    description: 'text',
    language: 'text',
    max_items: 'limit',
    num_subscribers: 'number',
    owner: 'texts',
    publish_model: nodeConfigForm.fields.publish_model,
    publisher: 'texts',
    title: 'text',
    type: 'text',
  },
} as const satisfies FormTable

export type NodeMetadata = FormValues<typeof metadataForm>

/** §16.4.1: somebody asks an owner for a subscription, and is answered. */
export const authorizationForm = {
  formType: `${NS_PUBSUB}#subscribe_authorization`,
  fields: { allow: 'boolean', node: 'text', subid: 'text', subscriber_jid: 'text' },
} as const satisfies FormTable

/** A form of that kind, with the values that are there. */
export function writeForm<Table extends FormTable>(
  table: Table,
  values: FormValues<Table>,
  type: 'submit' | 'result' = 'submit',
): DataForm {
  const given: Readonly<Record<string, unknown>> = values
  const fields = Object.keys(table.fields).flatMap((name): FormField[] => {
    const value = given[name]
    return value === undefined ? [] : [{ var: `pubsub#${name}`, type: undefined, values: written(value) }]
  })
  return typedForm(type, table.formType, fields)
}

/**
 * What a form says, of whichever kind it says it is: a service knows better than we what it answers. What is unknown, or none of the words that may
 * stand there, is left out.
 */
export function readValues<Table extends FormTable>({ fields }: Table, form: DataForm | undefined): FormValues<Table> {
  const found: Record<string, unknown> = {}
  for (const field of form?.fields ?? []) {
    const name = field.var.startsWith('pubsub#') ? field.var.slice('pubsub#'.length) : ''
    const kind = Object.hasOwn(fields, name) ? fields[name] : undefined
    const value = kind && readValue(kind, field.values)
    if (value !== undefined) found[name] = value
  }
  return found as FormValues<Table>
}

function written(value: unknown): readonly string[] {
  if (typeof value === 'boolean') return [value ? '1' : '0']
  return Array.isArray(value) ? value : [String(value)]
}

function readValue(kind: FieldKind, values: readonly string[]): unknown {
  if (kind === 'texts') return values
  const [value] = values
  if (value === undefined) return undefined
  if (kind === 'text') return value
  const word = value.trim()
  if (kind === 'boolean')
    return word === '1' || word === 'true' ? true : word === '0' || word === 'false' ? false : undefined
  if ((kind === 'limit' && word === 'max') || (kind === 'depth' && word === 'all')) return word
  if (kind === 'number' || kind === 'limit' || kind === 'depth')
    return /^\d{1,15}$/.test(word) ? Number(word) : undefined
  return kind.includes(word) ? word : undefined
}
