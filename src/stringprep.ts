import { createRequire } from 'node:module'

/** What SASLprep makes of a text, or why it takes it from nobody. */
export type Prepared =
  | { readonly text: string }
  /** A character that must not stand in any (RFC 4013 §2.3), the first of them. `position` counts characters from 1. */
  | { readonly fault: 'prohibited'; readonly character: string; readonly position: number }
  /** Nothing is left of it (§2.1). */
  | { readonly fault: 'nothing' }
  /** Letters of both directions, or of one where they must not stand (RFC 3454 §6). */
  | { readonly fault: 'direction' }

/**
 * SASLprep, RFC 4013. Code points that Unicode 3.2 did not have yet are taken as they are: what may be stored is the server's to say, and it
 * compares. Plain ASCII is left as it is; only for other text the library is loaded, whose tables cost memory.
 */
export function saslPrepared(text: string): Prepared {
  if (printableAscii.test(text)) return { text }
  const whole = outcome(text)
  if (typeof whole === 'object') return whole
  const characters = [...text]
  // One by one none can be of two directions.
  const at = characters.findIndex(character => outcome(character) === 'refused')
  const character = characters[at]
  if (character !== undefined) return { fault: 'prohibited', character, position: at + 1 }
  return { fault: whole === 'nothing' ? whole : 'direction' }
}

const printableAscii = /^[\x20-\x7e]*$/

let library: typeof import('saslprep').default | undefined

function outcome(text: string): { readonly text: string } | 'nothing' | 'refused' {
  library ??= createRequire(import.meta.url)('saslprep') as NonNullable<typeof library>
  try {
    return { text: library(text, { allowUnassigned: true }) }
  } catch (error) {
    // Of what maps to nothing nothing is left, in which the library then looks for a first character.
    return error instanceof TypeError ? 'nothing' : 'refused'
  }
}
