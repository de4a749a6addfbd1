import { median, timed } from '../lib/measure.mjs'

/** Pings of the server, so many of them under way at one time. */
export async function run({ open, share }, { count: all, concurrency }) {
  const count = share(all)
  const connection = await open(1)
  const latencies = []

  async function pings(total) {
    let left = total
    const worker = async () => {
      while (left-- > 0) {
        const began = performance.now()
        await connection.ping('localhost')
        latencies.push(performance.now() - began)
      }
    }
    await Promise.all(Array.from({ length: concurrency }, worker))
  }

  await pings(1000)
  latencies.length = 0
  const { wall, cpu } = await timed(() => pings(count))
  return { perCpuSecond: count / cpu, perSecond: count / wall, medianMs: median(latencies) }
}
