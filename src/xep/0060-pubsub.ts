/** XEP-0060 Publish-Subscribe, version 1.27: its words, which the client's functions, the events and our own service share. */
import type { StanzaError } from '../errors.ts'

export const NS_PUBSUB = 'http://jabber.org/protocol/pubsub'
export const NS_PUBSUB_OWNER = 'http://jabber.org/protocol/pubsub#owner'
export const NS_PUBSUB_EVENT = 'http://jabber.org/protocol/pubsub#event'
export const NS_PUBSUB_ERRORS = 'http://jabber.org/protocol/pubsub#errors'

/** What somebody may do with a node (§4.1). */
export type Affiliation = (typeof affiliations)[number]
export const affiliations = ['owner', 'publisher', 'publish-only', 'member', 'none', 'outcast'] as const

/** What a subscription has come to (§4.2). */
export type SubscriptionState = (typeof subscriptionStates)[number]
export const subscriptionStates = ['none', 'pending', 'unconfigured', 'subscribed'] as const

/** The XEP's own words for what may be wrong (its schema for errors). */
export type PubsubErrorCondition =
  | 'closed-node'
  | 'configuration-required'
  | 'invalid-jid'
  | 'invalid-options'
  | 'invalid-payload'
  | 'invalid-subid'
  | 'item-forbidden'
  | 'item-required'
  | 'jid-required'
  | 'max-items-exceeded'
  | 'max-nodes-exceeded'
  | 'node-full'
  | 'nodeid-required'
  | 'not-in-roster-group'
  | 'not-subscribed'
  | 'payload-required'
  | 'payload-too-big'
  | 'pending-subscription'
  | 'precondition-not-met'
  | 'presence-subscription-required'
  | 'subid-required'
  | 'too-many-subscriptions'
  | 'unsupported'
  | 'unsupported-access-model'

/** What a service found wrong in the XEP's own words (§7.1.3 and the like), beside the RFC's condition. */
export interface PubsubCondition {
  /** One of these, or whatever else it says. */
  readonly condition: PubsubErrorCondition | (string & Record<never, never>)
  /** What is `unsupported`, such as `retrieve-subscriptions`. */
  readonly feature: string | undefined
}

/** The condition of an error that is special to PubSub; undefined when the service named none. */
export function pubsubCondition({ element }: StanzaError): PubsubCondition | undefined {
  const found = element?.elements.find(({ ns }) => ns === NS_PUBSUB_ERRORS)
  return found && { condition: found.name, feature: found.attrs.feature }
}
