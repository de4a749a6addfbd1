/** Time as an argument: a test or a conformance check hands in its own. Milliseconds throughout. */
export interface Clock {
  now(): number
  /** Calls `fn` once after `ms` milliseconds; the returned function cancels it. */
  after(ms: number, fn: () => void): () => void
}

/** The clock of the process. */
export const systemClock: Clock = {
  // Near the time of day, but never set back or forward: intervals are what it is for.
  now: () => origin + performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    return () => clearTimeout(timer)
  },
}

const origin = performance.timeOrigin
