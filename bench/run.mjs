// node run.mjs: everything, in turn and several times over; README.md says what the options are.
import { parseArgs } from 'node:util'
import { publish, save } from './lib/files.mjs'
import { imports } from './lib/imports.mjs'
import { measure, startServer } from './lib/processes.mjs'
import { machine, report, roundsOf } from './lib/report.mjs'
import { loadPeers, versions } from './peers/index.mjs'
import { measureService } from './pubsub/compare.mjs'
import { serviceTable } from './pubsub/report.mjs'
import { scenarios } from './scenarios/index.mjs'
import { compareReaders, readersTable } from './xml/compare.mjs'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    scenarios: { type: 'string', default: '' },
    peers: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
})
const { quick, write } = values
const rounds = Number(values.rounds ?? (quick ? 1 : 3))
if (!(rounds >= 1)) throw new RangeError(`--rounds ${values.rounds} is no number of rounds`)
const list = text => text.split(',').filter(part => part !== '')
const wanted = list(values.scenarios)
const known = [
  ...scenarios.filter(({ run }) => run !== undefined).map(({ id }) => id),
  'import',
  'login',
  'xml',
  'pubsub',
]
const unknown = wanted.filter(id => !known.includes(id))
if (unknown.length > 0) throw new RangeError(`no scenario ${unknown.join(', ')}; there are ${known.join(', ')}`)
if (write && (quick || wanted.length > 0 || values.peers !== '')) {
  throw new RangeError('--write is for a run of everything in full')
}
const asked = id => wanted.length === 0 || wanted.includes(id)

const peers = await loadPeers(list(values.peers))
const samples = []
const began = performance.now()

function keep(sample) {
  samples.push(sample)
  const { scenario, peer, round, ...numbers } = sample
  const seconds = Math.round((performance.now() - began) / 1e3)
  const short = JSON.stringify(numbers, (_, value) =>
    typeof value === 'number' ? Number(value.toPrecision(3)) : value,
  )
  process.stderr.write(`${seconds} s, round ${round + 1}: ${scenario}, ${peer} ${short}\n`)
}

/** One scenario with all peers. */
async function compare(server, { id, run, parameters, without = [], quickly = parameters.count / 10 }, round) {
  const count = quick ? quickly : parameters.count
  // Whoever comes first one time comes last the next.
  for (const { file, name } of round % 2 === 0 ? peers : peers.toReversed()) {
    if (without.includes(name)) continue
    keep({ scenario: id, peer: name, round, ...(await measure(server, file, run, { ...parameters, count })) })
  }
}

async function compareLogins(server, round) {
  for (const { file, name, logins } of peers) {
    for (const offer of logins) {
      const numbers = await measure(server, file, 'login', { offer, count: quick ? 3 : 6 })
      keep({ scenario: 'login', peer: name, offer, round, ...numbers })
    }
  }
}

const server = await startServer()
try {
  for (let round = 0; round < rounds; round++) {
    for (const scenario of scenarios) {
      if (!asked(scenario.id) || scenario.run === undefined || round >= (scenario.rounds ?? rounds)) continue
      await compare(server, scenario, round)
    }
    if (asked('login')) await compareLogins(server, round)
  }
} finally {
  server.stop()
}
if (asked('import')) {
  const extra = imports([...new Set(peers.flatMap(({ module }) => module ?? []))], quick ? 5 : 15)
  for (const { name, module } of peers) {
    for (const [round, numbers] of (extra.get(module) ?? []).entries()) {
      samples.push({ scenario: 'import', peer: name, round, ...numbers })
    }
  }
}
const readers = asked('xml') ? compareReaders({ rounds, quick }) : []
// By itself it has more rounds, a place in the page, and real servers beside it: pubsub.mjs.
const service = asked('pubsub')
  ? await measureService({ rounds: 1, quick }).catch(({ message }) => [{ scenario: 'pubsub', error: message }])
  : []

const now = new Date().toISOString()
save('peers', { date: now, machine: machine(), rounds, versions: versions(), samples })
if (readers.length > 0) save('xml', readers)

const title = `${now.slice(0, 10)}, ${machine()}. ${roundsOf(rounds)}; ${versions().join(', ')}.`
const xml = `XML readers, CPU time for each stanza in µs (and how many times ours):\n\n`
const text = [title, report(samples, peers), ...(readers.length > 0 ? [xml + readersTable(readers)] : [])].join('\n\n')
console.log(`\n${text}`)
if (service.length > 0) console.log(`\nThe PubSub service, one round:\n\n${serviceTable(service)}`)
if (write) publish(text)
