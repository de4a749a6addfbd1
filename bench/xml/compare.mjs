import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median } from '../lib/measure.mjs'
import { readers } from './readers.mjs'

const OURS = 'res-xmpp'
const one = fileURLToPath(new URL('one.mjs', import.meta.url))
const cases = ['ascii', 'utf8'].flatMap(script => [1460, 16384].map(chunk => ({ script, chunk })))

/** All readers in turn, so many times over; `quick` in one case only. `only` is a part of the names of those compared with ours. */
export function compareReaders({ rounds, quick = false, only = '' }) {
  const names = Object.keys(readers).filter(name => name === OURS || name.includes(only))
  const results = []
  for (let round = 0; round < rounds; round++) {
    for (const { script, chunk } of quick ? cases.slice(1, 2) : cases) {
      for (const name of names) {
        const output = execFileSync(process.execPath, [one, name, script, String(chunk)], { encoding: 'utf8' })
        results.push({ round, name, script, chunk, ...JSON.parse(output) })
      }
    }
    process.stderr.write(`xml, round ${round + 1} of ${rounds}\n`)
  }
  return results
}

/** Medians, and how many times ours they are, in Markdown. */
export function readersTable(results) {
  const timesOf = (name, { script, chunk }) =>
    results
      .filter(result => result.name === name && result.script === script && result.chunk === chunk)
      .map(({ microseconds }) => microseconds)
  const names = [...new Set(results.map(({ name }) => name))]
  const measured = cases.filter(one => timesOf(OURS, one).length > 0)
  const title = measured.map(({ script, chunk }) => `${script}, ${chunk} B`).join(' | ')
  const rows = names.map(name => {
    const cells = measured.map(one => {
      // Of each round, in which both were measured one shortly after the other.
      const ours = timesOf(OURS, one)
      const times = timesOf(name, one)
      const ratio = median(times.map((time, round) => time / ours[round]))
      return `${median(times).toFixed(2)} (${ratio.toFixed(2)})`
    })
    return `| ${name} | ${cells.join(' | ')} |`
  })
  return [`| | ${title} |`, `|---|${measured.map(() => '---:|').join('')}`, ...rows].join('\n')
}
