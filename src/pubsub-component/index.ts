/** A PubSub service (XEP-0060, XEP-0248) for any XMPP server, as a component. */
export * from '../pubsub/index.ts'
export { PubsubComponent, type PubsubComponentEvent, type PubsubComponentOptions } from './component.ts'
export { DirectoryStore } from './directory/directory-store.ts'
