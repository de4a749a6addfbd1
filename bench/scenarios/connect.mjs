import { median, timed } from '../lib/measure.mjs'

/** Logging in one time after the other: PLAIN in clear, or a component's handshake. The first, in a cold process, counts for itself. */
export async function run({ open }, { count }) {
  const connect = async number => {
    let connection
    const times = await timed(async () => {
      connection = await open(number)
    })
    await connection.close()
    return times
  }
  const first = await connect(1)
  const warm = []
  for (let n = 0; n < count; n++) warm.push(await connect(n + 2))
  return {
    cpuMs: (warm.reduce((sum, { cpu }) => sum + cpu, 0) / count) * 1e3,
    medianMs: median(warm.map(({ wall }) => wall)) * 1e3,
    firstCpuMs: first.cpu * 1e3,
  }
}
