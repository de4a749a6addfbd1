import { foldName, shownValue } from './names.ts'
import { type Option, type OptionName, options } from './options.ts'

/** A value as the program wants it, with a warning when it had to be guessed; or what was expected instead. */
export type Reading = { readonly value: unknown; readonly warning?: string } | { readonly expected: string }

/** Reads a value as it would stand in the file behind that option. */
export function readOption(name: OptionName, text: string): Reading {
  return readValue(options[name], text)
}

/** Reads one value by its option's kind, aliases and range. Lists are read item by item. */
export function readValue(option: Option, text: string): Reading {
  const { kind } = option
  if (kind === 'string' || kind === 'list') return { value: text }
  if (kind === 'boolean') return readBoolean(option, text)
  if (kind === 'unsigned' || kind === 'integer') return readNumber(option, text)
  const word = foldName(text)
  const aliases = option.aliases ?? {}
  const canonical = Object.hasOwn(aliases, word) ? aliases[word] : word
  if (canonical !== undefined && kind.includes(canonical)) return { value: canonical }
  const expected = `one of ${[...kind, ...Object.keys(aliases)].join(', ')}`
  if (option.otherwise === undefined) return { expected }
  return {
    value: option.otherwise,
    warning: `${shownValue(text)} is not ${expected}, and is taken for ${option.otherwise}`,
  }
}

/** Asterisk's words for yes and no, in any case. Undefined for any other word. */
export function parseBoolean(text: string): boolean | undefined {
  const word = foldName(text)
  if (yes.has(word)) return true
  return no.has(word) ? false : undefined
}

/** A whole number, base 0 as in C: `0x1466` is hexadecimal, `012146` octal. Undefined for anything else, blanks included. */
export function parseInteger(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1
  const digits = sign < 0 ? text.slice(1) : text
  // Adding 0 turns -0 into 0.
  if (/^0x[0-9a-f]+$/i.test(digits)) return sign * Number(digits) + 0
  if (/^0[0-7]*$/.test(digits)) return sign * Number.parseInt(digits, 8) + 0
  return /^[1-9][0-9]*$/.test(digits) ? sign * Number(digits) : undefined
}

const yes = new Set(['yes', 'true', 'y', 't', '1', 'on'])
const no = new Set(['no', 'false', 'n', 'f', '0', 'off'])

function readBoolean(option: Option, text: string): Reading {
  const value = parseBoolean(text)
  if (value !== undefined) return { value }
  if (option.guarded) return { expected: 'yes or no (a word that is neither is not taken for no here)' }
  return { value: false, warning: `${shownValue(text)} is neither yes nor no and is taken for no` }
}

function readNumber(option: Option, text: string): Reading {
  const [least, most] = option.range ?? [
    option.kind === 'unsigned' ? 0 : Number.MIN_SAFE_INTEGER,
    Number.MAX_SAFE_INTEGER,
  ]
  const octal = /^-?0[0-9]*[89]/.test(text) ? ' (a leading 0 makes it octal)' : ''
  const value = option.kind === 'unsigned' && text.startsWith('-') ? undefined : parseInteger(text)
  if (value !== undefined && value >= least && value <= most) return { value }
  return { expected: `a whole number from ${least} to ${most}${octal}` }
}
