import type { Entry } from '../../pubsub/store.ts'
import type { Directory } from './directory.ts'
import { type Ending, headerOf, isFirst, nameOf, textOf, UNFINISHED } from './format.ts'
import { pieces } from './lines.ts'
import type { LogWriter } from './writer.ts'

/** What a compaction is made of. */
export interface CompactionOptions {
  readonly directory: Directory
  readonly writer: LogWriter
  /** A number that no file has. */
  readonly generation: number
  readonly snapshot: () => Iterable<Entry>
  /** Whether it is to end without a result. */
  readonly stopped: () => boolean
}

/**
 * Begins a generation: a log to which the writer goes on, and a snapshot of everything that came before it.
 * @returns bytes of the snapshot; undefined when it was stopped, and then the older generation with the new log holds all
 * @throws XmppError `PUBSUB_STORE`, likewise; or what `snapshot` has thrown
 */
export async function compact(options: CompactionOptions): Promise<number | undefined> {
  const { directory, writer, generation, stopped } = options
  const log = await directory.createLog(generation)
  try {
    const before = await writer.switchTo(log)
    await before.file.close()
  } catch (error) {
    await directory.discard(log.name, log.file)
    throw error
  }
  const name = nameOf('snapshot', generation)
  const file = await directory.create(name + UNFINISHED)
  let finished = false
  let size = 0
  try {
    let synced = 0
    for (const piece of pieces(textsOf(options.snapshot()), Buffer.allocUnsafe(directory.piece))) {
      if (stopped()) return undefined
      size += await file.write(piece, size)
      if (size - synced < SYNC_BYTES) continue
      await file.datasync()
      synced = size
    }
    await file.sync()
    // It may have half of an entry that was appended while it was made: that must be in the log as a whole.
    await writer.saved()
    if (stopped()) return undefined
    await directory.rename(name + UNFINISHED, name)
    finished = true
    await directory.sync()
  } finally {
    if (finished) await file.close()
    else await directory.discard(name + UNFINISHED, file)
  }
  return size
}

/** Removes all generations before this one, of which everything must be there for good. */
export async function removeOlder(directory: Directory, generation: number): Promise<void> {
  const { logs, snapshots } = await directory.list()
  const older = (numbers: readonly number[]): number[] => numbers.filter(number => number < generation)
  // Whatever a history could begin with goes first: one that has lost a part must not pass for a whole one.
  const beginnings = [
    ...older(snapshots).map(number => nameOf('snapshot', number)),
    ...older(logs.filter(isFirst)).map(number => nameOf('log', number)),
  ]
  const rest = older(logs.filter(number => !isFirst(number))).map(number => nameOf('log', number))
  for (const names of [beginnings, rest]) {
    for (const name of names) await directory.remove(name)
    if (names.length > 0) await directory.sync()
  }
}

/** Bytes of a snapshot after which it is synced: one large sync at its end would hold up those of the log. */
const SYNC_BYTES = 4 * 1_048_576

function* textsOf(entries: Iterable<Entry>): Generator<string, void, void> {
  yield headerOf('snapshot')
  let complete = 0
  for (const entry of entries) {
    complete++
    yield textOf(entry)
  }
  yield textOf({ complete } satisfies Ending)
}
