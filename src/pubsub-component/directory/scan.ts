import { describe, XmppError } from '../../errors.ts'
import type { Entry } from '../../pubsub/store.ts'
import type { Directory } from './directory.ts'
import { type Ending, formatOf, type Kind, nameOf, VERSION } from './format.ts'
import { readLines } from './lines.ts'

/** Lines one behind the other that are damaged. Offsets are bytes. */
export interface Gap {
  readonly from: number
  to: number
  lines: number
  /** Whether one of them has its newline, so that it had been written to its end. */
  ended: boolean
}

/** What was found in a file. */
export interface Scan {
  readonly kind: Kind
  readonly generation: number
  readonly name: string
  readonly bytes: number
  readonly entries: number
  /** Whether its first line is what it should be. */
  readonly header: boolean
  /** How many entries it says it has, undefined when it does not say that it is complete. Of snapshots only. */
  readonly complete: number | undefined
  /** What is damaged and has something good behind it; not more than the first few. */
  readonly gaps: readonly Gap[]
  /** How many there are in all. */
  readonly gapCount: number
  /** What is damaged at the end. */
  readonly tail: Gap | undefined
}

/**
 * Reads a file, and hands over the entries in it.
 * @throws XmppError `PUBSUB_STORE` when it cannot be read, is of a version to come, or an entry is not taken
 */
export async function scan(
  directory: Directory,
  kind: Kind,
  generation: number,
  restore: (entry: Entry) => void,
): Promise<Scan> {
  const name = nameOf(kind, generation)
  const path = directory.pathOf(name)
  const gaps: Gap[] = []
  let gapCount = 0
  let tail: Gap | undefined
  let entries = 0
  let header = false
  let complete: number | undefined
  const file = await directory.open(name, 'r')
  try {
    const bytes = await readLines(file, directory.piece, ({ from, to, ended, value }) => {
      const isEntry = Array.isArray(value)
      const ending = kind === 'snapshot' ? endingOf(value) : undefined
      const isHeader = from === 0 && !isEntry && headed(value, kind, path)
      if (!isEntry && !isHeader && ending === undefined) {
        tail ??= { from, to, lines: 0, ended: false }
        tail.to = to
        tail.lines++
        tail.ended ||= ended
        return
      }
      if (tail !== undefined) {
        gapCount++
        if (gaps.length < MAX_GAPS) gaps.push(tail)
        tail = undefined
      }
      header ||= isHeader
      // What stands behind the ending is not a part of the snapshot.
      complete = ending
      if (!isEntry) return
      entries++
      try {
        restore(value as unknown as Entry)
      } catch (error) {
        throw new XmppError('PUBSUB_STORE', `what stands in ${path} at byte ${from} is not taken: ${describe(error)}`, {
          cause: error,
        })
      }
    })
    return { kind, generation, name, bytes, entries, header, complete, gaps, gapCount, tail }
  } finally {
    await file.close()
  }
}

const MAX_GAPS = 10

function headed(value: unknown, kind: Kind, path: string): boolean {
  const { format, version } = fieldsOf(value)
  if (format !== formatOf(kind) || !Number.isSafeInteger(version)) return false
  if ((version as number) > VERSION)
    throw new XmppError(
      'PUBSUB_STORE',
      `${path} has been written by a newer res-xmpp: its format is of version ${version}, and this one reads up to ${VERSION}; install the newer one again, or move the directory away and begin anew`,
    )
  return version === VERSION
}

function endingOf(value: unknown): number | undefined {
  const { complete } = fieldsOf(value) as Partial<Ending>
  return Number.isSafeInteger(complete) ? complete : undefined
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
