/** Requests that are on their way at one time. */
export const AT_ONCE = 16

/** Does something with each of many, some at a time; the first error ends it. */
export async function forEach<One>(all: Iterable<One>, work: (one: One) => Promise<void>): Promise<void> {
  const rest = all[Symbol.iterator]()
  let over = false
  const worker = async (): Promise<void> => {
    try {
      for (let next = rest.next(); !next.done && !over; next = rest.next()) await work(next.value)
    } finally {
      over = true
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}
