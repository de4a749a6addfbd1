import t, { type Test } from 'tap'
import { systemClock } from '../src/clock.ts'

const MOST = 2 ** 31 - 1

/** Has Node's timers go off when told, and tells for how long they were set. */
function byHand(t: Test): { readonly set: number[]; next(): void; readonly pending: number } {
  const set: number[] = []
  const pending: (() => void)[] = []
  const real = { setTimeout, clearTimeout }
  t.teardown(() => Object.assign(globalThis, real))
  Object.assign(globalThis, {
    setTimeout: (fn: () => void, ms: number) => {
      set.push(ms)
      pending.push(fn)
      return fn
    },
    clearTimeout: (fn: () => void) => void pending.splice(pending.indexOf(fn), 1),
  })
  return {
    set,
    next: () => pending.shift()?.(),
    get pending() {
      return pending.length
    },
  }
}

t.test('the clock of the process', async t => {
  t.ok(Math.abs(systemClock.now() - Date.now()) < 1000)
  const order: string[] = []
  await new Promise<void>(resolve => {
    const cancel = systemClock.after(1, () => order.push('cancelled'))
    systemClock.after(20, () => {
      order.push('late')
      resolve()
    })
    cancel()
    cancel()
  })
  t.same(order, ['late'])
})

t.test('longer than one of Node’s timers can wait', t => {
  const timers = byHand(t)
  let done = 0
  systemClock.after(MOST * 2 + 5, () => done++)
  timers.next()
  timers.next()
  t.equal(done, 0)
  timers.next()
  t.equal(done, 1)
  t.strictSame(timers.set, [MOST, MOST, 5])
  const cancel = systemClock.after(MOST + 1, () => done++)
  timers.next()
  cancel()
  t.equal(timers.pending, 0, 'cancelled in its second part')
  t.equal(done, 1)
  t.end()
})

t.test('for ever', t => {
  const timers = byHand(t)
  systemClock.after(Number.POSITIVE_INFINITY, () => t.fail('never'))()
  t.strictSame(timers.set, [])
  t.end()
})
