/** Forms as the service shows and reads them: stricter than a client, for what it does not understand it would promise. */
import { type Element, el } from '../stream/element.ts'
import { FORM_TYPE, NS_DATA, readForm } from '../xep/0004-data-forms.ts'
import { type FormTable, type FormValues, readValues, writeForm } from '../xep/0060-forms.ts'

/** A form that was handed in. */
export interface Submitted<Table extends FormTable> {
  readonly values: FormValues<Table>
  /** Fields that make no sense: unknown ones, and known ones with a value that cannot stand there. */
  readonly unknown: readonly string[]
  readonly faulty: readonly string[]
  /** The sender has thought better of it (XEP-0004 §3.1). */
  readonly cancelled: boolean
}

/** Reads the form below an element, undefined when there is none. FORM_TYPE is not looked at: res_xmpp gives it twice, and not always right. */
export function readSubmitted<Table extends FormTable>(table: Table, parent: Element): Submitted<Table> | undefined {
  const x = parent.child('x', NS_DATA)
  if (x === undefined) return undefined
  const form = readForm(x)
  const values = readValues(table, form)
  const unknown: string[] = []
  const faulty: string[] = []
  for (const { var: name, values: given } of form.fields) {
    if (name === FORM_TYPE || name === '') continue
    const field = name.startsWith('pubsub#') ? name.slice('pubsub#'.length) : ''
    if (!Object.hasOwn(table.fields, field)) unknown.push(name)
    // An empty value is how a form says that there is none.
    else if ((given[0] ?? '').trim() !== '' && !Object.hasOwn(values, field)) faulty.push(name)
  }
  return { values, unknown, faulty, cancelled: form.type === 'cancel' }
}

/**
 * The form with these values, to be filled in or as a `result`.
 * @param words what may stand in a field, where that is less than the XEP has
 */
export function shownForm<Table extends FormTable>(
  type: 'form' | 'result',
  table: Table,
  values: FormValues<Table>,
  words: Readonly<Record<string, readonly string[]>> = {},
): Element {
  const { fields } = writeForm(table, values, 'result')
  const written = fields.map(({ var: name, type: own, values: given }) => {
    const kind = name === FORM_TYPE ? undefined : table.fields[name.slice('pubsub#'.length)]
    const several = kind === 'texts' && words[name] !== undefined
    const allowed = words[name] ?? (typeof kind === 'object' ? kind : [])
    const options = type === 'form' ? allowed.map(word => el('option', NS_DATA, {}, value(word))) : []
    const shown = type === 'form' ? (own ?? (several ? 'list-multi' : typeOf(kind))) : own
    return el('field', NS_DATA, { var: name, type: shown }, ...options, ...given.map(value))
  })
  return el('x', NS_DATA, { type }, ...written)
}

const value = (text: string): Element => el('value', NS_DATA, {}, ...(text === '' ? [] : [text]))

function typeOf(kind: FormTable['fields'][string] | undefined): string {
  if (typeof kind === 'object') return 'list-single'
  return kind === 'boolean' ? 'boolean' : kind === 'texts' ? 'text-multi' : 'text-single'
}
