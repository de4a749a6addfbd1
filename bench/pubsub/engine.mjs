// node --expose-gc pubsub/engine.mjs JSON: many nodes and subscriptions in an engine, without a network; its numbers as JSON on stdout.
import { el } from '../../dist/index.js'
import { PubsubEngine } from '../../dist/pubsub-component/index.js'
import { settle, timed } from '../lib/measure.mjs'

const { nodes, eachNode, people } = JSON.parse(process.argv[2])
const PUBSUB = 'http://jabber.org/protocol/pubsub'
const SERVICE = 'pubsub.example.org'

const clock = { now: Date.now, after: () => () => {} }
const engine = new PubsubEngine({ jid: SERVICE, clock })
let id = 0

function ask(from, action) {
  const pubsub = el('pubsub', PUBSUB, {}, action)
  const { answer } = engine.handle(
    el('iq', 'jabber:client', { type: 'set', id: `i${id++}`, from, to: SERVICE }, pubsub),
  )
  if (answer.attrs.type !== 'result') throw new Error(String(answer))
}

const nodeName = at => `device/${at}`
const create = at => ask('pbx@example.org', el('create', PUBSUB, { node: nodeName(at) }))

/** Whoever has several subscriptions has them at nodes far apart. */
function subscribe(at, which) {
  const jid = `user${(at + which * Math.ceil(people / eachNode)) % people}@example.org`
  ask(`${jid}/desk`, el('subscribe', PUBSUB, { node: nodeName(at), jid }))
}

async function grown(work) {
  await settle()
  const before = process.memoryUsage()
  const { cpu } = await timed(async () => work())
  await settle()
  const after = process.memoryUsage()
  return { cpu, heap: after.heapUsed - before.heapUsed, rss: after.rss - before.rss }
}

const created = await grown(() => {
  for (let at = 0; at < nodes; at++) create(at)
})
const subscribed = await grown(() => {
  for (let at = 0; at < nodes; at++) for (let which = 0; which < eachNode; which++) subscribe(at, which)
})
const { subscriptions } = engine.counts
if (engine.size !== nodes || subscriptions !== nodes * eachNode) throw new Error(JSON.stringify(engine.counts))
const numbers = {
  nodeBytes: created.heap / nodes,
  subscriptionBytes: subscribed.heap / subscriptions,
  heapMB: (created.heap + subscribed.heap) / 2 ** 20,
  rssMB: (created.rss + subscribed.rss) / 2 ** 20,
  nodeMicroseconds: (created.cpu / nodes) * 1e6,
  subscriptionMicroseconds: (subscribed.cpu / subscriptions) * 1e6,
  seconds: created.cpu + subscribed.cpu,
}
process.stdout.write(JSON.stringify(numbers), () => process.exit(0))
