import type { Draft } from './draft.ts'
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
  for (const part of text === '' ? [] : text.split('&')) {
    const at = part.indexOf('=')
    if (at < 0) throw new Refusal(`"(+${text})": "${part}" has no "=", write name=regex`, true)
    const name = part.slice(0, at)
    const value = part.slice(at + 1)
    if (name.toUpperCase() !== 'TEMPLATES') {
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
  const source = text.replace(/\[([:.=])([^\][]*)\1\]/g, (whole, kind: string, name: string) => {
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
