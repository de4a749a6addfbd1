import type { Element } from '../stream/element.ts'
import { badRequest, notFound } from './errors.ts'
import { settle } from './expiry.ts'
import type { Node } from './node.ts'
import type { Telling } from './notifications.ts'

/** One request, as its command sees it. */
export interface Request extends Telling {
  /** Who asks: the JID that the server has stamped. */
  readonly from: string
  /** Its bare JID, which is what affiliations go by. */
  readonly person: string
  /** `<pubsub/>`, or the `<query/>` of disco. */
  readonly wrapper: Element
  /** The child of it that says what is wanted; the wrapper itself where it says so. */
  readonly action: Element
  /** What an error repeats in place of the request (§8.8.2.4). */
  echo?: readonly Element[]
}

/** What a command does; it returns the payload of the result, or throws a StanzaError. All checks come before the first change. */
export type Command = (request: Request) => Element | undefined

/**
 * The node that is asked about.
 * @throws StanzaError `bad-request` with `nodeid-required`, `item-not-found`
 */
export function nodeOf(request: Request): Node {
  return known(request, nameOf(request.action))
}

/** The same, where no node stands for the root (XEP-0248 §8.1). */
export function nodeOrRootOf(request: Request): Node {
  if (!request.service.abilities.collections) return nodeOf(request)
  return known(request, request.action.attrs.node ?? '')
}

function known(request: Request, name: string): Node {
  const node = request.service.node(name)
  if (node === undefined) throw notFound()
  settle(request, node)
  return node
}

/** @throws StanzaError `bad-request` with `nodeid-required` */
export function nameOf({ attrs: { node = '' } }: Element): string {
  if (node === '') throw badRequest('nodeid-required')
  return node
}
