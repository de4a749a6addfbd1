/** XEP-0115 Entity Capabilities, version 1.6.0: what we announce of ourselves, and what others announce. */
import type { Xep } from '../routes.ts'
import { type Element, el } from '../stream/element.ts'
import { ownInfo } from './0030-disco.ts'
import { verificationString } from './0115-verification.ts'

export const NS_CAPS = 'http://jabber.org/protocol/caps'

/**
 * What res_xmpp calls itself (§4). Whoever tells an Asterisk by it still does, and of what we can do the hash alone tells. A program that is
 * something else has a URI of its own: {@link caps}.
 */
export const ASTERISK_NODE = 'http://www.asterisk.org/xmpp/client/caps'

/** What a presence announces of whom it is from (§4). */
export interface AnnouncedCaps {
  /** The URI of the software; '' where it is missing. */
  readonly node: string
  /** The verification string; '' where it is missing. */
  readonly ver: string
  /** The hash function, undefined in the legacy format, whose `ver` is the version of the software. */
  readonly hash: string | undefined
}

/** Reads the announcement in a presence. A server may leave out one that says nothing new (§8.4). */
export function readCaps(presence: Element): AnnouncedCaps | undefined {
  const announced = presence.child('c', NS_CAPS)?.attrs
  return announced && { node: announced.node ?? '', ver: announced.ver ?? '', hash: announced.hash }
}

/** What announces our capabilities. */
interface Caps extends Xep {
  readonly node: string
}

/**
 * Announces what the session's extensions can do, in every available presence that {@link availablePresence} makes. A second one in the list
 * of extensions takes the place of the first.
 * @param node a URI for the software, better one at which people find something about it (§4)
 */
export function caps(node: string): Caps {
  return {
    name: NAME,
    node,
    features: [NS_CAPS],
    infoNode: xeps => {
      const { node = '', ver = '' } = ownCaps(xeps)?.attrs ?? {}
      return `${node}#${ver}`
    },
  }
}

const NAME = 'XEP-0115'

/** What stands in the presence of somebody with these extensions; undefined when nothing is to be announced. */
export function ownCaps(xeps: readonly Xep[]): Element | undefined {
  const known = made.get(xeps)
  if (known !== undefined) return known
  const own = xeps.findLast(xep => xep.name === NAME && 'node' in xep) as Caps | undefined
  if (own === undefined) return undefined
  const c = el('c', NS_CAPS, { hash: 'sha-1', node: own.node, ver: verificationString(ownInfo(xeps)) })
  made.set(xeps, c)
  return c
}

/** Extensions do not change, so neither does what they can do. */
const made = new WeakMap<readonly Xep[], Element>()
