import { settle, timed } from '../lib/measure.mjs'

/** Connections opened at one time. */
const OPENING = 50

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
  const after = process.memoryUsage()
  const each = what => (after[what] - before[what]) / 1024 / connections
  return {
    connections: kept.length - 1,
    rssKB: each('rss'),
    heapKB: each('heapUsed'),
    externalKB: each('external'),
    connectCpuMs: (cpu / connections) * 1e3,
  }
}
