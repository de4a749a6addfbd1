/** A process that appends until it is killed. Arguments: the directory, the seed of how much at once, and `once` for one that only opens. */
import { writeSync } from 'node:fs'
import { DirectoryStore } from '../../src/pubsub-component/directory/directory-store.ts'
import { Random } from '../helper/random.ts'
import { entry, Keeper } from './keeper.ts'

const [, , path = '', seed = '0', once] = process.argv
const say = (text: string): void => void writeSync(1, `${text}\n`)
const random = new Random(Number(seed))
const keeper = new Keeper()
keeper.onSnapshot = () => say('snapshot')
const store = new DirectoryStore({
  path,
  compactBytes: 4096,
  pieceBytes: 256,
  onTrouble: text => say(`trouble ${text}`),
})
say('start')
try {
  await store.open(keeper)
} catch (error) {
  say(`refused ${(error as Error).message}`)
  process.exit(1)
}
say('open')
// Lives until it is killed, since the store alone does not keep it.
if (once !== undefined) setInterval(() => {}, 1000)
for (let number = Math.max(0, ...keeper.state.values()); once === undefined; ) {
  for (let left = 1 + random.under(20); left > 0; left--) {
    const next = entry(++number)
    keeper.apply(next)
    store.append(next)
  }
  await store.saved()
  say(`saved ${number}`)
}
