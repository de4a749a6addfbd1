/** A line that begins with `#`, taken apart. */
export interface Directive {
  /** In lower case, without the `#`. */
  readonly name: string
  /** Without its `"…"` or `<…>`; undefined when there is none. */
  readonly argument: string | undefined
}

/** Reads `#name argument`. The name ends at the first blank: `#include"x"` is an unknown directive, as in Asterisk. */
export function parseDirective(text: string): Directive {
  let end = 1
  while (end < text.length && text.charCodeAt(end) > 0x20) end++
  let start = end
  while (start < text.length && text.charCodeAt(start) <= 0x20) start++
  const argument = start === text.length ? undefined : unquote(text.slice(start))
  return { name: text.slice(1, end).toLowerCase(), argument }
}

/** Only around the whole: what is between them stays as it is, other quotes and backslashes too. */
function unquote(argument: string): string {
  return /^(?:".*"|<.*>|")$/s.test(argument) ? argument.slice(1, -1) : argument
}
