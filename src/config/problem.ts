import { printable } from '../printable.ts'

/** A spot in a file. Lines count from 1; 0 means the file as a whole. */
export interface Place {
  readonly file: string
  readonly line: number
}

/** Something a person should know about a configuration. `code` is stable and made for programs, `message` for people. */
export interface Problem extends Place {
  readonly severity: 'error' | 'warning'
  readonly code: string
  /** The section the spot belongs to, as written. */
  readonly section?: string
  /** The option it is about. */
  readonly option?: string
  /** Never holds a secret, nor the file and line, which `formatProblem` puts before it. */
  readonly message: string
}

/** Where a problem lies: the place, and the section and option when there are some. */
export interface Where extends Place {
  readonly section?: string | undefined
  readonly option?: string | undefined
}

/** One line for a terminal: `FILE:LINE: error: [section] option: message`, control characters escaped. */
export function formatProblem(problem: Problem): string {
  return format(problem, `${problem.severity}: `)
}

/** The same for a log, whose lines say themselves how bad it is. */
export function formatProblemForLog(problem: Problem): string {
  return format(problem, '')
}

function format(problem: Problem, severity: string): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}` : problem.file
  const section = problem.section === undefined ? '' : `[${problem.section}] `
  const option = problem.option === undefined ? '' : `${problem.option}: `
  return printable(`${place}: ${severity}${section}${option}${problem.message}`)
}

/**
 * Collects problems, each of them once, though a line may be read several times: in a file that is included twice, or in a template for each of its heirs. A large
 * file that is not a configuration at all could yield millions of them, so only the first `limit` errors and the first `limit` warnings are kept and the rest is
 * counted.
 */
export class ProblemLog {
  readonly #kept = new Map<string, { readonly problem: Problem; readonly sections: Set<string> }>()
  #errors = 0
  readonly #seen = { error: 0, warning: 0 }
  readonly #limit: number

  constructor(limit = 1000) {
    this.#limit = limit
  }

  /** Errors told so far, the ones not kept included. */
  get errors(): number {
    return this.#errors
  }

  error(code: string, where: Where, message: string): void {
    this.#add('error', code, where, message)
  }

  warn(code: string, where: Where, message: string): void {
    this.#add('warning', code, where, message)
  }

  /** Takes over problems found elsewhere. */
  take(problems: Iterable<Problem>): void {
    for (const { severity, code, message, ...where } of problems) this.#add(severity, code, where, message)
  }

  /** Everything kept, in order of file (as in `files`; others behind them) and line. */
  list(files: readonly string[]): Problem[] {
    const order = new Map<string, number>()
    const kept = [...this.#kept.values()].map(({ problem, sections: { size } }) => {
      const others = size > 1 ? ` (the same in ${size - 1} more section${size > 2 ? 's' : ''})` : ''
      return { ...problem, message: problem.message + others }
    })
    for (const file of [...files, ...kept.map(problem => problem.file)]) {
      if (!order.has(file)) order.set(file, order.size)
    }
    const rank = ({ code, file }: Problem): number => (code === 'more' ? Infinity : (order.get(file) ?? 0))
    const sorted = kept.toSorted((a, b) => rank(a) - rank(b) || a.line - b.line)
    for (const severity of ['error', 'warning'] as const) {
      const more = this.#seen[severity] - this.#limit
      const file = files[0] ?? sorted[0]?.file ?? ''
      if (more > 0) sorted.push({ severity, code: 'more', file, line: 0, message: `${more} more of this severity` })
    }
    return sorted
  }

  #add(severity: Problem['severity'], code: string, where: Where, message: string): void {
    if (severity === 'error') this.#errors++
    const { file, line, section, option } = where
    const key = JSON.stringify([severity, code, file, line, option, message])
    const known = this.#kept.get(key)
    if (known !== undefined) {
      if (section !== undefined) known.sections.add(section)
      return
    }
    if (++this.#seen[severity] > this.#limit) return
    const problem = {
      severity,
      code,
      file,
      line,
      ...(section === undefined ? {} : { section }),
      ...(option === undefined ? {} : { option }),
      message,
    }
    this.#kept.set(key, { problem, sections: new Set(section === undefined ? [] : [section]) })
  }
}
