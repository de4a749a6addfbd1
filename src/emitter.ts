import { warn } from './errors.ts'

/** A discriminated union of events, by their `type`. */
export interface TypedEvent {
  readonly type: string
}

/** Listeners typed from one union of events. A listener that throws, or returns a promise that rejects, is worth a warning and keeps nobody from hearing. */
export class Emitter<E extends TypedEvent> {
  readonly #listeners = new Map<string, Set<(event: never) => unknown>>()

  /** @returns a function that takes the listener away again */
  on<T extends E['type']>(type: T, listener: (event: Extract<E, { type: T }>) => unknown): () => void {
    const listeners = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  protected emit(event: E): void {
    for (const listener of this.#listeners.get(event.type) ?? []) {
      try {
        const result = listener(event as never)
        if (result instanceof Promise) result.catch(warn)
      } catch (error) {
        warn(error)
      }
    }
  }
}
