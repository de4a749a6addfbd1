import type { Problem } from '../problem.ts'
import type { FileSource } from '../source.ts'
import type { Entry } from './draft.ts'
import { type DialectLimits, Reader } from './reader.ts'

/** One section as Asterisk would have it: inherited entries in their place, `+=` applied. */
export interface Section {
  /** As written, not trimmed, at most 79 bytes. Several may have the same name; compare with `foldName`. */
  readonly name: string
  readonly template: boolean
  readonly file: string
  readonly line: number
  readonly entries: readonly Entry[]
  /** A line of it (or of what it inherits from) was in error and is missing: what it says is not to be trusted. */
  readonly damaged: boolean
}

/** What is read from one file and what it includes. */
export interface Dialect {
  /** In the order in which they begin. Empty when `rejected`. */
  readonly sections: readonly Section[]
  /** What could be made out of a rejected file: only for finding its further mistakes, never to act upon. */
  readonly salvage: readonly Section[]
  /** In order of file and line. */
  readonly problems: readonly Problem[]
  /** Asterisk would not load the file. At least one problem then has the code `file-rejected`. */
  readonly rejected: boolean
  /** Every file that was read, the top one first. */
  readonly files: readonly string[]
}

/**
 * Reads a file in the dialect of Asterisk's configuration files, whatever it configures. Never throws: what is wrong is in
 * `problems`. Relative `#include`s are relative to the directory of `path`.
 */
export function readDialect(path: string, source: FileSource, limits: DialectLimits = {}): Dialect {
  const reader = new Reader(path, source, limits)
  reader.run()
  const { list, log, rejected } = reader
  const files = [...reader.files]
  const sections = list.all.map(({ name, template, file, line, entries, damaged }) => ({
    name,
    template,
    file,
    line,
    entries,
    damaged,
  }))
  return {
    sections: rejected ? [] : sections,
    salvage: rejected ? sections : [],
    problems: log.list(files),
    rejected,
    files,
  }
}
