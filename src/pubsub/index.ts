/** A PubSub service (XEP-0060, XEP-0248): requests in, answers and notifications out. */
export type { NodeConfig } from './config.ts'
export type { NodeDescription } from './description.ts'
export { type EngineCounts, type Handled, type Outcome, PubsubEngine } from './engine.ts'
export { errorAnswer } from './errors.ts'
export { defaultLimits, type EngineLimits } from './limits.ts'
export type { SubscriptionOptions } from './node.ts'
export type { EngineOptions } from './service.ts'
export { type Change, type Entry, memoryStore, type Store, type StoreReport, type StoreUser } from './store.ts'
