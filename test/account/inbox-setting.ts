import type { IncomingMessage } from '../../src/account/inbox.ts'
import type { Clock } from '../../src/clock.ts'

export function message(
  from: string,
  body: string,
  received: number,
  more: Partial<IncomingMessage> = {},
): IncomingMessage {
  return { from, body, type: 'chat', id: undefined, received, delayed: undefined, ...more }
}

/** A clock whose timers cost nothing to set and to cancel, so that what is measured is the inbox. */
export class IdleClock implements Clock {
  time = 1_000_000
  readonly timers = new Map<number, () => void>()
  #last = 0

  now(): number {
    return this.time
  }

  after(_ms: number, fn: () => void): () => void {
    const id = ++this.#last
    this.timers.set(id, fn)
    return () => void this.timers.delete(id)
  }
}
