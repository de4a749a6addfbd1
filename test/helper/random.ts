/** Numbers that look random and are the same in every run: what failed once fails again. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 ≤ number < 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from 0 to `below` - 1. */
  under(below: number): number {
    return Math.floor(this.next() * below)
  }

  pick<T>(from: readonly T[]): T {
    return from[this.under(from.length)] as T
  }

  chance(of: number): boolean {
    return this.next() < of
  }

  /** Up to `most` of what `make` makes. */
  some<T>(most: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.under(most + 1) }, (_, index) => make(index))
  }
}
