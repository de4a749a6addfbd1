/** What is kept of a payload: its XML, which is smaller than the tree, shares nothing with what it came in, and is what a store writes. */
import { detached } from '../detached.ts'
import type { Element } from '../stream/element.ts'
import { NS_STREAM } from '../stream/namespaces.ts'
import { Parser } from '../stream/parser.ts'
import { serialize } from '../stream/serialize.ts'
import { badRequest, notAcceptable } from './errors.ts'
import { isWithin } from './size.ts'

/**
 * The XML of a payload, by itself.
 * @param most bytes
 * @throws StanzaError `not-acceptable` with `payload-too-big`, `bad-request` with `invalid-payload` for one that is nested too deep, or cannot be written
 */
export function writePayload(payload: Element, most: number, depth: number): string {
  if (isDeeper(payload, depth)) throw badRequest('invalid-payload', 'nested too deep')
  if (!isWithin([payload], most, 1)) throw notAcceptable('payload-too-big', 'or with too many attributes')
  const xml = written(payload)
  if (Buffer.byteLength(xml) > most) throw notAcceptable('payload-too-big')
  return detached(xml)
}

/** What has come over a stream can be written; what somebody has put together need not be XML. */
function written(payload: Element): string {
  try {
    return serialize(payload)
  } catch (error) {
    throw badRequest('invalid-payload', (error as Error).message)
  }
}

/** The payload that {@link writePayload} has written. */
export function readPayload(xml: string): Element {
  const parser = new Parser({ limits: wide })
  for (const event of parser.write(Buffer.from(HEADER + xml))) if (event.type === 'element') return event.element
  throw new Error('what was kept of a payload is no XML')
}

/** It has been within the limits of a stream already. */
const wide = { stanzaBytes: 2 ** 30, depth: 10_000, attributes: 10_000, nameLength: 2 ** 30 }
const HEADER = `<stream:stream xmlns='jabber:client' xmlns:stream='${NS_STREAM}'>`

function isDeeper({ elements }: Element, depth: number): boolean {
  return depth === 0 || elements.some(child => isDeeper(child, depth - 1))
}
