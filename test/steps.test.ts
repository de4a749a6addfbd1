import { getEventListeners } from 'node:events'
import t from 'tap'
import { Steps, timeoutsOf, unless } from '../src/steps.ts'
import { HandClock } from './helper/clock.ts'
import { rejects } from './helper/rejects.ts'

const timeouts = { resolve: 1000, connect: 2000, tls: 3000, negotiation: 4000 }

t.test('limits: one for all, some, none said', async t => {
  t.same(timeoutsOf(7), { resolve: 7, connect: 7, tls: 7, negotiation: 7 })
  t.same(timeoutsOf(), { resolve: 10_000, connect: 20_000, tls: 20_000, negotiation: 30_000 })
  t.same(timeoutsOf({ tls: 5 }), { ...timeoutsOf(), tls: 5 })
  for (const ms of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
    t.throws(() => timeoutsOf(ms), RangeError, `${ms}`)
    t.throws(() => timeoutsOf({ connect: ms }), { message: /connect/ }, `connect: ${ms}`)
  }
})

t.test('a step that takes too long names itself', async t => {
  const clock = new HandClock()
  const steps = new Steps({ clock, timeouts, signal: undefined })
  steps.enter('resolve', 'no addresses')
  await clock.advance(999)
  steps.enter('connect', 'no connection')
  await clock.advance(1999)
  t.equal(steps.signal.aborted, false)
  await clock.advance(1)
  t.match(steps.signal.reason, { code: 'XMPP_TIMEOUT', message: 'no connection within 2 s' })
  t.equal(steps.current, 'connect')
  steps.end()
  t.equal(clock.pending, 0)
})

t.test('a step that is interrupted goes on with what was left of its time', async t => {
  const clock = new HandClock()
  const steps = new Steps({ clock, timeouts, signal: undefined })
  steps.enter('negotiation', 'no login')
  await clock.advance(1500)
  steps.enter('tls', 'no TLS')
  await clock.advance(2999)
  steps.enter('negotiation', 'no login')
  await clock.advance(2499)
  t.equal(steps.signal.aborted, false)
  await clock.advance(1)
  t.match(steps.signal.reason, { message: 'no login within 4 s' })
  steps.end()
})

t.test('the caller is listened to until the end', async t => {
  const clock = new HandClock()
  const controller = new AbortController()
  const steps = new Steps({ clock, timeouts, signal: controller.signal })
  steps.enter('tls', 'x')
  t.equal(getEventListeners(controller.signal, 'abort').length, 1)
  const reason = new Error('enough')
  controller.abort(reason)
  t.equal(steps.signal.reason, reason)
  steps.end()
  steps.end()
  t.equal(clock.pending, 0)
  t.equal(getEventListeners(controller.signal, 'abort').length, 0)
  t.equal(new Steps({ clock, timeouts, signal: controller.signal }).signal.reason, reason)
})

t.test('work that knows nothing of signals', async t => {
  const controller = new AbortController()
  const { signal } = controller
  t.equal(await unless(signal, Promise.resolve(1)), 1)
  await rejects(t, unless(signal, Promise.reject(new Error('why'))), { message: 'why' })
  t.equal(getEventListeners(signal, 'abort').length, 0)
  const never = unless(signal, new Promise(() => {}))
  controller.abort(new Error('enough'))
  await rejects(t, never, { message: 'enough' })
  await rejects(t, unless(signal, Promise.reject(new Error('too late'))), { message: 'enough' })
  t.equal(getEventListeners(signal, 'abort').length, 0)
})
