/** XEP-0060 §4.1, §4.5: who may do what with a node. The whole of it is the table. */
import type { StanzaError } from '../errors.ts'
import type { Affiliation } from '../xep/0060-pubsub.ts'
import { forbidden, refusal } from './errors.ts'
import type { Node } from './node.ts'

/** What somebody may want to do with a node. `manage`: to see and change who else is what. */
export type Operation = 'subscribe' | 'retrieve' | 'publish' | 'retract' | 'purge' | 'configure' | 'delete' | 'manage'

/**
 * `own`: items that one has published oneself. `by access` and `by publish` ask the node's access and publish model.
 */
export type Rule = 'yes' | 'no' | 'own' | 'by access' | 'by publish'

const nothing = { purge: 'no', configure: 'no', delete: 'no', manage: 'no' } as const

/**
 * Publishers may delete any item, as the XEP leaves it to a service to decide: they have to, to clear the states of a PBX that is gone. Publish-only may
 * not configure, though one cell of the XEP's table says so: everything else in it, and §8.2, knows owners alone to do that.
 */
export const accessTable: Readonly<Record<Affiliation, Readonly<Record<Operation, Rule>>>> = {
  owner: {
    subscribe: 'yes',
    retrieve: 'yes',
    publish: 'yes',
    retract: 'yes',
    purge: 'yes',
    configure: 'yes',
    delete: 'yes',
    manage: 'yes',
  },
  publisher: { ...nothing, subscribe: 'yes', retrieve: 'yes', publish: 'yes', retract: 'yes', purge: 'yes' },
  'publish-only': { ...nothing, subscribe: 'no', retrieve: 'no', publish: 'yes', retract: 'own' },
  member: { ...nothing, subscribe: 'yes', retrieve: 'yes', publish: 'by publish', retract: 'own' },
  none: { ...nothing, subscribe: 'by access', retrieve: 'by access', publish: 'by publish', retract: 'own' },
  outcast: { ...nothing, subscribe: 'no', retrieve: 'no', publish: 'no', retract: 'no' },
}

/** `own`: only with what is theirs; `ask`: when an owner says so. */
export type Right = boolean | 'own' | 'ask'

/** Who is who. */
export interface Person {
  /** Bare JID. */
  readonly jid: string
  readonly affiliation: Affiliation
  /** Whether somebody sees the presence of an owner of the node; asked only when that counts. */
  readonly seesOwner: () => boolean
}

/** Whether somebody may do something with a node. */
export function rightOf(node: Node, { jid, affiliation, seesOwner }: Person, operation: Operation): Right {
  const rule = accessTable[affiliation][operation]
  if (rule === 'own') return 'own'
  if (rule === 'by access') return byAccess(node, jid, seesOwner, operation)
  if (rule !== 'by publish') return rule === 'yes'
  const model = node.config.publish_model
  return model === 'open' || (model === 'subscribers' && node.isSubscribed(jid))
}

function byAccess(node: Node, jid: string, seesOwner: () => boolean, operation: Operation): Right {
  switch (node.config.access_model) {
    case 'open':
      return true
    case 'presence':
      return seesOwner()
    case 'authorize':
      return node.isSubscribed(jid) || (operation === 'subscribe' ? 'ask' : false)
    case 'whitelist':
      return false
  }
}

/** What somebody is told who may not (§6.1.3, §6.5.9). */
export function denial(node: Node, affiliation: Affiliation, operation: Operation): StanzaError {
  if (affiliation !== 'none' || (operation !== 'subscribe' && operation !== 'retrieve')) return forbidden()
  switch (node.config.access_model) {
    case 'whitelist':
      return refusal('cancel', 'not-allowed', 'closed-node')
    case 'presence':
      return refusal('auth', 'not-authorized', 'presence-subscription-required')
    case 'authorize':
      return refusal('auth', 'not-authorized', 'not-subscribed')
    case 'open':
      return forbidden()
  }
}
