/** What is done about files that are damaged, and what is said of it. */
import type { Directory, Listing } from './directory.ts'
import { DAMAGED, UNFINISHED } from './format.ts'
import type { Gap, Scan } from './scan.ts'

/** Copies of damaged files that a directory has at most. */
const MAX_COPIES = 4

/** What was wrong with a file. */
export interface Repair {
  /** In words, with the file and where in it. */
  readonly damage: readonly string[]
  /** Whether it should soon be replaced by one that is whole, and nothing is lost by that. */
  readonly worn: boolean
}

/** Whether it has all that was written to it. */
export function isWhole({ kind, header, gaps, tail, complete, entries }: Scan): boolean {
  return header && gaps.length === 0 && tail === undefined && (kind === 'log' || complete === entries)
}

/**
 * Says what is wrong with a file, and keeps a copy of one that is worse than interrupted. A log's end that is no entry is to be cut off then.
 * @param followed whether there are entries in a later log, so that this one had been saved to its end
 */
export async function repair(directory: Directory, found: Scan, followed: boolean): Promise<Repair> {
  const { kind, name, header, tail, gaps, gapCount } = found
  const path = directory.pathOf(name)
  const cut = kind === 'log' ? tail : undefined
  const worn = kind === 'log' ? gaps.length > 0 || (!header && found.entries > 0) : !isWhole(found)
  let copied = true
  let copy = ''
  // An interrupted write leaves a line without its end: nobody was told that it was saved.
  if (worn || (cut !== undefined && (cut.ended || followed))) {
    const { ok, words } = await keepCopy(directory, name)
    copied = ok
    copy = `; ${words}`
  }
  const damage = gaps.map(gap => `${path}: ${wordsOf(gap)} ${are(gap)} damaged and left out${copy}`)
  if (gapCount > gaps.length) damage.push(`${path}: so it is in ${gapCount - gaps.length} more places${copy}`)
  if (!header && gaps[0]?.from !== 0 && found.entries > 0)
    damage.push(`${path}: its first line, at byte 0, is missing; what stands behind it is used${copy}`)
  if (kind === 'snapshot') damage.push(...incomplete(found, path, copy))
  if (cut !== undefined) {
    damage.push(`${path}: ${wordsOf(cut)}, up to its end, ${are(cut)} no whole entry and cut off${copy}`)
  }
  return { damage, worn: worn && copied }
}

/** Shortens a log to what is good in it, and makes sure that this is there for good. */
export async function cutLog(directory: Directory, name: string, size: number): Promise<void> {
  const file = await directory.open(name, 'r+')
  try {
    if ((await file.size()) > size) await file.truncate(size)
    await file.datasync()
  } finally {
    await file.close()
  }
}

function incomplete({ tail, complete, entries, gaps, bytes }: Scan, path: string, copy: string): string[] {
  if (tail !== undefined) return [`${path}: ${wordsOf(tail)}, up to its end, ${are(tail)} damaged and left out${copy}`]
  if (complete === undefined) return [`${path}: it ends at byte ${bytes} before all of it was written${copy}`]
  if (complete === entries || gaps.length > 0) return []
  return [`${path}: at byte ${bytes}, its end, it says that it has ${complete} entries, and it has ${entries}${copy}`]
}

const wordsOf = ({ from, to, lines }: Gap): string =>
  `${lines === 1 ? 'a line' : `${lines} lines`} of ${to - from} bytes from byte ${from} on`
const are = ({ lines }: Gap): string => (lines === 1 ? 'is' : 'are')

/** Copies a file as it is, unless that copy is there or there are too many. That it cannot be done keeps nobody from starting. */
async function keepCopy(directory: Directory, name: string): Promise<{ ok: boolean; words: string }> {
  try {
    const listing = await directory.list()
    for (const copy of copiesOf(listing, name))
      if (await same(directory, name, copy)) return { ok: true, words: `as it was it is in ${directory.pathOf(copy)}` }
    if (listing.copies.length >= MAX_COPIES)
      return { ok: true, words: `no copy of it is kept, since there are ${listing.copies.length} already` }
    const copy = freeName(listing, name)
    await makeCopy(directory, name, copy)
    return { ok: true, words: `as it was it is in ${directory.pathOf(copy)}` }
  } catch (error) {
    return { ok: false, words: `no copy of it is kept: ${(error as Error).message}` }
  }
}

const copiesOf = ({ copies }: Listing, name: string): string[] =>
  copies.filter(copy => copy.startsWith(`${name}${DAMAGED}`))

function freeName({ copies }: Listing, name: string): string {
  let free = `${name}${DAMAGED}`
  for (let number = 2; copies.includes(free); number++) free = `${name}${DAMAGED}-${number}`
  return free
}

async function makeCopy(directory: Directory, name: string, copy: string): Promise<void> {
  const unfinished = copy + UNFINISHED
  await directory.remove(unfinished)
  const [from, to] = [await directory.open(name, 'r'), await directory.create(unfinished)]
  let finished = false
  try {
    const buffer = Buffer.allocUnsafe(directory.piece)
    let size = 0
    for (;;) {
      const read = await from.read(buffer, 0, buffer.length, size)
      if (read === 0) break
      size += await to.write(buffer.subarray(0, read), size)
    }
    await to.sync()
    await directory.rename(unfinished, copy)
    finished = true
    await directory.sync()
  } finally {
    await from.close()
    if (finished) await to.close()
    else await directory.discard(unfinished, to)
  }
}

async function same(directory: Directory, one: string, other: string): Promise<boolean> {
  const [a, b] = [await directory.open(one, 'r'), await directory.open(other, 'r')]
  try {
    const size = await a.size()
    if (size !== (await b.size())) return false
    const [left, right] = [Buffer.alloc(directory.piece), Buffer.alloc(directory.piece)]
    for (let at = 0; at < size; ) {
      const read = await a.read(left, 0, left.length, at)
      if (read === 0 || read !== (await b.read(right, 0, right.length, at))) return false
      if (left.compare(right, 0, read, 0, read) !== 0) return false
      at += read
    }
    return true
  } finally {
    await a.close()
    await b.close()
  }
}
