/** How much a service keeps and says at most. Bytes are octets of UTF-8, of a payload those of its XML. */
export interface EngineLimits {
  readonly nodes: number
  /** Nodes that one creator has at one time, whoever else owns them. */
  readonly nodesPerOwner: number
  readonly itemsPerNode: number
  /** Items in all the nodes that one has created. */
  readonly itemsPerOwner: number
  /** The same in bytes, as `storedBytes` counts them. */
  readonly bytesPerOwner: number
  /** Affiliations, and subscriptions, in all the nodes that one has created. */
  readonly affiliationsPerOwner: number
  readonly subscribersPerOwner: number
  /** Items in one publication or retraction. */
  readonly itemsPerRequest: number
  /** Of all items of one publication, each with its payload, its id, its publisher and 200 more: they are told of in one message. One item may always be published. */
  readonly publicationBytes: number
  /** Collections above a node whose subscribers are told, the nearest first. */
  readonly collectionsTold: number
  /** Subscriptions in all. */
  readonly subscriptions: number
  /** Items that somebody is brought who comes; what is beyond is not sent. */
  readonly greetingBytes: number
  /** One item's payload. */
  readonly itemBytes: number
  /** All payloads, ids and publishers together, and 200 for each item; and the lists in configurations. */
  readonly storedBytes: number
  /** How deep a payload's elements may be nested; 49 at most. */
  readonly itemDepth: number
  readonly subscriptionsPerNode: number
  /** Of one bare JID, with all its resources, to one node. */
  readonly subscriptionsPerSubscriber: number
  /** The same to all nodes together. */
  readonly subscriptionsPerPerson: number
  /** Subscriptions to one node that wait for an owner. */
  readonly pendingPerNode: number
  readonly affiliationsPerNode: number
  readonly childrenPerCollection: number
  /** Collections that one node is in. */
  readonly collectionsPerNode: number
  /** A node's name. */
  readonly nameBytes: number
  /** An item's id. */
  readonly idBytes: number
  /** One text of a node's configuration, such as its title. */
  readonly textBytes: number
  /** The JIDs in a whitelist together. */
  readonly whitelistBytes: number
  /** Notifications that one request, or the passing of time, may lead to; what is beyond is not sent. */
  readonly notificationsPerRequest: number
  /** What one answer lists; more is had page by page (XEP-0059). */
  readonly pageSize: number
  /** The payloads in one answer, and the names in a form; one item goes out however large it is. */
  readonly pageBytes: number
}

/** What is good for some thousands of users and the states of a few PBXes. */
export const defaultLimits: EngineLimits = {
  nodes: 100_000,
  nodesPerOwner: 10_000,
  itemsPerNode: 10_000,
  itemsPerOwner: 100_000,
  bytesPerOwner: 67_108_864,
  affiliationsPerOwner: 100_000,
  subscribersPerOwner: 250_000,
  itemsPerRequest: 1000,
  // Prosody takes 256 KiB from a component, and ends the stream for more.
  publicationBytes: 196_608,
  collectionsTold: 200,
  greetingBytes: 1_048_576,
  subscriptions: 1_000_000,
  itemBytes: 65_536,
  storedBytes: 268_435_456,
  itemDepth: 40,
  subscriptionsPerNode: 10_000,
  subscriptionsPerSubscriber: 20,
  subscriptionsPerPerson: 20_000,
  pendingPerNode: 1000,
  affiliationsPerNode: 1000,
  childrenPerCollection: 100_000,
  collectionsPerNode: 20,
  nameBytes: 1023,
  idBytes: 1023,
  textBytes: 1023,
  whitelistBytes: 32_768,
  notificationsPerRequest: 100_000,
  pageSize: 1000,
  pageBytes: 131_072,
}
