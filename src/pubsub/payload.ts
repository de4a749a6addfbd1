/** What is kept of a payload: a copy, since what was read holds the chunk it came in. */
import { detached } from '../detached.ts'
import { type Attrs, type Child, Element, emptyAttrs } from '../stream/element.ts'
import { badRequest, notAcceptable } from './errors.ts'

/**
 * A copy that shares nothing with what it is of, and its size in bytes.
 * @throws StanzaError `not-acceptable` with `payload-too-big`, `bad-request` with `invalid-payload` for one that is nested too deep
 */
export function keptPayload(payload: Element, most: number, depth: number): { element: Element; size: number } {
  let size = 0
  const text = (given: string): string => {
    size += Buffer.byteLength(given)
    if (size > most) throw notAcceptable('payload-too-big')
    return detached(given)
  }
  // A namespace stands once for all that is in it, and so it is counted and kept.
  const namespaces = new Map<string, string>()
  const namespace = (given: string): string => {
    const known = namespaces.get(given)
    if (known !== undefined) return known
    const kept = text(given)
    namespaces.set(kept, kept)
    return kept
  }
  const copy = ({ name, ns, attrs, children }: Element, left: number): Element => {
    if (left === 0) throw badRequest('invalid-payload', 'nested too deep')
    // Every element and attribute costs something, however short.
    size += 8
    const kept: Attrs = emptyAttrs()
    for (const key of Object.keys(attrs)) {
      const value = attrs[key]
      if (value !== undefined) kept[text(key)] = text(value)
      size += 4
    }
    const inside = children.map((child): Child => (typeof child === 'string' ? text(child) : copy(child, left - 1)))
    return new Element(text(name), namespace(ns), kept, inside)
  }
  return { element: copy(payload, depth), size }
}
