import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Entry } from '../../src/pubsub/store.ts'
import { crc32, tableCrc32 } from '../../src/pubsub-component/directory/crc32.ts'
import { DirectoryStore } from '../../src/pubsub-component/directory/directory-store.ts'
import { MAX_TEXT, readLines } from '../../src/pubsub-component/directory/lines.ts'
import { Random } from '../helper/random.ts'
import { rejects } from '../helper/rejects.ts'
import { DIR, entries, entry, header, inMemory, Keeper, lines, opened, place } from './keeper.ts'
import { MemoryFiles, type Operation } from './memory-files.ts'

/** All calls of a kind since the last time. */
function watch(files: MemoryFiles): (kind: Operation['kind']) => Operation[] {
  let from = files.operations.length
  return kind => {
    const some = files.operations.slice(from).filter(each => each.kind === kind)
    from = files.operations.length
    return some
  }
}

t.test('what was saved is there again, in its order', async t => {
  const path = place(t)
  const { store, report } = await opened({ path })
  t.strictSame(report, { entries: 0, bytes: 0, damage: [] })
  await store.saved()
  for (const each of entries(1, 20)) store.append(each)
  await store.saved()
  for (const each of entries(21, 25)) store.append(each)
  await store.close()
  t.equal(statSync(path).mode & 0o777, 0o700)
  t.strictSame(readdirSync(path), ['log-1'])
  t.equal(statSync(join(path, 'log-1')).mode & 0o777, 0o600)
  const text = readFileSync(join(path, 'log-1'), 'utf8')
  t.equal(text, lines(header('log'), ...entries(1, 25)))
  t.match(text, /^[0-9a-f]{8} \{"format":"res-xmpp pubsub log","version":1\}\n[0-9a-f]{8} \[/)
  const again = await opened({ path })
  t.strictSame(again.keeper.restored, entries(1, 25))
  t.strictSame(again.report, { entries: 25, bytes: Buffer.byteLength(text), damage: [] })
  again.store.append(entry(26))
  await again.store.close()
  const third = await opened({ path })
  t.strictSame(third.keeper.restored, entries(1, 26))
  await third.store.close()
})

t.test('a store that is not open takes and saves nothing', async t => {
  const files = new MemoryFiles()
  const store = new DirectoryStore({ path: DIR, files, lock: async () => async () => {} })
  store.append(entry(1))
  await rejects(t, store.saved(), { code: 'PUBSUB_STORE', message: 'the store is not open' })
  await store.close()
  const keeper = new Keeper()
  await store.open(keeper)
  await rejects(t, store.open(keeper), { code: 'PUBSUB_STORE', message: /open already/ })
  store.append(entry(1))
  await store.saved()
  const [closed, opening] = [store.close(), store.open(keeper)]
  await closed
  t.equal((await opening).entries, 1, 'one after the other')
  await store.close()
  await store.close()
  store.append(entry(2))
  await rejects(t, store.saved(), { code: 'PUBSUB_STORE' })
  await rejects(t, new DirectoryStore({ path: '' }).open(keeper), { code: 'PUBSUB_STORE', message: /empty/ })
})

t.test('what comes together is written and synced together', async t => {
  const files = new MemoryFiles()
  const { store } = await inMemory(files)
  const since = watch(files)
  const first: Promise<void>[] = []
  for (let number = 1; number <= 500; number++) {
    store.append(entry(number))
    first.push(store.saved())
  }
  t.equal(first[0] === first[1], false)
  const syncing = files.hold(({ kind }) => kind === 'datasync')
  await syncing.reached
  let some = 0
  for (let number = 501; number <= 1000; number++) {
    store.append(entry(number))
    void store.saved().then(() => some++)
  }
  const all = store.saved()
  t.equal(all, store.saved(), 'one promise for those who wait for the same')
  t.strictSame(since('datasync').length, 1)
  syncing.go()
  const next = files.hold(({ kind }) => kind === 'datasync')
  await Promise.all(first)
  await next.reached
  t.equal(store.saved(), all, 'what comes too late for a sync is not saved by it')
  t.equal(some, 0)
  next.go()
  await all
  t.equal(some, 500)
  t.equal(since('datasync').length, 1)
  await store.saved()
  t.strictSame(since('datasync'), [], 'what is saved needs nothing')
  await store.close()
  t.equal(String(files.files(DIR)['log-1']), lines(header('log'), ...entries(1, 1000)), 'all once, in their order')
})

t.test('much is written in pieces, and in one sync', async t => {
  const files = new MemoryFiles()
  const { store } = await inMemory(files, { pieceBytes: 2000 })
  const since = watch(files)
  for (const each of entries(1, 100)) store.append(each)
  await store.saved()
  const from = files.operations.length
  const written = files.operations.slice(0, from).filter(({ kind }) => kind === 'write')
  t.ok(written.length > 10)
  t.ok(written.every(({ bytes = 0 }) => bytes <= 2000))
  t.equal(since('datasync').length, 1)
  const large: Entry = [{ op: 'retract', node: 'n', ids: ['é'.repeat(5000)] }]
  store.append(large)
  await store.close()
  const again = await inMemory(files, { pieceBytes: 2000 })
  t.strictSame(again.keeper.restored, [...entries(1, 100), large], 'one larger than a piece too')
  await again.store.close()
})

t.test('a system that writes less than it is given', async t => {
  const files = new MemoryFiles()
  const { open } = files
  files.open = async (path, flags) => {
    const file = await open.call(files, path, flags)
    return { ...file, write: (bytes, offset, length, at) => file.write(bytes, offset, Math.min(length, 7), at) }
  }
  const { store } = await inMemory(files)
  for (const each of entries(1, 10)) store.append(each)
  await store.close()
  const again = await inMemory(files)
  t.strictSame(again.keeper.restored, entries(1, 10))
  await again.store.close()
})

t.test('lines end at newlines, wherever chunks end', async t => {
  const random = new Random(7)
  const texts = ['"é€😀"', '[]', '{"a":"\\n"}', `"${'x'.repeat(300)}"`, `"${'€'.repeat(100)}"`, '1']
  const bytes = Buffer.from(lines(...texts.map(text => JSON.parse(text))))
  for (let piece = 1; piece < 700; piece += 1 + random.under(30)) {
    const found: unknown[] = []
    let behind = 0
    const reader = {
      read: async (buffer: Uint8Array, offset: number, length: number, position: number) => {
        const some = bytes.subarray(position, position + 1 + random.under(length))
        buffer.set(some, offset)
        return some.length
      },
    }
    const read = await readLines(reader, piece, ({ from, to, ended, value }) => {
      if (from !== behind || !ended || bytes[to - 1] !== 10) t.fail('a line is not where it should be')
      behind = to
      found.push(value)
    })
    t.equal(read, bytes.length)
    t.strictSame(
      found,
      texts.map(text => JSON.parse(text)),
      `pieces of ${piece}`,
    )
  }
})

t.test('CRC-32', async t => {
  for (const each of [crc32, tableCrc32]) {
    t.equal(each(Buffer.from('123456789')), 0xcbf43926)
    t.equal(each(Buffer.alloc(0)), 0)
  }
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, index) => (index * 7919) & 0xff))
  t.equal(crc32(bytes), tableCrc32(bytes))
})

t.test('of two generations the older is removed, and a whole newer one is used', async t => {
  const files = MemoryFiles.of(DIR, {
    'log-1': lines(header('log'), ...entries(1, 3)),
    'log-2': lines(header('log'), entry(4)),
    'snapshot-2': lines(header('snapshot'), entry(3), { complete: 1 }),
  })
  const { store, keeper, report } = await inMemory(files)
  t.strictSame(keeper.restored, entries(3, 4))
  t.strictSame(report.damage, [])
  await store.close()
  t.strictSame(Object.keys(files.left('synced').files(DIR)).sort(), ['log-2', 'snapshot-2'])
})

t.test('an entry that is too large is not kept, and nobody is told that it was', async t => {
  const { store } = await inMemory(new MemoryFiles())
  store.append(entry(1))
  store.append([{ op: 'retract', node: 'n', ids: ['x'.repeat(MAX_TEXT)] }])
  store.append(entry(2))
  await rejects(t, store.saved(), { code: 'PUBSUB_STORE', message: /more than 67108864 bytes/ })
  const again = new Keeper()
  await store.open(again)
  t.ok(again.restored.length <= 1)
  store.append(entry(3))
  await store.close()
})

t.test('when the system does not let it', async t => {
  const path = place(t)
  writeFileSync(path, '')
  const refused = (where: string, message: RegExp) =>
    rejects(t, new DirectoryStore({ path: where }).open(new Keeper()), { code: 'PUBSUB_STORE', message })
  await refused(path, /cannot read \S+store: not a directory \(ENOTDIR\); use a path that leads to a directory/)
  await refused(join(path, 'x'), /ENOTDIR/)
  await refused(
    `${path}-none/x`,
    /cannot make the directory \S+-none\/x: .*ENOENT\); make the directory \S+-none first/,
  )
  const kinds = ['mkdir', 'open', 'readdir', 'write', 'datasync', 'sync'] as const
  for (const kind of kinds)
    for (const [code, advice] of [
      ['EACCES', /\(EACCES\); let the user/],
      ['EROFS', /\(EROFS\); mount/],
      ['ENOSPC', /\(ENOSPC\); make room/],
      ['EIO', /\(EIO\); the disk/],
    ] as const) {
      const files = new MemoryFiles()
      files.fault = each => (each.kind === kind && each.path.startsWith(DIR) ? code : undefined)
      let released = 0
      const lock = async () => async () => void released++
      await rejects(t, inMemory(files, { lock }), { code: 'PUBSUB_STORE', message: advice })
      t.equal(released, kind === 'mkdir' ? 0 : 1)
      files.fault = () => undefined
      const { store } = await inMemory(files)
      await store.close()
    }
  const files = new MemoryFiles()
  files.fault = ({ path, kind }) => (path === '/' && kind === 'open' ? 'EACCES' : undefined)
  const { store } = await inMemory(files)
  await store.close()
  files.fault = ({ path, kind }) => (path === DIR && kind === 'sync' ? 'EINVAL' : undefined)
  await (await inMemory(files)).store.close()
})

t.test('a full disk: nothing is taken until it is opened again', async t => {
  for (const kind of ['write', 'datasync'] as const) {
    const files = new MemoryFiles()
    const store = new DirectoryStore({ path: DIR, files, lock: async () => async () => {} })
    await store.open(new Keeper())
    store.append(entry(1))
    await store.saved()
    const syncing = files.hold(operation => operation.kind === kind)
    store.append(entry(2))
    const second = store.saved()
    await syncing.reached
    files.fault = operation => (operation.kind === kind ? 'ENOSPC' : undefined)
    store.append(entry(3))
    const third = store.saved()
    syncing.go()
    const wanted = { code: 'PUBSUB_STORE', message: /^cannot write \/d\/log-1: no space .*make room/ }
    await rejects(t, second, wanted)
    await rejects(t, third, wanted)
    store.append(entry(4))
    await rejects(t, store.saved(), wanted)
    await rejects(t, store.saved(), wanted, 'until it is opened again')
    if (kind === 'datasync') await rejects(t, store.open(new Keeper()), wanted, 'for which the system must let it')
    files.fault = () => undefined
    const keeper = new Keeper()
    t.strictSame((await store.open(keeper)).damage, [], 'what was not saved is cut off, and no damage')
    t.strictSame(keeper.restored, [entry(1)])
    store.append(entry(5))
    await store.saved()
    files.fault = operation => (operation.kind === kind ? 'EIO' : undefined)
    store.append(entry(6))
    await rejects(t, store.close(), { code: 'PUBSUB_STORE', message: /EIO/ }, 'closing says what it could not save')
    files.fault = () => undefined
    const again = await inMemory(files)
    t.strictSame(again.keeper.restored.slice(0, 2), [entry(1), entry(5)])
    await again.store.close()
  }
})

t.test('a log is replaced by a snapshot while appending goes on', async t => {
  const files = new MemoryFiles()
  const troubles: string[] = []
  const options = { compactBytes: 5000, pieceBytes: 256, onTrouble: (text: string) => void troubles.push(text) }
  const { store, keeper } = await inMemory(files, options)
  let number = 0
  const append = (): void => {
    keeper.apply(entry(++number))
    store.append(entry(number))
  }
  // Each node of a snapshot brings another entry.
  keeper.onSnapshot = append
  const writing = files.hold(({ kind, path }) => kind === 'write' && path.endsWith('.tmp'))
  let begun = false
  void writing.reached.then(() => {
    begun = true
  })
  while (!begun) {
    append()
    await store.saved()
  }
  t.strictSame(Object.keys(files.files(DIR)).sort(), ['log-1', 'log-2', 'snapshot-2.tmp'])
  for (let more = 0; more < 20; more++) {
    append()
    await store.saved()
  }
  t.pass('what is appended does not wait for the snapshot')
  const renamed = files.hold(({ kind }) => kind === 'rename')
  writing.go()
  await renamed.reached
  const removed = files.hold(({ kind, path }) => kind === 'unlink' && path === '/d/log-1')
  renamed.go()
  await removed.reached
  const before = files.left('synced')
  t.strictSame(Object.keys(before.files(DIR)).sort(), ['log-1', 'log-2', 'snapshot-2'], 'the new is there for good')
  removed.go()
  await store.close()
  t.strictSame(troubles, [])
  t.strictSame(Object.keys(files.left('synced').files(DIR)).sort(), ['log-2', 'snapshot-2'])
  for (const left of [before, files.left('synced')]) {
    const again = await inMemory(left)
    t.strictSame(again.report.damage, [])
    if (left !== before) t.strictSame(again.keeper.state, Keeper.after(number))
    t.ok(again.keeper.count())
    await again.store.close()
  }
})

t.test('a snapshot that cannot be made fails no one, and is tried again', async t => {
  const files = new MemoryFiles()
  const troubles: string[] = []
  const options = { compactBytes: 2000, pieceBytes: 256, onTrouble: (text: string) => void troubles.push(text) }
  const { store, keeper } = await inMemory(files, options)
  let number = 0
  const append = async (): Promise<void> => {
    keeper.apply(entry(++number))
    store.append(entry(number))
    await store.saved()
  }
  const faults: [(operation: Operation) => boolean, RegExp][] = [
    [({ kind, path }) => kind === 'open' && path.endsWith('log-2'), /cannot make \/d\/log-2: no space/],
    [({ kind, path }) => kind === 'write' && path.endsWith('.tmp'), /cannot write \/d\/snapshot-3.tmp: no space/],
    [({ kind, path }) => kind === 'rename' && path.endsWith('.tmp'), /cannot rename \/d\/snapshot-4.tmp/],
    [({ kind, path }) => kind === 'sync' && path.endsWith('.tmp'), /cannot write \/d\/snapshot-5.tmp/],
  ]
  for (const [fits, message] of faults) {
    files.fault = operation => (fits(operation) ? 'ENOSPC' : undefined)
    const until = troubles.length + 1
    while (troubles.length < until) await append()
    t.match(troubles.at(-1), /^no snapshot could be made, so the logs grow on until it is tried again: /)
    t.match(troubles.at(-1), message)
    t.notOk(Object.keys(files.files(DIR)).some(name => name.endsWith('.tmp')))
    const bytes = Object.values(files.files(DIR)).reduce((sum, { length }) => sum + length, 0)
    for (let more = 0; more < 3; more++) await append()
    t.equal(troubles.length, until, `not at once, with ${bytes} bytes`)
  }
  keeper.onSnapshot = () => {
    throw new TypeError('no')
  }
  files.fault = () => undefined
  while (troubles.length < 5) await append()
  t.match(troubles.at(-1), /tried again: no$/)
  keeper.onSnapshot = () => {}
  files.fault = ({ kind, path }) => (kind === 'unlink' && path === '/d/log-1' ? 'EIO' : undefined)
  while (troubles.length < 6) await append()
  t.match(troubles.at(-1), /^what is not needed any more could not be removed: cannot remove \/d\/log-1/)
  files.fault = () => undefined
  while (files.files(DIR)['log-1'] !== undefined) await append()
  await store.close()
  t.equal(troubles.length, 6)
  const again = await inMemory(files.left('synced'))
  t.equal(again.keeper.count(), number)
  t.strictSame(again.report.damage, [])
  await again.store.close()
})

t.test('closing ends a snapshot that is being made, and removes it', async t => {
  const files = new MemoryFiles()
  const { store, keeper } = await inMemory(files, { compactBytes: 1000, pieceBytes: 64 })
  const writing = files.hold(({ kind, path }) => kind === 'write' && path.endsWith('.tmp'))
  for (const each of entries(1, 30)) {
    keeper.apply(each)
    store.append(each)
  }
  await writing.reached
  const closed = store.close()
  writing.go()
  await closed
  t.equal(keeper.snapshots, 1, 'whoever makes it may clear up')
  t.strictSame(Object.keys(files.files(DIR)).sort(), ['log-1', 'log-2'])
  const again = await inMemory(files, { compactBytes: 1000 })
  t.equal(again.keeper.count(), 30)
  const removed = files.hold(({ kind, path }) => kind === 'unlink' && path === '/d/log-2')
  await removed.reached
  removed.go()
  await again.store.close()
  t.strictSame(Object.keys(files.files(DIR)).sort(), ['log-3', 'snapshot-3'], 'what was due is done when it is opened')
})
