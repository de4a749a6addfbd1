import { dirname, isAbsolute } from 'node:path'
import { type Place, ProblemLog } from '../problem.ts'
import { type FileSource, unreadable } from '../source.ts'
import { Comments } from './comments.ts'
import { parseDirective } from './directives.ts'
import { Draft, type Entry } from './draft.ts'
import { escapeGlob, isGlob } from './glob.ts'
import { parseHeader } from './header.ts'
import { type LineReport, liveLines, trimBlanks } from './lines.ts'
import { Overflow, Refusal } from './refusal.ts'
import { longestName, SectionList } from './sections.ts'

/** Bounds of one reading; past any of them but `levels` the whole file is rejected. */
export interface DialectLimits {
  /** Files in a chain of includes, the top one not counted. The one past it counts as missing. Default 10. */
  readonly levels?: number
  /** Files read, repetitions counted. Default 10,000. */
  readonly files?: number
  /** Bytes of all files together. Default 16 MiB. */
  readonly bytes?: number
  /** Entries, inherited ones included. Default 1,000,000. */
  readonly entries?: number
  /** ms that all filters of `[name](+filter)` together may take. Default 5000. */
  readonly filterTime?: number
}

/** One reading of a file and what it includes. `run` it once, then take what it found. */
export class Reader {
  readonly list: SectionList
  readonly log = new ProblemLog()
  readonly files = new Set<string>()
  rejected = false
  readonly #path: string
  readonly #source: FileSource
  readonly #levels: number
  #filesLeft: number
  #bytesLeft: number

  constructor(path: string, source: FileSource, limits: DialectLimits) {
    this.#path = path
    this.#source = source
    this.#levels = limits.levels ?? 10
    this.#filesLeft = limits.files ?? 10_000
    this.#bytesLeft = limits.bytes ?? 16 * 1024 * 1024
    this.list = new SectionList(limits.entries ?? 1_000_000, limits.filterTime ?? 5000)
  }

  run(): void {
    const top = { file: this.#path, line: 0 }
    try {
      const bytes = this.#read(this.#path, top)
      if (bytes === undefined) this.#reject(top, `the file cannot be read: ${unreadable(this.#path, this.#source)}`)
      else this.#file(this.#path, bytes, 1, undefined, new Comments())
    } catch (error) {
      if (!(error instanceof Overflow)) throw error
      this.#reject(error.place, `${error.message}: nothing of the configuration is used`)
    }
  }

  /**
   * @param open the section that lines before the first header of the file belong to
   * @returns the section that is open behind its last line, and whether it was read to its end
   */
  #file(
    file: string,
    bytes: Uint8Array,
    level: number,
    open: Draft | undefined,
    comments: Comments,
  ): { section: Draft | undefined; whole: boolean } {
    let section = open
    const report: LineReport = (severity, code, line, message, header) => {
      const where = { file, line, section: header ? undefined : nameOf(section) }
      if (severity === 'warning') {
        this.log.warn(code, where, message)
        return
      }
      this.log.error(code, where, header ? `${message}; and so is all up to the next section` : message)
      if (header) this.list.current = section = nobody(where)
      else if (section !== undefined) section.damaged = true
    }
    for (const { text, number, cut } of liveLines(bytes, comments, report)) {
      const place: Place & Pick<Entry, 'cut'> = { file, line: number, ...(cut ? { cut } : {}) }
      try {
        section = this.#line(text, place, level, section)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        if (section !== undefined && !error.orphans) section.damaged = true
        if (level > 1) {
          const where = { ...place, section: error.orphans ? undefined : nameOf(section) }
          this.log.error('rest-dropped', where, `${error.message}; from here on this included file is ignored`)
          return { section, whole: false }
        }
        this.#reject(place, `${error.message}; as long as this stands, nothing of the file is used`)
        // Going on finds what else is wrong. What belongs to no section is kept away from the one before it.
        if (error.orphans) this.list.current = section = nobody(place)
      }
    }
    return { section, whole: true }
  }

  /** @returns the section that is open behind the line */
  #line(text: string, place: Place, level: number, section: Draft | undefined): Draft | undefined {
    if (text.startsWith('[')) return this.#header(text, place)
    if (text.startsWith('#')) this.#directive(text, place, level, section)
    else this.#variable(text, place, section)
    return section
  }

  #header(text: string, place: Place): Draft {
    const header = parseHeader(text)
    const section = this.list.enter(header, place)
    const where = { ...place, section: section.name }
    if (Buffer.byteLength(header.name) > longestName) {
      this.log.warn(
        'name-too-long',
        where,
        `the name of a section has at most ${longestName} bytes, the rest is cut off`,
      )
    }
    if (trimBlanks(header.rest) !== '') {
      const cause =
        header.words.length === 0 && /^\s+\(/.test(header.rest)
          ? ': for a template, "(" must follow the "]" at once'
          : ''
      this.log.warn('text-after-section', where, `what follows the section is ignored${cause}`)
    }
    return section
  }

  #directive(text: string, place: Place, level: number, section: Draft | undefined): void {
    const where = { ...place, section: nameOf(section) }
    const { name, argument } = parseDirective(text)
    if (name === 'exec' && this.#source.exec === undefined) {
      this.log.warn('exec-refused', where, refused)
    } else if (name !== 'include' && name !== 'tryinclude' && name !== 'exec') {
      this.log.warn(
        'unknown-directive',
        where,
        'not #include, #tryinclude or #exec: the line is ignored (a comment begins with ";")',
      )
    } else if (argument === undefined) {
      const what = name === 'exec' ? 'command' : 'file'
      this.log.warn('no-argument', where, `#${name} names no ${what}: the line is ignored`)
    } else if (level > this.#levels) {
      const shown = name === 'exec' ? shownCommand(argument) : `"${argument}"`
      const message = `${shown} would be level ${level} of includes, ${this.#levels} are allowed (does a file include itself?)`
      if (name !== 'tryinclude') throw new Refusal(message)
      this.log.warn('include-depth', where, `${message}; the line is ignored`)
    } else if (name === 'exec') {
      this.#exec(argument, where, level)
    } else {
      const missing = this.#include(argument, where, level)
      if (missing !== undefined && name === 'include')
        throw new Refusal(`"${argument}" cannot be included: ${missing} (#tryinclude would go on without it)`)
    }
  }

  /** @returns why nothing was included, undefined when something was */
  #include(argument: string, where: Place, level: number): string | undefined {
    const directory = dirname(this.#path)
    // Not shortened: what `..` leads to behind a link is not for us to say.
    const resolve = (base: string): string => (isAbsolute(argument) || base === '.' ? argument : `${base}/${argument}`)
    const glob = isGlob(argument)
    const paths = glob ? this.#glob(resolve(escapeGlob(directory)), argument) : [resolve(directory)]
    let found = false
    let missing = 'no file matches it'
    // For Asterisk what a pattern matches is one text: sections and comments reach over the ends of its files.
    let open = this.list.current
    const comments = new Comments()
    for (const [at, path] of paths.entries()) {
      const bytes = this.#read(path, where)
      if (bytes !== undefined) {
        found = true
        const { section, whole } = this.#file(path, bytes, level + 1, open, comments)
        open = section
        if (!whole && at + 1 < paths.length) {
          if (open !== undefined) open.damaged = true
          const text = `"${path}" is in error, and what "${argument}" matches behind it is ignored as well`
          this.log.error('rest-dropped', where, text)
        }
        if (!whole) break
      } else {
        missing = unreadable(path, this.#source)
        if (glob) this.log.warn('unreadable', where, `"${path}" is left out: ${missing}`)
      }
    }
    return found ? undefined : missing
  }

  #glob(pattern: string, argument: string): readonly string[] {
    try {
      return this.#source.glob(pattern)
    } catch (error) {
      if (error instanceof RangeError) throw new Refusal(`"${argument}" cannot be included: ${error.message}`)
      throw error
    }
  }

  /** Reads what a command prints as an included file. @throws Refusal when nothing is to be had of it */
  #exec(command: string, where: Place, level: number): void {
    const shown = shownCommand(command)
    const result = this.#source.exec?.(command) ?? { failure: 'nothing here runs it' }
    if ('failure' in result) throw new Refusal(`what ${shown} prints cannot be included: ${result.failure}`)
    if (result.warning !== undefined) this.log.warn('exec', where, `${shown}: ${result.warning}`)
    // What it has printed counts all the same, as in Asterisk; but it may lack accounts, which a reload would stop.
    if (result.error !== undefined) this.log.error('exec-failed', where, `${shown}: ${result.error}`)
    // Several may begin with the same word.
    const file = `${where.file}:${where.line}: ${shown}`
    this.#count(file, result.output, where)
    this.#file(file, result.output, level + 1, this.list.current, new Comments())
  }

  #variable(text: string, place: Place, section: Draft | undefined): void {
    if (section === undefined) throw new Refusal('something is set here before the first [section]', true)
    const where = { ...place, section: nameOf(section) }
    // A backslash takes the meaning of `[`, `#` and `=` from the first character of a name.
    const escaped = text.startsWith('\\')
    const line = escaped ? text.slice(1) : text
    if (escaped && trimBlanks(line.slice(0, 1)) === '')
      throw new Refusal('nothing follows the "\\" at the beginning of the line')
    const first = escaped ? 1 : 0
    const equals = line.indexOf('=', first)
    if (equals < 0) {
      // The line itself is not shown: who forgot the sign may have written a secret.
      this.log.warn('no-equals', where, 'the line has no "=" and is ignored: write name = value')
      return
    }
    const append = equals > first && line[equals - 1] === '+'
    const name = trimBlanks(line.slice(0, append ? equals - 1 : equals))
    const value = line.slice(equals + 1)
    if (name === '') {
      this.log.warn('no-name', where, 'there is no name before the "=": the line is ignored')
      return
    }
    if (append && section.append({ name, value, ...place })) return
    this.list.count(place)
    const arrow = !append && value.startsWith('>')
    section.set({ name, value: trimBlanks(arrow ? value.slice(1) : value), ...place })
  }

  #read(path: string, place: Place): Uint8Array | undefined {
    const bytes = this.#source.read(path)
    this.#count(path, bytes, place)
    return bytes
  }

  /** A file that is not there counts too: looking for it takes its time. @throws Overflow past a bound */
  #count(path: string, bytes: Uint8Array | undefined, place: Place): void {
    if (--this.#filesLeft < 0) throw new Overflow('too many files are included', place)
    if (bytes === undefined) return
    this.#bytesLeft -= bytes.byteLength
    if (this.#bytesLeft < 0)
      throw new Overflow(`the files are too large, all together (${path} is the one too many)`, place)
    this.files.add(path)
  }

  #reject(place: Place, message: string): void {
    this.rejected = true
    this.log.error('file-rejected', place, message)
  }
}

const refused = '"#exec" is ignored: a program is run from a configuration file only with --execincludes'

/** How a command is called in messages, and instead of a file name: its first word, for the others may hold a secret. */
function shownCommand(command: string): string {
  const [word = ''] = /^[\w./-]*/.exec(command) ?? []
  return word === command ? `#exec ${word}` : `#exec ${word}…`
}

/** What stands in for a section whose header could not be read: what it says belongs to nobody. */
function nobody(place: Place): Draft {
  return new Draft('', place)
}

/** Undefined for what stands in for a section whose header could not be read. */
function nameOf(section: Draft | undefined): string | undefined {
  return section?.name === '' ? undefined : section?.name
}
