import type { Element } from '../../../src/stream/element.ts'
import { el } from '../../../src/stream/element.ts'

const NS = 'urn:example:entry'

/** What may be of an item: the words of its payload, undefined where there is none. */
type State = string | undefined

/**
 * What publishers know of their items. What was answered is so; what was not may be so or as it was before, until somebody has looked, or was told of it.
 */
export class Ledger {
  /** By id: one state when it is known, two while something was asked and not answered. */
  readonly #items = new Map<string, Set<State>>()
  /** How much was answered. */
  answered = 0
  /** How much was never answered. */
  open = 0

  get ids(): readonly string[] {
    return [...this.#items.keys()]
  }

  /** Somebody asks for it to be so. Whoever is answered calls `done`. */
  ask(id: string, state: State): { done(): void } {
    const states = this.#items.get(id) ?? new Set([undefined])
    this.#items.set(id, new Set([...states, state]))
    this.open++
    return {
      done: () => {
        this.open--
        this.answered++
        this.#items.set(id, new Set([state]))
      },
    }
  }

  /** Subscribers are told of nothing that is not kept. Of two retractions nobody can tell which one it was. */
  told(id: string, state: string): void {
    const states = this.#items.get(id)
    // What was asked last is told last.
    if (states !== undefined && [...states].at(-1) === state) this.#items.set(id, new Set([state]))
  }

  /** What is there against what may be; that is known then. @returns what is wrong */
  look(found: ReadonlyMap<string, string>): string[] {
    const wrong: string[] = []
    for (const [id, states] of this.#items) {
      const state = found.get(id)
      if (!states.has(state)) wrong.push(`${id} is ${state}, not ${[...states].join(' or ')}`)
      this.#items.set(id, new Set([state]))
    }
    for (const id of found.keys()) if (!this.#items.has(id)) wrong.push(`${id} was never published`)
    this.open = 0
    return wrong
  }
}

/** A payload that says so, of about that many bytes. */
export function payloadOf(words: string, bytes: number): Element {
  return el('entry', NS, { filling: 'x'.repeat(bytes) }, words)
}
