import { settle, timed } from '../lib/measure.mjs'

/** Connections opened at one time. */
const OPENING = 50
/** ms after which memory that is not used has been given back. */
const PATIENCE = 10_000

/** What each of many connections takes that have nothing to do. */
export async function run({ peer, open }, { count }) {
  const connections = Math.min(count, peer.connections ?? count)
  const kept = [await open(0)]
  await settle()
  const before = process.memoryUsage()
  let number = 0
  const worker = async () => {
    while (number < connections) kept.push(await open(++number))
  }
  const { cpu } = await timed(() => Promise.all(Array.from({ length: OPENING }, worker)))
  await settle()
  await new Promise(resolve => setTimeout(resolve, 300))
  await settle()
  // The young generation is still as large as it was when the process was busy, up to 48 MB whatever the number of connections. V8
  // gives it back some eight seconds later.
  const after = process.memoryUsage()
  await new Promise(resolve => setTimeout(resolve, PATIENCE))
  await settle()
  const later = process.memoryUsage()
  const each = (what, now = after) => (now[what] - before[what]) / 1024 / connections
  return {
    connections: kept.length - 1,
    rssKB: each('rss'),
    laterKB: each('rss', later),
    heapKB: each('heapUsed'),
    externalKB: each('external'),
    connectCpuMs: (cpu / connections) * 1e3,
  }
}
