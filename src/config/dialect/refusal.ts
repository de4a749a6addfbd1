import type { Place } from '../problem.ts'

/** Thrown on a line at which Asterisk gives a file up. Never leaves the reader. */
export class Refusal extends Error {
  /** The line should have begun a section and did not: what follows it belongs to none. */
  readonly orphans: boolean

  constructor(message: string, orphans = false) {
    super(message)
    this.orphans = orphans
  }
}

/** Thrown when a bound is passed, and ends the whole reading. Never leaves the reader. */
export class Overflow extends Error {
  readonly place: Place

  constructor(message: string, place: Place) {
    super(message)
    this.place = place
  }
}
