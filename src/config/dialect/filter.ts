import { shownName } from '../names.ts'
import type { Draft } from './draft.ts'
import { trimBlanks } from './lines.ts'
import { Refusal } from './refusal.ts'

/** Whether a section is one that a `[name](+filter)` may continue. */
export interface Filter {
  fits(draft: Draft): boolean
  /** It looks into sections, with expressions that may take for ever. */
  readonly slow: boolean
}

/**
 * Reads what stands behind the `+`: `name=regex&name2=regex`, each of which some variable of the section must match, both
 * its name and its value; `TEMPLATES=include` lets templates match as well, `TEMPLATES=restrict` nothing but templates.
 *
 * Asterisk takes POSIX extended expressions, here they are JavaScript's. They differ in what hardly occurs in such a filter:
 * `\d`, `\w`, `(?…)`, lazy `*?` mean something only here; inside `[…]` a backslash is an ordinary character there and protects the
 * next one here; collating elements (`[.x.]`, `[=x=]`) exist only there and are refused. Which of several matches is taken (the
 * longest there, the first here) does not matter to a yes or no.
 * @throws Refusal for what cannot be read
 */
export function parseFilter(text: string): Filter {
  let templates: 'no' | 'include' | 'restrict' = 'no'
  const tests: { readonly name: RegExp; readonly value: RegExp }[] = []
  for (let [part, rest] = next(text, '&'); part !== undefined; [part, rest] = next(rest, '&')) {
    // What stands behind a second "=" counts for nothing.
    const [name = '', behind] = next(part, '=')
    const [value] = next(behind, '=')
    const shown = `"(+${shownName(name)}=…)"`
    if (behind === undefined) throw new Refusal(`"(+${shownName(name)})" has no "=": write name=regex`, true)
    if (value === undefined || value === '')
      throw new Refusal(`${shown} matches nothing without an expression, not even an empty value`, true)
    if (name !== 'TEMPLATES') {
      tests.push({ name: parseRegExp(name), value: parseRegExp(value) })
    } else if (/^(include|restrict)$/i.test(value)) {
      templates = value.toLowerCase() as 'include' | 'restrict'
    } else {
      throw new Refusal(`${shown}: it is "include" or "restrict"`, true)
    }
  }
  return {
    slow: tests.length > 0,
    fits: draft =>
      (templates === 'include' || draft.template === (templates === 'restrict')) &&
      tests.every(test => draft.entries.some(entry => test.name.test(entry.name) && test.value.test(entry.value))),
  }
}

/**
 * What stands before a separator, stripped, and what stands behind it, undefined when there is no separator. In quotes, and behind a backslash, it does not
 * separate. Nothing is no part.
 */
function next(text: string | undefined, separator: string): [part: string | undefined, rest: string | undefined] {
  if (text === undefined || text === '') return [undefined, undefined]
  const quotes: string[] = []
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at += 2
    const character = text[at] ?? ''
    if (character === '"' || character === "'") {
      if (quotes.at(-1) === character) quotes.pop()
      else quotes.push(character)
    }
    if (character === separator && quotes.length === 0) return [stripped(text.slice(0, at)), text.slice(at + 1)]
  }
  return [stripped(text), undefined]
}

/** Without blanks around it, and without one pair of quotes. */
function stripped(text: string): string {
  const trimmed = trimBlanks(text)
  const quoted = trimmed.length > 1 && /^["']/.test(trimmed) && trimmed.endsWith(trimmed.charAt(0))
  return quoted ? trimmed.slice(1, -1) : trimmed
}

const classes = new Map(
  Object.entries({
    alnum: 'A-Za-z0-9',
    alpha: 'A-Za-z',
    blank: ' \\t',
    cntrl: '\\x00-\\x1f\\x7f',
    digit: '0-9',
    graph: '!-~',
    lower: 'a-z',
    print: ' -~',
    punct: '!-\\/:-@\\[-`{-~',
    space: '\\s',
    upper: 'A-Z',
    xdigit: 'A-Fa-f0-9',
  }),
)

function parseRegExp(text: string): RegExp {
  // A repetition of nothing is passed over there, and a "]" right behind the "[" is a member.
  const readable = text.replace(/^[*+?]+/, '').replace(/\[(\^?)\]/g, '[$1\\]')
  const source = readable.replace(/\[([:.=])([^\][]*)\1\]/g, (whole, kind: string, name: string) => {
    const members = kind === ':' ? classes.get(name) : undefined
    if (members === undefined) throw new Refusal(`a filter uses "${whole}", which is not supported`, true)
    return members
  })
  try {
    return new RegExp(source)
  } catch (error) {
    // Its own words repeat all of it, which may hold a secret.
    const why = (error as Error).message.split(': ').at(-1)
    throw new Refusal(`what a filter says is not a regular expression: ${why}`, true)
  }
}
