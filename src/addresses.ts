/** What there is at the addresses of a component: as rules of its owner's, and as a session wants to know it. */
import { XmppError } from './errors.ts'
import { bareJid, formatJid, type Jid, parseJid } from './jid.ts'
import { printable } from './printable.ts'
import type { Xep } from './routes.ts'
import { disco, type Identity, type Item } from './xep/0030-disco.ts'

/** What there is at an address beside what there is at all of them. */
export interface Place {
  readonly xeps?: readonly Xep[]
  /** What disco says it is. Default what the component is. */
  readonly identity?: Identity
  /** What disco finds there. Default nothing. */
  readonly items?: readonly Item[]
}

/** A place that is none: requests and messages are answered `item-not-found`, subscriptions and probes `unsubscribed`. */
export const nobody: Place = Object.freeze({})

/** What is at an address that a rule is for: undefined is as if there were no such rule. It is asked about every stanza, so it had better not wait. */
export type Resident = (address: Jid) => Place | undefined

/** A rule: see {@link at}. */
export interface Address {
  readonly jid: string
  readonly place: Place | Resident
}

/**
 * A rule of what there is at an address. Of several rules the one that names it most exactly counts, and no other: a full JID, then a bare JID or domain, with
 * all its resources, then `*@domain`, which is every user. What no rule is for has what all addresses have.
 * @param what extensions; or these with an identity; or a function that says it for each address, such as whether a user exists
 */
export function at(jid: string, what: readonly Xep[] | Place | Resident): Address {
  return { jid, place: isList(what) ? { xeps: what } : what }
}

const isList = (what: readonly Xep[] | Place | Resident): what is readonly Xep[] => Array.isArray(what)

/** The rules of a component. */
export interface AddressRules {
  /** Prepared. */
  readonly domain: string
  /** What all addresses have. */
  readonly xeps: readonly Xep[]
  /** What disco says of a place that says nothing; undefined where disco does not answer. */
  readonly identity: Identity | undefined
  readonly addresses: readonly Address[]
}

/**
 * Looks addresses up for {@link SessionOptions.addresses}.
 * @throws XmppError `XMPP_JID_MALFORMED`; `XMPP_ADDRESS` for a rule that can never apply, or is given twice
 */
export function addressBook(rules: AddressRules): (address: string) => readonly Xep[] | undefined {
  const { domain, xeps, identity } = rules
  const exact = new Map<string, Place | Resident>()
  let users: Place | Resident | undefined
  for (const { jid, place } of rules.addresses) {
    const key = keyOf(jid, domain)
    if (exact.has(key) || (key === EVERY_USER && users !== undefined)) throw odd(jid, 'is named by two rules')
    if (key === EVERY_USER) users = place
    else exact.set(key, place)
  }

  /** Made once for each place, of which there may be many. */
  const lists = new WeakMap<Place, readonly Xep[]>()
  const listOf = (place: Place): readonly Xep[] => {
    let list = lists.get(place)
    if (list === undefined) {
      const other = place.identity !== undefined || place.items !== undefined
      const as = place.identity ?? identity
      list = [...xeps, ...(other && identity && as ? [disco(as, place.items)] : []), ...(place.xeps ?? [])]
      lists.set(place, list)
    }
    return list
  }

  return address => {
    const bare = bareJid(address)
    const rule = exact.get(address) ?? exact.get(bare) ?? (bare === domain ? undefined : users)
    const place = typeof rule === 'function' ? rule(parseJid(address)) : rule
    if (place === undefined) return xeps
    return place === nobody ? undefined : listOf(place)
  }
}

const EVERY_USER = '*'

/** A prepared JID, or {@link EVERY_USER}. */
function keyOf(text: string, own: string): string {
  const { local, domain, resource } = parseJid(text)
  if (domain !== own) throw odd(text, `is none of ${own}`)
  if (local !== '*') return formatJid({ local, domain, resource })
  if (resource !== '') throw odd(text, 'names a resource of every user, which no rule can: ask for it in the handler')
  return EVERY_USER
}

function odd(jid: string, why: string): XmppError {
  return new XmppError('XMPP_ADDRESS', `the address ${printable(jid.slice(0, 100))} ${why}`)
}
