import type { Entry } from './dialect/draft.ts'
import type { Group } from './group.ts'
import { didYouMean, foldName, nearestName, shownName, shownValue } from './names.ts'
import {
  type AccountOptions,
  findOption,
  type GeneralOptions,
  type Option,
  type OptionName,
  optionNames,
  options,
} from './options.ts'
import type { Place, ProblemLog, Where } from './problem.ts'
import { readValue } from './values.ts'

/** The option values of one account, or of [general], while they are checked one by one against each other. */
export class Sheet<Values extends AccountOptions | GeneralOptions> {
  readonly group: Group
  readonly log: ProblemLog
  readonly #scope: 'general' | 'account'
  readonly #given = new Map<string, Entry[]>()
  readonly #values = new Map<string, unknown>()

  /** Reads every option of the group by the table. @param inherited what stands in for options that are not given */
  constructor(group: Group, scope: 'general' | 'account', log: ProblemLog, inherited: Partial<GeneralOptions> = {}) {
    this.group = group
    this.log = log
    this.#scope = scope
    for (const entry of group.entries) this.#sort(entry)
    for (const name of optionNames(scope)) this.#fill(name, inherited)
  }

  /** The value or the default; undefined also where the value was in error, which then has been reported. */
  get<Name extends keyof Values>(name: Name): Values[Name] | undefined {
    return this.#values.get(name as string) as Values[Name] | undefined
  }

  set<Name extends keyof Values>(name: Name, value: Values[Name]): void {
    this.#values.set(name as string, value)
  }

  /** Where the option is given, in file order; the last one counts. */
  given(name: OptionName): readonly Entry[] {
    return this.#given.get(name) ?? []
  }

  /** Where each option stands that is given: the one that counts. */
  places(): Readonly<Partial<Record<OptionName, Place>>> {
    const places: Partial<Record<OptionName, Place>> = {}
    for (const name of optionNames(this.#scope)) {
      const entry = this.given(name).at(-1)
      if (entry !== undefined) places[name] = { file: entry.file, line: entry.line }
    }
    return places
  }

  /** The spot of an option's value, or of the section when it is not given. */
  where(name: OptionName, entry: Entry | undefined = this.given(name).at(-1)): Where {
    const { file, line } = entry ?? this.group
    return { file, line, section: this.group.name, option: name }
  }

  error(code: string, name: OptionName, message: string, entry?: Entry): void {
    this.log.error(code, this.where(name, entry), message)
  }

  warn(code: string, name: OptionName, message: string, entry?: Entry): void {
    this.log.warn(code, this.where(name, entry), message)
  }

  /** Everything, by name. */
  values(): Values {
    return Object.fromEntries(this.#values) as unknown as Values
  }

  #sort(entry: Entry): void {
    const name = foldName(entry.name)
    const where = { file: entry.file, line: entry.line, section: this.group.name, option: shownName(entry.name) }
    const option = findOption(name)
    const scope = option?.scope
    if (scope === undefined) {
      const hint = didYouMean(entry.name, optionNames(this.#scope)) || this.#elsewhere(entry.name)
      this.log.error('unknown-option', where, `there is no such option${hint}`)
    } else if (scope !== 'both' && scope !== this.#scope) {
      this.log.error('wrong-scope', where, misplaced[scope])
    } else {
      const entries = this.#given.get(name)
      if (entries === undefined) this.#given.set(name, [entry])
      else entries.push(entry)
    }
  }

  /** What is near to a mistyped name and has another scope. */
  #elsewhere(name: string): string {
    const scope = this.#scope === 'general' ? 'account' : 'general'
    const near = nearestName(name, optionNames(scope))
    const home = scope === 'general' ? '[general]' : 'the section of an account'
    return near === undefined ? '' : ` (did you mean "${near}"? It belongs into ${home})`
  }

  #fill(name: OptionName, inherited: Partial<GeneralOptions>): void {
    const option: Option = options[name]
    if (option.kind === 'list') return
    const entry = this.given(name).at(-1)
    const fallback = Object.hasOwn(inherited, name) ? inherited[name as keyof GeneralOptions] : undefined
    if (entry === undefined && fallback !== undefined) {
      this.#values.set(name, fallback)
      return
    }
    const text = entry?.value ?? option.default
    const reading = text === undefined ? { value: undefined } : readValue(option, text)
    if ('expected' in reading) {
      const not = option.secret || text === undefined ? '' : `, not ${shownValue(text)}`
      this.error('bad-value', name, `expected ${reading.expected}${not}${quotes(option, text)}`)
    } else {
      if ('warning' in reading && reading.warning !== undefined)
        this.warn('bad-value', name, reading.warning + quotes(option, text))
      this.#values.set(name, reading.value)
    }
  }
}

/** What to say of a value that would be right without its quotes. */
function quotes(option: Option, text = ''): string {
  const inner = /^(["'])(.*)\1$/s.exec(text)?.[2]
  const reading = inner === undefined ? undefined : readValue(option, inner)
  const meant = reading !== undefined && 'value' in reading && reading.warning === undefined
  return meant ? '; quotes are part of a value, so leave them out' : ''
}

const misplaced = {
  general: 'this option belongs into [general], for it holds for all accounts at once',
  account:
    'this option belongs into the section of an account, or into a template [name](!) that several of them share',
}
