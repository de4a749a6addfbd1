import t from 'tap'
import { Troubles } from '../../../src/account/distribution/troubles.ts'
import { StanzaError, XmppError } from '../../../src/errors.ts'
import { HandClock } from '../../helper/clock.ts'

function setUp() {
  const clock = new HandClock()
  const told: string[] = []
  let tries = 0
  let well = 0
  const troubles = new Troubles(clock, text => told.push(text), {
    again: () => void tries++,
    onWell: () => void well++,
  })
  troubles.start()
  return { clock, troubles, told, tries: () => tries, well: () => well }
}

const busy = (): StanzaError => new StanzaError('wait', 'resource-constraint')
const denied = (): StanzaError => new StanzaError('auth', 'forbidden')
const nobody = (): StanzaError => new StanzaError('cancel', 'service-unavailable')

t.test('pauses grow from 1 to 300 s, and begin anew once it has worked', async t => {
  const { clock, troubles, told } = setUp()
  for (let week = 1; week <= 2; week++) {
    for (const seconds of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
      troubles.retry('publish', 'it', busy())
      t.equal(clock.next, seconds * 1000)
      await clock.advance(seconds * 1000)
    }
    t.equal(told.length, week, 'once until it works')
    troubles.solved('publish')
    t.equal(clock.pending, 0)
  }
})

t.test('each has pauses of its own, and the soonest is when all are tried', async t => {
  const { clock, troubles, tries } = setUp()
  for (const seconds of [1, 2, 4]) {
    troubles.retry('old', 'it', busy())
    await clock.advance(seconds * 1000)
  }
  troubles.retry('old', 'it', busy())
  t.equal(clock.next, 8000)
  await clock.advance(8000)
  troubles.retry('new', 'it', busy())
  t.equal(clock.next, 1000)
  troubles.retry('old', 'it', busy())
  await clock.advance(1000)
  t.equal(tries(), 5)
  troubles.solved('new')
  troubles.retry('old', 'it', busy())
  t.equal(clock.next, 32_000)
})

t.test('many at a time are one failure', async t => {
  const { clock, troubles, told } = setUp()
  for (let count = 0; count < 16; count++) troubles.retry('publish', 'it', denied())
  t.strictSame(told, [], 'a denial is not told the first time')
  await clock.advance(1000)
  for (let count = 0; count < 16; count++) troubles.retry('publish', 'it', denied())
  t.equal(told.length, 1)
  t.equal(clock.next, 2000)
})

t.test('a denial is told the second time, and again after it had worked', async t => {
  const { clock, troubles, told } = setUp()
  for (let time = 1; time <= 2; time++) {
    troubles.retry('publish', 'it', denied())
    t.equal(told.length, time - 1)
    await clock.advance(1000)
    troubles.retry('publish', 'it', denied(), 'a hint')
    t.equal(told.length, time)
    t.match(told.at(-1), /^it: .*forbidden.*; a hint$/)
    troubles.solved('publish')
    await clock.advance(300_000)
  }
  troubles.retry('publish', 'it', denied())
  await clock.advance(1000)
  troubles.retry('publish', 'it', busy())
  t.match(told.at(-1), /resource-constraint/, 'another reason is told at once')
})

t.test('that nobody is there is one trouble, whatever was wanted', async t => {
  const { clock, troubles, told } = setUp()
  troubles.retry('one', 'it', nobody())
  troubles.retry('two', 'it', nobody())
  troubles.answered('answer')
  await clock.advance(1000)
  troubles.retry('two', 'it', nobody())
  t.equal(clock.next, 2000)
  t.equal(told.length, 1)
  troubles.solved('one')
  troubles.retry('two', 'it', nobody())
  t.equal(told.length, 2, 'it had worked since')
})

t.test('a service that does not answer is told of in each outage', async t => {
  const { clock, troubles, told } = setUp()
  const silence = (): XmppError => new XmppError('XMPP_TIMEOUT', 'no answer')
  for (let outage = 1; outage <= 2; outage++) {
    for (const seconds of [1, 2]) {
      troubles.retry('answer', 'it', silence())
      t.equal(clock.next, seconds * 1000)
      await clock.advance(seconds * 1000)
    }
    t.equal(told.length, outage)
    troubles.answered('answer')
  }
})

t.test('one error that fails two things is told once', async t => {
  const { troubles, told } = setUp()
  const error = busy()
  troubles.retry('create', 'it cannot be created', error)
  troubles.retry('publish', 'nothing can be published', error)
  t.match(told, [/^it cannot be created: /])
})

t.test('what is told only is not tried again', async t => {
  const { clock, troubles, told } = setUp()
  troubles.tell('owners', 'it', denied())
  troubles.tell('owners', 'it', denied())
  t.equal(told.length, 1)
  t.equal(clock.pending, 0)
  troubles.retry('publish', 'it', busy())
  t.equal(clock.next, 1000)
})

t.test('soon is in a second, and not later than that', async t => {
  const { clock, troubles, told, tries } = setUp()
  troubles.soon()
  troubles.soon()
  t.equal(clock.next, 1000)
  await clock.advance(1000)
  t.equal(tries(), 1)
  t.equal(clock.pending, 0)
  t.strictSame(told, [])
})

t.test('who is sooner waits for nobody who is later', async t => {
  const { clock, troubles, tries } = setUp()
  for (const seconds of [1, 2, 4, 8, 16, 32]) {
    troubles.retry('old', 'it', busy())
    await clock.advance(seconds * 1000)
  }
  troubles.retry('old', 'it', busy())
  t.equal(clock.next, 64_000)
  await clock.advance(10_000)
  troubles.soon()
  t.equal(clock.next, 1000)
  t.equal(clock.pending, 1)
  await clock.advance(500)
  troubles.retry('new', 'it', busy())
  t.equal(clock.next, 500, 'what is due sooner stays so')
  await clock.advance(500)
  t.equal(tries(), 7)
})

t.test('what is tried no more, though nobody says that it works, makes nothing sooner', async t => {
  const { clock, troubles } = setUp()
  troubles.retry('create', 'it', busy())
  for (const seconds of [1, 2, 4, 8]) {
    troubles.retry('publish', 'it', busy())
    t.equal(clock.next, seconds * 1000)
    await clock.advance(seconds * 1000)
  }
})

t.test('no timer without a connection, whatever comes late', async t => {
  const { clock, troubles, tries } = setUp()
  troubles.retry('publish', 'it', busy())
  troubles.stop()
  t.equal(clock.pending, 0)
  troubles.retry('publish', 'it', busy())
  troubles.soon()
  t.equal(clock.pending, 0)
  await clock.advance(600_000)
  t.equal(tries(), 0)
  troubles.start()
  troubles.retry('publish', 'it', busy())
  t.equal(clock.next, 2000, 'it is the same trouble in another connection')
})

t.test('that all works again is told once, if anything was told', async t => {
  const { troubles, told, well } = setUp()
  troubles.retry('publish a', 'a', busy())
  troubles.retry('publish b', 'b', busy())
  troubles.tell('item c', 'c', new StanzaError('modify', 'not-acceptable'))
  troubles.solved('publish a')
  t.equal(well(), 0)
  troubles.solved('publish b')
  t.equal(well(), 1, 'what is not tried again does not count')
  troubles.solved('publish b')
  t.equal(well(), 1)
  t.equal(told.length, 3)
})

t.test('of many alike a few are told', async t => {
  const { troubles, told } = setUp()
  for (let leaf = 0; leaf < 60; leaf++) troubles.retry(`create ${leaf}`, `${leaf} cannot be created`, busy())
  t.strictSame(told, [
    '0 cannot be created: resource-constraint',
    '1 cannot be created: resource-constraint',
    '2 cannot be created: resource-constraint (there may be more of these, and they are not told)',
  ])
  for (let leaf = 0; leaf < 60; leaf++) troubles.solved(`create ${leaf}`)
  troubles.retry('create 7', '7 cannot be created', busy())
  t.equal(told.length, 4)
})
