/** What of the sharing of states others use: accounts, and the console. */
export { Distribution, ownersOf, type Sharing } from './distribution.ts'
export { namesOf } from './history.ts'
export { collectionConfig, giveTo, leafConfig, PATIENCE } from './nodes.ts'
export type { Farewell } from './share.ts'
export { forEach } from './some.ts'
