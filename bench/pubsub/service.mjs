// node pubsub/service.mjs JSON: a PubSub service in a process of its own, told by messages what to do; JSON is what `start` of services.mjs says.
import { DirectoryStore, memoryStore, PubsubComponent } from '../../dist/pubsub-component/index.js'

const { directory, durable, ...where } = JSON.parse(process.argv[2])

/** What is stored in a directory, and nothing that is new. */
const readOnly = {
  ...memoryStore,
  open: async user => {
    const store = new DirectoryStore({ path: directory })
    const report = await store.open(user)
    await store.close()
    return report
  },
}
const store = directory === undefined ? memoryStore : durable ? new DirectoryStore({ path: directory }) : readOnly
const service = new PubsubComponent({ ...where, creators: ['*'], store })
service.on('store', ({ error }) => {
  throw error
})

process.on('message', async message => {
  if (message === 'mark') process.send({ cpu: process.cpuUsage() })
  if (message !== 'stop') return
  await service.stop()
  process.exit(0)
})
process.on('disconnect', () => process.exit(1))

const began = performance.now()
const { bytes, entries, damage } = await service.start()
const openMs = performance.now() - began
if (damage.length > 0) throw new Error(damage.join('\n'))
service.on('online', () => process.send({ openMs, bytes, entries, counts: service.counts, importedMs: began }))
service.on('offline', ({ error }) => {
  if (process.connected) throw error
})
