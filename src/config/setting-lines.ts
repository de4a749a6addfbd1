import { didYouMean, shownName } from './names.ts'
import type { ProblemLog } from './problem.ts'

/** A line of an INI file that sets something. */
export interface SettingLine {
  readonly section: string
  readonly key: string
  readonly number: number
}

/**
 * Finds where an INI file sets what, since `ini` tells neither lines nor what it passes over in silence: a key that is given
 * twice, a line it cannot read, a `__proto__`. Values are not looked at. Reports what is in no known section.
 */
export function locateSettings(
  text: string,
  file: string,
  log: ProblemLog,
  sections: readonly string[],
): SettingLine[] {
  const found: SettingLine[] = []
  let section: string | undefined
  let known = false
  for (const [index, raw] of text.split(/\r\n|\n|\r/).entries()) {
    const number = index + 1
    const line = raw.trim()
    if (line === '' || line.startsWith(';') || line.startsWith('#')) continue
    // As `ini` has it: nothing before the bracket, only blanks behind it.
    const header = /^\[([^\]]*)\]\s*$/.exec(raw)?.[1]?.trim()
    const where = { file, line: number, section }
    const equals = line.indexOf('=')
    const key = line.slice(0, Math.max(equals, 0)).trim()
    if (header !== undefined) {
      section = header
      known = sections.includes(header)
      if (!known) {
        const message = `there is no such section${didYouMean(header, sections)}`
        log.error('unknown-section', { file, line: number, section: shownName(header) }, message)
      }
    } else if (!/^[\w-]+$/.test(key)) {
      log.error('bad-line', where, 'neither [section] nor key = value')
    } else if (section === undefined) {
      log.error(
        'no-section',
        { ...where, option: key },
        `it stands before the first section: write [${sections[0]}] above it`,
      )
    } else if (known) {
      found.push({ section, key, number })
    }
  }
  return found
}
