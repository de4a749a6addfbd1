/** XEP-0004 Data Forms, version 2.13.1: what a form says, and what is said by one. */
import { type Element, el } from '../stream/element.ts'

export const NS_DATA = 'jabber:x:data'

/** One field of a form. */
export interface FormField {
  /** '' for the one kind that needs no name, `fixed` (§3.2). */
  readonly var: string
  /** As it stands there: for data that is reported there need not be one. */
  readonly type: string | undefined
  readonly values: readonly string[]
}

/** A form, or the data that somebody reports by one. */
export interface DataForm {
  /** `form`, `submit`, `cancel` or `result` (§3.1), as it stands there. */
  readonly type: string
  readonly fields: readonly FormField[]
}

/** Reads an `<x xmlns='jabber:x:data'/>`. Labels, options and descriptions are for people, and are left out. */
export function readForm(x: Element): DataForm {
  const fields = x.elements.filter(child => child.is('field', NS_DATA))
  return {
    type: x.attrs.type ?? '',
    fields: fields.map(({ attrs, elements }) => ({
      var: attrs.var ?? '',
      type: attrs.type,
      values: elements.filter(child => child.is('value', NS_DATA)).map(({ text }) => text),
    })),
  }
}

/** The element of a form. A field without a type is written without one, as in what is submitted (§3.2). */
export function formElement({ type, fields }: DataForm): Element {
  const written = fields.map(({ var: name, type, values }) =>
    el('field', NS_DATA, { var: name, type }, ...values.map(value => el('value', NS_DATA, {}, value))),
  )
  return el('x', NS_DATA, { type }, ...written)
}

/** The fields of a form that says of what kind it is: FORM_TYPE once, first and hidden (XEP-0068 §3). */
export function typedForm(
  type: 'form' | 'submit' | 'result',
  formType: string,
  fields: readonly FormField[],
): DataForm {
  return { type, fields: [{ var: FORM_TYPE, type: 'hidden', values: [formType] }, ...fields] }
}

/** What kind of form it is (XEP-0068): the value of its hidden field FORM_TYPE. Undefined where there is none. */
export function formTypeOf({ fields }: DataForm): string | undefined {
  const [type = ''] = fields.find(field => field.var === FORM_TYPE && field.type === 'hidden')?.values ?? []
  return type === '' ? undefined : type
}

/** The name of the field that says so (XEP-0068 §3). */
export const FORM_TYPE = 'FORM_TYPE'
