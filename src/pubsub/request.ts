import type { Element } from '../stream/element.ts'
import { badRequest, notFound } from './errors.ts'
import type { Node } from './node.ts'
import type { Service } from './service.ts'

/** One request, as its command sees it. */
export interface Request {
  readonly service: Service
  /** Who asks: the bare JID, which is what affiliations go by. */
  readonly person: string
  /** `<pubsub/>`, or the `<query/>` of disco. */
  readonly wrapper: Element
  /** The child of it that says what is wanted; the wrapper itself where it says so. */
  readonly action: Element
  /** Messages to send once the answer is out. */
  readonly out: Element[]
  /** What an error repeats in place of the request (§8.8.2.4). */
  echo?: readonly Element[]
}

/** What a command does; it returns the payload of the result, or throws a StanzaError. All checks come before the first change. */
export type Command = (request: Request) => Element | undefined

/**
 * The node that is asked about.
 * @throws StanzaError `bad-request` with `nodeid-required`, `item-not-found`
 */
export function nodeOf({ service, action }: Request): Node {
  const node = service.nodes.get(nameOf(action))
  if (node === undefined) throw notFound()
  return node
}

/** @throws StanzaError `bad-request` with `nodeid-required` */
export function nameOf({ attrs: { node = '' } }: Element): string {
  if (node === '') throw badRequest('nodeid-required')
  return node
}
