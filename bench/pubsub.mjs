// node bench/pubsub.mjs: our PubSub service by itself, and beside those of real servers; README.md says what the options are. `npm run build` first.
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { publish, save } from './lib/files.mjs'
import { machine, roundsOf } from './lib/report.mjs'
import { compareServers, measureService } from './pubsub/compare.mjs'
import { fileSystemOf, serversTable, serviceTable } from './pubsub/report.mjs'
import { scenarios } from './pubsub/scenarios.mjs'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    scenarios: { type: 'string', default: '' },
    directory: { type: 'string', default: tmpdir() },
    profile: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
const { quick, directory, profile, write } = values
const rounds = Number(values.rounds ?? (quick ? 1 : 3))
if (!(rounds >= 1)) throw new RangeError(`--rounds ${values.rounds} is no number of rounds`)
const wanted = values.scenarios.split(',').filter(id => id !== '')
const known = [...scenarios.map(({ id }) => id), 'servers']
const unknown = wanted.filter(id => !known.includes(id))
if (unknown.length > 0) throw new RangeError(`no scenario ${unknown.join(', ')}; there are ${known.join(', ')}`)
if (write && (quick || wanted.length > 0)) throw new RangeError('--write is for a run of everything in full')
// Whoever interrupts a run is left with nothing of it.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

const only = wanted.length === 0 ? undefined : wanted.filter(id => id !== 'servers')
const samples = await measureService({ rounds, quick, directory, profile, only })
const servers =
  wanted.length === 0 || wanted.includes('servers') ? await compareServers({ rounds, quick, directory }) : undefined

const now = new Date().toISOString()
const disk = fileSystemOf(directory)
save('pubsub', { date: now, machine: machine(), disk, rounds, samples, servers })
const parts = [`${now.slice(0, 10)}, ${machine()}, ${disk}. ${roundsOf(rounds)}.`]
if (samples.length > 0) parts.push(serviceTable(samples))
if (servers !== undefined) {
  parts.push(
    `CPU time for each who is told, as a multiple of what the server's own service takes:\n\n${serversTable(servers)}`,
  )
}
const text = parts.join('\n\n')
console.log(`\n${text}`)
if (write) publish(text, 'node bench/pubsub.mjs --write')
