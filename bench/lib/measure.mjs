/** The middle one of some numbers; NaN of none. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle]
  return (sorted[middle - 1] + sorted[middle]) / 2
}

/** The least of some numbers that so large a share of them does not exceed, such as 0.99 for the 99th percentile; NaN of none. */
export function percentile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN
}

/** What some work takes, in seconds: of the clock, and of CPU time of this whole process, its collector's threads included. */
export async function timed(work) {
  const cpu = process.cpuUsage()
  const began = performance.now()
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return { wall: (performance.now() - began) / 1e3, cpu: (user + system) / 1e6 }
}

/** Collects garbage until there is none; the process needs --expose-gc. */
export async function settle() {
  for (let pass = 0; pass < 4; pass++) {
    globalThis.gc()
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
