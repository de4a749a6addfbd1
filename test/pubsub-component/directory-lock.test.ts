import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { DirectoryStore } from '../../src/pubsub-component/directory/directory-store.ts'
import { type Release, takeLock } from '../../src/pubsub-component/directory/lock.ts'
import { HandClock } from '../helper/clock.ts'
import { Random } from '../helper/random.ts'
import { rejects } from '../helper/rejects.ts'
import { childMaker } from './children.ts'
import { Keeper, place } from './keeper.ts'

const digits = (number: number): string => number.toString(16).padStart(16, '0')

/** A socket of somebody who says nothing; closing it leaves the file there, as a killed process does. */
async function silent(path: string): Promise<Server> {
  const server = createServer().listen(`${path}.listening`)
  await new Promise(resolve => server.once('listening', resolve))
  renameSync(`${path}.listening`, path)
  return server
}

const closed = (server: Server): Promise<unknown> => new Promise(resolve => server.close(resolve))

t.test('a killed process loses nothing that was saved, and is in nobody’s way', async t => {
  const start = childMaker(t)
  const random = new Random(11)
  const path = place(t)
  let saved = 0
  let snapshots = 0
  let interrupted = 0
  for (let round = 0; round < 30; round++) {
    const child = start(path, `${round}`)
    const kinds = [
      () => child.says('start'),
      () => child.says('open'),
      () => child.says('saved', 1 + random.under(60)),
      () => child.says('snapshot', 1 + random.under(40)),
      () => child.says('snapshot', 1 + random.under(40)),
    ]
    await random.pick(kinds)()
    child.process.kill('SIGKILL')
    await child.over
    const wrong = child.said.filter(line => /^(refused|trouble)/.test(line))
    if (wrong.length > 0) t.fail(`round ${round}`, { wrong })
    for (const line of child.said) {
      if (line.startsWith('saved ')) saved = Number(line.slice(6))
      if (line === 'snapshot') snapshots++
    }
    if (readdirSync(path).some(name => name.endsWith('.tmp'))) interrupted++
    // Every other time it is the next process that opens what this one has left.
    if (round % 2 > 0) continue
    const store = new DirectoryStore({ path, compactBytes: 4096, pieceBytes: 256 })
    const keeper = new Keeper()
    const { damage } = await store.open(keeper)
    const count = keeper.count()
    if (count === undefined || count < saved) t.fail(`round ${round}: ${count} are there, ${saved} were saved`)
    if (damage.some(text => !text.endsWith('is no whole entry and cut off'))) t.fail(`round ${round}`, { damage })
    await store.close()
  }
  t.ok(saved > 100, `${saved} saved, ${interrupted} snapshots interrupted`)
  t.ok(snapshots > 0)
})

t.test('two processes', async t => {
  const start = childMaker(t)
  const path = place(t)
  const holder = start(path, '0', 'once')
  await holder.says('open')
  const second = new DirectoryStore({ path })
  const message = `${path} is in use by process ${holder.process.pid}: two cannot keep their things in one place; end the other one, or use another directory`
  await rejects(t, second.open(new Keeper()), { code: 'PUBSUB_STORE', message })
  await rejects(t, second.saved(), { code: 'PUBSUB_STORE', message })
  const other = start(path, '0', 'once')
  await other.over
  t.match(other.said, ['start', /^refused .* in use by process/])
  holder.process.kill('SIGKILL')
  await holder.over
  t.equal(readdirSync(path).filter(name => name.startsWith('lock-')).length, 1, 'its socket is left')
  await second.open(new Keeper())
  await second.close()
  t.strictSame(readdirSync(path), ['log-1'])

  const many = Array.from({ length: 5 }, () => start(path, '0', 'once'))
  await Promise.all(many.map(child => Promise.race([child.says('open'), child.says('refused')])))
  t.equal(many.filter(child => child.said.includes('open')).length, 1, 'of those who come at once there is one')
})

t.test('two stores of one process', async t => {
  const path = place(t)
  const one = new DirectoryStore({ path })
  const other = new DirectoryStore({ path: `${path}/../store/` })
  await one.open(new Keeper())
  await rejects(t, other.open(new Keeper()), { code: 'PUBSUB_STORE', message: /in use by this process/ })
  await one.close()
  await other.open(new Keeper())
  await other.close()
})

t.test('of many who come at once, with leftovers in their way, exactly one gets it', async t => {
  const path = place(t)
  mkdirSync(path)
  for (let round = 0; round < 20; round++) {
    for (let left = 0; left < 3; left++) await closed(await silent(join(path, `lock-${digits(round * 3 + left)}`)))
    const tries = await Promise.allSettled(Array.from({ length: 6 }, () => takeLock(path)))
    const releases = tries.filter((each): each is PromiseFulfilledResult<Release> => each.status === 'fulfilled')
    if (releases.length !== 1) t.fail(`round ${round}: ${releases.length} have it`)
    for (const each of tries) if (each.status === 'rejected') t.match(each.reason, { code: 'PUBSUB_STORE' })
    for (const { value } of releases) await value()
  }
  t.strictSame(readdirSync(path), [], 'and what was left over is gone')
})

t.test('what is in the way of a lock', async t => {
  const path = place(t)
  mkdirSync(path)
  // No socket, and sockets of those who were killed before they listened.
  writeFileSync(join(path, `lock-${digits(1)}`), 'mine')
  await closed(await silent(join(path, `lock-${digits(2)}.new`)))
  const release = await takeLock(path)
  t.equal(readdirSync(path).length, 2)
  await release()
  t.strictSame(readdirSync(path), [`lock-${digits(1)}`])

  const clock = new HandClock()
  const server = await silent(join(path, `lock-${'f'.repeat(16)}`))
  const asked = new Promise(resolve => server.once('connection', resolve))
  const taking = takeLock(path, clock)
  taking.catch(() => {})
  await asked
  await clock.advance(5000)
  await rejects(t, taking, { code: 'PUBSUB_STORE', message: /in use by another process/ }, 'one that hangs is alive')
  await closed(server)
  await (await takeLock(path))()
})

t.test('a directory with a long path', async t => {
  const path = join(place(t), ...Array.from({ length: 5 }, () => 'd'.repeat(60)))
  mkdirSync(path, { recursive: true })
  if (process.platform !== 'linux') return rejects(t, takeLock(path), { code: 'PUBSUB_STORE', message: /too long/ })
  const release = await takeLock(path)
  await rejects(t, takeLock(path), { code: 'PUBSUB_STORE', message: /in use by this process/ })
  await release()
  t.strictSame(readdirSync(path), [])
  await (await takeLock(path))()
  rmSync(path, { recursive: true })
  await rejects(t, takeLock(path), { code: 'PUBSUB_STORE', message: /ENOENT/ })
})
