import t from 'tap'
import { type Outcome, type Publication, Publisher } from '../../../src/account/distribution/publisher.ts'
import { HandClock } from '../../helper/clock.ts'
import { settled } from '../../helper/pair.ts'
import { Random } from '../../helper/random.ts'

/** A publisher, and a service that answers when the test says so. */
function setUp(open = true) {
  const underway: { readonly text: string; readonly end: (outcome: Outcome) => void }[] = []
  const sent: string[] = []
  const publisher = new Publisher<Publication>(
    ({ key, says }) =>
      new Promise(resolve => {
        const text = `${key}=${says}`
        sent.push(text)
        underway.push({ text, end: resolve })
      }),
  )
  if (open) publisher.open()
  const at = (text: string): number => {
    const index = underway.findIndex(each => each.text === text)
    if (index < 0) throw new Error(`${text} is not under way, but ${underway.map(({ text }) => text)}`)
    return index
  }
  return {
    publisher,
    put: (...texts: string[]): void => {
      for (const text of texts) {
        const [key = '', says = ''] = text.split('=')
        publisher.put({ key, says })
      }
    },
    /** What has been sent since the last call. */
    sent: (): string[] => sent.splice(0),
    underway: (): string[] => underway.map(({ text }) => text),
    /** The service answers. */
    async end(text: string, outcome: Outcome = 'done'): Promise<void> {
      underway.splice(at(text), 1)[0]?.end(outcome)
      await settled()
    },
  }
}

const names = (count: number, from = 0): string[] => Array.from({ length: count }, (_, at) => `d${at + from}`)

t.test('nothing goes before it is opened, and then in order', async t => {
  const { publisher, put, sent } = setUp(false)
  put('b=1', 'a=1', 'c=1', 'b=2')
  t.strictSame(sent(), [])
  t.equal(publisher.size, 3)
  publisher.open()
  t.strictSame(sent(), ['b=2', 'a=1', 'c=1'], 'the last state, in the place of the first')
  t.equal(publisher.size, 3, 'they are under way')
})

t.test('at most 16 at once; what waits keeps its place and takes its last state', async t => {
  const { publisher, put, sent, end, underway } = setUp()
  put(...names(20).map(name => `${name}=1`))
  t.equal(underway().length, 16)
  t.strictSame(
    sent(),
    names(16).map(name => `${name}=1`),
  )
  put('d19=2', 'd17=2', 'd17=3')
  t.strictSame(sent(), [])
  for (const name of names(4)) await end(`${name}=1`)
  t.strictSame(sent(), ['d16=1', 'd17=3', 'd18=1', 'd19=2'])
  for (const text of underway()) await end(text)
  t.equal(publisher.size, 0)
  t.equal(publisher.told('d17'), '3')
})

t.test('never two of one key at once', async t => {
  const { put, sent, end, publisher } = setUp()
  put('a=1', 'a=2', 'b=1', 'a=3')
  t.strictSame(sent(), ['a=1', 'b=1'])
  await end('a=1')
  t.strictSame(sent(), ['a=3'], 'nothing of what it was in between')
  t.equal(publisher.told('a'), '1')
  await end('a=3')
  t.equal(publisher.told('a'), '3')
})

t.test('what others know already is not told', async t => {
  const { put, sent, end, publisher } = setUp()
  put('a=1')
  await end('a=1')
  put('a=1')
  t.strictSame(sent(), ['a=1'], 'once')
  put('a=2', 'a=1')
  t.strictSame(sent(), ['a=2'])
  await end('a=2')
  t.strictSame(sent(), ['a=1'], 'for the other was on its way already')
  put('a=2', 'a=1')
  await end('a=1')
  t.strictSame(sent(), [], 'it has become what it was before')
  t.equal(publisher.size, 0)
})

t.test('what goes to and fro while the queue is closed is not told at all', async t => {
  const { put, sent, end, publisher } = setUp()
  put('a=1', 'b=1')
  await end('a=1')
  await end('b=1')
  publisher.close()
  put('a=2', 'b=2', 'a=1')
  sent()
  publisher.open()
  t.strictSame(sent(), ['b=2'])
})

t.test('`later` keeps everything, and what failed goes first once it is opened', async t => {
  const { put, sent, end, publisher } = setUp()
  put(...names(18).map(name => `${name}=1`))
  sent()
  await end('d1=1', 'later')
  await end('d0=1')
  t.strictSame(sent(), [], 'nothing more is tried')
  put('new=1', 'd17=2')
  for (const name of names(14, 2)) await end(`${name}=1`, 'later')
  t.strictSame(sent(), [])
  t.equal(publisher.size, 18)
  t.equal(publisher.told('d0'), '1')
  t.equal(publisher.told('d1'), undefined)
  publisher.open()
  t.strictSame(sent(), [...names(15, 1).map(name => `${name}=1`), 'd16=1'])
  await end('d1=1')
  t.strictSame(sent(), ['d17=2'])
  await end('d2=1')
  t.strictSame(sent(), ['new=1'])
})

t.test('what has changed since it failed is told as it is now', async t => {
  const { put, sent, end, publisher } = setUp()
  put('a=1', 'b=1')
  put('a=2')
  await end('a=1', 'later')
  await end('b=1', 'later')
  put('b=2')
  sent()
  publisher.open()
  t.strictSame(sent(), ['b=2', 'a=2'], 'what failed is first still')
  t.equal(publisher.size, 2)
})

t.test('`refused` gives it up, and holds up nothing', async t => {
  const { put, sent, end, publisher } = setUp()
  put(...names(17).map(name => `${name}=1`))
  sent()
  put('d0=2')
  await end('d0=1', 'refused')
  t.strictSame(sent(), ['d16=1'])
  t.equal(publisher.told('d0'), undefined)
  await end('d1=1', 'refused')
  t.strictSame(sent(), ['d0=2'], 'what has come since is something else')
  await end('d0=2', 'refused')
  t.equal(publisher.size, 15)
  put('d0=2')
  t.strictSame(sent(), ['d0=2'], 'it may be tried again')
})

t.test('what others know by another way', async t => {
  const { put, sent, publisher } = setUp()
  publisher.know('a', '1')
  t.equal(publisher.told('a'), '1')
  t.strictSame([...publisher.allTold()], [['a', '1']])
  put('a=1')
  t.strictSame(sent(), [])
  publisher.know('a', undefined)
  t.equal(publisher.told('a'), undefined)
  put('a=1')
  t.strictSame(sent(), ['a=1'])
  publisher.close()
  put('c=1', 'd=1', 'e=1')
  publisher.know('c', '1')
  publisher.know('d', '2')
  publisher.know('a', '1')
  sent()
  publisher.open()
  t.strictSame(sent(), ['d=1', 'e=1'], 'what waits to say just that need not be said')
  publisher.know('b', '1')
  put('b=1')
  t.strictSame(sent(), [])
})

t.test('what others know does not make up for something else that is on its way to them', async t => {
  const { put, sent, end, publisher } = setUp()
  put('a=1', 'a=2')
  publisher.know('a', '2')
  await end('a=1')
  t.strictSame(sent(), ['a=1', 'a=2'])
})

t.test('told A, B under way and its stream lost, then A again: A is told', async t => {
  for (const when of ['before it is known to have failed', 'afterwards', 'once it is open again']) {
    const { put, sent, end, publisher } = setUp()
    put('d=A')
    await end('d=A')
    put('d=B')
    t.strictSame(sent(), ['d=A', 'd=B'])
    publisher.close()
    if (when.startsWith('before')) put('d=A')
    await end('d=B', 'later')
    if (when === 'afterwards') put('d=A')
    publisher.open()
    if (when.startsWith('once')) {
      // It was tried again first.
      t.strictSame(sent(), ['d=B'])
      put('d=A')
      await end('d=B')
    }
    t.strictSame(sent(), ['d=A'], when)
    await end('d=A')
    t.equal(publisher.told('d'), 'A')
    t.equal(publisher.size, 0)
  }
})

t.test('what waits can be given up', async t => {
  const { put, sent, end, publisher } = setUp()
  put(...names(17).map(name => `${name}=1`))
  await end('d0=1', 'later')
  publisher.clear()
  t.equal(publisher.size, 15, 'but for what is under way')
  for (const name of names(15, 1)) await end(`${name}=1`)
  sent()
  publisher.open()
  t.strictSame(sent(), [])
})

t.test('at rest: nothing left, nothing possible, or no time', async t => {
  const clock = new HandClock()
  const { put, end, publisher } = setUp()
  let rested: string[] = []
  const rest = (what: string): void => void publisher.atRest(clock, 1000).then(() => rested.push(what))
  rest('at once')
  await settled()
  t.strictSame(rested, ['at once'])
  t.equal(clock.pending, 0)
  rested = []
  put('a=1', 'b=1')
  rest('all done')
  await end('a=1')
  t.strictSame(rested, [])
  await end('b=1')
  t.strictSame(rested, ['all done'])
  put('a=2', 'b=2')
  rest('failed')
  await end('a=2', 'later')
  t.strictSame(rested, ['all done'], 'one is under way still')
  await end('b=2')
  t.strictSame(rested, ['all done', 'failed'])
  publisher.open()
  rest('late')
  await clock.advance(999)
  t.equal(rested.length, 2)
  await clock.advance(1)
  t.strictSame(rested, ['all done', 'failed', 'late'])
  t.equal(clock.pending, 0)
  publisher.close()
  rest('closed with one under way')
  await settled()
  t.equal(rested.length, 3)
  await end('a=2')
  t.equal(rested.length, 4)
  t.equal(clock.pending, 0, 'no timer is left')
})

t.test('whatever happens, in the end others know what is so', async t => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed)
    /** What is at the service, and what was last put in. */
    const [server, wanted] = [new Map<string, string>(), new Map<string, string>()]
    const underway: { key: string; says: string; end: (outcome: Outcome) => void }[] = []
    const wrong: string[] = []
    const publisher = new Publisher<Publication>(({ key, says }) => {
      if (underway.some(each => each.key === key)) wrong.push(`two of ${key} at once`)
      if (underway.length >= 16) wrong.push('more than 16 at once')
      return new Promise(end => underway.push({ key, says, end }))
    })
    const keys = names(1 + random.under(40))
    /** One answer: whatever it is but done, the service may have taken it. */
    const answer = async (outcome: Outcome): Promise<void> => {
      const [one] = underway.splice(random.under(underway.length), 1)
      if (one === undefined) return
      if (outcome === 'done' || random.chance(0.5)) server.set(one.key, one.says)
      one.end(outcome)
      await Promise.resolve()
      await Promise.resolve()
    }
    for (let step = 0; step < 300; step++) {
      const dice = random.next()
      if (dice < 0.5) {
        const [key, says] = [random.pick(keys), random.pick(['1', '2', '3'])]
        wanted.set(key, says)
        publisher.put({ key, says })
      } else if (dice < 0.85) await answer('done')
      else if (dice < 0.93) await answer('later')
      else if (dice < 0.96) publisher.close()
      else publisher.open()
    }
    for (let left = 1000; left > 0 && publisher.size > 0; left--) {
      publisher.open()
      await answer('done')
    }
    t.strictSame(wrong, [], `seed ${seed}`)
    t.strictSame([publisher.size, underway.length], [0, 0], `seed ${seed}: it comes to an end`)
    t.strictSame([...server].sort(), [...wanted].sort(), `seed ${seed}: the service has what is so`)
    t.strictSame([...publisher.allTold()].sort(), [...wanted].sort(), `seed ${seed}: and that is known`)
  }
})
