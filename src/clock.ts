/** Time as an argument: a test or a conformance check hands in its own. Milliseconds throughout. */
export interface Clock {
  now(): number
  /** Calls `fn` once after `ms` milliseconds, `Infinity` never; the returned function cancels it. */
  after(ms: number, fn: () => void): () => void
}

/** The longest that one of Node's timers can wait; it would not wait at all for more. */
const MAX_TIMER = 2 ** 31 - 1

/** The clock of the process. */
export const systemClock: Clock = {
  // Near the time of day, but never set back or forward: intervals are what it is for.
  now: () => origin + performance.now(),
  after(ms, fn) {
    if (ms === Number.POSITIVE_INFINITY) return () => {}
    const wait = (left: number): NodeJS.Timeout =>
      left <= MAX_TIMER
        ? setTimeout(fn, left)
        : setTimeout(() => {
            timer = wait(left - MAX_TIMER)
          }, MAX_TIMER)
    let timer = wait(ms)
    return () => clearTimeout(timer)
  },
}

const origin = performance.timeOrigin
