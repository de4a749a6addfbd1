import type { Place } from '../problem.ts'
import { trimBlanks } from './lines.ts'

/** One `name = value` as it stands in the file. */
export interface Entry {
  readonly name: string
  readonly value: string
  /** Where it was written: in a template for what is inherited, in another file for what is included. */
  readonly file: string
  readonly line: number
  /** A comment begins right behind the value, without a blank between: perhaps its `;` was meant to be part of it. */
  readonly cut?: true
}

/** A section while it is read. */
export class Draft {
  readonly name: string
  readonly file: string
  readonly line: number
  template = false
  /** Something in it could not be read, so what it says is not to be trusted. */
  damaged = false
  readonly #entries: Entry[] = []
  /** Of each name its last entry; only made once there is a `+=`. */
  #last: Map<string, number> | undefined

  constructor(name: string, place: Place) {
    this.name = name
    this.file = place.file
    this.line = place.line
  }

  get entries(): readonly Entry[] {
    return this.#entries
  }

  set(entry: Entry): void {
    this.#last?.set(entry.name, this.#entries.length)
    this.#entries.push(entry)
  }

  /** `name += value`: goes behind the last value of exactly that name, which keeps its place. False when there is none. */
  append(name: string, value: string): boolean {
    this.#last ??= new Map(this.#entries.map((entry, index) => [entry.name, index]))
    const index = this.#last.get(name)
    const entry = index === undefined ? undefined : this.#entries[index]
    if (index === undefined || entry === undefined) return false
    // Entries are shared between a template and its heirs, so a new one takes the place.
    this.#entries[index] = { ...entry, value: entry.value === '' ? trimBlanks(value) : entry.value + value }
    return true
  }
}
