// node xml/run.mjs [--rounds N] [--only TEXT]: all readers in turn, N times over; prints a table of medians and ratios.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readers } from './readers.mjs'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, only: { type: 'string', default: '' } },
})
const one = fileURLToPath(new URL('one.mjs', import.meta.url))
const names = Object.keys(readers).filter(name => name === 'res-xmpp' || name.includes(values.only))
const scenarios = ['ascii', 'utf8'].flatMap(script => [1460, 16384].map(chunk => ({ script, chunk })))
const results = []

for (let round = 0; round < Number(values.rounds); round++) {
  for (const { script, chunk } of scenarios) {
    for (const name of names) {
      const output = execFileSync(process.execPath, [one, name, script, String(chunk)], { encoding: 'utf8' })
      results.push({ round, name, script, chunk, ...JSON.parse(output) })
    }
  }
  process.stderr.write(`round ${round + 1} of ${values.rounds}\n`)
}

function median(name, { script, chunk }) {
  const all = results.filter(result => result.name === name && result.script === script && result.chunk === chunk)
  return all.map(result => result.microseconds).sort((a, b) => a - b)[all.length >> 1]
}

const title = scenarios.map(({ script, chunk }) => `${script}, ${chunk} B`).join(' | ')
console.log(`CPU time for each stanza in µs (and how many times ours), Node ${process.version}, ${cpus()[0]?.model}\n`)
console.log(`| | ${title} |\n|---|${scenarios.map(() => '---:|').join('')}`)
for (const name of names) {
  const cells = scenarios.map(scenario => {
    const time = median(name, scenario)
    return `${time.toFixed(2)} (${(time / median('res-xmpp', scenario)).toFixed(2)})`
  })
  console.log(`| ${name} | ${cells.join(' | ')} |`)
}
mkdirSync(new URL('../results/', import.meta.url), { recursive: true })
writeFileSync(new URL('../results/xml.json', import.meta.url), JSON.stringify(results, undefined, 1))
