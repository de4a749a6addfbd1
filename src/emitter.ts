/** A discriminated union of events, by their `type`. */
export interface TypedEvent {
  readonly type: string
}

/** Listeners typed from one union of events. A listener that throws does not keep the others from hearing. */
export class Emitter<E extends TypedEvent> {
  readonly #listeners = new Map<string, Set<(event: never) => void>>()

  /** @returns a function that takes the listener away again */
  on<T extends E['type']>(type: T, listener: (event: Extract<E, { type: T }>) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  protected emit(event: E): void {
    for (const listener of this.#listeners.get(event.type) ?? []) {
      try {
        listener(event as never)
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error))
      }
    }
  }
}
