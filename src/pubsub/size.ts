/** How large XML will be, without writing it: with a namespace on every other element it may be a thousand times what it was when it came. */
import type { Element } from '../stream/element.ts'

/** What is passed on shall not be too much for any reader: a client of ours, say, takes twice of each. */
const MOST_ATTRIBUTES = 50
const MOST_NAME = 500
const MOST_DEPTH = 50

/**
 * Whether elements take no more than so many bytes when they are written, and are of a shape that everybody takes.
 * @param each what a character counts with: 1 is the least that it may come to, 6 the most
 */
export function isWithin(elements: readonly Element[], most: number, each: number): boolean {
  let left = most
  const take = ({ name, ns, attrs, children }: Element, inherited: string, depth: number): void => {
    const keys = Object.keys(attrs)
    if (depth === 0 || keys.length > MOST_ATTRIBUTES || name.length > MOST_NAME) left = -1
    left -= 2 * name.length + 5 + (ns === inherited ? 0 : 9 + ns.length * each)
    for (const key of keys) {
      left -= 4 + (key.length + (attrs[key]?.length ?? 0)) * each
      // A namespace is no part of the name.
      if (key.length - key.lastIndexOf('}') > MOST_NAME) left = -1
    }
    for (const child of children) {
      if (left < 0) return
      if (typeof child === 'string') left -= child.length * each
      else take(child, ns, depth - 1)
    }
  }
  for (const element of elements) if (left >= 0) take(element, '', MOST_DEPTH)
  return left >= 0
}
