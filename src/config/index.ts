/** Reads any file in the dialect of Asterisk's configuration files. Opens no files itself. */

export type { Dialect, Section } from './dialect.ts'
export { readDialect } from './dialect.ts'
export type { Entry } from './draft.ts'
export { escapeGlob, expandGlob, isGlob, matchesGlob } from './glob.ts'
export { foldName } from './names.ts'
export type { Place, Problem } from './problem.ts'
export { formatProblem } from './problem.ts'
export type { DialectLimits } from './reader.ts'
export type { FileSource } from './source.ts'
