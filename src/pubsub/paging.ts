/** XEP-0059 as the service answers it. */
import type { Element } from '../stream/element.ts'
import { escapeAttribute, sendable } from '../stream/escape.ts'
import { type PageRequest, pageElement, readPageRequest } from '../xep/0059-result-sets.ts'
import { badRequest, notFound } from './errors.ts'
import type { EngineLimits } from './limits.ts'

/** How the things that are listed are told apart, and how large they are. */
export interface Listed<T> {
  uid(thing: T): string
  /** Bytes. Default none. */
  size?(thing: T): number
}

/** About what one line of a list takes that says these texts, whatever they are of. */
export const lineBytes = (...texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + Buffer.byteLength(escapeAttribute(sendable(text))), 200)

/** The part of a list that an answer has, and the `<set/>` that goes with it: none when that is all, and nobody asked for a page. */
export interface PagePart<T> {
  readonly part: readonly T[]
  readonly set: readonly Element[]
}

/**
 * The page of a list that is asked for below an element, or as much from its beginning as one answer holds.
 * @throws StanzaError `bad-request` for what is no number; `item-not-found` for a page beside an item that is not there (XEP-0059 §2.2)
 */
export function paged<T>(
  all: readonly T[],
  parent: Element,
  { pageSize, pageBytes }: EngineLimits,
  { uid, size = () => 0 }: Listed<T>,
): PagePart<T> {
  const request = readPageRequest(parent)
  if (request === 'malformed') throw badRequest()
  const { from, to, backward } = rangeOf(all, request ?? {}, uid)
  const most = Math.min(request?.max ?? pageSize, pageSize)
  let [start, end] = backward ? [to, to] : [from, from]
  let bytes = 0
  while (end - start < most && (backward ? start > from : end < to)) {
    bytes += size(all[backward ? start - 1 : end] as T)
    if (bytes > pageBytes && end > start) break
    if (backward) start--
    else end++
  }
  const part = all.slice(start, end)
  if (request === undefined && part.length === all.length) return { part, set: [] }
  const [first, last] = [part[0], part.at(-1)]
  const page = {
    first: first && uid(first),
    last: last && uid(last),
    index: first && start,
    count: all.length,
  }
  return { part, set: [pageElement(page)] }
}

function rangeOf<T>(
  all: readonly T[],
  { after, before, index }: PageRequest,
  uid: (thing: T) => string,
): { from: number; to: number; backward: boolean } {
  const place = (wanted: string): number => {
    const at = all.findIndex(each => uid(each) === wanted)
    if (at < 0) throw notFound()
    return at
  }
  let [from, to] = [0, all.length]
  if (index !== undefined) from = Math.min(index, to)
  if (after !== undefined && after !== '') from = place(after) + 1
  if (before !== undefined && before !== '') to = place(before)
  return { from: Math.min(from, to), to, backward: before !== undefined && (after === undefined || after === '') }
}
