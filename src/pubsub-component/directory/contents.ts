import { describe } from '../../errors.ts'
import type { Entry, StoreReport } from '../../pubsub/store.ts'
import { removeOlder } from './compaction.ts'
import { cutLog, isWhole, repair } from './damage.ts'
import type { Directory, Listing, Log } from './directory.ts'
import { isFirst, nameOf } from './format.ts'
import { type Scan, scan } from './scan.ts'

/** What was in a directory, and how it goes on. */
export interface Contents {
  readonly report: StoreReport
  /** Where to append. */
  readonly log: Log
  /** The highest number that a file has. */
  readonly highest: number
  readonly snapshotBytes: number
  /** Bytes of the logs since the snapshot, without the one to append to. */
  readonly olderBytes: number
  /** Whether the files should soon be replaced by others, since they are damaged. */
  readonly worn: boolean
}

/**
 * Reads what a directory has, and puts it in order. All that was read is there for good afterwards.
 * @throws XmppError `PUBSUB_STORE`; then nothing good has been removed
 */
export async function readContents(
  directory: Directory,
  restore: (entry: Entry) => void,
  onTrouble: (text: string) => void,
): Promise<Contents> {
  const listing = await directory.list()
  const { base, passedOver } = await chooseBase(directory, listing)
  const snapshot = base > 0 ? await scan(directory, 'snapshot', base, restore) : undefined
  const logs: Scan[] = []
  for (const number of listing.logs) if (number >= base) logs.push(await scan(directory, 'log', number, restore))
  const read = snapshot === undefined ? logs : [snapshot, ...logs]

  for (const name of listing.unfinished) await directory.remove(name)
  const damage = passedOver.map(
    ({ generation }) =>
      `${directory.pathOf(nameOf('snapshot', generation))} is damaged; what is older has been used instead of it, and has all`,
  )
  let worn = passedOver.length > 0
  for (const found of [...passedOver, ...read]) {
    const followed = logs.some(({ generation, entries }) => generation > found.generation && entries > 0)
    const repaired = await repair(directory, found, followed)
    damage.push(...repaired.damage)
    worn ||= repaired.worn
  }
  const [first] = logs
  if (base === 0 && first !== undefined && !isFirst(first.generation))
    damage.push(
      `${directory.pathOf(first.name)}: what was saved before it, and should be in ${nameOf('snapshot', first.generation)}, is missing`,
    )
  // Also what is whole: the process that wrote it may have been killed before it had synced it.
  for (const { name, bytes, tail } of logs) await cutLog(directory, name, tail?.from ?? bytes)
  await directory.sync()
  if (base > 0)
    await removeOlder(directory, base).catch(error =>
      onTrouble(`what is not needed any more could not be removed: ${describe(error)}`),
    )

  const { log, highest } = await logToAppendTo(directory, listing, logs.at(-1))
  const sum = (scans: readonly Scan[]): number => scans.reduce((bytes, scan) => bytes + scan.bytes, 0)
  return {
    report: { entries: read.reduce((entries, scan) => entries + scan.entries, 0), bytes: sum(read), damage },
    log,
    highest,
    snapshotBytes: snapshot?.bytes ?? 0,
    olderBytes: sum(logs.filter(({ name }) => name !== log.name)),
    worn,
  }
}

/**
 * Where to begin: with the newest snapshot that has all, or before the first log (0). The older one is only there when a process ended before it could remove it, so there is
 * seldom a choice.
 */
async function chooseBase(
  directory: Directory,
  { logs, snapshots }: Listing,
): Promise<{ base: number; passedOver: readonly Scan[] }> {
  const newest = snapshots.at(-1) ?? 0
  const candidates = [...snapshots].reverse()
  const beginning = logs.some(isFirst)
  if (candidates.length + (beginning ? 1 : 0) < 2) return { base: newest, passedOver: [] }
  const passedOver: Scan[] = []
  for (const base of candidates) {
    const found = await scan(directory, 'snapshot', base, () => {})
    if (isWhole(found)) return { base, passedOver }
    passedOver.push(found)
  }
  return beginning ? { base: 0, passedOver } : { base: newest, passedOver: [] }
}

/** Goes on with the last log, unless it is damaged: then its copy would soon be no copy of it any more. */
async function logToAppendTo(
  directory: Directory,
  { highest, logs, snapshots }: Listing,
  last: Scan | undefined,
): Promise<{ log: Log; highest: number }> {
  const end = last?.tail?.from ?? last?.bytes ?? 0
  if (last === undefined || (end > 0 && !(last.header && last.gaps.length === 0))) {
    const none = logs.length === 0 && snapshots.length === 0
    const generation = none ? 1 : highest + 1
    return { log: await directory.createLog(generation), highest: Math.max(highest, generation) }
  }
  const file = await directory.open(last.name, 'r+')
  try {
    const size = end === 0 ? await directory.begin(file) : end
    return { log: { name: last.name, file, size }, highest }
  } catch (error) {
    await file.close()
    throw error
  }
}
