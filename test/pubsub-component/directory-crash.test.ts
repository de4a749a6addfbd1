import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DirectoryStore } from '../../src/pubsub-component/directory/directory-store.ts'
import { Random } from '../helper/random.ts'
import { DIR, entries, entry, header, inMemory, Keeper, lines, opened, place } from './keeper.ts'
import { type Left, MemoryFiles, type Operation } from './memory-files.ts'

/** Some life of a store, until the end or until the files stop. Knows what was appended and what of it was saved. */
class Life {
  appended = 0
  saved = 0
  readonly #files: MemoryFiles

  constructor(files: MemoryFiles) {
    this.#files = files
  }

  async live(): Promise<void> {
    await Promise.race([this.#live(), this.#files.stopped])
  }

  async #live(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      const store = new DirectoryStore({
        path: DIR,
        files: this.#files,
        lock: async () => async () => {},
        compactBytes: 900,
        pieceBytes: 200,
      })
      let keeper = await this.#open(store)
      for (let turn = 0; turn < 9; turn++) {
        for (let more = 0; more <= turn % 4; more++) {
          const next = entry(++this.appended)
          keeper.apply(next)
          store.append(next)
        }
        const upTo = this.appended
        try {
          await store.saved()
          this.saved = upTo
        } catch (error) {
          this.#check(error)
          keeper = await this.#open(store)
        }
      }
      try {
        await store.close()
      } catch (error) {
        this.#check(error)
      }
    }
  }

  /** Opens, until it succeeds. */
  async #open(store: DirectoryStore): Promise<Keeper> {
    for (;;) {
      const keeper = new Keeper()
      try {
        await store.open(keeper)
        this.kept(keeper, 'opened again')
        this.appended = keeper.count() ?? Number.NaN
        return keeper
      } catch (error) {
        this.#check(error)
      }
    }
  }

  /** Throws unless all that was saved is there, and each entry as a whole. */
  kept(keeper: Keeper, what: string): void {
    const count = keeper.count()
    if (count === undefined || count < this.saved || count > this.appended)
      throw new Error(`${what}: ${count} are there, ${this.saved} were saved, ${this.appended} appended`)
  }

  #check(error: unknown): void {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'PUBSUB_STORE' || !/EIO|ENOSPC/.test(message)) throw error
  }
}

async function operationsOfLife(): Promise<Operation[]> {
  const files = new MemoryFiles()
  await new Life(files).live()
  return files.operations
}

t.test('it may stop at any operation', async t => {
  const operations = await operationsOfLife()
  const { length } = operations
  t.ok(length > 200)
  t.ok(operations.filter(({ kind }) => kind === 'rename').length > 1, 'with snapshots')
  const path = place(t)
  for (let stop = 0; stop < length; stop++) {
    const files = new MemoryFiles()
    files.stopAfter = stop
    const life = new Life(files)
    await life.live()
    for (const how of ['all', 'synced', 'zeros'] as Left[]) {
      const left = files.left(how)
      const { store, keeper, report } = await inMemory(left, { compactBytes: 900 })
      life.kept(keeper, `stopped at ${stop}, left ${how}`)
      if (report.damage.some(text => !text.endsWith('is no whole entry and cut off'))) t.fail(`${stop} ${how}`, report)
      const next = entry((keeper.count() ?? 0) + 1)
      keeper.apply(next)
      store.append(next)
      await store.close()
      const again = await inMemory(left.left('synced'))
      if (again.report.damage.length > 0 || again.keeper.count() !== keeper.count()) t.fail(`again ${stop} ${how}`)
      await again.store.close()
    }
    for (let seed = 0; seed < 3; seed++) {
      const { store, keeper } = await inMemory(files.left('some', new Random(stop * 3 + seed)))
      // Blocks of one write may come to the disk in any order, so what was not saved may have holes.
      const { state } = keeper
      const fine = [...Keeper.after(life.saved)].every(([node, number]) => (state.get(node) ?? 0) >= number)
      if (!fine) t.fail(`stopped at ${stop}, left some, seed ${seed}`, { state, saved: life.saved })
      for (const [node, number] of state)
        if (state.get(`${node.startsWith('a') ? 'b' : 'a'}${node.slice(1)}`) !== number) t.fail('half an entry')
      await store.close()
    }
    // And what a killed process leaves, with the system's own files.
    if (stop % 4 > 0) continue
    rmSync(path, { recursive: true, force: true })
    mkdirSync(path)
    for (const [name, bytes] of Object.entries(files.files(DIR))) writeFileSync(join(path, name), bytes)
    const { store, keeper } = await opened({ path })
    life.kept(keeper, `stopped at ${stop}, killed`)
    await store.close()
  }
})

t.test('what a killed process had not synced is there for good once it has been read', async t => {
  const files = new MemoryFiles()
  const killed = await inMemory(files, { compactBytes: 500 })
  const writing = files.hold(({ kind }) => kind === 'datasync')
  for (const each of entries(1, 9)) killed.store.append(each)
  await writing.reached
  const next = await inMemory(files)
  t.equal(next.keeper.count(), 9)
  const left = await inMemory(files.left('synced'))
  t.equal(left.keeper.count(), 9, 'entries')
  await left.store.close()
  await next.store.close()

  let renamed = false
  const syncing = files.hold(({ kind, path }) => {
    if (renamed && kind === 'sync' && path === DIR) return true
    renamed ||= kind === 'rename'
    return false
  })
  await inMemory(files, { compactBytes: 500 })
  await syncing.reached
  let before: MemoryFiles | undefined
  files.before = ({ kind }) => {
    if (kind === 'unlink') before ??= files.left('synced')
  }
  const third = await inMemory(files)
  t.equal(third.keeper.count(), 9)
  await third.store.close()
  t.ok(before !== undefined && 'snapshot-2' in before.files(DIR), 'a snapshot, before what is older goes')
})

t.test('it may stop at any operation while it starts after a stop', async t => {
  const bad = `${lines(header('log'), ...entries(1, 2))}nonsense\n${lines(entry(3))}`
  const content = {
    'log-1': bad,
    'snapshot-2': lines(header('snapshot'), ...entries(1, 2)),
    'log-2': lines(header('log'), ...entries(4, 5)),
    'snapshot-3.tmp': 'x',
    'log-3': `${lines(header('log'), ...entries(6, 7))}12345678 [`,
  }
  let stop = 0
  for (; ; stop++) {
    const files = MemoryFiles.of(DIR, content)
    files.stopAfter = stop
    const opening = inMemory(files)
    const finished = opening.then(async ({ store, keeper }) => {
      t.equal(keeper.count(), 7)
      await store.close()
      return true
    })
    if ((await Promise.race([finished, files.stopped])) === true) break
    for (const how of ['all', 'synced', 'zeros'] as Left[]) {
      const left = files.left(how)
      const { store, keeper } = await inMemory(left)
      if (keeper.count() !== 7) t.fail(`stopped at ${stop}, left ${how}`, { state: keeper.state })
      await store.close()
      if (String(left.files(DIR)['log-1.damaged']) !== bad) t.fail(`no copy after ${stop}, left ${how}`)
    }
  }
  t.ok(stop > 30, `${stop} operations`)
})

t.test('any operation may fail', async t => {
  const { length } = await operationsOfLife()
  t.plan(3)
  // Once, or again and again for a while.
  for (const lasting of [1, 3, 20]) {
    for (let from = 0; from < length; from++) {
      const files = new MemoryFiles()
      files.fault = ({ kind }, index) =>
        index >= from && index < from + lasting && kind !== 'stat' ? 'EIO' : undefined
      const life = new Life(files)
      try {
        await life.live()
        const { store, keeper, report } = await inMemory(files.left('all'))
        life.kept(keeper, 'in the end')
        if (report.damage.some(text => !text.endsWith('is no whole entry and cut off'))) t.fail('damage', report)
        await store.close()
      } catch (error) {
        t.fail(`${lasting} operations failed from ${from} on`, { error })
      }
    }
    t.pass(`${lasting} in a row`)
  }
})
