import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DirectoryStore } from '../../src/pubsub-component/directory/directory-store.ts'
import { rejects } from '../helper/rejects.ts'
import { DIR, entries, entry, header, inMemory, Keeper, lines, opened, place } from './keeper.ts'
import { MemoryFiles } from './memory-files.ts'

/** Whether two come to the same JSON. */
const alike = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)

t.test('a log that ends anywhere', async t => {
  const whole = lines(header('log'), ...entries(1, 6))
  const bytes = Buffer.from(whole)
  const ends = [...bytes.keys()].filter(at => bytes[at] === 10).map(at => at + 1)
  for (let length = 0; length <= bytes.length; length++) {
    const files = MemoryFiles.of(DIR, { 'log-1': bytes.subarray(0, length) })
    const { store, keeper, report } = await inMemory(files, { pieceBytes: 50 })
    const whole = ends.filter(end => end <= length)
    const good = whole.at(-1) ?? 0
    const kept = entries(1, Math.max(0, whole.length - 1))
    const told = `/d/log-1: a line of ${length - good} bytes from byte ${good} on, up to its end, is no whole entry and cut off`
    if (!alike(keeper.restored, kept)) t.fail(`${length} bytes`, { restored: keeper.restored })
    if (!alike(report.damage, good === length ? [] : [told])) t.fail(`${length} bytes`, report)
    store.append(entry(50))
    await store.close()
    if (!alike(Object.keys(files.files(DIR)), ['log-1'])) t.fail('an interrupted write is nothing to keep a copy of')
    const again = await inMemory(files.left('synced'))
    if (!alike(again.report.damage, []) || !alike(again.keeper.restored, [...kept, entry(50)]))
      t.fail(`${length} bytes, again`, again.report)
    await again.store.close()
  }
  t.pass(`${bytes.length} bytes`)
})

t.test('a log with any bit wrong', async t => {
  const bytes = Buffer.from(lines(header('log'), ...entries(1, 5)))
  const all = entries(1, 5).map(each => JSON.stringify(each))
  for (let at = 0; at < bytes.length; at++)
    for (let bit = 0; bit < 8; bit += 2 + (at % 4)) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (bytes[at] as number) ^ (1 << bit)
      const files = MemoryFiles.of(DIR, { 'log-1': damaged })
      const { store, keeper, report } = await inMemory(files)
      const got = keeper.restored.map(each => JSON.stringify(each))
      // Without its newline a line takes the next one with it.
      const lost = bytes[at] === 10 ? 2 : 1
      let next = 0
      for (const each of got) next = all.indexOf(each, next) + 1 || Number.POSITIVE_INFINITY
      const fine = next <= 5 && got.length >= 5 - lost && report.damage.length === 1
      if (!fine || !/^\/d\/log-1: .* byte \d+/.test(report.damage[0] ?? ''))
        t.fail(`byte ${at}, bit ${bit}`, { got, report })
      await store.close()
      const kept = files.files(DIR)['log-1.damaged']
      if (at < bytes.length - 1 && !kept?.equals(damaged)) t.fail(`no copy: byte ${at}, bit ${bit}`, { kept })
    }
  t.pass(`${bytes.length} bytes`)
})

t.test('a snapshot with any bit wrong', async t => {
  const all = entries(1, 5).map(each => JSON.stringify(each))
  const bytes = Buffer.from(lines(header('snapshot'), ...entries(1, 5), { complete: 5 }))
  const log = lines(header('log'), entry(6))
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes)
    damaged[at] = (bytes[at] as number) ^ (1 << (at % 8))
    const files = MemoryFiles.of(DIR, { 'snapshot-2': damaged, 'log-2': log })
    const { store, keeper, report } = await inMemory(files)
    const got = keeper.restored.map(each => JSON.stringify(each))
    const known = got.slice(0, -1).every(each => all.includes(each)) && got.at(-1) === JSON.stringify(entry(6))
    if (!known || got.length < 4 || report.damage.length === 0) t.fail(`byte ${at}`, { got, report })
    await store.close()
    if (!files.files(DIR)['snapshot-2.damaged']?.equals(damaged)) t.fail(`no copy: byte ${at}`)
  }
  t.pass(`${bytes.length} bytes`)
})

t.test('damage in the middle is left out, kept aside, and soon gone', async t => {
  const path = place(t)
  mkdirSync(path)
  const good = lines(header('log'), ...entries(1, 3))
  const bad = `${good}nonsense\nmore\n${lines(...entries(4, 5))}`
  writeFileSync(join(path, 'log-1'), bad)
  const { store, keeper, report } = await opened({ path })
  t.strictSame(keeper.restored, entries(1, 5))
  t.strictSame(report.damage, [
    `${path}/log-1: 2 lines of 14 bytes from byte ${Buffer.byteLength(good)} on are damaged and left out; as it was it is in ${path}/log-1.damaged`,
  ])
  store.append(entry(6))
  await store.saved()
  await store.close()
  t.equal(readFileSync(join(path, 'log-1.damaged'), 'utf8'), bad)
  t.equal(statSync(join(path, 'log-1.damaged')).mode & 0o777, 0o600)
  t.equal(readFileSync(join(path, 'log-1'), 'utf8'), bad, 'nothing is appended to what has been copied')
  const again = await opened({ path })
  t.strictSame(again.report.damage, report.damage, 'no second copy of the same')
  t.strictSame(again.keeper.restored, entries(1, 6))
  await again.store.close()
})

t.test('copies never replace another, and are only a few', async t => {
  const bad = (number: number): string => `${lines(header('log'))}nonsense ${number}\n${lines(entry(number))}`
  const files = MemoryFiles.of(DIR, {
    'log-1': bad(1),
    'log-1.damaged': 'earlier',
    'log-2': bad(2),
    'log-3': bad(3),
    'log-4': bad(4),
    'log-5': bad(5),
  })
  const { store, report } = await inMemory(files)
  t.match(report.damage, [/log-1\.damaged-2$/, /log-2\.damaged$/, /log-3\.damaged$/, /4 already$/, /4 already$/])
  await store.close()
  t.equal(String(files.files(DIR)['log-1.damaged']), 'earlier')
  t.equal(String(files.files(DIR)['log-1.damaged-2']), bad(1))
})

t.test('damage everywhere is told in few words', async t => {
  const bad = Array.from({ length: 500 }, (_, number) => `nonsense\n${lines(entry(number))}`).join('')
  const { store, report, keeper } = await inMemory(MemoryFiles.of(DIR, { 'log-1': lines(header('log')) + bad }))
  t.equal(keeper.restored.length, 500)
  t.equal(report.damage.length, 11)
  t.match(report.damage.at(-1), /490 more/)
  await store.close()
})

t.test('a copy that cannot be made keeps nobody from starting', async t => {
  const files = MemoryFiles.of(DIR, { 'log-1': `${lines(header('log'), entry(1))}nonsense\n${lines(entry(2))}` })
  files.fault = ({ path, kind }) => (path.includes('.damaged') && kind === 'write' ? 'ENOSPC' : undefined)
  const { store, keeper, report } = await inMemory(files)
  t.strictSame(keeper.restored, entries(1, 2))
  t.match(report.damage, [/left out; no copy of it is kept: cannot write .*ENOSPC.*make room/])
  await store.close()
  t.notOk(Object.keys(files.files(DIR)).includes('snapshot-2'), 'and what is not kept aside stays where it is')
})

t.test('whatever lies in the directory, it starts', async t => {
  const zeros = Buffer.alloc(100_000)
  const cases: Record<string, [Record<string, Uint8Array | string>, number]> = {
    'an empty log': [{ 'log-1': '' }, 0],
    'a log of zeros': [{ 'log-1': zeros }, 0],
    'zeros behind entries': [{ 'log-1': Buffer.concat([Buffer.from(lines(header('log'), entry(1))), zeros]) }, 1],
    'a log that is something else': [{ 'log-1': 'Dear diary,\ntoday\n' }, 0],
    'an unfinished snapshot and nothing else': [{ 'snapshot-3.tmp': lines(header('snapshot'), entry(1)) }, 0],
    'an unfinished snapshot and logs': [
      { 'snapshot-2.tmp': lines(header('snapshot')), 'log-1': lines(header('log'), entry(1)), 'log-2': '' },
      1,
    ],
    'an empty snapshot': [{ 'snapshot-2': '', 'log-2': lines(header('log'), entry(1)) }, 1],
    'a snapshot of zeros': [{ 'snapshot-2': zeros, 'log-2': lines(header('log'), entry(1)) }, 1],
    'a snapshot without logs': [{ 'snapshot-2': lines(header('snapshot'), entry(1), { complete: 1 }) }, 1],
    'a log without what was before': [{ 'log-7': lines(header('log'), entry(1)) }, 1],
    'a log without a header': [{ 'log-1': lines(entry(1), entry(2)) }, 2],
    'two headers': [{ 'log-1': lines(header('log'), header('log'), entry(1)) }, 1],
    'a header of another kind': [{ 'log-1': lines(header('snapshot'), entry(1)) }, 1],
    'headers that say nothing': [{ 'log-1': lines({ ...header('log'), version: 'x' }, entry(1)) }, 1],
    'lines that are right and mean nothing': [{ 'log-1': lines(header('log'), null, 5, 'x', {}, entry(1)) }, 1],
    'an interrupted copy': [{ 'log-1': lines(header('log'), entry(1)), 'log-1.damaged.tmp': 'x' }, 1],
    'what is none of ours': [
      {
        'log-1': lines(header('log'), entry(1)),
        'log-01': 'x',
        'log-': 'x',
        'log-2.gz': 'x',
        'snapshot-0': 'x',
        'snapshot-x.tmp': 'x',
        README: 'x',
        lock: 'x',
      },
      1,
    ],
  }
  for (const [name, [content, count]] of Object.entries(cases)) {
    const files = MemoryFiles.of(DIR, content)
    const { store, keeper } = await inMemory(files)
    t.equal(keeper.restored.length, count, name)
    store.append(entry(90))
    await store.saved()
    await store.close()
    for (const [file, text] of Object.entries(content))
      if (/README|^lock|gz|log-$|log-01|snapshot-0|-x/.test(file)) t.equal(String(files.files(DIR)[file]), text, file)
    const again = await inMemory(files.left('synced'))
    t.strictSame(again.keeper.restored.at(-1), entry(90), name)
    await again.store.close()
    const third = await inMemory(files.left('all'))
    t.strictSame(third.keeper.restored.length, count + 1, name)
    await third.store.close()
    t.notOk(
      Object.keys(files.left('all').files(DIR)).some(file => /^(log|snapshot)-\d.*tmp$/.test(file)),
      name,
    )
  }
})

t.test('a directory that has the name of a log is not touched', async t => {
  const path = place(t)
  mkdirSync(join(path, 'log-2'), { recursive: true })
  mkdirSync(join(path, 'snapshot-5.tmp'))
  const { store, report } = await opened({ path })
  t.strictSame(report, { entries: 0, bytes: 0, damage: [] })
  await store.close()
  t.strictSame(readdirSync(path).sort(), ['log-1', 'log-2', 'snapshot-5.tmp'])
})

t.test('a snapshot that is not complete gives way to what is older', async t => {
  const first = lines(header('log'), ...entries(1, 3))
  const second = lines(header('log'), ...entries(4, 5))
  const short = lines(header('snapshot'), ...entries(1, 2))
  const files = MemoryFiles.of(DIR, { 'log-1': first, 'log-2': second, 'snapshot-2': short })
  const { store, keeper, report } = await inMemory(files)
  t.strictSame(keeper.restored, entries(1, 5))
  t.match(report.damage, [/^\/d\/snapshot-2 is damaged; what is older/, /snapshot-2: it ends at byte \d+ before all/])
  await store.close()

  const older = lines(header('snapshot'), ...entries(1, 3), { complete: 3 })
  const wrong = lines(header('snapshot'), ...entries(1, 4), { complete: 5 })
  const later = lines(header('log'), entry(6))
  const snapshots = { 'snapshot-2': older, 'log-2': second, 'snapshot-3': wrong, 'log-3': later }
  const again = await inMemory(MemoryFiles.of(DIR, snapshots))
  t.strictSame(again.keeper.restored, entries(1, 6))
  t.match(again.report.damage[1], /says that it has 5 entries, and it has 4/)
  await again.store.close()

  // Nothing older is there in full.
  const alone = await inMemory(MemoryFiles.of(DIR, { 'log-2': second, 'snapshot-3': wrong, 'log-3': later }))
  t.strictSame(alone.keeper.restored, [...entries(1, 4), entry(6)])
  await alone.store.close()
  const both = MemoryFiles.of(DIR, { ...snapshots, 'snapshot-2': short })
  const neither = await inMemory(both)
  t.strictSame(neither.keeper.restored, [...entries(1, 4), entry(6)], 'the newest is used as far as it goes')
  await neither.store.close()
})

t.test('what could be the beginning of a history goes first', async t => {
  const files = MemoryFiles.of(DIR, {
    'log-1': lines(header('log'), entry(1)),
    'snapshot-2': lines(header('snapshot'), entry(1), { complete: 1 }),
    'log-2': lines(header('log'), entry(2)),
    'log-3': lines(header('log'), entry(3)),
    'snapshot-4': lines(header('snapshot'), entry(3), { complete: 1 }),
    'log-4': lines(header('log')),
  })
  const { store } = await inMemory(files)
  await store.close()
  const from = files.operations.findIndex(({ kind }) => kind === 'unlink')
  const done = files.operations.slice(from).filter(({ kind }) => kind === 'unlink' || kind === 'sync')
  t.strictSame(
    done.map(({ kind, path }) => `${kind} ${path}`),
    ['unlink /d/snapshot-2', 'unlink /d/log-1', 'sync /d', 'unlink /d/log-2', 'unlink /d/log-3', 'sync /d'],
  )
})

t.test('a newer version is refused, and nothing is changed', async t => {
  for (const [name, kind] of [
    ['log-3', 'log'],
    ['snapshot-2', 'snapshot'],
  ] as const) {
    const content = {
      'snapshot-2': lines(header('snapshot'), { complete: 0 }),
      'log-2': `${lines(header('log'))}nonsense\n${lines(entry(1))}xx`,
      'snapshot-4.tmp': 'x',
      [name]: lines(header(kind, 2), { new: true }),
    }
    const files = MemoryFiles.of(DIR, content)
    const message = new RegExp(`^/d/${name} .*newer res-xmpp.*version 2.*install.*move the directory`)
    await rejects(t, inMemory(files), { code: 'PUBSUB_STORE', message })
    t.strictSame(
      Object.fromEntries(Object.entries(files.files(DIR)).map(([file, bytes]) => [file, String(bytes)])),
      content,
    )
  }
})

t.test('an entry that its user does not take', async t => {
  const files = MemoryFiles.of(DIR, { 'log-1': lines(header('log'), entry(1)) })
  const store = new DirectoryStore({ path: DIR, files, lock: async () => async () => {} })
  const keeper = new Keeper()
  const refuse = (): void => {
    throw new TypeError('not that')
  }
  await rejects(t, store.open({ snapshot: keeper.snapshot, restore: refuse }), {
    code: 'PUBSUB_STORE',
    message: `what stands in /d/log-1 at byte ${lines(header('log')).length} is not taken: not that`,
  })
  await rejects(t, store.saved(), { code: 'PUBSUB_STORE', message: /not taken/ }, 'and it says why it is not open')
  t.equal((await store.open(keeper)).entries, 1)
  await store.close()
})
