import { createContext, runInContext } from 'node:vm'
import { foldName } from '../names.ts'
import type { Place } from '../problem.ts'
import { Draft } from './draft.ts'
import { type Filter, parseFilter } from './filter.ts'
import type { Header } from './header.ts'
import { Overflow, Refusal } from './refusal.ts'

/** The sections of a configuration in the order they begin, and how a header finds the ones it refers to. */
export class SectionList {
  readonly all: Draft[] = []
  /** The one that was entered last, in whatever file: loose variables of an included file go to it. */
  current: Draft | undefined
  readonly #byName = new Map<string, Draft[]>()
  #room: number
  /** Sections that `(+)` may still look at. */
  #looks = 10_000_000
  /** ms that filters may still take. */
  #patience: number

  /**
   * @param room how many entries there may be, inherited ones included: templates can double them line by line
   * @param patience ms that all filters together may take
   */
  constructor(room: number, patience: number) {
    this.#room = room
    this.#patience = patience
  }

  /** Counts one more entry. @throws Overflow when there are too many */
  count(place: Place): void {
    if (--this.#room < 0) throw new Overflow('there are too many options, inherited ones included', place)
  }

  /**
   * The section a header leads to: a new one, or with `+` an earlier one.
   * @throws Refusal for a parent that does not exist yet, or a `+` that finds nothing
   */
  enter(header: Header, place: Place): Draft {
    const fresh = new Draft(cutBytes(header.name, longestName), place)
    let current = fresh
    for (const word of header.words) {
      if (word === '!') {
        current.template = true
      } else if (word.startsWith('+')) {
        const found = this.#find(header.name, parseFilter(word.slice(1)), place)
        if (found === undefined) {
          // What a filter looks for may be a secret.
          const shown = word === '+' ? '(+)' : '(+…)'
          throw new Refusal(`"${shown}" continues a section [${header.name}], but none before this line fits`, true)
        }
        if (current === fresh) {
          this.#copy(current, found, place)
          if (fresh.template) found.template = true
          this.current = found
        }
        current = found
      } else {
        const [parent] = this.#called(word)
        if (parent === undefined)
          throw new Refusal(
            `"(${word})" names a section or template that does not exist before this line${hint(word)}`,
            true,
          )
        this.#copy(parent, current, place)
      }
    }
    if (current === fresh) this.#add(fresh)
    return current
  }

  #add(draft: Draft): void {
    const key = foldName(draft.name)
    const same = this.#byName.get(key)
    if (same === undefined) this.#byName.set(key, [draft])
    else same.push(draft)
    this.all.push(draft)
    this.current = draft
  }

  /** All sections of a name; of an empty one, all there are. */
  #called(name: string): readonly Draft[] {
    return name === '' ? this.all : (this.#byName.get(foldName(name)) ?? [])
  }

  #find(name: string, filter: Filter, place: Place): Draft | undefined {
    const find = (): Draft | undefined =>
      this.#called(name).find(draft => {
        if (--this.#looks < 0) throw new Overflow('too many sections have to be looked at for "(+)"', place)
        return filter.fits(draft)
      })
    if (!filter.slow) return find()
    const started = performance.now()
    const found = withinTime(find, this.#patience)
    this.#patience -= performance.now() - started
    if (found === late || this.#patience <= 0) throw new Overflow('what "(+…)" looks for takes too long to find', place)
    return found
  }

  #copy(from: Draft, to: Draft, place: Place): void {
    // A copy of the list: a section may inherit from itself by way of `+`.
    for (const entry of [...from.entries]) {
      this.count(place)
      to.set(entry)
    }
    if (from.damaged) to.damaged = true
  }
}

/** In bytes. */
export const longestName = 79

/** There was no time for an answer. */
const late = Symbol('late')
let context: ReturnType<typeof createContext> | undefined

/** Expressions can be such that matching takes for ever, which nothing but this can end. @param time ms */
function withinTime<T>(run: () => T, time: number): T | typeof late {
  context ??= createContext()
  context.run = run
  try {
    return runInContext('run()', context, { timeout: Math.max(1, Math.ceil(time)) }) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return late
    throw error
  } finally {
    // It would keep alive all that it has looked at.
    context.run = undefined
  }
}

function cutBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text
  let cut = ''
  let left = bytes
  for (const character of text) {
    left -= Buffer.byteLength(character)
    if (left < 0) break
    cut += character
  }
  return cut
}

function hint(word: string): string {
  if (word === '') return ' (it is empty)'
  return word === word.trim() ? '' : ': blanks around it count, write (a,b) without any'
}
