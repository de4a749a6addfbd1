/** A PubSub service (XEP-0060): requests in, answers and notifications out. */
export { type Handled, PubsubEngine } from './engine.ts'
export { defaultLimits, type EngineLimits } from './limits.ts'
export type { EngineOptions } from './service.ts'
