/**
 * The library: XMPP clients and components for TypeScript. Importing it starts nothing, installs nothing and loads no XML
 * parser yet.
 */

export type { Address, Place, Resident } from './addresses.ts'
export { at, nobody } from './addresses.ts'
export type { ClientOptions } from './client.ts'
export { connectClient, createClient } from './client.ts'
export type { Clock } from './clock.ts'
export type { ComponentOptions } from './component.ts'
export { connectComponent, createComponent } from './component.ts'
export type { ConnectOptions } from './connect.ts'
export type { StanzaErrorType, StreamErrorOptions } from './errors.ts'
export { describe, SaslError, StanzaError, StreamError, XmppError } from './errors.ts'
export { toAscii, toUnicode } from './idna.ts'
export type { Jid } from './jid.ts'
export { bareJid, formatJid, parseJid, prepareJid, resourceOf } from './jid.ts'
export type { ClientNegotiation, ComponentNegotiation, Negotiated, NegotiationStep, Progress } from './negotiate.ts'
export { negotiateClient, negotiateComponent } from './negotiate.ts'
export type { Attempted, Connect, ConnectionEvent, Link, ReconnectOptions, Wiring } from './reconnect.ts'
export { Connection, stayConnected } from './reconnect.ts'
export type { Answer, Handler, Route, Xep } from './routes.ts'
export { answered, on, onEvery } from './routes.ts'
export type { BindingPolicy } from './sasl/channel-binding.ts'
export type { CredentialSource, Credentials } from './sasl/mechanism.ts'
export type { IqOptions, RunOptions, SessionOptions } from './session.ts'
export { Session } from './session.ts'
export type { Step, Timeouts } from './steps.ts'
export type { Dns, SrvRecord } from './stream/dns.ts'
export { systemDns } from './stream/dns.ts'
export type { Attrs, Child } from './stream/element.ts'
export { Element, el } from './stream/element.ts'
export type { OtherHost } from './stream/other-host.ts'
export type { Target } from './stream/resolve.ts'
export type { TlsFacts, TlsTrust } from './stream/tls.ts'
export { TlsSessions } from './stream/tls-sessions.ts'
export type { Redirect } from './targets.ts'
export { VERSION } from './version.ts'
export type { DataForm, FormField } from './xep/0004-data-forms.ts'
export { formTypeOf, readForm } from './xep/0004-data-forms.ts'
export type { DiscoInfo, DiscoItem, DiscoOptions, Identity, Item } from './xep/0030-disco.ts'
export { discoInfo, discoItems } from './xep/0030-disco.ts'
export type { Page, PageRequest } from './xep/0059-result-sets.ts'
export type { JidAffiliation, NodeAffiliation } from './xep/0060-affiliations.ts'
export { affiliationsOf, nodeAffiliations, setAffiliations } from './xep/0060-affiliations.ts'
export type { NodeInfo, NodesOptions, NodesPage } from './xep/0060-discovery.ts'
export { nodeInfo, nodesOf, pubsubFeatures } from './xep/0060-discovery.ts'
export type { EventSource, ItemsEvent, PubsubEvent, PubsubEventsOptions } from './xep/0060-events.ts'
export { pubsubEvents, readEvents } from './xep/0060-events.ts'
export type { NodeConfig, NodeMetadata, SubscribeOptions } from './xep/0060-forms.ts'
export type {
  AllItemsOptions,
  ItemsOptions,
  ItemsPage,
  NewItem,
  PublishOptions,
  PubsubItem,
  RetractOptions,
} from './xep/0060-items.ts'
export { allItems, items, publish, retract } from './xep/0060-items.ts'
export type { CreateOptions, DeleteOptions, SubscriptionChange } from './xep/0060-nodes.ts'
export {
  configureNode,
  createNode,
  defaultNodeConfig,
  deleteNode,
  nodeConfig,
  nodeSubscriptions,
  purgeNode,
  setNodeSubscriptions,
} from './xep/0060-nodes.ts'
export type { SubscriptionRequest } from './xep/0060-pending.ts'
export { answerSubscriptionRequest, pendingNodes, requestPending } from './xep/0060-pending.ts'
export type { Affiliation, PubsubCondition, PubsubErrorCondition, SubscriptionState } from './xep/0060-pubsub.ts'
export { pubsubCondition } from './xep/0060-pubsub.ts'
export type { OwnOptions, SubscribeRequest, SubscriberOptions, Subscription } from './xep/0060-subscriptions.ts'
export {
  defaultSubscriptionOptions,
  setSubscriptionOptions,
  subscribe,
  subscriptionOptions,
  subscriptions,
  unsubscribe,
} from './xep/0060-subscriptions.ts'
export { escapeNode, jidEscaping, unescapeNode } from './xep/0106-jid-escaping.ts'
export type { InfoLimits } from './xep/0115-cache.ts'
export { CapsCache } from './xep/0115-cache.ts'
export type { AnnouncedCaps } from './xep/0115-caps.ts'
export { caps, readCaps } from './xep/0115-caps.ts'
export type { Capabilities, CapsLookupOptions } from './xep/0115-lookup.ts'
export { CapsLookup } from './xep/0115-lookup.ts'
export { verificationString, verified } from './xep/0115-verification.ts'
export type { PepHandler, PepOptions } from './xep/0163-pep.ts'
export { pep } from './xep/0163-pep.ts'
export type { Receipt, ReceiptOptions, Receipts, ReceiptsOptions } from './xep/0184-receipts.ts'
export { receipts } from './xep/0184-receipts.ts'
export { keepalive, sendPing } from './xep/0199-ping.ts'
export type { Delay } from './xep/0203-delay.ts'
export { readDelay } from './xep/0203-delay.ts'
export type { AssociateOptions, CollectionRequest } from './xep/0248-collections.ts'
export {
  associate,
  childrenOf,
  createCollection,
  createLeaf,
  disassociate,
  isInCollection,
  subscribeCollection,
  supportsCollections,
} from './xep/0248-collections.ts'
export type { PresenceState, Show } from './xep/presence.ts'
export { availablePresence, readPresence, subscription, unavailablePresence } from './xep/presence.ts'
export type { Roster, RosterItem } from './xep/roster.ts'
export { fetchRoster, removeContact, rosterPushes, updateRoster } from './xep/roster.ts'
