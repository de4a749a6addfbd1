import { cpus } from 'node:os'
import { loginGoals, scenarios } from '../scenarios/index.mjs'
import { median } from './measure.mjs'

/** A run's numbers: `samples` are `{ scenario, peer, round, …numbers }`, logins have an `offer` too. */
export class Numbers {
  #samples
  #peers

  constructor(samples, peers) {
    this.#samples = samples.filter(({ error }) => error === undefined)
    this.#peers = peers
  }

  /** What counts of each round of a peer in a scenario. */
  rounds({ id, with: other, number }, peer) {
    return this.#samples
      .filter(sample => sample.scenario === (other ?? id) && sample.peer === peer)
      .map(sample => ({ round: sample.round, value: number(sample) }))
  }

  median(scenario, peer) {
    return median(this.rounds(scenario, peer).map(({ value }) => value))
  }

  /** How many times another peer one is: the median of the ratios of one round each, whose neighbours were the same. */
  ratio(scenario, one, other) {
    const others = new Map(this.rounds(scenario, other).map(({ round, value }) => [round, value]))
    return median(
      this.rounds(scenario, one).flatMap(({ round, value }) => (others.has(round) ? [value / others.get(round)] : [])),
    )
  }

  /** The best of the others; the floor is none of them. */
  best(scenario) {
    const others = this.#peers
      .filter(({ ours, name }) => !ours && name !== 'raw socket')
      .map(({ name }) => ({ name, value: this.median(scenario, name) }))
      .filter(({ value }) => !Number.isNaN(value))
      .sort((a, b) => (scenario.more ? b.value - a.value : a.value - b.value))
    return others[0]?.name
  }

  /** @returns rows of what ours are to reach: who, what, and how far it is */
  goals() {
    return scenarios.flatMap(scenario =>
      (scenario.goals ?? []).flatMap(goal =>
        this.#peers
          .filter(({ ours, name }) => ours && (goal.of ?? name) === name)
          .flatMap(({ name }) => this.#goal(scenario, goal, name)),
      ),
    )
  }

  #goal(scenario, { times, most, against = this.best(scenario) }, name) {
    const value = this.median(scenario, name)
    const other = this.median(scenario, against)
    if (Number.isNaN(value) || (times !== undefined && Number.isNaN(other))) return []
    const rival = Number.isNaN(other) ? '' : `${against} ${shown(other)}`
    const row = { scenario: scenario.title, name, value: shown(value), rival }
    if (times === undefined) {
      return [
        { ...row, ratio: '', goal: `≤ ${most}`, verdict: value <= most ? 'reached' : `${shown(value - most)} over` },
      ]
    }
    const ratio = this.ratio(scenario, name, against)
    const missing = `missed by ${Math.ceil((1 - ratio / times) * 100)} %`
    return [
      { ...row, ratio: `${ratio.toFixed(2)}×`, goal: `≥ ${times}×`, verdict: ratio >= times ? 'reached' : missing },
    ]
  }

  logins() {
    const samples = this.#samples.filter(({ scenario }) => scenario === 'login')
    const keys = [...new Set(samples.map(({ peer, offer }) => `${peer}\n${offer}`))]
    return keys.map(key => {
      const [peer, offer] = key.split('\n')
      const all = samples.filter(sample => sample.peer === peer && sample.offer === offer)
      const trips = median(all.map(({ roundTrips }) => roundTrips))
      const most = this.#peers.some(({ ours, name }) => ours && name === peer) ? loginGoals[offer] : undefined
      const verdict = trips <= most ? ', reached' : `, ${trips - most} over`
      return {
        peer,
        offer,
        how: all[0].how,
        trips,
        goal: most === undefined ? '' : `≤ ${most}${verdict}`,
        cpuMs: shown(median(all.map(({ cpuMs }) => cpuMs))),
      }
    })
  }
}

/** Three digits that count. */
export function shown(value) {
  if (Number.isNaN(value)) return '—'
  if (Math.abs(value) >= 1000) return Math.round(Number(value.toPrecision(3))).toLocaleString('en-US')
  return Number(value.toPrecision(3)).toString()
}

/** Where a run has been made, as far as it matters. */
export const machine = () => `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}`

export const roundsOf = rounds => (rounds === 1 ? 'One round' : `Medians of ${rounds} rounds`)

/** The report in Markdown: goals, all numbers, logins. */
export function report(samples, peers) {
  const numbers = new Numbers(samples, peers)
  const measured = scenarios.filter(scenario => peers.some(({ name }) => numbers.rounds(scenario, name).length > 0))
  const goals = numbers.goals()
  const logins = numbers.logins()
  const parts = []
  if (goals.length > 0) {
    const rows = goals.map(row => [row.scenario, row.name, row.value, row.rival, row.ratio, row.goal, row.verdict])
    parts.push(`Goals:\n\n${table(['', '', 'ours', 'against', 'ratio', 'goal', ''], rows)}`)
  }
  if (measured.length > 0) {
    const rows = measured.map(scenario => [
      scenario.title,
      ...peers.map(({ name }) => shown(numbers.median(scenario, name))),
    ])
    parts.push(`Medians:\n\n${table(['', ...peers.map(({ name }) => name)], rows)}`)
  }
  if (logins.length > 0) {
    const rows = logins.map(({ peer, offer, how, trips, goal, cpuMs }) => [peer, offer, how, trips, goal, cpuMs])
    const head = ['', 'offered', 'what came of it', 'round trips', 'goal', 'ms of CPU']
    parts.push(`Logins:\n\n${table(head, rows)}`)
  }
  const failed = samples.filter(({ error }) => error !== undefined)
  if (failed.length > 0) {
    const lines = failed.map(({ scenario, peer, error }) => `- ${scenario}, ${peer}: ${error.split('\n')[0]}`)
    parts.push(`Failed:\n\n${lines.join('\n')}`)
  }
  return parts.join('\n\n')
}

/** A table in Markdown: so many columns of words first, and then numbers. */
export function table(head, rows, words = 1) {
  const line = cells => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, index) => (index < words ? '---' : '---:'))), ...rows.map(line)].join('\n')
}
