/** The part of a regular expression that most need. */
export interface Pattern {
  test(text: string): boolean
}

/**
 * A regular expression with the flag `u` that is made when it is first used. One that asks for properties of Unicode (`\p{…}`) takes
 * some tenths of a millisecond to make, as a literal already when its file is read; and many programs never meet a JID that is
 * not ASCII.
 */
export function lazily(source: string | (() => string)): Pattern {
  let made: RegExp | undefined
  return {
    test(text) {
      made ??= new RegExp(typeof source === 'string' ? source : source(), 'u')
      return made.test(text)
    },
  }
}
