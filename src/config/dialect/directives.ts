/** A line that begins with `#`, taken apart. */
export interface Directive {
  /** In lower case, without the `#`. */
  readonly name: string
  /** Without its `"…"` or `<…>`; '' when there is none. */
  readonly argument: string
}

/** Reads `#name argument`. The name ends at the first blank: `#include"x"` is an unknown directive, as in Asterisk. */
export function parseDirective(text: string): Directive {
  let end = 1
  while (end < text.length && text.charCodeAt(end) > 0x20) end++
  let start = end
  while (start < text.length && text.charCodeAt(start) <= 0x20) start++
  return { name: text.slice(1, end).toLowerCase(), argument: unquote(text.slice(start)) }
}

function unquote(argument: string): string {
  // Inside quotes a backslash protects the next character, and the quotes go wherever they stand.
  if (argument.startsWith('"')) return argument.replace(/"|\\(.?)/g, '$1')
  if (argument.startsWith('<') && argument.endsWith('>')) return argument.slice(1, -1)
  return argument
}
