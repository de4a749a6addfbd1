/** XEP-0060 §16.4.2, XEP-0248 §6.1: how a subscriber wants to be told. */
import type { Element } from '../stream/element.ts'
import { type FormValues, subscribeOptionsForm } from '../xep/0060-forms.ts'
import { parseDateTime } from '../xep/0082-datetime.ts'
import { badRequest } from './errors.ts'
import { readSubmitted, shownForm } from './forms.ts'
import type { Node, SubscriptionOptions } from './node.ts'
import type { Request } from './request.ts'

/** How a subscriber is told who has not said how (XEP-0248 §6.1 for collections). */
export const defaultOptions = ({ isCollection }: Node): SubscriptionOptions =>
  isCollection ? { deliver: true, type: 'nodes', depth: 1 } : { deliver: true }

/**
 * @returns `before` when there is no form, or it was cancelled
 * @throws StanzaError `bad-request` with `invalid-options` (§6.3.7)
 */
export function readOptions(
  { service }: Request,
  node: Node,
  parent: Element | undefined,
  before: SubscriptionOptions,
): SubscriptionOptions {
  const form = parent && readSubmitted(subscribeOptionsForm, parent)
  if (form === undefined || form.cancelled) return before
  const { values, faulty } = form
  if (faulty.length > 0) throw invalid(`no such value of ${faulty[0]?.slice(0, 100)}`)
  refuseUnbuilt(values)
  const { deliver = before.deliver } = values
  const expire = values.expire === undefined ? before.expire : readExpiry(values.expire, service.clock.now())
  const shows = values['show-values'] === undefined ? before.shows : readShows(values['show-values'])
  const lasting = { deliver, ...(expire !== undefined && { expire }), ...(shows !== undefined && { shows }) }
  const { subscription_type: type, subscription_depth: depth } = values
  if (!node.isCollection) {
    // What a leaf does anyway may be asked for: items, at whatever depth.
    if (type === 'nodes') throw invalid('a leaf has no nodes')
    return lasting
  }
  return { ...lasting, type: type ?? before.type ?? 'nodes', depth: depth ?? before.depth ?? 1 }
}

/** Whoever asks for it would wait for what never comes. */
function refuseUnbuilt(values: FormValues<typeof subscribeOptionsForm>): void {
  const { digest, include_body: body } = values
  if (digest === true) throw invalid('there are no digests')
  if (body === true) throw invalid('there is no body for payloads')
}

const invalid = (text: string) => badRequest('invalid-options', text)

/** What one has to be about to be told; undefined is anything. */
function readShows(given: readonly string[]): readonly string[] | undefined {
  const found = showValues.filter(show => given.includes(show))
  if (given.some(show => !showValues.includes(show))) throw invalid(`pubsub#show-values are ${showValues.join(', ')}`)
  return found.length === 0 || found.length === showValues.length ? undefined : found
}

const showValues = ['away', 'chat', 'dnd', 'online', 'xa']

/** When a subscription ends: undefined is never. */
function readExpiry(text: string, now: number): number | 'presence' | undefined {
  if (text === '' || text === 'presence') return text === '' ? undefined : text
  // The XEP itself leaves the seconds out (§12.19).
  const time = parseDateTime(text) ?? parseDateTime(text.replace(/^(.{10}T\d\d:\d\d)(?=Z|[+-])/, '$1:00'))
  if (time === undefined) throw invalid('pubsub#expire is a DateTime (XEP-0082), or presence')
  if (time <= now) throw invalid('pubsub#expire is over already')
  return time
}

/** The options as a form. */
export function optionsForm(
  { deliver, expire, shows, type, depth }: SubscriptionOptions,
  kind: 'form' | 'result' = 'form',
): Element {
  const ends = typeof expire === 'number' ? new Date(expire).toISOString() : (expire ?? '')
  const values = {
    deliver,
    expire: ends,
    'show-values': shows ?? showValues,
    subscription_type: type,
    subscription_depth: depth,
  }
  return shownForm(kind, subscribeOptionsForm, values, { 'pubsub#show-values': showValues })
}
