import type { StanzaError } from '../errors.ts'
import type { PubsubEngine } from '../pubsub/index.ts'
import type { Element } from '../stream/element.ts'
import type { Accounts } from './accounts.ts'
import type { Peers } from './peers.ts'
import type { Rosters } from './rosters.ts'

/** What the parts of the router share. Within it stanzas are in `jabber:client`, and their `from` and `to` are prepared. */
export interface Hub {
  readonly accounts: Accounts
  readonly peers: Peers
  readonly rosters: Rosters
  /** Served component domains, connected or not. */
  readonly components: ReadonlySet<string>
  /** PubSub services of the server's own, by their domains. */
  readonly services: ReadonlyMap<string, PubsubEngine>
  /** Messages that went to several resources of a user → copies that may still have arrived. */
  readonly copies: WeakMap<Element, number>
  /** Hands a stanza to whom it is for. Returns what is wrong when that cannot be done: the caller knows whether to say so. */
  route(stanza: Element): StanzaError | undefined
}
