import t from 'tap'
import { type BindingFacts, type BindingType, type Decision, decideBinding } from '../../src/sasl/channel-binding.ts'
import { rejects } from '../helper/rejects.ts'

const channel = (...types: BindingType[]): BindingFacts['bindings'] =>
  new Map(types.map(type => [type, () => Buffer.from(type)] as const))

const PLUS = ['SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1', 'PLAIN']
const BARE = ['SCRAM-SHA-1', 'PLAIN']
/** What our own TLS offers: see `TlsFacts.bindings()`. */
const V13 = { version: 'TLSv1.3', bindings: channel('tls-exporter', 'tls-server-end-point') }
const V12 = { version: 'TLSv1.2', bindings: channel('tls-unique', 'tls-server-end-point') }
const CLEAR = { version: undefined, bindings: channel() }
const ALL = ['tls-server-end-point', 'tls-unique', 'tls-exporter']

/** `n` and `y` are the flags of a login without -PLUS; `n!` with a line for the log; else the type, or the error's condition. */
type Outcome = BindingType | 'n' | 'n!' | 'y' | 'encryption-required' | 'invalid-mechanism'

const rows: readonly (readonly [
  channel: Pick<BindingFacts, 'version' | 'bindings'>,
  offered: readonly string[],
  types: readonly string[] | undefined,
  auto: Outcome,
  required: Outcome,
])[] = [
  // with a list, XEP-0440
  [V13, PLUS, ['tls-exporter'], 'tls-exporter', 'tls-exporter'],
  [V13, PLUS, ALL, 'tls-exporter', 'tls-exporter'],
  [V13, PLUS, ['tls-server-end-point'], 'tls-server-end-point', 'tls-server-end-point'],
  [V13, PLUS, ['tls-unique'], 'n!', 'invalid-mechanism'],
  [V13, PLUS, ['tls-future'], 'n!', 'invalid-mechanism'],
  [V13, PLUS, [], 'n!', 'invalid-mechanism'],
  [V12, PLUS, ['tls-unique'], 'tls-unique', 'tls-unique'],
  [V12, PLUS, ALL, 'tls-unique', 'tls-unique'],
  [V12, PLUS, ['tls-server-end-point'], 'tls-server-end-point', 'tls-server-end-point'],
  [V12, PLUS, ['tls-exporter'], 'n!', 'invalid-mechanism'],
  // without one
  [V13, PLUS, undefined, 'n!', 'tls-exporter'],
  [V12, PLUS, undefined, 'tls-unique', 'tls-unique'],
  // nothing to bind with
  [V13, BARE, undefined, 'y', 'invalid-mechanism'],
  [V12, BARE, undefined, 'y', 'invalid-mechanism'],
  [V13, BARE, ['tls-exporter'], 'y', 'invalid-mechanism'],
  [V13, [], undefined, 'y', 'invalid-mechanism'],
  [CLEAR, BARE, undefined, 'n', 'encryption-required'],
  [CLEAR, PLUS, ALL, 'n!', 'encryption-required'],
  [CLEAR, PLUS, undefined, 'n!', 'encryption-required'],
  // an unusual -PLUS is one too: `y` would be refused
  [V13, ['SCRAM-SHA3-512-PLUS', 'SCRAM-SHA-1'], undefined, 'n!', 'tls-exporter'],
  // whatever the channel should offer
  [{ ...V13, bindings: channel('tls-unique') }, PLUS, ALL, 'n!', 'invalid-mechanism'],
  [{ ...V13, bindings: channel('tls-unique') }, PLUS, undefined, 'n!', 'invalid-mechanism'],
  [{ ...V13, bindings: channel('tls-unique') }, BARE, undefined, 'n', 'invalid-mechanism'],
  [{ ...V12, bindings: channel('tls-exporter') }, PLUS, ALL, 'n!', 'invalid-mechanism'],
  [{ ...V12, bindings: channel('tls-exporter') }, PLUS, undefined, 'n!', 'invalid-mechanism'],
  [{ ...V12, bindings: channel('tls-server-end-point') }, PLUS, undefined, 'n!', 'invalid-mechanism'],
  [{ ...V12, bindings: channel() }, PLUS, ALL, 'n!', 'invalid-mechanism'],
]

const show = ({ version, bindings, offered, types, policy }: BindingFacts): string =>
  `${policy}: ${version} [${[...bindings.keys()]}] ${offered[0]} ${types === undefined ? 'no list' : `[${types}]`}`

t.test('the decision', async t => {
  for (const [channel, offered, types, auto, required] of rows) {
    for (const [policy, outcome] of [
      ['auto', auto],
      ['required', required],
      ['no', 'n'],
    ] as const) {
      const facts: BindingFacts = { policy, offered, types, ...channel }
      const what = show(facts)
      if (outcome === 'invalid-mechanism' || outcome === 'encryption-required') {
        const decided = (async () => decideBinding(facts))()
        await rejects(
          t,
          decided,
          { name: 'SaslError', condition: outcome, message: /channel binding is required/ },
          what,
        )
        continue
      }
      const { binding, couldBind, notice } = decideBinding(facts)
      const bound = outcome.startsWith('tls-')
      t.equal(binding?.type, bound ? outcome : undefined, what)
      t.same(binding?.data, bound ? Buffer.from(outcome) : undefined)
      t.equal(couldBind, outcome === 'y', `${what}: the flag`)
      t.equal(notice !== undefined, outcome === 'n!', `${what}: the line for the log`)
    }
  }
})

t.test('what the log says', async t => {
  const notice = (types: readonly string[] | undefined): string | undefined =>
    (decideBinding({ policy: 'auto', offered: PLUS, types, ...V13 }) as Decision).notice
  t.match(notice(undefined), /^logging in without channel binding.*does not say.*XEP-0440.*TLSv1\.3 has tls-exporter/)
  t.match(
    notice(['tls-unique']),
    /it can bind to tls-unique, and TLSv1\.3 has tls-exporter, tls-server-end-point here$/,
  )
  t.match(notice([]), /it can bind to nothing/)
  t.match(notice(['a\n\x1b[2J']), /a\\x0a\\x1b\[2J/)
  t.match(notice(Array.from({ length: 1000 }, (_, n) => `x${n}`)), /^.{1,500}$/)
})

t.test('only what is used is computed', async t => {
  const fail = (): never => t.fail('computed') as never
  const bindings: BindingFacts['bindings'] = new Map([
    ['tls-exporter', () => Buffer.of(1)],
    ['tls-server-end-point', fail],
  ])
  decideBinding({ policy: 'auto', version: 'TLSv1.3', offered: PLUS, types: ALL, bindings })
  const never: BindingFacts['bindings'] = new Map([['tls-exporter', fail]])
  decideBinding({ policy: 'no', version: 'TLSv1.3', offered: PLUS, types: ALL, bindings: never })
})
