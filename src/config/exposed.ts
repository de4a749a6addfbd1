import type { Section } from './dialect/dialect.ts'
import { foldName } from './names.ts'
import { findOption } from './options.ts'
import type { ProblemLog, Where } from './problem.ts'
import { exposedMode, exposedText, type FileSource } from './source.ts'

/** Warns once of each configuration file that holds a secret and that everyone on the machine can read, at its first secret. */
export function warnOfExposed(sections: readonly Section[], source: FileSource, log: ProblemLog): void {
  const firsts = new Map<string, Where>()
  for (const section of sections) {
    for (const { name, value, file, line } of section.entries) {
      const option = foldName(name)
      if (value === '' || !findOption(option)?.secret) continue
      // A template can be continued behind its heirs, so the first to come is not always the first of the file.
      const first = firsts.get(file)
      if (first === undefined || line < first.line) firsts.set(file, { file, line, section: section.name, option })
    }
  }
  for (const [file, where] of firsts) {
    const mode = exposedMode(file, source)
    if (mode !== undefined) log.warn('risk', where, exposedText('the secrets', mode))
  }
}
