import type { Draft } from './draft.ts'
import { trimBlanks } from './lines.ts'
import { Refusal } from './refusal.ts'

/** Whether a section is one that a `[name](+filter)` may continue. */
export type Filter = (draft: Draft) => boolean

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
  // Nothing behind the last "&" is no part.
  for (const part of text.replace(/&$/, '').split('&')) {
    if (text === '') break
    // What stands behind a second "=" counts for nothing.
    const [name = '', value] = part.split('=', 2).map(stripped)
    if (value === undefined) throw new Refusal(`"(+${text})": "${part}" has no "=", write name=regex`, true)
    if (value === '') throw new Refusal(`"(+${text})": "${part}" matches nothing, not even an empty value`, true)
    if (name !== 'TEMPLATES') {
      tests.push({ name: parseRegExp(name), value: parseRegExp(value) })
    } else if (/^(include|restrict)$/i.test(value)) {
      templates = value.toLowerCase() as 'include' | 'restrict'
    } else {
      throw new Refusal(`"(+${text})": TEMPLATES is "include" or "restrict", not "${value}"`, true)
    }
  }
  return draft =>
    (templates === 'include' || draft.template === (templates === 'restrict')) &&
    tests.every(test => draft.entries.some(entry => test.name.test(entry.name) && test.value.test(entry.value)))
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
  // A repetition of nothing is passed over there.
  const source = text.replace(/^[*+?]+/, '').replace(/\[([:.=])([^\][]*)\1\]/g, (whole, kind: string, name: string) => {
    const members = kind === ':' ? classes.get(name) : undefined
    if (members === undefined) throw new Refusal(`the filter "${text}" uses "${whole}", which is not supported`, true)
    return members
  })
  try {
    return new RegExp(source)
  } catch (error) {
    throw new Refusal(`the filter "${text}" is not a regular expression: ${(error as Error).message}`, true)
  }
}
