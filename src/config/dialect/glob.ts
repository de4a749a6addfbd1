/** Whether a path is a pattern: it holds `*`, `?`, `[` or `{`. */
export function isGlob(path: string): boolean {
  return /[*?[{]/.test(path)
}

/** A path that, as (part of) a pattern, means nothing but itself. */
export function escapeGlob(path: string): string {
  return path.replace(/[*?[\]{},\\]/g, '\\$&')
}

/**
 * The paths that match a pattern: `*`, `?` and `[a-z]`, `[!a-z]` within one name, `{a,b}` anywhere, `\` before a character
 * that means itself. A leading dot is only matched by a dot. Sorted, but the choices of a brace stay in their order.
 * @param list the names in a directory; nothing for what is none
 * @throws RangeError for a pattern for which too much has to be looked at
 */
export function expandGlob(pattern: string, list: (directory: string) => readonly string[]): string[] {
  let looked = 0
  const count = (more: number): void => {
    looked += more
    if (looked > mostLooked) throw new RangeError('too many files and directories have to be looked at for it')
  }
  const look = (directory: string): readonly string[] => {
    const names = list(directory)
    count(1 + names.length)
    return names
  }
  return [...new Set(expandBraces(pattern).flatMap(choice => walk(choice, look, count)))]
}

/** Names and directories, all together. */
const mostLooked = 200_000

/** Whether one file name matches one pattern without `/` and braces. */
export function matchesGlob(pattern: string, name: string): boolean {
  const tokens = tokenize(pattern)
  if (name.startsWith('.') && tokens[0] !== '.') return false
  const characters = [...name]
  // The usual two pointers: only the last star is ever moved, so time grows with the product of the lengths at worst.
  let token = 0
  let star = -1
  let held = 0
  for (let at = 0; at < characters.length; ) {
    const wanted = tokens[token]
    if (wanted === STAR) {
      star = token++
      held = at
    } else if (wanted !== undefined && matchesOne(wanted, characters[at] ?? '')) {
      token++
      at++
    } else if (star >= 0) {
      token = star + 1
      at = ++held
    } else {
      return false
    }
  }
  while (tokens[token] === STAR) token++
  return token === tokens.length
}

const STAR = Symbol('*')
type Test = (character: string) => boolean
type Token = string | typeof STAR | Test

/** More choices than anybody writes: `{a,b}` twenty times in a row would be a million. */
const mostChoices = 1000

function matchesOne(token: Token, character: string): boolean {
  return typeof token === 'function' ? token(character) : token === character
}

function walk(
  pattern: string,
  list: (directory: string) => readonly string[],
  count: (more: number) => void,
): string[] {
  let found = [pattern.startsWith('/') ? '/' : '']
  for (const part of pattern.split('/').filter(part => part !== '')) {
    count(found.length)
    found = found.flatMap(directory => {
      const names =
        part === '.' || part === '..' ? [part] : list(directory || '.').filter(name => matchesGlob(part, name))
      return names.map(name => (/^\/?$/.test(directory) ? directory : `${directory}/`) + name)
    })
  }
  return found.sort()
}

function tokenize(pattern: string): Token[] {
  const tokens: Token[] = []
  const characters = [...pattern]
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? ''
    const end = character === '[' ? closing(characters, at) : -1
    if (character === '*') tokens.push(STAR)
    else if (character === '?') tokens.push(() => true)
    else if (end > 0) {
      tokens.push(oneOf(characters.slice(at + 1, end)))
      at = end
    } else tokens.push(character === '\\' ? (characters[++at] ?? '\\') : character)
  }
  return tokens
}

/** The `]` that ends a class, or -1. One right behind the `[` or `[!` is a member. */
function closing(characters: readonly string[], start: number): number {
  const first = start + (characters[start + 1] === '!' || characters[start + 1] === '^' ? 2 : 1)
  return characters.indexOf(']', first + 1)
}

function oneOf(members: readonly string[]): Test {
  const negated = members[0] === '!' || members[0] === '^'
  const ranges: (readonly [string, string])[] = []
  for (let at = negated ? 1 : 0; at < members.length; at++) {
    const low = members[at] ?? ''
    const high = members[at + 1] === '-' ? members[at + 2] : undefined
    ranges.push([low, high ?? low])
    if (high !== undefined) at += 2
  }
  return character => ranges.some(([low, high]) => low <= character && character <= high) !== negated
}

/** Every choice of every `{a,b}`, nested ones too. A brace without its partner is an ordinary character. */
function expandBraces(pattern: string): string[] {
  const done: string[] = []
  const waiting = [pattern]
  while (done.length < mostChoices) {
    const text = waiting.shift()
    if (text === undefined) break
    const brace = findBrace(text)
    if (brace === undefined) done.push(text)
    else waiting.unshift(...brace.choices.map(choice => text.slice(0, brace.start) + choice + text.slice(brace.end)))
  }
  return done
}

/** The first brace that has a partner, and the choices in it. */
function findBrace(text: string): { start: number; end: number; choices: string[] } | undefined {
  const start = unescaped(text, '{', 0)
  if (start < 0) return undefined
  const choices: string[] = []
  let depth = 0
  let from = start + 1
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '{') depth++
    else if (text[at] === '}' && --depth === 0)
      return { start, end: at + 1, choices: [...choices, text.slice(from, at)] }
    else if (text[at] === ',' && depth === 1) {
      choices.push(text.slice(from, at))
      from = at + 1
    }
  }
  return undefined
}

function unescaped(text: string, character: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === character) return at
  }
  return -1
}
