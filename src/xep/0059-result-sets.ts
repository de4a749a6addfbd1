/** XEP-0059 Result Set Management, version 1.0: a long list, page by page. */
import { type Element, el } from '../stream/element.ts'

export const NS_RSM = 'http://jabber.org/protocol/rsm'

/** Which page is wanted (§2). */
export interface PageRequest {
  /** At most so many; 0 asks for their count alone (§2.7). */
  readonly max?: number | undefined
  /** What comes behind the item with that UID, the `last` of the page before (§2.2). */
  readonly after?: string | undefined
  /** What comes before the item with that UID, the `first` of the page behind (§2.3); '' asks for the last page (§2.5). */
  readonly before?: string | undefined
  /** The page that begins with the item of that number, from 0 (§2.6). */
  readonly index?: number | undefined
}

/** Which page came, or what is known of the list; all of it may be missing. */
export interface Page {
  /** UID of the first and the last item of the page; undefined when there is none. */
  readonly first: string | undefined
  readonly last: string | undefined
  /** The number of the first item, from 0, which need not be exact (§2.6). */
  readonly index: number | undefined
  /** How many there are in all, which need not be exact (§2.1). */
  readonly count: number | undefined
}

/** How a list is read to its end. */
export interface Paging {
  /** Items asked for at once. Default 20. */
  readonly pageSize?: number | undefined
  /** Items after which it ends, whether there are more or not. Default 10,000. */
  readonly most?: number | undefined
}

/**
 * A whole list, page by page (§2.2). It ends where an answer names no last item, or one that it has named before, where a page is empty, and after `most`
 * items. Whoever answers without pages has said everything at once.
 * @throws what `ask` throws: `item-not-found` where the last item of a page has gone before the next one was asked for (§2.2)
 */
export async function* allPages<Item>(
  ask: (page: PageRequest) => Promise<{ readonly found: readonly Item[]; readonly page: Page | undefined }>,
  { pageSize = 20, most = 10_000 }: Paging = {},
): AsyncGenerator<Item, void, undefined> {
  const seen = new Set<string>()
  let after: string | undefined
  for (let left = most; left > 0; ) {
    const { found, page } = await ask({ max: Math.min(pageSize, left), after })
    for (const item of found.slice(0, left)) yield item
    left -= found.length
    after = page?.last
    if (after === undefined || found.length === 0 || seen.has(after)) return
    seen.add(after)
  }
}

/** What asks for a page. */
export function pageRequest({ max, after, before, index }: PageRequest): Element {
  const asked = { max, after, before, index }
  const children = Object.entries(asked).flatMap(([name, value]) =>
    value === undefined ? [] : el(name, NS_RSM, {}, ...(value === '' ? [] : [String(value)])),
  )
  return el('set', NS_RSM, {}, ...children)
}

/** What an answer says of its page, by a `<set/>` below `parent`; undefined when it came without one: then that was all. */
export function readPage(parent: Element | undefined): Page | undefined {
  const set = parent?.child('set', NS_RSM)
  if (set === undefined) return undefined
  const first = set.child('first')
  return {
    first: first?.text,
    last: set.childText('last'),
    index: number(first?.attrs.index),
    count: number(set.childText('count')),
  }
}

/** What is asked for, by a `<set/>` below `parent`; undefined when there is none, `malformed` when its numbers are none. */
export function readPageRequest(parent: Element | undefined): PageRequest | 'malformed' | undefined {
  const set = parent?.child('set', NS_RSM)
  if (set === undefined) return undefined
  const [max, index] = [set.childText('max'), set.childText('index')]
  const asked = {
    max: number(max),
    after: set.childText('after'),
    before: set.childText('before'),
    index: number(index),
  }
  const malformed = (max !== undefined && asked.max === undefined) || (index !== undefined && asked.index === undefined)
  return malformed ? 'malformed' : asked
}

/** What says which page an answer has. */
export function pageElement({ first, last, index, count }: Page): Element {
  const set: Element[] = []
  if (first !== undefined) set.push(el('first', NS_RSM, { index: index?.toString() }, first))
  if (last !== undefined) set.push(el('last', NS_RSM, {}, last))
  if (count !== undefined) set.push(el('count', NS_RSM, {}, String(count)))
  return el('set', NS_RSM, {}, ...set)
}

function number(text: string | undefined): number | undefined {
  return /^\d{1,15}$/.test(text?.trim() ?? '') ? Number(text) : undefined
}
