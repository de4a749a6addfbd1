import { foldName } from '../names.ts'
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
  /** Of each name, whatever its case, where its entries are; only made once there is a `+=`. */
  #places: Map<string, number[]> | undefined

  constructor(name: string, place: Place) {
    this.name = name
    this.file = place.file
    this.line = place.line
  }

  get entries(): readonly Entry[] {
    return this.#entries
  }

  set(entry: Entry): void {
    if (this.#places !== undefined) remember(this.#places, entry.name, this.#entries.length)
    this.#entries.push(entry)
  }

  /**
   * `name += value`: goes behind the last value of exactly that name. False when there is none. The result takes the place of that entry; but,
   * as in Asterisk, of an earlier one of the name with the same value, the case of both apart, and instead of an empty value that of the first.
   */
  append({ name, value, cut }: Pick<Entry, 'name' | 'value' | 'cut'>): boolean {
    const entries = this.#entries
    if (this.#places === undefined) {
      this.#places = new Map()
      for (const [index, entry] of entries.entries()) remember(this.#places, entry.name, index)
    }
    const places = this.#places.get(foldName(name)) ?? []
    const last = places.slice(-mostCompared).findLast(index => entries[index]?.name === name)
    const before = last === undefined ? undefined : entries[last]
    if (last === undefined || before === undefined) return false
    const alike = (index: number): boolean =>
      before.value === '' || index === last || sameValue(entries[index]?.value ?? '', before.value)
    const index = places.slice(0, mostCompared).find(alike) ?? last
    const { file, line } = entries[index] ?? before
    const text = before.value === '' ? trimBlanks(value) : before.value + value
    // Entries are shared between a template and its heirs, so a new one takes the place.
    entries[index] = { name, value: text, file, line, ...(cut || before.cut ? { cut: true } : {}) }
    return true
  }
}

/** How many entries of one name are looked at, so that a hostile file takes no longer than its length. */
const mostCompared = 100

function sameValue(a: string, b: string): boolean {
  return a === b || (a.length === b.length && foldName(a) === foldName(b))
}

function remember(places: Map<string, number[]>, name: string, index: number): void {
  const key = foldName(name)
  const known = places.get(key)
  if (known === undefined) places.set(key, [index])
  else known.push(index)
}
