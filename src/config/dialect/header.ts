import { Refusal } from './refusal.ts'

/** `[name](word,word) rest`, taken apart. */
export interface Header {
  /** Not trimmed, not shortened. */
  readonly name: string
  /** Not trimmed. */
  readonly words: readonly string[]
  /** What is ignored behind it. */
  readonly rest: string
}

/** Reads a line that begins with `[`. @throws Refusal when a bracket is not closed */
export function parseHeader(text: string): Header {
  const end = text.indexOf(']')
  if (end < 0) throw new Refusal('the section has no "]": write [name]', true)
  const name = text.slice(1, end)
  if (text[end + 1] !== '(') return { name, words: [], rest: text.slice(end + 1) }
  const close = text.indexOf(')', end)
  if (close < 0) throw new Refusal(`the list behind [${name}] has no ")": write [${name}](template)`, true)
  return { name, words: text.slice(end + 2, close).split(','), rest: text.slice(close + 1) }
}
