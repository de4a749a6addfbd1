/** Where something stands in a {@link Line}; it may leave from anywhere. */
export class Place<T> {
  readonly value: T
  #line: Line<T> | undefined
  before: Place<T> | undefined
  behind: Place<T> | undefined

  constructor(value: T, line: Line<T>) {
    this.value = value
    this.#line = line
  }

  /** Leaves the line; a second time nothing happens. */
  leave(): void {
    this.#line?.removed(this)
    this.#line = undefined
  }
}

/** First come, first served. Joining, leaving and looking who is first cost the same however many wait. */
export class Line<T> {
  length = 0
  #first: Place<T> | undefined
  #last: Place<T> | undefined

  get first(): T | undefined {
    return this.#first?.value
  }

  /** First to last. */
  *[Symbol.iterator](): Generator<T, void, void> {
    for (let place = this.#first; place !== undefined; place = place.behind) yield place.value
  }

  /** Adds at the end. */
  join(value: T): Place<T> {
    const place = new Place(value, this)
    place.before = this.#last
    if (this.#last === undefined) this.#first = place
    else this.#last.behind = place
    this.#last = place
    this.length++
    return place
  }

  /** For {@link Place.leave} alone. */
  removed(place: Place<T>): void {
    const { before, behind } = place
    if (before === undefined) this.#first = behind
    else before.behind = behind
    if (behind === undefined) this.#last = before
    else behind.before = before
    // What is dead and old would keep alive all that came behind it, until the next collection of everything.
    place.before = place.behind = undefined
    this.length--
  }
}
