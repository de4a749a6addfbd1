import t from 'tap'
import { combineStates, type DeviceState, deviceStates, readDeviceState } from '../../src/bus/index.ts'
import { Random } from '../helper/random.ts'

/**
 * What two states come to, as Asterisk's ast_devstate_aggregate_result has it: the one that stands further to the right in its table, but for RINGING
 * beside INUSE, BUSY or ONHOLD. A row and a column for each state, in that order, by their first letters here.
 */
const short: Record<string, DeviceState> = {
  'I.': 'INVALID',
  '?.': 'UNKNOWN',
  'U.': 'UNAVAILABLE',
  'N.': 'NOT_INUSE',
  'H.': 'ONHOLD',
  'R.': 'RINGING',
  'B.': 'INUSE',
  BB: 'BUSY',
  RB: 'RINGINUSE',
}
const table = `
     I. ?. U. N. H. R. B. BB RB
  I. I. ?. U. N. H. R. B. BB RB
  ?. ?. ?. U. N. H. R. B. BB RB
  U. U. U. U. N. H. R. B. BB RB
  N. N. N. N. N. H. R. B. BB RB
  H. H. H. H. H. H. RB B. BB RB
  R. R. R. R. R. RB R. RB RB RB
  B. B. B. B. B. B. RB B. BB RB
  BB BB BB BB BB BB RB BB BB RB
  RB RB RB RB RB RB RB RB RB RB
`
const [heads = [], ...rows] = table
  .trim()
  .split('\n')
  .map(line => line.trim().split(' '))
const named = (cell: string | undefined): DeviceState => short[cell ?? ''] as DeviceState
const pairs = rows.flatMap(([one, ...cells]) =>
  cells.map((both, at): [DeviceState, DeviceState, DeviceState] => [named(one), named(heads[at]), named(both)]),
)
const order = heads.map(named)

t.test('the states are those of Asterisk, and no others', async t => {
  t.strictSame(
    [...deviceStates],
    ['UNKNOWN', 'NOT_INUSE', 'INUSE', 'BUSY', 'INVALID', 'UNAVAILABLE', 'RINGING', 'RINGINUSE', 'ONHOLD'],
  )
  t.strictSame([...order].sort(), [...deviceStates].sort(), 'the table here has them all')
})

t.test('two states', async t => {
  t.equal(pairs.length, 81)
  for (const [one, other, both] of pairs) {
    t.ok(both, `${one} and ${other} stand in the table`)
    t.equal(combineStates([one, other]), both, `${one} and ${other}`)
  }
})

t.test('one state is what it is, and none is INVALID', async t => {
  for (const state of deviceStates) t.equal(combineStates([state]), state)
  t.equal(combineStates([]), 'INVALID')
  t.equal(combineStates(new Set<DeviceState>(['BUSY', 'UNKNOWN'])), 'BUSY', 'whatever can be gone through')
})

t.test('more than two, in any order and however often', async t => {
  const random = new Random(6)
  const wanted = (states: readonly DeviceState[]): DeviceState => {
    const has = (state: DeviceState): boolean => states.includes(state)
    if (has('RINGING') && (has('INUSE') || has('BUSY') || has('ONHOLD'))) return 'RINGINUSE'
    return order.filter(has).at(-1) ?? 'INVALID'
  }
  const wrong: string[] = []
  for (let count = 0; count < 5000; count++) {
    const states = Array.from({ length: 3 + random.under(4) }, () => random.pick(deviceStates))
    const found = combineStates(states)
    const turned = combineStates([...states, random.pick(states)].reverse())
    if (found !== wanted(states) || turned !== found) wrong.push(`${states}: ${found}, turned ${turned}`)
  }
  t.strictSame(wrong, [])
})

t.test('words in any case, with blanks around them', async t => {
  for (const state of deviceStates) {
    for (const text of [
      state,
      state.toLowerCase(),
      `${state.slice(0, 1)}${state.slice(1).toLowerCase()}`,
      ` ${state}\n`,
    ])
      t.equal(readDeviceState(text), state, JSON.stringify(text))
  }
})

t.test('what is no state', async t => {
  const junk = [
    ...[
      '',
      ' ',
      'IN_USE',
      'INUSE.',
      'NOT INUSE',
      'NOT-INUSE',
      'NOTINUSE',
      'RING',
      'RINGING RINGING',
      'INUSE\0',
      '1',
      'HOLD',
    ],
    // Letters that become others in capitals.
    ...['\u0131nuse', 'bu\u017fy', 'unknow\uff2e', 'toString', '__proto__', 'constructor', 'undefined', 'null'],
    'INUSE'.repeat(200_000),
    `INUSE${' '.repeat(1_000_000)}x`,
  ]
  for (const text of junk) t.equal(readDeviceState(text), undefined, JSON.stringify(text.slice(0, 20)))
})
